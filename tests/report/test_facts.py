from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.report.facts import confusion_table, describe, list_facts, list_findings, list_steps
from mixtura.report.run_folder import Run, read_run


@pytest.fixture(scope="module")
def digits(digits_folder: Path) -> Run:
    return read_run(digits_folder)


def with_metrics(run: Run, **metrics: Any) -> Run:
    return dataclasses.replace(run, metrics=run.metrics | metrics)


def test_the_headline_tells_what_was_done(digits: Run) -> None:
    facts = describe(digits)
    assert facts["title"] == "scikit-learn digits"
    assert facts["lead"].startswith("1,797 images of 8 × 8 pixels, put into 10 groups without labels.")
    tiles = {tile["name"]: tile for tile in facts["tiles"]}
    assert (tiles["log-likelihood"]["value"], tiles["log-likelihood"]["error"]) == ("−72.346", "0.021")
    assert "effective sample size 21.3 of 64" in tiles["log-likelihood"]["words"]
    assert [term["name"] for term in facts["terms"]] == [
        "bound",
        "reconstruction",
        "cluster",
        "conditional_prior",
    ]
    assert [score["value"] for score in facts["scores"]] == ["0.791", "0.743", "0.669"]


def test_without_labels_there_are_no_scores(wine_folder: Path) -> None:
    run = read_run(wine_folder)
    assert describe(run)["scores"] == []
    assert describe(run)["title"] == "wine.csv"
    assert confusion_table(run) is None


def test_numbers_that_are_missing_or_not_finite_are_dashes(digits: Run) -> None:
    bare = with_metrics(
        digits,
        bound=float("nan"),
        log_likelihood=None,
        log_likelihood_se=None,
        seconds=None,
        peak_memory_mb=None,
    )
    facts = describe(bare)
    assert facts["terms"][0]["value"] == "–"
    assert {tile["value"] for tile in facts["tiles"]} >= {"–"}


def test_empty_groups_are_said(digits: Run) -> None:
    moved = dataclasses.replace(digits, components=np.where(digits.components >= 8, 0, digits.components))
    assert "2 groups are empty" in describe(moved)["lead"]


def test_the_gravest_finding_comes_first_and_an_odd_one_is_a_note(digits: Run) -> None:
    findings = [
        {"level": level, "seen": str(level)} for level in ("note", "shrug", "problem", "warning", None)
    ]
    shown = list_findings(with_metrics(digits, findings=[*findings, "nonsense"]))
    assert [item["level"] for item in shown] == ["problem", "warning", "note", "note", "note"]
    assert list_findings(with_metrics(digits, findings=None)) == []


def test_the_pairs_counted_as_right_give_the_accuracy(digits: Run) -> None:
    table = confusion_table(digits)
    assert table is not None
    right = sum(
        int(cell["rows"].replace(",", ""))
        for line in table["lines"]
        for cell in line["cells"]
        if cell["matched"]
    )
    from scipy.optimize import linear_sum_assignment

    counts = digits.summary["confusion"]
    assert right == counts[linear_sum_assignment(counts, maximize=True)].sum()


def test_the_stages_say_what_they_did(digits: Run) -> None:
    assert list_steps(digits) == [{"stage": "start", "message": "read 1,797 rows"}]


def test_a_key_that_the_page_does_not_know_is_shown_too(digits: Run) -> None:
    facts = list_facts(with_metrics(digits, temperature=0.5, seed=1234567))
    shown = {item["name"]: item["value"] for item in facts["settings"]}
    assert shown["temperature"] == "0.5"
    assert shown["seed"] == "1234567"
    assert shown["shape of a picture"] == "8 × 8"
    assert "bound" not in shown
    assert facts["versions"]["torch"] == "2.13.0"
    assert facts["command"].startswith("mixtura fit")
