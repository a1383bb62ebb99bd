"""From a fitted classical mixture and its rows to the arrays that the report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.report.mixture_columns import ColumnFit, as_codes, columns_of, drawn, drawn_codes
from mixtura.report.moments import moments_by_group
from mixtura.report.summarise import assemble, pictures_kept

if TYPE_CHECKING:
    from mixtura.estimators.mixture_base import MixtureBase

Array = npt.NDArray[Any]

# Categories of a column that get a dimension of the map and a line of their own, the most frequent ones.
_CATEGORIES = 20
# The map is drawn of at most this many dimensions, principal components where there are more.
_WIDTH = 64
# Rows that principal components are found from.
_FITTED = 20_000
_BLOCK = 8_192


def summarise_mixture(
    mixture: MixtureBase,
    rows: Any,
    *,
    image_shape: tuple[int, ...] | None,
    feature_names: Sequence[str],
    labels: Array | None = None,
    responsibilities: Array,
    components: Array,
    seed: int,
) -> dict[str, Array]:
    """Return the arrays of ``summary.npz`` for a mixture that was fitted by EM.

    The map shows the columns themselves, standardised: numbers, and for categories a 0 or 1 for each. What is
    missing is put where the mixture expects it.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted, its groups in the order in which they are to be shown.
    rows : pyarrow.Table or array, shape (n, d)
        The rows that were clustered.
    image_shape, feature_names, labels
        As for `mixtura.report.summarise`.
    responsibilities : array, shape (n, K)
        p(group | row).
    components : array of int, shape (n,)
        The group of each row.
    seed : int
        Of the samples and of the rows of the map.

    Returns
    -------
    dict of str to array
        As `mixtura.report.summarise`. Where a table has categories, they stand as their places, with the
        commonest one in place of a mean; ``categories`` (d, C) has their words, empty where a column holds
        numbers; and ``trait_names``, ``trait_columns``, ``trait_group_means``, ``trait_mean`` and
        ``trait_sd`` are of numbers, and of the shares of categories, a line for each.
    """
    columns = columns_of(mixture)
    values = as_codes(rows, columns)
    n_components = responsibilities.shape[1]
    threshold = getattr(mixture, "binarise", None)
    # On the map rows lie among the probabilities of their groups: as the 0 and 1 that were fitted.
    seen = values if threshold is None else np.where(np.isnan(values), np.nan, values > threshold)
    codes, centres = _embedded(mixture, rows, seen, columns, responsibilities)
    kept = pictures_kept(n_components, values.shape[1])
    samples = np.stack(
        [drawn_codes(drawn(mixture, kept, k, seed + k)[0], columns) for k in range(n_components)]
    )
    summary = assemble(
        values,
        components,
        responsibilities[np.arange(len(values)), components],
        codes,
        centres,
        prototypes=np.stack([column.centres for column in columns], axis=1),
        samples=samples,
        image_shape=image_shape,
        feature_names=feature_names,
        labels=labels,
        generator=np.random.default_rng(seed),
    )
    if any(column.categories is not None for column in columns):
        summary |= category_traits(values, components, n_components, columns, summary, feature_names)
    return summary


def _embedded(
    mixture: MixtureBase, rows: Any, values: Array, columns: list[ColumnFit], responsibilities: Array
) -> tuple[Array, Array]:
    """Return where rows (n, w) and groups (K, w) lie on the map."""
    complete = values
    measured = [place for place, column in enumerate(columns) if column.family == "gaussian"]
    if np.isnan(values[:, measured]).any():
        # Given the rest of the row: columns of a full covariance tell of each other.
        complete = values.copy()
        complete[:, measured] = mixture.impute(rows)[:, measured].astype(np.float64)
    parts, centres = [], []
    for entries, column in zip(complete.T, columns, strict=True):
        missing = np.isnan(entries)
        if column.shares is None:
            part, centre = entries[:, None].copy(), column.centres[:, None]
            part[missing, 0] = responsibilities[missing] @ column.centres
            spread = _spread(part[:, 0]) if len(columns) > 1 else 1.0
        else:
            chosen = _commonest(entries, column.shares.shape[1])
            part, centre = (entries[:, None] == chosen).astype(np.float64), column.shares[:, chosen]
            part[missing] = responsibilities[missing] @ centre
            shares = part.mean(axis=0)
            spread = float(np.sqrt(max((shares * (1 - shares)).sum(), 1e-12)))
        parts.append(part / spread)
        centres.append(centre / spread)
    return _narrowed(np.concatenate(parts, axis=1), np.concatenate(centres, axis=1))


def _commonest(codes: Array, n_categories: int) -> Array:
    """Return the places of the most frequent categories of a column, in their order."""
    counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=n_categories)
    return np.sort(np.argsort(-counts, kind="stable")[:_CATEGORIES])


def _spread(values: Array) -> float:
    """Return the standard deviation, safe from 1e-300 to 1e300; 1 where there is none."""
    sd = float(moments_by_group(values[:, None], np.zeros(len(values), dtype=int), 1).sd[0])
    return sd if sd > 0 else 1.0


def _narrowed(points: Array, centres: Array) -> tuple[Array, Array]:
    """Return points and centres in at most `_WIDTH` dimensions."""
    if points.shape[1] <= _WIDTH:
        return points, centres
    from sklearn.decomposition import PCA

    step = max(1, len(points) // _FITTED)
    width = min(_WIDTH, len(points[::step]))
    principal = PCA(width, svd_solver="randomized", random_state=0).fit(points[::step])
    narrow = np.empty((len(points), width))
    for start in range(0, len(points), _BLOCK):
        narrow[start : start + _BLOCK] = principal.transform(points[start : start + _BLOCK])
    return narrow, principal.transform(centres)


def _mode(codes: Array) -> float:
    """Return the commonest place, the first where several are; NaN where there is none."""
    there = codes[~np.isnan(codes)].astype(np.int64)
    return float(np.bincount(there).argmax()) if len(there) else float("nan")


def category_traits(
    values: Array,
    components: Array,
    n_components: int,
    columns: list[ColumnFit],
    summary: dict[str, Array],
    feature_names: Sequence[str],
) -> dict[str, Array]:
    """Return the words of the categories, the commonest of each group, and traits that have means."""
    means, middle = summary["group_means"].copy(), summary["data_mean"].copy()
    names, places, traits = [], [], []
    for place, (column, name) in enumerate(zip(columns, feature_names, strict=True)):
        entries = values[:, place]
        if column.categories is None:
            names.append(str(name))
            places.append(place)
            traits.append(entries)
            continue
        middle[place] = _mode(entries)
        means[:, place] = [_mode(entries[components == group]) for group in range(n_components)]
        for category in _commonest(entries, len(column.categories)).tolist():
            names.append(f"{name} = {column.categories[category]}")
            places.append(place)
            traits.append(np.where(np.isnan(entries), np.nan, entries == category))
    found = moments_by_group(np.stack(traits, axis=1), components, n_components)
    widest = max(len(column.categories) if column.categories is not None else 1 for column in columns)
    words = np.full((len(columns), widest), "", dtype=object)
    for place, column in enumerate(columns):
        if column.categories is not None:
            words[place, : len(column.categories)] = [str(value) for value in column.categories.tolist()]
    return {
        "group_means": means,
        "data_mean": middle,
        "categories": words.astype(np.str_),
        "trait_names": np.array(names, dtype=np.str_),
        "trait_columns": np.array(places, dtype=np.int64),
        "trait_group_means": found.group_means,
        "trait_mean": found.mean,
        "trait_sd": found.sd,
    }
