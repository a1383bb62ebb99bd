"""From a fitted estimator and its rows to the arrays that the report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mixtura.report.moments import moments_by_group
from mixtura.report.plane import find_plane

Array = npt.NDArray[Any]

PICTURES = 10
CLASSES = 60
# Values kept per kind of picture: ten of each for 200 groups of 28 x 28, fewer where pictures are larger.
_BUDGET = 4_000_000


class Fitted(Protocol):
    """What `summarise` asks of an estimator; `mixtura.GMVAE` has it."""

    means_: Array

    def predict_proba(self, X: Array) -> Array:
        """Return p(group | row), shape (n, K)."""

    def transform(self, X: Array) -> Array:
        """Return codes, shape (n, w)."""

    def sample(self, n_samples: int, component: int | None = None) -> tuple[Array, Array]:
        """Draw rows of one group in raw units, shape (n, n_features), and their groups."""

    def decode(self, codes: Array) -> Array:
        """Return decoder means of codes in raw units, shape (n, n_features)."""


def summarise(
    estimator: Fitted,
    values: Array,
    *,
    image_shape: tuple[int, ...] | None,
    feature_names: Sequence[str],
    labels: Array | None = None,
    generator: np.random.Generator,
    responsibilities: Array | None = None,
    components: Array | None = None,
    codes: Array | None = None,
    max_map_rows: int = 5_000,
) -> dict[str, Array]:
    """Return the arrays of ``summary.npz``, from which `mixtura.report.write_page` draws its figures.

    Parameters
    ----------
    estimator : Fitted
        The fitted estimator; of it only ``means_``, ``sample``, ``decode`` are used, and ``predict_proba``
        and ``transform`` where their results are not handed in.
    values : array, shape (n, n_features)
        The rows that were clustered, in raw units; pictures lie flat.
    image_shape : tuple of int or None
        (H, W) or (H, W, C) where rows are pictures.
    feature_names : sequence of str, length n_features
        Names of the columns.
    labels : array, shape (n,), optional
        Classes for scoring only; the 60 most frequent are kept apart, the rest pooled.
    generator : numpy.random.Generator
        Chooses the rows of the map where there are more than ``max_map_rows``.
    responsibilities, codes : array, shape (n, K) and (n, w), optional
        ``estimator.predict_proba(values)`` and ``estimator.transform(values)``, where they are known already.
    components : array of int, shape (n,), optional
        The group of each row, in 0 .. K-1; the most probable one unless given.
    max_map_rows : int
        At most so many rows are put on the map.

    Returns
    -------
    dict of str to array
        With s pictures a group, s = 10 or fewer where K times n_features is large:
        ``prototypes`` (K, d) decoder mean at mu_k; ``samples`` (K, s, d); ``examples`` (K, s, d), the rows of
        the group whose codes are nearest to mu_k, and ``example_rows`` (K, s), -1 where a group has fewer;
        ``map`` (m, 2), ``map_rows``, ``map_component``, ``map_probability`` (m,), ``map_means`` (K, 2),
        ``map_kind`` ("discriminant", "principal" or "line") and ``map_share``, see `mixtura.report.plane`;
        ``feature_names`` (d,); ``group_means`` (K, d), NaN for an empty group; ``data_mean`` and ``data_sd``
        (d,); ``value_range`` (2,); and with labels ``confusion`` (K, n_classes) and ``class_names``.
    """
    values = np.asarray(values).reshape(len(values), -1)
    responsibilities = np.asarray(
        estimator.predict_proba(values) if responsibilities is None else responsibilities
    )
    codes = np.asarray(estimator.transform(values) if codes is None else codes, dtype=np.float64)
    centres = np.asarray(estimator.means_, dtype=np.float64)
    components = responsibilities.argmax(axis=1) if components is None else np.asarray(components)
    kept = pictures_kept(len(centres), values.shape[1])
    return assemble(
        values,
        components,
        responsibilities[np.arange(len(values)), components],
        codes,
        centres,
        prototypes=np.asarray(estimator.decode(centres)),
        samples=np.stack([estimator.sample(kept, component=k)[0] for k in range(len(centres))]),
        image_shape=image_shape,
        feature_names=feature_names,
        labels=labels,
        generator=generator,
        max_map_rows=max_map_rows,
    )


def pictures_kept(n_components: int, n_features: int) -> int:
    """Return how many rows of each kind are kept for a group."""
    return int(np.clip(_BUDGET // max(n_components * n_features, 1), 1, PICTURES))


def assemble(
    values: Array,
    components: Array,
    probability: Array,
    codes: Array,
    centres: Array,
    *,
    prototypes: Array,
    samples: Array,
    image_shape: tuple[int, ...] | None,
    feature_names: Sequence[str],
    labels: Array | None,
    generator: np.random.Generator,
    max_map_rows: int = 5_000,
) -> dict[str, Array]:
    """Return the arrays that `summarise` describes, from what is known of rows and groups.

    Parameters
    ----------
    values : array, shape (n, d)
        The rows; NaN is a missing value.
    components : array of int, shape (n,)
        The group of each row.
    probability : array of float, shape (n,)
        The probability of that group.
    codes, centres : array of float, shape (n, w) and (K, w)
        Where rows and groups lie; in this space the map is drawn and distances are taken.
    prototypes, samples : array, shape (K, d) and (K, s, d)
        What stands for a group, and rows drawn from it.
    image_shape, feature_names, labels, generator, max_map_rows
        As for `summarise`.
    """
    n_components, kept = samples.shape[:2]
    precision = np.float32 if image_shape is not None else np.float64
    example_rows = _typical_rows(codes, components, centres, kept)
    examples = values[example_rows]
    examples[example_rows < 0] = 0
    moments = moments_by_group(values, components, n_components)
    summary: dict[str, Array] = {
        "prototypes": np.asarray(prototypes, dtype=precision),
        "samples": np.asarray(samples, dtype=precision).reshape(n_components, kept, -1),
        "examples": examples,
        "example_rows": example_rows,
        "feature_names": np.array([str(name) for name in feature_names], dtype=np.str_),
        "group_means": moments.group_means.astype(precision),
        "data_mean": moments.mean,
        "data_sd": moments.sd,
        "value_range": np.array([moments.lowest, moments.highest]),
        **_map(codes, components, probability, centres, generator, max_map_rows),
    }
    if labels is not None:
        summary["confusion"], summary["class_names"] = _confusion(
            components, np.asarray(labels), n_components
        )
    return summary


def _typical_rows(codes: Array, components: Array, centres: Array, kept: int) -> Array:
    """Return for each group the rows whose codes are nearest to its centre, nearest first, -1 for none."""
    found = np.full((len(centres), kept), -1, dtype=np.int64)
    for group, centre in enumerate(centres):
        rows = np.flatnonzero(components == group)
        distance = np.linalg.norm(codes[rows] - centre, axis=1)
        nearest = rows[np.argsort(distance, kind="stable")[:kept]]
        found[group, : len(nearest)] = nearest
    return found


def _map(
    codes: Array,
    components: Array,
    probability: Array,
    centres: Array,
    generator: np.random.Generator,
    max_rows: int,
) -> dict[str, Array]:
    """Return the entries of the map: the plane is found from all rows, some of which are drawn."""
    plane = find_plane(codes, components)
    rows = np.arange(len(codes), dtype=np.int64)
    if len(rows) > max_rows:
        rows = np.sort(generator.choice(len(codes), size=max_rows, replace=False)).astype(np.int64)
    places = plane(codes[rows])
    if plane.kind == "line":
        # Points on a line would hide one another; the height is noise, and the page says so.
        places[:, 1] = generator.uniform(-0.5, 0.5, len(rows))
    return {
        "map": places.astype(np.float32),
        "map_rows": rows,
        "map_component": components[rows].astype(np.int32),
        "map_probability": probability[rows].astype(np.float32),
        "map_means": plane(centres).astype(np.float32),
        "map_kind": np.array(plane.kind),
        "map_share": np.array(plane.share),
    }


def _confusion(components: Array, labels: Array, n_components: int) -> tuple[Array, Array]:
    """Count the rows of each group in each class; classes beyond the most frequent share the last column."""
    from mixtura.clustering import confusion

    # Mixed types do not sort, so anything but numbers, booleans and text goes by its text.
    known = (
        labels if labels.dtype.kind in "biufU" else np.array([str(label) for label in labels], dtype=np.str_)
    )
    counts, names = confusion(known, components)
    table = np.zeros((n_components, len(names)), dtype=np.int64)
    table[: len(counts)] = counts
    titles = [_class_name(name) for name in names.tolist()]
    if len(names) > CLASSES:
        order = np.argsort(-table.sum(axis=0), kind="stable")
        frequent, rare = np.sort(order[:CLASSES]), order[CLASSES:]
        table = np.column_stack([table[:, frequent], table[:, rare].sum(axis=1)])
        titles = [titles[place] for place in frequent] + [f"{len(rare)} other classes"]
    return table, np.array(titles, dtype=np.str_)


def _class_name(name: object) -> str:
    """Return a class as text; whole numbers that came as floats lose their point."""
    return str(int(name)) if isinstance(name, float) and name.is_integer() else str(name)
