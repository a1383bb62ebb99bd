"""The registry of closed forms, by the types of the two distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from torch import Tensor
from torch.distributions import Distribution

Form = Callable[..., Tensor | None]
AnyForm = TypeVar("AnyForm", bound=Form)

_FORMS: dict[tuple[type, type, str], list[Form]] = {}


def register(
    p_type: type[Distribution], q_type: type[Distribution], divergence: str = "kl"
) -> Callable[[AnyForm], AnyForm]:
    """Register a closed form for a pair of types and their subclasses.

    Parameters
    ----------
    p_type, q_type : type
        Types of torch.distributions; ``Distribution`` for a form that looks for itself.
    divergence : {"kl", "jensen_shannon", "power"}
        What the function returns; "power" is log int p^alpha q^(1 - alpha), of which "alpha" and "renyi" are
        functions (at alpha = 0 it is log q(support of p), and alpha = 1 is never asked for). The function is
        called with p and q, and with alpha for "power"; it returns nats of the broadcast batch shape, or None
        where it has no form for that pair after all.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> from torch.distributions import Gamma
    >>> class Still(Gamma): ...
    >>> @register(Still, Still)
    ... def still(p: Still, q: Still) -> Tensor:
    ...     return 0 * p.rate
    >>> next(forms(Still, Still, "kl")) is still
    True
    """

    def keep(form: AnyForm) -> AnyForm:
        _FORMS.setdefault((p_type, q_type, divergence), []).append(form)
        return form

    return keep


def forms(p_type: type, q_type: type, divergence: str) -> Iterator[Form]:
    """Yield the forms that fit a pair of types, those of the nearest types first.

    Examples
    --------
    >>> list(forms(int, int, "kl"))
    []
    """
    pairs = [
        (i + j, max(i, j), p_kind, q_kind)
        for i, p_kind in enumerate(p_type.__mro__)
        for j, q_kind in enumerate(q_type.__mro__)
    ]
    for _, _, p_kind, q_kind in sorted(pairs, key=lambda pair: pair[:2]):
        yield from _FORMS.get((p_kind, q_kind, divergence), ())
