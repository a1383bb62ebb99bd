from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.engine import run_em
from mixtura.em.gaussian import DiagonalGaussians, FullGaussians, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step
from mixtura.errors import InputError


def test_a_product_of_one_kind_is_that_kind(rng: np.random.Generator) -> None:
    """Diagonal Gaussians on two sets of columns, in another order, are diagonal Gaussians on all."""
    X = rng.normal(size=(50, 3)) + 3 * (rng.random((50, 1)) < 0.5)
    means, variances = rng.normal(size=(2, 3)), rng.uniform(0.5, 2, (2, 3))
    whole = DiagonalGaussians(2, 3)
    one = run_em(
        whole,
        ArraySource(X),
        MixtureParameters(np.log([0.4, 0.6]), GaussianParameters(means, variances)),
        criterion=lambda _: None,
        max_iter=8,
    )
    parts = ProductFamily([(DiagonalGaussians(2, 2), [2, 0]), (DiagonalGaussians(2, 1), [1])])
    theta = tuple(GaussianParameters(means[:, own], variances[:, own]) for own in ([2, 0], [1]))
    two = run_em(
        parts,
        ArraySource(X),
        MixtureParameters(np.log([0.4, 0.6]), theta),
        criterion=lambda _: None,
        max_iter=8,
    )
    np.testing.assert_allclose(two.free_energy_path, one.free_energy_path, rtol=1e-12)
    np.testing.assert_allclose(
        two.theta.components[0].means, one.theta.components.means[:, [2, 0]], rtol=1e-9
    )


def test_all_families_together_never_fall(rng: np.random.Generator) -> None:
    first = rng.random(200) < 0.4
    X = np.column_stack(
        [
            np.where(first, 0.0, 3.0) + rng.normal(size=200),
            rng.random(200) < np.where(first, 0.2, 0.9),
            rng.poisson(np.where(first, 1.0, 6.0)),
            rng.normal(size=200),
        ]
    ).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    family = ProductFamily(
        [
            (missing_family(FullGaussians(2, 2)), [0, 3]),
            (BernoulliFamily(2, 1), [1]),
            (PoissonFamily(2, 1), [2]),
        ]
    )
    theta = (
        GaussianParameters(np.array([[0.0, 0.0], [1.0, 0.0]]), np.stack([np.eye(2)] * 2)),
        family.parts[1].parameters(np.array([[0.4], [0.6]])),
        PoissonParameters(np.array([[2.0], [3.0]])),
    )
    start = MixtureParameters(np.log([0.5, 0.5]), theta)
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=40)
    assert np.diff(result.free_energy_path).min() > -1e-11
    soft = e_step(family, ArraySource(X), result.theta).counts / 200
    np.testing.assert_allclose(soft, [first.mean(), 1 - first.mean()], atol=0.05)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one family"),
        ([(BernoulliFamily(2, 1), [0]), (PoissonFamily(2, 1), [2])], r"have the columns \[0, 2\]"),
        ([(BernoulliFamily(2, 1), [0]), (PoissonFamily(2, 1), [0])], r"have the columns \[0, 0\]"),
        (
            [(BernoulliFamily(2, 1), [0]), (PoissonFamily(3, 1), [1])],
            r"one number of components, not \[2, 3\]",
        ),
        ([(BernoulliFamily(2, 2), [0])], "BernoulliFamily has 2 features and was given 1 columns"),
    ],
)
def test_parts_that_do_not_make_a_table_are_refused(parts: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ProductFamily(parts)


def test_a_component_that_lost_its_points_is_moved_in_all_parts(rng: np.random.Generator) -> None:
    bits = (rng.random((50, 1)) < 0.5).astype(float)
    X = np.hstack([bits, rng.poisson(1 + 8 * bits), bits + 0.1 * rng.normal(size=(50, 1))])
    X[rng.random(X.shape) < 0.1] = np.nan
    family = ProductFamily(
        [
            (BernoulliFamily(2, 1), [0]),
            (PoissonFamily(2, 1), [1]),
            (missing_family(DiagonalGaussians(2, 1)), [2]),
        ]
    )
    theta = (
        family.parts[0].parameters(np.array([[0.5], [0.5]])),
        PoissonParameters(np.array([[5.0], [5.0]])),
        GaussianParameters(np.array([[0.5], [0.5]]), np.ones((2, 1))),
    )
    with np.errstate(divide="ignore"):
        start = MixtureParameters(np.log([1.0, 0.0]), theta)
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=60)
    assert [finding.name for finding in result.findings] == ["component-reseeded"]
    assert np.diff(result.free_energy_path).min() > -1e-11
    np.testing.assert_allclose(np.sort(result.theta.components[1].rates[:, 0]), [1.0, 9.0], rtol=0.25)


def test_rounding_is_that_of_the_worst_part() -> None:
    gaussians = FullGaussians(1, 2)
    near = np.array([[[1.0, 1 - 1e-8], [1 - 1e-8, 1.0]]])
    theta = GaussianParameters(np.zeros((1, 2)), near)
    family = ProductFamily([(BernoulliFamily(1, 1), [0]), (missing_family(gaussians), [1, 2])])
    whole = (family.parts[0].parameters(np.array([[0.5]])), theta)
    assert family.rounding(whole) == gaussians.rounding(theta) > 1e-7
