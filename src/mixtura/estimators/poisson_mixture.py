"""Poisson mixtures: groups of rows of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.poisson import Gamma
from mixtura.em.product import ProductFamily
from mixtura.estimators.discrete_parts import PoissonPart
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.mixture_base import Tables
from mixtura.estimators.mixture_checks import COMMON, TRUTH, Constraint
from mixtura.estimators.mixture_problem import Problem
from mixtura.estimators.part import Part
from mixtura.estimators.rows import refuse_no_counts
from mixtura.estimators.tables import numeric_rows
from mixtura.findings import Finding


class PoissonMixture(FamilyMixture):
    r"""A mixture of independent counts, fitted by EM.

    .. math:: p(x) = \sum_k \pi_k \prod_j \frac{\lambda_{kj}^{x_j} e^{-\lambda_{kj}}}{x_j!}

    NaN is a missing entry: it is integrated out, which here means that it counts for nothing.

    Parameters
    ----------
    n_components : int, default=1
        K.
    fractions : bool, default=False
        Whether entries may lie between whole numbers, as expected counts do: events that are shared out, or
        averaged. Then :math:`x! = \Gamma(x + 1)`, and F and every log-density are quasi-likelihoods: they
        compare groups and mixtures of the same rows, but no sum or integral over x makes them one. Rates are
        still mean counts, and draws are whole. Without it the data must be whole numbers.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "short_runs"}, default="kmeans"
        Where EM starts: responsibilities by a method of scikit-learn on square roots of the counts, a part of
        them drawn at random, so that no rate starts at 0; or the best end of many short runs. Of rows on
        disk, 100,000 stand for all.
    weights_init, rates_init : array-like, optional
        Parts of the start, of the shapes of ``weights_`` and ``rates_``. A rate of 0 stays.
    prior : mixtura.em.poisson.Gamma, optional
        A prior on the rates, for maximum a posteriori; F then includes log p(theta).
    tol, max_iter, n_init, random_state, warm_start, verbose, verbose_interval, stopping
        As those of `GaussianMixture`: when EM stops, how often it starts, and what it prints.
    weight_concentration, acceleration, n_threads
        As those of `GaussianMixture`: a prior on the weights, leaps, and threads.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    rates_ : ndarray of shape (K, n_features)
        lambda, mean counts.
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

    Counts that were shared out between the columns:

    >>> PoissonMixture(fractions=True).fit([[0.5, 2.5], [1.25, 0.75]]).rates_.tolist()
    [[0.875, 1.625]]
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "fractions": TRUTH,
        "prior": Constraint(lambda value: value is None or isinstance(value, Gamma), "a Gamma or None"),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        fractions: bool = False,
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data", "short_runs"] = "kmeans",
        weights_init: ArrayLike | None = None,
        rates_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: Gamma | None = None,
        weight_concentration: float = 1.0,
        acceleration: Literal["squarem"] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.fractions = fractions
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
        self.acceleration = acceleration
        self.n_threads = n_threads

    def __sklearn_tags__(self) -> Tags:
        """Say that NaN is welcome, and that the data are numbers from 0 up, whole unless said otherwise."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = True
        # The tag under which scikit-learn's checks round their data.
        tags.input_tags.categorical = not self.fractions
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        rows = numeric_rows(self, X, "Poisson", reset=reset)
        if rows.dtype.kind not in "bu":
            refuse_no_counts(rows, self, fractions=self.fractions)
        return rows

    def _learn(self, tables: Tables) -> None:
        """Nothing: all columns are of one family."""

    def _noticed(self, problem: Problem[ProductFamily]) -> tuple[Finding, ...]:
        if not self.fractions:
            return ()
        seen = "counts may be fractions: F and log p(x) are quasi-likelihoods, no densities"
        return (Finding("quasi-likelihood", "note", seen),)

    def _parts(self) -> list[Part]:
        columns = list(range(self.n_features_in_))
        return [PoissonPart(columns, self.prior, self.rates_init, self.fractions)]
