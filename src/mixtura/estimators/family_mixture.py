"""What the mixtures of discrete and mixed columns have in common: where they start, and how they score."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.imputation import impute
from mixtura.em.mixture import log_weights_from, statistics_from
from mixtura.em.product import ProductFamily
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.starts import METHODS, short_runs
from mixtura.em.steps import MixtureParameters
from mixtura.errors import ConvergenceError, InputError
from mixtura.estimators.file_rows import rows_from
from mixtura.estimators.mixture_base import MixtureBase, Tables
from mixtura.estimators.mixture_checks import checked_mixture_weights
from mixtura.estimators.mixture_problem import Problem, Scoring, in_memory
from mixtura.estimators.mixture_starts import POINTS, SHORT_RUNS, assigned, nearest
from mixtura.estimators.part import Part
from mixtura.estimators.rows import named
from mixtura.estimators.tables import plain, read_columns, side_by_side

# Of a start's responsibilities: drawn at random, lest a group without some value could never take it on.
_SHARED = 0.1
_SETTLING = 10  # steps of EM


class FamilyMixture(MixtureBase):
    """A mixture of a product of families, each on its columns: a `Part` for each."""

    learns_surprises: ClassVar[bool] = True

    init_params: str
    weights_init: ArrayLike | None

    @abstractmethod
    def _parts(self) -> list[Part]:
        """Return the families with their columns."""

    @abstractmethod
    def _learn(self, tables: Tables) -> None:
        """Set what the columns are, from the pieces of a table."""

    def _checked_table(self, X: Any, *, reset: bool) -> Array:
        """Return a data frame or an array as rows that the families take."""
        columns = read_columns(self, X, reset=reset)
        if reset:
            self._learn(lambda: iter([columns]))
        return self._coded(columns)

    def _coded(self, columns: list[Any], first: int = 0) -> Array:
        rows = np.empty((len(columns[0]), len(columns)))
        for part in self._parts():
            rows[:, part.columns] = part.read(self, columns, first)
        return rows

    def _plain(self, arrays: list[Any]) -> list[Any]:
        return [plain(array, named(self, j)) for j, array in enumerate(arrays)]

    def _encoding(self) -> Callable[[list[Any], int], Array]:
        return lambda arrays, first: self._coded(self._plain(arrays), first)

    def _read_file(self, tables: Tables) -> None:
        self._learn(lambda: map(self._plain, tables()))

    def _family(self, origin: Array) -> ProductFamily:
        return ProductFamily(
            [(part.family(self, origin[part.columns]), part.columns) for part in self._parts()]
        )

    def _block_size(self, n_features: int) -> int:
        return block_size(n_features * 4)

    def _streamed(self, family: ProductFamily) -> ProductFamily:
        return family

    def _problem(self, rows: NDArray[Any], weights: Array | None) -> Problem[ProductFamily]:
        origin = np.zeros(rows.shape[1])
        for part in self._parts():
            origin[part.columns] = part.origin(self, rows, weights)
        source = rows_from(rows, weights, origin, self._block_size(rows.shape[1]), self._threads(rows))
        exact = all(part.exact(self) for part in self._parts())
        return Problem(self._family(origin), source, rows, weights, origin, exact)

    def _settled(self, problem: Problem[ProductFamily], theta: MixtureParameters) -> MixtureParameters:
        """Return what EM makes of it on the first batch: a start shares each row, and its sums would stay."""
        with suppress(InputError, ConvergenceError):
            return run_em(
                problem.family,
                problem.source,
                theta,
                criterion=lambda bounds: None,
                max_iter=_SETTLING,
                concentration=self.weight_concentration,
                exact=False,
            ).theta
        return theta

    def _start(
        self, problem: Problem[ProductFamily], random_state: np.random.RandomState
    ) -> MixtureParameters:
        given = [part.start(own) for part, own in zip(self._parts(), problem.family.parts, strict=True)]
        log_weights = None
        if self.weights_init is not None:
            log_weights = log_weights_from(checked_mixture_weights(self.weights_init, self.n_components))
        if log_weights is not None and all(own is not None for own in given):
            return MixtureParameters(log_weights, tuple(given))
        method = self._short_runs if self.init_params == SHORT_RUNS else self._one_step
        found = method(problem, random_state)
        components = tuple(
            theirs if own is None else own for own, theirs in zip(given, found.components, strict=True)
        )
        return MixtureParameters(found.log_weights if log_weights is None else log_weights, components)

    def _one_step(
        self, problem: Problem[ProductFamily], random_state: np.random.RandomState
    ) -> MixtureParameters:
        """Return the parameters of one M-step from responsibilities by a method of scikit-learn."""
        problem = in_memory(problem, random_state, self._block_size(problem.rows.shape[1]))
        family = problem.family
        prepared = family.prepare(self._neutral(family))
        statistics = statistics_from(family, problem.source, prepared, self._shared(problem, random_state))
        return MixtureParameters(log_weights_from(family.counts(statistics)), family.maximise(statistics))

    def _shared(
        self, problem: Problem[ProductFamily], random_state: np.random.RandomState
    ) -> Iterator[Array]:
        """Yield responsibilities to start from, none of them zero."""
        points, size = self._embedded(problem.rows, problem.family), self._block_size(problem.rows.shape[1])
        with warnings.catch_warnings():
            # Fewer distinct rows than components are no trouble: a random share keeps components apart.
            warnings.simplefilter("ignore", ConvergenceWarning)
            blocks = assigned(
                self.init_params, points, self.n_components, problem.weights, random_state, size
            )
        if self.init_params in POINTS:
            blocks = nearest(blocks, points, size)
        for block in blocks():
            drawn = random_state.uniform(0.5, 1.5, size=block.shape)
            yield (1 - _SHARED) * block + _SHARED * drawn / drawn.sum(axis=0)

    def _short_runs(
        self, problem: Problem[ProductFamily], random_state: np.random.RandomState
    ) -> MixtureParameters:
        """Return the best end of many short runs."""

        def begin(rows: Array, weights: Array, k: int, generator: np.random.Generator) -> Array:
            nearest_points = METHODS["random_from_data"](
                self._embedded(rows, problem.family), weights, k, generator
            )
            drawn = generator.uniform(0.5, 1.5, size=nearest_points.shape)
            return (1 - _SHARED) * nearest_points + _SHARED * drawn / drawn.sum(axis=1, keepdims=True)

        return short_runs(
            problem.family,
            problem.source,
            np.random.default_rng(random_state.randint(2**31 - 1)),
            reference=self._neutral(problem.family),
            method=begin,
            concentration=self.weight_concentration,
            exact=problem.exact,
        )

    def _neutral(self, family: ProductFamily) -> tuple[Any, ...]:
        return tuple(part.neutral(own) for part, own in zip(self._parts(), family.parts, strict=True))

    def _embedded(self, rows: NDArray[Any], family: ProductFamily) -> Array:
        """Return rows as points without missing values, among which groups can be looked for."""
        parts = self._parts()
        return np.hstack(
            [
                part.embedded(rows[:, part.columns], own, len(parts) == 1)
                for part, own in zip(parts, family.parts, strict=True)
            ]
        )

    def _theta(self, family: ProductFamily, origin: Array) -> MixtureParameters:
        """Return the parameters that the attributes show."""
        if len(self.weights_) != self.n_components:
            raise InputError(
                f"the mixture was fitted with {len(self.weights_)} components, and n_components is "
                f"{self.n_components!r} now; fit a new estimator"
            )
        components = tuple(
            part.components(self, own, origin[part.columns])
            for part, own in zip(self._parts(), family.parts, strict=True)
        )
        return MixtureParameters(log_weights_from(np.asarray(self.weights_, np.float64)), components)

    def _continued(self, problem: Problem[ProductFamily]) -> MixtureParameters:
        return self._theta(problem.family, problem.origin)

    def _publish(self, theta: MixtureParameters, problem: Problem[ProductFamily]) -> None:
        weights = np.exp(theta.log_weights)
        self.weights_ = weights / weights.sum()
        for part, own, values in zip(self._parts(), problem.family.parts, theta.components, strict=True):
            part.show(self, own, values, problem.origin[part.columns])

    def _fitted(self, n_features: int) -> tuple[ProductFamily, MixtureParameters, Array]:
        """Return the family and its parameters about an origin that only they decide."""
        origin = np.zeros(n_features)
        for part in self._parts():
            origin[part.columns] = part.centre(self)
        family = self._family(origin)
        return family, self._theta(family, origin), origin

    def _scoring(self, rows: NDArray[Any]) -> Scoring:
        family, theta, origin = self._fitted(rows.shape[1])
        size = self._block_size(rows.shape[1])
        scorer = Scorer(family, family.prepare(theta.components), theta.log_weights, size)
        return Scoring(scorer, rows_from(rows, None, origin, size))

    def _imputed(self, rows: NDArray[Any], draws: int | None, generator: np.random.Generator) -> NDArray[Any]:
        family, theta, origin = self._fitted(rows.shape[1])
        filled = impute(
            family, theta, rows.astype(np.float64), origin=origin, draws=draws, generator=generator
        )
        return self._shown_rows(filled) if draws is None else np.stack([self._shown_rows(f) for f in filled])

    def _drawn(self, counts: NDArray[np.int64], random_state: np.random.RandomState) -> NDArray[Any]:
        rows = np.empty((int(counts.sum()), self.n_features_in_))
        ends = np.cumsum(counts)
        for component, (stop, count) in enumerate(zip(ends, counts, strict=True)):
            for part in self._parts():
                drawn = part.draw(self, component, int(count), random_state)
                rows[stop - count : stop, part.columns] = drawn
        return self._shown_rows(rows)

    def _shown_rows(self, rows: Array) -> NDArray[Any]:
        """Return complete rows as a person knows them."""
        shown: dict[int, NDArray[Any]] = {}
        for part in self._parts():
            shown.update(zip(part.columns, part.shown_as(self, rows[:, part.columns]), strict=True))
        return side_by_side([shown[j] for j in range(len(shown))])

    def _n_parameters(self) -> int:
        return sum(part.n_parameters(self) for part in self._parts()) + self.n_components - 1
