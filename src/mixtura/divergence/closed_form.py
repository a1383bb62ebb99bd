"""Divergences in closed form: what is registered for a pair of types, and what follows from it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.parameters import in_float64
from mixtura.divergence.registry import forms
from mixtura.divergence.working import result_dtype


def closed_form(
    p: Distribution, q: Distribution, divergence: str = "kl", alpha: float | None = None
) -> Tensor | None:
    """Return a divergence between two distributions where there is a formula or a finite sum for it.

    The forms of the nearest types are tried first; for "kl" the registry of torch.distributions.kl follows.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Of equal event shape, with batch shapes that broadcast to B; not checked here.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one; Jeffreys' is KL(p||q) + KL(q||p) where both have a form.
    alpha : float, optional
        The order of the last two.

    Returns
    -------
    Tensor of shape (*B) or None
        Nats, never negative, in the type of the parameters; None where there is no closed form.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> closed_form(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    >>> closed_form(Normal(0.0, 1.0), Normal(1.0, 1.0), "renyi", 0.5)
    tensor(0.2500)
    """
    found = _DERIVED[divergence](p, q, alpha) if divergence in _DERIVED else formula(p, q, divergence)
    if found is None or bool(found.isnan().any()):
        return None
    batch = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    return found.clamp_min(0).to(result_dtype(p, q)).expand(batch)


def formula(p: Distribution, q: Distribution, divergence: str, alpha: float | None = None) -> Tensor | None:
    """Return what is registered for a pair, in the precision in which it was computed.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Of equal event shape.
    divergence : {"kl", "jensen_shannon", "power"}
        As it is registered.
    alpha : float, optional
        The power.

    Returns
    -------
    Tensor or None
        Nats, of a shape that broadcasts to the batch.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> formula(Normal(0.0, 1.0), Normal(1.0, 1.0), "kl").dtype
    torch.float64
    """
    order: tuple[Any, ...] = () if alpha is None else (alpha,)
    for form in forms(type(p), type(q), divergence):
        value = form(p, q, *order)
        if value is not None:
            return value
    return _from_torch(p, q) if divergence == "kl" else None


def _jeffreys(p: Distribution, q: Distribution, alpha: float | None) -> Tensor | None:
    there = formula(p, q, "kl")
    if there is not None and bool(torch.isinf(there).all()):
        return there
    back = formula(q, p, "kl")
    return None if there is None or back is None else there + back


def _amari(p: Distribution, q: Distribution, alpha: float | None) -> Tensor | None:
    """Return (1 - int p^alpha q^(1 - alpha)) / (alpha (1 - alpha)), and its limits KL at 0 and 1."""
    assert alpha is not None
    if alpha in (0, 1):
        return formula(p, q, "kl") if alpha == 1 else formula(q, p, "kl")
    log_integral = formula(p, q, "power", alpha)
    return None if log_integral is None else -torch.expm1(log_integral) / (alpha * (1 - alpha))


def _renyi(p: Distribution, q: Distribution, alpha: float | None) -> Tensor | None:
    """Return log int p^alpha q^(1 - alpha) / (alpha - 1), and its limit KL at 1."""
    assert alpha is not None
    if alpha == 1:
        return formula(p, q, "kl")
    log_integral = formula(p, q, "power", alpha)
    return None if log_integral is None else log_integral / (alpha - 1)


_DERIVED = {"jeffreys": _jeffreys, "alpha": _amari, "renyi": _renyi}


def _from_torch(p: Distribution, q: Distribution) -> Tensor | None:
    """Return what torch's own registry knows, in float64 where the parameters can be had."""
    try:
        return torch.distributions.kl_divergence(in_float64(p), in_float64(q))
    except NotImplementedError:
        return None
