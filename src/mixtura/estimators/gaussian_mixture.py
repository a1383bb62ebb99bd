"""Gaussian mixtures: scikit-learn's class, with weights, a recorded free energy and priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.em.default_prior import default_prior
from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianFamily, GaussianParameters
from mixtura.em.imputation import impute
from mixtura.em.missing import MissingFamily, missing_family
from mixtura.em.mixture import log_weights_from
from mixtura.em.origin import column_means, column_medians
from mixtura.em.patterns import PatternSource
from mixtura.em.precision import (
    precision_factors,
    precisions_from,
    prepared_from,
    prepared_missing_from,
)
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import BLOCK, Source
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError
from mixtura.estimators.file_rows import FileRows, PresentRows, any_absent, rows_from
from mixtura.estimators.gaussian_shape import drawn_gaussians, n_covariances, require_shape
from mixtura.estimators.gaussian_start import AnyGaussians, GivenStart, gaussian_start
from mixtura.estimators.measured_rows import LARGEST, any_missing, largest_entry, largest_of, roomy
from mixtura.estimators.mixture_base import MixtureBase, Tables
from mixtura.estimators.mixture_checks import COMMON, Constraint, checked_start, one_of, real
from mixtura.estimators.mixture_problem import Problem, Scoring
from mixtura.estimators.validation import validated
from mixtura.findings import Finding

# Values of the conditional covariances of a block with NaN, each of its rows of another pattern: 1 MB.
_PATTERN_VALUES = 2**17


class GaussianMixture(MixtureBase):
    r"""A mixture of Gaussians, :math:`p(x) = \sum_k \pi_k N(x; \mu_k, \Sigma_k)`, fitted by EM.

    Parameters, attributes and methods of scikit-learn's class of this name mean the same here, and the same
    start leads to the same result.

    Parameters
    ----------
    n_components : int, default=1
        K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        A matrix for each component, one for all, variances for each, or one variance for each.
    tol : float, default=1e-3
        EM stops when F changes by less, in nats per observation; 0 runs to ``max_iter``.
    reg_covar : float, default=1e-6
        Added to every variance. With 0 each step is an exact ascent on F.
    max_iter : int, default=100
        The most iterations; 0 leaves the start.
    n_init : int, default=1
        How many starts; the one that ends with the greatest F is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "short_runs"}, default="kmeans"
        Where EM starts: responsibilities by a method of scikit-learn, or the best end of many short runs.
        Of rows on disk, 100,000 stand for all.
    weights_init, means_init, precisions_init : array-like, optional
        Parts of the start, of the shapes of ``weights_``, ``means_`` and ``precisions_``.
    random_state : int, RandomState or None, default=None
        Seed of starts and samples, used as by scikit-learn.
    warm_start : bool, default=False
        Whether the next fit goes on from this one's result.
    verbose : int, default=0
        1 prints starts and iterations, 2 their times and changes too.
    verbose_interval : int, default=10
        Iterations between lines.
    stopping : {"absolute", "relative", "aitken"}, default="absolute"
        What ``tol`` is compared with: the last change of F, the change relative to F, or Aitken's estimate of
        what is left to climb, which does not take slow progress for the end.
    prior : NormalInverseWishart or "auto", optional
        A prior on means and covariances, for maximum a posteriori; F then includes log p(theta). "auto" is a
        weak one from the data, which keeps covariances from collapsing.
    weight_concentration : float, default=1.0
        Of a Dirichlet prior on the weights, at least 1, which is none.
    acceleration : {"squarem"}, optional
        Leaps along the way EM goes, kept only where F does not fall by them.
    n_threads : int, optional
        How many threads share the rows in `fit`; unless given, one for small data and otherwise
        ``OMP_NUM_THREADS``, or one a processor. The same number gives the same bits.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    means_ : ndarray of shape (K, n_features)
        mu.
    covariances_, precisions_, precisions_cholesky_ : ndarray
        Sigma, its inverse P, and the upper factor U with P = U U'; (K, d, d) full, (d, d) tied, (K, d) diag,
        (K,) spherical, where U is a square root.
    converged_ : bool
        Whether the criterion was met.
    n_iter_ : int
        Iterations of the start that was kept.
    lower_bound_ : float
        F after its last E-step, in nats per observation.
    lower_bounds_ : list of float
        F after each of its E-steps; after ``partial_fit``, mean log p(x) of each batch before it was learnt.
    free_energy_path_ : ndarray of shape (n_half_steps,)
        F after each half step, E then M: two values an iteration, from the last time on that a component
        which had lost its points was moved, without leaps that were refused.
    stopped_by_ : str
        Why it stopped.
    findings_ : tuple of Finding
        What a person should know about the fit.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    References
    ----------
    A. Dempster, N. Laird and D. Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm;
    R. Neal and G. Hinton (1998), A view of the EM algorithm that justifies incremental and other variants.

    Examples
    --------
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> sorted(model.means_.round(3).tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    >>> first, second = model.predict([[0, 0], [12, 3]])
    >>> bool(first == second)
    False
    """

    learns_surprises: ClassVar[bool] = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "covariance_type": one_of(*COVARIANCE_TYPES),
        "reg_covar": real(0.0),
        "prior": Constraint(
            lambda prior: (
                prior is None
                or (isinstance(prior, str) and prior == "auto")
                or isinstance(prior, NormalInverseWishart)
            ),
            "a NormalInverseWishart, 'auto' or None",
        ),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Literal["full", "tied", "diag", "spherical"] = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data", "short_runs"] = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: NormalInverseWishart | Literal["auto"] | None = None,
        weight_concentration: float = 1.0,
        acceleration: Literal["squarem"] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.stopping = stopping
        self.prior = prior
        self.weight_concentration = weight_concentration
        self.acceleration = acceleration
        self.n_threads = n_threads

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: NaN is a missing value."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        return validated(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_min_samples=2 if reset else 1,
            ensure_all_finite="allow-nan",
        )

    def _family(self, n_features: int, prior: NormalInverseWishart | None = None) -> GaussianFamily:
        kind = COVARIANCE_TYPES[self.covariance_type]
        return kind(self.n_components, n_features, reg_covar=float(self.reg_covar), prior=prior)

    def _problem(self, rows: Any, weights: Array | None) -> Problem[AnyGaussians]:
        in_files = isinstance(rows, FileRows)
        raw = rows_from(rows, weights, None, BLOCK)
        streamed = in_files or any_absent(weights)
        names = getattr(self, "feature_names_in_", None)
        largest = largest_of(raw, names) if streamed else largest_entry(rows)
        if not largest < LARGEST:
            raise InputError(f"X holds {largest:.3g}, whose square is no number; scale the columns")
        origin = column_means(raw) if streamed else column_medians(rows, weights)
        family = self._family(rows.shape[1])
        prior = self._prior(family, raw)
        if prior is not None:
            family = self._family(rows.shape[1], replace(prior, mean=prior.mean - origin))
        size, exact = self._block_size(rows.shape[1]), self.reg_covar == 0
        if in_files or not any_missing(rows):
            source = rows_from(rows, weights, origin, size, self._threads(rows))
            whole = self._streamed(family) if in_files else family
            return Problem(whole, source, rows, weights, origin, exact)
        patterns = PatternSource(rows, weights, origin, size, self._threads(rows))
        patterns.require_observed(names)
        source = PresentRows(patterns) if any_absent(weights) else patterns
        return Problem(self._streamed(family), source, rows, weights, origin, exact, patterns.findings())

    def _block_size(self, n_features: int) -> int:
        layout = COVARIANCE_TYPES[self.covariance_type].layout
        return block_size(layout.rows(n_features))

    def _encoding(self) -> None:
        return None

    def _read_file(self, tables: Tables) -> None:
        """Nothing: all columns are measurements."""

    def _noticed(self, problem: Problem[AnyGaussians]) -> tuple[Finding, ...]:
        return problem.findings

    def _streamed(self, family: AnyGaussians) -> MissingFamily[Any]:
        return family if isinstance(family, MissingFamily) else missing_family(family)

    def _prior(self, family: GaussianFamily, source: Source) -> NormalInverseWishart | None:
        """Return the prior in raw units."""
        if isinstance(self.prior, str):
            return default_prior(source, family.layout, self.n_components)
        if self.prior is None:
            return None
        shape = family.layout.zeros(1, family.n_features).shape[1:]
        return replace(
            self.prior,
            mean=checked_start(self.prior.mean, (family.n_features,), "prior.mean"),
            scale=checked_start(self.prior.scale, shape, "prior.scale"),
        )

    def _start(
        self, problem: Problem[AnyGaussians], random_state: np.random.RandomState
    ) -> MixtureParameters:
        given = GivenStart(self.weights_init, self.means_init, self.precisions_init)
        return gaussian_start(problem, self.covariance_type, self.init_params, given, random_state)

    def _centre(self) -> Array:
        """Return an origin among the rows: the mean of the largest component."""
        return self.means_[np.argmax(self.weights_)].astype(np.float64)

    def _theta(self, origin: Array) -> MixtureParameters:
        """Return the public parameters less an origin."""
        require_shape(self.covariance_type, self.means_, self.covariances_)
        components = GaussianParameters(self.means_ - origin, self.covariances_.astype(np.float64))
        return MixtureParameters(log_weights_from(self.weights_.astype(np.float64)), components)

    def _continued(self, problem: Problem[AnyGaussians]) -> MixtureParameters:
        shape = (self.n_components, problem.family.n_features)
        if self.means_.shape != shape:
            raise InputError(
                f"warm_start goes on from means of shape {self.means_.shape}, and not of {shape}; fit a new "
                "estimator"
            )
        return self._theta(problem.origin)

    def _publish(self, theta: MixtureParameters, problem: Problem[AnyGaussians]) -> None:
        family = problem.family
        gaussians = family.gaussians if isinstance(family, MissingFamily) else family
        covariances = theta.components.covariances
        factors = precision_factors(gaussians, self.covariance_type, covariances)
        precisions = precisions_from(factors, self.covariance_type)
        dtype = roomy(problem.rows.dtype, covariances, precisions)
        weights = np.exp(theta.log_weights)
        self.weights_ = (weights / weights.sum()).astype(dtype)
        self.means_ = (theta.components.means + problem.origin).astype(dtype)
        self.covariances_ = covariances.astype(dtype)
        self.precisions_cholesky_ = factors.astype(dtype)
        self.precisions_ = precisions.astype(dtype)

    def _scoring(self, rows: Any) -> Scoring:
        require_shape(self.covariance_type, self.means_, self.precisions_cholesky_)
        origin = self._centre()
        means, factors = self.means_ - origin, self.precisions_cholesky_.astype(np.float64)
        family = COVARIANCE_TYPES[self.covariance_type](*means.shape)
        log_weights = log_weights_from(self.weights_.astype(np.float64))
        size = self._block_size(means.shape[1])
        in_files = isinstance(rows, FileRows)
        if not in_files and not any_missing(rows):
            scorer = Scorer(family, prepared_from(family, means, factors), log_weights, size)
            return Scoring(scorer, rows_from(rows, None, origin, size))
        whole = missing_family(family)
        prepared = prepared_missing_from(whole, means, self.covariances_.astype(np.float64), factors)
        size = min(size, max(64, _PATTERN_VALUES // means.shape[1] ** 2))
        return Scoring(Scorer(whole, prepared, log_weights, size), rows_from(rows, None, origin, size))

    def _imputed(
        self, rows: NDArray[Any], draws: int | None, generator: np.random.Generator
    ) -> NDArray[np.floating]:
        family = COVARIANCE_TYPES[self.covariance_type](*self.means_.shape)
        origin = self._centre()
        filled: NDArray[np.floating] = impute(
            family, self._theta(origin), rows, origin=origin, draws=draws, generator=generator
        )
        return filled

    def _drawn(self, counts: NDArray[np.int64], random_state: np.random.RandomState) -> NDArray[Any]:
        require_shape(self.covariance_type, self.means_, self.covariances_)
        family: GaussianFamily = COVARIANCE_TYPES[self.covariance_type](*self.means_.shape)
        everyone = family.expand(self.covariances_.astype(np.float64))
        means = self.means_.astype(np.float64)
        return np.vstack(
            [
                drawn_gaussians(mean, covariance, int(count), random_state)
                for mean, covariance, count in zip(means, everyone, counts, strict=True)
            ]
        )

    def _n_parameters(self) -> int:
        k, d = self.means_.shape
        return n_covariances(self.covariance_type, k, d) + k * d + k - 1
