"""Choosing K of a GM-VAE by held-out log p(x), with few fits: what is plainly behind is left out early."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from mixtura.errors import InputError, MixturaError, MixturaWarning
from mixtura.estimators import GMVAE
from mixtura.findings import Finding
from mixtura.selection.candidates import Candidate
from mixtura.selection.choice import CRITERIA, Evidence, choose
from mixtura.selection.folds import Fold, make_folds
from mixtura.selection.held_out import mean_and_error
from mixtura.selection.result import Selection
from mixtura.selection.rows import Rows

Array = NDArray[np.float64]

_BEHIND = 3.0  # standard errors, from which a K is not followed further
_LEAST_SHARE = 0.05  # of the draws that must count, lest the estimate of log p(x) be far too low


@dataclass(eq=False)
class Racer:
    """A candidate and what is known of it so far.

    Parameters
    ----------
    candidate : Candidate
        What is fitted.
    sums, times : ndarray of shape (n,)
        Of log p(x) of each row over the folds that held it out.
    monte_carlo : list of tuple
        For each fold its rows and the Monte Carlo standard error of their mean.
    shares : list of float
        Effective sample sizes as shares of the draws.
    reason : str
        Why a fit failed; empty where none did.
    n_parameters : int
        Of p(x, w, z).
    folds : int
        Folds that it was fitted to.
    """

    candidate: Candidate
    sums: Array
    times: Array
    monte_carlo: list[tuple[int, float]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    reason: str = ""
    n_parameters: int = 0
    folds: int = 0

    @property
    def per_row(self) -> Array:
        """Mean log p(x) of each row where it was held out, else NaN."""
        with np.errstate(invalid="ignore"):
            known = np.where(self.times > 0, self.sums / self.times, np.nan)
        return np.full(len(known), np.nan) if self.reason else known

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of the mean over all folds, from the draws of w alone."""
        rows = sum(n for n, _ in self.monte_carlo)
        return float(np.sqrt(sum((n / rows * error) ** 2 for n, error in self.monte_carlo))) if rows else 0.0


@dataclass(frozen=True, eq=False)
class Scored:
    """What a fit says of the rows that it did not learn from."""

    per_row: Array
    monte_carlo_error: float
    share: float
    n_parameters: int


def select_deep(
    rows: Rows, lines: Sequence[Candidate], *, cv: Any, criterion: str, seed: int, n_jobs: int | None
) -> Selection:
    """Return the table of some GM-VAEs; see `mixtura.select_components`.

    Raises
    ------
    InputError
        If the criterion is none for a GM-VAE, or no K could be fitted.
    """
    if criterion not in ("held_out", "one_se"):
        raise InputError(
            f"criterion={criterion!r} needs a mixture fitted by EM: the weights of a network are no count of "
            "what it is free to do; take 'held_out' or 'one_se'"
        )
    copies = rows.copies()
    folds = make_folds(cv, np.arange(len(rows)), copies, len(rows), seed)
    racers = [Racer(line, np.zeros(len(rows)), np.zeros(len(rows))) for line in lines]
    run = Parallel(n_jobs=n_jobs)
    left = list(racers)
    for place, fold in enumerate(folds, 1):
        found = run(delayed(fit_fold)(racer.candidate.estimator, rows, fold) for racer in left)
        for racer, scored in zip(left, found, strict=True):
            _note(racer, scored, fold, place)
        _require_some(racers)
        left = still_near([racer for racer in left if not racer.reason], copies)
    gaps = [_gap(racer, _best(racers), copies) for racer in racers]
    own = [_mean(racer, copies) for racer in racers]
    held, errors = (np.array(values) for values in zip(*own, strict=True))
    best = racers.index(_best(racers))
    behind, behind_se = (np.array(values) for values in zip(*gaps, strict=True))
    # What was left out early is placed by its distance on the rows that both have scored.
    early = np.array([not racer.reason and racer.folds < len(folds) for racer in racers])
    held = np.where(early, held[best] - behind, held)
    errors = np.where(early, np.hypot(errors[best], behind_se), errors)
    nothing = np.full(len(racers), np.nan)
    evidence = Evidence(held, behind, behind_se, nothing, nothing, np.array([r.n_parameters for r in racers]))
    chosen_by = choose(evidence)
    line = chosen_by[criterion]
    fitted, reason = _fitted(lines[line].estimator, rows.native)
    if fitted is None:
        raise InputError(f"K = {lines[line].n_components} was chosen and could not be fitted: {reason}")
    log_likelihood = nothing.copy()
    log_likelihood[line] = fitted.score(rows.native)
    return Selection(
        model=np.array([racer.candidate.model for racer in racers]),
        n_components=np.array([racer.candidate.n_components for racer in racers], dtype=np.int64),
        n_parameters=evidence.n_parameters,
        log_likelihood=log_likelihood,
        held_out=held,
        held_out_se=errors,
        behind=behind,
        behind_se=behind_se,
        bic=nothing,
        icl=nothing,
        converged=np.array([not racer.reason for racer in racers]),
        reason=np.array([racer.reason for racer in racers]),
        chosen_by={name: chosen_by[name] for name in CRITERIA if name in chosen_by},
        criterion=criterion,
        estimator=fitted,
        n_rows=float(len(rows)),
        n_folds=len(folds),
        seed=seed,
        findings=tuple(_said(racers, line, len(folds), copies)),
    )


def still_near(racers: Sequence[Racer], copies: NDArray[np.int64]) -> list[Racer]:
    """Return those that are behind the best by no more than three standard errors, on the rows so far."""
    best = _best(racers)
    near = []
    for racer in racers:
        gap, error = _gap(racer, best, copies)
        if racer is best or not gap > _BEHIND * error:
            near.append(racer)
    return near


def fit_fold(estimator: GMVAE, rows: Rows, fold: Fold) -> Scored | str:
    """Fit to the rows of a fold and score the others; what cannot be fitted is a reason."""
    train, test = fold
    fitted, reason = _fitted(estimator, rows.take(train))
    if fitted is None:
        return reason
    estimate = fitted.log_likelihood(rows.take(test))
    model = fitted.model_
    count = sum(p.numel() for part in (model.prior, model.likelihood) for p in part.parameters())
    error = 0.0 if np.isnan(estimate.standard_error) else estimate.standard_error
    share = estimate.effective_sample_size / estimate.n_samples
    return Scored(estimate.per_row, error, share, count)


def _fitted(estimator: GMVAE, X: Any) -> tuple[GMVAE | None, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixturaWarning)  # each fit would say the same of the columns
        try:
            return estimator.fit(X), ""
        except (MixturaError, ValueError, ArithmeticError) as error:
            return None, next(iter(str(error).splitlines()), type(error).__name__)


def _note(racer: Racer, scored: Scored | str, fold: Fold, place: int) -> None:
    if isinstance(scored, str):
        racer.reason = f"fold {place}: {scored}"
        return
    np.add.at(racer.sums, fold[1], scored.per_row)
    np.add.at(racer.times, fold[1], 1.0)
    racer.monte_carlo.append((len(fold[1]), scored.monte_carlo_error))
    racer.shares.append(scored.share)
    racer.n_parameters, racer.folds = scored.n_parameters, racer.folds + 1


def _best(racers: Sequence[Racer]) -> Racer:
    """Return the one with the greatest mean, among those that have scored the most rows."""
    able = [racer for racer in racers if not racer.reason]
    most = max(racer.folds for racer in able)
    return max((racer for racer in able if racer.folds == most), key=lambda racer: np.nanmean(racer.per_row))


def _mean(racer: Racer, copies: NDArray[np.int64]) -> tuple[float, float]:
    mean, error = mean_and_error(racer.per_row, None, copies)
    return mean, float(np.hypot(error, racer.monte_carlo_error))


def _gap(racer: Racer, best: Racer, copies: NDArray[np.int64]) -> tuple[float, float]:
    """Return how far one is behind the best on the rows that both have scored, and its standard error."""
    if racer is best:
        return 0.0, 0.0
    mean, error = mean_and_error(best.per_row - racer.per_row, None, copies)
    return mean, float(np.sqrt(error**2 + racer.monte_carlo_error**2 + best.monte_carlo_error**2))


def _require_some(racers: Sequence[Racer]) -> None:
    if all(racer.reason for racer in racers):
        first = racers[0]
        raise InputError(
            f"no K could be fitted; with K = {first.candidate.n_components}: {first.reason}"
            if len(racers) > 1
            else first.reason
        )


def _said(racers: Sequence[Racer], chosen: int, n_folds: int, copies: NDArray[np.int64]) -> Iterator[Finding]:
    able = [racer for racer in racers if not racer.reason]
    numbers = {racer.candidate.n_components for racer in able}
    own = racers[chosen].candidate.n_components
    if len(numbers) > 1 and own == max(numbers):
        yield Finding(
            "largest-tried", "warning", f"K = {own} is the largest number that was tried", "try larger ones"
        )
    early = sorted({racer.candidate.n_components for racer in able if racer.folds < n_folds})
    if early:
        yield Finding(
            "left-out-early",
            "note",
            f"K = {', '.join(map(str, early))} was behind by more than three standard errors after some of "
            f"{n_folds} folds and was not fitted to the others; its figures are from the rows it scored",
        )
    repeated = len(copies) - len(np.unique(copies))
    if repeated:
        yield Finding(
            "repeated-rows",
            "note",
            f"{repeated:,} of {len(copies):,} rows are copies of another; copies share a fold, so that none "
            "is scored by a model that learnt it",
        )
    share = min((min(racer.shares) for racer in able), default=1.0)
    if share < _LEAST_SHARE:
        yield Finding(
            "few-draws-count",
            "warning",
            f"only {share:.1%} of the draws of w count in the least sure log p(x), which may be too low",
            "raise n_importance_samples",
        )
