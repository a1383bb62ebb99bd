from __future__ import annotations

import pytest
import torch
from torch import distributions as td

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.covariances import family_of
from mixtura.projection.explore import explore, require_positive, weigh
from mixtura.projection.function_landscape import FunctionLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.target import Target, as_target


def objective(target: Target) -> Objective:
    nodes = whitened_nodes(target.dimension, 128, torch.Generator().manual_seed(0))
    return Objective(FunctionLandscape(target), family_of("full", target.dimension), nodes)


def found_in(target: Target, n_starts: int | None = None, **options):
    return explore(target, objective(target), n_starts, torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize(("centre", "scale"), [(0.0, 1.0), (1e6, 1e-3), (-1e3, 1e6), (0.0, 1e-9)])
def test_a_gaussian_is_found_wherever_it_is(centre, scale) -> None:
    target = as_target(lambda x: -0.5 * (((x - centre) / scale) ** 2).sum(dim=1), dimension=2)
    found = found_in(target)
    assert len(found.value) == 1
    torch.testing.assert_close(
        found.scale_tril[0], scale * torch.eye(2, dtype=torch.float64), rtol=1e-4, atol=1e-4 * scale
    )
    assert float((found.mean[0] - centre).abs().max()) < 1e-3 * scale + 1e-9 * abs(centre)


def test_every_mode_of_a_distribution_is_found_from_draws() -> None:
    students = td.Independent(td.StudentT(5.0, torch.tensor([[-9.0, 0.0], [9.0, 0.0]])), 1)
    target = as_target(td.MixtureSameFamily(td.Categorical(torch.ones(2)), students))
    tops = found_in(target).mean[:2, 0]
    assert sorted(tops.round().tolist()) == [-9.0, 9.0]


def test_points_lead_to_what_was_missed() -> None:
    apart = torch.tensor([[-4.0, 0.0], [4.0, 0.0]], dtype=torch.float64)
    target = as_target(gaussian_mixture([0.5, 0.5], apart, torch.ones(2)).log_prob, dimension=2)
    both = found_in(target)
    one = both.take(slice(1))
    found, points = weigh(target, objective(target), one, 4096, torch.Generator().manual_seed(0))
    assert len(found.value) >= 2
    assert abs(points.log_normaliser) < 5 * points.log_normaliser_error + 1e-3


def test_where_a_density_vanishes() -> None:
    box = as_target(lambda x: torch.where((x.abs() < 1).all(dim=1), 0.0, -torch.inf), dimension=2)
    with pytest.raises(InputError, match=r"vanishes at \(.*\): KL\(q \|\| p\) is infinite"):
        found_in(box)
    inside = found_in(box, everywhere_positive=False)
    assert len(inside.value) >= 1 and bool((inside.mean.abs() < 1).all())


def test_a_flat_direction_is_not_integrable() -> None:
    ridge = as_target(lambda x: -0.5 * x[:, 0].square() + 0 * x[:, 1], dimension=2)
    with pytest.raises(InputError, match=r"not integrable: along \(.*1\)"):
        found_in(ridge)


def test_a_target_that_is_nowhere() -> None:
    nowhere = as_target(lambda x: torch.full((len(x),), -torch.inf), dimension=2)
    with pytest.raises(InputError, match="is -inf at all of"):
        found_in(nowhere)


def test_few_starts_are_enough_for_an_easy_target() -> None:
    target = as_target(lambda x: -0.5 * x.square().sum(dim=1), dimension=2)
    assert len(found_in(target, 1).value) == 1


def test_require_positive_names_the_point() -> None:
    half = as_target(lambda x: torch.where(x[:, 0] > -2, -x.square().sum(dim=1), -torch.inf), dimension=2)
    with pytest.raises(InputError, match=r"vanishes at \(-"):
        require_positive(half, objective(half), torch.zeros(2).double(), torch.eye(2).double())
    require_positive(half, objective(half), torch.zeros(2).double(), 0.1 * torch.eye(2).double())
