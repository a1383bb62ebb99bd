"""The map between raw values and what a model is trained on, with its log-determinant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mixtura.data.binary import check_binary, require_binary
from mixtura.data.checks import plural, require_finite, require_numbers
from mixtura.data.counts import require_counts
from mixtura.data.scaling import (
    IDENTITY,
    Affine,
    FloatType,
    blocks,
    grey_levels,
    report_constant,
    require_encoded,
    standardise,
    two_level_columns,
    two_levels,
)
from mixtura.errors import InputError, ModelFileError
from mixtura.findings import Finding

Domain = Literal["binary", "count", "real", "unit"]
COUNTS = ("poisson", "negative_binomial")
_LIKELIHOODS = ("gaussian", "bernoulli", *COUNTS)

_FITTED_TO = "the model was fitted to {}: mend the rows, or leave them out"


@dataclass(frozen=True, eq=False, repr=False)
class Encoding:
    r"""An affine map of raw values to encoded ones, fitted once and kept with the model.

    With :math:`y_j = (x_j - o_j) / s_j - t_j` for each column j that is kept,

    .. math:: \log p(x) = \log p(y) + \sum_j \log |dy_j / dx_j| = \log p(y) - \sum_j \log s_j ,

    whose last sum is ``log_determinant``: densities stay honest whatever the scaling.

    - A table with a Gaussian likelihood: each column to mean 0 and standard deviation 1 (divisor n);
      columns of one value are left out, and put back by :meth:`decode`.
    - Images with a Gaussian likelihood: one map for all pixels. L grey levels, whole numbers from 0 up,
      go to (x + 1/2) / L, with L the largest + 1 if that is at most 17, else the next power of two from
      256 up; other values to (x - min) / (max - min). A level is taken at its centre, where the density
      stands for the probability of the level: over all levels these sum to 1 + 2 exp(-2 pi^2 s^2), s the
      standard deviation in levels, that is to 1 within 3e-5 from s = 3/4 up. ``least_std`` asks for that.
    - A Bernoulli likelihood: values 0 and 1 as they are, or whether x > ``binarise``.
    - A Poisson or negative-binomial likelihood: counts as they are.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial"}
        What the encoded values are modelled by.
    domain : {"unit", "real", "binary", "count"}
        Encoded values lie in [0, 1] (images), are standardised columns, are 0 and 1, or counts.
    n_features : int
        Number of raw columns.
    affine : Affine
        Origins o, scales s and shifts t, in float64.
    kept : ndarray of int, shape (n_encoded,)
        The raw columns that are encoded, in order.
    constants : ndarray of shape (n_features - n_encoded,)
        The values of the others.
    image_shape : tuple of int, optional
        ``(height, width)`` or ``(height, width, channels)``.
    binarise : float, optional
        The threshold in raw units; a value at it becomes 0.
    findings : tuple of Finding
        What was noticed on fitting.

    Examples
    --------
    >>> X = np.array([[0.0, 7.0], [4.0, 7.5]])
    >>> encoding = Encoding.fit(X, likelihood="gaussian")
    >>> encoding.encode(X, np.float64)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> encoding.decode([[0.0, 0.0]])
    array([[2.  , 7.25]])
    >>> round(encoding.log_determinant, 4)  # -log 2 - log 0.25
    0.6931
    """

    likelihood: str
    domain: Domain
    n_features: int
    affine: Affine
    kept: np.ndarray
    constants: np.ndarray
    image_shape: tuple[int, ...] | None = None
    binarise: float | None = None
    findings: tuple[Finding, ...] = ()

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        *,
        likelihood: str,
        image_shape: tuple[int, ...] | None = None,
        names: Sequence[str] | None = None,
        binarise: float | None = None,
    ) -> Encoding:
        """Find the encoding of raw values.

        Parameters
        ----------
        values : ndarray of shape (n, d)
            Raw rows, images flattened; never copied as a whole.
        likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial"}
            What the encoded values will be modelled by.
        image_shape : tuple of int, optional
            Shape of one image; None for a table.
        names : sequence of str, optional
            Names of the columns, for messages.
        binarise : float, optional
            For a Bernoulli likelihood: values above this become 1, the others 0.

        Raises
        ------
        InputError
            If a value is no finite number, if all columns or all pixels have one value, or if there
            are values other than 0 and 1 for a Bernoulli likelihood and no threshold, or other than
            counts for one of counts.

        Warns
        -----
        ConstantColumnWarning
            If columns of one value were left out.
        BinarisedWarning
            If a threshold changed the values.
        """
        if likelihood not in _LIKELIHOODS:
            raise InputError(
                f"likelihood {likelihood!r} is unknown; use one of {', '.join(map(repr, _LIKELIHOODS))}"
            )
        values = np.asarray(values)
        require_numbers(values.dtype, "the data")
        if values.ndim != 2 or values.size == 0:
            raise InputError(f"the data have shape {values.shape}; give at least one row and one column, 2-D")
        noun = "column" if image_shape is None else "pixel"
        named = tuple(names) if names is not None else tuple(f"{noun}_{i}" for i in range(values.shape[1]))
        if image_shape is not None:
            image_shape = tuple(int(side) for side in image_shape)
            if math.prod(image_shape) != values.shape[1]:
                raise InputError(
                    f"images of shape {image_shape} have {math.prod(image_shape):,} values and the rows have "
                    f"{values.shape[1]:,}; give the shape of the data"
                )
        if binarise is not None and (isinstance(binarise, bool) or not math.isfinite(binarise)):
            raise InputError(
                f"binarise={binarise!r} is no threshold; give a number between two values of the data"
            )
        if binarise is not None and likelihood != "bernoulli":
            raise InputError(f"binarise={binarise!r} needs likelihood='bernoulli'; set that, or leave it out")
        require_finite(values, "the data", lambda row, i: f"column {named[i]!r}, row {row} (from 0)")
        every, none = np.arange(values.shape[1]), np.empty(0)
        if likelihood == "bernoulli":
            found = check_binary(values, binarise, named)
            threshold = None if binarise is None else float(binarise)
            return cls(
                likelihood, "binary", values.shape[1], IDENTITY, every, none, image_shape, threshold, found
            )
        if likelihood in COUNTS:
            require_counts(values, named)
            d = values.shape[1]
            return cls(likelihood, "count", d, IDENTITY, every, none, image_shape)
        if image_shape is not None:
            affine = grey_levels(values)
            return cls(
                likelihood,
                "unit",
                values.shape[1],
                affine,
                every,
                none,
                image_shape,
                None,
                two_levels(affine),
            )
        affine, kept, middle = standardise(values)
        dropped = np.setdiff1d(every, kept)
        found = (*report_constant(dropped, middle, values, named), *two_level_columns(values, kept))
        return cls(likelihood, "real", values.shape[1], affine, kept, middle[dropped], None, None, found)

    @property
    def n_encoded(self) -> int:
        """Number of encoded columns."""
        return len(self.kept)

    @property
    def log_determinant(self) -> float:
        """Sum over the encoded columns of log |d encoded / d raw|, in nats, to be added to log p(encoded)."""
        scales = np.broadcast_to(self.affine.scale, self.n_encoded)
        return -math.fsum(np.log(scales)) if self.domain not in ("binary", "count") else 0.0

    @property
    def least_std(self) -> float:
        """Least standard deviation, encoded, at which densities stand for probabilities of grey levels."""
        return 0.75 * float(-2.0 * self.affine.shift[0]) if self.domain == "unit" else 0.0

    def __repr__(self) -> str:
        """Return what goes in, what comes out and the log-determinant."""
        raw = plural(self.n_features, "pixel" if self.image_shape is not None else "column")
        return (
            f"Encoding({self.likelihood}: {raw} to {self.n_encoded:,} {self.domain}, "
            f"log_determinant={self.log_determinant:.6g})"
        )

    def encode(
        self,
        values: np.ndarray,
        dtype: FloatType = np.float32,
        *,
        names: Sequence[str] | None = None,
        first_row: int = 0,
    ) -> np.ndarray:
        """Return the encoded rows.

        Values beyond 1e15 standard deviations (1e75 in float64) stop there, so that neither
        their squares nor what a network makes of them overflows.

        Parameters
        ----------
        values : ndarray of shape (n, n_features)
            Raw rows.
        dtype : {numpy.float32, numpy.float64}
            Of the result; the arithmetic is in float64, block by block.
        names : sequence of str, optional
            Names of the columns, for messages.
        first_row : int
            The number of the first row, for messages, where the rows are a piece of many.

        Returns
        -------
        ndarray of shape (n, n_encoded)

        Raises
        ------
        InputError
            If there is another number of columns, a value is not finite, or, for a Bernoulli likelihood
            without threshold, neither 0 nor 1, or, for one of counts, no count.
        """
        values = np.asarray(values)
        require_numbers(values.dtype, "the data")
        if values.ndim != 2 or values.shape[1] != self.n_features:
            raise InputError(
                f"the data have shape {values.shape} and the model was fitted to "
                f"{plural(self.n_features, 'column')}; give the same columns"
            )
        columns = tuple(f"column_{i}" for i in range(self.n_features)) if names is None else names
        require_finite(
            values, "the data", lambda row, i: f"column {columns[i]!r}, row {first_row + row} (from 0)"
        )
        if self.domain == "binary" and self.binarise is None:
            require_binary(values, columns, _FITTED_TO.format("zeros and ones"), first_row)
        if self.domain == "count":
            require_counts(values, columns, _FITTED_TO.format("counts"), first_row)
        out = np.empty((len(values), self.n_encoded), dtype)
        every = self.n_encoded == self.n_features
        for rows in blocks(len(values), self.n_features):
            block = values[rows] if every else values[rows][:, self.kept]
            if self.domain in ("binary", "count"):
                out[rows] = block if self.binarise is None else block > self.binarise
            else:
                out[rows] = self.affine.encode(block, out.dtype)
        return out

    def decode(self, encoded: Any, dtype: FloatType = np.float64) -> np.ndarray:
        """Return encoded rows in raw units, the columns of one value put back.

        For a Bernoulli likelihood that is what was given: probabilities stay probabilities.

        Parameters
        ----------
        encoded : array of shape (n, n_encoded)
            Encoded rows, such as means or samples of a decoder.
        dtype : {numpy.float32, numpy.float64}
            Of the result.

        Returns
        -------
        ndarray of shape (n, n_features)

        Raises
        ------
        InputError
            If there is another number of columns.
        """
        encoded = np.asarray(encoded)
        require_encoded(encoded, self.n_encoded)
        out = np.empty((len(encoded), self.n_features), dtype)
        columns: Any = slice(None) if self.n_encoded == self.n_features else self.kept
        out[:, np.setdiff1d(np.arange(self.n_features), self.kept)] = self.constants
        for rows in blocks(len(encoded), self.n_features):
            out[rows, columns] = self.affine.decode(encoded[rows], out.dtype)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding as plain values for JSON, which keeps every bit of a float."""
        return {
            "likelihood": self.likelihood,
            "domain": self.domain,
            "n_features": self.n_features,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "binarise": self.binarise,
            "kept": self.kept.tolist(),
            "constants": self.constants.tolist(),
            "origin": self.affine.origin.tolist(),
            "scale": self.affine.scale.tolist(),
            "shift": self.affine.shift.tolist(),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Encoding:
        """Return the encoding that :meth:`to_dict` wrote.

        Raises
        ------
        ModelFileError
            If a key is missing or a value is of another kind.
        """
        try:
            shape = document["image_shape"]
            return cls(
                likelihood=document["likelihood"],
                domain=document["domain"],
                n_features=int(document["n_features"]),
                affine=Affine(*(np.array(document[key], np.float64) for key in ("origin", "scale", "shift"))),
                kept=np.array(document["kept"], np.int64),
                constants=np.array(document["constants"], np.float64),
                image_shape=None if shape is None else tuple(int(side) for side in shape),
                binarise=document["binarise"],
                findings=tuple(Finding(**finding) for finding in document["findings"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"the encoding in the model is damaged ({error!r}); fit the model again"
            ) from error
