"""The map between rows of a mixed table and what a model is trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from mixtura.data.binary import require_binary
from mixtura.data.checks import plural
from mixtura.data.counts import require_counts
from mixtura.data.layout import ColumnLayout
from mixtura.data.scaling import Affine, FloatType, blocks, report_constant, require_encoded, standardise
from mixtura.errors import InputError, ModelFileError
from mixtura.findings import Finding

FAMILIES = ("gaussian", "bernoulli", "poisson", "negative_binomial", "categorical")
_MEND = "mend it, or fit with another family for the column, families={...}"


@dataclass(frozen=True, eq=False, repr=False)
class MixedEncoding:
    r"""Columns of a mixed table, each as its family wants it, with the log-determinant of the scaling.

    Measurements (gaussian) become (x - mean) / sd, and where they hold one value they are left out; truth
    values and counts stay as they are; a category becomes one column for each, 1 where it is the row's own.
    Encoded columns are ordered as in `ColumnLayout`.

    Parameters
    ----------
    families : tuple of str
        One for each column.
    n_categories : tuple of int
        One for each categorical column, in order.
    affine : Affine
        Of the Gaussian columns that are kept.
    kept : ndarray of int
        The numbers of these columns.
    constants : dict of int to float
        The values of the Gaussian columns that are not.
    names : tuple of str
        Of the columns, for messages.
    findings : tuple of Finding
        What was noticed on fitting.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [3.0, 2.0]])
    >>> encoding = MixedEncoding.fit(X, families=("gaussian", "categorical"), n_categories=(3,))
    >>> encoding.encode(X, np.float64)
    array([[-1.,  1.,  0.,  0.],
           [ 1.,  0.,  0.,  1.]])
    >>> encoding.decode([[0.0, 0.2, 0.7, 0.1]])
    array([[2., 1.]])
    """

    families: tuple[str, ...]
    n_categories: tuple[int, ...]
    affine: Affine
    kept: np.ndarray
    constants: Mapping[int, float]
    names: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    likelihood: ClassVar[str] = "mixed"
    domain: ClassVar[Literal["mixed"]] = "mixed"
    image_shape: ClassVar[None] = None
    binarise: ClassVar[None] = None
    least_std: ClassVar[float] = 0.0

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        *,
        families: Sequence[str],
        n_categories: Sequence[int] = (),
        names: Sequence[str] | None = None,
    ) -> MixedEncoding:
        """Find the encoding of rows.

        Parameters
        ----------
        values : ndarray of shape (n, d)
            Finite numbers; of a categorical column the codes 0, 1, ...
        families : sequence of str
            One for each column.
        n_categories : sequence of int
            One for each categorical column, in order.
        names : sequence of str, optional
            Names of the columns, for messages.

        Raises
        ------
        InputError
            If a value is none of its family, or nothing varies.

        Warns
        -----
        ConstantColumnWarning
            If Gaussian columns of one value were left out.
        """
        named = tuple(names) if names is not None else tuple(f"column_{i}" for i in range(len(families)))
        measured = np.array([j for j, family in enumerate(families) if family == "gaussian"], np.int64)
        affine, kept, middle = Affine(np.empty(0), np.empty(0), np.empty(0)), measured, np.zeros(len(named))
        if measured.size:
            affine, varied, middle[measured] = standardise(values[:, measured])
            kept = measured[varied]
        constant = np.setdiff1d(measured, kept)
        encoding = cls(
            tuple(families),
            tuple(int(n) for n in n_categories),
            affine,
            kept,
            {int(j): float(middle[j]) for j in constant},
            named,
            report_constant(constant, middle, values, named),
        )
        encoding._check(values)
        return encoding

    @property
    def layout(self) -> ColumnLayout:
        """Encoded columns by family."""
        count = {family: self.families.count(family) for family in FAMILIES}
        return ColumnLayout(
            len(self.kept),
            count["bernoulli"],
            count["poisson"],
            count["negative_binomial"],
            self.n_categories,
        )

    @property
    def n_features(self) -> int:
        """Number of raw columns."""
        return len(self.families)

    @property
    def n_encoded(self) -> int:
        """Number of encoded columns."""
        return self.layout.n_encoded

    @property
    def log_determinant(self) -> float:
        """Minus the sum of the logarithms of the Gaussian columns' scales, in nats."""
        return -math.fsum(np.log(self.affine.scale))

    def __repr__(self) -> str:
        """Return what goes in and what comes out."""
        kinds = ", ".join(f"{self.families.count(f)} {f}" for f in FAMILIES if f in self.families)
        return f"MixedEncoding({kinds} to {self.n_encoded:,}, log_determinant={self.log_determinant:.6g})"

    def encode(
        self,
        values: np.ndarray,
        dtype: FloatType = np.float32,
        *,
        names: Sequence[str] | None = None,
        first_row: int = 0,
    ) -> np.ndarray:
        """Return the encoded rows, shape (n, n_encoded).

        Parameters
        ----------
        values : ndarray of shape (n, n_features)
            Rows as of `fit`.
        dtype : {numpy.float32, numpy.float64}
            Of the result.
        names : sequence of str, optional
            Names of the columns, for messages; those of the fit unless given.
        first_row : int
            The number of the first row, for messages, where the rows are a piece of many.

        Raises
        ------
        InputError
            If there is another number of columns, or a value is none of its family.
        """
        values = np.asarray(values)
        if values.ndim != 2 or values.shape[1] != self.n_features:
            raise InputError(
                f"the data have shape {values.shape} and the model was fitted to "
                f"{plural(self.n_features, 'column')}; give the same columns"
            )
        self._check(values, names, first_row)
        out = np.zeros((len(values), self.n_encoded), dtype)
        plain = self._plain
        first = len(self.kept) + len(plain)
        for rows in blocks(len(values), max(self.n_encoded, self.n_features)):
            out[rows, : len(self.kept)] = self.affine.encode(values[rows][:, self.kept], out.dtype)
            out[rows, len(self.kept) : first] = values[rows][:, plain]
        every, place = np.arange(len(values)), first
        for j, n in zip(self._of("categorical"), self.n_categories, strict=True):
            out[every, place + values[:, j].astype(np.intp)] = 1
            place += n
        return out

    def decode(self, encoded: Any, dtype: FloatType = np.float64) -> np.ndarray:
        """Return encoded rows in raw units: of categories the code of the most probable.

        Probabilities of truth values stay probabilities, and means of counts stay fractions.

        Parameters
        ----------
        encoded : array of shape (n, n_encoded)
            Encoded rows, such as means or samples of a decoder.
        dtype : {numpy.float32, numpy.float64}
            Of the result.

        Raises
        ------
        InputError
            If there is another number of columns.
        """
        encoded = np.asarray(encoded)
        require_encoded(encoded, self.n_encoded)
        out = np.empty((len(encoded), self.n_features), dtype)
        for j, value in self.constants.items():
            out[:, j] = value
        first = len(self.kept) + len(self._plain)
        out[:, self.kept] = self.affine.decode(encoded[:, : len(self.kept)], out.dtype)
        out[:, self._plain] = encoded[:, len(self.kept) : first]
        for j, n in zip(self._of("categorical"), self.n_categories, strict=True):
            out[:, j] = encoded[:, first : first + n].argmax(axis=1)
            first += n
        return out

    @property
    def _plain(self) -> list[int]:
        """The columns that are encoded as they are, in order."""
        return [j for family in FAMILIES[1:4] for j in self._of(family)]

    def _of(self, family: str) -> list[int]:
        return [j for j, own in enumerate(self.families) if own == family]

    def _check(self, values: np.ndarray, names: Sequence[str] | None = None, first_row: int = 0) -> None:
        """Refuse what is none of its family."""
        named = self.names if names is None else names
        for family, require in (
            ("bernoulli", require_binary),
            ("poisson", require_counts),
            ("negative_binomial", require_counts),
        ):
            columns = self._of(family)
            if columns:
                require(values[:, columns], [named[j] for j in columns], _MEND, first_row)

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding as plain values for JSON, which keeps every bit of a float."""
        return {
            "likelihood": self.likelihood,
            "families": list(self.families),
            "n_categories": list(self.n_categories),
            "kept": self.kept.tolist(),
            "constants": {str(j): value for j, value in self.constants.items()},
            "origin": self.affine.origin.tolist(),
            "scale": self.affine.scale.tolist(),
            "shift": self.affine.shift.tolist(),
            "names": list(self.names),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> MixedEncoding:
        """Return the encoding that :meth:`to_dict` wrote.

        Raises
        ------
        ModelFileError
            If a key is missing or a value is of another kind.
        """
        try:
            return cls(
                tuple(document["families"]),
                tuple(int(n) for n in document["n_categories"]),
                Affine(*(np.array(document[key], np.float64) for key in ("origin", "scale", "shift"))),
                np.array(document["kept"], np.int64),
                {int(j): float(value) for j, value in document["constants"].items()},
                tuple(document["names"]),
                tuple(Finding(**finding) for finding in document["findings"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"the encoding in the model is damaged ({error!r}); fit the model again"
            ) from error
