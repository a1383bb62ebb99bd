from __future__ import annotations

import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.covariances import FAMILIES, family_of
from mixtura.projection.starts import mixture_starts
from mixtura.projection.target import GaussianMixtureForm, as_target


def form(weights: list[float], d: int = 2) -> GaussianMixtureForm:
    source = torch.Generator().manual_seed(0)
    means = 3 * torch.randn(len(weights), d, generator=source, dtype=torch.float64)
    return as_target(gaussian_mixture(weights, means, torch.ones(len(weights), d))).mixture


def starts(weights: list[float], n_starts: int | None = None, name: str = "full"):
    return mixture_starts(form(weights), family_of(name, 2), n_starts, torch.Generator().manual_seed(0))


def test_components_come_first_the_heaviest_before() -> None:
    mean, factor = starts([0.2, 0.5, 0.3])
    torch.testing.assert_close(mean[:3], form([0.2, 0.5, 0.3]).means[[1, 2, 0]])
    torch.testing.assert_close(factor[:3], torch.eye(2, dtype=torch.float64).expand(3, 2, 2))


def test_then_the_whole_and_pairs_by_their_moments() -> None:
    weights = [0.2, 0.5, 0.3]
    given = form(weights)
    mean, factor = starts(weights)
    share = torch.tensor(weights, dtype=torch.float64)
    torch.testing.assert_close(mean[3], share @ given.means)
    apart = given.means - mean[3]
    covariance = torch.eye(2, dtype=torch.float64) + (share[:, None] * apart).T @ apart
    torch.testing.assert_close(factor[3] @ factor[3].T, covariance)
    pairs = {tuple(round(float(x), 9) for x in row) for row in mean[4:7]}
    for i, j in ((0, 1), (0, 2), (1, 2)):
        middle = (share[i] * given.means[i] + share[j] * given.means[j]) / (share[i] + share[j])
        assert tuple(round(float(x), 9) for x in middle) in pairs


@pytest.mark.parametrize(
    ("weights", "count"), [([1.0], 1), ([0.5, 0.5], 8), ([0.2, 0.5, 0.3], 8), ([0.1] * 10, 31)]
)
def test_how_many(weights, count) -> None:
    assert len(starts(weights)[0]) == count


@pytest.mark.parametrize("count", [1, 2, 25])
def test_as_many_as_are_asked_for(count) -> None:
    mean, factor = starts([0.2, 0.5, 0.3], count)
    assert mean.shape == (count, 2) and factor.shape == (count, 2, 2)


def test_a_component_without_weight_is_left_out() -> None:
    mean, _ = starts([0.0, 0.5, 0.5])
    assert not bool(((mean - form([0.0, 0.5, 0.5]).means[0]).norm(dim=1) < 1e-9).any())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_starts_are_of_the_family(name) -> None:
    _, factor = starts([0.2, 0.8], 12, name)
    if name != "full":
        torch.testing.assert_close(factor, torch.diag_embed(factor.diagonal(dim1=1, dim2=2)))
    if name == "spherical":
        torch.testing.assert_close(factor[:, 0, 0], factor[:, 1, 1])
