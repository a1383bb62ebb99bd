"""What a trained model looks like to a doctor: findings in words, each with its remedy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura.findings import Finding
from mixtura.vae.training.procedure import TrainingRecord

_ACTIVE_VARIANCE = 0.01  # of the mean codes over the data (Burda, Grosse and Salakhutdinov 2016)


def diagnose(
    codes: NDArray[np.floating], sizes: NDArray[np.integer], record: TrainingRecord
) -> tuple[Finding, ...]:
    """Return what a person should know about a fit.

    Parameters
    ----------
    codes : ndarray of shape (n, d)
        Means of q(w|x).
    sizes : ndarray of shape (K,)
        Rows of each group.
    record : TrainingRecord
        What training did.
    """
    return (*_no_groups(sizes, record), *_empty_groups(sizes), *_collapse(codes), *_rollbacks(record))


def _no_groups(sizes: NDArray[np.integer], record: TrainingRecord) -> tuple[Finding, ...]:
    evidence = record.evidence
    if evidence is None or evidence.better:
        return ()
    return (
        Finding(
            "no-groups",
            "problem",
            f"{len(sizes)} groups are no better than one: held out, they describe the data "
            f"{evidence.gain:.3g} +- {evidence.standard_error:.2g} nats a row better than one Gaussian",
            "do not read meaning into the groups; the density and the codes stand",
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
            f"ask for {len(sizes) - empty} components or fewer",
        ),
    )


def _collapse(codes: NDArray[np.floating]) -> tuple[Finding, ...]:
    active = int((codes.var(axis=0) > _ACTIVE_VARIANCE).sum())
    if active > 0 or len(codes) < 2:
        return ()
    return (
        Finding(
            "posterior-collapse",
            "problem",
            f"none of the {codes.shape[1]} latent dimensions depends on the data, so the groups mean nothing",
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
