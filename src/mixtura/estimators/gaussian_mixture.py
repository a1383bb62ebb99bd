"""Gaussian mixtures: scikit-learn's class, with weights, a recorded free energy and priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianFamily, GaussianParameters
from mixtura.em.mixture import column_means, log_weights_from, statistics_from
from mixtura.em.precision import (
    centred_at,
    covariances_from,
    precision_factors,
    precisions_from,
    prepared_from,
)
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError
from mixtura.estimators.mixture_base import MixtureBase, Problem
from mixtura.estimators.mixture_checks import (
    COMMON,
    Constraint,
    checked_mixture_weights,
    checked_precisions,
    checked_start,
    one_of,
    real,
)
from mixtura.estimators.mixture_starts import assigned

# The square of a larger number leaves float64.
_LARGEST = 1e150


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
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Where responsibilities to start from come from.
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
    prior : NormalInverseWishart, optional
        A prior on means and covariances, for maximum a posteriori; F then includes log p(theta).
    weight_concentration : float, default=1.0
        Of a Dirichlet prior on the weights; 1 is none.

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
        F after each of its E-steps.
    free_energy_path_ : ndarray of shape (2 n_iter_,)
        F after each half step, E then M.
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

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "covariance_type": one_of(*COVARIANCE_TYPES),
        "reg_covar": real(0.0),
        "weight_concentration": real(0.0),
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
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data"] = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        prior: NormalInverseWishart | None = None,
        weight_concentration: float = 1.0,
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
        self.prior = prior
        self.weight_concentration = weight_concentration

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        rows: NDArray[Any] = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=2 if reset else 1
        )
        return rows

    def _problem(self, rows: NDArray[Any], weights: Array | None) -> Problem[GaussianFamily]:
        largest = max(float(rows.max()), -float(rows.min()))
        if largest > _LARGEST:
            raise InputError(f"X holds {largest:.3g}, whose square is no number; scale the columns")
        origin = column_means(ArraySource(rows, weights))
        prior = None if self.prior is None else replace(self.prior, mean=self.prior.mean - origin)
        family = COVARIANCE_TYPES[self.covariance_type](
            self.n_components, rows.shape[1], reg_covar=float(self.reg_covar), prior=prior
        )
        size = block_size(family.layout.rows(family.n_features))
        return Problem(family, ArraySource(rows, weights, origin, size), origin, exact=self.reg_covar == 0)

    def _start(
        self, problem: Problem[GaussianFamily], random_state: np.random.RandomState
    ) -> MixtureParameters:
        family = problem.family
        k, d = family.n_components, family.n_features
        shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
        weights = None if self.weights_init is None else checked_mixture_weights(self.weights_init, k)
        means = None if self.means_init is None else checked_start(self.means_init, (k, d), "means")
        covariances = None
        if self.precisions_init is not None:
            shape = shapes[self.covariance_type]
            precisions = checked_precisions(self.precisions_init, shape, self.covariance_type)
            covariances = covariances_from(precisions, self.covariance_type)
        if weights is None or means is None or covariances is None:
            found, spread = self._started(problem, random_state)
            weights = found if weights is None else weights
            if means is None:
                means = spread.means + problem.origin
            covariances = spread.covariances if covariances is None else covariances
        return MixtureParameters(
            log_weights_from(weights), GaussianParameters(means - problem.origin, covariances)
        )

    def _started(
        self, problem: Problem[GaussianFamily], random_state: np.random.RandomState
    ) -> tuple[Array, GaussianParameters]:
        """Return weights, and means and covariances, from responsibilities."""
        family, source = problem.family, problem.source
        blocks = assigned(
            self.init_params,
            source.rows,
            self.n_components,
            source.weights,
            random_state,
            source.block_size,
        )
        # Sums about the means that a first pass finds lose no digits, however far apart the components are.
        origin = np.zeros((family.n_components, family.n_features))
        rough = family.maximise(statistics_from(family, source, centred_at(family, origin), blocks()))
        statistics = statistics_from(family, source, centred_at(family, rough.means), blocks())
        return family.counts(statistics), family.maximise(statistics)

    def _continued(self, problem: Problem[GaussianFamily]) -> MixtureParameters:
        if self.means_.shape != (self.n_components, problem.family.n_features):
            raise InputError(
                f"warm_start goes on from means of shape {self.means_.shape}, and not of "
                f"{(self.n_components, problem.family.n_features)}; fit a new estimator"
            )
        means = self.means_ - problem.origin
        components = GaussianParameters(means, self.covariances_.astype(np.float64))
        return MixtureParameters(log_weights_from(self.weights_.astype(np.float64)), components)

    def _publish(self, theta: MixtureParameters, problem: Problem[GaussianFamily]) -> None:
        family, dtype = problem.family, problem.source.rows.dtype
        covariances = theta.components.covariances
        factors = precision_factors(family, self.covariance_type, covariances)
        weights = np.exp(theta.log_weights)
        self.weights_ = (weights / weights.sum()).astype(dtype)
        self.means_ = (theta.components.means + problem.origin).astype(dtype)
        self.covariances_ = covariances.astype(dtype)
        self.precisions_cholesky_ = factors.astype(dtype)
        self.precisions_ = precisions_from(factors, self.covariance_type).astype(dtype)

    def _scoring(self, rows: NDArray[Any]) -> tuple[Scorer, ArraySource]:
        means, weights = self.means_.astype(np.float64), self.weights_.astype(np.float64)
        origin = weights @ means
        family = COVARIANCE_TYPES[self.covariance_type](*means.shape)
        prepared = prepared_from(family, means - origin, self.precisions_cholesky_.astype(np.float64))
        size = block_size(family.layout.rows(family.n_features))
        scorer = Scorer(family, prepared, log_weights_from(weights), size)
        return scorer, ArraySource(rows, None, origin, size)

    def _drawn(self, counts: NDArray[np.int64], random_state: np.random.RandomState) -> NDArray[Any]:
        family: GaussianFamily = COVARIANCE_TYPES[self.covariance_type](*self.means_.shape)
        everyone = family.expand(self.covariances_.astype(np.float64))
        means, parts = self.means_.astype(np.float64), []
        for mean, covariance, count in zip(means, everyone, counts, strict=True):
            if covariance.ndim == 2:
                parts.append(random_state.multivariate_normal(mean, covariance, int(count)))
            else:
                noise = random_state.standard_normal(size=(int(count), len(mean)))
                parts.append(mean + noise * np.sqrt(covariance))
        return np.vstack(parts)

    def _n_parameters(self) -> int:
        k, d = self.means_.shape
        covariances = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
        return covariances[self.covariance_type] + k * d + k - 1
