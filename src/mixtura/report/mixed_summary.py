"""From a deep mixture of a mixed table and its rows to the arrays that the report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.report.mixture_columns import ColumnFit, as_codes, drawn_codes
from mixtura.report.mixture_summary import category_traits
from mixtura.report.summarise import assemble, pictures_kept

Array = npt.NDArray[Any]


def summarise_mixed(
    estimator: Any,
    rows: Any,
    *,
    feature_names: Sequence[str],
    labels: Array | None = None,
    generator: np.random.Generator,
    responsibilities: Array,
    components: Array,
) -> dict[str, Array]:
    """Return the arrays of ``summary.npz`` for a deep mixture of a table with categories.

    Parameters
    ----------
    estimator : GMVAE
        Fitted, with a categorical likelihood or a product of likelihoods.
    rows : pyarrow.Table or array, shape (n, d)
        The rows that were clustered.
    feature_names, labels, generator, responsibilities, components
        As for `mixtura.report.summarise`.

    Returns
    -------
    dict of str to array
        As `mixtura.report.mixture_summary.summarise_mixture`; the map is of codes.
    """
    categories = iter(estimator.categories_)
    columns = [
        ColumnFit(family, np.empty(0), next(categories) if family == "categorical" else None)
        for family in estimator.families_
    ]
    values = as_codes(rows, columns)
    centres = np.asarray(estimator.means_, dtype=np.float64)
    kept = pictures_kept(len(centres), values.shape[1])
    summary = assemble(
        values,
        components,
        responsibilities[np.arange(len(values)), components],
        np.asarray(estimator.transform(rows), dtype=np.float64),
        centres,
        prototypes=drawn_codes(estimator.decode(centres), columns),
        samples=np.stack(
            [drawn_codes(estimator.sample(kept, component=k)[0], columns) for k in range(len(centres))]
        ),
        image_shape=None,
        feature_names=feature_names,
        labels=labels,
        generator=generator,
    )
    if any(column.categories is not None for column in columns):
        summary |= category_traits(values, components, len(centres), columns, summary, feature_names)
    return summary
