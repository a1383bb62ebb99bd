"""Every line of bad input that a user can type: one clear line, exit code 2, nothing written."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli import main

Refuse = Callable[..., None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refuse(call: Callable[..., Any], place: Path) -> Iterator[Refuse]:
    """Return a function that asserts that the command refuses, and wrote nothing."""

    def listing() -> dict[str, bytes | None]:
        return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(place.rglob("*"))}

    def run(words: str, *said: str) -> None:
        before = listing()
        call(*words.split()).assert_refused(*said)
        assert listing() == before

    yield run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on a small table, really."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "train.csv").write_text(table_text())
    words = ["fit", str(folder / "train.csv"), "-k", "2", "--epochs", "2", "--quiet"]
    assert main([*words, "--out", str(folder / "run")]) == 0
    return folder / "run"


def table_text(n: int = 30) -> str:
    generator = np.random.default_rng(0)
    lines = [
        f"{a:.5f},{b:.5f},{c:.5f}" for a, b, c in generator.normal(size=(n, 3)) + np.arange(n)[:, None] % 2
    ]
    return "\n".join(["a,b,c", *lines]) + "\n"


def test_missing_file(refuse: Refuse) -> None:
    refuse("fit nowhere.csv -k 2", "nowhere.csv", "no such file")


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.feather", "x.npy", "x.npz", "x.idx", "x.csv.gz"])
def test_empty_file(refuse: Refuse, place: Path, name: str) -> None:
    (place / name).touch()
    refuse(f"fit {name} -k 2", name)


def test_header_alone(refuse: Refuse, place: Path) -> None:
    (place / "x.csv").write_text("a,b\n")
    refuse("fit x.csv -k 1", "x.csv", "row")


def test_text_in_a_number_column(refuse: Refuse, place: Path) -> None:
    (place / "x.csv").write_text("age,weight\n1,2\nold,3\n4,5\n")
    refuse("fit x.csv -k 2", "age", "old", "--drop")


@pytest.mark.parametrize(("value", "said"), [("nan", "1 missing"), ("", "1 missing"), ("inf", "1 infinite")])
def test_values_that_are_no_numbers(refuse: Refuse, place: Path, value: str, said: str) -> None:
    (place / "x.csv").write_text(f"a,b\n1,2\n3,{value}\n5,6\n")
    refuse("fit x.csv -k 2", said, "'b'", "row")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-k 31", "31 components for 30 rows"),
        ("-k 0", "--components 0"),
        ("-k -1", "--components -1"),
        ("-k 2 --labels nothing", "nothing"),
        ("-k 2 --drop nothing", "nothing"),
        ("-k 2 --array nothing", "nothing"),
        ("-k 2 --likelihood bernoulli", "--binarise"),
        ("-k 2 --network conv", "images"),
        ("-k 2 --device tpu", "tpu"),
        ("-k 2 --std-floor 0", "std_floor"),
        ("-k 2 --learning-rate 7", "learning_rate"),
        ("-k 2 --std-floor wide", "'wide'"),
        ("-k 2 --start random", "random"),
        ("-k 2 --device cuda:77", "cuda:77"),
        ("-k 2 --out x.csv", "x.csv"),
        ("-k 2 --out x.csv/deep/run", "x.csv"),
        ("-k 2 --drop a --drop b --drop c", "x.csv"),
    ],
)
def test_settings_that_do_not_suit_the_data(refuse: Refuse, place: Path, words: str, said: str) -> None:
    (place / "x.csv").write_text(table_text())
    refuse(f"fit x.csv {words}", said)


def test_labels_of_another_length(refuse: Refuse, place: Path) -> None:
    (place / "x.csv").write_text(table_text())
    np.save(place / "y.npy", np.zeros(29, dtype=int))
    refuse("fit x.csv -k 2 --labels y.npy", "29 values", "30 rows")


def test_one_row(refuse: Refuse, place: Path) -> None:
    (place / "x.csv").write_text("a,b\n1,2\n")
    refuse("fit x.csv -k 1", "1 row")


@pytest.mark.parametrize("value", ["7", "1e30", "0", "1e300"])
def test_constant_data(refuse: Refuse, place: Path, value: str) -> None:
    (place / "x.csv").write_text("a,b\n" + f"{value},{value}\n" * 20)
    refuse("fit x.csv -k 2", "one value")


def test_images_of_different_sizes(refuse: Refuse, place: Path) -> None:
    from PIL import Image

    (place / "pictures").mkdir()
    for name, size in (("a.png", (8, 8)), ("b.png", (8, 9))):
        Image.new("L", size).save(place / "pictures" / name)
    refuse("fit pictures -k 1", "a.png", "b.png", "8 x 8")


def test_a_folder_without_images(refuse: Refuse, place: Path) -> None:
    (place / "pictures").mkdir()
    refuse("fit pictures -k 1", "pictures")


def write_parquet(file: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": np.random.default_rng(0).normal(size=500)}), file)


def write_feather(file: Path) -> None:
    import pyarrow as pa
    from pyarrow import feather

    feather.write_feather(pa.table({"a": np.random.default_rng(0).normal(size=500)}), str(file))


def write_idx(file: Path) -> None:
    file.write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 50, 4, 4) + bytes(range(16)) * 50)


def write_idx_gz(file: Path) -> None:
    write_idx(file)
    file.write_bytes(gzip.compress(file.read_bytes()))


def write_npz(file: Path) -> None:
    np.savez(file, X=np.random.default_rng(0).normal(size=(50, 3)))


def write_npy(file: Path) -> None:
    np.save(file, np.random.default_rng(0).normal(size=(50, 3)))


@pytest.mark.parametrize("part", [0.02, 0.5, 0.98])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.parquet", write_parquet),
        ("x.feather", write_feather),
        ("x.npz", write_npz),
        ("x.npy", write_npy),
        ("x.idx", write_idx),
        ("x-ubyte.gz", write_idx_gz),
    ],
)
def test_truncated_files(
    refuse: Refuse, place: Path, name: str, write: Callable[[Path], None], part: float
) -> None:
    write(place / name)
    content = (place / name).read_bytes()
    (place / name).write_bytes(content[: int(len(content) * part)])
    refuse(f"fit {name} -k 2", name)


@pytest.mark.parametrize("verb", ["assign model x.csv", "score model x.csv", "sample model"])
@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
@pytest.mark.parametrize("harm", ["changed", "missing", "gone", "empty", "extra"])
def test_a_harmed_model_folder(
    refuse: Refuse, place: Path, model: Path, verb: str, name: str, harm: str
) -> None:
    shutil.copytree(model / "model", place / "model")
    (place / "x.csv").write_text(table_text())
    file = place / "model" / name
    content = bytearray(file.read_bytes())
    if harm == "gone":
        file.unlink()
    else:
        middle = len(content) // 2
        content[middle] ^= 1
        harmed = {"changed": content, "missing": content[:-1], "empty": b"", "extra": content + b"x"}
        file.write_bytes(harmed[harm])
    refuse(verb, name)


@pytest.mark.parametrize("verb", ["assign", "score"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "missing 'c'"),
        ("a,b,d\n1,2,3\n", "missing 'c'"),
        ("a,b,c,d\n1,2,3,4\n", "'d'"),
    ],
)
def test_data_with_other_columns(
    refuse: Refuse, place: Path, model: Path, verb: str, text: str, said: str
) -> None:
    (place / "x.csv").write_text(text)
    refuse(f"{verb} {model} x.csv", said)


@pytest.mark.parametrize("verb", ["assign", "score"])
def test_data_of_another_form(refuse: Refuse, place: Path, model: Path, verb: str) -> None:
    np.save(place / "x.npy", np.zeros((5, 8, 8), dtype=np.uint8))
    refuse(f"{verb} {model} x.npy", "other columns")


def test_no_permission_to_write(refuse: Refuse, place: Path, model: Path) -> None:
    closed = place / "closed"
    closed.mkdir()
    (place / "x.csv").write_text(table_text())
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):
        closed.chmod(0o700)
        pytest.skip("this user may write anywhere")
    try:
        refuse("fit x.csv -k 2 --out closed/run", "permission", "closed")
        refuse(f"sample {model} --out closed/x.csv", "permission", "closed")
    finally:
        closed.chmod(0o700)


def test_a_model_is_no_data_and_data_no_model(refuse: Refuse, place: Path, model: Path) -> None:
    (place / "x.csv").write_text(table_text())
    refuse("assign x.csv x.csv", "x.csv")
    refuse(f"assign {model} {model}", "run")
    refuse("report x.csv", "x.csv")
    refuse("sample .", "model.json")
