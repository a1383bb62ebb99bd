from __future__ import annotations

import os
import pty
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import mixtura
from mixtura.cli.console import Console
from mixtura.cli.progress import PlainProgress, describe_terms, shown

TERMS = {"bound": -1.75, "reconstruction": -1.0, "cluster": 0.25, "conditional_prior": 0.5}


def epoch(number: int, of: int, stage: str = "joint") -> dict[str, Any]:
    return {"stage": stage, "epoch": number, "of": of, **TERMS}


@pytest.mark.parametrize(("epochs", "most"), [(1, 1), (24, 24), (25, 25), (300, 30), (10_000, 30)])
def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str], epochs: int, most: int) -> None:
    show = PlainProgress(Console(quiet=False, json=False))
    for number in range(1, epochs + 1):
        show(epoch(number, epochs, "pretrain" if number < epochs / 2 else "joint"))
    lines = capsys.readouterr().err.splitlines()
    assert min(epochs, 12) <= len(lines) <= most
    assert f"{epochs}/{epochs}" in lines[-1]
    for line in lines:
        for name in TERMS:
            assert name in line


def test_messages_are_all_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show = PlainProgress(Console(quiet=False, json=False))
    show({"stage": "start", "message": "graph of 1,797 rows"})
    assert capsys.readouterr().err == "start  graph of 1,797 rows\n"


def test_terms_that_a_stage_lacks_are_left_out() -> None:
    assert describe_terms({"bound": -1.0, "cluster": None}) == "bound -1.000"


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Console(quiet=True, json=False)) as show:
        show(epoch(1, 1))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_a_terminal_gets_one_live_display_with_all_terms(columns: int) -> None:
    program = (
        "import warnings\n"
        "from mixtura.cli.console import opened\n"
        "from mixtura.cli.progress import shown\n"
        "from mixtura.errors import TrainingWarning\n"
        "with opened(quiet=False, json=False) as console, shown(console) as show:\n"
        f"    for number in range(1, 101): show({epoch(1, 100)!r} | {{'epoch': number}})\n"
        "    warnings.warn('look at [red]this[/red]', TrainingWarning)\n"
        "    show({'stage': 'joint', 'message': 'a [bold]message[/bold]'})\n"
    )
    written = run_on_terminal(program, columns)
    flat = "".join(written.split())
    for name in TERMS:
        assert name in flat
    assert "100/100" in flat
    assert "mixtura:warning:lookat[red]this[/red]" in flat
    assert "a[bold]message[/bold]" in flat


def run_on_terminal(program: str, columns: int) -> str:
    """Run a program whose stderr is a terminal and return what stands there."""
    import fcntl
    import struct
    import termios

    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    source = Path(mixtura.__file__).parents[1]
    path = os.pathsep.join([str(source), sysconfig.get_paths()["purelib"]])
    environment = {**os.environ, "PYTHONPATH": path, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen([sys.executable, "-c", program], stderr=inner, env=environment) as process:
        os.close(inner)
        written = b""
        while True:
            try:
                chunk = os.read(outer, 65536)
            except OSError:  # Linux reports the end of a terminal so
                break
            if not chunk:
                break
            written += chunk
    os.close(outer)
    assert process.returncode == 0, written
    return written.decode()
