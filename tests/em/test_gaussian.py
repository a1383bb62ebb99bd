from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from mixtura.em import gaussian as module
from mixtura.em.engine import run_em
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.product import ProductFamily
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, free_energy, log_prior, m_step
from mixtura.errors import ConvergenceError, InputError

K, D = 3, 2
IDENTITY = {
    "full": np.tile(np.eye(D), (K, 1, 1)),
    "tied": np.eye(D),
    "diag": np.ones((K, D)),
    "spherical": np.ones(K),
}
KINDS = list(COVARIANCE_TYPES)


def rows(seed: int = 0, n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 5.0]])
    return centres[rng.integers(K, size=n)] + rng.normal(size=(n, D)) @ np.array([[1.0, 0.4], [0.0, 0.7]])


def start(kind: str, data: np.ndarray) -> MixtureParameters:
    return MixtureParameters(np.log(np.full(K, 1 / K)), GaussianParameters(data[:K].copy(), IDENTITY[kind]))


def never(bounds: list[float]) -> None:
    return None


def fitted(kind: str, data: np.ndarray, *, max_iter: int = 40, **options):
    family = COVARIANCE_TYPES[kind](K, D)
    begin = start(kind, data - options.get("origin", 0.0))
    return run_em(family, ArraySource(data, **options), begin, criterion=never, max_iter=max_iter)


def dense(kind: str, covariances: np.ndarray) -> list[np.ndarray]:
    expanded = COVARIANCE_TYPES[kind](K, D).expand(covariances)
    return [c if c.ndim == 2 else np.diag(c) for c in expanded]


@pytest.mark.parametrize("kind", KINDS)
def test_log_density_is_scipys(kind: str) -> None:
    data = rows()
    theta = fitted(kind, data, max_iter=5).theta.components
    family = COVARIANCE_TYPES[kind](K, D)
    out = np.empty((K, len(data)))
    family.log_density(family.prepare(theta), np.ascontiguousarray(data.T), out)
    for k, covariance in enumerate(dense(kind, theta.covariances)):
        assert np.allclose(out[k], multivariate_normal(theta.means[k], covariance).logpdf(data), atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_scikit_learn(kind: str) -> None:
    data = rows()
    with pytest.warns(Warning):
        theirs = GaussianMixture(
            K, covariance_type=kind, weights_init=np.full(K, 1 / K), means_init=data[:K],
            precisions_init=IDENTITY[kind], reg_covar=0, tol=0, max_iter=40,
        ).fit(data)  # fmt: skip
    ours = fitted(kind, data)
    assert np.allclose(ours.theta.components.means, theirs.means_, atol=1e-10)
    assert np.allclose(ours.theta.components.covariances, theirs.covariances_, atol=1e-10)
    assert np.allclose(np.exp(ours.theta.log_weights), theirs.weights_, atol=1e-12)
    assert ours.lower_bound == pytest.approx(theirs.lower_bound_, abs=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_differences_and_features_agree(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows()
    features = fitted(kind, data)
    monkeypatch.setattr(module, "_FAR", -1.0)
    differences = fitted(kind, data)
    assert np.allclose(features.theta.components.means, differences.theta.components.means, atol=1e-11)
    assert np.allclose(features.free_energy_path, differences.free_energy_path, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_an_offset_costs_nothing_but_its_digits(kind: str, offset: float) -> None:
    data = rows()
    moved = data + offset
    plain = fitted(kind, moved - offset)
    # Without the origin taken away, differences carry it.
    for options in ({"origin": np.full(D, offset)}, {}):
        far = fitted(kind, moved, **options)
        assert far.lower_bound == pytest.approx(plain.lower_bound, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_components_three_hundred_widths_apart_keep_their_likelihood(kind: str) -> None:
    data = rows()
    data[::2] += 300.0
    ours = fitted(kind, data, origin=data.mean(axis=0))
    theta = ours.theta
    joint = np.stack(
        [
            w + multivariate_normal(m, c).logpdf(data)
            for w, m, c in zip(
                theta.log_weights,
                theta.components.means + data.mean(axis=0),
                dense(kind, theta.components.covariances),
                strict=True,
            )
        ]
    )  # fmt: skip
    family = COVARIANCE_TYPES[kind](K, D)
    again = e_step(family, ArraySource(data, origin=data.mean(axis=0)), theta)
    assert again.log_likelihood == pytest.approx(np.logaddexp.reduce(joint, axis=0).sum(), rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000))
def test_f_never_falls_and_meets_the_likelihood(kind: str, seed: int) -> None:
    try:
        path = fitted(kind, rows(seed, 60), max_iter=8).free_energy_path
    except InputError:
        reject()  # the likelihood has no maximum, and a component has gone to where it has none
    assert (np.diff(path) >= -1e-10).all()


@pytest.mark.parametrize("kind", KINDS)
def test_whole_weighted_equals_repeated(kind: str) -> None:
    data = rows(n=120)
    weights = np.random.default_rng(1).integers(0, 4, size=len(data))
    weights[:K] = 1
    weighted = fitted(kind, data, weights=weights.astype(float))
    repeated = fitted(kind, np.repeat(data, weights, axis=0))
    assert np.allclose(weighted.theta.components.means, repeated.theta.components.means, atol=1e-10)
    assert np.allclose(weighted.free_energy_path, repeated.free_energy_path, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_only_a_way_of_going_through(kind: str) -> None:
    data = rows()
    whole, blocked = fitted(kind, data, block_size=1000), fitted(kind, data, block_size=17)
    assert np.allclose(whole.free_energy_path, blocked.free_energy_path, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_add_up_whatever_they_are_about(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows()
    family, theta = COVARIANCE_TYPES[kind](K, D), fitted(kind, data, max_iter=3).theta
    halves = [e_step(family, ArraySource(part), theta).statistics for part in (data[:150], data[150:])]
    monkeypatch.setattr(module, "_FAR", -1.0)
    halves[1] = e_step(family, ArraySource(data[150:]), theta).statistics
    whole = e_step(family, ArraySource(data), theta).statistics
    together = family.maximise(family.combine(halves[0], halves[1], (1.0, 1.0)))
    expected = family.maximise(whole)
    assert np.allclose(together.means, expected.means, atol=1e-11)
    assert np.allclose(together.covariances, expected.covariances, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_m_step_is_the_maximum_of_f(kind: str) -> None:
    data = rows()
    family = COVARIANCE_TYPES[kind](K, D)
    expectation = e_step(family, ArraySource(data), start(kind, data))
    best = m_step(family, expectation)
    top = free_energy(family, expectation, best)
    rng = np.random.default_rng(0)
    for _ in range(50):
        factor = 1 + 0.05 * rng.normal()
        means = best.components.means + 0.05 * rng.normal(size=(K, D))
        log_weights = best.log_weights + 0.05 * rng.normal(size=K)
        log_weights -= np.logaddexp.reduce(log_weights)
        other = MixtureParameters(
            log_weights, GaussianParameters(means, best.components.covariances * factor)
        )
        assert free_energy(family, expectation, other) < top


@pytest.mark.parametrize("kind", KINDS)
def test_a_prior_is_climbed_exactly(kind: str) -> None:
    data = rows(n=60)
    scale = np.eye(D) if kind in ("full", "tied") else np.ones(D)
    prior = NormalInverseWishart(data.mean(axis=0), 0.5, 3.0, scale)
    family = COVARIANCE_TYPES[kind](K, D, prior=prior)
    result = run_em(
        family, ArraySource(data), start(kind, data), criterion=never, max_iter=20, concentration=2.0
    )
    assert (np.diff(result.free_energy_path) >= -1e-10).all()
    expectation = e_step(family, ArraySource(data), result.theta)
    best = m_step(family, expectation, 2.0)

    def height(theta: MixtureParameters) -> float:
        return free_energy(family, expectation, theta) + log_prior(family, theta, 2.0)

    rng = np.random.default_rng(0)
    for _ in range(50):
        means = best.components.means + 0.03 * rng.normal(size=(K, D))
        other = GaussianParameters(means, best.components.covariances * (1 + 0.03 * rng.normal()))
        assert height(MixtureParameters(best.log_weights, other)) < height(best)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prior_keeps_a_component_that_fell_onto_one_point(kind: str) -> None:
    data = np.repeat(rows(n=10), 3, axis=0)
    scale = np.eye(D) if kind in ("full", "tied") else np.ones(D)
    family = COVARIANCE_TYPES[kind](K, D, prior=NormalInverseWishart(data.mean(axis=0), 0.0, 2.0, scale))
    result = run_em(family, ArraySource(data), start(kind, data), criterion=never, max_iter=200)
    assert np.isfinite(result.free_energy_path).all()


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_a_collapse_is_said(kind: str) -> None:
    data = rows(n=30)
    data[:, 1] = 7.0
    with pytest.raises(InputError, match=r"reg_covar.* component \d is not positive definite"):
        fitted(kind, data)


def test_a_component_without_points_is_moved_and_said() -> None:
    data = rows()
    far = GaussianParameters(np.array([[0.0, 0.0], [4.0, 1.0], [1e4, 1e4]]), IDENTITY["full"])
    result = run_em(
        COVARIANCE_TYPES["full"](K, D),
        ArraySource(data),
        MixtureParameters(np.log(np.full(K, 1 / K)), far),
        criterion=never,
        max_iter=30,
    )
    assert [finding.name for finding in result.findings] == ["component-reseeded"]
    assert np.exp(result.theta.log_weights).min() > 0.01
    assert np.abs(result.theta.components.means).max() < 100


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize("gap", [1e-3, 1e-5])
def test_nearly_collinear_columns_are_no_error(kind: str, gap: float) -> None:
    data = rows()
    data[:, 1] = data[:, 0] + gap * data[:, 1]
    result = fitted(kind, data)
    assert np.isfinite(result.free_energy_path).all()


def test_a_fall_that_rounding_does_not_explain_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    family = COVARIANCE_TYPES["full"]
    honest = family.maximise

    def worse(self, statistics):
        theta = honest(self, statistics)
        return GaussianParameters(theta.means, 3 * theta.covariances)

    monkeypatch.setattr(family, "maximise", worse)
    with pytest.raises(ConvergenceError, match="fell by"):
        fitted("full", rows())


def far_groups(
    gap: float, n_parts: int = 1, kind: str = "full"
) -> tuple[np.ndarray, ArraySource, MixtureParameters]:
    """Return two narrow groups far apart, and a start so wide that its E-step sees no distance."""
    data = np.random.default_rng(0).normal(size=(600, D)) + gap * (np.arange(600) % 2)[:, None]
    centre = data.mean(axis=0)
    wide = {"full": np.tile(gap**2 * np.eye(D), (2, 1, 1)), "diag": np.full((2, D), gap**2)}
    begin = GaussianParameters(np.array([data[0], data[1]]) - centre, wide[kind])
    source = ArraySource(data, None, centre, 97, n_threads=n_parts)
    return data - centre, source, MixtureParameters(np.log([0.5, 0.5]), begin)


@pytest.mark.parametrize("wrapped", ["bare", "missing", "product"])
# Full, the covariance of two groups 1e9 apart has no inverse in double precision.
@pytest.mark.parametrize(("kind", "gap"), [("full", 1e3), ("full", 1e7), ("diag", 1e5), ("diag", 1e9)])
def test_groups_far_apart_keep_their_digits(kind, wrapped, gap) -> None:
    """Sums about 0 of the wide start have none left of the narrow covariances that come next."""
    family = COVARIANCE_TYPES[kind](2, D)
    whole = {
        "bare": lambda: family,
        "missing": lambda: missing_family(family),
        "product": lambda: ProductFamily([(family, range(D))]),
    }[wrapped]()
    data, source, theta = far_groups(gap, kind=kind)
    if wrapped == "product":
        theta = MixtureParameters(theta.log_weights, (theta.components,))
    end = run_em(whole, source, theta, criterion=never, max_iter=60).theta.components
    found = end[0] if wrapped == "product" else end
    for k in range(2):
        own = data[k::2]
        np.testing.assert_allclose(found.means[k], own.mean(axis=0), rtol=1e-12)
        expected = np.cov(own.T, bias=True) if kind == "full" else own.var(axis=0)
        np.testing.assert_allclose(found.covariances[k], expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("n_parts", [1, 2])
def test_the_pass_is_made_again_only_where_digits_are_lost(monkeypatch, n_parts) -> None:
    family, seen = COVARIANCE_TYPES["full"](2, D), []
    monkeypatch.setattr(family, "about", lambda prepared, points: seen.append(points) or prepared)
    _, source, theta = far_groups(10.0, n_parts)
    for _ in range(20):
        theta = m_step(family, e_step(family, source, theta))
    assert not seen
    _, source, theta = far_groups(1e6, n_parts)
    for _ in range(20):
        expectation = e_step(family, source, theta)
        theta = m_step(family, expectation)
    assert 0 < len(seen) < 6 * n_parts


def test_a_component_of_nothing_asks_for_no_second_pass() -> None:
    family = COVARIANCE_TYPES["diag"](2, 1)
    statistics = module.GaussianStatistics(
        np.zeros((2, 1)), np.array([10.0, 1e-30]), np.array([[1.0], [1e-27]]), np.array([[10.0], [1e-24]])
    )
    assert family.nearer(statistics) is None


def test_equal_rows_far_away_ask_for_none_with_a_ridge() -> None:
    values = np.full((10, 1), 1e3)
    for ridge, asked in ((1.0, False), (0.0, True)):
        family = COVARIANCE_TYPES["diag"](1, 1, reg_covar=ridge)
        statistics = module.GaussianStatistics(
            np.zeros((1, 1)), np.array([10.0]), values.sum(keepdims=True), (values**2).sum(keepdims=True)
        )
        assert (family.nearer(statistics) is not None) == asked
