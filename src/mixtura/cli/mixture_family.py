"""Which family of a classical mixture suits a table, and each of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from mixtura.data import RawTable

COLUMN_FAMILIES = ("gaussian", "bernoulli", "categorical", "poisson")

# Fewer rows than this may well all differ.
_ALL_DIFFERENT = 10


def chosen_families(
    table: RawTable, family: str, columns_as: Sequence[str], known: Sequence[str] = COLUMN_FAMILIES
) -> tuple[str, tuple[str, ...], tuple[Finding, ...]]:
    """Return the family of a table, that of each column, and what should be known of the choice.

    Parameters
    ----------
    table : RawTable
        Every column has a value.
    family : str
        As it was asked for, or "auto".
    columns_as : sequence of str
        ``"NAME=FAMILY"`` for single columns.
    known : sequence of str
        The families that these may be given.

    Raises
    ------
    InputError
        If a word is no NAME=FAMILY, or what is asked for does not go together.
    """
    asked = _asked(columns_as, table, known)
    chosen, findings = _chosen_family(table, family, asked)
    own: tuple[str, ...] = (chosen,) * table.n_features
    if chosen == "mixed":
        suited = {name: found for name, found in _suited(table).items() if name not in asked}
        own = tuple(asked.get(name) or suited[name][0] for name in table.names)
        findings += _whole_numbers(suited)
    return chosen, own, (*findings, *_names(table, own))


def _asked(columns_as: Sequence[str], table: RawTable, known: Sequence[str]) -> dict[str, str]:
    """Return the families that columns were given by name."""
    from mixtura.data.table import require_names

    asked: dict[str, str] = {}
    for word in columns_as:
        name, equals, family = word.rpartition("=")
        if not equals or family not in known:
            raise InputError(f"--as {word!r} is no NAME=FAMILY; give a column and one of {', '.join(known)}")
        require_names([name], table.names, "columns", table.source)
        asked[name] = family
    return asked


def _chosen_family(table: RawTable, family: str, asked: Mapping[str, str]) -> tuple[str, tuple[Finding, ...]]:
    """Return the family of the table, and a finding that says why where it was inferred."""
    if family == "mixed" and table.image_shape is not None:
        raise InputError("--family mixed is for tables, and DATA holds images; take gaussian or bernoulli")
    if asked and family not in ("auto", "mixed"):
        raise InputError(f"--as gives columns families of their own, and --family is {family}; use mixed")
    if family != "auto":
        return family, ()
    if asked:
        return "mixed", ()
    # Whole numbers are numbers: what they suit best matters in a product of families alone.
    kinds = {"gaussian" if why is not None else family for family, why in _suited(table).values()}
    if table.image_shape is not None and kinds != {"bernoulli"}:
        kinds = {"gaussian"}
    chosen = kinds.pop() if len(kinds) == 1 else "mixed"
    seen = {
        "gaussian": "the columns hold numbers: a mixture of Gaussians is fitted",
        "bernoulli": "all values are 0 or 1: a Bernoulli mixture is fitted",
        "categorical": "all columns hold text: a mixture of categories is fitted",
        "mixed": "the columns are of several kinds: a mixture of a product of families is fitted",
    }[chosen]
    remedy = "--family chooses another" + (", --as NAME=FAMILY one for a column" if chosen == "mixed" else "")
    return chosen, (Finding("family-inferred", "note", seen, remedy),)


def _suited(table: RawTable) -> dict[str, tuple[str, str | None]]:
    """Return for each column the family that suits it, and why where whole numbers leave room for doubt."""
    import numpy as np

    from mixtura.estimators.column_kinds import ColumnSummary

    if isinstance(table.data, np.ndarray):
        bits = ((table.data == 0) | (table.data == 1) | np.isnan(table.data)).all(axis=0)
        return {
            name: ("bernoulli" if own else "gaussian", None)
            for name, own in zip(table.names, bits.tolist(), strict=True)
        }
    found: dict[str, tuple[str, str | None]] = {}
    texts = set(table.text_columns)
    for name, column in zip(table.names, table.data.columns, strict=True):
        if name in texts:
            found[name] = ("categorical", None)
            continue
        summary = ColumnSummary(name)
        for chunk in column.chunks:
            summary.add(chunk)
        found[name] = summary.family()
    return found


def _whole_numbers(suited: Mapping[str, tuple[str, str | None]]) -> tuple[Finding, ...]:
    """Return what whole numbers were taken for, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, (family, why) in suited.items():
        if why is not None:
            reasons.setdefault((family, why), []).append(name)
    return tuple(
        Finding(
            "whole-numbers",
            "note",
            f"whole numbers were taken for {family}, as {why}: {', '.join(map(repr, names[:8]))}",
            "--as NAME=FAMILY for a column that is something else",
        )
        for (family, why), names in reasons.items()
    )


def _names(table: RawTable, column_families: Sequence[str]) -> list[Finding]:
    """Return a warning where text names the rows rather than putting them into categories."""
    import pyarrow.compute as pc

    texts = set(table.text_columns)
    chosen = [
        n for n, f in zip(table.names, column_families, strict=True) if n in texts and f == "categorical"
    ]
    there = dict(zip(table.names, (table.n_rows - table.missing).tolist(), strict=True))
    names = [
        name
        for name in chosen
        if there[name] > _ALL_DIFFERENT and pc.count_distinct(table.data[name]).as_py() == there[name]
    ]
    if not names:
        return []
    seen = f"no two rows have one category in {', '.join(map(repr, names[:8]))}"
    return [Finding("categories-of-one", "warning", seen, f"leave out names of rows: --drop {names[0]}")]
