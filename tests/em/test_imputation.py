"""Conditional means and draws against the textbook's conditionals, and rows to start from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal, norm

from mixtura.em.gaussian import COVARIANCE_TYPES, FullGaussians, GaussianParameters
from mixtura.em.imputation import fill, impute
from mixtura.em.missing import missing_family
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError

_MEANS = np.array([[0.0, 1.0, -1.0], [2.0, -1.0, 0.5]])
_FULL = np.array(
    [
        [[1.0, 0.6, 0.2], [0.6, 2.0, -0.5], [0.2, -0.5, 0.7]],
        [[0.5, -0.1, 0.3], [-0.1, 0.3, 0.0], [0.3, 0.0, 1.0]],
    ]
)
_COVARIANCES = {
    "full": (_FULL, _FULL),
    "tied": (_FULL[0], np.array([_FULL[0], _FULL[0]])),
    "diag": (np.array([[1.0, 2.0, 0.5], [0.3, 0.6, 1.0]]), None),
    "spherical": (np.array([1.5, 0.4]), None),
}
KINDS = sorted(COVARIANCE_TYPES)


def _theta(kind: str) -> tuple[MixtureParameters, np.ndarray]:
    """Return parameters, and their covariances as matrices."""
    covariances, matrices = _COVARIANCES[kind]
    if matrices is None:
        matrices = np.array([np.diag(np.broadcast_to(row, 3)) for row in covariances])
    return MixtureParameters(np.log([0.3, 0.7]), GaussianParameters(_MEANS, covariances)), matrices


def _conditionals(theta: MixtureParameters, matrices: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the weights, means and covariances of the mixture of what is missing in a row."""
    o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
    weights, means, covariances = np.exp(theta.log_weights), [], []
    for k in range(2):
        if len(o):
            weights[k] *= multivariate_normal(_MEANS[k, o], matrices[k][np.ix_(o, o)]).pdf(row[o])
        gain = matrices[k][np.ix_(m, o)] @ np.linalg.inv(matrices[k][np.ix_(o, o)])
        means.append(_MEANS[k, m] + gain @ (row[o] - _MEANS[k, o]))
        covariances.append(matrices[k][np.ix_(m, m)] - gain @ matrices[k][np.ix_(o, m)])
    return weights / weights.sum(), np.array(means), np.array(covariances)


def _rows(n: int) -> np.ndarray:
    random = np.random.default_rng(0)
    rows = random.normal(size=(n, 3))
    rows[random.random((n, 3)) < 0.4] = np.nan
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_means_are_those_of_the_mixture(kind: str) -> None:
    theta, matrices = _theta(kind)
    rows = np.vstack([_rows(40), np.full((1, 3), np.nan)])
    filled = impute(COVARIANCE_TYPES[kind](2, 3), theta, rows)
    for row, full in zip(rows, filled, strict=True):
        missing = np.isnan(row)
        if missing.any():
            weights, means, _ = _conditionals(theta, matrices, row)
            np.testing.assert_allclose(full[missing], weights @ means, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("draws", [None, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_observed_entries_keep_their_bits_and_their_type(kind: str, draws: int | None, dtype: type) -> None:
    rows = (_rows(50) * 1e3 + 0.1).astype(dtype)
    before = rows.tobytes()
    theta, _ = _theta(kind)
    filled = impute(COVARIANCE_TYPES[kind](2, 3), theta, rows, draws=draws)
    assert rows.tobytes() == before
    assert filled.dtype == dtype
    assert np.isfinite(filled).all()
    for one in filled if draws else [filled]:
        assert one[~np.isnan(rows)].tobytes() == rows[~np.isnan(rows)].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_conditional_mixture(kind: str) -> None:
    theta, matrices = _theta(kind)
    row = np.array([0.8, np.nan, np.nan])
    weights, means, covariances = _conditionals(theta, matrices, row)
    drawn = impute(
        COVARIANCE_TYPES[kind](2, 3), theta, row[None], draws=4000, generator=np.random.default_rng(3)
    )[:, 0, 1:]
    # A sum of the two shows their correlation.
    for direction in (np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0])):
        centres = means @ direction
        widths = np.sqrt(np.einsum("i,kij,j->k", direction, covariances, direction))

        def cumulative(
            x: np.ndarray, centres: np.ndarray = centres, widths: np.ndarray = widths
        ) -> np.ndarray:
            return np.asarray(norm.cdf(x[:, None], centres, widths) @ weights)

        assert kstest(drawn @ direction, cumulative).pvalue > 1e-3


def test_draws_are_those_of_their_seed_and_leave_the_global_state_alone() -> None:
    theta, _ = _theta("full")
    family, rows = FullGaussians(2, 3), _rows(20)
    state = np.random.get_state()[1].tobytes()
    first, again, other = (
        impute(family, theta, rows, draws=3, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.random.get_state()[1].tobytes() == state
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert first.shape == (3, 20, 3)
    assert (first[0] != first[1])[np.isnan(rows)].all()


def test_a_family_for_missing_values_and_the_one_it_wraps_are_both_taken() -> None:
    theta, _ = _theta("full")
    family, rows = FullGaussians(2, 3), _rows(20)
    np.testing.assert_array_equal(impute(family, theta, rows), impute(missing_family(family), theta, rows))


def test_parameters_about_an_origin_fill_as_those_about_zero() -> None:
    theta, _ = _theta("full")
    origin, rows = np.array([64.0, -128.0, 32.0]), _rows(20)
    np.testing.assert_allclose(
        impute(FullGaussians(2, 3), theta, rows + origin, origin=origin),
        impute(FullGaussians(2, 3), theta, rows) + origin,
        rtol=1e-12,
    )


def test_complete_rows_come_back_as_they_are() -> None:
    theta, _ = _theta("full")
    rows = np.random.default_rng(0).normal(size=(5, 3))
    assert impute(FullGaussians(2, 3), theta, rows).tobytes() == rows.tobytes()
    assert impute(FullGaussians(2, 3), theta, rows, draws=2)[1].tobytes() == rows.tobytes()


def test_no_draws_are_refused() -> None:
    theta, _ = _theta("full")
    with pytest.raises(InputError, match=r"^draws must be at least 1, not 0$"):
        impute(FullGaussians(2, 3), theta, _rows(2), draws=0)


def test_filled_rows_are_complete_and_use_the_other_columns() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=500)
    rows = np.column_stack([first, 2 * first + 0.1 * random.normal(size=500)])
    holes = rows.copy()
    holes[:200, 1] = np.nan
    filled = fill(holes)
    np.testing.assert_array_equal(filled[200:], rows[200:])
    assert np.sqrt(np.mean((filled[:200, 1] - rows[:200, 1]) ** 2)) < 0.25
    origin = np.array([1.0, 2.0])
    np.testing.assert_array_equal(fill(holes, origin=origin), filled - origin)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[1.0, np.nan, 3.0, 4.0, 5.0], [2.0, 2.0, np.nan, 4.0, 6.0]]),
        np.array([[1.0, 7.0], [np.nan, 7.0], [3.0, np.nan]]),
        np.array([[1.0, 2.0], [2.0, np.nan], [3.0, 6.0], [np.nan, 8.0]]),
        np.array([[1e-9, 1e9], [np.nan, 2e9], [3e-9, np.nan], [np.nan, np.nan]]),
    ],
    ids=["fewer rows than columns", "a constant column", "collinear columns", "scales and an empty row"],
)
def test_any_table_can_be_filled(rows: np.ndarray) -> None:
    filled = fill(rows)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])


@pytest.mark.parametrize("factor", [1e-6, 4.0, 1e6])
def test_only_the_proportions_of_weights_count_for_a_start(factor: float) -> None:
    rows, weights = _rows(80), np.random.default_rng(1).random(80) + 0.1
    np.testing.assert_allclose(fill(rows, factor * weights), fill(rows, weights), rtol=1e-9, atol=1e-12)


def test_a_column_without_values_cannot_be_filled() -> None:
    with pytest.raises(InputError, match=r"column 1 \(from 0\) has no observed value"):
        fill(np.array([[1.0, np.nan], [2.0, np.nan]]))
