"""Rows for the classical mixtures: a table read with its gaps and its text, and the family that suits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixtura.cli.mixture_family import COLUMN_FAMILIES, chosen_families
from mixtura.cli.suitability import require_suitable
from mixtura.cli.wording import count
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.data import RawTable
    from mixtura.estimators.mixture_base import MixtureBase

FAMILIES = ("gaussian", "bernoulli", "categorical", "poisson", "mixed")


@dataclass(frozen=True, eq=False)
class MixtureRows:
    """Rows as an estimator takes them, and the estimator that takes them.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    rows : pyarrow.Table or ndarray of shape (n, d)
        What ``fit`` takes; a gap is null or NaN, and is integrated out.
    table : RawTable
        The same with labels and source, the column of weights taken out.
    column_families : tuple of str
        The family of each column.
    weights : ndarray of shape (n,), optional
        How often each row counts.
    weights_name : str, optional
        The column that they were in.
    findings : tuple of Finding
        What was inferred, and what should be known of the columns.
    """

    family: str
    rows: Any
    table: RawTable
    column_families: tuple[str, ...]
    weights: NDArray[Any] | None = None
    weights_name: str | None = None
    findings: tuple[Finding, ...] = ()

    def estimator(self, **settings: Any) -> MixtureBase:
        """Return an estimator of the family that is not fitted yet.

        Parameters
        ----------
        **settings
            Of its constructor.
        """
        if self.family == "mixed":
            settings["families"] = list(self.column_families)
        return mixture_class(self.family)(**settings)


def mixture_class(family: str) -> type[MixtureBase]:
    """Return the estimator of a family.

    Examples
    --------
    >>> mixture_class("poisson").__name__
    'PoissonMixture'
    """
    import mixtura

    found: type[MixtureBase] = getattr(mixtura, f"{family.title()}Mixture")
    return found


def read_mixture_rows(
    data: str,
    *,
    family: str = "auto",
    columns_as: Sequence[str] | None = None,
    weights: str | None = None,
    array: str | None = None,
    labels: str | None = None,
    drop: Sequence[str] | None = None,
    binarised: bool = False,
    fractions: bool = False,
    known: Sequence[str] = COLUMN_FAMILIES,
) -> MixtureRows:
    """Read DATA for a classical mixture; missing values stay, text becomes categories.

    Parameters
    ----------
    data : str
        A file or a folder of images.
    family : str
        One of `FAMILIES`, or "auto", which goes by the columns: text beside numbers is mixed, text alone
        categorical, 0 and 1 alone Bernoulli, other numbers Gaussian.
    columns_as : sequence of str, optional
        ``"NAME=FAMILY"`` for columns of a mixed table; the others go by what they hold.
    weights : str, optional
        The column of weights, which is taken out of the rows.
    array, labels, drop
        As for `mixtura.data.read`.
    binarised : bool
        Whether the estimator makes 0 and 1 of the values.
    fractions : bool
        Whether it takes counts between whole numbers.
    known : sequence of str
        The families that columns may be given.

    Raises
    ------
    InputError
        In one line: what is wrong, and what mends it.
    """
    from mixtura.data import read_raw

    if weights is not None and weights == labels:
        raise InputError(f"--weights and --labels both name the column {weights!r}; it can be only one")
    table = read_raw(data, array=array, labels=labels, drop=tuple(drop or ()))
    given = None
    if weights is not None:
        table, given = _without_weights(table, weights)
    _require_values(table)
    chosen, own, findings = chosen_families(table, family, columns_as or (), known)
    rows = rows_for(table, own)
    require_suitable(table, own, binarised=binarised, fractions=fractions)
    return MixtureRows(
        family=chosen,
        rows=rows,
        table=table,
        column_families=own,
        weights=given,
        weights_name=weights,
        findings=(*table.findings, *findings),
    )


def rows_for(table: RawTable, column_families: Sequence[str], why: str = "") -> Any:
    """Return the rows of a table as the estimator of a family takes them.

    Parameters
    ----------
    table : RawTable
        Text only where it is a category.
    column_families : sequence of str
        The family of each column.
    why : str
        What is said where text stands in a column of numbers; unless given, what to choose instead.

    Raises
    ------
    InputError
        If text stands where numbers are wanted.
    """
    import numpy as np

    for name, family in zip(table.names, column_families, strict=True):
        if family != "categorical" and name in table.text_columns:
            why = why or (
                f"the {family} family takes numbers; take it for categories with --family mixed, or leave it "
                f"out with --drop {name}"
            )
            raise InputError(f"{table.source}: column {name!r} holds text, and {why}")
    if isinstance(table.data, np.ndarray):
        return table.numbers()
    if "categorical" in column_families:
        return table.data
    import pyarrow as pa

    values = table.numbers()
    return pa.table({name: values[:, place] for place, name in enumerate(table.names)})


def _without_weights(table: RawTable, name: str) -> tuple[RawTable, NDArray[Any]]:
    """Return the table without the column of weights, and the weights."""
    import numpy as np

    if table.image_shape is not None:
        raise InputError(f"--weights {name!r}: images have no column of weights; leave it out")
    others = [other for other in table.names if other != name]
    if name in table.names and not others:
        raise InputError(f"{table.source} has no columns left beside the weights {name!r}; give some")
    weights = table.column(name)
    where = f"weights {name!r} of {table.source}"
    if np.isnan(weights).any():
        row = int(np.isnan(weights).argmax())
        raise InputError(
            f"{where} lack the value of row {row} (from 0); give 0 for a row that does not count"
        )
    if (weights < 0).any():
        row = int((weights < 0).argmax())
        raise InputError(f"{where} hold {weights[row]:g} in row {row} (from 0); a weight is 0 or more")
    if not 0 < weights.sum() < 1e100:
        raise InputError(
            f"{where} sum to {weights.sum():g}; give weights of rows that count, no larger than 1e90"
        )
    return table.select(others), weights


def _require_values(table: RawTable) -> None:
    """Refuse columns without any value."""
    without = table.missing == table.n_rows
    if not without.any():
        return
    empty = [name for name, none in zip(table.names, without, strict=True) if none]
    if empty and table.image_shape is not None:
        raise InputError(
            f"{table.source}: {count(len(empty), 'pixel')} have no value in any image; fill them"
        )
    drops = " ".join(f"--drop {name}" for name in empty[:8])
    raise InputError(
        f"{table.source}: column {empty[0]!r} has no value in any row"
        f"{f', as {len(empty) - 1} more' if len(empty) > 1 else ''}; leave it out: {drops}"
    )
