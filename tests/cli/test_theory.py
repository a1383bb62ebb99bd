from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mixtura.theory import answers
from mixtura.theory.check import Check, above


def test_one_answer_is_told_with_its_figures(call: Callable[..., Any]) -> None:
    code, out, err = call("theory", "joint-convexity")
    assert code == 0
    assert out.startswith("6.2 joint-convexity: KL is convex")
    assert "ok" in out and "FAILED" not in out
    assert out.rstrip().endswith("1 answer borne out, seed 0")
    assert "checking 6.2" in err


def test_json_holds_every_figure(call: Callable[..., Any]) -> None:
    code, out, _ = call("theory", "6.1", "gmvae-bound", "--json", "--seed", 3)
    document = json.loads(out)
    assert code == 0 and document["seed"] == 3
    assert [answer["name"] for answer in document["answers"]] == ["gaussian-kl", "gmvae-bound"]
    assert all(figure["passed"] for answer in document["answers"] for figure in answer["figures"])


def test_the_list_runs_nothing(call: Callable[..., Any]) -> None:
    code, out, err = call("theory", "--list")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == len(answers.ANSWERS)


def test_a_figure_that_is_not_as_said_ends_with_exit_code_1(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(generator: Any) -> tuple[Any, ...]:
        return (above("apples, nats", 1.0, 2.0),)

    monkeypatch.setattr(answers, "ANSWERS", (Check("9", "pie", "there are apples", run),))
    code, out, err = call("theory")
    assert code == 1
    assert "FAILED" in out
    assert err.splitlines()[-1].startswith(
        "mixtura: error: 1 of 1 answer not borne out, such as pie: apples, nats is 1 and must be > 2"
    )
    assert "Traceback" not in err


@pytest.mark.parametrize(("words", "said"), [(("nine",), "'nine'"), (("--seed", "-1"), "--seed -1")])
def test_bad_words_are_refused(call: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    call("theory", *words).assert_refused(said)
