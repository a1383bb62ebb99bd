"""Categorical mixtures: groups of rows of categories, or latent class analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.cells import CellParameters
from mixtura.em.family import Array
from mixtura.errors import InputError
from mixtura.estimators.categories import Categories
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.mixture_checks import COMMON, Constraint, checked_start, one_of
from mixtura.estimators.rows import named
from mixtura.estimators.tables import read_columns
from mixtura.findings import Finding

# Fewer rows than this may well all differ.
_ALL_DIFFERENT = 10


class CategoricalMixture(FamilyMixture):
    r"""A mixture of independent categories, fitted by EM: latent class analysis.

    .. math:: p(x) = \sum_k \pi_k \prod_j P_{k j x_j}

    The columns hold text, numbers or truth values, each its own number of categories. None, NaN and null are
    missing entries: they are integrated out, which here means that they count for nothing.

    Parameters
    ----------
    n_components : int, default=1
        K.
    handle_unknown : {"error", "missing"}, default="error"
        What a category that was not there in `fit` is afterwards: an error, or a missing entry.
    tol : float, default=1e-3
        EM stops when F changes by less, in nats per observation; 0 runs to ``max_iter``.
    max_iter : int, default=100
        The most iterations; 0 leaves the start.
    n_init : int, default=1
        How many starts; the one that ends with the greatest F is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Where responsibilities to start from come from, on indicators of the categories. A part of them is
        drawn at random, so that no probability starts at 0.
    weights_init, probabilities_init : array-like and list of array-like, optional
        Parts of the start, of the shapes of ``weights_`` and ``probabilities_``. A probability of 0 stays.
    random_state : int, RandomState or None, default=None
        Seed of starts and samples.
    warm_start : bool, default=False
        Whether the next fit goes on from this one's result.
    verbose, verbose_interval : int, default=0, 10
        1 prints starts and iterations, 2 their times and changes too; iterations between lines.
    stopping : {"absolute", "relative", "aitken"}, default="absolute"
        What ``tol`` is compared with: the last change of F, the change relative to F, or Aitken's estimate of
        what is left to climb.
    prior : mixtura.em.categorical.Dirichlet, optional
        A prior on the probabilities, for maximum a posteriori; F then includes log p(theta).
    weight_concentration : float, default=1.0
        Of a Dirichlet prior on the weights, at least 1, which is none.

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
        "handle_unknown": one_of("error", "missing"),
        "prior": Constraint(
            lambda value: value is None or isinstance(value, Dirichlet), "a Dirichlet or None"
        ),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        handle_unknown: Literal["error", "missing"] = "error",
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data"] = "kmeans",
        weights_init: ArrayLike | None = None,
        probabilities_init: Sequence[ArrayLike] | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        prior: Dirichlet | None = None,
        weight_concentration: float = 1.0,
    ) -> None:
        self.n_components = n_components
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

    def __sklearn_tags__(self) -> Tags:
        """Say that categories, text and gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        columns = read_columns(self, X, reset=reset)
        if reset:
            learned = [Categories.learn(column, named(self, j)) for j, column in enumerate(columns)]
            if self.warm_start and hasattr(self, "converged_"):
                _require_same(learned, self.categories_)
            self.categories_: list[NDArray[Any]] = [categories.values for categories in learned]
        unknown = self.handle_unknown
        return np.column_stack(
            [
                Categories(values, named(self, j)).codes(column, unknown)
                for j, (values, column) in enumerate(zip(self.categories_, columns, strict=True))
            ]
        )

    def _family(self, n_features: int, origin: Array) -> CategoricalFamily:
        # A column without any entry has one category that nobody is in.
        sizes = [max(len(values), 1) for values in self.categories_]
        return CategoricalFamily(self.n_components, sizes, prior=self.prior)

    def _noticed(self, rows: NDArray[Any]) -> tuple[Finding, ...]:
        there = (~np.isnan(rows)).sum(axis=0)
        names = [
            named(self, j)
            for j, values in enumerate(self.categories_)
            if len(values) == there[j] > _ALL_DIFFERENT
        ]
        if not names:
            return ()
        seen = f"no two rows have one category in {', '.join(names[:8])}"
        return (Finding("categories-of-one", "warning", seen, "leave out names and measurements"),)

    def _origin(self, rows: NDArray[Any], weights: Array | None) -> Array:
        return np.zeros(rows.shape[1])

    def _scored_about(self, n_features: int) -> Array:
        return np.zeros(n_features)

    def _neutral(self, family: CategoricalFamily) -> CellParameters:
        return family.parameters([np.full((family.n_components, n), 1 / n) for n in family.n_categories])

    def _given(self, family: CategoricalFamily, origin: Array) -> CellParameters | None:
        given = self.probabilities_init
        return None if given is None else checked_tables(family, given, "probabilities")

    def _embedded(self, rows: NDArray[Any]) -> Array:
        return indicators(rows, [max(len(values), 1) for values in self.categories_])

    def _components(self, family: CategoricalFamily, origin: Array) -> CellParameters:
        return checked_tables(family, self.probabilities_, "probabilities_")

    def _show(self, components: CellParameters, family: CategoricalFamily, origin: Array) -> None:
        self.probabilities_ = family.tables(components)

    def _draw(self, component: int, count: int, random_state: np.random.RandomState) -> NDArray[Any]:
        columns = [
            drawn_categories(values, table[component], count, random_state)
            for values, table in zip(self.categories_, self.probabilities_, strict=True)
        ]
        whole = all(column.dtype.kind == "i" for column in columns)
        return np.column_stack(columns if whole else [column.astype(object) for column in columns])

    def _n_parameters(self) -> int:
        free = sum(table.shape[1] - 1 for table in self.probabilities_)
        return self.n_components * free + self.n_components - 1


def checked_tables(family: CategoricalFamily, tables: Any, name: str) -> CellParameters:
    """Return parameters from a table of probabilities for each column.

    Raises
    ------
    InputError
        If one is of another shape, or its rows are no probabilities.
    """
    if len(tables) != family.n_features:
        raise InputError(
            f"The parameter '{name}' should have {family.n_features} tables, one for each column, but got "
            f"{len(tables)}"
        )
    checked = []
    for j, (table, size) in enumerate(zip(tables, family.n_categories, strict=True)):
        array = checked_start(table, (family.n_components, size), f"{name}[{j}]")
        if array.min() < 0 or np.abs(array.sum(axis=1) - 1).max() > 1e-6:
            raise InputError(f"The parameter '{name}[{j}]' should have rows of probabilities that sum to one")
        checked.append(array)
    return family.parameters(checked)


def indicators(codes: Array, sizes: Sequence[int]) -> Array:
    """Return a column for each category, 1 where a row is in it.

    Examples
    --------
    >>> indicators(np.array([[0.0], [1.0], [np.nan]]), [2]).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    return np.hstack([codes[:, [j]] == np.arange(size) for j, size in enumerate(sizes)]).astype(np.float64)


def drawn_categories(
    values: NDArray[Any], probabilities: Array, count: int, random_state: np.random.RandomState
) -> NDArray[Any]:
    """Return draws of categories; None where a column has none."""
    if not len(values):
        return np.full(count, None, dtype=object)
    chosen = random_state.choice(len(values), size=count, p=probabilities / probabilities.sum())
    return values[chosen]


def _require_same(learned: list[Categories], before: list[NDArray[Any]]) -> None:
    """Raise InputError if a warm start has other categories than the fit that it goes on from."""
    for now, values in zip(learned, before, strict=False):
        if not np.array_equal(now.values, values):
            raise InputError(f"warm_start: {now.name} has other categories than before; fit a new estimator")
