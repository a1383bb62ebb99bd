from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.vae.settings import Settings

WRONG = [
    ("n_components", 0),
    ("n_components", None),
    ("n_components", 2.5),
    ("n_components", True),
    ("n_components", "3"),
    ("n_components", np.array([3, 4])),
    ("latent_dim", 0),
    ("max_epochs", -1),
    ("batch_size", 0),
    ("likelihood", "cauchy"),
    ("responsibilities", "learned"),
    ("procedure", "fast"),
    ("covariance_type", "full"),
    ("weights", "equal"),
    ("network", "transformer"),
    ("transforms", "flip"),
    ("start", "random"),
    ("precision", "float16"),
    ("std_floor", 0.0),
    ("std_floor", math.nan),
    ("std_floor", None),
    ("std_floor", "0.1"),
    ("learning_rate", 2.0),
    ("learning_rate", math.inf),
    ("learning_rate", True),
    ("hidden", ()),
    ("hidden", (8, 0)),
    ("hidden", (8.5,)),
    ("hidden", 8),
    ("hidden", "wide"),
]

RIGHT = [
    ("n_components", np.int64(3)),
    ("latent_dim", None),
    ("std_floor", np.float32(0.25)),
    ("learning_rate", np.float64(1e-3)),
    ("learning_rate", None),
    ("hidden", (np.int64(8), 4)),
    ("hidden", [8, 4]),
    ("transforms", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: str(value))
def test_wrong_values_are_named_with_their_range(name, value) -> None:
    with pytest.raises(InputError, match=f"^{name} must .*not ") as caught:
        Settings(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), RIGHT, ids=lambda value: str(value))
def test_numbers_of_numpy_and_lists_are_taken(name, value) -> None:
    Settings(**{name: value})


def test_settings_are_frozen_and_listed_in_order() -> None:
    assert Settings.names() == tuple(field.name for field in fields(Settings))
    with pytest.raises(FrozenInstanceError):
        Settings().n_components = 3


def test_every_setting_is_described() -> None:
    for name in Settings.names():
        assert f"\n    {name} : " in Settings.__doc__, name


def test_forward_inference_cannot_hold_an_exact_posterior_to_groups() -> None:
    with pytest.raises(InputError, match="responsibilities='amortised' or procedure='plain'"):
        Settings(inference="wake", responsibilities="exact")
    assert Settings(inference="wake", responsibilities="exact", procedure="plain").inference == "wake"
