from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixtura import GMVAE
from mixtura.clustering import GroupEvidence
from mixtura.vae.code_spread import CodeSpread
from mixtura.vae.diagnostics import diagnose
from mixtura.vae.group_overlap import GroupOverlap
from mixtura.vae.row_support import RowSupport
from mixtura.vae.settings import Settings
from mixtura.vae.training.groups import Start
from mixtura.vae.training.procedure import TrainingRecord

ALIVE = [CodeSpread(2, np.array([0.0]), np.array([2.0]), np.array([0.1]))]
COLLAPSED = [CodeSpread(2, np.array([0.0]), np.array([1e-6]), np.array([2.0]))]
LABELS = np.repeat([0, 1, 2, 3], 25)
ELSEWHERE = np.tile([0, 1, 2, 3], 25)
STARTED = Start(LABELS, "4 groups", GroupEvidence(1.0, 0.1), agreement=1.0)
LOST = RowSupport(0.1, 0.9)
DENIED = GroupEvidence(-0.1, 0.2)


def sure(labels=LABELS, k=4) -> GroupOverlap:
    overlap = GroupOverlap(k)
    overlap.add(np.eye(k)[labels])
    return overlap


def shared_by(*groups: int) -> GroupOverlap:
    overlap, unsure = GroupOverlap(4), np.eye(4)[LABELS]
    rows = np.isin(LABELS, groups)
    unsure[rows] = np.isin(np.arange(4), groups) / len(groups)
    overlap.add(unsure)
    return overlap


def found(spreads=ALIVE, labels=LABELS, overlap=None, record=None, support=None, gap=None, settings=None):
    record = TrainingRecord(start=STARTED) if record is None else record
    overlap = sure(labels) if overlap is None else overlap
    return diagnose(spreads, labels, overlap, record, support, gap, settings)


def of_start(**changes) -> TrainingRecord:
    return TrainingRecord(start=replace(STARTED, **changes))


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found() == ()
    assert found(record=TrainingRecord(), gap=0.2) == ()
    assert found(record=TrainingRecord(evidence=GroupEvidence(1.0, 0.1), start=STARTED)) == ()
    assert found(record=of_start(agreement=None)) == ()
    assert found(support=RowSupport(0.56, 0.66)) == ()
    assert found(support=RowSupport(0.05, 0.2)) == ()


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("posterior-collapse", {"spreads": COLLAPSED}),
        ("empty-groups", {"labels": np.repeat([0, 2], 50), "record": TrainingRecord()}),
        ("thin-groups", {"labels": np.r_[np.repeat([0, 1, 2], 33), 3], "record": TrainingRecord()}),
        ("no-groups", {"record": TrainingRecord(evidence=DENIED)}),
        ("merged-groups", {"overlap": shared_by(1, 2)}),
        ("moved-groups", {"record": of_start(labels=ELSEWHERE)}),
        ("unsteady-start", {"record": of_start(agreement=0.4)}),
        ("scattered-groups", {"support": RowSupport(0.44, 0.66)}),
        ("wide-gap", {"gap": 0.5}),
        ("not-finite", {"record": TrainingRecord(rollbacks=["the term 'cluster' was not finite"])}),
    ],
)
def test_each_trouble_has_its_finding_and_its_remedy(name, seen) -> None:
    (finding,) = found(**seen)
    assert finding.name == name
    assert finding.level in {"note", "warning", "problem"}
    assert finding.remedy
    assert "\n" not in str(finding)


def test_empty_groups_are_counted() -> None:
    (finding,) = found(labels=np.repeat([0, 2], 50), record=TrainingRecord())
    assert "2 of 4 groups" in finding.seen
    assert "such as 2" in finding.remedy


def test_merged_groups_are_named_and_the_number_that_is_left_is_told() -> None:
    (finding,) = found(overlap=shared_by(1, 3))
    assert "groups 1 and 3 share 100% of" in finding.seen
    assert "such as 3" in finding.remedy
    (finding,) = found(overlap=shared_by(0, 1, 3))
    assert "2 other pairs" in finding.seen
    assert "such as 2" in finding.remedy


def test_a_group_without_rows_does_not_count_as_merged() -> None:
    labels = np.repeat([0, 1], 50)
    overlap = GroupOverlap(4)
    overlap.add(0.4 * np.eye(4)[labels] + np.array([0.0, 0.0, 0.3, 0.3]))
    (finding,) = found(labels=labels, overlap=overlap, record=TrainingRecord())
    assert finding.name == "empty-groups"
    assert "such as 2" in finding.remedy


def test_groups_that_are_not_there_are_not_said_to_move_or_merge() -> None:
    record = TrainingRecord(evidence=DENIED, start=replace(STARTED, labels=ELSEWHERE, agreement=0.1))
    assert [finding.name for finding in found(record=record, overlap=shared_by(1, 2))] == ["no-groups"]


def test_one_group_can_neither_move_nor_merge() -> None:
    labels = np.zeros(10, dtype=int)
    one = TrainingRecord(start=Start(labels, "one group: nothing to find"))
    assert found(labels=labels, overlap=sure(labels, 1), record=one) == ()


def test_ten_groups_of_noise_are_denied_by_a_fit(rng) -> None:
    model = GMVAE(10, max_epochs=5, start="kmeans", random_state=0).fit(rng.normal(size=(400, 3)))
    assert "no-groups" in [finding.name for finding in model.findings_]


def test_a_fit_to_groups_that_are_there_is_found_well(rng) -> None:
    rows = rng.normal(size=(120, 2)) + 12 * np.array([[0, 0], [1, 0], [0, 1]])[np.arange(120) % 3]
    assert GMVAE(3, start="kmeans", random_state=0).fit(rows).findings_ == ()


@pytest.mark.parametrize(
    ("case", "settings", "there", "absent"),
    [
        ({"gap": 2.0}, Settings(), "responsibilities='exact'", None),
        ({"gap": 2.0}, Settings(inference="sleep"), "train longer", "responsibilities"),
        ({"gap": 2.0}, Settings(inference="sleep", procedure="plain"), "responsibilities='exact'", None),
        ({"spreads": COLLAPSED}, Settings(likelihood="poisson"), "train longer", "std_floor"),
        ({"spreads": COLLAPSED}, Settings(likelihood="mixed"), "std_floor", None),
        (
            {"support": LOST},
            Settings(likelihood="poisson"),
            "numbers of components",
            "std_floor",
        ),
        ({"support": LOST}, Settings(), "std_floor", "plain"),
        ({"support": LOST}, Settings(procedure="plain"), "procedure='plain'", None),
    ],
)
def test_no_remedy_is_named_that_the_fit_does_not_have(case, settings, there, absent) -> None:
    remedies = " ".join(finding.remedy for finding in found(**case, settings=settings))
    assert there in remedies
    assert absent is None or absent not in remedies


@pytest.mark.parametrize("n", [2, 3])
def test_rows_too_few_to_hold_any_out_are_said_to_be_that(n) -> None:
    rows = np.random.default_rng(0).normal(size=(n, 2))
    model = GMVAE(2, max_epochs=2, start="kmeans", random_state=0).fit(rows)
    assert f"{n} rows are too few to tell 2 groups from one" in {f.seen for f in model.findings_}
