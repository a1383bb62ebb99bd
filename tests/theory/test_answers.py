"""Every answer is checked here, the slow ones only when asked, and every check can fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.theory import ANSWERS, find_answers, run_answer

PAGES = Path(__file__).parents[2] / "docs" / "theory"
SLOW = {"training", "forward-kl", "beta", "vae-posterior", "reparameterisation"}


@pytest.mark.parametrize(
    "answer",
    [pytest.param(a, marks=[pytest.mark.slow] if a.name in SLOW else []) for a in ANSWERS],
    ids=lambda answer: answer.name,
)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_figure_is_as_its_answer_says(answer, seed):
    outcome = run_answer(answer, seed)
    assert len(outcome.figures) > 1
    assert sum(bool(figure.wanted) for figure in outcome.figures) > 1
    for figure in outcome.figures:
        assert figure.passed, figure


def test_problems_are_in_order_and_names_apart():
    problems = [tuple(map(int, answer.problem.split("."))) for answer in ANSWERS]
    assert problems == sorted(problems) and len(set(problems)) == len(problems)
    assert {problem[0] for problem in problems} == set(range(1, 8))
    assert len({answer.name for answer in ANSWERS}) == len(ANSWERS)


def test_every_answer_has_a_page_that_names_its_command():
    for answer in ANSWERS:
        page = (PAGES / f"{answer.name.replace('-', '_')}.md").read_text(encoding="utf-8")
        assert f"mixtura theory {answer.name}" in page, answer.name


def test_the_same_seed_gives_the_same_figures():
    (answer,) = find_answers(["gmvae-bound"])
    first, again = (tuple(answer.run(np.random.default_rng(3))) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], [answer.problem for answer in ANSWERS]),
        (["7"], ["7.1", "7.2"]),
        (["forward_kl"], ["6.4"]),
        (["Beta", "4"], ["4"]),
        (["6.1", "1"], ["6.1", "1"]),
    ],
)
def test_answers_are_found_by_name_and_number(asked, found):
    assert [answer.problem for answer in find_answers(asked)] == found


@pytest.mark.parametrize("asked", ["8", "gamma", "", "6."])
def test_other_names_are_refused_with_the_list(asked):
    with pytest.raises(InputError, match=r"the answers are: 1 reverse-kl-modes, .*7.2 training"):
        find_answers([asked])
