from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal

from mixtura.divergence.mixture_from_arrays import gaussian_mixture
from mixtura.errors import InputError

inf = math.inf


@pytest.mark.parametrize("form", ["spherical", "diagonal", "full"])
def test_the_density_is_that_of_scipy(form, rng) -> None:
    weights, means = [0.2, 0.8], rng.normal(size=(2, 3))
    variances = rng.gamma(2, size={"spherical": 2, "diagonal": (2, 3), "full": (2, 3)}[form])
    full = [v * np.eye(3) if np.ndim(v) == 0 else np.diag(v) for v in variances]
    given = np.stack(full) if form == "full" else variances
    found = gaussian_mixture(weights, means, given)
    assert type(found.component_distribution) is MultivariateNormal
    points = rng.normal(size=(7, 3))
    parts = [stats.multivariate_normal(m, c).pdf(points) for m, c in zip(means, full, strict=True)]
    np.testing.assert_allclose(
        found.log_prob(torch.from_numpy(points)).exp(), weights @ np.array(parts), rtol=1e-10
    )


def test_real_numbers_have_scalar_events() -> None:
    found = gaussian_mixture([1 / 3, 2 / 3], [-3, 3], [1, 4])
    assert found.event_shape == () and type(found.component_distribution) is Normal
    assert found.component_distribution.scale.tolist() == [1.0, 2.0]
    assert found.log_prob(torch.tensor(0.0).double()).dtype == torch.float64


def test_weights_are_normalised_when_asked_and_mended_by_rounding_always() -> None:
    assert gaussian_mixture([1, 3], [0, 1], [1, 1], normalise=True).mixture_distribution.probs.tolist() == [
        0.25,
        0.75,
    ]
    found = gaussian_mixture([0.5, 0.5 + 5e-9], [0, 1], [1, 1]).mixture_distribution.probs
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-15)


def test_tensors_keep_their_gradients() -> None:
    leaves = [
        torch.tensor([0.25, 0.75, 0.0], requires_grad=True),
        torch.tensor([[0.0], [1.0], [2.0]], requires_grad=True),
        torch.ones(3, 1, 1, requires_grad=True),
    ]
    value = gaussian_mixture(*leaves).log_prob(torch.tensor([0.5]).double())
    for gradient in torch.autograd.grad(value, leaves):
        assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0


eye = np.eye(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.6], [0, 1], [1, 1]), "sum to 1.1 and not to 1; normalise=True"),
        (([0.5, -0.5], [0, 1], [1, 1]), "weight of component 1 is -0.5"),
        (([0.5, math.nan], [0, 1], [1, 1]), "weight of component 1 is nan"),
        (([0.0, 0.0], [0, 1], [1, 1]), "all weights are zero"),
        (([[0.5, 0.5]], [0, 1], [1, 1]), "weights have shape"),
        (([], [], []), "weights have shape"),
        (("no", [0, 1], [1, 1]), "weights are no array of numbers"),
        (([0.5, 0.5], [0, 1, 2], [1, 1]), "means have shape"),
        (([0.5, 0.5], [0, inf], [1, 1]), "mean of component 1 is inf"),
        (([0.5, 0.5], [0, 1], [1]), "covariances have shape"),
        (([0.5, 0.5], [0, 1], [1, 0]), "variance of component 1 is 0;"),
        (([0.5, 0.5], [0, 1], [math.nan, 1]), "variance of component 0 is nan"),
        (([0.5, 0.5], [[0, 1], [2, 3]], [[1, 1], [1, -2]]), "variance of component 1 is -2"),
        (([0.5, 0.5], [[0, 1], [2, 3]], [eye]), "covariances have shape"),
        (([0.5, 0.5], [[0, 1], [2, 3]], [eye, [[1, 2], [2, 1]]]), "component 1 is not positive definite.*-1"),
        (([0.5, 0.5], [[0, 1], [2, 3]], [[[1, 2], [0, 1]], eye]), "component 0 is not symmetric"),
        (([0.5, 0.5], [[0, 1], [2, 3]], [eye, [[1, math.nan], [0, 1]]]), "component 1 is nan"),
    ],
)
def test_bad_input_is_one_line_that_names_it(arguments, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        gaussian_mixture(*arguments)
    assert "\n" not in str(caught.value)
