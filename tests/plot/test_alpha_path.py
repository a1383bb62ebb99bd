from __future__ import annotations

import numpy as np

from mixtura.plot.alpha_path import PathBranch, PathMark, draw_alpha_path
from mixtura.plot.paper import new_figure


def draw(*branches: PathBranch, folds: tuple = (), jumps: tuple = ()) -> tuple:
    figure = new_figure()
    axes = draw_alpha_path(figure.subplots(2, sharex=True), branches, folds, jumps)
    figure.draw_without_rendering()
    return tuple(axes)


def labels(ax: object) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[attr-defined]


def turning() -> PathBranch:
    """Return a branch that is a minimum up to a fold at 0.6, and comes back as a saddle."""
    alpha = np.concatenate([np.linspace(0, 0.6, 7), np.linspace(0.55, 0.2, 8)])
    stable = np.arange(15) < 7
    return PathBranch(alpha, np.linspace(3, 1, 15), np.linspace(1, 3, 15), 1 - 0.5 * alpha, stable)


def test_a_branch_is_cut_where_its_kind_changes_and_no_gap_is_left() -> None:
    mean, _ = draw(turning())
    stable, saddle, closest = mean.get_lines()
    assert stable.get_xdata()[-1] == saddle.get_xdata()[0]
    assert closest.get_linewidth() > stable.get_linewidth()
    assert saddle.get_linestyle() != stable.get_linestyle()
    assert labels(mean) == ["closest", "saddle"]


def test_the_closest_is_thick_up_to_where_another_is_closer() -> None:
    alpha = np.linspace(0, 1, 5)
    first = PathBranch(alpha, alpha * 0 + 3, alpha * 0 + 1, 1 + alpha, True)
    second = PathBranch(alpha, alpha * 0 + 1, alpha * 0 + 3, 1.3 + 0 * alpha, True)
    jump = (PathMark(0.3, 3, 1), PathMark(0.3, 1, 3))
    mean, scale = draw(first, second, jumps=(jump,))
    assert labels(mean) == ["closest", "other minimum", "jump"]
    for ax in (mean, scale):
        thick = [line for line in ax.get_lines() if line.get_linewidth() > 2]
        spans = [line.get_xdata()[np.isfinite(line.get_ydata())] for line in thick]
        assert abs(spans[0].max() - 0.3) < 0.002 and spans[0].min() == 0.0
        assert abs(spans[1].min() - 0.3) < 0.002 and spans[1].max() == 1.0


def test_ties_are_thick_both() -> None:
    alpha = np.linspace(0, 1, 5)
    branches = [PathBranch(alpha, alpha * 0 + m, alpha * 0 + 1, 1 + alpha, True) for m in (-1, 1)]
    mean, _ = draw(*branches)
    thick = [line for line in mean.get_lines() if line.get_linewidth() > 2]
    assert all(np.isfinite(line.get_ydata()).all() for line in thick) and len(thick) == 2


def test_folds_are_marked_in_both_panels() -> None:
    for ax, height in zip(draw(turning(), folds=(PathMark(0.6, 2.0, 1.9),)), (2.0, 1.9), strict=True):
        marks = [line for line in ax.get_lines() if line.get_marker() == "o"]
        assert [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks] == [(0.6, height)]


def test_a_path_that_stays_where_it_is_does_not_show_its_rounding() -> None:
    alpha = np.linspace(0, 1, 5)
    mean, scale = draw(PathBranch(alpha, 1e-15 * alpha, 1 + 1e-15 * alpha, 0 * alpha, True))
    assert np.ptp(mean.get_ylim()) > 0.1 and np.ptp(scale.get_ylim()) > 0.1


def test_scales_of_different_orders_are_drawn_on_a_logarithmic_axis() -> None:
    alpha = np.linspace(0, 1, 5)
    _, scale = draw(PathBranch(alpha, alpha, 10 ** (3 * alpha), alpha, True))
    assert scale.get_yscale() == "log"


def test_a_branch_of_one_point_is_drawn() -> None:
    mean, _ = draw(PathBranch([0.5], [1.0], [1.0], [0.1], [True]))
    assert mean.get_lines()
