from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.covariance import COLLAPSED, Layout, Matrices, Variances, collapsed
from mixtura.errors import InputError

LAYOUTS = [Matrices(), Variances()]


def spread(layout: Layout, *variances: list[float]) -> np.ndarray:
    """Covariances with these variances and nothing else."""
    given = np.array(variances)
    return given if isinstance(layout, Variances) else np.array([np.diag(row) for row in given])


def ids(layout: Layout) -> str:
    return type(layout).__name__


@pytest.mark.parametrize("layout", LAYOUTS, ids=ids)
def test_factors_are_those_of_numpy(layout: Layout) -> None:
    covariances = spread(layout, [4.0, 9.0], [1.0, 0.25])
    whitening, log_determinants = layout.factorise(covariances)
    np.testing.assert_allclose(log_determinants, np.log([36.0, 0.25]))
    np.testing.assert_allclose(layout.precision_times(whitening, np.ones((2, 2))), [[1 / 4, 1 / 9], [1, 4]])


@pytest.mark.parametrize("layout", LAYOUTS, ids=ids)
@pytest.mark.parametrize("variance", [0.0, -1.0, 1e-300, 1e-320])
def test_a_variance_whose_inverse_has_no_room_is_refused(layout: Layout, variance: float) -> None:
    with pytest.raises(InputError, match="The covariance of component 1 is not positive definite") as caught:
        layout.factorise(spread(layout, [1.0, 1.0], [1.0, variance]))
    assert str(caught.value).startswith(COLLAPSED) and "\n" not in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS, ids=ids)
def test_small_variances_in_small_units_are_not_refused(layout: Layout) -> None:
    whitening, log_determinants = layout.factorise(spread(layout, [1e-280, 1e280]))
    assert np.isfinite(whitening).all() and log_determinants[0] == pytest.approx(0.0, abs=1e-9)


def test_the_column_that_others_explain_is_named() -> None:
    matrix = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    with pytest.raises(InputError, match=r"column 2 \(from 0\) is constant or depends"):
        Matrices().factorise(matrix[None])


def test_the_first_words_are_scikit_learns() -> None:
    """Its own test of public behaviour looks for them."""
    from inspect import getsource

    from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky

    words = "".join(part for part in getsource(_compute_precision_cholesky).split('"')[1::2])
    assert COLLAPSED in words
    assert str(collapsed(3, 0.0)).startswith(COLLAPSED)
