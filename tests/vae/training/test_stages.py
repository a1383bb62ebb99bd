from __future__ import annotations

from itertools import product

import pytest

from mixtura.vae.settings import Settings
from mixtura.vae.training.stages import ALL_PARTS, plan, training_std_floor, without_groups

KINDS = [
    Settings(procedure=procedure, responsibilities=responsibilities)
    for procedure, responsibilities in product(("default", "plain"), ("exact", "amortised"))
]
each_kind = pytest.mark.parametrize("settings", KINDS, ids=lambda s: f"{s.procedure}-{s.responsibilities}")


@each_kind
def test_every_part_is_trained_by_some_stage(settings) -> None:
    trained = {part for stage in plan(settings) for part in stage.parts}
    needed = set(ALL_PARTS)
    if settings.responsibilities == "exact":  # they have no parameters
        needed.discard("responsibilities")
        trained.discard("responsibilities")
    assert trained == needed


@each_kind
def test_the_last_stage_ends_at_the_floor_that_was_asked_for(settings) -> None:
    assert plan(settings)[-1].std_floor[1] == settings.std_floor


@each_kind
def test_names_tell_the_stages_apart_and_shares_are_positive(settings) -> None:
    stages = plan(settings)
    assert len({stage.name for stage in stages}) == len(stages)
    assert all(stage.share > 0 for stage in stages)
    assert set().union(*(stage.parts for stage in stages)) <= set(ALL_PARTS)


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_plain_is_the_pure_bound_of_the_source(responsibilities) -> None:
    (stage,) = plan(Settings(procedure="plain", responsibilities=responsibilities))
    assert stage.parts == ALL_PARTS
    assert (stage.z, stage.transform, stage.regroup) == ("model", False, False)
    assert (stage.group_weight, stage.prior_weight) == (0.0, 1.0)


@each_kind
def test_the_last_stage_is_the_pure_bound(settings) -> None:
    stage = plan(settings)[-1]
    assert stage.group_weight == 0
    assert not stage.transform


@pytest.mark.parametrize("domain", ["unit", "real", "binary"])
def test_training_floor_grows_with_the_values_up_to_a_limit(domain) -> None:
    floors = [training_std_floor(n, domain) for n in (1, 16, 196, 784, 3072)]
    assert floors == sorted(floors)
    assert floors[-1] == floors[-2]
    assert floors[1] == pytest.approx(4 * floors[0])
    assert floors[0] > 0


@each_kind
def test_groups_that_are_none_teach_nobody(settings) -> None:
    learned = settings.responsibilities == "amortised"
    for stage in plan(settings)[1:]:
        now = without_groups(stage, learned=learned)
        assert now.group_weight == 0
        if learned:
            assert (now.teacher, now.z, now.parts) == ("prior", "exact", ALL_PARTS)
        else:
            assert now.parts == stage.parts


@pytest.mark.parametrize("on_rows", [False, True])
def test_forward_inference_fits_q_once_groups_are_found(on_rows) -> None:
    stages = plan(Settings(inference="wake"), on_rows=on_rows)
    fitted = [stage.name for stage in stages if stage.inference == "wake"]
    assert fitted == (["joint", "density"] if on_rows else ["density"])
    assert all((stage.n_draws > 1) == (stage.name in fitted) for stage in stages)
    (plain,) = plan(Settings(inference="sleep", procedure="plain", responsibilities="exact"))
    assert plain.inference == "sleep"
