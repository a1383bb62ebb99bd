from __future__ import annotations

import pytest

from mixtura.errors import InputError
from mixtura.vae.training.vae_stages import vae_epochs, vae_plan

FLOOR = (0.3, 0.05)


def test_the_prior_is_never_trained():
    for choice in ({}, {"objective": "iwae", "n_draws": 4}, {"inference": "sleep"}):
        (stage,) = vae_plan(std_floor=FLOOR, **choice)
        assert stage.parts == ("posterior", "likelihood") and stage.std_floor == FLOOR


def test_the_kl_is_weighed_where_there_is_one():
    assert vae_plan(beta=0.01, std_floor=FLOOR)[0].prior_weight == 0.01
    assert vae_plan(beta=8.0, std_floor=FLOOR)[0].prior_weight < 1
    assert vae_plan(beta=8.0, std_floor=FLOOR)[0].rise > vae_plan(std_floor=FLOOR)[0].rise
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


@pytest.mark.parametrize(("n_rows", "batch", "epochs"), [(10**6, 256, 33), (5_000, 128, 60), (64, 64, 600)])
def test_few_rows_get_steps_and_many_no_more_passes_than_they_need(n_rows, batch, epochs):
    assert vae_epochs(n_rows, batch) == epochs
