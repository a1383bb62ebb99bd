from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Categorical,
    Exponential,
    Multinomial,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

from mixtura.divergence.parameters import (
    in_float64,
    parameters_of,
    remake,
    requires_grad,
    unvalidated,
)
from mixtura.divergence.sampling import draw

# What does not tell its parameters, or not all that it is made of.
HIDDEN = {"power of gamma", "continuous bernoulli", "multinomial", "one-hot", "relaxed bernoulli"}


def test_a_remade_distribution_is_the_same(families, family) -> None:
    distribution = families(family, (2, 3))
    made = remake(distribution, lambda value, own: value)
    assert (made is None) == (family in HIDDEN)
    if made is not None:
        points = draw(distribution, 5)
        assert type(made) is type(distribution)
        assert (made.batch_shape, made.event_shape) == (distribution.batch_shape, distribution.event_shape)
        torch.testing.assert_close(made.log_prob(points), distribution.log_prob(points))


def test_a_change_is_shown_the_axes_of_the_batch(families, family) -> None:
    seen = []

    def keep(value, own):
        seen.append(tuple(value.shape[: value.ndim - own]))
        return value

    made = remake(families(family, (2, 3)), keep)
    assert made is None or set(seen) <= {(2, 3)}


def test_float64_keeps_the_numbers(families, family) -> None:
    distribution = families(family, (2,))
    wide = in_float64(distribution)
    points = draw(distribution, 20)
    if family not in HIDDEN:
        floating = [value for value in parameters_of(wide) if value.is_floating_point()]
        assert all(value.dtype == torch.float64 for value in floating)
    exact = wide.log_prob(points.double() if points.is_floating_point() else points)
    # Kumaraswamy's near an end is what float32 makes of it.
    close = (exact - distribution.log_prob(points)).abs() <= 1e-3 * (1 + exact.abs())
    assert bool(close.all())


@pytest.mark.parametrize("name", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_the_parametrisation_stays_what_was_given(name) -> None:
    distribution = MultivariateNormal(torch.zeros(2, 3), **{name: torch.eye(3)})
    assert (
        distribution.covariance_matrix is not None
    )  # asking for others must not change what was given first
    assert distribution.precision_matrix is not None
    made = remake(distribution, lambda value, own: value[0])
    assert name in made.__dict__
    assert not {"covariance_matrix", "precision_matrix", "scale_tril"} - {name} & set(made.__dict__)


def test_gradients_flow_to_the_parameters() -> None:
    mean = torch.zeros(3, requires_grad=True)
    distribution = Normal(mean, 1.0)
    made = remake(distribution, lambda value, own: value[1])
    (gradient,) = torch.autograd.grad(made.log_prob(torch.tensor(2.0)), mean)
    assert gradient.tolist() == [0.0, 2.0, 0.0]
    assert requires_grad(distribution)
    with torch.no_grad():
        assert not requires_grad(distribution)


def test_a_parameter_inside_a_transform_is_seen() -> None:
    shift = torch.zeros((), requires_grad=True)
    moved = TransformedDistribution(Exponential(1.0), [AffineTransform(shift, torch.tensor(1.0))])
    assert requires_grad(moved)


def test_kinds_that_tell_nothing_may_need_a_gradient() -> None:
    assert requires_grad(Multinomial(3, torch.ones(2)))
    assert parameters_of(Multinomial(3, torch.ones(2))) is None


def test_nothing_is_validated_anew() -> None:
    made = remake(Categorical(torch.ones(3)), lambda value, own: -value)
    assert made is not None
    with pytest.raises(ValueError, match="support"):
        Exponential(1.0).log_prob(torch.tensor(-1.0))
    assert torch.isfinite(unvalidated(Exponential(1.0)).log_prob(torch.tensor(-1.0)))
