"""The first groups of a mixed table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import GroupEvidence
from mixtura.data.counts import stabilised
from mixtura.data.layout import ColumnLayout
from mixtura.em.product_groups import product_evidence, product_groups
from mixtura.em.product_table import ProductTable
from mixtura.vae.training.groups import Start
from mixtura.vae.training.methods import METHODS, WORDS

_PRODUCT = "EM with a product of families"


def find_mixed_groups(
    encoded: NDArray[np.float32],
    layout: ColumnLayout,
    n_groups: int,
    kind: str,
    generator: np.random.Generator,
) -> Start:
    """Return groups of the rows of a mixed table.

    Parameters
    ----------
    encoded : ndarray of shape (n, n_encoded)
        Rows.
    layout : ColumnLayout
        How the columns of the families lie in them.
    n_groups : int
        K <= n.
    kind : {"auto", "graph", "linkage", "kmeans", "diag", "full"}
        The method: a graph, linkage or k-means on rows whose columns are brought to like spreads, and else EM
        with a product of families, in which Gaussians are diagonal.
    generator : numpy.random.Generator
        Source of all randomness.
    """
    if n_groups == 1:
        return Start(np.zeros(len(encoded), dtype=np.int64), "one group: nothing to find")
    mixed, compared = _tables(encoded, layout)
    probabilities = overlapping = None
    if kind in ("graph", "linkage", "kmeans"):
        labels = METHODS[kind](layout.comparable(encoded), n_groups, generator)
        words = WORDS[kind]
    else:
        groups = product_groups(mixed, layout.comparable(encoded), n_groups, generator)
        labels, probabilities, words = groups.labels, groups.probabilities, _PRODUCT
        overlapping = product_evidence(compared, probabilities, generator)
    evidence = product_evidence(compared, np.eye(n_groups)[labels], generator)
    return Start(labels, f"{n_groups} groups by {words}", evidence, probabilities, overlapping)


def evidence_of_bits(
    bits: NDArray[np.float64], labels: NDArray[np.int64], generator: np.random.Generator
) -> GroupEvidence:
    """Compare groups of a table of zeros and ones with none: the probabilities of ones in each, or in all.

    Parameters
    ----------
    bits : ndarray of shape (n, d)
        The rows.
    labels : ndarray of shape (n,)
        Group of each row, from 0.
    generator : numpy.random.Generator
        Of the folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> coins = rng.integers(0, 2, (300, 6)).astype(float)
    >>> evidence_of_bits(coins, coins[:, 0].astype(int), rng).better
    False
    """
    none = np.empty((len(bits), 0))
    table = ProductTable(none, bits, none, none, ())
    return product_evidence(table, np.eye(int(labels.max()) + 1)[labels], generator)


def _tables(encoded: NDArray[np.float32], layout: ColumnLayout) -> tuple[ProductTable, ProductTable]:
    """Return the table that a mixture is fitted to, and the one on which groups are compared with none.

    Counts that are not Poisson's are Gaussian in both, after the transform that makes a variance of one.
    """
    values = np.asarray(encoded, dtype=np.float64)
    measured, bits, counts, dispersed, indicators = np.split(values, np.cumsum(layout.widths)[:-1], axis=1)
    ends = np.cumsum(layout.categories)
    codes = [
        indicators[:, end - n : end].argmax(axis=1) for end, n in zip(ends, layout.categories, strict=True)
    ]
    categories = np.column_stack(codes).astype(np.float64) if codes else indicators
    fitted = np.column_stack([measured, stabilised(dispersed)])
    compared = np.column_stack([fitted, stabilised(counts)])
    sizes = layout.categories
    return (
        ProductTable(fitted, bits, counts, categories, sizes),
        ProductTable(compared, bits, counts[:, :0], categories, sizes),
    )
