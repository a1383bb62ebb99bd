"""The two forms of EM, by F and by the Q function, and what follows from their being one.

Derivatives are finite differences in free coordinates; sums over z are written out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.categorical import CategoricalFamily
from mixtura.em.engine import run_em
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianFamily, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily
from mixtura.em.source import ArraySource
from mixtura.em.steps import Expectation, MixtureParameters, e_step, free_energy, m_step
from mixtura.em.stopping import Aitken
from mixtura.em.unconstrained import free_parameters

K, N = 2, 60


@dataclass(frozen=True, eq=False)
class Case:
    """A family, rows that overlap, and parameters near to what EM ends with."""

    family: Family[Any, Any]
    X: Array
    theta: MixtureParameters

    @property
    def source(self) -> ArraySource:
        """The rows."""
        return ArraySource(self.X)


def _gaussian(kind: str, gaps: bool = False) -> Case:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2)) @ np.array([[1.0, 0.3], [0.0, 0.7]])
    X[: N // 3] += np.array([2.0, -2.0])
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
        X = X[~np.isnan(X).all(axis=1)]
    covariances = {
        "full": np.stack([np.eye(2), np.array([[1.0, 0.2], [0.2, 0.5]])]),
        "tied": np.array([[1.0, 0.2], [0.2, 0.5]]),
        "diag": np.array([[1.0, 1.0], [1.0, 0.5]]),
        "spherical": np.array([1.0, 0.7]),
    }[kind]
    family: Any = COVARIANCE_TYPES[kind](K, 2)
    components = GaussianParameters(np.array([[1.5, -1.0], [-0.2, 0.3]]), covariances)
    return Case(missing_family(family) if gaps else family, X, _mixed(components))


def _mixed(components: Any) -> MixtureParameters:
    return MixtureParameters(np.log([0.4, 0.6]), components)


def _binary() -> Case:
    rng = np.random.default_rng(1)
    chances = np.array([[0.8, 0.7, 0.9, 0.6], [0.3, 0.2, 0.4, 0.1]])
    X = (rng.random((N, 4)) < chances[rng.integers(K, size=N)]).astype(float)
    family = BernoulliFamily(K, 4)
    return Case(family, X, _mixed(family.parameters(np.array([[0.7] * 4, [0.3] * 4]))))


def _categories() -> Case:
    rng = np.random.default_rng(2)
    group = rng.integers(K, size=N)
    X = np.stack([1 * (rng.random(N) < 0.1 + 0.8 * group) + (rng.random(N) < 0.5) for _ in range(4)], axis=1)
    family = CategoricalFamily(K, [3] * 4)
    tables = [[[0.5, 0.3, 0.2], [0.2, 0.4, 0.4]]] * 4
    return Case(family, X.astype(float), _mixed(family.parameters(tables)))


def _counts() -> Case:
    rng = np.random.default_rng(3)
    X = rng.poisson(np.array([[2.0, 5.0], [5.0, 2.0]])[rng.integers(K, size=N)]).astype(float)
    return Case(PoissonFamily(K, 2), X, _mixed(PoissonParameters(np.array([[2.5, 4.5], [4.5, 2.5]]))))


def _product() -> Case:
    first, second = _gaussian("diag"), _counts()
    family = ProductFamily([(first.family, [0, 1]), (second.family, [2, 3])])
    components = (first.theta.components, second.theta.components)
    return Case(family, np.hstack([first.X, second.X]), _mixed(components))


CASES: dict[str, Callable[[], Case]] = {
    **{kind: partial(_gaussian, kind) for kind in COVARIANCE_TYPES},
    "full with gaps": partial(_gaussian, "full", gaps=True),
    "bernoulli": _binary,
    "categorical": _categories,
    "poisson": _counts,
    "product": _product,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def _log_joint(case: Case, theta: MixtureParameters) -> Array:
    """Return log p(x_i, k), (n, K)."""
    block, out = case.X.T.copy(), np.empty((K, len(case.X)))
    case.family.log_density(case.family.prepare(theta.components), block, out)
    return np.asarray(out.T + theta.log_weights)


def _log_likelihood(case: Case, theta: MixtureParameters) -> float:
    return float(logsumexp(_log_joint(case, theta), axis=1).sum())


def _written(joint: Array, q: Array) -> float:
    """Return F(theta, q) as it is defined."""
    return float((q * (joint - np.log(q))).sum())


def _free(case: Case, theta: MixtureParameters) -> tuple[Array, Callable[[Array], MixtureParameters]]:
    """Return free coordinates; of the weights, logarithms less the first's."""
    vector, restore = free_parameters(case.family, theta)
    vector[:K] -= vector[0]
    return vector[1:], lambda free: restore(np.concatenate([[0.0], free]))


def _slopes(function: Callable[[Array], Any], at: Array, step: float = 1e-5) -> Array:
    """Return central differences, one row for each coordinate."""
    steps = step * np.eye(len(at))
    return np.array([(function(at + h) - function(at - h)) / (2 * step) for h in steps])


def _nearby(case: Case, rng: np.random.Generator, far: float = 0.3) -> MixtureParameters:
    at, restore = _free(case, case.theta)
    return restore(at + far * rng.normal(size=len(at)))


def _ended(case: Case) -> tuple[MixtureParameters, list[float]]:
    bounds: list[float] = []
    result = run_em(
        case.family,
        case.source,
        case.theta,
        criterion=Aitken(1e-14),
        max_iter=5_000,
        watch=lambda iteration, bound: bounds.append(bound),
    )
    assert result.converged
    return result.theta, bounds


@pytest.mark.parametrize("name", [name for name in CASES if "gaps" not in name])
def test_f_is_the_likelihood_less_kl_to_the_posterior(name: str, rng: np.random.Generator) -> None:
    """With gaps what is missing is hidden too, and q is no table."""
    case = CASES[name]()
    for _ in range(5):
        joint = _log_joint(case, _nearby(case, rng))
        q = rng.dirichlet(np.ones(K), size=len(joint))
        posterior = softmax(joint, axis=1)
        kl = float((q * (np.log(q) - np.log(posterior))).sum())
        assert kl >= 0
        assert _written(joint, q) == pytest.approx(logsumexp(joint, axis=1).sum() - kl, rel=1e-12)


def test_f_less_the_q_function_is_the_entropy_of_the_posterior(case: Case, rng: np.random.Generator) -> None:
    """Whatever theta is, so that both have one maximum; with NaN, Q is of the completed rows."""
    now = _nearby(case, rng)
    expectation = e_step(case.family, case.source, now)
    for theta in (now, case.theta, _nearby(case, rng)):
        # Q(theta | now), from the statistics of the E-step.
        q_function = float(expectation.counts @ theta.log_weights) + case.family.expected_log_density(
            expectation.statistics, theta.components
        )
        f = free_energy(case.family, expectation, theta)
        assert f - q_function == pytest.approx(expectation.entropy, rel=1e-9)
        if not np.isnan(case.X).any():
            posterior = softmax(_log_joint(case, now), axis=1)
            assert q_function == pytest.approx((posterior * _log_joint(case, theta)).sum(), rel=1e-10)


def test_the_likelihood_and_the_q_function_have_one_gradient_where_q_is_the_posterior(
    case: Case, rng: np.random.Generator
) -> None:
    """Fisher's identity."""
    theta = _nearby(case, rng)
    at, restore = _free(case, theta)
    expectation = e_step(case.family, case.source, theta)
    of_likelihood = _slopes(lambda free: _log_likelihood(case, restore(free)), at)
    of_f = _slopes(lambda free: free_energy(case.family, expectation, restore(free)), at)
    assert np.abs(of_likelihood).max() > 1
    np.testing.assert_allclose(of_f, of_likelihood, rtol=1e-6, atol=1e-6)


def test_a_rise_of_the_q_function_is_at_most_that_of_the_likelihood(
    case: Case, rng: np.random.Generator
) -> None:
    """Whether the M-step is exact or goes part of the way."""
    theta = _nearby(case, rng)
    expectation = e_step(case.family, case.source, theta)
    before = free_energy(case.family, expectation, theta)
    for far in (0.01, 0.1, 0.3, 1.0):
        other = _nearby(case, rng, far)
        rise = free_energy(case.family, expectation, other) - before
        assert rise <= _log_likelihood(case, other) - _log_likelihood(case, theta) + 1e-9


def test_where_em_ends_the_likelihood_has_no_gradient(case: Case) -> None:
    theta, _ = _ended(case)
    at, restore = _free(case, theta)
    slopes = _slopes(lambda free: _log_likelihood(case, restore(free)), at)
    np.testing.assert_allclose(slopes / len(case.X), 0.0, atol=3e-6)


@pytest.mark.parametrize("name", [*COVARIANCE_TYPES, "full with gaps", "poisson", "product"])
def test_em_converges_at_the_rate_of_the_missing_information(name: str) -> None:
    r"""The derivative of a step is :math:`1 - I_{complete}^{-1} I_{observed}`; F rises by its square.

    Only where no coordinate is superfluous, as one of each set of probabilities that sum to one would be.
    """
    case = CASES[name]()
    theta, bounds = _ended(case)
    at, restore = _free(case, theta)
    expectation = e_step(case.family, case.source, theta)

    def step(free: Array) -> Array:
        after = m_step(case.family, e_step(case.family, case.source, restore(free)))
        return _free(case, after)[0]

    def information(function: Callable[[MixtureParameters], float]) -> Array:
        return -_slopes(lambda free: _slopes(lambda inner: function(restore(inner)), free, 1e-3), at, 1e-3)

    derivative = _slopes(step, at).T
    complete = information(lambda theta: free_energy(case.family, expectation, theta))
    observed = information(lambda theta: _log_likelihood(case, theta))
    expected = np.eye(len(at)) - np.linalg.solve(complete, observed)
    np.testing.assert_allclose(derivative, expected, atol=2e-3)
    rate = float(np.linalg.eigvals(derivative).real.max())
    assert 0 < rate < 1
    rises = np.diff(bounds)
    steady = (rises[:-1] > 1e-11) & (rises[:-1] < 1e-8)
    ratios = rises[1:][steady] / rises[:-1][steady]
    assert ratios[-1] == pytest.approx(rate**2, rel=0.02)


@pytest.mark.parametrize("power", [0.0, 0.5, 0.9, 1.1, 2.0, 10.0])
def test_a_tempered_posterior_is_below_the_likelihood(power: float, rng: np.random.Generator) -> None:
    joint = _log_joint(_gaussian("full"), _gaussian("full").theta)
    posterior, tempered = softmax(joint, axis=1), softmax(power * joint, axis=1)
    tempered = np.maximum(tempered, 1e-300)
    kl = float((tempered * (np.log(tempered) - np.log(posterior))).sum())
    gap = float(logsumexp(joint, axis=1).sum()) - _written(joint, tempered)
    assert gap == pytest.approx(kl, rel=1e-9) and gap > 1e-2


def test_of_hard_assignments_the_best_is_the_likeliest() -> None:
    """A q without doubt has no entropy, and F is log p(x, z)."""
    joint = _log_joint(_gaussian("full"), _gaussian("full").theta)
    q = np.eye(K)[joint.argmax(axis=1)]
    f = (q * joint).sum()
    assert f == pytest.approx(joint.max(axis=1).sum(), rel=1e-12)
    assert f < logsumexp(joint, axis=1).sum()


def test_one_row_at_a_time_f_never_falls() -> None:
    """Neal and Hinton's incremental EM: an E-step of a single row, then an M-step."""
    case = _gaussian("full")
    family, n = case.family, len(case.X)
    assert isinstance(family, GaussianFamily)
    parts = [e_step(family, ArraySource(row[None]), case.theta) for row in case.X]
    theta, path = case.theta, [sum(part.log_likelihood for part in parts)]
    for row in np.tile(np.arange(n), 3):
        parts[row] = e_step(family, ArraySource(case.X[[row]]), theta)
        together = _sum(family, parts)
        path.append(free_energy(family, together, theta))
        theta = m_step(family, together)
        path.append(free_energy(family, together, theta))
    assert np.diff(path).min() > -1e-9
    assert path[-1] > path[0] + 1


def _sum(family: GaussianFamily, parts: list[Expectation]) -> Expectation:
    statistics = parts[0].statistics
    for part in parts[1:]:
        statistics = family.combine(statistics, part.statistics, (1.0, 1.0))
    entropy = sum(part.entropy for part in parts)
    return Expectation(statistics, family.counts(statistics), np.nan, entropy, parts[0].farthest)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_equal_components_never_part(kind: str) -> None:
    """They are a stationary point, but no maximum: a way off, EM leaves them."""
    X = _gaussian(kind).X
    moments = np.cov(X.T, bias=True)
    spread = {
        "full": np.stack([moments] * K),
        "tied": moments,
        "diag": np.stack([moments.diagonal()] * K),
        "spherical": np.repeat(moments.trace() / 2, K),
    }[kind]
    family = COVARIANCE_TYPES[kind](K, 2)
    means = np.tile(X.mean(axis=0), (K, 1))

    def climbed(means: Array, steps: int) -> Array:
        theta = _mixed(GaussianParameters(means, spread))
        never: Callable[[list[float]], None] = lambda bounds: None  # noqa: E731
        return run_em(family, ArraySource(X), theta, criterion=never, max_iter=steps).free_energy_path

    still = climbed(means, 20)
    np.testing.assert_allclose(still, still[0], rtol=1e-13)
    assert climbed(means + np.array([[0.1, -0.1], [-0.1, 0.1]]), 300)[-1] > still[0] + 0.02
