"""The product of families over the columns of a mixed table: one responsibility for the whole row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.errors import InputError

Selection = slice | list[int]


@dataclass(eq=False)
class PreparedProduct:
    """What each part needs of its parameters, its columns of the block, and room for its log-densities."""

    parts: list[Any]
    blocks: list[Array]
    room: Array


class ProductFamily(Family[tuple[Any, ...], tuple[Any, ...]]):
    r"""Families on disjoint sets of columns, :math:`p(x \mid \theta_k) = \prod_s p_s(x_s \mid \theta_{sk})`.

    Given the component the sets are independent; within one the family may know a covariance.

    Parameters
    ----------
    parts : sequence of (Family, sequence of int)
        Each family with the columns that it describes. All have the same number of components, and each
        column of the table is in one.

    Raises
    ------
    InputError
        If a column is in no family or in several, or the numbers of components or columns differ.

    Examples
    --------
    >>> from mixtura.em.bernoulli import BernoulliFamily
    >>> from mixtura.em.poisson import PoissonFamily, PoissonParameters
    >>> binary, counts = BernoulliFamily(1, 1), PoissonFamily(1, 1)
    >>> family = ProductFamily([(binary, [0]), (counts, [1])])
    >>> theta = (binary.parameters(np.array([[0.5]])), PoissonParameters(np.array([[2.0]])))
    >>> out = np.empty((1, 1))
    >>> family.log_density(family.prepare(theta), np.array([[1.0], [0.0]]), out)
    >>> float(np.exp(out[0, 0]).round(4))  # 0.5 exp(-2)
    0.0677
    """

    def __init__(self, parts: Sequence[tuple[Family[Any, Any], Sequence[int]]]) -> None:
        if not parts:
            raise InputError("a product needs at least one family with its columns")
        self.parts = tuple(family for family, _ in parts)
        self.columns = tuple(tuple(int(column) for column in columns) for _, columns in parts)
        covered = sorted(column for columns in self.columns for column in columns)
        if covered != list(range(len(covered))):
            raise InputError(
                f"each column from 0 on must be in one family; the families have the columns {covered}"
            )
        components = {family.n_components for family in self.parts}
        if len(components) > 1:
            raise InputError(f"all families must have one number of components, not {sorted(components)}")
        for family, columns in zip(self.parts, self.columns, strict=True):
            if family.n_features != len(columns):
                raise InputError(
                    f"{type(family).__name__} has {family.n_features} features and was given "
                    f"{len(columns)} columns"
                )
        super().__init__(components.pop(), len(covered))
        self._selections = [_selection(columns) for columns in self.columns]

    def prepare(self, theta: tuple[Any, ...]) -> PreparedProduct:
        """Prepare each part."""
        parts = [family.prepare(own) for family, own in zip(self.parts, theta, strict=True)]
        return PreparedProduct(parts, [], np.empty((self.n_components, 0)))

    def weigh(self, prepared: PreparedProduct, log_weights: Array) -> bool:
        """Let the first part do it that can."""
        return any(
            family.weigh(own, log_weights) for family, own in zip(self.parts, prepared.parts, strict=True)
        )

    def log_density(self, prepared: PreparedProduct, block: Array, out: Array) -> None:
        """Write the sum of the parts."""
        if prepared.room.shape[1] < block.shape[1]:
            prepared.room = np.empty((self.n_components, block.shape[1]))
        room = prepared.room[:, : block.shape[1]]
        prepared.blocks = [block[selection] for selection in self._selections]
        self.parts[0].log_density(prepared.parts[0], prepared.blocks[0], out)
        for family, own, columns in zip(self.parts[1:], prepared.parts[1:], prepared.blocks[1:], strict=True):
            family.log_density(own, columns, room)
            out += room

    def zero(self, prepared: PreparedProduct) -> list[Any]:
        """Return an accumulator for each part."""
        return [family.zero(own) for family, own in zip(self.parts, prepared.parts, strict=True)]

    def add(
        self, accumulator: list[Any], prepared: PreparedProduct, block: Array, responsibilities: Array
    ) -> None:
        """Add to each part its columns of the block that `log_density` has just seen."""
        for family, sums, own, columns in zip(
            self.parts, accumulator, prepared.parts, prepared.blocks, strict=True
        ):
            family.add(sums, own, columns, responsibilities)

    def collect(self, accumulator: list[Any], prepared: PreparedProduct) -> tuple[Any, ...]:
        """Return the statistics of each part."""
        return tuple(
            family.collect(sums, own)
            for family, sums, own in zip(self.parts, accumulator, prepared.parts, strict=True)
        )

    def nearer(self, statistics: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the points of each part, or None where no part has any."""
        points = tuple(family.nearer(own) for family, own in zip(self.parts, statistics, strict=True))
        return None if all(own is None for own in points) else points

    def about(self, prepared: PreparedProduct, points: tuple[Any, ...]) -> PreparedProduct:
        """Return what was prepared, with each part about its points."""
        parts = [
            own if about is None else family.about(own, about)
            for family, own, about in zip(self.parts, prepared.parts, points, strict=True)
        ]
        return replace(prepared, parts=parts)

    def combine(
        self, first: tuple[Any, ...], second: tuple[Any, ...], factors: tuple[float, float]
    ) -> tuple[Any, ...]:
        """Combine part by part."""
        return tuple(
            family.combine(a, b, factors) for family, a, b in zip(self.parts, first, second, strict=True)
        )

    def counts(self, statistics: tuple[Any, ...]) -> Array:
        """Return the sums of responsibilities times weights, which are the same for all parts."""
        return self.parts[0].counts(statistics[0])

    def maximise(self, statistics: tuple[Any, ...]) -> tuple[Any, ...]:
        """Maximise part by part."""
        return tuple(family.maximise(own) for family, own in zip(self.parts, statistics, strict=True))

    def expected_log_density(self, statistics: tuple[Any, ...], theta: tuple[Any, ...]) -> float:
        """Return the sum over parts."""
        return sum(
            family.expected_log_density(own, values)
            for family, own, values in zip(self.parts, statistics, theta, strict=True)
        )

    def reseed(self, theta: tuple[Any, ...], component: int, point: Array) -> tuple[Any, ...]:
        """Reseed part by part."""
        return tuple(
            family.reseed(own, component, point[list(columns)])
            for family, own, columns in zip(self.parts, theta, self.columns, strict=True)
        )

    def rounding(self, theta: tuple[Any, ...]) -> float:
        """Return the largest of the parts."""
        return max(family.rounding(own) for family, own in zip(self.parts, theta, strict=True))

    def log_prior(self, theta: tuple[Any, ...]) -> float:
        """Return the sum over parts."""
        return sum(family.log_prior(own) for family, own in zip(self.parts, theta, strict=True))


def _selection(columns: tuple[int, ...]) -> Selection:
    """Return a slice for neighbouring columns, which needs no copy."""
    start = columns[0] if columns else 0
    if columns == tuple(range(start, start + len(columns))):
        return slice(start, start + len(columns))
    return list(columns)
