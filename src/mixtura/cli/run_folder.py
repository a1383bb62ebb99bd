"""What a run folder holds, put together from a fitted estimator and its table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.cli.agreement import agreement
from mixtura.cli.console import to_json
from mixtura.cli.mixed_rows import MixedRows
from mixtura.cli.session import Session
from mixtura.cli.tables import assignment_columns, write_columns
from mixtura.cli.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura import GMVAE
    from mixtura.data import Table

# log p(x) takes many decoded draws of each row, so it is measured on at most this many, drawn by the seed.
LIKELIHOOD_ROWS = 2_000

_VERSIONS = ("mixtura", "python", "torch", "numpy", "scikit-learn")


def write_run(
    folder: Path,
    estimator: GMVAE,
    table: Table | MixedRows,
    session: Session,
    source: str,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Write model, assignments, log, arrays, metrics and the page into ``folder``.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder, to be moved into place by the caller.
    estimator : GMVAE
        Fitted to ``table.values``.
    table : Table
        The rows, and the labels if there are any: they score and do nothing else.
    session : Session
        Tells the command and the seconds since the process began.
    source : str
        DATA as it was named.
    note : callable
        Told what is being done, in words.

    Returns
    -------
    dict
        The content of ``metrics.json``. ``seconds`` runs from the start of the process until the figures
        were complete; drawing the page comes after, since the page shows it.
    """
    import numpy as np

    from mixtura import report

    components = np.asarray(estimator.labels_)
    probabilities = estimator.predict_proba(table.values)
    estimator.save(folder / "model")
    write_columns(folder / "assignments.parquet", assignment_columns(probabilities, components))
    (folder / "log.jsonl").write_text(
        "".join(f"{to_json(line, indent=None)}\n" for line in estimator.history_)
    )

    generator = np.random.default_rng(estimator.seed_)
    rows = np.sort(generator.permutation(table.n_rows)[:LIKELIHOOD_ROWS])
    note(f"estimating log p(x) on {count(len(rows), 'row')}")
    taken = table.values.take(rows) if isinstance(table, MixedRows) else table.values[rows]
    likelihood = estimator.log_likelihood(taken)
    note("drawing samples and the map")
    known: dict[str, Any] = {
        "feature_names": table.names,
        "labels": table.labels,
        "generator": generator,
        "responsibilities": probabilities,
        "components": components,
    }
    if isinstance(table, MixedRows):
        summary = report.summarise_mixed(estimator, table.values, **known)
    else:
        summary = report.summarise(estimator, table.values, image_shape=table.image_shape, **known)
    np.savez_compressed(folder / "summary.npz", **summary)  # type: ignore[arg-type]  # NumPy's stub sees a flag

    metrics = metrics_of(estimator, table, components, session, source)
    metrics |= {
        "log_likelihood": likelihood.mean,
        "log_likelihood_se": likelihood.standard_error,
        "log_likelihood_rows": len(rows),
        "log_likelihood_samples": likelihood.n_samples,
        "effective_sample_size": likelihood.effective_sample_size,
    }
    note("writing the report")
    metrics |= cost(session)
    (folder / "metrics.json").write_text(f"{to_json(metrics)}\n")
    report.write_page(folder)
    return metrics


def metrics_of(
    estimator: GMVAE, table: Table | MixedRows, components: NDArray[Any], session: Session, source: str
) -> dict[str, Any]:
    """Return the facts and figures of a fit, under the keys of ``metrics.json``.

    Parameters
    ----------
    estimator : GMVAE
        The fitted estimator.
    table : Table
        The rows it was fitted to.
    components : ndarray of shape (n,)
        The group of each row.
    session : Session
        Tells the command.
    source : str
        DATA as it was named.
    """
    import numpy as np

    metrics: dict[str, Any] = {
        "seed": estimator.seed_,
        "n_rows": table.n_rows,
        "n_components": estimator.n_components,
        "seconds": None,
        "peak_memory_mb": None,
        **estimator.bound_.as_dict(),
        "log_likelihood": None,
        "log_likelihood_se": None,
    }
    if table.labels is not None:
        metrics |= agreement(table.labels, components)
    findings = dict.fromkeys((*table.findings, *estimator.findings_))
    metrics |= {
        "n_features": table.n_features,
        "latent_dim": estimator.latent_dim_,
        "n_epochs": estimator.n_epochs_,
        "image_shape": table.image_shape,
        "likelihood": estimator.likelihood,
        "responsibilities": estimator.responsibilities,
        "inference": estimator.inference,
        "procedure": estimator.procedure,
        "device": estimator.device_,
        "precision": estimator.precision_,
        "source": source,
        "labels": table.labels_name,
        "sizes": np.bincount(components, minlength=estimator.n_components).tolist(),
        "gap": estimator.gap_,
        "findings": [finding.to_dict() for finding in findings],
        **versions(),
        "command": session.command,
    }
    if estimator.families_ is not None:
        metrics["column_families"] = dict(zip(table.names, estimator.families_, strict=True))
    return metrics


def versions() -> dict[str, Any]:
    """Return the number of threads, and what the run was made with, as ``metrics.json`` has them."""
    from mixtura import runtime

    machine = runtime.describe()
    return {"threads": machine["threads"], "versions": {name: machine[name] for name in _VERSIONS}}


def cost(session: Session) -> dict[str, float]:
    """Return what the run has taken so far."""
    from mixtura import runtime

    return {"seconds": round(session.seconds(), 3), "peak_memory_mb": round(runtime.peak_memory_mb(), 1)}
