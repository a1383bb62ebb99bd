"""The registry of closed forms, by the types of the two distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.working import result_dtype

Form = Callable[..., Tensor | None]
AnyForm = TypeVar("AnyForm", bound=Form)

# The divergences that are a family, with an order alpha.
ORDERED = frozenset({"alpha", "renyi"})

_FORMS: dict[tuple[type, type, str], list[Form]] = {}


def register(
    p_type: type[Distribution], q_type: type[Distribution], divergence: str = "kl"
) -> Callable[[AnyForm], AnyForm]:
    """Register a closed form for a pair of types and their subclasses.

    Parameters
    ----------
    p_type, q_type : type
        Types of torch.distributions; ``Distribution`` for a form that looks for itself.
    divergence : {"kl", "jensen_shannon", "alpha", "renyi"}
        What the function returns. It is called with p and q, and with alpha for the last two; it returns nats
        of the broadcast batch shape, or None where it has no form for that pair after all.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> class Half(torch.distributions.Normal): ...
    >>> @register(Half, Half)
    ... def half(p: Half, q: Half) -> Tensor:
    ...     return torch.zeros(())
    >>> float(closed_form(Half(0.0, 1.0), Half(0.0, 1.0)))
    0.0
    """

    def keep(form: AnyForm) -> AnyForm:
        _FORMS.setdefault((p_type, q_type, divergence), []).append(form)
        return form

    return keep


def closed_form(
    p: Distribution, q: Distribution, divergence: str = "kl", alpha: float | None = None
) -> Tensor | None:
    """Return a divergence between two distributions where there is a formula for it.

    The forms of the nearest types are tried first; for "kl" the registry of torch.distributions.kl follows.
    Jeffreys' divergence is KL(p||q) + KL(q||p) where both have a form.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Of equal event shape, with batch shapes that broadcast to B; not checked here.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one.
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
    """
    found = _find(p, q, divergence, alpha)
    if found is None or bool(found.isnan().any()):
        return None
    batch = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    return found.clamp_min(0).to(result_dtype(p, q)).expand(batch)


def _find(p: Distribution, q: Distribution, divergence: str, alpha: float | None) -> Tensor | None:
    if divergence == "jeffreys":
        there, back = _find(p, q, "kl", None), _find(q, p, "kl", None)
        return None if there is None or back is None else there + back
    if alpha == 1 and divergence in ORDERED:
        return _find(p, q, "kl", None)
    if alpha == 0 and divergence == "alpha":
        return _find(q, p, "kl", None)
    order: tuple[Any, ...] = (alpha,) if divergence in ORDERED else ()
    for form in _candidates(type(p), type(q), divergence):
        value = form(p, q, *order)
        if value is not None:
            return value
    return _from_torch(p, q) if divergence == "kl" else None


def _candidates(p_type: type, q_type: type, divergence: str) -> Iterator[Form]:
    """Yield the forms that fit, those of the nearest pair of types first."""
    pairs = [
        (i + j, max(i, j), p_kind, q_kind)
        for i, p_kind in enumerate(p_type.__mro__)
        for j, q_kind in enumerate(q_type.__mro__)
    ]
    for _, _, p_kind, q_kind in sorted(pairs, key=lambda pair: pair[:2]):
        yield from _FORMS.get((p_kind, q_kind, divergence), ())


def _from_torch(p: Distribution, q: Distribution) -> Tensor | None:
    """Return what torch's own registry knows."""
    try:
        return torch.distributions.kl_divergence(p, q)
    except NotImplementedError:
        return None
