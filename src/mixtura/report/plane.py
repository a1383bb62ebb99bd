"""The plane in which the latent space is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Below this share of the first axis, a second one shows rounding rather than separation.
_RANK_TOLERANCE = 1e-9
# Relative ridge on the scatter within groups, singular where a group is one point or a code never moves.
_RIDGE = 1e-6


@dataclass(frozen=True)
class Plane:
    """An affine map from codes to two coordinates.

    Parameters
    ----------
    kind : {"discriminant", "principal", "line"}
        How the axes were found; "line" is a latent space of one dimension, whose second coordinate is 0.
    centre : array, shape (w,)
        The code that lies at the origin.
    axes : array, shape (w, 2)
        The two directions, as columns.
    share : float
        What the two axes hold, in [0, 1]: of the separation between groups, or of the variance of the codes.
    """

    kind: Literal["discriminant", "principal", "line"]
    centre: FloatArray
    axes: FloatArray
    share: float

    def __call__(self, codes: npt.ArrayLike) -> FloatArray:
        """Return the coordinates of codes, shape (n, 2)."""
        return np.asarray((np.asarray(codes, dtype=np.float64) - self.centre) @ self.axes)


def find_plane(codes: npt.ArrayLike, components: npt.ArrayLike) -> Plane:
    """Find the plane that tells the groups apart best.

    The axes maximise the scatter between groups over the scatter within them (linear discriminants):
    ``S_between a = lambda S_within a``, scaled so that a unit is one standard deviation within groups.
    With fewer than three groups that hold rows, or where groups lie on one line, the axes are the two
    principal components of the codes instead.

    Parameters
    ----------
    codes : array of float, shape (n, w)
        Codes of the rows, in the units of the latent space.
    components : array of int, shape (n,)
        The group of each row.

    Returns
    -------
    Plane

    Examples
    --------
    >>> codes = [[0, 0, 5], [0, 1, -5], [8, 0, 5], [8, 1, -5], [0, 8, 5], [0, 9, -5]]
    >>> find_plane(codes, [0, 0, 1, 1, 2, 2]).kind
    'discriminant'
    """
    codes = np.asarray(codes, dtype=np.float64)
    components = np.asarray(components)
    centre = codes.mean(axis=0)
    centred = codes - centre
    width = codes.shape[1]
    if width == 1:
        return Plane("line", centre, np.array([[1.0, 0.0]]), 1.0)
    # Scatter is formed of numbers of order one, whatever the units of the codes.
    unit = float(np.abs(centred).max()) or 1.0
    found = _discriminants(centred / unit, components)
    if found is not None:
        axes, share = found
        return Plane("discriminant", centre, _orient(axes / unit), share)
    values, vectors = np.linalg.eigh(centred.T @ centred / (unit * unit * len(codes)))
    total = float(values.sum())
    share = float(values[-2:].sum()) / total if total > 0 else 1.0
    return Plane("principal", centre, _orient(vectors[:, [-1, -2]]), share)


def _discriminants(centred: FloatArray, components: npt.NDArray[np.int64]) -> tuple[FloatArray, float] | None:
    """Return the two best discriminants and their share of the separation, or None where there are none."""
    from scipy.linalg import eigh

    groups, places, sizes = np.unique(components, return_inverse=True, return_counts=True)
    if len(groups) < 3:
        return None
    means = np.zeros((len(groups), centred.shape[1]))
    np.add.at(means, places, centred)
    means /= sizes[:, None]
    deviations = centred - means[places]
    within = deviations.T @ deviations / len(centred)
    between = (means * sizes[:, None]).T @ means / len(centred)
    ridge = _RIDGE * (np.trace(within) + np.trace(between)) / len(within)
    if not ridge > 0:
        return None
    values, vectors = eigh(between, within + ridge * np.eye(len(within)))
    values = np.maximum(values, 0.0)
    if not values[-2] > _RANK_TOLERANCE * values[-1]:
        return None
    return vectors[:, [-1, -2]], float(values[-2:].sum() / values.sum())


def _orient(axes: FloatArray) -> FloatArray:
    """Return the axes with signs fixed, so that the same codes give the same map on every machine."""
    largest = np.abs(axes).argmax(axis=0)
    signs = np.sign(axes[largest, np.arange(axes.shape[1])])
    return np.asarray(axes * np.where(signs == 0, 1.0, signs))
