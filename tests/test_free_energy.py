from __future__ import annotations

import numpy as np
import pytest

from mixtura.free_energy import FreeEnergy

TERMS = FreeEnergy({"reconstruction": -3.0}, {"cluster": 0.5, "conditional_prior": -0.25})


def test_bound_is_gains_less_costs() -> None:
    assert TERMS.bound == -3.25
    assert FreeEnergy({"a": 1.0, "b": 2.0}, {}).bound == 3


def test_names_keep_their_order_and_sign() -> None:
    assert list(TERMS.as_dict()) == ["bound", "reconstruction", "cluster", "conditional_prior"]
    assert TERMS.terms == {"reconstruction": -3.0, "cluster": 0.5, "conditional_prior": -0.25}


def test_map_goes_through_every_term_and_not_the_bound() -> None:
    rows = FreeEnergy({"gain": np.array([1.0, 3.0])}, {"cost": np.array([0.0, 1.0])})
    np.testing.assert_array_equal(rows.bound, [1.0, 2.0])
    means = rows.map(np.mean)
    assert means.as_dict() == {"bound": 1.5, "gain": 2.0, "cost": 0.5}
    assert isinstance(means, FreeEnergy)


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        TERMS.gains = {}
