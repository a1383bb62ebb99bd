from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.report.run_folder import read_run


@pytest.fixture
def folder(wine_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(wine_folder, tmp_path / "run"))


def test_a_run_is_read_whole(digits_folder: Path) -> None:
    run = read_run(digits_folder)
    assert run.n_components == 10
    assert run.image_shape == (8, 8)
    assert run.sizes.sum() == len(run.probability) == 1797
    assert run.history[0]["message"] == "read 1,797 rows"


@pytest.mark.parametrize("name", ["metrics.json", "log.jsonl", "assignments.parquet", "summary.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["metrics.json", "log.jsonl", "assignments.parquet", "summary.npz"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_a_damaged_file_is_named(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, len(whole), dtype=np.uint8).tobytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "noise": noise}[damage])
    if (name, damage) == ("log.jsonl", "empty"):
        assert read_run(folder).history == []
        return
    with pytest.raises(InputError, match=name) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


def test_a_changed_byte_inside_an_array_is_noticed(folder: Path) -> None:
    path = folder / "summary.npz"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 3] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(InputError, match=r"summary\.npz"):
        read_run(folder)


def test_no_folder_and_a_file_instead_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        read_run(folder / "nowhere")
    with pytest.raises(InputError, match="no run folder"):
        read_run(folder / "metrics.json")


@pytest.mark.parametrize("change", [{"n_rows": 3}, {"n_components": 2}])
def test_files_of_two_runs_are_refused(folder: Path, change: dict[str, int]) -> None:
    path = folder / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="not of one run"):
        read_run(folder)


def test_metrics_that_are_no_object_or_lack_a_key_are_refused(folder: Path) -> None:
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["cluster"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(InputError, match="lacks cluster"):
        read_run(folder)
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="no JSON object"):
        read_run(folder)


def test_arrays_that_are_missing_are_named(folder: Path) -> None:
    np.savez(folder / "summary.npz", map=np.zeros((1, 2)))
    with pytest.raises(InputError, match="lacks the arrays prototypes"):
        read_run(folder)


def test_an_array_file_in_place_of_an_archive_is_refused(folder: Path) -> None:
    with (folder / "summary.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InputError, match="damaged"):
        read_run(folder)


def test_a_pickled_array_is_not_opened(folder: Path) -> None:
    np.savez(folder / "summary.npz", prototypes=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="damaged"):
        read_run(folder)


def test_an_empty_group_counts(build_run: Callable[..., Path], tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(12, 3))
    run = read_run(build_run(tmp_path / "few", values, n_components=2, latent_dim=2))
    assert run.sizes.shape == (2,)
