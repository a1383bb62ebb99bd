from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mixtura.cli.closest import document_of, summary_of
from mixtura.findings import Finding
from mixtura.projection.notation import parse_mixture
from mixtura.projection.target import as_target


def closest(text: str, direction: str = "inclusive", **changed: Any) -> Any:
    q = parse_mixture(text)
    settings = {"kl": 0.25, "kl_error": 0.0, "alpha": 1.0, "covariance": "full", "method": "by hand"}
    settings |= {
        "findings": (),
        "stationary_points": (SimpleNamespace(distribution=q, kl=0.25, kind="minimum"),),
    }
    return SimpleNamespace(distribution=q, direction=direction, **{**settings, **changed})


def test_the_document_on_the_line_and_on_the_plane() -> None:
    [line] = document_of("N(0, 1)", as_target("N(0,1)"), [closest("N(1,9)")], None, None)["projections"]
    assert (line["mean"], line["sd"]) == (1.0, 3.0)
    assert line["stationary_points"] == [{"mean": 1.0, "sd": 3.0, "kl": 0.25, "kind": "minimum"}]
    target = as_target("N([0,0],1)")
    [plane] = document_of("", target, [closest("N([0,1],[[1,.5],[.5,2]])")], None, None)["projections"]
    assert plane["mean"] == [0.0, 1.0]
    assert plane["covariance_matrix"] == [pytest.approx([1.0, 0.5]), pytest.approx([0.5, 2.0])]


def test_findings_are_told_once_and_stand_with_each() -> None:
    finding = Finding("few-samples", "warning", "the effective sample size is 12", "ask for more --samples")
    both = [closest("N(0,1)", findings=(finding,)), closest("N(0,1)", "exclusive", findings=(finding,))]
    document = document_of("m:f", as_target("N(0,1)"), both, None, None)
    assert [one["findings"][0]["name"] for one in document["projections"]] == ["few-samples"] * 2
    text = summary_of("m:f", both, None)
    assert text.count("warning: the effective sample size is 12; ask for more --samples") == 1
    assert "N(mean, variance)" not in text


def test_an_error_that_can_be_seen_stands_beside_its_value() -> None:
    assert "0.25 +- 0.01" in summary_of("m:f", [closest("N(0,1)", kl_error=0.01)], None)
    assert "+-" not in summary_of("m:f", [closest("N(0,1)", kl_error=1e-12)], None)


def test_many_dimensions_are_cut_short() -> None:
    text = summary_of("m:f", [closest("N([1,2,3,4,5,6],1)")], None)
    assert "(1, 2, 3, 4, ...)" in text and "corr" not in text


def test_a_path_is_a_table_of_its_stretches() -> None:
    branch = SimpleNamespace(
        alpha=np.array([0.0, 0.5, 0.2]),
        mean=np.array([3.0, 2.0, 1.0]),
        scale=np.array([1.0, 1.5, 2.0]),
        stable=np.array([True, True, False]),
    )

    class Branch(SimpleNamespace):
        def __len__(self) -> int:
            return len(self.alpha)

    path: Any = SimpleNamespace(branches=(Branch(**vars(branch)),), folds=(), jumps=())
    lines = summary_of("N(0, 1)", [closest("N(0,1)")], path).splitlines()
    assert "0 folds and 0 jumps" in lines[3]
    assert lines[5].split() == ["1", "minimum", "0", "0.5", "N(3,", "1²)", "N(2,", "1.5²)"]
    assert lines[6].split()[:4] == ["1", "saddle", "0.2", "0.2"]
