from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize

import mixtura
from mixtura.errors import InputError
from mixtura.projection.alpha import alpha_path
from mixtura.projection.tilted import tilted


@pytest.fixture(scope="module")
def path(source_target):
    return alpha_path(source_target)


def test_the_ends_are_the_two_projections(path, source_target) -> None:
    for alpha, direction in ((0.0, "exclusive"), (1.0, "inclusive")):
        here, there = path.at(alpha), mixtura.project(source_target, direction)
        assert here.direction == there.direction == direction
        assert len(here.stationary_points) == len(there.stationary_points)
        for mine, other in zip(here.stationary_points, there.stationary_points, strict=True):
            assert mine.kind == other.kind
            assert mine.kl == pytest.approx(other.kl, abs=1e-8)
            assert float(mine.distribution.mean) == pytest.approx(float(other.distribution.mean), abs=1e-8)
            assert float(mine.distribution.stddev) == pytest.approx(
                float(other.distribution.stddev), abs=1e-8
            )


def test_every_point_of_every_branch_is_stationary(path) -> None:
    for branch in path.branches:
        for at in range(0, len(branch), 5):
            place = tilted(path._density, branch.alpha[at], branch.mean[at], branch.scale[at])
            assert np.abs(place.residual).max() < 1e-9
            assert place.divergence == pytest.approx(branch.divergence[at], abs=1e-12)


def test_branches_begin_and_end_at_the_ends(path) -> None:
    for branch in path.branches:
        assert {branch.alpha[0], branch.alpha[-1]} <= {0.0, 1.0}
        steps = np.hypot(np.diff(branch.mean) / branch.scale[:-1], np.diff(np.log(branch.scale)))
        assert steps.max() < 0.1


def test_folds_are_where_the_second_derivatives_degenerate(path) -> None:
    assert len(path.folds) == 3
    for fold in path.folds:
        place = tilted(path._density, fold.alpha, fold.mean, fold.scale)
        assert np.abs(place.residual).max() < 1e-9
        assert np.abs(place.eigenvalues).min() < 1e-6


def test_the_number_of_stationary_points_changes_by_two_at_a_fold(path) -> None:
    for fold in path.folds:
        before, after = (len(path.at(fold.alpha + s * 1e-4).stationary_points) for s in (-1, 1))
        assert abs(before - after) == 2


def test_at_a_jump_two_minima_are_equally_close(path) -> None:
    [jump] = path.jumps
    points = [point for point in path.at(jump.alpha).stationary_points if point.kind == "minimum"]
    assert points[0].kl == pytest.approx(points[1].kl, abs=1e-9)
    before, after = (path.at(jump.alpha + s * 1e-3) for s in (-1, 1))
    assert float(before.mean) == pytest.approx(jump.from_mean, abs=0.05)
    assert float(after.mean) == pytest.approx(jump.to_mean, abs=0.05)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.45, 0.7, 0.95])
def test_the_closest_is_what_a_search_from_many_starts_finds(path, alpha: float) -> None:
    best = path.at(alpha)
    starts = [(mean, np.log(scale)) for mean in (-3, -1, 1, 3) for scale in (1, 2, 3)]
    values = [
        minimize(
            lambda place: tilted(path._density, alpha, place[0], np.exp(place[1])).divergence,
            start,
            method="Nelder-Mead",
            options={"maxiter": 120},
        ).fun
        for start in starts
    ]
    assert best.kl <= min(values) + 1e-9
    assert best.kl == pytest.approx(min(values), abs=1e-5)
    assert best.direction == "alpha" and best.alpha == alpha


@pytest.mark.parametrize("seed", [2, 11, 16, 28])
def test_minima_less_saddles_stay_one_along_the_path(as_line, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 4))
    target = mixtura.gaussian_mixture(
        rng.dirichlet(2 * np.ones(count)), 4 * rng.normal(size=count), np.exp(rng.normal(size=count))
    )
    path = alpha_path(target)
    folds = np.array([fold.alpha for fold in path.folds])
    for alpha in (0.0, 0.1, 0.35, 0.6, 0.9, 1.0):
        if len(folds) == 0 or np.abs(folds - alpha).min() > 1e-3:
            kinds = [point.kind for point in path.at(alpha).stationary_points]
            assert kinds.count("minimum") + kinds.count("maximum") - kinds.count("saddle") == 1


def test_a_gaussian_is_its_own_projection_all_along() -> None:
    path = alpha_path("N(2, 9)")
    assert len(path.branches) == 1 and not path.folds and not path.jumps
    assert np.allclose(path.branches[0].mean, 2, atol=1e-9)
    assert np.allclose(path.branches[0].scale, 3, atol=1e-9)


def test_it_is_plain_json(path) -> None:
    document = json.loads(json.dumps(path.to_dict()))
    assert set(document) == {"branches", "folds", "jumps"}
    assert len(document["branches"][0]["alpha"]) == len(path.branches[0])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_a_place_off_the_path_is_refused(path, alpha: float) -> None:
    with pytest.raises(InputError, match=r"from 0 \(exclusive\) to 1 \(inclusive\)"):
        path.at(alpha)


def test_a_plane_has_no_path() -> None:
    with pytest.raises(InputError, match="2 dimensions"):
        alpha_path("N([0, 0], 1)")
