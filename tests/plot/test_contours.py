from __future__ import annotations

import numpy as np
import pytest

from mixtura.plot.contours import SHARES, Ellipses, draw_contours, mass_levels
from mixtura.plot.paper import new_figure

GRID = np.linspace(-6, 6, 301)
NORMAL = np.exp(-0.5 * (GRID**2 + GRID[:, None] ** 2))


def test_the_levels_of_a_gaussian_are_one_minus_the_shares() -> None:
    np.testing.assert_allclose(mass_levels(GRID, GRID, 7 * NORMAL), 7 * (1 - np.array(SHARES)), rtol=0.03)


def test_points_of_any_distance_give_the_same_levels() -> None:
    uneven = np.sort(np.concatenate([GRID, np.linspace(-1, 1, 777)]))
    density = np.exp(-0.5 * (uneven**2 + GRID[:, None] ** 2))
    np.testing.assert_allclose(mass_levels(uneven, GRID, density), mass_levels(GRID, GRID, NORMAL), rtol=0.03)


@pytest.mark.parametrize("density", [np.zeros((301, 301)), np.ones((301, 301)), np.full((301, 301), np.nan)])
def test_a_density_without_contours_is_drawn_all_the_same(density: np.ndarray) -> None:
    ax = draw_contours(new_figure().add_subplot(), GRID, GRID, density, [Ellipses("q", [0, 0], np.eye(2))])
    assert len(ax.get_legend().get_texts()) == 2


def test_ellipses_lie_one_and_two_standard_deviations_from_the_mean() -> None:
    covariance = np.array([[2.0, -1.0], [-1.0, 1.5]])
    gaussian = Ellipses("q", [1.0, -1.0], covariance, place=1)
    ax = draw_contours(new_figure().add_subplot(), GRID, GRID, NORMAL, [gaussian])
    for line, deviations in zip(ax.get_lines()[:2], (1, 2), strict=True):
        away = np.stack([line.get_xdata() - 1.0, line.get_ydata() + 1.0])
        distance = np.sqrt((away * np.linalg.solve(covariance, away)).sum(axis=0))
        np.testing.assert_allclose(distance, deviations)
    mark = ax.get_lines()[2]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (1.0, -1.0)


def test_what_is_faint_is_thinner_and_may_have_no_entry() -> None:
    gaussians = [Ellipses("q", [0, 0], np.eye(2)), Ellipses("", [0, 0], 4 * np.eye(2), faint=True)]
    ax = draw_contours(new_figure().add_subplot(), GRID, GRID, NORMAL, gaussians)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["target p(x)", "q"]
    assert ax.get_lines()[3].get_linewidth() < ax.get_lines()[0].get_linewidth()


def test_the_view_is_of_what_is_there_and_on_equal_scales() -> None:
    figure = new_figure(4.0, 4.0)
    ax = draw_contours(figure.add_subplot(), 10 * GRID, 10 * GRID, NORMAL, [])
    figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert -60 < low < -25 and 25 < high < 60
    assert ax.get_aspect() == 1.0
