"""Components that hold no rows, dropped from a GM-VAE."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.errors import InputError
from mixtura.estimators import GMVAE
from mixtura.estimators.checks import at_least_one
from mixtura.estimators.validation import in_one_line
from mixtura.findings import Finding
from mixtura.free_energy import weighted_mean
from mixtura.selection.merging import require_model, require_table

_REPLACED = ("empty-groups", "thin-groups", "pruned")


def prune_components(model: GMVAE, X: Any, *, min_rows: int = 1) -> GMVAE:
    r"""Return a fitted GM-VAE without the components that hold fewer than so many rows.

    The weights of the others are divided by their sum, so that :math:`p(x)` stays a density:

    .. math:: p(w) = \sum_{k \in \text{kept}} \pi_k N(w; \mu_k, \sigma_k^2)
        \Big/ \sum_{k \in \text{kept}} \pi_k .

    With uniform weights a component that holds no row has cost every other one its share, so that dropping m
    of K adds :math:`\log K/(K - m)` nats to log p(x) of rows that it had nothing of.

    Parameters
    ----------
    model : GMVAE
        Fitted; it stays as it is.
    X : array-like of shape (n, n_features)
        Rows to count, such as those it was fitted to.
    min_rows : int, default=1
        A component for which fewer rows than this are most probable is dropped.

    Returns
    -------
    GMVAE
        Fitted, its groups numbered by falling size; ``labels_``, ``bound_`` and ``gap_`` are of X, and a
        finding of the name "pruned" says which components of the model were dropped.

    Raises
    ------
    InputError
        If the model is no fitted GMVAE, or no component holds so many rows.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 2)) + 8 * np.repeat(np.eye(2), 30, axis=0)
    >>> model = GMVAE(n_components=4, random_state=0, max_epochs=20).fit(X)
    >>> pruned = prune_components(model, X, min_rows=2)
    >>> bool(pruned.n_components <= 4), bool(np.isclose(pruned.weights_.sum(), 1.0))
    (True, True)
    """
    import torch

    from mixtura.vae.inference import estimate_bound
    from mixtura.vae.pruning import without_components

    if not isinstance(model, GMVAE):
        kind = model.__name__ if isinstance(model, type) else type(model).__name__
        raise InputError(f"prune_components takes a fitted GMVAE, not {kind}")
    require_model(model)
    least = at_least_one("min_rows", min_rows)
    k = model.model_.n_components
    require_table(X)
    with in_one_line():
        sizes = np.bincount(model.predict(X), minlength=k)
    kept = np.flatnonzero(sizes >= least)
    if not len(kept):
        raise InputError(
            f"min_rows={least} is more than the {sizes.max()} rows of the largest component; give fewer"
        )
    pruned = copy.copy(model)
    pruned.set_params(n_components=len(kept))
    pruned.model_ = without_components(model.model_, torch.from_numpy(kept))
    labels = pruned.predict(X)
    order = np.argsort(-np.bincount(labels, minlength=len(kept)), kind="stable")
    pruned.model_.permute_components(torch.from_numpy(order))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    pruned.labels_ = rank[labels]
    pruned._read_model()
    rows = pruned._rows(X)
    n_draws = max(1, 2048 // len(rows))
    generator = torch.Generator().manual_seed(pruned.seed_)
    parts = [
        (len(x) / len(rows), estimate_bound(pruned.model_, x, n_draws, generator))
        for x in pruned._encoded(rows)
    ]
    pruned.bound_ = weighted_mean([(share, part.free_energy) for share, part in parts])
    pruned.gap_ = None if model.gap_ is None else sum(share * part.gap for share, part in parts)
    others = tuple(finding for finding in model.findings_ if finding.name not in _REPLACED)
    pruned.findings_ = (*others, *_said(sizes, kept, least))
    return pruned


def _said(sizes: NDArray[np.int64], kept: NDArray[np.int64], least: int) -> tuple[Finding, ...]:
    dropped = np.setdiff1d(np.arange(len(sizes)), kept)
    if not len(dropped):
        return ()
    words = ", ".join(f"{component} ({_rows(int(sizes[component]))})" for component in dropped[:8])
    more = f" and {len(dropped) - 8} more" if len(dropped) > 8 else ""
    return (
        Finding(
            "pruned",
            "note",
            f"{len(dropped)} of {len(sizes)} components held fewer than {_rows(least)} and were dropped: "
            f"{words}{more}; the weights of the others were divided by their sum",
        ),
    )


def _rows(count: int) -> str:
    return "no row" if count == 0 else f"{count:,} row{'' if count == 1 else 's'}"
