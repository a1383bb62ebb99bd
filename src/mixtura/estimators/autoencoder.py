"""What every amortised estimator does alike: rows in, codes, densities, reconstructions and files out."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from mixtura.data import Encoding
from mixtura.data.mixed_encoding import MixedEncoding
from mixtura.errors import InputError, TrainingWarning
from mixtura.estimators.checks import at_least_one, flat_rows, seed_of
from mixtura.estimators.gathered import gathered
from mixtura.estimators.mixed_columns import Families, MixedColumns
from mixtura.estimators.tables import read_columns
from mixtura.estimators.validation import in_one_line, validated
from mixtura.findings import Finding

if TYPE_CHECKING:
    from torch import Tensor

    from mixtura.vae import GaussianMixtureVAE, LikelihoodEstimate, Settings, TrainedModel
    from mixtura.vae.training.stages import Stage

_MIXED = ("categorical", "mixed")
_DISCRETE, _SPARSE = ("bernoulli", "poisson", "negative_binomial"), ("csr", "csc", "coo")
_BLOCK_VALUES = 2**22  # of a block of encoded rows: 32 MB in float64


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A model of rows x by codes w, p(w) p(x|w), with q(w|x) beside it: what `GMVAE` and `VAE` share.

    A subclass has the parameters ``likelihood``, ``families``, ``image_shape``, ``binarise``,
    ``n_importance_samples``, ``callback`` and ``random_state``, and sets ``model_``, ``encoding_``, ``seed_``
    and ``image_shape_`` when it is fitted.
    """

    likelihood: str
    families: Families
    image_shape: tuple[int, ...] | None
    binarise: float | None
    n_importance_samples: int
    callback: Callable[[dict[str, Any]], None] | None
    random_state: int | np.random.RandomState | None
    model_: GaussianMixtureVAE
    encoding_: Encoding | MixedEncoding
    seed_: int
    image_shape_: tuple[int, ...] | None
    device_: str
    precision_: str
    n_epochs_: int
    history_: list[dict[str, Any]]
    findings_: tuple[Finding, ...]
    # Of a mixed table, else None.
    _columns: MixedColumns | None = None

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the codes of the rows, the means of q(w|x): shape (n, latent_dim)."""
        from mixtura.vae.inference import codes

        rows = self._rows(X)
        return gathered((codes(self.model_, x).numpy() for x in self._encoded(rows)), len(rows))

    def posterior(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return q(w|x) = N(m(x), diag(s^2(x))) of each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        means : ndarray of shape (n, latent_dim)
            m(x), as `transform` gives them.
        standard_deviations : ndarray of shape (n, latent_dim)
            s(x).
        """
        from mixtura.vae.inference import code_moments

        rows = self._rows(X)
        moments = gathered((code_moments(self.model_, x).numpy() for x in self._encoded(rows)), len(rows))
        return moments[:, 0], moments[:, 1]

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return log p(x) of each row in nats, by importance weighting: shape (n,).

        It is the logarithm of a density in the data's own units (of a probability for Bernoulli data), an
        estimate from below with ``n_importance_samples`` draws of w. A low score marks an anomaly.
        """
        return self.log_likelihood(X).per_row

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean of `score_samples`: nats per observation, larger is better."""
        return self.log_likelihood(X).mean

    def log_likelihood(self, X: ArrayLike, n_samples: int | None = None) -> LikelihoodEstimate:
        """Return log p(x) with the Monte Carlo standard error of its mean and the effective sample size.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        n_samples : int, optional
            Draws of w for each row; ``n_importance_samples`` unless given. The draws are shared by all rows.

        Returns
        -------
        LikelihoodEstimate
            Per row and in the mean, in nats.
        """
        from mixtura.vae import estimate_log_likelihood
        from mixtura.vae.fit import scoring_noise

        rows = self._rows(X)
        n_draws = at_least_one("n_samples", self.n_importance_samples if n_samples is None else n_samples)
        noise = scoring_noise(self.model_, self.seed_, n_draws)
        return estimate_log_likelihood(self.model_, self._encoded(rows), noise)

    def decode(self, codes: ArrayLike) -> NDArray[Any]:
        """Return the mean of p(x|w) at given codes, in raw units: (n, n_features) from (n, latent_dim).

        A categorical column has its most probable category; where those are text, entries are objects.
        """
        import torch

        from mixtura.vae.inference import decode

        check_is_fitted(self)
        with in_one_line():
            w = np.atleast_2d(np.asarray(codes, dtype=np.float64))
        if w.shape[-1] != self.latent_dim_:
            raise InputError(
                f"codes have {w.shape[-1]} columns and the model has {self.latent_dim_} dimensions"
            )
        if len(w) == 0 or not np.isfinite(w).all():
            raise InputError("codes must be finite numbers, at least one row of them; give others")
        return self._raw(decode(self.model_, torch.from_numpy(w)).numpy())

    def reconstruct(self, X: ArrayLike) -> NDArray[Any]:
        """Return the mean of p(x|w) at each row's own code, in raw units: shape (n, n_features)."""
        return self.decode(self.transform(X))

    def save(self, folder: str | Path) -> None:
        """Write the fitted model into a new folder: weights in safetensors, the rest in JSON, no pickle.

        Parameters
        ----------
        folder : path
            Made here; it must not hold anything yet.
        """
        from mixtura.estimators.persistence import save_autoencoder

        check_is_fitted(self)
        save_autoencoder(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return the fitted estimator that `save` wrote; nothing in the folder is executed.

        Raises
        ------
        ModelFileError
            If a byte is changed or missing, or the version is unknown.
        """
        from mixtura.estimators.persistence import load_autoencoder

        return load_autoencoder(cls, Path(folder))

    @property
    def latent_dim_(self) -> int:
        """Dimension of w."""
        check_is_fitted(self)
        return int(self.model_.latent_dim)

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim_

    @property
    def families_(self) -> list[str] | None:
        """The family of each column of a mixed table, else None."""
        return None if self._columns is None else list(self._columns.families)

    @property
    def categories_(self) -> list[NDArray[Any]] | None:
        """The categories of each categorical column of a mixed table, in order, else None."""
        return None if self._columns is None else list(self._columns.categories)

    def __sklearn_tags__(self) -> Tags:
        """Say whether sparse rows and text are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.likelihood in _DISCRETE
        tags.input_tags.string = tags.input_tags.categorical = self.likelihood in _MIXED
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Leave the callback behind: it belongs to the process that trains, and may not be pickled."""
        return {**super().__getstate__(), "callback": None}

    @abstractmethod
    def _settings(self) -> Settings:
        """Return the settings of the model that the parameters ask for, all checked."""

    def _read_model(self) -> None:
        """Set the attributes that show what is in ``model_``."""

    def _rows(self, X: ArrayLike) -> NDArray[Any]:
        """Return checked rows with the columns of the fit."""
        check_is_fitted(self)
        if self._columns is not None:
            return self._columns.codes(self, read_columns(self, X, reset=False))
        X, _ = flat_rows(X, self.image_shape_)
        return self._dense(X, reset=False)

    def _dense(self, X: Any, *, reset: bool) -> NDArray[Any]:
        """Return checked rows of numbers as an array, sparse ones too: training holds them all encoded."""
        # Of measurements hardly any is zero: scikit-learn's own words refuse sparse ones.
        formats: Any = _SPARSE if self.likelihood in _DISCRETE else False
        rows: Any = validated(self, X, reset=reset, accept_sparse=formats)
        return rows.toarray() if sparse.issparse(rows) else rows

    def _raw(self, encoded: NDArray[Any]) -> NDArray[Any]:
        """Return encoded rows in raw units."""
        rows = self.encoding_.decode(encoded)
        return rows if self._columns is None else self._columns.shown(rows)

    def _encoded(self, rows: NDArray[Any]) -> Iterator[Tensor]:
        """Yield encoded rows in float64, block by block."""
        import torch

        names = getattr(self, "feature_names_in_", None)
        step = max(1, _BLOCK_VALUES // max(rows.shape[1], self.model_.values_per_row))
        for first in range(0, len(rows), step):
            piece = rows[first : first + step]
            yield torch.from_numpy(self.encoding_.encode(piece, np.float64, names=names, first_row=first))

    def _rows_to_fit(self, X: ArrayLike) -> tuple[NDArray[Any], tuple[int, ...] | None]:
        """Return checked rows, at least two, and the shape of images."""
        X, image_shape = flat_rows(X, self.image_shape)
        rows: NDArray[Any]
        self._columns = None
        if self.likelihood in _MIXED:
            if image_shape is not None:
                raise InputError(
                    f"likelihood={self.likelihood!r} is for tables, and images of shape {image_shape} were "
                    "given; use another likelihood"
                )
            columns = read_columns(self, X, reset=True)
            asked = "categorical" if self.likelihood == "categorical" else self.families
            self._columns = MixedColumns.learn(self, columns, asked)
            rows = self._columns.codes(self, columns)
        else:
            rows = self._dense(X, reset=True)
        if len(rows) < 2:
            raise InputError("1 sample is no data set; give at least 2 rows")
        return rows, image_shape

    def _train(
        self,
        rows: NDArray[Any],
        image_shape: tuple[int, ...] | None,
        settings: Settings,
        stages: Callable[[Settings], Sequence[Stage]] | None = None,
    ) -> TrainedModel:
        """Encode the rows, train a model on them and set the attributes that show both.

        Parameters
        ----------
        rows, image_shape
            As of `_rows_to_fit`.
        settings : Settings
            Of the model; its floor is raised to what the encoding of the data asks for.
        stages : callable, optional
            The stages of training, from these settings; those of the settings unless given.
        """
        import torch

        from mixtura.vae import fit_model

        seed = seed_of(self.random_state)
        names = getattr(self, "feature_names_in_", None)
        encoding: Encoding | MixedEncoding
        if self._columns is None:
            encoding = Encoding.fit(
                rows,
                likelihood=settings.likelihood,
                image_shape=image_shape,
                names=names,
                binarise=self.binarise,
            )
        else:
            encoding = MixedEncoding.fit(
                rows,
                families=self._columns.families,
                n_categories=[len(own) for own in self._columns.categories],
                names=names,
            )
        settings = replace(settings, std_floor=max(settings.std_floor, encoding.least_std))
        trained = fit_model(
            torch.from_numpy(encoding.encode(rows, np.float32)),
            settings,
            domain=encoding.domain,
            seed=seed,
            image_shape=image_shape,
            log_determinant=encoding.log_determinant,
            layout=encoding.layout if isinstance(encoding, MixedEncoding) else None,
            on_event=self.callback,
            stages=None if stages is None else stages(settings),
        )
        self.encoding_, self.model_ = encoding, trained.model
        self.image_shape_, self.seed_ = image_shape, seed
        self.device_, self.precision_ = trained.device, trained.precision
        self.n_epochs_ = trained.record.n_epochs
        self.history_ = trained.record.events
        return trained

    def _report(self, findings: tuple[Finding, ...]) -> None:
        """Set what a person should know of the fit, and warn of what went wrong in it."""
        self.findings_ = (*(self._columns.findings if self._columns is not None else ()), *findings)
        for finding in findings:
            if finding.name == "not-finite":
                warnings.warn(str(finding), TrainingWarning, stacklevel=3)

    def _check_parameters(self) -> None:
        """Refuse what `Settings` does not know of."""
        if self.callback is not None and not callable(self.callback):
            raise InputError(f"callback must be a function of one log entry, not {self.callback!r}")
        if self.binarise is not None and not isinstance(self.binarise, (int, float, np.number)):
            raise InputError(f"binarise must be a number, not {self.binarise!r}")
        if self.families is not None and self.likelihood != "mixed":
            raise InputError(
                f"families={self.families!r} needs likelihood='mixed'; set that, or leave families out"
            )
        if self.binarise is not None and self.likelihood in _MIXED:
            raise InputError(
                f"binarise={self.binarise!r} needs likelihood='bernoulli'; set that, or leave it out"
            )
        at_least_one("n_importance_samples", self.n_importance_samples)
