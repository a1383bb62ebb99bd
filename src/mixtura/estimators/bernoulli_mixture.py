"""Bernoulli mixtures: groups of rows of zeros and ones."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.bernoulli import Beta
from mixtura.em.product import ProductFamily
from mixtura.estimators.discrete_parts import BernoulliPart
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.mixture_base import Tables
from mixtura.estimators.mixture_checks import COMMON, Constraint
from mixtura.estimators.mixture_problem import Problem
from mixtura.estimators.part import Part
from mixtura.estimators.rows import refuse_no_bits
from mixtura.estimators.tables import numeric_rows
from mixtura.findings import Finding


class BernoulliMixture(FamilyMixture):
    r"""A mixture of independent zeros and ones, fitted by EM.

    .. math:: p(x) = \sum_k \pi_k \prod_j t_{kj}^{x_j} (1 - t_{kj})^{1 - x_j}

    NaN is a missing entry: it is integrated out, which here means that it counts for nothing.

    Parameters
    ----------
    n_components : int, default=1
        K.
    binarise : float, optional
        Values above this become 1, the others 0; without it the data must hold 0 and 1 only.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "short_runs"}, default="kmeans"
        Where EM starts: responsibilities by a method of scikit-learn, a part of them drawn at random, so that
        no probability starts at 0 or 1; or the best end of many short runs. Of rows on disk, 100,000 stand
        for all.
    weights_init, probabilities_init : array-like, optional
        Parts of the start, of the shapes of ``weights_`` and ``probabilities_``. A probability of 0 or 1
        stays.
    prior : mixtura.em.bernoulli.Beta, optional
        A prior on the probabilities, for maximum a posteriori; F then includes log p(theta).
    tol, max_iter, n_init, random_state, warm_start, verbose, verbose_interval, stopping
        As those of `GaussianMixture`: when EM stops, how often it starts, and what it prints.
    weight_concentration, acceleration, n_threads
        As those of `GaussianMixture`: a prior on the weights, leaps, and threads.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    probabilities_ : ndarray of shape (K, n_features)
        t, the probabilities of a one.
    converged_, n_iter_, lower_bound_, lower_bounds_, free_energy_path_, stopped_by_, findings_
        As those of `GaussianMixture`.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    Examples
    --------
    >>> X = [[1, 1, 0], [1, 1, 0], [1, np.nan, 0], [0, 0, 1], [0, 0, 1]]
    >>> model = BernoulliMixture(n_components=2, random_state=0, tol=1e-9).fit(X)
    >>> sorted(model.probabilities_.round(3).tolist())
    [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "binarise": Constraint(
            lambda value: value is None or (isinstance(value, Real) and value == value), "a number or None"
        ),
        "prior": Constraint(lambda value: value is None or isinstance(value, Beta), "a Beta or None"),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        binarise: float | None = None,
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data", "short_runs"] = "kmeans",
        weights_init: ArrayLike | None = None,
        probabilities_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: Beta | None = None,
        weight_concentration: float = 1.0,
        acceleration: Literal["squarem"] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.binarise = binarise
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.probabilities_init = probabilities_init
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
        """Say that NaN is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        rows = numeric_rows(self, X, "Bernoulli", reset=reset)
        if self.binarise is not None:
            return np.where(np.isnan(rows), np.nan, rows > self.binarise)
        if rows.dtype != bool:
            refuse_no_bits(rows, self, "set binarise, or use another mixture")
        return rows

    def _learn(self, tables: Tables) -> None:
        """Nothing: all columns are of one family."""

    def _noticed(self, problem: Problem[ProductFamily]) -> tuple[Finding, ...]:
        return ()

    def _parts(self) -> list[Part]:
        columns = list(range(self.n_features_in_))
        return [BernoulliPart(columns, self.prior, self.probabilities_init, self.binarise)]
