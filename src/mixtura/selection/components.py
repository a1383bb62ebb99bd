"""Choosing K: every candidate fitted to all rows, and to folds that leave some out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.parallel import Parallel, delayed

from mixtura.errors import InputError
from mixtura.estimators import GMVAE
from mixtura.estimators.checks import seed_of
from mixtura.estimators.mixture_base import MixtureBase
from mixtura.estimators.mixture_checks import checked_weights
from mixtura.selection.candidates import candidates
from mixtura.selection.choice import CRITERIA, Evidence, choose
from mixtura.selection.deep import select_deep
from mixtura.selection.density import require_comparable
from mixtura.selection.fits import fit_part, fit_whole
from mixtura.selection.folds import make_folds
from mixtura.selection.held_out import mean_and_error, per_row
from mixtura.selection.noticed import Tried, noticed
from mixtura.selection.result import Selection
from mixtura.selection.rows import Rows

Array = NDArray[np.float64]


def select_components(
    X: Any,
    n_components: Iterable[int] = range(1, 11),
    *,
    estimator: MixtureBase | GMVAE | Mapping[str, MixtureBase | GMVAE] | None = None,
    cv: Any = 5,
    criterion: Literal["held_out", "one_se", "bic", "icl"] = "held_out",
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Selection:
    r"""Compare mixtures with several numbers of components by held-out log-likelihood, BIC and ICL.

    Each mixture is fitted to all rows, which gives BIC and ICL, and again without the rows of each fold, of
    which it then gives the log p(x). The difference between two mixtures is far surer than either figure,
    because they score the same rows: with :math:`d_i = \log p_\text{best}(x_i) - \log p(x_i)`,

    .. math:: \text{behind} = \frac{1}{n} \sum_i d_i, \qquad
        \text{behind\_se}^2 = \frac{1}{n (n - 1)} \sum_i (d_i - \text{behind})^2.

    Rows that equal each other share a fold where columns are Gaussian: a density may be as high as one likes
    on a row that it has learnt.

    Of a `GMVAE` log p(x) is estimated by importance weighting, and the standard errors hold its Monte Carlo
    error too. A fit is dear: a K that is behind by more than three standard errors after a fold is left out
    of those that follow, and only the K that is chosen is fitted to all rows. There is no BIC and no ICL.

    Parameters
    ----------
    X : array-like or data frame of shape (n, d)
        What the mixture takes, missing values where it takes them.
    n_components : iterable of int, default=range(1, 11)
        The numbers of components, in any order.
    estimator : mixture or mapping of str to mixture, optional
        A mixture fitted by EM or a `GMVAE`, all parameters but ``n_components`` as they are; unless given, a
        `GaussianMixture` with the best of five starts: from one start EM often ends where more components
        describe the rows less well than fewer. A mapping compares several in one table.
    cv : int, splitter or iterable of pairs, default=5
        A number of folds, or what scikit-learn takes, without labels. Of a row that is held out more than
        once, such as by ``RepeatedKFold``, the mean counts.
    criterion : {"held_out", "one_se", "bic", "icl"}, default="held_out"
        What chooses: the greatest held-out log-likelihood, the fewest parameters that are behind it by no
        more than one ``behind_se``, or the least BIC or ICL. The table has them all.
    sample_weight : array-like of shape (n,), optional
        How often each row counts, in fits and in means. A row is held out with all of its weight.
    random_state : int, RandomState or None, default=None
        Seed of the folds, and of the fits where the mixture has none.
    n_jobs : int, optional
        Processes that fit at the same time, by joblib; the result is the same.

    Returns
    -------
    Selection
        The table, what each criterion picks, and the mixture that was chosen, fitted to all rows.

    Raises
    ------
    InputError
        If an argument is not what it must be, or no K could be fitted. A K that cannot be fitted among
        others that can is a line with the reason.

    References
    ----------
    P. Smyth (2000), Model selection for probabilistic clustering using cross-validated likelihood;
    C. Biernacki, G. Celeux and G. Govaert (2000), Assessing a mixture model for clustering with the
    integrated completed likelihood.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (100, 2)), rng.normal(6, 1, (100, 2))])
    >>> selection = select_components(X, range(1, 5), random_state=0)
    >>> selection
    Selection(GaussianMixture, K=2 by held_out, of 4 tried)
    >>> selection.best
    {'held_out': 2, 'one_se': 2, 'bic': 2, 'icl': 2}
    >>> selection.estimator.means_.shape
    (2, 2)
    """
    rows = Rows(X)
    if criterion not in CRITERIA:
        raise InputError(f"criterion must be one of {', '.join(CRITERIA)}, not {criterion!r}")
    weights = checked_weights(sample_weight, len(rows))
    seed = seed_of(random_state)
    lines = candidates(estimator, n_components, seed)
    if isinstance(lines[0].estimator, GMVAE):
        if weights is not None:
            raise InputError("sample_weight is not taken by a GMVAE; leave it out, or repeat rows")
        return select_deep(rows, lines, cv=cv, criterion=criterion, seed=seed, n_jobs=n_jobs)
    kept = np.arange(len(rows)) if weights is None else np.flatnonzero(weights)
    make_folds(cv, kept, None, len(rows), seed)  # refuses a bad cv before anything is fitted
    run = Parallel(n_jobs=n_jobs)
    wholes = run(delayed(fit_whole)(line.estimator, rows, weights) for line in lines)
    tried = [Tried(line, whole) for line, whole in zip(lines, wholes, strict=True)]
    fitted = [one for one in tried if not one.reason]
    _require_some(tried, fitted)
    measured = require_comparable([(one.candidate.model, _fitted_to_all(one)) for one in fitted])
    copies = rows.copies() if measured else None
    folds = make_folds(cv, kept, copies, len(rows), seed)
    each = iter(run(delayed(fit_part)(one.whole, rows, weights, fold) for one in fitted for fold in folds))
    tried = [
        one if one.reason else Tried(one.candidate, one.whole, tuple(next(each) for _ in folds))
        for one in tried
    ]
    _require_some(tried, [one for one in tried if not one.reason])
    held = [
        np.full(len(rows), np.nan) if one.reason else per_row(_densities(one), folds, len(rows))
        for one in tried
    ]
    means = [mean_and_error(values, weights, copies) for values in held]
    best = held[_greatest([mean for mean, _ in means])]
    gaps = [mean_and_error(_less(best, values), weights, copies) for values in held]
    evidence = Evidence(
        held_out=np.array([mean for mean, _ in means]),
        behind=np.array([gap for gap, _ in gaps]),
        behind_se=np.array([error for _, error in gaps]),
        bic=np.array([one.whole.bic for one in tried]),
        icl=np.array([one.whole.icl for one in tried]),
        n_parameters=np.array([one.whole.n_parameters for one in tried]),
    )
    chosen_by = choose(evidence)
    if criterion not in chosen_by:
        raise InputError(
            "every K gives some held-out row the probability 0; give the mixture a prior, or choose by bic"
        )
    chosen = chosen_by[criterion]
    winner = _fitted_to_all(tried[chosen])
    return Selection(
        model=np.array([one.candidate.model for one in tried]),
        n_components=np.array([one.candidate.n_components for one in tried]),
        n_parameters=evidence.n_parameters,
        log_likelihood=np.array([one.whole.log_likelihood for one in tried]),
        held_out=evidence.held_out,
        held_out_se=np.array([error for _, error in means]),
        behind=evidence.behind,
        behind_se=evidence.behind_se,
        bic=evidence.bic,
        icl=evidence.icl,
        converged=np.array([one.converged for one in tried]),
        reason=np.array([one.reason for one in tried]),
        chosen_by=chosen_by,
        criterion=criterion,
        estimator=winner,
        n_rows=float(len(rows) if weights is None else weights.sum()),
        n_folds=len(folds),
        seed=seed,
        findings=(*noticed(tried, chosen, rows, copies), *winner.findings_),
    )


def _fitted_to_all(one: Tried) -> MixtureBase:
    """Return the mixture of a candidate that could be fitted."""
    assert one.whole.estimator is not None
    return one.whole.estimator


def _densities(one: Tried) -> list[Array]:
    return [part.log_densities for part in one.parts if part.log_densities is not None]


def _greatest(means: Sequence[float]) -> int:
    """Return the place of the greatest mean; a mean of minus infinity or none comes last."""
    return int(np.argmax(np.nan_to_num(means, nan=-np.inf, neginf=-np.finfo(float).max)))


def _less(best: Array, values: Array) -> Array:
    """Return best - values, where two infinities of one sign differ by nothing."""
    with np.errstate(invalid="ignore"):
        return np.where(best == values, 0.0, best - values)


def _require_some(tried: Sequence[Tried], left: Sequence[Tried]) -> None:
    """Raise InputError if no candidate is left."""
    if left:
        return
    reasons = list(dict.fromkeys(one.reason for one in tried))
    if len(reasons) == 1:
        raise InputError(reasons[0])
    raise InputError(f"no K could be fitted; with K = {tried[0].candidate.n_components}: {reasons[0]}")
