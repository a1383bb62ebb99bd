"""Closest Gaussians in words and as a JSON document, for the verb ``project``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mixtura.cli.wording import count, table_of

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from mixtura.projection.alpha import AlphaPath
    from mixtura.projection.result import Projection
    from mixtura.projection.target import Target

_MINIMISED = {"inclusive": "KL(p||q)", "exclusive": "KL(q||p)"}
_DIGITS, _ROW_DIGITS = 6, 4


def document_of(
    text: str, target: Target, projections: Sequence[Projection], path: AlphaPath | None, out: str | None
) -> dict[str, Any]:
    """Return what ``--json`` prints.

    Parameters
    ----------
    text : str
        The target as it is written.
    target : Target
        The target.
    projections : sequence of Projection
        In the order in which they are to stand.
    path : AlphaPath, optional
        Only where it was asked for.
    out : str, optional
        The figure, where one was written.
    """
    document: dict[str, Any] = {
        "target": text,
        "dimension": target.dimension,
        "projections": [
            {
                "direction": projection.direction,
                "alpha": projection.alpha,
                "covariance": projection.covariance,
                **_numbers(projection.distribution),
                "kl": projection.kl,
                "kl_error": projection.kl_error,
                "method": projection.method,
                "stationary_points": [
                    {**_numbers(point.distribution), "kl": point.kl, "kind": point.kind}
                    for point in projection.stationary_points
                ],
                "findings": [finding.to_dict() for finding in projection.findings],
            }
            for projection in projections
        ],
    }
    if path is not None:
        document["path"] = path.to_dict()
    if out is not None:
        document["out"] = out
    return document


def summary_of(
    text: str,
    projections: Sequence[Projection],
    path: AlphaPath | None,
    *,
    stationary: bool = False,
    out: str | None = None,
) -> str:
    """Return what a person reads: a line about the target, tables, findings, and where the figure is.

    Parameters
    ----------
    text : str
        The target as it is written.
    projections : sequence of Projection
        In the order in which they are to stand.
    path : AlphaPath, optional
        Only where it was asked for.
    stationary : bool
        Whether every stationary point has a line of its own.
    out : str, optional
        The figure, where one was written.
    """
    head = f"target: {text}"
    if "(" in text:
        head += "  (variances, as in N(mean, variance))"
    rows = [
        [_name(one), _minimised(one), *_cells(one.distribution), _amount(one.kl, one.kl_error), _kinds(one)]
        for one in projections
    ]
    columns = _columns(projections[0].distribution)
    parts = [head, table_of(["closest", "least", *columns, "nats", "stationary points"], rows)]
    if stationary:
        rows = [
            [_name(one), point.kind, *_cells(point.distribution), _amount(point.kl, 0.0)]
            for one in projections
            for point in one.stationary_points
        ]
        parts += ["stationary points:", table_of(["", "kind", *columns, "nats"], rows)]
    if path is not None:
        parts += _path_lines(path)
    findings = (finding for one in projections for finding in one.findings)
    parts += list(dict.fromkeys(map(str, findings)))
    if out is not None:
        parts.append(f"figure: {out}")
    return "\n".join(parts)


def _numbers(distribution: Distribution) -> dict[str, Any]:
    """Return mean and standard deviation on the line, mean and covariance matrix elsewhere."""
    from mixtura.projection.wording import mean_and_covariance

    mean, covariance = mean_and_covariance(distribution)
    if not distribution.event_shape:
        return {"mean": float(mean[0]), "sd": math.sqrt(float(covariance[0, 0]))}
    return {"mean": mean.tolist(), "covariance_matrix": covariance.tolist()}


def _columns(distribution: Distribution) -> list[str]:
    return ["mean", "sd", "corr"] if tuple(distribution.event_shape) == (2,) else ["mean", "sd"]


def _cells(distribution: Distribution) -> list[str]:
    """Return mean, standard deviations and, on the plane, the correlation."""
    from mixtura.projection.wording import mean_and_covariance, rounded, row_text

    mean, covariance = mean_and_covariance(distribution)
    scale = [math.sqrt(float(covariance[axis, axis])) for axis in range(len(mean))]
    if not distribution.event_shape:
        return [rounded(float(mean[0]), scale[0], _DIGITS), rounded(scale[0], None, _DIGITS)]
    cells = [row_text(mean, scale, _ROW_DIGITS), row_text(scale, None, _ROW_DIGITS)]
    if len(mean) == 2:
        cells.append(rounded(float(covariance[0, 1]) / (scale[0] * scale[1]), 1.0))
    return cells


def _name(projection: Projection) -> str:
    return f"alpha {projection.alpha:g}" if projection.direction == "alpha" else projection.direction


def _minimised(projection: Projection) -> str:
    return _MINIMISED.get(projection.direction, "D(p||q)")


def _amount(value: float, error: float) -> str:
    """Return a divergence with its error where that can be seen."""
    from mixtura.projection.wording import rounded, with_error

    text = with_error(value, error).replace("±", "+-")
    return text if "+-" in text or text == "0" else rounded(value, None, _DIGITS)


def _kinds(projection: Projection) -> str:
    """Return how many stationary points there are of each kind.

    Examples
    --------
    >>> from types import SimpleNamespace as Some
    >>> _kinds(Some(stationary_points=[Some(kind=kind) for kind in ("minimum", "saddle", "minimum")]))
    '2 minima, 1 saddle'
    """
    plural = {"minimum": "minima", "maximum": "maxima"}
    kinds = Counter(point.kind for point in projection.stationary_points)
    return ", ".join(
        f"{times} {plural.get(kind, f'{kind}s')}" if times > 1 else f"1 {kind}"
        for kind, times in kinds.items()
    )


def _path_lines(path: AlphaPath) -> list[str]:
    """Return the stretches of the branches as a table, then folds and jumps."""
    from mixtura.projection.wording import gaussian_text

    rows: list[list[str]] = []
    for number, branch in enumerate(path.branches, 1):
        changes = [at for at in range(1, len(branch)) if branch.stable[at] != branch.stable[at - 1]]
        for first, after in pairwise([0, *changes, len(branch)]):
            ends = [first, after - 1]
            kind = "minimum" if branch.stable[first] else "saddle"
            alphas = [f"{branch.alpha[at]:.4g}" for at in ends]
            gaussians = [gaussian_text(float(branch.mean[at]), float(branch.scale[at])) for at in ends]
            rows.append([str(number), kind, *alphas, *gaussians])
    lines = [
        f"path along alpha from 0 (exclusive) to 1 (inclusive), with {count(len(path.folds), 'fold')} and "
        f"{count(len(path.jumps), 'jump')}:",
        table_of(["branch", "kind", "alpha from", "to", "Gaussian from", "to"], rows),
    ]
    for fold in path.folds:
        lines.append(f"fold at alpha = {fold.alpha:.6g}: {gaussian_text(fold.mean, fold.scale)}")
    for jump in path.jumps:
        left = gaussian_text(jump.from_mean, jump.from_scale)
        reached = gaussian_text(jump.to_mean, jump.to_scale)
        lines.append(f"jump at alpha = {jump.alpha:.6g}: {left} to {reached}")
    return lines
