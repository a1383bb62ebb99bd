"""Mixtures for tables of mixed columns: measurements, truth values, categories and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags

from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES
from mixtura.em.origin import column_medians
from mixtura.em.product import ProductFamily
from mixtura.errors import InputError
from mixtura.estimators.categories import Categories
from mixtura.estimators.column_kinds import chosen_families
from mixtura.estimators.family_mixture import FamilyMixture
from mixtura.estimators.mixed_parts import PARTS, Part
from mixtura.estimators.mixture_checks import COMMON, Constraint, one_of, real
from mixtura.estimators.rows import named
from mixtura.estimators.tables import read_columns


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
        and numbers 0 and 1 are Bernoulli, integers from 0 up are counts, other numbers are Gaussian.
    covariance_type : {"diag", "full", "tied", "spherical"}, default="diag"
        Of the Gaussian columns, given the group.
    reg_covar : float, default=1e-6
        Added to every variance. With 0 each step is an exact ascent on F.
    handle_unknown : {"error", "missing"}, default="error"
        What a category that was not there in `fit` is afterwards: an error, or a missing entry.
    tol : float, default=1e-3
        EM stops when F changes by less, in nats per observation; 0 runs to ``max_iter``.
    max_iter : int, default=100
        The most iterations; 0 leaves the start.
    n_init : int, default=1
        How many starts; the one that ends with the greatest F is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Where responsibilities to start from come from, on standardised columns and indicators of categories.
        A part of them is drawn at random.
    weights_init : array-like of shape (K,), optional
        Weights to start from.
    random_state : int, RandomState or None, default=None
        Seed of starts and samples.
    warm_start : bool, default=False
        Whether the next fit goes on from this one's result.
    verbose, verbose_interval : int, default=0, 10
        1 prints starts and iterations, 2 their times and changes too; iterations between lines.
    stopping : {"absolute", "relative", "aitken"}, default="absolute"
        What ``tol`` is compared with: the last change of F, the change relative to F, or Aitken's estimate of
        what is left to climb.
    priors : mapping, optional
        From names of families to their priors, for maximum a posteriori; F then includes log p(theta).
    weight_concentration : float, default=1.0
        Of a Dirichlet prior on the weights, at least 1, which is none.

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
        "handle_unknown": one_of("error", "missing"),
        "priors": Constraint(
            lambda value: (
                value is None
                or (
                    isinstance(value, Mapping)
                    and all(
                        name in PARTS and isinstance(prior, PARTS[name].prior)
                        for name, prior in value.items()
                    )
                )
            ),
            "a mapping of names of families to their priors, or None",
        ),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        families: str | Sequence[str] | Mapping[Any, str] | None = None,
        covariance_type: Literal["diag", "full", "tied", "spherical"] = "diag",
        reg_covar: float = 1e-6,
        handle_unknown: Literal["error", "missing"] = "error",
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["kmeans", "k-means++", "random", "random_from_data"] = "kmeans",
        weights_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        stopping: Literal["absolute", "relative", "aitken"] = "absolute",
        priors: Mapping[str, Any] | None = None,
        weight_concentration: float = 1.0,
    ) -> None:
        self.n_components = n_components
        self.families = families
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
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

    def __sklearn_tags__(self) -> Tags:
        """Say that categories, text and gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _checked(self, X: Any, *, reset: bool) -> NDArray[Any]:
        columns = read_columns(self, X, reset=reset)
        if reset:
            self._learn(columns)
        rows = np.empty((len(columns[0]), len(columns)))
        for part in self._parts():
            rows[:, part.columns] = part.read(self, columns)
        return rows

    def _learn(self, columns: list[Any]) -> None:
        """Set what the columns are."""
        families = chosen_families(self, self.families, columns)
        by_family = {
            name: [j for j, own in enumerate(families) if own == name] for name in PARTS if name in families
        }
        categories = [
            Categories.learn(columns[j], named(self, j)).values for j in by_family.get("categorical", [])
        ]
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

    def _parts(self) -> list[Part]:
        return [PARTS[name](own) for name, own in self.columns_.items()]

    def _family(self, n_features: int, origin: Array) -> ProductFamily:
        return ProductFamily(
            [(part.family(self, origin[part.columns]), part.columns) for part in self._parts()]
        )

    def _origin(self, rows: NDArray[Any], weights: Array | None) -> Array:
        origin = np.zeros(rows.shape[1])
        measured = self.columns_.get("gaussian", [])
        if measured:
            origin[measured] = column_medians(rows[:, measured], weights)
        return origin

    def _scored_about(self, n_features: int) -> Array:
        origin = np.zeros(n_features)
        if "gaussian" in self.columns_:
            origin[self.columns_["gaussian"]] = self.weights_ @ self.means_
        return origin

    def _exact(self) -> bool:
        return self.reg_covar == 0 or "gaussian" not in self.columns_

    def _neutral(self, family: ProductFamily) -> tuple[Any, ...]:
        return tuple(part.neutral(own) for part, own in zip(self._parts(), family.parts, strict=True))

    def _given(self, family: ProductFamily, origin: Array) -> None:
        return None

    def _embedded(self, rows: NDArray[Any]) -> Array:
        return np.hstack([part.embedded(self, rows[:, part.columns]) for part in self._parts()])

    def _components(self, family: ProductFamily, origin: Array) -> tuple[Any, ...]:
        if len(self.weights_) != self.n_components:
            raise InputError(
                f"warm_start goes on from {len(self.weights_)} components, and not with {self.n_components}; "
                "fit a new estimator"
            )
        return tuple(
            part.components(self, own, origin[part.columns])
            for part, own in zip(self._parts(), family.parts, strict=True)
        )

    def _show(self, components: tuple[Any, ...], family: ProductFamily, origin: Array) -> None:
        for part, own, theta in zip(self._parts(), family.parts, components, strict=True):
            part.show(self, own, theta, origin[part.columns])

    def _draw(self, component: int, count: int, random_state: np.random.RandomState) -> NDArray[Any]:
        drawn: dict[int, NDArray[Any]] = {}
        for part in self._parts():
            drawn.update(zip(part.columns, part.draw(self, component, count, random_state), strict=True))
        columns = [drawn[j] for j in range(len(drawn))]
        numeric = all(column.dtype.kind in "if" for column in columns)
        return np.column_stack(columns if numeric else [column.astype(object) for column in columns])

    def _n_parameters(self) -> int:
        return sum(part.n_parameters(self) for part in self._parts()) + self.n_components - 1
