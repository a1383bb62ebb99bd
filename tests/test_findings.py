from __future__ import annotations

import json

import pytest

from mixtura.findings import Finding


def test_reads_as_one_line() -> None:
    finding = Finding("empty-groups", "warning", "2 of 8 groups hold no row", "ask for 6 components")
    assert str(finding) == "warning: 2 of 8 groups hold no row; ask for 6 components"
    assert str(Finding("fine", "note", "nothing to do")) == "note: nothing to do"


def test_goes_through_json_unchanged() -> None:
    finding = Finding("a-b", "problem", "seen: 'ä' ≠ 1", "do this")
    assert Finding(**json.loads(json.dumps(finding.to_dict()))) == finding


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Finding("a", "note", "b").seen = "c"
