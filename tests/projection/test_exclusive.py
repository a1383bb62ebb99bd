from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from torch import distributions as td

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.covariances import FAMILIES, family_of
from mixtura.projection.exclusive import exclusive
from mixtura.projection.target import as_target


def random_mixture(d: int, seed: int, count: int = 3, spread: float = 2.0) -> td.MixtureSameFamily:
    rng = np.random.default_rng([d, seed])
    roots = rng.normal(size=(count, d, 2 * d)) / np.sqrt(2 * d)
    covariances = roots @ roots.transpose(0, 2, 1) * np.exp(0.5 * rng.normal(size=(count, 1, 1)))
    return gaussian_mixture(
        rng.dirichlet(np.full(count, 5.0)), spread * rng.normal(size=(count, d)), covariances
    )


def correlated(d: int) -> td.MultivariateNormal:
    source = torch.Generator().manual_seed(d)
    root = torch.randn(d, 2 * d, generator=source, dtype=torch.float64)
    return td.MultivariateNormal(torch.arange(d, dtype=torch.float64), root @ root.T / d)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_a_gaussian_target_is_met_exactly(name, d) -> None:
    target = correlated(d)
    (best,) = exclusive(as_target(target), name).optima
    expected = family_of(name, d).tightest(target.scale_tril)
    torch.testing.assert_close(best.mean, target.loc, atol=1e-9, rtol=0)
    torch.testing.assert_close(best.scale_tril, expected, atol=1e-9, rtol=1e-9)
    kl = td.kl_divergence(td.MultivariateNormal(best.mean, scale_tril=expected), target)
    assert best.kl == pytest.approx(float(kl), abs=1e-9)
    assert best.kl_error < 1e-9 and best.kind == "minimum"


def by_brute_force(
    mixture: td.MixtureSameFamily, mean: np.ndarray, factor: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the optimum near a Gaussian in two dimensions, on a product of Gauss-Hermite rules."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    masses = np.outer(weights, weights).ravel() / (2 * np.pi)
    components = mixture.component_distribution
    roots = [np.linalg.inv(np.linalg.cholesky(c.numpy())) for c in components.covariance_matrix]
    constants = [
        np.log(w) + np.log(np.diag(r)).sum() - np.log(2 * np.pi)
        for w, r in zip(mixture.mixture_distribution.probs.numpy(), roots, strict=True)
    ]

    def divergence(x: np.ndarray) -> float:
        L = np.array([[np.exp(x[2]), 0.0], [x[4], np.exp(x[3])]])
        points = x[:2] + grid @ L.T
        joint = [
            c - 0.5 * (((points - m) @ r.T) ** 2).sum(axis=1)
            for c, m, r in zip(constants, components.loc.numpy(), roots, strict=True)
        ]
        return -x[2] - x[3] - 1 - np.log(2 * np.pi) - masses @ logsumexp(joint, axis=0)

    start = np.array([*mean, *np.log(np.diag(factor)), factor[1, 0]])
    found = minimize(divergence, start, method="BFGS", options={"gtol": 1e-6})
    return float(found.fun), found.x


@pytest.mark.parametrize("seed", range(3))
def test_optima_agree_with_brute_force(seed) -> None:
    mixture = random_mixture(2, seed)
    for point in exclusive(as_target(mixture)).optima[:2]:
        kl, x = by_brute_force(mixture, point.mean.numpy(), point.scale_tril.numpy())
        assert point.kl == pytest.approx(kl, abs=4 * point.kl_error + 1e-4)
        found = [*point.mean, *point.scale_tril.diagonal().log(), point.scale_tril[1, 0]]
        np.testing.assert_allclose(found, x, atol=0.02)


@pytest.mark.parametrize("d", [2, 10])
def test_components_far_apart_are_each_a_minimum(d) -> None:
    weights = [0.2, 0.5, 0.3]
    means = (
        40 * torch.eye(3, d, dtype=torch.float64) if d >= 3 else torch.tensor([[0.0, 40], [0, -40], [40, 0]])
    )
    optima = exclusive(as_target(gaussian_mixture(weights, means, torch.ones(3, d)))).optima[:3]
    assert [point.kind for point in optima] == ["minimum"] * 3
    expected = sorted(-math.log(weight) for weight in weights)
    assert [point.kl for point in optima] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_affine_maps_of_the_family_move_the_answer_along(name) -> None:
    scale = {
        "full": torch.tensor([[1e3, 0.0], [5e2, 1e-3]]),
        "diag": torch.diag(torch.tensor([1e3, 1e-3])),
        "spherical": 1e-3 * torch.eye(2),
    }[name].double()
    shift = torch.tensor([1e3, -1e-3], dtype=torch.float64)
    mixture = random_mixture(2, 1)
    components = mixture.component_distribution
    moved = td.MixtureSameFamily(
        mixture.mixture_distribution,
        td.MultivariateNormal(components.loc @ scale.T + shift, scale_tril=scale @ components.scale_tril),
    )
    here, there = exclusive(as_target(mixture), name).optima, exclusive(as_target(moved), name).optima
    assert len(here) == len(there)
    for one, other in zip(here, there, strict=True):
        assert other.kl == pytest.approx(one.kl, abs=1e-6)
        white = torch.linalg.solve_triangular(scale @ one.scale_tril, other.scale_tril, upper=False)
        torch.testing.assert_close(white, torch.eye(2, dtype=torch.float64), atol=1e-4, rtol=0)


def test_a_saddle_between_two_modes_is_left_for_both() -> None:
    # The search may begin at the centre alone, from where symmetry shows it no way down.
    mixture = gaussian_mixture([0.5, 0.5], torch.tensor([[-2.0, 0.0], [2.0, 0.0]]), torch.tensor([0.5, 0.5]))
    found = exclusive(as_target(mixture), "spherical").optima
    minima = [point for point in found if point.kind == "minimum"]
    assert sorted(round(float(point.mean[0])) for point in minima)[:: len(minima) - 1] == [-2, 2]
    assert all(point.kl >= minima[0].kl for point in found)


def test_answers_are_the_generators_alone() -> None:
    target = as_target(random_mixture(2, 0))
    before = torch.random.get_rng_state()
    one, again = exclusive(target), exclusive(target, generator=torch.Generator().manual_seed(0))
    other = exclusive(target, generator=torch.Generator().manual_seed(5))
    assert torch.equal(one.optima[0].mean, again.optima[0].mean) and one.optima[0].kl == again.optima[0].kl
    assert not torch.equal(one.optima[0].mean, other.optima[0].mean)
    assert one.optima[0].kl == pytest.approx(other.optima[0].kl, abs=5e-3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_best_comes_first_and_more_nodes_agree() -> None:
    target = as_target(random_mixture(5, 2))
    few, many = exclusive(target, n_samples=1024), exclusive(target, n_samples=16384)
    for answer in (few, many):
        assert [point.kl for point in answer.optima] == sorted(point.kl for point in answer.optima)
    error = math.hypot(few.optima[0].kl_error, many.optima[0].kl_error)
    assert few.optima[0].kl == pytest.approx(many.optima[0].kl, abs=5 * error + 2e-3)


@pytest.mark.parametrize("form", ["torch", "numpy", "numpy with gradient"])
def test_log_densities_agree_with_the_mixture(form) -> None:
    mixture = random_mixture(2, 1)
    exact = exclusive(as_target(mixture)).optima[0]

    def by_numpy(x: np.ndarray) -> np.ndarray:
        return mixture.log_prob(torch.from_numpy(np.array(x))).numpy() + 7.0

    def slope(x: np.ndarray) -> np.ndarray:
        return as_target(mixture).gradient(torch.from_numpy(np.array(x))).numpy()

    target = {
        "torch": lambda: as_target(lambda x: mixture.log_prob(x) - 3.0, dimension=2),
        "numpy": lambda: as_target(by_numpy, dimension=2),
        "numpy with gradient": lambda: as_target(by_numpy, gradient=slope, dimension=2),
    }[form]()
    answer = exclusive(target, n_starts=9)
    best = answer.optima[0]
    assert best.kl == pytest.approx(exact.kl, abs=4 * math.hypot(best.kl_error, exact.kl_error) + 2e-3)
    torch.testing.assert_close(best.mean, exact.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(best.scale_tril, exact.scale_tril, atol=0.05, rtol=0)
    assert [finding.name for finding in answer.findings] == ["importance-weights"]


def test_a_banana() -> None:
    def banana(x: torch.Tensor) -> torch.Tensor:
        return -0.125 * x[:, 0] ** 2 - 2 * (x[:, 1] - x[:, 0] ** 2 / 4) ** 2

    best = exclusive(as_target(banana, dimension=2), n_starts=9).optima[0]
    # E_q[log p] is a polynomial in m and s: the optimum of q = N((0, m), diag(s^2, t^2)) by hand.
    # t^2 = 1/4, m = s^2 / 4, and the rest is log s - s^2 / 8 - s^4 / 4.
    s = math.sqrt((-0.25 + math.sqrt(0.0625 + 4)) / 2)
    assert float(best.scale_tril[0, 0]) == pytest.approx(s, rel=5e-3)
    assert float(best.scale_tril[1, 1]) == pytest.approx(0.5, rel=5e-3)
    assert best.mean.tolist() == pytest.approx([0.0, s * s / 4], abs=5e-3)
    kl = -math.log(s * 0.5) - 1 + s * s / 8 + 0.5 + s**4 / 4 + math.log(2 * 0.5)
    assert best.kl == pytest.approx(kl, abs=4 * best.kl_error)


def test_two_moons_have_two_optima() -> None:
    def moons(x: torch.Tensor) -> torch.Tensor:
        ring = -0.5 * ((x.norm(dim=1) - 2) / 0.4) ** 2
        return ring + torch.logaddexp(-0.5 * ((x[:, 0] - 2) / 0.6) ** 2, -0.5 * ((x[:, 0] + 2) / 0.6) ** 2)

    found = exclusive(as_target(moons, dimension=2), n_starts=15).optima
    assert sorted(round(float(point.mean[0]), 1) for point in found[:2]) == [-1.9, 1.9]
    assert found[0].kl == pytest.approx(found[1].kl, abs=1e-3)


def test_other_distributions_need_no_normaliser() -> None:
    laplace = td.Independent(td.Laplace(torch.zeros(2), torch.tensor([1.0, 100.0])), 1)
    answer = exclusive(as_target(laplace), n_starts=6, n_samples=2048)
    assert answer.findings == ()
    # For one Laplace: E_q|x| = sd sqrt(2 / pi), so sd = sqrt(pi / 2) of its scale.
    sd = math.sqrt(math.pi / 2)
    kl = math.log(2) + sd * math.sqrt(2 / math.pi) - math.log(sd) - 0.5 * (1 + math.log(2 * math.pi))
    assert answer.optima[0].kl == pytest.approx(2 * kl, abs=4 * answer.optima[0].kl_error + 1e-4)
    assert answer.optima[0].scale_tril.diagonal().tolist() == pytest.approx([sd, 100 * sd], rel=0.01)


WRONG = {
    "positive support": (
        td.Independent(td.Gamma(torch.ones(2), 1.0), 1),
        "support of Independent is bounded, from 0",
    ),
    "simplex": (td.Dirichlet(torch.ones(3)), "vanishes at"),
    "box": (lambda x: torch.where((x.abs() < 1).all(dim=1), 0.0, -torch.inf), "vanishes at"),
    "flat": (lambda x: 0 * x.sum(dim=1), "is not integrable"),
    "growing": (lambda x: x.sum(dim=1), "is not integrable"),
    "flat far out": (lambda x: (-0.5 * x.square().sum(dim=1)).clamp_min(-50.0), "is not integrable"),
    "falling too slowly": (lambda x: -torch.log1p(x.square().sum(dim=1)), "is not integrable"),
    "a ridge": (lambda x: -0.5 * x[:, 0].square() + 0 * x[:, 1], "is not integrable"),
    "nowhere": (lambda x: torch.full((len(x),), -torch.inf), "-inf at all of"),
    "not a number": (
        lambda x: -0.5 * x.square().sum(dim=1) + 0 / torch.where(x[:, 0] > 0.5, 0.0, 1.0),
        "is nan at x = (",
    ),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_is_said(name) -> None:
    given, message = WRONG[name]
    target = as_target(given) if isinstance(given, td.Distribution) else as_target(given, dimension=2)
    with pytest.raises(InputError) as caught:
        exclusive(target)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "mixture",
    [
        gaussian_mixture([0.3, 0.7], np.array([[-5e5, 0.0], [5e5, 0.0]]), np.ones(2)),
        gaussian_mixture(
            [0.3, 0.7], np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[1e-12, 1e-12], [1e12, 1.0]])
        ),
        gaussian_mixture([0.3, 0.7], np.array([[-1e6, -1e6], [1e6, 1e6]]), np.full(2, 1e-12)),
        gaussian_mixture([0.5, 0.5, 0.0], np.array([[-9.0, 0.0], [9.0, 0.0], [50.0, 0.0]]), np.ones(3)),
    ],
)
def test_extreme_mixtures(mixture) -> None:
    for point in exclusive(as_target(mixture)).optima[:2]:
        weight = mixture.mixture_distribution.probs
        assert any(point.kl == pytest.approx(-math.log(float(w)), abs=1e-3) for w in weight if w > 0)


@pytest.mark.slow
def test_many_dimensions() -> None:
    means = torch.randn(3, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixture = gaussian_mixture([0.2, 0.5, 0.3], means, torch.tensor([0.5, 1.0, 2.0]).double())
    for name in ("full", "diag"):
        optima = exclusive(as_target(mixture), name).optima[:3]
        assert optima[0].kl == pytest.approx(-math.log(0.5), abs=0.02)


@pytest.mark.slow
def test_many_components() -> None:
    rng = np.random.default_rng(0)
    means = 10 * rng.normal(size=(30, 2))
    answer = exclusive(as_target(gaussian_mixture(np.full(30, 1 / 30), means, np.ones(30))))
    assert answer.optima[0].kl < math.log(30)
