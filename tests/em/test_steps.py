"""The two steps against brute force: densities of scipy, sums over every z, maximisers that know no EM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp, softmax

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.em.posterior import responsibilities
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.product import ProductFamily
from mixtura.em.source import ArraySource
from mixtura.em.steps import (
    Expectation,
    MixtureParameters,
    e_step,
    free_energy,
    log_prior,
    m_step,
)

K, D = 2, 2
_NAN = np.nan


@dataclass(frozen=True)
class Case:
    """A family with tiny data, its parameters as a free vector, and its log-density by scipy."""

    family: Family[Any, Any]
    X: Array
    size: int
    theta: Callable[[Array], Any]
    log_density: Callable[[Any, Array], Array]
    compared: Callable[[Any], Array]
    concentration: float = 1.0


def _gaussian(kind: str, prior: bool = False) -> Case:
    X = np.array([[0.0, 1.0], [0.5, -1.0], [3.0, 2.0], [2.5, 0.3], [-1.0, 0.2], [1.0, 4.0]])
    n_free = {"full": K * 3, "tied": 3, "diag": K * D, "spherical": K}[kind]

    def factor(values: Array) -> Array:
        root = np.array([[np.exp(values[0]), 0.0], [values[1], np.exp(values[2])]])
        return root @ root.T

    def theta(free: Array) -> GaussianParameters:
        means, rest = free[: K * D].reshape(K, D), free[K * D :]
        covariances = {
            "full": lambda: np.stack([factor(part) for part in rest.reshape(K, 3)]),
            "tied": lambda: factor(rest),
            "diag": lambda: np.exp(rest).reshape(K, D),
            "spherical": lambda: np.exp(rest),
        }[kind]()
        return GaussianParameters(means, covariances)

    def log_density(theta: GaussianParameters, X: Array) -> Array:
        covariances = {
            "full": lambda c: c,
            "tied": lambda c: [c] * K,
            "diag": lambda c: [np.diag(row) for row in c],
            "spherical": lambda c: [np.eye(D) * value for value in c],
        }[kind](theta.covariances)
        return np.stack(
            [
                stats.multivariate_normal(m, c).logpdf(X)
                for m, c in zip(theta.means, covariances, strict=True)
            ],
            axis=1,
        )

    belief = None
    if prior:
        scale = np.array([[1.0, 0.2], [0.2, 0.5]]) if kind in ("full", "tied") else np.array([1.0, 0.5])
        belief = NormalInverseWishart(np.array([0.5, 0.0]), 0.7, 3.0, scale)
    return Case(
        family=COVARIANCE_TYPES[kind](K, D, prior=belief),
        X=X,
        size=K * D + n_free,
        theta=theta,
        log_density=log_density,
        compared=lambda theta: np.concatenate([theta.means.ravel(), theta.covariances.ravel()]),
        concentration=2.5 if prior else 1.0,
    )


def _bernoulli(missing: bool = False, prior: bool = False) -> Case:
    X = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1.0]])
    if missing:
        X[0, 1] = X[3, 0] = X[4] = _NAN
    family = BernoulliFamily(K, D, prior=Beta(2.0, 1.5) if prior else None)

    def log_density(theta: Any, X: Array) -> Array:
        t = theta.probabilities[:, 1::2]
        each = stats.bernoulli(t[None]).logpmf(np.nan_to_num(X)[:, None, :])
        return np.where(np.isnan(X)[:, None, :], 0.0, each).sum(axis=2)

    return Case(
        family=family,
        X=X,
        size=K * D,
        theta=lambda free: family.parameters(expit(free.reshape(K, D))),
        log_density=log_density,
        compared=lambda theta: theta.probabilities,
        concentration=1.5 if prior else 1.0,
    )


def _categorical(missing: bool = False, prior: bool = False) -> Case:
    X = np.array([[0, 2], [1, 1], [0, 0], [1, 2], [0, 1], [1, 0], [0, 2.0]])
    if missing:
        X[0, 1] = X[3, 0] = X[4] = _NAN
    family = CategoricalFamily(K, [2, 3], prior=Dirichlet(1.75) if prior else None)

    def theta(free: Array) -> Any:
        first = np.hstack([np.zeros((K, 1)), free[:K, None]])
        second = np.hstack([np.zeros((K, 1)), free[K:].reshape(K, 2)])
        return family.parameters([softmax(first, axis=1), softmax(second, axis=1)])

    def log_density(theta: Any, X: Array) -> Array:
        result = np.zeros((len(X), K))
        for i, k, j in product(range(len(X)), range(K), range(2)):
            if not np.isnan(X[i, j]):
                table = family.tables(theta)[j]
                result[i, k] += stats.multinomial(1, table[k]).logpmf(np.eye(len(table[k]))[int(X[i, j])])
        return result

    return Case(
        family=family,
        X=X,
        size=K * 3,
        theta=theta,
        log_density=log_density,
        compared=lambda theta: theta.probabilities,
        concentration=1.5 if prior else 1.0,
    )


def _poisson(missing: bool = False, prior: bool = False) -> Case:
    X = np.array([[0, 2], [1, 7], [0, 0], [5, 2], [4, 1], [1, 0.0]])
    if missing:
        X[0, 1] = X[3, 0] = X[4] = _NAN
    family = PoissonFamily(K, D, prior=Gamma(2.0, 0.5) if prior else None)

    def log_density(theta: PoissonParameters, X: Array) -> Array:
        each = stats.poisson(theta.rates[None]).logpmf(np.nan_to_num(X)[:, None, :])
        return np.where(np.isnan(X)[:, None, :], 0.0, each).sum(axis=2)

    return Case(
        family=family,
        X=X,
        size=K * D,
        theta=lambda free: PoissonParameters(np.exp(free.reshape(K, D))),
        log_density=log_density,
        compared=lambda theta: theta.rates,
        concentration=1.5 if prior else 1.0,
    )


def _product() -> Case:
    """Return columns 0 and 3 Gaussian, 1 Bernoulli, 2 Poisson, with missing entries in the discrete ones."""
    gaussian, binary, counts = _gaussian("full"), _bernoulli(True), _poisson(True)
    X = np.column_stack([gaussian.X[:, 0], binary.X[:, 0], counts.X[:, 0], gaussian.X[:, 1]])
    one_binary, one_count = BernoulliFamily(K, 1), PoissonFamily(K, 1)
    family = ProductFamily([(gaussian.family, [0, 3]), (one_binary, [1]), (one_count, [2])])
    n = gaussian.size

    return Case(
        family=family,
        X=X,
        size=n + 2 * K,
        theta=lambda free: (
            gaussian.theta(free[:n]),
            one_binary.parameters(expit(free[n : n + K, None])),
            PoissonParameters(np.exp(free[n + K :, None])),
        ),
        log_density=lambda theta, X: (
            gaussian.log_density(theta[0], X[:, [0, 3]])
            + binary.log_density(theta[1], X[:, [1]])
            + counts.log_density(theta[2], X[:, [2]])
        ),
        compared=lambda theta: np.concatenate(
            [gaussian.compared(theta[0]), theta[1].probabilities.ravel(), theta[2].rates.ravel()]
        ),
    )


CASES: dict[str, Callable[[], Case]] = {
    **{kind: (lambda kind=kind: _gaussian(kind)) for kind in COVARIANCE_TYPES},
    **{f"{kind} MAP": (lambda kind=kind: _gaussian(kind, prior=True)) for kind in COVARIANCE_TYPES},
    "bernoulli": _bernoulli,
    "bernoulli with gaps": lambda: _bernoulli(missing=True),
    "bernoulli MAP": lambda: _bernoulli(missing=True, prior=True),
    "categorical": _categorical,
    "categorical with gaps": lambda: _categorical(missing=True),
    "categorical MAP": lambda: _categorical(missing=True, prior=True),
    "poisson": _poisson,
    "poisson with gaps": lambda: _poisson(missing=True),
    "poisson MAP": lambda: _poisson(missing=True, prior=True),
    "product": _product,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def _random_theta(case: Case, rng: np.random.Generator) -> MixtureParameters:
    log_weights = log_softmax(rng.normal(size=K))
    return MixtureParameters(log_weights, case.theta(rng.normal(size=case.size) * 0.7))


def _log_joint(case: Case, theta: MixtureParameters) -> Array:
    return theta.log_weights + case.log_density(theta.components, case.X)


def _free_energy(log_joint: Array, q: Array, weights: Array | float = 1.0) -> float:
    """Return F as it is written: E_q[log p(x, z)] + H(q)."""
    entropy = -np.sum(np.where(q > 0, q * np.log(np.where(q > 0, q, 1.0)), 0.0), axis=1)
    return float((weights * ((q * log_joint).sum(axis=1) + entropy)).sum())


def _expectation(case: Case, theta: MixtureParameters, q: Array) -> Expectation:
    """Return what an E-step would leave, had it ended with q."""
    family, block = case.family, case.X.T.copy()
    prepared = family.prepare(theta.components)
    accumulator = family.zero(prepared)
    family.log_density(prepared, block, np.empty((K, len(case.X))))
    family.add(accumulator, prepared, block, q.T.copy())
    statistics = family.collect(accumulator, prepared)
    entropy = -float((q * np.log(q)).sum())
    return Expectation(statistics, family.counts(statistics), _NAN, entropy, case.X[0])


def test_log_densities_are_those_of_scipy(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng).components
    out = np.empty((K, len(case.X)))
    case.family.log_density(case.family.prepare(theta), case.X.T.copy(), out)
    np.testing.assert_allclose(out.T, case.log_density(theta, case.X), rtol=1e-12, atol=1e-12)


def test_the_likelihood_is_the_sum_over_every_assignment(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng)
    joint = _log_joint(case, theta)
    rows = np.arange(len(case.X))
    total = logsumexp([joint[rows, list(z)].sum() for z in product(range(K), repeat=len(case.X))])
    expectation = e_step(case.family, ArraySource(case.X), theta)
    assert expectation.log_likelihood == pytest.approx(total, rel=1e-12)


def test_f_at_the_posterior_is_the_likelihood(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng)
    expectation = e_step(case.family, ArraySource(case.X), theta)
    assert free_energy(case.family, expectation, theta) == pytest.approx(
        expectation.log_likelihood, rel=1e-12
    )
    joint = _log_joint(case, theta)
    assert expectation.log_likelihood == pytest.approx(_free_energy(joint, softmax(joint, axis=1)), rel=1e-12)


def test_f_from_statistics_is_f_as_written(case: Case, rng: np.random.Generator) -> None:
    """For any q and any theta, not only for those that belong together."""
    for _ in range(5):
        q = rng.dirichlet(np.ones(K), size=len(case.X))
        expectation = _expectation(case, _random_theta(case, rng), q)
        theta = _random_theta(case, rng)
        written = _free_energy(_log_joint(case, theta), q)
        assert free_energy(case.family, expectation, theta) == pytest.approx(written, rel=1e-11)


def test_maximising_f_over_q_gives_the_posterior(case: Case, rng: np.random.Generator) -> None:
    """On the simplex, from random starts, by a maximiser that knows nothing of Bayes."""
    theta = _random_theta(case, rng)
    joint = _log_joint(case, theta)

    def negative(free: Array, row: Array) -> tuple[float, Array]:
        q = softmax(free)
        slope = row - np.log(q)
        return -_free_energy(row[None], q[None]), -q * (slope - q @ slope)

    best = e_step(case.family, ArraySource(case.X), theta).log_likelihood
    posterior = joint.copy().T
    responsibilities(posterior)
    for _ in range(3):
        # F is a sum over rows, and each has a q(z) of its own.
        found = [
            minimize(negative, rng.normal(size=K), (row,), "L-BFGS-B", jac=True, tol=1e-14) for row in joint
        ]
        np.testing.assert_allclose([softmax(one.x) for one in found], posterior.T, atol=1e-6)
        assert -sum(one.fun for one in found) == pytest.approx(best, abs=1e-10)


def test_maximising_f_over_theta_gives_the_m_step(case: Case, rng: np.random.Generator) -> None:
    """In free coordinates, from a random start, by a maximiser without closed forms; MAP with a prior."""
    q = rng.dirichlet(np.ones(K), size=len(case.X))
    expectation = _expectation(case, _random_theta(case, rng), q)
    closed = m_step(case.family, expectation, case.concentration)

    def objective(theta: MixtureParameters) -> float:
        return _free_energy(_log_joint(case, theta), q) + log_prior(case.family, theta, case.concentration)

    def theta_of(free: Array) -> MixtureParameters:
        return MixtureParameters(log_softmax(np.append(0.0, free[: K - 1])), case.theta(free[K - 1 :]))

    best = objective(closed)
    start = rng.normal(size=K - 1 + case.size) * 0.3
    found = minimize(lambda free: -objective(theta_of(free)), start, method="BFGS")
    theta = theta_of(found.x)
    assert -found.fun <= best + 1e-9
    np.testing.assert_allclose(np.exp(theta.log_weights), np.exp(closed.log_weights), atol=1e-4)
    np.testing.assert_allclose(
        case.compared(theta.components), case.compared(closed.components), rtol=1e-3, atol=1e-4
    )


def test_the_m_step_maximises_the_q_function_too(case: Case, rng: np.random.Generator) -> None:
    """F(., q) and Q differ by the entropy of q, which knows no theta."""
    q = rng.dirichlet(np.ones(K), size=len(case.X))
    expectation = _expectation(case, _random_theta(case, rng), q)
    differences = []
    for _ in range(4):
        theta = _random_theta(case, rng)
        q_function = float((q * _log_joint(case, theta)).sum())
        differences.append(free_energy(case.family, expectation, theta) - q_function)
    np.testing.assert_allclose(differences, expectation.entropy, rtol=1e-10)


def test_no_half_step_lowers_f(case: Case, rng: np.random.Generator) -> None:
    for _ in range(3):
        theta = _random_theta(case, rng)
        path = []
        for _ in range(4):
            expectation = e_step(case.family, ArraySource(case.X), theta)
            path.append(expectation.log_likelihood + log_prior(case.family, theta, case.concentration))
            theta = m_step(case.family, expectation, case.concentration)
            path.append(
                free_energy(case.family, expectation, theta)
                + log_prior(case.family, theta, case.concentration)
            )
            if case.concentration == 1.0 and expectation.counts.min() < 2:
                break  # without a prior a Gaussian may fall onto one of so few points
        assert np.diff(path).min() >= -1e-9


def test_weights_are_repeated_rows(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng)
    weights = np.array([2, 0, 1, 3, 1, 2, 0])[: len(case.X)]
    weighted = e_step(case.family, ArraySource(case.X, weights.astype(float)), theta)
    repeated = e_step(case.family, ArraySource(np.repeat(case.X, weights, axis=0)), theta)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-12)
    assert weighted.entropy == pytest.approx(repeated.entropy, rel=1e-9)
    np.testing.assert_allclose(
        case.compared(m_step(case.family, weighted).components),
        case.compared(m_step(case.family, repeated).components),
        rtol=1e-9,
        atol=1e-12,
    )


def test_statistics_of_blocks_add_up(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng)
    whole = e_step(case.family, ArraySource(case.X), theta)
    blocks = e_step(case.family, ArraySource(case.X, block_size=2), theta)
    halves = [e_step(case.family, ArraySource(part), theta).statistics for part in (case.X[:2], case.X[2:])]
    other = _random_theta(case, rng).components
    expected = case.family.expected_log_density(whole.statistics, other)
    for statistics in (blocks.statistics, case.family.combine(*halves, (1.0, 1.0))):
        assert case.family.expected_log_density(statistics, other) == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(blocks.farthest, whole.farthest)


def test_combine_takes_factors(case: Case, rng: np.random.Generator) -> None:
    theta = _random_theta(case, rng)
    first, second = (
        e_step(case.family, ArraySource(part), theta).statistics for part in (case.X[:3], case.X)
    )
    mixed = case.family.combine(first, second, (0.25, 0.75))
    other = _random_theta(case, rng).components
    expected = 0.25 * case.family.expected_log_density(first, other)
    expected += 0.75 * case.family.expected_log_density(second, other)
    assert case.family.expected_log_density(mixed, other) == pytest.approx(expected, rel=1e-11)


def test_a_reseeded_component_explains_its_point_and_leaves_the_others(
    case: Case, rng: np.random.Generator
) -> None:
    theta = _random_theta(case, rng).components
    moved = case.family.reseed(theta, 1, case.X[0])
    before, after = case.log_density(theta, case.X), case.log_density(moved, case.X)
    assert np.isfinite(after).all()
    if "Tied" not in type(case.family).__name__:
        np.testing.assert_allclose(after[:, 0], before[:, 0])


def test_responsibilities_are_equal_where_nothing_is_possible() -> None:
    log_joint = np.array([[-np.inf, 0.0, -1000.0], [-np.inf, -np.inf, -1001.0]])
    log_density = responsibilities(log_joint)
    np.testing.assert_allclose(log_joint[:, 0], 0.5)
    np.testing.assert_allclose(log_joint[:, 1], [1.0, 0.0])
    np.testing.assert_allclose(log_joint[:, 2], [expit(1.0), expit(-1.0)])
    np.testing.assert_allclose(log_density, [-np.inf, 0.0, -1000 + np.log1p(np.exp(-1))])


@pytest.mark.parametrize("distance", [0.0, 3.0, 12.0, 60.0])
def test_what_is_negligible_is_left_out_unseen(distance: float, rng: np.random.Generator) -> None:
    """Components that overlap, that are told apart, and whose exponentials are below the smallest number."""
    k = 8
    means = distance * np.arange(k, dtype=float)[:, None] + rng.normal(size=(k, 1))
    X = means[rng.integers(k, size=500)] + rng.normal(size=(500, 1))
    family = COVARIANCE_TYPES["diag"](k, 1)
    theta = MixtureParameters(np.log(rng.dirichlet(np.ones(k))), GaussianParameters(means, np.ones((k, 1))))
    joint = (theta.log_weights + stats.norm(means[:, 0]).logpdf(X)).T.copy()
    expected = responsibilities(joint).sum()
    expectation = e_step(family, ArraySource(X, block_size=64), theta)
    assert expectation.log_likelihood == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(expectation.counts, joint.sum(axis=1), rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(expectation.statistics.first, joint @ X, rtol=1e-9, atol=1e-9)


def test_an_impossible_row_of_weight_zero_costs_nothing() -> None:
    family = BernoulliFamily(2, 1)
    theta = MixtureParameters(np.log([0.5, 0.5]), family.parameters(np.ones((2, 1))))
    source = ArraySource(np.array([[1.0], [0.0]]), np.array([1.0, 0.0]))
    expectation = e_step(family, source, theta)
    assert expectation.log_likelihood == 0.0
    assert expectation.counts.tolist() == [0.5, 0.5]
