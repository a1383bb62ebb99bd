"""A fitted classical mixture under the names by which the verbs ask a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.cli.mixtures import FAMILIES, mixture_class, rows_for
from mixtura.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.data import RawTable
    from mixtura.estimators.mixture_base import MixtureBase
    from mixtura.report.mixture_columns import ColumnFit

_CLASSES = {f"{family.title()}Mixture": family for family in FAMILIES}


@dataclass(frozen=True, eq=False)
class ExactEstimate:
    """log p(x) of rows, known without drawing anything.

    Parameters
    ----------
    per_row : ndarray of shape (n,)
        In nats.
    mean : float
        Of the rows, in nats per observation.
    """

    per_row: NDArray[Any]
    mean: float
    standard_error: float = 0.0
    effective_sample_size: None = None
    n_samples: None = None


@dataclass(frozen=True, eq=False)
class MixtureTable:
    """New rows for a fitted mixture.

    Parameters
    ----------
    table : RawTable
        The columns of the fit, in their order.
    values : pyarrow.Table or ndarray of shape (n, d)
        The same as the estimator takes them.
    n_unknown : int
        How many entries hold a category that was not there in the fit, and count as missing.
    """

    table: RawTable
    values: Any
    n_unknown: int = 0

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.table.n_rows

    @property
    def labels(self) -> NDArray[Any] | None:
        """Known groups, for scoring only."""
        return self.table.labels

    @property
    def labels_name(self) -> str | None:
        """Where they came from."""
        return self.table.labels_name

    def describe(self) -> str:
        """Return in one line how many rows there are and of what."""
        from mixtura.cli.wording import count

        unknown = (
            f"; {count(self.n_unknown, 'value')} of categories that the model does not know, taken as missing"
            if self.n_unknown
            else ""
        )
        return self.table.describe() + unknown


@dataclass(frozen=True, eq=False)
class MixtureModel:
    """A fitted mixture that answers as `mixtura.GMVAE` does.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted.
    """

    mixture: MixtureBase
    columns: list[ColumnFit] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the columns once."""
        from mixtura.report.mixture_columns import columns_of

        object.__setattr__(self, "columns", columns_of(self.mixture))

    @property
    def n_components(self) -> int:
        """K."""
        return self.mixture.n_components

    @property
    def n_features_in_(self) -> int:
        """Number of columns."""
        return self.mixture.n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any] | None:
        """Names of the columns, where they have any."""
        return getattr(self.mixture, "feature_names_in_", None)

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """The shape of a picture, where rows are pictures."""
        return getattr(self.mixture, "image_shape_", None)

    def read(self, table: RawTable) -> MixtureTable:
        """Return new rows as the mixture takes them.

        Raises
        ------
        InputError
            If text stands where numbers are wanted.
        """
        import numpy as np

        from mixtura.report.mixture_columns import as_codes

        values = rows_for(
            table, [column.family for column in self.columns], "the model was fitted to numbers"
        )
        unknown = 0
        if any(column.categories is not None for column in self.columns):
            codes = as_codes(values, self.columns)
            unknown = int(np.isnan(codes).sum()) - table.n_missing
        return MixtureTable(table, values, unknown)

    def predict_proba(self, values: Any) -> NDArray[Any]:
        """Return p(z = k | x), shape (n, K)."""
        return self.mixture.predict_proba(values)

    def log_likelihood(self, values: Any, n_samples: int | None = None) -> ExactEstimate:
        """Return log p(x) of each row, which is exact.

        Raises
        ------
        InputError
            If a number of draws is asked for.
        """
        import numpy as np

        if n_samples is not None:
            raise InputError(
                f"--samples {n_samples}: log p(x) of a classical mixture needs no draws; leave it out"
            )
        per_row = np.asarray(self.mixture.score_samples(values), dtype=np.float64)
        return ExactEstimate(per_row, float(per_row.mean()))

    def sample(
        self, n: int, component: int | None = None, *, random_state: int = 0
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Draw rows from the mixture or one of its groups: rows (n, d) and their groups (n,)."""
        from mixtura.report.mixture_columns import drawn

        return drawn(self.mixture, n, component, random_state)


def is_mixture(kind: object) -> bool:
    """Return whether a model folder's ``estimator`` is a classical mixture.

    Examples
    --------
    >>> is_mixture("GaussianMixture"), is_mixture("GMVAE")
    (True, False)
    """
    return isinstance(kind, str) and kind in _CLASSES


def load_mixture_model(kind: str, folder: Path) -> MixtureModel:
    """Return the mixture that a model folder holds.

    Parameters
    ----------
    kind : str
        The folder's ``estimator``.
    folder : pathlib.Path
        The folder.

    Raises
    ------
    ModelFileError
        If a file of it is missing or damaged.
    """
    from mixtura.errors import ModelFileError

    fitted = mixture_class(_CLASSES[kind]).load(folder)
    try:
        return MixtureModel(fitted)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError(
            f"the model in {str(folder)!r} cannot be read ({reason}); fit it again"
        ) from error


def require_text_target(categories: Sequence[NDArray[Any] | None], out: str) -> None:
    """Refuse an array of numbers as the target of rows that hold text.

    Raises
    ------
    InputError
        If ``out`` ends in .npy or .npz and a column holds text.
    """
    text = any(values is not None and values.dtype.kind == "O" for values in categories)
    if text and Path(out).suffix.lower() in (".npy", ".npz"):
        raise InputError(
            f"--out {out!r} is for numbers, and the model has columns of text; end it in .csv or .parquet"
        )
