from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import root

from mixtura.projection.line import exclusive_on_line

SEEDS = range(200)
EVERY_FOURTH = SEEDS[::4]


def stationary(as_line, parameters):
    return exclusive_on_line(as_line(*parameters))


def precise(weights: list[str], means: list[int], guess: tuple[float, float]) -> tuple[float, float]:
    """Return a stationary (mu, sigma) of a mixture of unit variances, by 20 digits and no code of ours.

    The trapezoidal rule on the line converges geometrically: the score has its poles pi / 6 from the line.
    """
    with mp.workdps(20):
        shares = [mp.mpf(a) / mp.mpf(b) for a, b in (weight.split("/") for weight in weights)]
        nodes = [mp.mpf(k) / 24 for k in range(-216, 217)]
        masses = [mp.npdf(e) / 24 for e in nodes]

        def score(x):
            joint = [a * mp.exp(-((x - m) ** 2) / 2) for a, m in zip(shares, means, strict=True)]
            return mp.fsum(j * (m - x) for j, m in zip(joint, means, strict=True)) / mp.fsum(joint)

        def conditions(mu, log_sigma):
            sigma = mp.exp(log_sigma)
            pull = [sigma * score(mu + sigma * e) * mass for e, mass in zip(nodes, masses, strict=True)]
            return mp.fsum(pull), 1 + mp.fsum(p * e for p, e in zip(pull, nodes, strict=True))

        mu, log_sigma = mp.findroot(conditions, (mp.mpf(guess[0]), mp.log(guess[1])), tol=1e-32)
        return float(mu), float(mp.exp(log_sigma))


@pytest.mark.parametrize("guess", [(3.0, 1.0), (-3.0, 1.0), (-2.1, 1.9)])
def test_the_sources_target_agrees_with_a_high_precision_solve(as_line, guess) -> None:
    found = stationary(as_line, ([1 / 3, 2 / 3], [-3, 3], [1, 1]))
    mu, sigma = precise(["1/3", "2/3"], [-3, 3], guess)
    nearest = min(found, key=lambda point: abs(point.mu - mu))
    assert nearest.mu == pytest.approx(mu, abs=1e-12)
    assert nearest.sigma == pytest.approx(sigma, abs=1e-12)


def test_the_sources_target_has_two_minima_and_a_saddle(as_line) -> None:
    found = stationary(as_line, ([1 / 3, 2 / 3], [-3, 3], [1, 1]))
    assert [point.kind for point in found] == ["minimum", "minimum", "saddle"]
    assert [point.divergence for point in found] == sorted(point.divergence for point in found)


@pytest.mark.parametrize(
    "seeds",
    [*(EVERY_FOURTH[i::5] for i in range(5)), pytest.param(SEEDS, marks=pytest.mark.slow)],
    ids=[*"01234", "all"],
)
def test_minima_less_saddles_plus_maxima_is_one(as_line, random_line_mixture, seeds: range) -> None:
    for seed in seeds:
        parameters = random_line_mixture(seed)
        kinds = [point.kind for point in stationary(as_line, parameters)]
        index = kinds.count("minimum") - kinds.count("saddle") + kinds.count("maximum")
        assert index == 1, (seed, parameters)
        assert "maximum" not in kinds


def conditions_of(weights, means, scales):
    """Return the two conditions as a function of (mu, log sigma), by a dense trapezoidal rule."""
    e = np.linspace(-9, 9, 4001)
    mass = np.exp(-0.5 * e**2) / np.sqrt(2 * np.pi) * (e[1] - e[0])

    def conditions(place):
        mu, sigma = place[0], np.exp(place[1])
        x = mu + sigma * e
        joint = np.log(weights / scales)[:, None] - 0.5 * ((x - means[:, None]) / scales[:, None]) ** 2
        share = np.exp(joint - joint.max(axis=0))
        score = (share / share.sum(axis=0) * (means[:, None] - x) / scales[:, None] ** 2).sum(axis=0)
        return [(mass * sigma * score).sum(), 1 + (mass * sigma * score * e).sum()]

    return conditions


def same(first, second) -> bool:
    return bool(np.hypot((first[0] - second[0]) / np.exp(first[1]), first[1] - second[1]) < 1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_no_stationary_point_is_missed_that_many_starts_find(as_line, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    weights, means = rng.dirichlet(2 * np.ones(count)), 4 * rng.normal(size=count)
    scales = np.exp(0.4 * rng.normal(size=count))
    found = [(p.mu, np.log(p.sigma)) for p in stationary(as_line, (weights, means, scales))]
    conditions = conditions_of(weights, means, scales)
    for place in found:
        assert np.hypot(*conditions(place)) < 1e-9
    widest = np.log(2 * (np.ptp(means) + scales.max()))
    for _ in range(15):
        start = rng.uniform(means.min(), means.max()), rng.uniform(np.log(scales.min()), widest)
        answer = root(conditions, start, tol=1e-12)
        if answer.success and np.hypot(*conditions(answer.x)) < 1e-9:
            assert any(same(place, answer.x) for place in found), answer.x


def test_the_divergence_is_least_at_a_minimum_and_not_at_a_saddle(as_line) -> None:
    weights, means, scales = [0.2, 0.5, 0.3], [-4.0, 0.0, 3.0], [0.5, 1.0, 0.7]
    density = as_line(weights, means, scales)
    from mixtura.projection.smoothing import smooth

    for point in exclusive_on_line(density):
        angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        around = [
            smooth(
                density.pieces,
                point.mu + 1e-3 * np.cos(a) * point.sigma,
                point.sigma * np.exp(1e-3 * np.sin(a)),
            ).divergence
            for a in angles
        ]
        changes = np.array(around) - point.divergence
        assert (changes.min() > 0) == (point.kind == "minimum")
        assert changes.max() > 0


@pytest.mark.parametrize(("shift", "factor"), [(1e6, 1.0), (0.0, 1e-6), (0.0, 1e6), (-1e5, 1e3)])
def test_the_answer_moves_with_the_target(as_line, shift: float, factor: float) -> None:
    means, scales = np.array([-3.0, 3.0]), np.array([1.0, 1.0])
    plain = stationary(as_line, ([1 / 3, 2 / 3], means, scales))
    moved = stationary(as_line, ([1 / 3, 2 / 3], shift + factor * means, factor * scales))
    # A shift costs the digits in which the spread is held.
    accuracy = 1e-8 * max(1.0, abs(shift) / factor * 1e-3)
    for before, after in zip(plain, moved, strict=True):
        assert (after.mu - shift) / factor == pytest.approx(before.mu, abs=accuracy)
        assert after.sigma / factor == pytest.approx(before.sigma, abs=accuracy)
        assert after.divergence == pytest.approx(before.divergence, abs=accuracy)


@pytest.mark.parametrize("scales", [(1.0, 1e-6), (1.0, 1e6), (1e-6, 1e6), (1e6, 1e-6)])
def test_variances_from_1e_minus_12_to_1e12(as_line, scales: tuple[float, float]) -> None:
    found = stationary(as_line, ([0.5, 0.5], [0.0, 1.0], scales))
    kinds = [point.kind for point in found]
    assert kinds.count("minimum") - kinds.count("saddle") == 1
    assert all(np.isfinite([point.mu, point.sigma, point.divergence]).all() for point in found)


def test_equal_halves_a_million_apart(as_line) -> None:
    found = stationary(as_line, ([0.5, 0.5], [0.0, 1e6], [1.0, 1.0]))
    minima = [point for point in found if point.divergence < 1]
    assert [point.mu for point in minima] == pytest.approx([0, 1e6], abs=1e-6) or [
        point.mu for point in minima
    ] == pytest.approx([1e6, 0], abs=1e-6)
    assert [point.divergence for point in minima] == pytest.approx([np.log(2)] * 2, abs=1e-9)


def test_means_a_million_apart(as_line) -> None:
    found = stationary(as_line, ([0.25, 0.75], [0.0, 1e6], [1.0, 1.0]))
    minima = [point for point in found if point.kind == "minimum"]
    assert minima[0].mu == pytest.approx(1e6, abs=1e-6)
    assert minima[0].divergence == pytest.approx(-np.log(0.75), abs=1e-9)
    assert any(point.mu == pytest.approx(0, abs=1e-6) and point.sigma == pytest.approx(1) for point in minima)


def test_a_gaussian_has_one_stationary_point_itself(as_line) -> None:
    [only] = stationary(as_line, ([1.0], [5.0], [0.2]))
    assert (only.mu, only.sigma) == pytest.approx((5.0, 0.2), abs=1e-12)
    assert only.divergence == pytest.approx(0, abs=1e-12)


def test_a_place_that_is_nearly_stationary_is_not_reported(as_line) -> None:
    # Near (1.1, 2.5) the gradient of the source's problem dips to a few thousandths and does not vanish.
    found = stationary(as_line, ([1 / 3, 2 / 3], [-3, 3], [1, 1]))
    assert not any(0 < point.mu < 2 for point in found)
    conditions = conditions_of(np.array([1 / 3, 2 / 3]), np.array([-3.0, 3.0]), np.ones(2))
    grid = [
        np.hypot(*conditions((mu, np.log(s)))) for mu in np.linspace(0, 2, 41) for s in np.linspace(2, 3, 41)
    ]
    assert 1e-3 < min(grid) < 2e-2


@pytest.mark.parametrize("apart", [0.5, 1.5, 2.5, 3.0, 4.0, 8.0, 40.0])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_symmetric_targets(as_line, apart: float, count: int) -> None:
    # The curves of two modes meet in one place, where none of them is smooth.
    means = apart * (np.arange(count) - (count - 1) / 2)
    found = stationary(as_line, (np.ones(count), means, np.ones(count)))
    kinds = [point.kind for point in found]
    assert kinds.count("minimum") - kinds.count("saddle") == 1
    assert sorted(point.mu for point in found) == pytest.approx(
        sorted(-point.mu for point in found), abs=1e-8
    )


@pytest.mark.parametrize("tilt", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
def test_nearly_symmetric_targets(as_line, tilt: float) -> None:
    found = stationary(as_line, ([0.5 + tilt, 0.5 - tilt], [-3, 3], [1, 1]))
    assert [point.kind for point in found] == ["minimum", "minimum", "minimum", "saddle", "saddle"]
    assert found[0].divergence == pytest.approx(found[1].divergence, abs=10 * tilt + 1e-12)
    assert found[2].mu == pytest.approx(0, abs=10 * tilt + 1e-6)


@pytest.mark.parametrize("count", [9, 14, pytest.param(30, marks=pytest.mark.slow)])
def test_a_row_of_equal_modes_fades_into_a_plateau(as_line, count: int) -> None:
    # Smoothed a little, the plateau has no maximum that rounding would show; smoothed more, it has one.
    found = stationary(as_line, (np.ones(count), 3.0 * np.arange(count), np.ones(count)))
    kinds = [point.kind for point in found]
    assert kinds.count("minimum") - kinds.count("saddle") == 1
    assert any(point.sigma > count / 3 for point in found)


def test_equal_halves_a_thousand_widths_apart(as_line) -> None:
    found = stationary(as_line, ([0.5, 0.5], [-1e3, 1e3], [1.0, 1.0]))
    assert [point.kind for point in found].count("minimum") == 3
