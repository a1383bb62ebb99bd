"""Closed forms between all components of two mixtures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.closed_form import formula
from mixtura.divergence.mixtures import Mixture
from mixtura.divergence.parameters import remake

_MOST_AT_ONCE = 2**24  # numbers in one call: 128 MB


def pair_table(p: Mixture, q: Mixture, divergence: str = "kl", alpha: float | None = None) -> Tensor | None:
    """Return a closed form for every component of p with every component of q.

    Parameters
    ----------
    p, q : Mixture
        Of one batch shape B.
    divergence : {"kl", "jensen_shannon", "power"}
        Which one; "power" stands for log int p_i^alpha q_j^(1 - alpha).
    alpha : float, optional
        The power.

    Returns
    -------
    Tensor of shape (*B, K, J) or None
        Nats; None where there is no closed form for such components.

    Examples
    --------
    >>> from mixtura.divergence.mixtures import as_float64, gaussian_mixture
    >>> mixture = as_float64(gaussian_mixture([0.5, 0.5], [0.0, 2.0], [1.0, 1.0]))
    >>> pair_table(mixture, mixture).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    columns = remake(q.family, lambda value, own: value.unsqueeze(value.ndim - own - 1))  # (*B, 1, J)
    if columns is None:
        return None
    size = p.batch_shape.numel() * q.n_components * max(1, p.event_shape.numel()) ** 2
    n_at_once = max(1, _MOST_AT_ONCE // max(1, size))
    found = []
    for start in range(0, p.n_components, n_at_once):
        rows = _rows(p.family, slice(start, start + n_at_once))
        value = None if rows is None else formula(rows, columns, divergence, alpha)
        if rows is None or value is None or bool(value.isnan().any()):
            return None
        found.append(value.expand(*rows.batch_shape[:-1], q.n_components))
    return torch.cat(found, dim=-2)


def _rows(family: Distribution, which: slice) -> Distribution | None:
    """Return some of the components with an axis for those of the other mixture, of shape (*B, k, 1)."""

    def take(value: Tensor, own: int) -> Tensor:
        axis = value.ndim - own - 1
        return value.movedim(axis, 0)[which].movedim(0, axis).unsqueeze(axis + 1)

    return remake(family, take)
