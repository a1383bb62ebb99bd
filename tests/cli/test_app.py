from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import mixtura

VERBS = ("fit", "assign", "sample", "score", "report", "project", "theory")


def test_without_words_the_help_is_shown(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = call()
    assert (code, err) == (0, "")
    for verb in VERBS:
        assert verb in out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Callable[..., tuple[int, str, str]], verb: str) -> None:
    code, out, err = call(verb, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: mixtura {verb}")


def test_version(call: Callable[..., tuple[int, str, str]]) -> None:
    assert call("--version") == (0, f"mixtura {mixtura.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fot",), "fot"),
        (("fit",), "DATA"),
        (("fit", "a.csv"), "--components"),
        (("fit", "a.csv", "--components", "many"), "many"),
        (("fit", "a.csv", "--components", "2", "--likelihood", "cauchy"), "cauchy"),
        (("fit", "a.csv", "--componets", "2"), "--componets"),
        (("fit", "a.csv", "b.csv", "--components", "2"), "b.csv"),
        (("fit", "a.csv", "--components"), "--components"),
        (("sample", "model", "--n", "1.5"), "1.5"),
        (("project",), "TARGET"),
        (("project", "N(0,1)", "--direction", "both"), "both"),
        (("project", "N(0,1)", "--alpha", "nan"), "nan"),
        (("--nothing",), "--nothing"),
    ],
)
def test_words_that_make_no_sense_are_one_line_and_exit_code_2(
    call: Callable[..., tuple[int, str, str]], words: tuple[str, ...], said: str
) -> None:
    ended = call(*words)
    ended.assert_refused(said, "--help")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from mixtura.cli import main\n"
        "assert main(['fit', '--help']) == main(['project', '--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'pyarrow', 'plotly', 'pandas', 'rich', 'scipy'}\n"
        "print(sorted((heavy | {'matplotlib'}) & set(sys.modules)), file=sys.stderr)\n"
    )
    source = Path(mixtura.__file__).parents[1]
    path = os.pathsep.join([str(source), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"
