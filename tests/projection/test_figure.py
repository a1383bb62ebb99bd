from __future__ import annotations

import math
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.distributions import Distribution, Gamma, MultivariateNormal, Normal

from mixtura.errors import InputError
from mixtura.projection.figure import draw_alpha_path, draw_projections, figure_of
from mixtura.projection.notation import parse_mixture
from mixtura.projection.result import Projection, StationaryPoint
from mixtura.projection.target import Target, as_target

SOURCE = "1/3 N(-3,1) + 2/3 N(3,1)"


def projection(
    target: Target,
    *points: tuple[str | Distribution, float, str],
    direction: str = "exclusive",
    alpha: float = 0.0,
) -> Projection:
    """Make a projection by hand."""
    found = tuple(
        StationaryPoint(parse_mixture(q) if isinstance(q, str) else q, kl, kind) for q, kl, kind in points
    )
    return Projection(
        found[0].distribution, found[0].kl, 0.0, direction, alpha, "full", found, "by hand", (), target
    )


@pytest.fixture
def both() -> list[Projection]:
    target = as_target(SOURCE)
    points = [("N(2.98964,1.0322)", 0.40257, "minimum"), ("N(-2.97588,1.0705)", 1.09197, "minimum")]
    return [
        projection(target, ("N(1,9)", 0.46571, "minimum"), direction="inclusive", alpha=1.0),
        projection(target, *points, ("N(-2.13416,3.5277)", 1.26159, "saddle")),
    ]


def legend(ax: object) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[attr-defined]


def test_the_figure_of_the_source(both: list[Projection]) -> None:
    ax = draw_projections(both)
    assert legend(ax) == [
        "p(x) = 1/3 N(\N{MINUS SIGN}3, 1) + 2/3 N(3, 1)",
        "inclusive\N{EM SPACE}N(1, 3²)\N{EM SPACE}KL(p ‖ q) = 0.466 nats",
        "exclusive\N{EM SPACE}N(2.99, 1.02²)\N{EM SPACE}KL(q ‖ p) = 0.403 nats",
    ]
    low, high = ax.get_xlim()
    assert -10 < low < -7 and 9 < high < 12
    first, second = ax.get_lines()
    for line, q in ((first, Normal(1.0, 3.0)), (second, Normal(2.98964, 1.01597))):
        x, y = line.get_xdata(), line.get_ydata()
        shown = np.isfinite(y)
        expected = q.log_prob(torch.as_tensor(x[shown])).exp()
        np.testing.assert_allclose(y[shown], expected, rtol=1e-3)
    assert first.get_linestyle() != second.get_linestyle()


def test_other_stationary_points_are_drawn_only_when_asked(both: list[Projection]) -> None:
    labels = legend(draw_projections(both, stationary=True))
    assert labels[3:] == [
        "other minimum\N{EM SPACE}N(\N{MINUS SIGN}2.98, 1.03²)\N{EM SPACE}KL(q ‖ p) = 1.09 nats",
        "saddle\N{EM SPACE}N(\N{MINUS SIGN}2.13, 1.88²)\N{EM SPACE}KL(q ‖ p) = 1.26 nats",
    ]


def test_places_of_the_path_and_others_have_lines_of_their_own(both: list[Projection]) -> None:
    target = both[0].target
    half = projection(target, ("N(1,8)", 0.57, "minimum"), direction="alpha", alpha=0.5)
    ax = draw_projections([*both, half, half], others=[("mine", Normal(0.0, 2.0))])
    labels = legend(ax)
    assert labels[3] == labels[4] == "alpha = 0.5\N{EM SPACE}N(1, 2.83²)\N{EM SPACE}D(p ‖ q) = 0.57 nats"
    assert labels[5] == "mine\N{EM SPACE}N(0, 2²)"
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(looks) == 5


def test_an_error_that_matters_is_in_the_legend() -> None:
    target = as_target("N(0,1)")
    q = parse_mixture("N(0,1)")
    point = StationaryPoint(q, 0.5, "minimum")
    one = Projection(q, 0.5, 0.013, "inclusive", 1.0, "full", (point,), "by hand", (), target)
    assert "KL(p ‖ q) = 0.5 ± 0.013 nats" in legend(draw_projections([one]))[1]


def test_an_axes_of_ones_own_is_drawn_into_and_settings_are_left_alone(both: list[Projection]) -> None:
    before = dict(mpl.rcParams)
    figure = Figure()
    ax = figure.add_subplot()
    assert draw_projections(both, ax=ax) is ax
    own = draw_projections(both)
    assert own.figure is not figure and isinstance(own.figure, Figure)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("target", "label"),
    [
        (as_target(Gamma(2.0, 1.0)), "target p(x), Gamma"),
        (as_target(lambda x: -x * x), "target p(x) (normalised over the points drawn)"),
        (
            as_target(parse_mixture(" + ".join(["0.05 N(0,1)"] * 20))),
            "target p(x), a mixture of 20 Gaussians",
        ),
    ],
)
def test_what_is_no_short_mixture_is_named(target: Target, label: str) -> None:
    assert legend(draw_projections([projection(target, ("N(0,1)", 0.1, "minimum"))]))[0] == label


def test_on_the_plane_contours_and_ellipses() -> None:
    target = as_target("1/2 N([-2,-1],[[1,.5],[.5,1]]) + 1/2 N([2,1],[[1,-.5],[-.5,1]])")
    q = MultivariateNormal(torch.tensor([0.0, 1.0]), torch.tensor([[4.0, 1.2], [1.2, 1.0]]))
    ax = draw_projections([projection(target, (q, 0.25, "minimum"))])
    assert legend(ax) == [
        "target p(x), a mixture of 2 Gaussians",
        "exclusive\N{EM SPACE}KL(q ‖ p) = 0.25 nats\nmean (0, 1), sd (2, 1), corr 0.6",
    ]
    assert ax.get_aspect() == 1.0
    one, two = (np.stack([line.get_xdata(), line.get_ydata()]) for line in ax.get_lines()[:2])
    white = np.linalg.solve(np.linalg.cholesky([[4.0, 1.2], [1.2, 1.0]]), one - np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(np.hypot(*white), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.ptp(two, axis=1), [8.0, 4.0], rtol=1e-3)


def test_vectors_of_one_entry_are_drawn_on_the_line() -> None:
    target = as_target("0.5 N([0],1) + 0.5 N([3],[2])")
    ax = draw_projections([projection(target, ("N([1.5],4)", 0.1, "minimum"))])
    assert "mean (1.5), sd (2)" in legend(ax)[1]


def test_what_cannot_be_drawn_is_refused() -> None:
    target = as_target("N([0,0,0],1)")
    with pytest.raises(InputError, match="3 dimensions cannot be drawn; only 1 and 2"):
        draw_projections([projection(target, ("N([0,0,0],1)", 0.0, "minimum"))])
    with pytest.raises(InputError, match="no projection"):
        draw_projections([])
    line = as_target("N(0,1)")
    with pytest.raises(InputError, match="Gamma"):
        draw_projections([projection(line, ("N(0,1)", 0.0, "minimum"))], others=[("mine", Gamma(1.0, 1.0))])


@pytest.fixture
def path() -> SimpleNamespace:
    alpha = np.linspace(0, 1, 11)
    branch = SimpleNamespace(
        alpha=alpha, mean=3 - 2 * alpha, scale=1 + 2 * alpha, divergence=1 - 0.6 * alpha, stable=alpha >= 0
    )
    fold = SimpleNamespace(alpha=0.4, mean=0.0, scale=1.0)
    jump = SimpleNamespace(alpha=0.3, from_mean=2.0, from_scale=1.0, to_mean=1.0, to_scale=2.0)
    return SimpleNamespace(branches=(branch,), folds=(fold,), jumps=(jump,))


def test_a_path_is_drawn_into_two_axes(path: SimpleNamespace) -> None:
    mean, scale = draw_alpha_path(path)
    np.testing.assert_allclose(mean.get_lines()[0].get_ydata(), path.branches[0].mean)
    np.testing.assert_allclose(scale.get_lines()[0].get_ydata(), path.branches[0].scale)
    own = Figure().subplots(2)
    assert list(draw_alpha_path(path, ax=own)) == list(own)
    with pytest.raises(InputError, match="holds 3"):
        draw_alpha_path(path, ax=Figure().subplots(3))


def test_a_path_stands_below_its_projections(both: list[Projection], path: SimpleNamespace) -> None:
    assert len(figure_of(both).axes) == 1
    top, mean, scale = figure_of(both, path).axes
    assert top.get_xlabel() == "x" and mean.get_ylabel() == "mean" and scale.get_xlabel() == "alpha"
    assert math.isclose(mean.get_xlim()[1], 1.0)
