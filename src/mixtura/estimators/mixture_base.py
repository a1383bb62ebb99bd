"""What all mixtures fitted by EM have in common, with scikit-learn's names and meanings."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from mixtura import runtime
from mixtura.em.parquet_source import Encode
from mixtura.em.steps import MixtureParameters
from mixtura.em.stepwise import Running
from mixtura.errors import InputError
from mixtura.estimators.all_or_nothing import all_or_nothing
from mixtura.estimators.checks import at_least_one, seed_of
from mixtura.estimators.file_rows import is_path, opened, positive
from mixtura.estimators.mixture_checks import COMMON, Constraint, check_parameters, checked_weights
from mixtura.estimators.mixture_fit import fit_rows, learn_batch
from mixtura.estimators.mixture_problem import Problem, Scoring
from mixtura.estimators.validation import in_one_line
from mixtura.findings import Finding

Array = NDArray[np.float64]

# Values a component, n d K, from which threads pay: some milliseconds an iteration.
_MUCH = 2**22
# The pieces of a table, each a list of Arrow arrays, as often as they are asked for.
Tables = Callable[[], Iterator[list[Any]]]


class MixtureBase(DensityMixin, BaseEstimator):
    """A finite mixture fitted by EM.

    A class of mixtures says how its rows are checked, which family they are handed to, where EM starts, and
    under which names its parameters are kept; the rest is here.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = COMMON
    # Whether a batch may hold what no component can give.
    learns_surprises: ClassVar[bool]
    # What partial_fit goes on from: the coordinates of the first batch, and sums over batches.
    _stepwise: tuple[Problem[Any], Running] | None = None

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    n_components: int
    tol: float
    stopping: str
    max_iter: int
    n_init: int
    random_state: int | np.random.RandomState | None
    warm_start: bool
    verbose: int
    verbose_interval: int
    weight_concentration: float
    acceleration: str | None
    n_threads: int | None
    weights_: NDArray[np.floating]
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    free_energy_path_: Array
    stopped_by_: str
    findings_: tuple[Finding, ...]

    @abstractmethod
    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        """Return checked rows, of numbers and of the columns of the fit unless ``reset``."""

    @abstractmethod
    def _encoding(self) -> Encode | None:
        """Return what makes numbers of the columns of a file; None where they must be numbers."""

    @abstractmethod
    def _read_file(self, tables: Tables) -> None:
        """Learn what must be known of the columns of a file before they become numbers."""

    @abstractmethod
    def _block_size(self, n_features: int) -> int:
        """Return how many rows a block holds."""

    @abstractmethod
    def _problem(self, rows: Any, weights: Array | None) -> Problem[Any]:
        """Return the family and the source of rows whose weights are positive."""

    @abstractmethod
    def _noticed(self, problem: Problem[Any]) -> tuple[Finding, ...]:
        """Return what should be known about the data of a fit."""

    @abstractmethod
    def _streamed(self, family: Any) -> Any:
        """Return the family that goes through batches, any of which may have gaps."""

    def _settled(self, problem: Problem[Any], theta: MixtureParameters) -> MixtureParameters:
        """Return the start of a first batch in the shape in which its sums may be kept."""
        return theta

    @abstractmethod
    def _start(self, problem: Problem[Any], random_state: np.random.RandomState) -> MixtureParameters:
        """Return parameters to start from."""

    @abstractmethod
    def _continued(self, problem: Problem[Any]) -> MixtureParameters:
        """Return the parameters of the last fit, in the coordinates of the problem."""

    @abstractmethod
    def _publish(self, theta: MixtureParameters, problem: Problem[Any]) -> None:
        """Set the attributes that show the parameters."""

    @abstractmethod
    def _scoring(self, rows: Any) -> Scoring:
        """Return the public parameters ready to score, with rows in the same coordinates."""

    @abstractmethod
    def _imputed(self, rows: NDArray[Any], draws: int | None, generator: np.random.Generator) -> NDArray[Any]:
        """Return checked rows with their gaps filled, (draws, n, d) where there are draws."""

    @abstractmethod
    def _drawn(self, counts: NDArray[np.int64], random_state: np.random.RandomState) -> NDArray[Any]:
        """Return so many rows of each component, one component after the other."""

    def _threads(self, rows: Any) -> int:
        """Return how many threads share the rows: a second one pays only where there is much to do."""
        if self.n_threads is not None:
            return self.n_threads
        much = rows.shape[0] * rows.shape[1] * self.n_components >= _MUCH
        return runtime.n_threads() if much else 1

    @abstractmethod
    def _n_parameters(self) -> int:
        """Return the number of free parameters."""

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture by EM from ``n_init`` starts, and keep the best.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The data, or the path of a Parquet file or of a folder of them, of which some ten thousand rows
            are in memory at a time.
        y : ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n,), optional
            How often each row counts. A weight of zero leaves a row out. For files, the name of a column.

        Returns
        -------
        object
            The fitted estimator itself.

        Raises
        ------
        InputError
            If a parameter, the data or the weights are not what they must be, or a component collapses from
            every start.
        ConvergenceError
            If F is not finite, or falls where it cannot.
        """
        self._fit(X, sample_weight)
        return self

    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit the mixture and return the most responsible component of each row, shape (n,).

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        """
        return self._scoring(self._fit(X, sample_weight)).labels()

    def partial_fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        r"""Learn from one more batch by stepwise EM, so that no batch is needed twice.

        The sufficient statistics are averaged over batches with steps :math:`(t + 2)^{-0.7}`, an M-step after
        each. The first batch also gives the start, which is that of `fit`, or the parameters of the last fit;
        and it says what the columns are: of categories that come later declare all with ``categories``.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            A batch; all of about the same size, the first with at least ``n_components`` rows.
        y : ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n,), optional
            How often each row counts.

        Returns
        -------
        object
            The estimator itself; ``lower_bounds_`` holds each batch's mean log p(x) before it was learnt,
            -inf where it held what no component could give, as a category that no batch before had.

        Raises
        ------
        InputError
            If a batch is not what `fit` takes, or holds a category that is not known.
        ConvergenceError
            If measurements have no density under any component.

        References
        ----------
        O. Cappe and E. Moulines (2009), On-line expectation-maximization algorithm for latent data models.
        """
        check_parameters(self, self.constraints)
        if is_path(X):
            raise InputError(
                f"partial_fit takes rows, and {X!r} is a path; give it to fit, which reads files"
            )
        with all_or_nothing(self):
            rows = self._checked(X, reset=self._stepwise is None and not hasattr(self, "converged_"))
            learn_batch(self, *positive(rows, checked_weights(sample_weight, len(rows))))
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most responsible component of each row, argmax_k p(k | x), shape (n,)."""
        self._require_fitted()
        return self._scoring(self._read(X, reset=False)[0]).labels()

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the responsibilities p(k | x) of shape (n, K)."""
        self._require_fitted()
        rows, _ = self._read(X, reset=False)
        return self._scoring(rows).responsibilities(self._dtype(rows))

    def score_samples(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return log p(x) of each row in nats, shape (n,)."""
        self._require_fitted()
        rows, _ = self._read(X, reset=False)
        with np.errstate(over="ignore"):
            return self._scoring(rows).log_densities().astype(self._dtype(rows), copy=False)

    def score(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean of log p(x), in nats per observation.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        y : ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n,), optional
            Weights of the mean.
        """
        total, weight = self._total(X, sample_weight)
        return total / weight

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return Akaike's criterion, -2 log p(X) + 2 parameters; less is better."""
        total, _ = self._total(X, sample_weight)
        return -2 * total + 2 * self._n_parameters()

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the Bayesian information criterion, -2 log p(X) + parameters log n; less is better."""
        total, weight = self._total(X, sample_weight)
        return -2 * total + self._n_parameters() * math.log(weight)

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        r"""Return the integrated completed likelihood; less is better.

        It is BIC plus twice the entropy of the responsibilities, :math:`2 \sum_i H(p(z | x_i))`, so that
        components that overlap cost something (Biernacki, Celeux and Govaert 2000).
        """
        self._require_fitted()
        rows, weights = self._read(X, sample_weight, reset=False)
        return self.bic(X, sample_weight) + 2 * self._scoring(rows).entropy(weights)

    def impute(
        self,
        X: ArrayLike,
        *,
        draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[Any]:
        r"""Return rows with gaps filled by what the mixture expects there, given the rest of the row.

        .. math:: p(x_{mis} \mid x_{obs}) = \sum_k p(k \mid x_{obs}) \, p(x_{mis} \mid x_{obs}, k)

        Measurements and counts get their conditional mean, zeros and ones and categories the most probable
        value.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows; NaN, and where there are categories None, is a missing value.
        draws : int, optional
            How many draws of what is missing; what is expected unless given.
        random_state : int, RandomState or None, default=None
            Seed of the draws; ``random_state`` of the mixture unless given.

        Returns
        -------
        ndarray of shape (n, n_features) or (draws, n, n_features)
            Entries that were there are the same; an array of objects where columns hold text.

        Raises
        ------
        InputError
            If the rows are not what `predict` takes, or ``draws`` is no whole number of at least 1.
        """
        self._require_fitted()
        if is_path(X):
            raise InputError(f"impute takes rows, and {X!r} is a path; read some rows of it at a time")
        rows = self._checked(X, reset=False)
        with in_one_line():
            seed = seed_of(self.random_state if random_state is None else random_state)
        n_draws = None if draws is None else at_least_one("draws", draws)
        return self._imputed(rows, n_draws, np.random.default_rng(seed))

    def sample(self, n_samples: int = 1) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Draw rows from the mixture, component by component, with ``random_state``.

        Parameters
        ----------
        n_samples : int
            How many.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows.
        y : ndarray of shape (n_samples,)
            The component of each row.
        """
        self._require_fitted()
        if isinstance(n_samples, Integral) and int(n_samples) < 1:
            raise InputError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample."
            )
        n_samples = at_least_one("n_samples", n_samples)
        with in_one_line():
            random_state = check_random_state(self.random_state)
        weights = self.weights_.astype(np.float64)
        counts = random_state.multinomial(n_samples, weights / weights.sum())
        return self._drawn(counts, random_state), np.repeat(np.arange(len(counts)), counts)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted mixture into a new folder: arrays in safetensors, the rest in JSON, no pickle.

        Parameters
        ----------
        folder : path
            Made here; it must not hold anything yet.
        """
        from mixtura.estimators.mixture_persistence import save_mixture

        self._require_fitted()
        save_mixture(self, Path(folder))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Return the fitted mixture that `save` wrote; nothing in the folder is executed.

        Raises
        ------
        ModelFileError
            If a byte is changed or missing, or the model is of another class.
        """
        from mixtura.estimators.mixture_persistence import load_mixture

        return load_mixture(cls, Path(folder))

    def _require_fitted(self) -> None:
        """Refuse what is not fitted, and parameters that were set to nonsense after the fit."""
        check_is_fitted(self)
        check_parameters(self, self.constraints)

    def _read(self, X: Any, sample_weight: Any = None, *, reset: bool) -> tuple[Any, Array | None]:
        """Return checked rows and weights; rows that a path names stay where they are."""
        if not is_path(X):
            rows = self._checked(X, reset=reset)
            return rows, checked_weights(sample_weight, len(rows))
        names = None if reset else getattr(self, "feature_names_in_", None)
        file = opened(
            X,
            sample_weight,
            None if names is None else list(names),
            None if reset else self.n_features_in_,
            self._encoding(),
        )
        if reset:
            self.n_features_in_ = file.shape[1]
            self.feature_names_in_ = np.array(file.columns, dtype=object)
            self._read_file(file.tables)
        return file, file.weights()

    def _fit(self, X: Any, sample_weight: Any) -> NDArray[Any]:
        """Fit, and return the checked rows."""
        check_parameters(self, self.constraints)
        with in_one_line():
            random_state = check_random_state(self.random_state)
        with all_or_nothing(self):
            rows, weights = self._read(X, sample_weight, reset=True)
            fit_rows(self, rows, weights, random_state)
        return rows

    def _total(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        """Return the weighted sum of log p(x), and the sum of the weights."""
        self._require_fitted()
        rows, weights = self._read(X, sample_weight, reset=False)
        kept, weights = positive(rows, weights)
        if len(kept) == 0 or (weights is not None and not weights.any()):
            raise InputError(f"{X} holds no row of positive weight; give rows to score")
        densities = self._scoring(kept).log_densities()
        if weights is None:
            return float(densities.sum()), float(len(kept))
        # Rows on disk are all there, and a density of zero times a weight of zero would be NaN.
        present = weights > 0
        return float(densities[present] @ weights[present]), float(weights.sum())

    def _dtype(self, rows: NDArray[Any]) -> np.dtype[Any]:
        """Return the type of results: float32 where rows and parameters are of float32."""
        given = rows.dtype if rows.dtype.kind == "f" else np.dtype(np.float64)
        return np.result_type(given, self.weights_.dtype)
