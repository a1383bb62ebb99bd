"""Groups from the components of one fitted model, by merging."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mixtura.clustering.merges import (
    Merges,
    merge_by_classification,
    merge_by_entropy,
    merge_by_misclassification,
)
from mixtura.errors import InputError
from mixtura.estimators import GMVAE
from mixtura.estimators.mixture_base import MixtureBase
from mixtura.estimators.validation import in_one_line
from mixtura.findings import Finding
from mixtura.selection.merged import Merging, assigned, summed
from mixtura.selection.points import points_of

Array = NDArray[np.float64]

_CRITERIA = ("auto", "icl", "entropy", "misclassification")
_FEW_ROWS = 5.0  # a group with fewer is said to be small


def merge_components(
    model: GMVAE | MixtureBase,
    X: Any,
    *,
    criterion: Literal["auto", "icl", "entropy", "misclassification"] = "auto",
    n_groups: int | None = None,
) -> Merging:
    """Merge the components of one fitted model into groups, from all of them down to one.

    A density may want more components than there are groups, so the model stays as it is, and what is made is
    a map from its components to groups. Fitting once with more components than can be needed and merging is
    far cheaper than fitting every K, and gives the whole path.

    Parameters
    ----------
    model : GMVAE or mixture
        Fitted, with more components than groups are expected.
    X : array-like of shape (n, n_features)
        Rows to judge by, such as those it was fitted to.
    criterion : {"auto", "icl", "entropy", "misclassification"}, default="auto"
        What is merged first, and where merging ends.

        - "icl": two components whose rows one Gaussian describes as well, less its price (Biernacki et al.
          2000); for a `GMVAE` and a `GaussianMixture` without missing values.
        - "misclassification": two between which most rows would be misclassified, while that is at least 2.5%
          of the rows of one (Hennig 2010). By responsibilities alone, for every mixture.
        - "entropy": two whose union takes most from the entropy of the responsibilities, to the bend of its
          path (Baudry et al. 2010). By responsibilities alone.
        - "auto": the first where it can be had, else the second.
    n_groups : int, optional
        The number of groups, where it is known; else the criterion chooses it.

    Returns
    -------
    Merging
        The path, the number that was chosen, ``labels`` of the rows and the groups of the components.

    Raises
    ------
    InputError
        If the model is not fitted, its rows are of another width, or an argument is not what it must be.

    References
    ----------
    C. Hennig (2010), Methods for merging Gaussian mixture components; J.-P. Baudry et al. (2010), Combining
    mixture components for clustering.

    Examples
    --------
    >>> import mixtura
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2)) + np.repeat([[0.0, 0.0], [7.0, 0.0]], 200, axis=0)
    >>> model = mixtura.GaussianMixture(6, random_state=0).fit(X)
    >>> merging = merge_components(model, X)
    >>> merging
    Merging(6 components, 2 groups by icl)
    >>> np.bincount(merging.labels).tolist()
    [201, 199]
    """
    if criterion not in _CRITERIA:
        raise InputError(f"criterion must be one of {', '.join(_CRITERIA)}, not {criterion!r}")
    require_model(model)
    require_table(X)
    with in_one_line():
        t = np.asarray(model.predict_proba(X), dtype=np.float64)
    k = t.shape[1]
    held = np.bincount(t.argmax(axis=1), minlength=k)
    occupied = np.flatnonzero(held)
    _check_groups(n_groups, len(occupied), k)
    points = points_of(model, X) if criterion in ("auto", "icl") and len(occupied) > 1 else None
    if criterion == "icl" and points is None and len(occupied) > 1:
        raise InputError(
            "criterion='icl' needs measurements without missing values, under a GMVAE or a GaussianMixture; "
            "take 'misclassification'"
        )
    name = criterion
    if criterion == "auto":
        name = "icl" if points is not None or len(occupied) == 1 else "misclassification"
    home = _homes(t, occupied)
    own = summed(t, np.searchsorted(occupied, home))
    merges = _merged(name, own, points, np.searchsorted(occupied, t.argmax(axis=1)), len(occupied))
    chosen = merges.chosen if n_groups is None else int(n_groups)
    numbers = np.arange(len(occupied), 0, -1)
    to_occupied = np.searchsorted(occupied, home)
    # Sizes are those of `labels_at`, from the components' own responsibilities.
    component_map = np.stack([_by_size(t, merges.group_of(int(m))[to_occupied], name) for m in numbers])
    empty = tuple(int(component) for component in np.flatnonzero(held == 0))
    merging = Merging(name, numbers, merges.score, chosen, t, component_map, empty, ())
    return Merging(
        name, numbers, merges.score, chosen, t, component_map, empty, tuple(_said(merging, held, model))
    )


def require_model(model: Any) -> None:
    """Refuse what is no fitted model of components.

    Raises
    ------
    InputError
        If it is something else, or not fitted.
    """
    if not isinstance(model, (GMVAE, MixtureBase)):
        kind = model.__name__ if isinstance(model, type) else type(model).__name__
        raise InputError(f"model must be a fitted GMVAE or mixture, not {kind}")
    try:
        check_is_fitted(model)
    except ValueError as error:
        raise InputError(f"this {type(model).__name__} is not fitted; call fit first") from error


def require_table(X: Any) -> None:
    """Refuse the name of a file.

    Raises
    ------
    InputError
        Naming it.
    """
    if isinstance(X, (str, os.PathLike)):
        raise InputError(f"X is the path {os.fspath(X)!r}, and rows in memory are asked for; give the table")


def _check_groups(n_groups: Any, occupied: int, k: int) -> None:
    if n_groups is None:
        return
    if isinstance(n_groups, (bool, np.bool_)) or not hasattr(n_groups, "__index__") or int(n_groups) < 1:
        raise InputError(f"n_groups must be a whole number of at least 1, not {n_groups!r}")
    if int(n_groups) > occupied:
        raise InputError(
            f"n_groups={int(n_groups)} is more than the {occupied} of {k} components that hold rows; "
            "ask for fewer"
        )


def _homes(t: Array, occupied: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each component itself, or for one without rows the one whose rows give it most."""
    labels = t.argmax(axis=1)
    home = np.arange(t.shape[1])
    for component in np.setdiff1d(home, occupied):
        given = np.bincount(labels, weights=t[:, component], minlength=t.shape[1])
        home[component] = int(given.argmax()) if given.any() else occupied[0]
    return home


def _merged(
    name: str, t: Array, points: Array | None, labels: NDArray[np.int64], n_components: int
) -> Merges:
    if n_components == 1:
        return Merges(np.zeros(1), np.zeros((0, 2), dtype=np.int64), 1)
    if name == "icl":
        assert points is not None
        return merge_by_classification(points, labels, n_components)
    return merge_by_entropy(t) if name == "entropy" else merge_by_misclassification(t)


def _by_size(t: Array, group: NDArray[np.int64], criterion: str) -> NDArray[np.int64]:
    """Return the groups of the components, renumbered by falling numbers of rows."""
    codes = np.unique(group, return_inverse=True)[1].ravel()
    sizes = np.bincount(assigned(t, codes, criterion), minlength=codes.max() + 1)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[codes]


def _said(merging: Merging, held: NDArray[np.int64], model: Any) -> list[Finding]:
    k, m = merging.responsibilities.shape[1], merging.chosen
    found = []
    if merging.empty:
        found.append(
            Finding(
                "empty-components",
                "note",
                f"{len(merging.empty)} of {k} components hold no row: {_listed(merging.empty)}; each counts "
                "with the one whose rows give it most",
                "mixtura.prune_components drops them" if isinstance(model, GMVAE) else "",
            )
        )
    several = [group for group in merging.members() if len(group) > 1]
    if several:
        words = "; ".join(
            f"group {group} is components {'+'.join(map(str, members))}"
            for group, members in enumerate(merging.members())
            if len(members) > 1
        )
        kept = m - len(several)
        rest = f"; {kept} kept as {'it is' if kept == 1 else 'they are'}" if kept else ""
        plural = "group" if m == 1 else "groups"
        found.append(
            Finding("merged", "note", f"{k} components were merged into {m} {plural}: {words}{rest}")
        )
    elif m == len(merging.n_groups) > 1:
        found.append(
            Finding(
                "nothing-merged",
                "warning",
                f"no two of {k} components were merged, so that there may be more groups than components",
                "fit with more components",
            )
        )
    if m == 1 and k > 1:
        found.append(
            Finding("one-group", "note", f"nothing speaks for more than one group in {held.sum():,} rows")
        )
    sizes = np.bincount(merging.labels, minlength=m)
    small = np.flatnonzero(sizes < _FEW_ROWS)
    if m > 1 and len(small):
        found.append(
            Finding(
                "small-groups",
                "warning",
                f"{len(small)} of {m} groups hold fewer than {_FEW_ROWS:g} rows: {_listed(small.tolist())}",
                "take them for odd rows rather than groups, or give a smaller n_groups",
            )
        )
    return found


def _listed(numbers: Any) -> str:
    shown = ", ".join(str(number) for number in list(numbers)[:12])
    return shown + (" and more" if len(numbers) > 12 else "")
