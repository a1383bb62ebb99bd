"""The posterior over components, q(z_i) = p(z_i | x_i), from log p(x_i, k)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.em.family import Array

# The logarithm of a responsibility that is a millionth of what rounding takes from the others' sum.
_NEGLIGIBLE = -50.0
_NOTHING = 2e-22
# The share of exponentials up to which it pays to pick them out.
_FEW = 0.3
# Densities between which sums of exponentials neither overflow nor lose digits without a shift.
_LOWEST, _HIGHEST = 1e-250, 1e250
# Densities of which eight can be multiplied, so that one logarithm does for all eight.
_GROUP, _GROUP_HIGHEST = 8, 1e37
# Blocks until the shorter way is tried again.
_PATIENCE = 16


def responsibilities(log_joint: Array) -> Array:
    """Turn log p(x_i, k) of shape (K, B) into responsibilities in place, and return log p(x_i) of shape (B,).

    Where p(x_i) is zero the responsibilities are equal.
    """
    return _shifted(log_joint, np.exp)


class Posterior:
    """Responsibilities block by block, for one pass through observations that needs only sums.

    Where no density of a block is near the ends of floating point, no shift is needed before the
    exponentials. Where most responsibilities are nothing, they are not computed.
    """

    def __init__(self) -> None:
        self._room = np.empty(0)
        self._wait = self._since = 0

    def __call__(self, log_joint: Array, weights: Array | None) -> tuple[Array, float, float, int]:
        """Turn log p(x_i, k) into responsibilities.

        Parameters
        ----------
        log_joint : ndarray of shape (K, B)
            It is overwritten.
        weights : ndarray of shape (B,), optional
            Weights of the observations.

        Returns
        -------
        responsibilities : ndarray of shape (K, B)
            Times the weights. It is valid until the next call.
        log_likelihood : float
            The weighted sum of log p(x_i), in nats.
        lowest : float
            The smallest log p(x_i) of an observation of positive weight; infinity where there is none.
        at : int
            Where it is.
        """
        if self._wait == 0:
            found = self._direct(log_joint, weights)
            if found is not None:
                return found
            self._wait = _PATIENCE
        self._wait -= 1
        log_density = _shifted(log_joint, _picked)
        if weights is None:
            total = float(log_density.sum())
        else:
            log_joint *= weights
            # A weight of zero drops an observation, even one of density zero.
            present = weights > 0
            total = float(log_density[present] @ weights[present])
            log_density[~present] = np.inf
        at = int(log_density.argmin())
        return log_joint, total, float(log_density[at]), at

    def _direct(self, log_joint: Array, weights: Array | None) -> tuple[Array, float, float, int] | None:
        """Return the same without a shift, or None where a density is out of range."""
        if self._room.size < log_joint.size:
            self._room = np.empty(log_joint.size)
        joint = self._room[: log_joint.size].reshape(log_joint.shape)
        with np.errstate(over="ignore", under="ignore"):
            np.exp(log_joint, out=joint)
            density = np.add.reduce(joint, axis=0)
        at = int(density.argmin())
        lowest, highest = density[at], density.max()
        if not (lowest > _LOWEST and highest < _HIGHEST):
            return None
        if weights is None:
            grouped = density
            if density.size % _GROUP == 0 and lowest * _GROUP_HIGHEST > 1 and highest < _GROUP_HIGHEST:
                grouped = np.multiply.reduce(density.reshape(_GROUP, -1), axis=0)
            total = float(np.log(grouped).sum())
            joint *= np.divide(1.0, density, out=density)
        else:
            total = float(np.log(density) @ weights)
            if not weights[at] > 0:
                at = int(np.where(weights > 0, density, np.inf).argmin())
                lowest = density[at] if weights[at] > 0 else np.inf
            joint *= np.divide(weights, density, out=density)
        if self._since == 0 and np.count_nonzero(joint > _NOTHING) <= _FEW * joint.size:
            self._wait = _PATIENCE
        self._since = (self._since + 1) % _PATIENCE
        return joint, total, float(np.log(lowest)), at


def _shifted(log_joint: Array, exponential: Any) -> Array:
    peak = log_joint.max(axis=0)
    possible = np.isfinite(peak)
    if not possible.all():
        log_joint[:, ~possible] = 0.0
        shift = np.where(possible, peak, 0.0)
    else:
        shift = peak
    log_joint -= shift
    exponential(log_joint, out=log_joint)
    total = log_joint.sum(axis=0)
    log_density = shift + np.log(total)
    log_joint *= np.divide(1.0, total, out=total)
    if not possible.all():
        log_density[~possible] = -np.inf
    return np.asarray(log_density)


def _picked(values: Array, out: Array) -> None:
    """Write exp. Where most are below e^-50, write 0 for those: near the smallest number exp takes long."""
    large = values > _NEGLIGIBLE
    if np.count_nonzero(large) > _FEW * values.size:
        np.exp(values, out=out)
        return
    at = np.flatnonzero(large)
    few = values.reshape(-1)[at]
    out.fill(0.0)
    out.reshape(-1)[at] = np.exp(few, out=few)
