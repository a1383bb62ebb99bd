"""Groups of a mixture over the columns of a mixed table with nothing to choose, and whether they are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mixtura.clustering import GroupEvidence, kmeans_groups
from mixtura.clustering.evidence import symmetric
from mixtura.em.engine import EMResult, run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import DiagonalGaussians, TiedGaussians
from mixtura.em.product import ProductFamily
from mixtura.em.product_table import ProductTable
from mixtura.em.scoring import Scorer
from mixtura.em.source import ArraySource
from mixtura.em.starts import METHODS, from_responsibilities, short_runs, start
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute
from mixtura.errors import ConvergenceError, InputError
from mixtura.runtime import one_blas_thread

_TOLERANCE, _MAX_ITER = 1e-4, 200
_SHARED = 0.1  # of a start's responsibilities, at random: groups of no row would stay without
_MOST = 10.0  # nats that one row may tell
_LEAST_ROWS = 1e-6  # of a group: one that nothing is of has no moments
_REPEATS, _ROWS_IN_ALL = 10, 10_000


@dataclass(frozen=True, eq=False)
class ProductGroups:
    """Groups of the rows of a mixed table.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        p(z = k | x) of each row.
    """

    probabilities: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most probable group of each row."""
        labels: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return labels


def product_groups(
    table: ProductTable,
    points: NDArray[np.floating],
    n_groups: int,
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> ProductGroups:
    r"""Return the posterior of a mixture of products of families, fitted by EM.

    .. math:: p(x) = \sum_k \pi_k \, N(x_g; \mu_k, \mathrm{diag}(\sigma_k^2))
        \prod_b \mathrm{Bernoulli}(x_b; t_{kb}) \prod_p \mathrm{Poisson}(x_p; \lambda_{kp}) \prod_c P_{kcx_c}

    EM climbs from k-means and from the best of ten short runs, and the higher end is taken.

    Parameters
    ----------
    table : ProductTable
        The rows, n >= n_groups.
    points : ndarray of shape (n, d)
        The rows as points between which distances mean something, for the starts.
    n_groups : int
        K.
    generator : numpy.random.Generator
        All that is random.
    max_rows : int
        The mixture is fitted to a random sample of at most so many rows.

    Raises
    ------
    InputError, ConvergenceError
        If EM fails from both starts.

    Examples
    --------
    >>> codes = np.repeat([[0.0], [1.0]], 20, axis=0)  # one column of two categories
    >>> table = ProductTable(np.empty((40, 0)), np.empty((40, 0)), np.empty((40, 0)), codes, (2,))
    >>> groups = product_groups(table, codes, 2, np.random.default_rng(0))
    >>> groups.probabilities.shape
    (40, 2)
    """
    sample = np.sort(generator.permutation(len(points))[:max_rows])
    near = np.asarray(points[sample], dtype=np.float64)
    family, reference = (
        table.family(n_groups, DiagonalGaussians),
        table.reference(n_groups, DiagonalGaussians),
    )
    source = ArraySource(table.rows[sample])
    begins: tuple[Callable[[], MixtureParameters], ...] = (
        lambda: start(
            family, source, _method("kmeans", near), generator, reference=reference, size=len(near)
        ),
        lambda: short_runs(
            family,
            source,
            generator,
            reference=reference,
            method=_method("random_from_data", near),
            exact=False,
            size=len(near),
        ),
    )
    found: list[EMResult] = []
    refused: Exception | None = None
    with one_blas_thread():
        for begin in begins:
            try:
                climbed = run_em(
                    family,
                    source,
                    begin(),
                    criterion=Absolute(_TOLERANCE),
                    max_iter=_MAX_ITER,
                    exact=False,
                )
            except (InputError, ConvergenceError) as error:
                refused = error
            else:
                found.append(climbed)
        if not found:
            assert refused is not None
            raise refused
        best = max(found, key=lambda result: result.lower_bound)
        joint = _log_joint(family, best.theta, table.rows)
    return ProductGroups(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)))


def product_evidence(
    table: ProductTable,
    probabilities: NDArray[np.float64],
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> GroupEvidence:
    """Compare groups of a mixed table with none, as `mixtura.clustering.group_evidence` does for points.

    Given the group the families are independent; measurements have one covariance W for all groups and T for
    none, so that their correlation does not speak for groups, and are compared as they are and after the
    power transform that makes each most nearly Gaussian, of which the smaller gain is returned. A group for
    each category of one column gains nothing: the distribution of that column is the same with and without.

    Parameters
    ----------
    table : ProductTable
        The rows. Counts that may vary more than a Poisson's are better handed over as measurements, by the
        transform that makes their variance one: their spread would speak for groups.
    probabilities : ndarray of shape (n, K)
        Of the groups of each row, 0 and 1 for groups that are cut apart.
    generator : numpy.random.Generator
        Of the folds, and of the sample where there are more than ``max_rows`` rows.
    max_rows : int
        Rows that are compared at the most.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> codes, none = generator.integers(2, size=(200, 1)).astype(float), np.empty((200, 0))
    >>> table = ProductTable(none, none, none, codes, (2,))
    >>> product_evidence(table, np.eye(2)[codes[:, 0].astype(int)], generator).better
    False
    """
    order = generator.permutation(len(probabilities))[:max_rows]
    shares = probabilities[order][:, probabilities[order].sum(axis=0) > _LEAST_ROWS]
    if len(order) < 4 or shares.shape[1] < 2:
        return GroupEvidence(0.0, 0.0)
    taken = table.of(order)
    views = [taken]
    if taken.measured.shape[1]:
        spread = taken.measured.std(axis=0)
        points = (taken.measured - taken.measured.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        views = [replace(taken, measured=points), replace(taken, measured=symmetric(points))]
    repeats = max(1, min(_REPEATS, _ROWS_IN_ALL // len(order)))
    halvings = [np.array_split(generator.permutation(len(order)), 2) for _ in range(repeats)]
    return min((_compared(view, shares, halvings) for view in views), key=lambda evidence: evidence.gain)


def _method(name: str, points: Array) -> Any:
    """Return a start that looks at points in place of the rows, of which there are as many."""

    def begin(rows: Array, weights: Array, k: int, generator: np.random.Generator) -> Array:
        assert len(rows) == len(points)
        shares = (
            np.eye(k)[kmeans_groups(points, k, generator)]
            if name == "kmeans"
            else METHODS[name](points, weights, k, generator)
        )
        drawn = generator.uniform(0.5, 1.5, size=shares.shape)
        mixed: Array = (1 - _SHARED) * shares + _SHARED * drawn / drawn.sum(axis=1, keepdims=True)
        return mixed

    return begin


def _log_joint(family: ProductFamily, theta: MixtureParameters, rows: Array) -> Array:
    scorer = Scorer(family, family.prepare(theta.components), theta.log_weights)
    return np.concatenate([block.T.copy() for block in scorer.log_joint(ArraySource(rows))])


def _compared(
    table: ProductTable, shares: Array, halvings: Sequence[Sequence[NDArray[np.int64]]]
) -> GroupEvidence:
    rows, k = table.rows, shares.shape[1]
    gain = np.zeros(len(rows))
    families = {n: (table.family(n, TiedGaussians), table.reference(n, TiedGaussians)) for n in (k, 1)}
    with one_blas_thread():
        for train, test in (pair for folds in halvings for pair in (folds, folds[::-1])):
            heights = []
            for n, own in ((k, shares[train]), (1, np.ones((len(train), 1)))):
                family, reference = families[n]
                # Groups that none of these rows is in would have no moments.
                own = own + 1e-9
                own = own / own.sum(axis=1, keepdims=True)
                theta = from_responsibilities(family, ArraySource(rows[train]), own, reference=reference)
                heights.append(logsumexp(_log_joint(family, theta, rows[test]), axis=1))
            gain[test] += np.clip(heights[0] - heights[1], -_MOST, _MOST) / len(halvings)
    return GroupEvidence(float(gain.mean()), float(gain.std() / np.sqrt(len(gain))), 0.1 * float(np.log(k)))
