"""Categorical mixtures: groups of rows of categories, or latent class analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.categorical import Dirichlet
from mixtura.em.family import Array
from mixtura.em.product import ProductFamily
from mixtura.errors import InputError
from mixtura.estimators.categories import ALL_DIFFERENT, categories_of_one
from mixtura.estimators.declared import CATEGORIES, learned_categories
from mixtura.estimators.discrete_parts import CategoricalPart
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.mixture_base import Tables
from mixtura.estimators.mixture_checks import COMMON, Constraint, one_of
from mixtura.estimators.mixture_problem import Problem
from mixtura.estimators.part import Part
from mixtura.estimators.rows import named
from mixtura.findings import Finding


class CategoricalMixture(FamilyMixture):
    r"""A mixture of independent categories, fitted by EM: latent class analysis.

    .. math:: p(x) = \sum_k \pi_k \prod_j P_{k j x_j}

    The columns hold text, numbers or truth values, each its own number of categories. None, NaN and null are
    missing entries: they are integrated out, which here means that they count for nothing.

    Parameters
    ----------
    n_components : int, default=1
        K.
    categories : sequence or mapping, optional
        The categories of the columns where they are known beforehand, as batches or files may lack some: a
        list for each column, or a mapping from names or numbers of columns; None, and columns that are left
        out, for those of the data. Others than declared are unknown.
    handle_unknown : {"error", "missing"}, default="error"
        What a category that was not there in `fit` is afterwards: an error, or a missing entry.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "short_runs"}, default="kmeans"
        Where EM starts: responsibilities by a method of scikit-learn on indicators of the categories, a part
        of them drawn at random, so that no probability starts at 0; or the best end of many short runs. Of
        rows on disk, 100,000 stand for all.
    weights_init, probabilities_init : array-like and list of array-like, optional
        Parts of the start, of the shapes of ``weights_`` and ``probabilities_``. A probability of 0 stays.
    prior : mixtura.em.categorical.Dirichlet, optional
        A prior on the probabilities, for maximum a posteriori; F then includes log p(theta).
    tol, max_iter, n_init, random_state, warm_start, verbose, verbose_interval, stopping
        As those of `GaussianMixture`: when EM stops, how often it starts, and what it prints.
    weight_concentration, acceleration, n_threads
        As those of `GaussianMixture`: a prior on the weights, leaps, and threads.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    categories_ : list of ndarray of shape (C_j,)
        The categories of each column, sorted.
    probabilities_ : list of ndarray of shape (K, C_j)
        P, the probabilities of the categories of each column.
    converged_, n_iter_, lower_bound_, lower_bounds_, free_energy_path_, stopped_by_, findings_
        As those of `GaussianMixture`.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    Examples
    --------
    >>> X = [["red", "round"], ["red", "round"], ["red", None], ["green", "long"], ["green", "long"]]
    >>> model = CategoricalMixture(n_components=2, random_state=0, tol=1e-9).fit(np.array(X, dtype=object))
    >>> [categories.tolist() for categories in model.categories_]
    [['green', 'red'], ['long', 'round']]
    >>> sorted(model.probabilities_[0].round(3).tolist())
    [[0.0, 1.0], [1.0, 0.0]]
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "categories": CATEGORIES,
        "handle_unknown": one_of("error", "missing"),
        "prior": Constraint(
            lambda value: value is None or isinstance(value, Dirichlet), "a Dirichlet or None"
        ),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: Sequence[Any] | Mapping[Any, Any] | None = None,
        handle_unknown: Literal["error", "missing"] = "error",
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data", "short_runs"] = "kmeans",
        weights_init: ArrayLike | None = None,
        probabilities_init: Sequence[ArrayLike] | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: Dirichlet | None = None,
        weight_concentration: float = 1.0,
        acceleration: Literal["squarem"] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.categories = categories
        self.handle_unknown = handle_unknown
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
        """Say that categories, text and gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> Array:
        return self._checked_table(X, reset=reset)

    def _learn(self, tables: Tables) -> None:
        n_columns = self.n_features_in_
        learned = learned_categories(self, tables, range(n_columns), self.categories)
        if self.warm_start and hasattr(self, "converged_"):
            for j, (now, before) in enumerate(zip(learned, self.categories_, strict=False)):
                if not np.array_equal(now, before):
                    raise InputError(
                        f"warm_start: {named(self, j)} has other categories than before; fit a new estimator"
                    )
        self.categories_: list[NDArray[Any]] = learned

    def _noticed(self, problem: Problem[ProductFamily]) -> tuple[Finding, ...]:
        there = sum((~np.isnan(block)).sum(axis=1) for block, _ in problem.source.blocks())
        names = [
            named(self, j)
            for j, values in enumerate(self.categories_)
            if len(values) == there[j] > ALL_DIFFERENT
        ]
        return categories_of_one(names)

    def _parts(self) -> list[Part]:
        columns = list(range(self.n_features_in_))
        return [CategoricalPart(columns, self.prior, self.probabilities_init, "probabilities_")]
