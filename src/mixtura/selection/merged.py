"""What `merge_components` returns: a path from all components to one group, and what is chosen on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.errors import InputError
from mixtura.findings import Finding

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Merging:
    """Components merged into groups; the density is that of the model, with all of its components.

    Arrays have an entry for each number of groups, from all components that hold rows down to 1.

    Parameters
    ----------
    criterion : {"icl", "entropy", "misclassification"}
        What merged and what chose.
    n_groups : ndarray of int, shape (m,)
        m, m - 1, ..., 1.
    score : ndarray of shape (m,)
        The criterion there: "icl" and "entropy" in nats per row, "misclassification" a share of rows.
    chosen : int
        The number of groups that the criterion's rule, or the caller, chose.
    responsibilities : ndarray of shape (n, K)
        Of the components, for the rows that were given.
    component_map : ndarray of int, shape (m, K)
        For each number of groups the group of every component. Groups are numbered by falling size.
    empty : tuple of int
        Components that hold no row; each goes with the one whose rows give it most.
    findings : tuple of Finding
        What was merged and what was empty, in words.
    """

    criterion: str
    n_groups: NDArray[np.int64]
    score: Array
    chosen: int
    responsibilities: Array
    component_map: NDArray[np.int64]
    empty: tuple[int, ...]
    findings: tuple[Finding, ...]

    @property
    def component_groups(self) -> NDArray[np.int64]:
        """The group of each component where ``chosen`` groups are left, shape (K,)."""
        return self.groups_at(self.chosen)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The group of each row where ``chosen`` groups are left, shape (n,)."""
        return self.labels_at(self.chosen)

    def groups_at(self, n_groups: int) -> NDArray[np.int64]:
        """Return the group of each component where so many groups are left, shape (K,).

        Raises
        ------
        InputError
            If there are not so many on the path.
        """
        whole = hasattr(n_groups, "__index__") and not isinstance(n_groups, bool)
        if not whole or not 1 <= int(n_groups) <= len(self.n_groups):
            raise InputError(f"n_groups must be from 1 to {len(self.n_groups)}, not {n_groups!r}")
        row: NDArray[np.int64] = self.component_map[len(self.n_groups) - int(n_groups)].copy()
        return row

    def probabilities_at(self, n_groups: int) -> Array:
        """Return the responsibilities of so many groups, sums over their components: (n, n_groups)."""
        return summed(self.responsibilities, self.groups_at(n_groups))

    def labels_at(self, n_groups: int) -> NDArray[np.int64]:
        """Return the group of each row where so many groups are left, shape (n,).

        By "icl", which assigns each row to one component, the group of that; else the most responsible group.
        """
        groups = self.groups_at(n_groups)
        return assigned(self.responsibilities, groups, self.criterion)

    def members(self, n_groups: int | None = None) -> list[list[int]]:
        """Return the components of each group, for the number that was chosen unless another is given."""
        groups = self.groups_at(self.chosen if n_groups is None else n_groups)
        return [np.flatnonzero(groups == group).tolist() for group in range(groups.max() + 1)]

    def table(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the path by name, such as ``pandas.DataFrame`` takes them."""
        members = np.array([_members(self.members(int(k))) for k in self.n_groups])
        return {"n_groups": self.n_groups, "score": self.score, "members": members}

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion against the number of groups.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a figure of its own is made unless given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mixtura.selection.figure import draw_merging

        return draw_merging(self, ax)

    def __repr__(self) -> str:
        """Return the choice on one line."""
        k = self.responsibilities.shape[1]
        components = f"{k} component{'' if k == 1 else 's'}"
        groups = f"{self.chosen} group{'' if self.chosen == 1 else 's'}"
        return f"Merging({components}, {groups} by {self.criterion})"

    def __str__(self) -> str:
        """Return the path, the choice and the findings as text."""
        head = f"{'groups':>6} {self.criterion:>17}  components"
        lines = [
            f"{k:>6}{'*' if k == self.chosen else ' '}{score:>16.4f}  {_members(self.members(int(k)))}"
            for k, score in zip(self.n_groups, self.score, strict=True)
        ]
        return "\n".join([head, *lines, *map(str, self.findings)])


def summed(responsibilities: Array, groups: NDArray[np.int64]) -> Array:
    """Return responsibilities of groups, each the sum over its components.

    Examples
    --------
    >>> summed(np.array([[0.25, 0.5, 0.25]]), np.array([1, 0, 1]))
    array([[0.5, 0.5]])
    """
    answer = np.zeros((len(responsibilities), int(groups.max()) + 1))
    for component, group in enumerate(groups):
        answer[:, group] += responsibilities[:, component]
    return answer


def assigned(responsibilities: Array, groups: NDArray[np.int64], criterion: str) -> NDArray[np.int64]:
    """Return the group of each row, as `Merging.labels_at` says.

    Examples
    --------
    >>> t, groups = np.array([[0.3, 0.4, 0.3]]), np.array([0, 1, 0])
    >>> assigned(t, groups, "icl").tolist(), assigned(t, groups, "entropy").tolist()
    ([1], [0])
    """
    labels: NDArray[np.int64]
    if criterion == "icl":
        labels = groups[responsibilities.argmax(axis=1)]
    else:
        labels = summed(responsibilities, groups).argmax(axis=1)
    return labels


def _members(members: list[list[int]]) -> str:
    return ", ".join("+".join(map(str, group)) for group in members)
