"""The command as a process of its own: signals, closed streams, pipes, encodings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

import mixtura

PATH = os.pathsep.join([str(Path(mixtura.__file__).parents[1]), sysconfig.get_paths()["purelib"]])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATH}


def start(*words: str, encoding: str = "utf-8", **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mixtura.cli", *words],
        env={**ENVIRONMENT, "PYTHONIOENCODING": encoding},
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings),
    )


@pytest.mark.skipif(os.name != "posix", reason="descriptors are closed so on POSIX alone")
def test_closed_streams() -> None:
    for descriptors in ((1,), (2,), (0, 1, 2)):

        def close(closed: tuple[int, ...] = descriptors) -> None:
            for descriptor in closed:
                os.close(descriptor)

        with start("--version", preexec_fn=close) as process:
            assert process.wait(60) == 0


def test_a_reader_who_left() -> None:
    outer, inner = os.pipe()
    os.close(outer)
    with start("--help", stdout=inner) as process:
        os.close(inner)
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full, start("--help", stdout=full) as process:
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert err.startswith(b"mixtura: error: ") and err.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_the_terminal_cannot_show(encoding: str) -> None:
    with start("fit", "grün数.csv", "-k", "2", encoding=encoding) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    line = err.decode(encoding)
    assert line.startswith("mixtura: error: ") and line.count("\n") == 1
    assert ".csv" in line


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["reading", "training"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_fit_that_is_interrupted_leaves_nothing(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n" + "".join(f"{i % 97},{i % 89}\n" for i in range(2_000)))
    words = ("fit", "rows.csv", "-k", "3", "--epochs", "5000", "--out", "deep/run")
    with start(*words, cwd=tmp_path) as process:
        assert process.stderr is not None
        if moment == "training":
            while b"epoch" not in process.stderr.readline():
                assert process.poll() is None
        else:
            deadline = time.monotonic() + 60
            while not (tmp_path / "deep").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, b"")
    assert err.splitlines()[-1].startswith(b"mixtura: ")
    assert b"nothing was kept" in err.splitlines()[-1]
    assert b"Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
