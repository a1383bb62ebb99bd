"""Poisson mixtures: groups of rows of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.family import Array
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.errors import InputError
from mixtura.estimators.family_mixture import FamilyMixture, without_gaps
from mixtura.estimators.mixture_checks import COMMON, Constraint, checked_start
from mixtura.estimators.rows import refuse_no_counts
from mixtura.estimators.tables import numeric_rows


class PoissonMixture(FamilyMixture):
    r"""A mixture of independent counts, fitted by EM.

    .. math:: p(x) = \sum_k \pi_k \prod_j \frac{\lambda_{kj}^{x_j} e^{-\lambda_{kj}}}{x_j!}

    NaN is a missing entry: it is integrated out, which here means that it counts for nothing.

    Parameters
    ----------
    n_components : int, default=1
        K.
    tol : float, default=1e-3
        EM stops when F changes by less, in nats per observation; 0 runs to ``max_iter``.
    max_iter : int, default=100
        The most iterations; 0 leaves the start.
    n_init : int, default=1
        How many starts; the one that ends with the greatest F is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Where responsibilities to start from come from, on square roots of the counts. A part of them is
        drawn at random, so that no rate starts at 0.
    weights_init, rates_init : array-like, optional
        Parts of the start, of the shapes of ``weights_`` and ``rates_``. A rate of 0 stays.
    random_state : int, RandomState or None, default=None
        Seed of starts and samples.
    warm_start : bool, default=False
        Whether the next fit goes on from this one's result.
    verbose, verbose_interval : int, default=0, 10
        1 prints starts and iterations, 2 their times and changes too; iterations between lines.
    stopping : {"absolute", "relative", "aitken"}, default="absolute"
        What ``tol`` is compared with: the last change of F, the change relative to F, or Aitken's estimate of
        what is left to climb.
    prior : mixtura.em.poisson.Gamma, optional
        A prior on the rates, for maximum a posteriori; F then includes log p(theta).
    weight_concentration : float, default=1.0
        Of a Dirichlet prior on the weights, at least 1, which is none.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    rates_ : ndarray of shape (K, n_features)
        lambda, expected counts.
    converged_, n_iter_, lower_bound_, lower_bounds_, free_energy_path_, stopped_by_, findings_
        As those of `GaussianMixture`.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    Examples
    --------
    >>> X = [[1, 20], [0, 22], [2, np.nan], [9, 3], [11, 5]]
    >>> model = PoissonMixture(n_components=2, random_state=0, tol=1e-8).fit(X)
    >>> sorted(model.rates_.round(1).tolist())
    [[1.0, 21.0], [10.0, 4.0]]
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "prior": Constraint(lambda value: value is None or isinstance(value, Gamma), "a Gamma or None"),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data"] = "kmeans",
        weights_init: ArrayLike | None = None,
        rates_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: Gamma | None = None,
        weight_concentration: float = 1.0,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.rates_init = rates_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.stopping = stopping
        self.prior = prior
        self.weight_concentration = weight_concentration

    def __sklearn_tags__(self) -> Tags:
        """Say that NaN is welcome, and that the data are whole numbers from 0 up."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = True
        # The tag under which scikit-learn's checks round their data.
        tags.input_tags.categorical = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        rows = numeric_rows(self, X, "Poisson", reset=reset)
        if rows.dtype.kind not in "bu":
            refuse_no_counts(rows, self)
        return rows

    def _family(self, n_features: int, origin: Array) -> PoissonFamily:
        return PoissonFamily(self.n_components, n_features, prior=self.prior)

    def _origin(self, rows: NDArray[Any], weights: Array | None) -> Array:
        return np.zeros(rows.shape[1])

    def _scored_about(self, n_features: int) -> Array:
        return np.zeros(n_features)

    def _neutral(self, family: PoissonFamily) -> PoissonParameters:
        return PoissonParameters(np.ones((family.n_components, family.n_features)))

    def _given(self, family: PoissonFamily, origin: Array) -> PoissonParameters | None:
        if self.rates_init is None:
            return None
        rates = checked_start(self.rates_init, (family.n_components, family.n_features), "rates")
        if rates.min() < 0:
            raise InputError(f"The parameter 'rates' should not be negative, but got {rates.min():.5g}")
        return PoissonParameters(rates)

    def _embedded(self, rows: NDArray[Any]) -> Array:
        return without_gaps(np.sqrt(np.asarray(rows, dtype=np.float64)))

    def _components(self, family: PoissonFamily, origin: Array) -> PoissonParameters:
        shape = (family.n_components, family.n_features)
        return PoissonParameters(checked_start(self.rates_, shape, "rates_"))

    def _show(self, components: PoissonParameters, family: PoissonFamily, origin: Array) -> None:
        self.rates_ = components.rates

    def _draw(self, component: int, count: int, random_state: np.random.RandomState) -> NDArray[Any]:
        rates = self.rates_[component]
        return random_state.poisson(rates, size=(count, len(rates))).astype(np.float64)

    def _n_parameters(self) -> int:
        return self.rates_.size + self.n_components - 1
