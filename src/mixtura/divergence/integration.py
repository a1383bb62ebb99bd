"""The integral of a function over the line, a half line or an interval, with an error estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mixtura.divergence.charts import Array, Chosen, Pieces, cover, join, outermost
from mixtura.divergence.kronrod import GAUSS, KRONROD, NODES
from mixtura.errors import InputError

# Takes offsets (m, n), the origins (m, 1) that they are measured from, and the slopes dx/dv (m, n) of a
# piece's coordinate; returns f(origin + offset) dx/dv, which need not underflow where f does.
Integrand = Callable[[Array, Array, Array], Array]

_MOST_ROUNDS = 60
_MOST_PIECES = 4_000  # beyond those that the points ask for
_ROUNDING = 50 * np.finfo(float).eps
# A tail of x^(-1 - s) has an integral for every s > 0; one with less than this has not been seen to end.
_LEAST_DECAY = 1e-3


@dataclass(frozen=True, eq=False)
class Integral:
    """An integral, how far it may be off, and the rule that found it.

    Parameters
    ----------
    value : float
        The integral; plus or minus infinity where it diverges.
    error : float
        Estimate of its absolute error: quadrature, rounding, and what lies beyond the last node.
    converged : bool
        Whether the error is within what was asked for.
    offsets, origins, weights : ndarray of shape (n,)
        The rule: the sum of ``weights * function(origins + offsets)`` is the value. An offset is exact where
        the sum is rounded.
    slopes : ndarray of shape (n,)
        The factor that each weight has from the change of variable.
    """

    value: float
    error: float
    converged: bool
    offsets: Array
    origins: Array
    weights: Array
    slopes: Array

    @property
    def nodes(self) -> Array:
        """Where the function was evaluated, of shape (n,)."""
        return self.origins + self.offsets


def integrate(
    function: Callable[[Array], ArrayLike],
    lower: float = -np.inf,
    upper: float = np.inf,
    points: Sequence[float] | Array = (),
    *,
    rtol: float = 1e-9,
    atol: float = 0.0,
) -> Integral:
    """Integrate a function of one variable by adaptive 10-point Gauss and 21-point Kronrod rules.

    Tails to infinity are integrated in the logarithm of the distance, so that algebraic ones end; so are the
    neighbourhoods of finite ends, so that algebraic singularities do. Every round evaluates all pieces that
    are not yet good enough in one call.

    Parameters
    ----------
    function : callable
        Takes an array of shape (m, n) and returns the values there, of that shape.
    lower, upper : float
        The ends, perhaps infinite. The function is not evaluated at them.
    points : sequence of float
        Where the function changes: peaks, kinks, jumps, a few widths around a narrow peak. What no point
        leads to can be missed.
    rtol, atol : float
        Wanted: an error of at most atol or rtol times the value, whichever is larger.

    Returns
    -------
    Integral
        With the rule that was found; see ``converged``. A divergent integral has the value infinity.

    Raises
    ------
    InputError
        If lower is not below upper, or the function is NaN somewhere.

    References
    ----------
    Piessens, de Doncker-Kapenga, Ueberhuber and Kahaner (1983), QUADPACK; the error estimate is theirs.

    Examples
    --------
    >>> found = integrate(lambda x: np.exp(-0.5 * x**2))
    >>> round(found.value**2 / np.pi, 12)
    2.0
    >>> integrate(lambda x: 1 / (1 + np.abs(x))).value
    inf
    """
    if not lower < upper:
        raise InputError(f"an integral from {lower:g} to {upper:g} has no length; give lower < upper")
    pieces = cover(lower, upper, np.asarray(points, dtype=float).reshape(-1))

    def in_pieces(offsets: Array, origins: Array, slopes: Array) -> Array:
        return np.asarray(function(origins + offsets), dtype=float) * slopes

    return adapt(in_pieces, pieces, rtol=rtol, atol=atol, rounds=True)


def adapt(function: Integrand, pieces: Pieces, *, rtol: float, atol: float, rounds: bool = False) -> Integral:
    """Integrate over pieces, halving those that are worst until the error is small enough.

    Parameters
    ----------
    function : callable
        Takes offsets (m, n), origins (m, 1) and slopes (m, n), and returns the integrand times its slope.
    pieces : Pieces
        Where to begin.
    rtol, atol : float
        As for ``integrate``.
    rounds : bool
        Whether the function adds origin and offset, so that far from 0 it is evaluated beside the node.
    """
    done = _evaluate(function, pieces)
    diverges, beyond = _tails(done, rtol, atol)
    for _ in range(_MOST_ROUNDS):
        total, error = done.integral.sum(), done.error.sum()
        wanted = max(atol, rtol * abs(total))
        room = len(pieces) + _MOST_PIECES - len(done.pieces)
        if diverges or not error + beyond > wanted or room <= 0:
            break
        worst = _worst(done, wanted, room)
        if not worst.any():
            break
        halves = _evaluate(function, done.pieces.take(worst).halve())
        done = _joined(done.take(~worst), halves)
    total = float(done.integral.sum())
    error = float(done.error.sum()) + beyond + (_misplacement(done) if rounds else 0.0)
    if diverges:
        total, error = float(np.copysign(np.inf, diverges)), 0.0
    return Integral(
        value=total,
        error=error,
        converged=bool(error <= max(atol, rtol * abs(total))),
        offsets=done.offsets.reshape(-1),
        origins=np.repeat(done.pieces.origin, len(NODES)),
        weights=done.weights.reshape(-1),
        slopes=done.slopes.reshape(-1),
    )


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """Pieces with what the rules gave on each."""

    pieces: Pieces
    offsets: Array  # (m, 21)
    slopes: Array  # (m, 21)
    weights: Array  # (m, 21)
    values: Array  # (m, 21), slopes included
    integral: Array  # (m,)
    error: Array  # (m,)
    rounding: Array  # (m,)

    def take(self, chosen: Chosen) -> _Evaluated:
        return _Evaluated(self.pieces.take(chosen), *(getattr(self, name)[chosen] for name in _ARRAYS))


_ARRAYS = ("offsets", "slopes", "weights", "values", "integral", "error", "rounding")


def _joined(one: _Evaluated, other: _Evaluated) -> _Evaluated:
    both = (np.concatenate([getattr(one, name), getattr(other, name)]) for name in _ARRAYS)
    return _Evaluated(join([one.pieces, other.pieces]), *both)


def _evaluate(function: Integrand, pieces: Pieces) -> _Evaluated:
    """Apply both rules to every piece."""
    half = 0.5 * (pieces.high - pieces.low)[:, None]
    v = 0.5 * (pieces.low + pieces.high)[:, None] + half * NODES
    offsets, slopes = pieces.offset(v)
    values = function(offsets, pieces.origin[:, None], slopes)
    if np.isnan(values).any():
        i, j = np.argwhere(np.isnan(values))[0]
        raise InputError(f"the integrand is NaN at {pieces.origin[i] + offsets[i, j]:g}; it must be a number")
    with np.errstate(invalid="ignore"):
        integral = half[:, 0] * (values @ KRONROD)
        difference = np.abs(half[:, 0] * (values @ (KRONROD - GAUSS)))
        size = half[:, 0] * (np.abs(values) @ KRONROD)
        mean = (values @ KRONROD)[:, None] / 2
        spread = half[:, 0] * (np.abs(values - mean) @ KRONROD)
        ratio = np.where(spread > 0, 200 * difference / np.where(spread > 0, spread, 1.0), 0.0)
        error = np.where(ratio > 0, spread * np.minimum(1.0, ratio**1.5), difference)
    rounding = _ROUNDING * size
    return _Evaluated(pieces, offsets, slopes, half * KRONROD * slopes, values, integral, error, rounding)


def _worst(done: _Evaluated, wanted: float, most: int) -> Chosen:
    """Return which pieces to halve: all but those whose errors together are half of what is wanted."""
    order = np.argsort(done.error)
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = np.cumsum(done.error[order]) <= 0.5 * wanted
    kept[order[:-most]] = True
    middle = 0.5 * (done.pieces.low + done.pieces.high)
    whole = (done.pieces.low < middle) & (middle < done.pieces.high)
    return ~kept & (done.error > done.rounding) & whole


def _misplacement(done: _Evaluated) -> float:
    """Return what the rounding of x does: the variation of the function, times how far x may be moved."""
    x = np.abs(done.pieces.origin[:, None] + done.offsets)
    with np.errstate(all="ignore"):
        moved = np.abs(np.diff(done.values / done.slopes, axis=1)) * x[:, 1:]
    return float(0.5 * np.finfo(float).eps * np.nansum(np.where(np.isfinite(moved), moved, 0.0)))


def _tails(done: _Evaluated, rtol: float, atol: float) -> tuple[float, float]:
    """Return the sign of a divergence, or 0, and an estimate of what lies beyond the last nodes."""
    if np.isinf(done.values).any():
        return float(np.sign(done.values[np.isinf(done.values)][0])), 0.0
    total = np.abs(done.integral).sum()
    beyond = 0.0
    for side in (-1.0, 1.0):
        i = outermost(done.pieces, side)
        inner, outer = done.values[i, 0], done.values[i, -1]
        if outer == 0:
            continue
        length = (done.pieces.high[i] - done.pieces.low[i]) * 0.5 * (NODES[-1] - NODES[0])
        decay = (np.log(abs(inner)) - np.log(abs(outer))) / length if inner != 0 else -np.inf
        if decay >= _LEAST_DECAY:
            beyond += abs(outer) / decay
        elif abs(outer) > 1e-3 * max(atol, rtol * total):
            return float(np.sign(outer)), 0.0
    return 0.0, float(beyond)
