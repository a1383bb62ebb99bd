from __future__ import annotations

import json

import pytest

from mixtura.theory.check import Figure, Outcome, above, below, near, shown


@pytest.mark.parametrize(
    ("figure", "passed"),
    [
        (near("a", 1.05, 1.0, 0.1), True),
        (near("a", 1.15, 1.0, 0.1), False),
        (near("a", float("nan"), 1.0, 0.1), False),
        (below("a", 0.9, 1.0), True),
        (below("a", 1.0, 1.0), False),
        (below("a", float("nan"), 1.0), False),
        (above("a", 1.1, 1.0), True),
        (above("a", float("nan"), 1.0), False),
        (shown("a", -3.0), True),
        (shown("a", float("nan")), False),
    ],
)
def test_a_figure_passes_if_it_is_as_wanted_and_never_if_it_is_no_number(figure, passed):
    assert figure.passed is passed


def test_an_outcome_passes_if_all_its_figures_do_and_goes_to_json():
    good, bad = below("a", 0.0, 1.0), above("b", 0.0, 1.0)
    assert Outcome("1", "x", "claim", (good,), 0.1).passed
    outcome = Outcome("1", "x", "claim", (good, bad), 0.1)
    assert not outcome.passed
    document = json.loads(json.dumps(outcome.to_dict()))
    assert document["passed"] is False
    assert document["figures"][1] == {"name": "b", "value": 0.0, "wanted": "> 1", "passed": False}
    assert Figure("a", 1.0).passed
