"""What a trained model looks like to a doctor: findings in words, each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.findings import Finding
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.training.procedure import TrainingRecord

_ACTIVE_SHARE = 0.05  # of a latent dimension's variance that must come from the rows, not from q's own width


@dataclass(frozen=True)
class CodeSpread:
    """Sums over some rows from which the spread of their codes follows.

    Parameters
    ----------
    n : int
        Rows.
    total, squares, widths : ndarray of shape (d,)
        Sums of the means of q(w|x), of their squares, and of the variances of q(w|x).
    """

    n: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    widths: NDArray[np.float64]


@torch.no_grad()
def code_spread(model: GaussianMixtureVAE, x: Tensor) -> CodeSpread:
    """Return the sums for a block of encoded rows."""
    q = model.posterior(x).base_dist
    return CodeSpread(
        len(x), q.loc.sum(0).numpy(), q.loc.square().sum(0).numpy(), q.scale.square().sum(0).numpy()
    )


def active_units(spreads: list[CodeSpread]) -> int:
    """Return how many latent dimensions depend on the data.

    A dimension is active where the variance of the mean codes over the rows is more than a twentieth of the
    whole, itself and q's own: the scale of a latent dimension is free in this model, so that a threshold on
    the variance alone (Burda, Grosse and Salakhutdinov 2016) would not do.
    """
    n = sum(spread.n for spread in spreads)
    mean = np.sum([spread.total for spread in spreads], axis=0) / n
    between = np.sum([spread.squares for spread in spreads], axis=0) / n - mean**2
    within = np.sum([spread.widths for spread in spreads], axis=0) / n
    return int(np.count_nonzero(between > _ACTIVE_SHARE * (between + within)))


def diagnose(
    spreads: list[CodeSpread], sizes: NDArray[np.integer], record: TrainingRecord
) -> tuple[Finding, ...]:
    """Return what a person should know about a fit.

    Parameters
    ----------
    spreads : list of CodeSpread
        Of all rows, block by block.
    sizes : ndarray of shape (K,)
        Rows of each group.
    record : TrainingRecord
        What training did.
    """
    return (*_no_groups(sizes, record), *_empty_groups(sizes), *_collapse(spreads), *_rollbacks(record))


def _no_groups(sizes: NDArray[np.integer], record: TrainingRecord) -> tuple[Finding, ...]:
    evidence = record.evidence
    if evidence is None or evidence.better:
        return ()
    return (
        Finding(
            "no-groups",
            "warning",
            f"{len(sizes)} groups are no better than one: their means describe rows held out "
            f"{abs(evidence.gain):.3g} +- {evidence.standard_error:.2g} nats "
            f"{'better' if evidence.gain > 0 else 'worse'} than one Gaussian",
            "they may be parts of one cloud, or differ in spread alone: read no meaning into them unchecked",
        ),
    )


def _empty_groups(sizes: NDArray[np.integer]) -> tuple[Finding, ...]:
    empty = int((sizes == 0).sum())
    if empty == 0:
        return ()
    return (
        Finding(
            "empty-groups",
            "warning",
            f"{empty} of {len(sizes)} groups hold no row",
            f"ask for fewer components, such as {len(sizes) - empty}",
        ),
    )


def _collapse(spreads: list[CodeSpread]) -> tuple[Finding, ...]:
    if active_units(spreads) > 0:
        return ()
    return (
        Finding(
            "posterior-collapse",
            "problem",
            f"no latent dimension of {len(spreads[0].total)} depends on the data, so the groups mean nothing",
            "train longer (max_epochs) or lower std_floor; data of pure noise have no code to find",
        ),
    )


def _rollbacks(record: TrainingRecord) -> tuple[Finding, ...]:
    if not record.rollbacks:
        return ()
    return (
        Finding(
            "not-finite",
            "warning",
            f"training went back to a finite state {len(record.rollbacks)} times: {record.rollbacks[0]}",
            "look for extreme values in those rows, or lower learning_rate",
        ),
    )
