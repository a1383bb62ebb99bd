from __future__ import annotations

import pytest

from mixtura.errors import InputError
from mixtura.vae.training.vae_stages import vae_plan

FLOOR = (0.3, 0.05)


def test_the_prior_is_never_trained():
    for choice in ({}, {"objective": "iwae", "n_draws": 4}, {"inference": "sleep"}):
        (stage,) = vae_plan(std_floor=FLOOR, **choice)
        assert stage.parts == ("posterior", "likelihood") and stage.std_floor == FLOOR


def test_the_kl_is_weighed_where_there_is_one():
    assert vae_plan(beta=0.01, std_floor=FLOOR)[0].prior_weight == 0.01
    assert vae_plan(beta=8.0, std_floor=FLOOR)[0].prior_weight < 1
    assert vae_plan(inference="wake", n_draws=4, std_floor=FLOOR)[0].prior_weight == 1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"beta": 2.0, "inference": "sleep"}, "inference='sleep' does not fit q"),
        ({"beta": 2.0, "objective": "iwae", "n_draws": 4}, "leave out beta=2.0"),
        ({"objective": "iwae", "inference": "sleep", "n_draws": 4}, "leave out inference='sleep'"),
        ({"objective": "iwae"}, "n_draws must be 2 or more"),
        ({"inference": "wake", "n_draws": 1}, "n_draws must be 2 or more"),
    ],
)
def test_contradictions_are_refused(choice, message):
    with pytest.raises(InputError, match=message):
        vae_plan(std_floor=FLOOR, **choice)
