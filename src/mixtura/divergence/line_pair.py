"""Two densities over the real line, as an integral over them needs to know them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.charts import Array, Chosen, Pieces, cover, usable
from mixtura.divergence.landmarks import ends, landmarks, scalar_form, translate
from mixtura.divergence.mixtures import Mixture, as_float64, log_sum_exp
from mixtura.divergence.parameters import on_cpu
from mixtura.errors import InputError

_MANY = 64  # places to begin at: fewer are not worth thinning out


def on_line(distribution: Distribution, name: str) -> Mixture:
    """Return a distribution as a mixture over real numbers, in float64 and on the CPU.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Continuous, of event shape () or (1,).
    name : str
        What it is called in the message.

    Raises
    ------
    InputError
        If it is something else.
    """
    parts = as_float64(distribution)
    family = scalar_form(parts.family)
    if family is None:
        raise InputError(
            f"{name} is a {type(distribution).__name__} over {tuple(distribution.event_shape)} and cannot be "
            "integrated; quadrature is for continuous distributions over one real number"
        )
    return Mixture(parts.log_weights.cpu(), on_cpu(family))


@dataclass(frozen=True, eq=False)
class LinePair:
    """One p and one q over the real line.

    Parameters
    ----------
    p, q : Mixture
        Without a batch shape, as ``on_line`` returns them.
    """

    p: Mixture
    q: Mixture

    def log_densities(self, offsets: Array, origins: Array) -> tuple[Tensor, Tensor]:
        """Return log p and log q, with gradients, at offsets (m, n) from origins (m, 1)."""
        at = torch.from_numpy(offsets), torch.from_numpy(origins)
        return _log_density(self.p, *at), _log_density(self.q, *at)

    def numbers(self, offsets: Array, origins: Array) -> tuple[Tensor, Tensor]:
        """Return log p and log q as plain numbers."""
        with torch.no_grad():
            return self.log_densities(offsets, origins)

    @property
    def is_movable(self) -> bool:
        """Whether both densities are told by offsets, which are exact."""
        zero = torch.zeros((), dtype=torch.float64)
        return all(translate(one.family, zero) is not None for one in (self.p, self.q))

    @cached_property
    def reach(self) -> tuple[tuple[float, float, Array], tuple[float, float, Array]]:
        """For p and for q, the ends of the support and the places where it changes."""
        return _reach(self.p), _reach(self.q)

    def is_missed(self, divergence: str, alpha: float | None) -> bool:
        """Return whether one has mass where the other has none, and the divergence is infinite for it."""
        (p_low, p_high, _), (q_low, q_high, _) = self.reach
        p_outside = p_low < q_low or p_high > q_high
        q_outside = q_low < p_low or q_high > p_high
        p_counts = divergence in ("kl", "jeffreys") or (alpha is not None and alpha >= 1)
        q_counts = divergence == "jeffreys" or (divergence == "alpha" and alpha is not None and alpha <= 0)
        return (p_outside and p_counts) or (q_outside and q_counts)

    @cached_property
    def pieces(self) -> Pieces:
        """A cover of where either has mass, as far as both log-densities can be computed."""
        (p_low, p_high, p_marks), (q_low, q_high, q_marks) = self.reach
        whole = cover(min(p_low, q_low), max(p_high, q_high), _thinned([p_marks, q_marks]))
        # A log-density may overflow where the other is not yet faint.
        return usable(whole, self._is_computed)

    def _is_computed(self, offsets: Array, origins: Array) -> Chosen:
        finite = [np.isfinite(values.numpy()) for values in self.numbers(offsets, origins)]
        # One that is -inf from the first probes on has its support's end before them.
        return np.logical_and(*(there | ~there[:, :3].any(axis=1, keepdims=True) for there in finite))


def _log_density(mixture: Mixture, offsets: Tensor, origins: Tensor) -> Tensor:
    """Return the log-density (m, n), told by offsets where the components can be moved."""
    moved = translate(mixture.family, origins)
    if moved is not None:
        return log_sum_exp(mixture.log_weights + moved.log_prob(offsets.mT.unsqueeze(-1))).mT
    points = (origins + offsets).reshape(-1, *mixture.event_shape)
    return mixture.log_prob(points).reshape(offsets.shape)


def _reach(mixture: Mixture) -> tuple[float, float, Array]:
    """Return the ends of the support, and where to lead an integral to, of parts that have mass."""
    with torch.no_grad():
        there = mixture.log_weights > -torch.inf  # (K,)
        low, high = (end[there] for end in ends(mixture.family))
        marks = torch.cat([landmarks(mixture.family)[:, there], low[None], high[None]])
        return float(low.min()), float(high.max()), marks.numpy()


def _thinned(marks: list[Array]) -> Array:
    """Return the places (m,) of all parts (m, K), less those that lie closer than any part asks for."""
    places = np.sort(np.concatenate([part.reshape(-1) for part in marks]))
    places = np.unique(places[np.isfinite(places)])
    with np.errstate(invalid="ignore"):
        gaps = np.concatenate([np.diff(np.sort(part, axis=0), axis=0).reshape(-1) for part in marks])
    least = 0.25 * gaps[gaps > 0].min(initial=np.inf)
    if len(places) < _MANY or not np.isfinite(least):
        return places
    # Of places within one stretch of that length the first stands for all.
    return places[np.unique(np.floor((places - places[0]) / least), return_index=True)[1]]
