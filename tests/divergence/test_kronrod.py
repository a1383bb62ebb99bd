from __future__ import annotations

import numpy as np
import pytest

from mixtura.divergence.kronrod import GAUSS, KRONROD, NODES


@pytest.mark.parametrize(("weights", "degree"), [(GAUSS, 19), (KRONROD, 31)])
def test_the_rules_are_exact_for_polynomials_up_to_their_degree_and_no_further(weights, degree) -> None:
    errors = [abs(weights @ NODES**k - (2 / (k + 1) if k % 2 == 0 else 0.0)) for k in range(degree + 2)]
    assert max(errors[: degree + 1]) < 1e-15
    assert errors[degree + 1] > 1e-13


def test_the_nodes_are_those_of_legendre_and_others_between() -> None:
    legendre, weights = np.polynomial.legendre.leggauss(10)
    np.testing.assert_allclose(NODES[GAUSS > 0], legendre, atol=1e-15)
    np.testing.assert_allclose(GAUSS[GAUSS > 0], weights, atol=1e-15)
    assert (np.diff(NODES) > 0).all()
