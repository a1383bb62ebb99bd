from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mixtura
from mixtura.cli.project import SUFFIXES

SOURCE = "1/3 N(-3,1) + 2/3 N(3,1)"
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".svg": b"<?xml"}

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_both_directions_and_their_numbers(call: Call) -> None:
    document = call("project", SOURCE, "--json").document
    assert list(document) == ["target", "dimension", "projections"]
    assert document["target"] == "1/3 N(-3, 1) + 2/3 N(3, 1)"
    assert document["dimension"] == 1
    inclusive, exclusive = document["projections"]
    keys = ["direction", "alpha", "covariance", "mean", "sd", "kl", "kl_error", "method"]
    assert list(inclusive) == [*keys, "stationary_points", "findings"]
    assert (inclusive["direction"], inclusive["alpha"], inclusive["covariance"]) == ("inclusive", 1, "full")
    assert inclusive["mean"] == pytest.approx(1, abs=1e-12)
    assert inclusive["sd"] == pytest.approx(3, abs=1e-12)
    assert (exclusive["direction"], exclusive["alpha"]) == ("exclusive", 0)
    assert exclusive["mean"] == pytest.approx(2.98964, abs=1e-5)
    assert exclusive["kl"] == pytest.approx(0.40257, abs=1e-5)
    points = exclusive["stationary_points"]
    assert [point["kind"] for point in points] == ["minimum", "minimum", "saddle"]
    assert points[0] == {name: exclusive[name] for name in ("mean", "sd", "kl")} | {"kind": "minimum"}


def test_what_a_person_reads(call: Call) -> None:
    ended = call("project", SOURCE)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "target: 1/3 N(-3, 1) + 2/3 N(3, 1)  (variances, as in N(mean, variance))"
    rows = {line.split()[0]: line for line in lines[2:]}
    assert rows["inclusive"].split()[:4] == ["inclusive", "KL(p||q)", "1", "3"]
    for words in ("2.98964", "1.01595", "0.40257", "2 minima, 1 saddle"):
        assert words in rows["exclusive"]
    assert len(lines) == 4


@pytest.mark.parametrize("direction", ["inclusive", "exclusive"])
def test_one_direction(call: Call, direction: str) -> None:
    document = call("project", SOURCE, "--direction", direction, "--json").document
    assert [one["direction"] for one in document["projections"]] == [direction]


def test_every_stationary_point_is_listed_when_asked(call: Call) -> None:
    out = call("project", SOURCE, "--stationary").out
    assert out.count("minimum") >= 3 and "-2.13416" in out and "-2.97588" in out
    assert "-2.13416" not in call("project", SOURCE).out


def test_places_of_the_path(call: Call) -> None:
    document = call("project", SOURCE, "--alpha", 0.5, "--alpha", "1", "--json").document
    assert [one["alpha"] for one in document["projections"]] == [1, 0, 0.5, 1]
    assert "path" not in document
    half, one = document["projections"][2:]
    assert half["direction"] == "alpha" and 0.97 < half["mean"] < 0.98
    assert one["sd"] == pytest.approx(3, abs=1e-8)
    assert "alpha 0.5" in call("project", SOURCE, "--alpha", "0.5").out


def test_the_whole_path(call: Call) -> None:
    path = call("project", SOURCE, "--path", "--json").document["path"]
    assert set(path) >= {"branches", "folds", "jumps"}
    assert {"alpha", "mean", "scale", "divergence", "stable"} <= set(path["branches"][0])
    assert len(path["folds"]) == 3 and len(path["jumps"]) == 1
    out = call("project", SOURCE, "--path").out
    assert out.count("fold at alpha") == 3 and "jump at alpha = 0.391" in out


def test_vectors(call: Call) -> None:
    target = "1/2 N([-2,-1], [[1,.5],[.5,1]]) + 1/2 N([2,1], [1, 2])"
    document = call("project", target, "--json", "--starts", "4").document
    inclusive, exclusive = document["projections"]
    assert document["dimension"] == 2 and "sd" not in inclusive
    assert inclusive["mean"] == pytest.approx([0, 0], abs=1e-12)
    assert inclusive["covariance_matrix"][0] == pytest.approx([5, 2.25])
    assert len(exclusive["stationary_points"][0]["covariance_matrix"]) == 2
    out = call("project", target, "--starts", "4", "--direction", "inclusive").out
    assert "(0, 0)" in out and "corr" in out


def test_families_of_covariances(call: Call) -> None:
    words = ("project", "N([0,0], [[2,1],[1,2]])", "--json", "--direction", "inclusive", "--covariance")
    for family in ("diag", "spherical"):
        [one] = call(*words, family).document["projections"]
        assert one["covariance"] == family
        assert one["covariance_matrix"] == [pytest.approx([2, 0]), pytest.approx([0, 2])]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_command_writes_the_same_bytes(call: Call, place: Path, suffix: str) -> None:
    written = []
    for name in (f"a{suffix}", f"deep/b{suffix.upper()}"):
        ended = call("project", SOURCE, "--out", name)
        assert ended.code == 0 and ended.out.splitlines()[-1] == f"figure: {name}"
        written.append((place / name).read_bytes())
    assert written[0] == written[1] and written[0].startswith(MAGIC[suffix])
    assert call("project", SOURCE, "--out", f"a{suffix}", "--json", "--force").document["out"] == f"a{suffix}"


def test_the_svg_holds_the_numbers_of_its_legend_as_text(call: Call, place: Path) -> None:
    assert call("project", SOURCE, "--stationary", "--alpha", ".5", "--out", "f.svg", "-q") == (0, "", "")
    text = (place / "f.svg").read_text(encoding="utf-8")
    minus = "\N{MINUS SIGN}"
    for words in (
        f"p(x) = 1/3 N({minus}3, 1) + 2/3 N(3, 1)",
        "N(1, 3²)",
        "N(2.99, 1.02²)",
        "KL(q ‖ p) = 0.403 nats",
        f"other minimum\N{EM SPACE}N({minus}2.98, 1.03²)",
        "alpha = 0.5",
    ):
        assert words in text


def test_the_path_is_drawn_below(call: Call, place: Path) -> None:
    assert call("project", SOURCE, "--path", "--out", "f.svg").code == 0
    text = (place / "f.svg").read_text(encoding="utf-8")
    for words in (">closest<", ">fold<", ">jump<", ">inclusive<", ">density<"):
        assert words in text


def test_a_figure_on_the_plane(call: Call, place: Path) -> None:
    target = "N([0, 1], [[1, 0.6], [0.6, 4]])"
    assert call("project", target, "--out", "f.svg", "--direction", "inclusive").code == 0
    assert "mean (0, 1), sd (1, 2), corr 0.3" in (place / "f.svg").read_text(encoding="utf-8")


def test_a_log_density_of_ones_own(call: Call, place: Path) -> None:
    (place / "own_density_of_project.py").write_text(
        "print('hello')\ndef log_p(x):\n    return -(x**2 - 1) ** 2\n"
    )
    ended = call("project", "own_density_of_project:log_p", "--json", "--out", "f.svg")
    assert ended.code == 0 and "hello" in ended.err
    inclusive, exclusive = ended.document["projections"]
    assert inclusive["mean"] == pytest.approx(0, abs=1e-8)
    assert len(exclusive["stationary_points"]) % 2 == 1
    text = (place / "f.svg").read_text(encoding="utf-8")
    assert "log_p (normalised over the points drawn)" in text


@pytest.mark.parametrize(
    ("words", "place_of_caret", "said"),
    [
        (("1/3 N(-3;1)",), 8, "character 9 (';'): expected ',' between mean and variance"),
        (("-1 N(0,1)",), 0, "a weight cannot be negative"),
        (("--json", "-1 N(0,1)", "--seed", "3"), 0, "a weight cannot be negative"),
        (("--", "-1 N(0,1)"), 0, "a weight cannot be negative"),
        (("-N(0,1)",), 1, "expected a weight"),
        (("- 1/2 N(0,1)",), 0, "a weight cannot be negative"),
        (("\N{MINUS SIGN}1 N(0,1)",), 0, "a weight cannot be negative"),
        (("",), 0, "expected a mixture"),
        (("foo",), 0, "a log-density MODULE:FUNCTION"),
        (("N(0,1) + N([0,1],[[1,2],[2,1]])",), 11, "the first component"),
        (("N([0,1],[[1,2],[2,1]])",), 8, "smallest eigenvalue is -1"),
    ],
)
def test_a_text_that_cannot_be_read_is_pointed_at(
    call: Call, words: tuple[str, ...], place_of_caret: int, said: str
) -> None:
    ended = call("project", *words)
    assert (ended.code, ended.out) == (2, "")
    line, shown, caret = ended.err.splitlines()
    assert line.startswith("mixtura: error: character ") and said in line
    assert shown in words and caret == " " * place_of_caret + "^"


def test_nothing_of_a_hostile_text_reaches_the_terminal(call: Call) -> None:
    err = call("project", "N(0,1)\n\x1b[31m" + "x" * 5000).err
    assert err.count("\n") == 3 and "\x1b" not in err
    assert max(map(len, err.splitlines())) < 120


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("N(0,1) + N(3,1)",), ("sum to 2", "--normalise")),
        (("0.3 N(0,1)",), ("sum to 0.3",)),
        (("N(0,1)", "--alpha", "-0.5"), ("--alpha -0.5",)),
        (("N(0,1)", "--alpha", "2"), ("--alpha 2", "from 0")),
        (("N([0,0],1)", "--alpha", ".5"), ("--alpha", "2 dimensions")),
        (("N([0,0],1)", "--path"), ("--path", "2 dimensions")),
        (("N([0,0,0],1)", "--out", "f.svg"), ("3", "--out", "--json")),
        (("N(0,1)", "--out", "f.jpg"), (".png, .pdf or .svg",)),
        (("N(0,1)", "--out", "taken.svg"), ("--force",)),
        (("N(0,1)", "--starts", "0"), ("--starts 0",)),
        (("N(0,1)", "--samples", "-1"), ("--samples -1",)),
        (("N(0,1)", "--dimension", "0"), ("--dimension 0",)),
        (("N(0,1)", "--dimension", "1"), ("--dimension",)),
        (("N(0,1)", "--seed", "-1"), ("--seed -1",)),
        (("nosuchmodule:f",), ("nosuchmodule", "current folder")),
        (("N(0,1)", "N(1,1)"), ("N(1,1)",)),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Call, place: Path, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    (place / "taken.svg").write_text("mine")
    call("project", *words).assert_refused(*said)
    assert [file.name for file in place.iterdir()] == ["taken.svg"]
    assert (place / "taken.svg").read_text() == "mine"


def test_weights_are_normalised_when_asked(call: Call) -> None:
    document = call("project", "N(-3,1) + 2 N(3,1)", "--normalise", "--json").document
    assert document["target"] == "1/3 N(-3, 1) + 2/3 N(3, 1)"


def test_a_failing_drawing_leaves_no_file(call: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixtura.plot.paper.save_figure", fail)
    call("project", "N(0,1)", "--out", "deep/f.svg").assert_refused("No space left")
    assert list(place.iterdir()) == []


def test_as_a_process_in_a_pipeline_stdout_is_one_document(place: Path) -> None:
    (place / "own_density_in_a_pipeline.py").write_text(
        "print('hello')\ndef log_p(x):\n    print('called')\n    return -0.5 * (x - 2) ** 2\n"
    )
    path = os.pathsep.join([str(Path(mixtura.__file__).parents[1]), sysconfig.get_paths()["purelib"]])
    words = ["project", "own_density_in_a_pipeline:log_p", "--json", "--out", "f.pdf"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mixtura.cli", *words],
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "TkAgg"},
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(done.stdout)
    assert document["projections"][0]["mean"] == pytest.approx(2, abs=1e-6)
    assert (place / "f.pdf").read_bytes().startswith(MAGIC[".pdf"])
