"""Mixtures for tables of mixed columns: measurements, truth values, categories and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES
from mixtura.em.product import ProductFamily
from mixtura.errors import InputError
from mixtura.estimators.column_kinds import chosen_families, column_summaries
from mixtura.estimators.declared import CATEGORIES, declared_columns, learned_categories
from mixtura.estimators.discrete_parts import BernoulliPart, CategoricalPart, PoissonPart
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.gaussian_part import GaussianPart
from mixtura.estimators.mixture_base import Tables
from mixtura.estimators.mixture_checks import COMMON, Constraint, one_of, real
from mixtura.estimators.mixture_problem import Problem
from mixtura.estimators.part import Part
from mixtura.findings import Finding

PARTS: dict[str, type[Part]] = {
    part.name: part for part in (GaussianPart, BernoulliPart, CategoricalPart, PoissonPart)
}


class MixedMixture(FamilyMixture):
    r"""A mixture for a table of mixed columns, fitted by EM: a product of families, one group for a row.

    .. math:: p(x) = \sum_k \pi_k N(x_g; \mu_k, \Sigma_k) \prod_{b} \mathrm{Bernoulli}(x_b; t_{kb})
        \prod_c P_{k c x_c} \prod_p \mathrm{Poisson}(x_p; \lambda_{kp})

    A log-density is one of measurements and of probabilities together, in the units of the columns. None, NaN
    and null are missing entries and are integrated out.

    Parameters
    ----------
    n_components : int, default=1
        K.
    families : str, sequence or mapping, optional
        "gaussian", "bernoulli", "categorical" or "poisson": one for all columns, one for each, or a mapping
        from names or numbers of columns. Columns without one are inferred: text is categorical, truth values
        and numbers 0 and 1 are Bernoulli. Integers from 0 up are Poisson if they vary no less than counts and
        are small (a mean of at most 10) or fit one Poisson no worse than one Gaussian by BIC; if they vary
        less than any counts and have at most 10 values they are categorical. Other numbers are Gaussian.
        ``findings_`` says what integers were taken for.
    covariance_type : {"diag", "full", "tied", "spherical"}, default="diag"
        Of the Gaussian columns, given the group.
    reg_covar : float, default=1e-6
        Added to every variance. With 0 each step is an exact ascent on F.
    categories : sequence or mapping, optional
        The categories of the columns where they are known beforehand, as batches or files may lack some: a
        list for each column, or a mapping from names or numbers of columns; None, and columns that are left
        out, for those of the data. Others than declared are unknown.
    handle_unknown : {"error", "missing"}, default="error"
        What a category that was not there in `fit` is afterwards: an error, or a missing entry.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "short_runs"}, default="kmeans"
        Where EM starts: responsibilities by a method of scikit-learn on standardised columns and indicators
        of categories, a part of them drawn at random; or the best end of many short runs. Of rows on disk,
        100,000 stand for all.
    weights_init : array-like of shape (K,), optional
        Weights to start from.
    priors : mapping, optional
        From names of families to their priors, for maximum a posteriori; F then includes log p(theta).
    tol, max_iter, n_init, random_state, warm_start, verbose, verbose_interval, stopping
        As those of `GaussianMixture`: when EM stops, how often it starts, and what it prints.
    weight_concentration, acceleration, n_threads
        As those of `GaussianMixture`: a prior on the weights, leaps, and threads.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        pi.
    families_ : list of str
        The family of each column.
    columns_ : dict of str to list of int
        The columns of each family, in the order of the attributes below.
    means_, covariances_ : ndarray
        Of the Gaussian columns, shaped as those of `GaussianMixture`.
    probabilities_ : ndarray of shape (K, n_bernoulli)
        t, the probabilities of a one.
    categories_ : list of ndarray of shape (C_j,)
        The categories of each categorical column, sorted.
    category_probabilities_ : list of ndarray of shape (K, C_j)
        P, their probabilities.
    rates_ : ndarray of shape (K, n_poisson)
        lambda, expected counts.
    converged_, n_iter_, lower_bound_, lower_bounds_, free_energy_path_, stopped_by_, findings_
        As those of `GaussianMixture`.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of str
        Names of features seen during fit, where there were names.

    Examples
    --------
    >>> import pyarrow as pa
    >>> X = pa.table({"size": [1.0, 1.2, 5.0, 5.2, None], "colour": ["red", "red", "blue", "blue", "red"]})
    >>> model = MixedMixture(n_components=2, random_state=0).fit(X)
    >>> model.families_
    ['gaussian', 'categorical']
    >>> sorted(model.means_.round(1).tolist())
    [[1.1], [5.1]]
    >>> labels = model.predict(X)
    >>> bool(labels[4] == labels[0])
    True
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **COMMON,
        "covariance_type": one_of(*COVARIANCE_TYPES),
        "reg_covar": real(0.0),
        "categories": CATEGORIES,
        "handle_unknown": one_of("error", "missing"),
        "priors": Constraint(
            lambda value: (
                value is None
                or (
                    isinstance(value, Mapping)
                    and all(
                        name in PARTS and isinstance(prior, PARTS[name].prior_kind)
                        for name, prior in value.items()
                    )
                )
            ),
            "a mapping of names of families to their priors, or None",
        ),
    }

    # What was noticed of the columns; nothing for one that was loaded, which learns them no more.
    _inferred: tuple[Finding, ...] = ()

    def __init__(
        self,
        n_components: int = 1,
        *,
        families: str | Sequence[str] | Mapping[Any, str] | None = None,
        covariance_type: Literal["diag", "full", "tied", "spherical"] = "diag",
        reg_covar: float = 1e-6,
        categories: Sequence[Any] | Mapping[Any, Any] | None = None,
        handle_unknown: Literal["error", "missing"] = "error",
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data", "short_runs"] = "kmeans",
        weights_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        priors: Mapping[str, Any] | None = None,
        weight_concentration: float = 1.0,
        acceleration: Literal["squarem"] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.families = families
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.stopping = stopping
        self.priors = priors
        self.weight_concentration = weight_concentration
        self.acceleration = acceleration
        self.n_threads = n_threads

    def __sklearn_tags__(self) -> Tags:
        """Say that categories, text and gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> Array:
        return self._checked_table(X, reset=reset)

    def _learn(self, tables: Tables) -> None:
        declared = declared_columns(self, self.categories, self.n_features_in_)
        summaries = column_summaries(self, tables())
        families, findings = chosen_families(self, self.families, summaries, list(declared))
        by_family = {
            name: [j for j, own in enumerate(families) if own == name] for name in PARTS if name in families
        }
        categories = learned_categories(self, tables, by_family.get("categorical", []), declared)
        if self.warm_start and hasattr(self, "converged_"):
            same = families == self.families_ and all(
                np.array_equal(a, b) for a, b in zip(categories, self.categories_, strict=True)
            )
            if not same:
                raise InputError(
                    "warm_start: columns have other families or categories than before; fit a new estimator"
                )
        self.families_: list[str] = families
        self.columns_: dict[str, list[int]] = by_family
        self.categories_: list[NDArray[Any]] = categories
        self._inferred = findings

    def _noticed(self, problem: Problem[ProductFamily]) -> tuple[Finding, ...]:
        return self._inferred

    def _parts(self) -> list[Part]:
        priors = self.priors or {}
        return [PARTS[name](own, priors.get(name)) for name, own in self.columns_.items()]
