"""What a person should know about a mixture fitted by the command, beyond what its estimator noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mixtura.cli.wording import count, figure
from mixtura.errors import ConvergenceError, InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from mixtura.cli.mixtures import MixtureRows
    from mixtura.estimators.mixture_base import MixtureBase

# Columns whose variance reg_covar adds more than this share to are changed by it.
_NOTABLE = 1e-2


def noticed(
    rows: MixtureRows, mixture: MixtureBase, bic: float, settings: Mapping[str, Any]
) -> list[Finding]:
    """Return the findings of a fit: of the reading, of EM, and of what came out.

    Parameters
    ----------
    rows : MixtureRows
        What the mixture was fitted to.
    mixture : MixtureBase
        Fitted.
    bic : float
        Its BIC on these rows.
    settings : mapping
        Of the estimator.
    """
    found = [*rows.findings, *mixture.findings_]
    if not mixture.converged_:
        seen = f"EM had not converged after {count(mixture.n_iter_, 'iteration')}"
        found.append(Finding("not-converged", "warning", seen, "raise --max-iter, or --tol"))
    missing = rows.table.n_missing
    if missing:
        entries = rows.table.n_rows * rows.table.n_features
        seen = f"{count(missing, 'value')} of {entries:,} missing, and integrated out"
        found.append(Finding("missing-values", "note", seen))
    columns = _narrow(rows, settings)
    found += columns or _collapsed(mixture, settings)
    found += _one_is_enough(rows, mixture, bic, settings)
    return list(dict.fromkeys(found))


def _narrow(rows: MixtureRows, settings: Mapping[str, Any]) -> list[Finding]:
    """Return warnings for columns of one value, and for those that vary no more than reg_covar."""
    import numpy as np

    floor = settings.get("reg_covar")
    measured = [
        name
        for name, family in zip(rows.table.names, rows.column_families, strict=True)
        if family == "gaussian"
    ]
    if floor is None or not measured or rows.table.image_shape is not None:
        return []
    from mixtura.report.moments import moments_by_group

    table = rows.table
    whole = len(measured) == table.n_features
    values = table.numbers() if whole else table.select(measured).numbers()
    sd = moments_by_group(values, np.zeros(len(values), dtype=np.int64), 1).sd
    constant = [name for name, own in zip(measured, sd, strict=True) if own == 0]
    narrow = [
        name for name, own in zip(measured, sd, strict=True) if own > 0 and own * own * _NOTABLE < floor
    ]
    found = []
    if constant:
        names = ", ".join(map(repr, constant[:8]))
        seen = f"one value in all rows of {names}: a variance of reg_covar = {floor:g} inflates log p(x)"
        drops = " ".join(f"--drop {name}" for name in constant[:8])
        found.append(Finding("constant-columns", "warning", seen, f"leave out: {drops}"))
    if narrow:
        names = ", ".join(map(repr, narrow[:8]))
        seen = f"the variance of {names} is small beside reg_covar = {floor:g}, which blurs the groups"
        found.append(Finding("small-units", "warning", seen, "lower --reg-covar, or take larger units"))
    return found


def _collapsed(mixture: MixtureBase, settings: Mapping[str, Any]) -> list[Finding]:
    """Return a warning where groups have no variance of their own in some direction."""
    import numpy as np

    floor, covariances = settings.get("reg_covar"), getattr(mixture, "covariances_", None)
    if not floor or covariances is None:
        return []
    if settings["covariance_type"] in ("full", "tied"):
        least = np.linalg.eigvalsh(covariances)[..., 0]
    else:
        least = covariances.min(axis=-1) if covariances.ndim == 2 else covariances
    # As much again as reg_covar added is all that is left.
    flat = int((np.atleast_1d(least) < 2 * floor).sum())
    if not flat:
        return []
    groups = (
        f"{flat} of {mixture.n_components} groups have"
        if settings["covariance_type"] != "tied"
        else "the groups have"
    )
    seen = f"{groups} next to no spread in some direction, so reg_covar = {floor:g} sets log p(x)"
    remedy = "duplicates, collinear columns and few rows do this: fewer groups, or a simpler --covariance"
    return [Finding("flat-groups", "warning", seen, remedy)]


def _one_is_enough(
    rows: MixtureRows, mixture: MixtureBase, bic: float, settings: Mapping[str, Any]
) -> list[Finding]:
    """Return a warning where one component has the better BIC."""
    k = mixture.n_components
    if k == 1:
        return []
    try:
        alone = rows.estimator(**{**settings, "n_components": 1, "n_init": 1}).fit(
            rows.rows, sample_weight=rows.weights
        )
        single = alone.bic(rows.rows, rows.weights)
    except (InputError, ConvergenceError):
        return []
    if not single <= bic:
        return []
    figures = f"BIC {figure(bic, 1)}, and {figure(single, 1)} for one"
    seen = f"{k} components describe the data no better than one: {figures}"
    return [
        Finding("no-better-than-one", "warning", seen, "ask for fewer, or do not read much into the groups")
    ]
