"""Responsibilities to start from, by scikit-learn's methods and with its random numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.estimators.measured_rows import squarable

Array = NDArray[np.float64]

# Blocks (K, B) of responsibilities, as often as they are asked for.
Assigned = Callable[[], Iterator[Array]]


class _Draw(NamedTuple):
    """What a method is given."""

    rows: NDArray[np.floating]
    n_components: int
    weights: Array | None
    random_state: np.random.RandomState
    block_size: int


def assigned(
    method: str,
    rows: NDArray[np.floating],
    n_components: int,
    weights: Array | None,
    random_state: np.random.RandomState,
    block_size: int,
) -> Assigned:
    """Return responsibilities to start from.

    Parameters
    ----------
    method : {"kmeans", "k-means++", "random", "random_from_data"}
        As scikit-learn's ``init_params``.
    rows : ndarray of shape (n, d)
        The data, without missing values.
    n_components : int
        K.
    weights : ndarray of shape (n,), optional
        Of the observations, positive.
    random_state : RandomState
        Consumed as by scikit-learn.
    block_size : int
        B, of all blocks but the last.

    Returns
    -------
    callable
        Gives an iterator over blocks of shape (K, B); responsibilities of a row sum to one, or to zero where
        the method leaves it out.
    """
    return METHODS[method](_Draw(rows, n_components, weights, random_state, block_size))


def nearest(assigned_points: Assigned, rows: NDArray[np.floating], block_size: int) -> Assigned:
    """Return every row as its nearest point's, from responsibilities that leave most rows out.

    It is what the first E-step makes of components as narrow as a small ``reg_covar``; without one, a single
    row has no covariance.
    """
    points = np.zeros((0, 0))
    for number, block in enumerate(assigned_points()):
        chosen = np.argwhere(block)
        if not points.size:
            points = np.zeros((len(block), rows.shape[1]))
        for component, at in chosen:
            points[component] = rows[number * block_size + at]

    def blocks() -> Iterator[Array]:
        for first in range(0, len(rows), block_size):
            part = rows[first : first + block_size].astype(np.float64)
            distances = np.stack([((part - point) ** 2).sum(axis=1) for point in points])
            shared = distances == distances.min(axis=0)
            yield shared / shared.sum(axis=0)

    return blocks


def _kmeans(draw: _Draw) -> Assigned:
    from sklearn.cluster import KMeans

    fitted = KMeans(draw.n_components, n_init=1, random_state=draw.random_state).fit(
        squarable(draw.rows), sample_weight=draw.weights
    )
    labels, numbers = fitted.labels_, np.arange(draw.n_components)[:, None]

    def blocks() -> Iterator[Array]:
        for first in range(0, len(labels), draw.block_size):
            yield (labels[first : first + draw.block_size] == numbers).astype(np.float64)

    return blocks


def _random(draw: _Draw) -> Assigned:
    before, n_rows = copy.deepcopy(draw.random_state), len(draw.rows)

    def drawn(state: np.random.RandomState) -> Iterator[Array]:
        for first in range(0, n_rows, draw.block_size):
            block = state.uniform(size=(min(draw.block_size, n_rows - first), draw.n_components))
            yield block.T / block.sum(axis=1)

    for _ in drawn(draw.random_state):
        pass  # the next start goes on from here
    return lambda: drawn(copy.deepcopy(before))


def _random_from_data(draw: _Draw) -> Assigned:
    chances = None if draw.weights is None else draw.weights / draw.weights.sum()
    chosen = draw.random_state.choice(len(draw.rows), size=draw.n_components, replace=False, p=chances)
    return _points(chosen, draw)


def _kmeans_plus_plus(draw: _Draw) -> Assigned:
    from sklearn.cluster import kmeans_plusplus

    _, chosen = kmeans_plusplus(
        squarable(draw.rows), draw.n_components, sample_weight=draw.weights, random_state=draw.random_state
    )
    return _points(chosen, draw)


def _points(chosen: NDArray[np.intp], draw: _Draw) -> Assigned:
    """Return one row for each component, each worth the same whatever its weight."""
    n_rows, weights = len(draw.rows), draw.weights

    def blocks() -> Iterator[Array]:
        for first in range(0, n_rows, draw.block_size):
            block = np.zeros((len(chosen), min(draw.block_size, n_rows - first)))
            for component, at in enumerate(chosen):
                if first <= at < first + block.shape[1]:
                    block[component, at - first] = 1.0 if weights is None else 1.0 / max(weights[at], 1e-300)
            yield block

    return blocks


# The method that is not scikit-learn's.
SHORT_RUNS = "short_runs"

# Those that give each component one row.
POINTS = ("k-means++", "random_from_data")

METHODS: dict[str, Callable[[_Draw], Assigned]] = {
    "kmeans": _kmeans,
    "k-means++": _kmeans_plus_plus,
    "random": _random,
    "random_from_data": _random_from_data,
}
