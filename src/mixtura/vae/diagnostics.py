"""What a trained model looks like to a doctor: findings in words, each with its remedy.

The thresholds were set on default fits with as many groups as classes, two seeds each, of iris, wine, wdbc,
banknote, thyroid, penguins and scikit-learn's digits, on which none of the findings may appear, and on
Gaussian, skewed and curved clouds and fits of the plain procedure, which they must tell from those.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import ari
from mixtura.findings import Finding
from mixtura.vae.code_spread import CodeSpread, active_units
from mixtura.vae.group_overlap import GroupOverlap
from mixtura.vae.row_support import RowSupport
from mixtura.vae.settings import Settings
from mixtura.vae.training.procedure import TrainingRecord

# Of an equal share of the rows. Healthy fits: 0.37 and more.
_THIN_SHARE = 0.05
# Of the smaller group's probability that another has too. Healthy fits: 0.23 at most; clouds: 0.40 to 0.98.
_MERGED_SHARE = 0.5
# Adjusted Rand index of the end with the start. Healthy fits: 0.87 and more; clouds: 0.02 to 0.78.
_SAME_GROUPS = 0.6
# Adjusted Rand index of restarts that are as good. Healthy fits: 0.88 and more; 26 groups of letters: 0.69;
# clouds: 0.08 to 0.70.
_AGREEING = 0.6
# Of the most that neighbours among the rows can tell. Healthy fits: 0.85 and more; MNIST's codes ruined by a
# standard deviation of 0.05: 0.66; poor groups by the plain procedure, of digits or MNIST: 0.66.
_SUPPORTED = 0.75
_TELLING = 0.3  # least that neighbours must tell of any groups, for their silence to mean something
# Nats of the gap, over log K. Healthy fits of a q(z|w, x) that was taught: 0.17 at most.
_WIDE_GAP = 0.3


def diagnose(
    spreads: list[CodeSpread],
    labels: NDArray[np.int64],
    overlap: GroupOverlap,
    record: TrainingRecord,
    support: RowSupport | None = None,
    gap: float | None = None,
    settings: Settings | None = None,
) -> tuple[Finding, ...]:
    """Return what a person should know about a fit.

    Parameters
    ----------
    spreads : list of CodeSpread
        Of all rows, block by block.
    labels : ndarray of shape (n,)
        Group of each row.
    overlap : GroupOverlap
        Of the responsibilities of all rows, under the same numbers as the labels.
    record : TrainingRecord
        What training did.
    support : RowSupport, optional
        What neighbours among the rows tell of the groups.
    gap : float, optional
        E KL(q_phi(z|w, x) || p(z|w)) in nats, where q(z|w, x) is a trained network.
    settings : Settings, optional
        Of the fit, the default ones unless given, so that no remedy is named that it does not have.
    """
    settings = settings or Settings()
    shared = overlap.shared()
    sizes = np.bincount(labels, minlength=len(shared))
    shared[sizes == 0] = shared[:, sizes == 0] = 0.0  # a group without rows has a finding of its own
    findings: list[Finding] = []
    if record.evidence is not None and not record.evidence.better:
        # Groups that are not there move and overlap and come out otherwise each time: said once is enough.
        findings += _no_groups(sizes, record)
    else:
        findings += [*_merged_groups(shared, sizes, record), *_moved_groups(labels, record)]
        findings += [*_restarts(record), *_scattered_groups(support, settings)]
    findings += [*_empty_groups(sizes), *_thin_groups(sizes), *_collapse(spreads, settings)]
    return (*findings, *_wide_gap(gap, len(sizes), settings), *_rollbacks(record))


def _no_groups(sizes: NDArray[np.int64], record: TrainingRecord) -> Iterator[Finding]:
    evidence = record.evidence
    assert evidence is not None
    if evidence.gain == 0 and evidence.standard_error == 0:  # nothing could be held out
        seen = f"{sizes.sum()} rows are too few to tell {len(sizes)} groups from one"
    else:
        seen = (
            f"{len(sizes)} groups are no better than one: their means describe rows held out "
            f"{abs(evidence.gain):.3g} +- {evidence.standard_error:.2g} nats "
            f"{'better' if evidence.gain > 0 else 'worse'} than one Gaussian"
        )
    yield Finding(
        "no-groups",
        "warning",
        seen,
        "they may be parts of one cloud, or differ in spread alone: read no meaning into them unchecked",
    )


def _merged_groups(
    shared: NDArray[np.float64], sizes: NDArray[np.int64], record: TrainingRecord
) -> Iterator[Finding]:
    first, second = (int(k) for k in np.unravel_index(shared.argmax(), shared.shape))
    if shared[first, second] < _MERGED_SHARE:
        return
    pairs = int(np.count_nonzero(np.triu(shared) >= _MERGED_SHARE))
    others = f", and so do {pairs - 1} other pairs" if pairs > 2 else ", and so does one other pair"
    yield Finding(
        "merged-groups",
        "warning",
        f"groups {min(first, second)} and {max(first, second)} share {shared[first, second]:.0%} of the "
        f"smaller one's probability{others if pairs > 1 else ''}: to the model they are one",
        f"ask for fewer components, such as {int((sizes > 0).sum()) - _redundant(shared)}"
        + (", or leave out procedure='plain', which keeps poor groups" if record.start is None else ""),
    )


def _redundant(shared: NDArray[np.float64]) -> int:
    """Return by how many K falls when all groups that share most of their probability become one."""
    from scipy.sparse.csgraph import connected_components

    return len(shared) - int(connected_components(shared >= _MERGED_SHARE, directed=False)[0])


def _moved_groups(labels: NDArray[np.int64], record: TrainingRecord) -> Iterator[Finding]:
    if record.start is None or len(np.unique(record.start.labels)) < 2:
        return
    agreement = ari(record.start.labels, labels)
    if agreement < _SAME_GROUPS:
        yield Finding(
            "moved-groups",
            "warning",
            f"training left the groups it started from: the adjusted Rand index of start and end is "
            f"{agreement:.2f}, of 1 for the same groups",
            "compare fits with other values of random_state; lower learning_rate, or choose another start",
        )


def _restarts(record: TrainingRecord) -> Iterator[Finding]:
    agreement = None if record.start is None else record.start.agreement
    if agreement is not None and agreement < _AGREEING:
        yield Finding(
            "unsteady-start",
            "warning",
            f"the search for the first groups found others that are as good: the adjusted Rand index "
            f"between them is {agreement:.2f}, of 1 for the same groups",
            "compare fits with other values of random_state, and trust what they agree on; try other numbers "
            "of components",
        )


def _scattered_groups(support: RowSupport | None, settings: Settings) -> Iterator[Finding]:
    if support is None or support.most < _TELLING or support.told >= _SUPPORTED * support.most:
        return
    remedies = ["try other numbers of components"]
    if settings.procedure == "plain":
        remedies.append("leave out procedure='plain', which keeps poor groups")
    if settings.has_floor:
        remedies.append("raise std_floor: codes from a low one keep what is easy")
    yield Finding(
        "scattered-groups",
        "warning",
        f"neighbouring rows often differ in group: neighbours tell {support.told:.2f} of a row's group, and "
        f"{support.most:.2f} of as many groups that are made from neighbours alone",
        f"{', or '.join(remedies)}; where distances between rows mean nothing, neither does this",
    )


def _empty_groups(sizes: NDArray[np.int64]) -> Iterator[Finding]:
    empty = int((sizes == 0).sum())
    if empty > 0:
        yield Finding(
            "empty-groups",
            "warning",
            f"{empty} of {len(sizes)} groups hold no row",
            f"ask for fewer components, such as {len(sizes) - empty}",
        )


def _thin_groups(sizes: NDArray[np.int64]) -> Iterator[Finding]:
    thin = np.flatnonzero((sizes > 0) & (sizes < _THIN_SHARE * sizes.sum() / len(sizes)))
    if len(thin) > 0:
        held = ", ".join(str(sizes[k]) for k in thin[:5]) + (", ..." if len(thin) > 5 else "")
        yield Finding(
            "thin-groups",
            "note",
            f"{len(thin)} of {len(sizes)} groups hold almost nothing: {held} of {sizes.sum()} rows",
            "look at these rows: they may be a rare kind, or extreme values; else ask for fewer components",
        )


def _collapse(spreads: list[CodeSpread], settings: Settings) -> Iterator[Finding]:
    if active_units(spreads) == 0:
        yield Finding(
            "posterior-collapse",
            "problem",
            f"no latent dimension of {len(spreads[0].total)} depends on the data, so the groups mean nothing",
            revive_codes(settings),
        )


def revive_codes(settings: Settings) -> str:
    """Return what may give codes to a model that has none."""
    floor = " or lower std_floor" if settings.has_floor else ""
    return f"train longer (max_epochs){floor}; data of pure noise have no code to find"


def _wide_gap(gap: float | None, n_groups: int, settings: Settings) -> Iterator[Finding]:
    if gap is not None and gap > _WIDE_GAP * np.log(max(2, n_groups)):
        exact = ", or use responsibilities='exact', which is the optimum of the bound"
        if settings.inference != "reverse" and settings.procedure == "default":
            exact = ""  # it would be refused
        yield Finding(
            "wide-gap",
            "note",
            f"the learned q(z|w, x) differs from p(z|w) by {gap:.3g} nats, of log K = {np.log(n_groups):.3g}:"
            " the two can name different groups, and the bound is lower by as much",
            f"train longer (max_epochs){exact}",
        )


def _rollbacks(record: TrainingRecord) -> Iterator[Finding]:
    if record.rollbacks:
        yield Finding(
            "not-finite",
            "warning",
            f"training went back to a finite state {len(record.rollbacks)} times: {record.rollbacks[0]}",
            "look for extreme values in those rows, or lower learning_rate",
        )
