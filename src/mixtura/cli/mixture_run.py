"""What a run folder holds, put together from a classical mixture and its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.cli.agreement import agreement
from mixtura.cli.console import to_json
from mixtura.cli.mixture_findings import noticed
from mixtura.cli.mixture_order import falling_size, reordered
from mixtura.cli.run_folder import cost, versions
from mixtura.cli.session import Session
from mixtura.cli.tables import assignment_columns, write_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.cli.mixtures import MixtureRows
    from mixtura.estimators.mixture_base import MixtureBase


@dataclass(frozen=True, eq=False)
class Fit:
    r"""A fitted mixture, its groups by falling size, and what it makes of its rows.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted.
    rows : MixtureRows
        What it was fitted to.
    probabilities : ndarray of shape (n, K)
        q(z = k | x) = p(z = k | x).
    components : ndarray of int, shape (n,)
        The most probable group of each row.
    log_densities : ndarray of shape (n,)
        log p(x) in nats.
    terms : dict of str to float
        The bound, log p(x) itself as q is exact, and its terms in nats per observation.
    n_parameters : int
        Of the mixture, free ones.
    criteria : dict of str to float
        BIC, AIC and ICL, less is better.
    """

    mixture: MixtureBase
    rows: MixtureRows
    probabilities: NDArray[Any]
    components: NDArray[Any]
    log_densities: NDArray[Any]
    terms: dict[str, float]
    n_parameters: int
    criteria: dict[str, float]


def looked_at(mixture: MixtureBase, rows: MixtureRows) -> Fit:
    r"""Return a fitted mixture with its groups numbered by falling size, and its figures.

    .. math::

        \text{bound} = \underbrace{E_q[\log p(x \mid z)]}_{\text{reconstruction}}
        - \underbrace{\mathrm{KL}(q(z \mid x) \,\|\, \pi)}_{\text{cluster}} = \log p(x)

    Means over rows are weighted where rows have weights.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted; it is not changed.
    rows : MixtureRows
        What it was fitted to.
    """
    import numpy as np

    before = np.asarray(mixture.predict_proba(rows.rows), dtype=np.float64)
    mixture = reordered(mixture, falling_size(mixture, before.argmax(axis=1)))
    probabilities = np.asarray(mixture.predict_proba(rows.rows), dtype=np.float64)
    densities = np.asarray(mixture.score_samples(rows.rows), dtype=np.float64)
    weights = np.ones(len(densities)) if rows.weights is None else rows.weights
    counted = weights > 0
    shares, total_weight = weights[counted], float(weights.sum())
    total = float(densities[counted] @ shares)

    with np.errstate(divide="ignore"):
        log_q, log_pi = np.log(probabilities[counted]), np.log(mixture.weights_.astype(np.float64))
    # 0 log 0 = 0, also where a component has lost all its weight.
    present = probabilities[counted] > 0
    entropy = -np.where(present, probabilities[counted] * np.where(present, log_q, 0.0), 0.0).sum(axis=1)
    cross = np.where(present, probabilities[counted] * np.where(present, log_pi, 0.0), 0.0).sum(axis=1)
    cluster = max(float((-entropy - cross) @ shares) / total_weight, 0.0)
    bound = total / total_weight

    n_parameters = round((mixture.aic(rows.rows, rows.weights) + 2 * total) / 2)
    bic = -2 * total + n_parameters * math.log(total_weight)
    return Fit(
        mixture=mixture,
        rows=rows,
        probabilities=probabilities,
        components=probabilities.argmax(axis=1),
        log_densities=densities,
        terms={
            "bound": bound,
            "reconstruction": bound + cluster,
            "cluster": cluster,
            "conditional_prior": 0.0,
        },
        n_parameters=n_parameters,
        criteria={
            "bic": bic,
            "aic": -2 * total + 2 * n_parameters,
            "icl": bic + 2 * float(entropy @ shares),
        },
    )


def log_lines(fit: Fit) -> list[dict[str, Any]]:
    """Return a line for each half step of EM, and one for the E-step whose q is published, with its terms.

    Parameters
    ----------
    fit : Fit
        Whose ``free_energy_path_`` is F after each half step, E then M, in nats per observation.
    """
    path = fit.mixture.free_energy_path_.tolist()
    lines: list[dict[str, Any]] = [
        {"stage": "em", "step": "EM"[place % 2], "iteration": place // 2 + 1, "bound": height}
        for place, height in enumerate(path)
    ]
    return [*lines, {"stage": "em", "step": "E", "iteration": (len(path) + 1) // 2 + 1, **fit.terms}]


def write_mixture_run(
    folder: Path,
    fit: Fit,
    settings: Mapping[str, Any],
    session: Session,
    source: str,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Write model, assignments, log, arrays, metrics and the page into ``folder``.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder, to be moved into place by the caller.
    fit : Fit
        What `looked_at` gives.
    settings : mapping
        Of the estimator.
    session : Session
        Tells the command and the seconds since the process began.
    source : str
        DATA as it was named.
    note : callable
        Told what is being done, in words.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    import numpy as np

    from mixtura import report
    from mixtura.report.mixture_summary import summarise_mixture

    table, mixture = fit.rows.table, fit.mixture
    if table.image_shape is not None:
        # It travels with the model, so that samples of it have the shape of pictures.
        mixture.image_shape_ = tuple(table.image_shape)
    mixture.save(folder / "model")
    write_columns(folder / "assignments.parquet", assignment_columns(fit.probabilities, fit.components))
    (folder / "log.jsonl").write_text("".join(f"{to_json(line, indent=None)}\n" for line in log_lines(fit)))
    note("drawing samples and the map")
    summary = summarise_mixture(
        mixture,
        fit.rows.rows,
        image_shape=table.image_shape,
        feature_names=table.names,
        labels=table.labels,
        responsibilities=fit.probabilities,
        components=fit.components,
        seed=int(settings["random_state"]),
    )
    np.savez_compressed(folder / "summary.npz", **summary)  # type: ignore[arg-type]  # NumPy's stub sees a flag
    note("writing the report")
    metrics = metrics_of(fit, settings, session, source) | cost(session)
    (folder / "metrics.json").write_text(f"{to_json(metrics)}\n")
    report.write_page(folder)
    return metrics


def metrics_of(fit: Fit, settings: Mapping[str, Any], session: Session, source: str) -> dict[str, Any]:
    """Return the facts and figures of a fit, under the keys of ``metrics.json``.

    Parameters
    ----------
    fit, settings, session, source
        As for `write_mixture_run`.
    """
    import numpy as np

    table, mixture = fit.rows.table, fit.mixture
    metrics: dict[str, Any] = {
        "seed": settings["random_state"],
        "n_rows": table.n_rows,
        "n_components": mixture.n_components,
        "seconds": None,
        "peak_memory_mb": None,
        **fit.terms,
        "log_likelihood": fit.terms["bound"],
        "log_likelihood_se": 0.0,
    }
    if table.labels is not None:
        metrics |= agreement(table.labels, fit.components)
    return metrics | {
        "n_features": table.n_features,
        "family": fit.rows.family,
        "column_families": dict(zip(table.names, fit.rows.column_families, strict=True))
        if fit.rows.family == "mixed"
        else None,
        "covariance_type": settings.get("covariance_type"),
        "n_parameters": fit.n_parameters,
        **fit.criteria,
        "n_iter": mixture.n_iter_,
        "converged": bool(mixture.converged_),
        "stopped_by": mixture.stopped_by_,
        "starts": settings["n_init"],
        "log_likelihood_rows": table.n_rows,
        "log_likelihood_samples": None,
        "n_missing": table.n_missing,
        "weights": fit.rows.weights_name,
        "image_shape": table.image_shape,
        "device": "cpu",
        "source": source,
        "labels": table.labels_name,
        "sizes": np.bincount(fit.components, minlength=mixture.n_components).tolist(),
        "findings": [
            finding.to_dict() for finding in noticed(fit.rows, mixture, fit.criteria["bic"], settings)
        ],
        **versions(),
        "command": session.command,
    }
