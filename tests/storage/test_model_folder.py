from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.errors import InputError, ModelFileError
from mixtura.storage import read_model, write_model
from mixtura.storage.model_folder import FORMAT_VERSION, _canonical, _digest, _render

DOCUMENT = {
    "versions": {"mixtura": "0.1.0", "torch": "2.13.0+cpu"},
    "settings": {"n_components": 3, "learning_rate": 1e-3, "hidden": [64, 64], "image_shape": None},
    "encoding": {"mean": [0.1, 1e300, 5e-324, -0.0], "names": ["größe", 'a "quoted" name', "</script>"]},
}
TENSORS = {
    "means": np.arange(6, dtype=np.float32).reshape(3, 2),
    "network.0.weight": np.linspace(-1, 1, 12).reshape(4, 3).T,
    "scale": np.array(0.1),
    "used": np.array([True, False]),
    "sizes": np.array([5, 4, 3]),
    "none": np.empty((0, 4), dtype=np.float32),
}
FILES = ("model.json", "weights.safetensors")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_model(folder, DOCUMENT, TENSORS)
    return folder


def resealed(folder: Path, **changes: object) -> None:
    """Change keys of model.json and seal it again, as another program would have written it."""
    document = json.loads((folder / "model.json").read_text()) | changes
    rest = {key: value for key, value in document.items() if key != "sha256"}
    (folder / "model.json").write_bytes(_render({**document, "sha256": _digest(_canonical(rest))}))


def assert_damaged(folder: Path, match: str = ".") -> None:
    with pytest.raises(ModelFileError, match=match) as caught:
        read_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    assert ";" in message, "the message names no mend"


def test_round_trip(model: Path) -> None:
    document, tensors = read_model(model)
    assert document == DOCUMENT
    assert repr(document["encoding"]["mean"]) == repr(DOCUMENT["encoding"]["mean"])
    assert tensors.keys() == TENSORS.keys()
    for name, expected in TENSORS.items():
        assert tensors[name].dtype == expected.dtype
        assert tensors[name].shape == expected.shape
        np.testing.assert_array_equal(tensors[name], expected)


def test_two_files_and_nothing_else(model: Path) -> None:
    assert sorted(path.name for path in model.iterdir()) == sorted(FILES)


def test_no_tensors(tmp_path: Path) -> None:
    write_model(tmp_path / "model", {"versions": {}}, {})
    assert read_model(tmp_path / "model") == ({"versions": {}}, {})


def test_same_content_same_bytes(model: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again", DOCUMENT, dict(reversed(TENSORS.items())))
    for name in FILES:
        assert (model / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_other_byte_order_is_the_same_number(tmp_path: Path) -> None:
    write_model(tmp_path / "model", {"versions": {}}, {"a": np.array([1.5, -2.0], dtype=">f8")})
    np.testing.assert_array_equal(read_model(tmp_path / "model")[1]["a"], [1.5, -2.0])


def test_a_run_folder_leads_to_its_model(model: Path) -> None:
    assert read_model(model.parent)[0] == DOCUMENT


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mask", [0x01, 0x20, 0xFF])
def test_flipped_byte(model: Path, name: str, mask: int) -> None:
    intact = (model / name).read_bytes()
    for position in range(0, len(intact), 5):
        changed = bytearray(intact)
        changed[position] ^= mask
        (model / name).write_bytes(changed)
        assert_damaged(model)
    (model / name).write_bytes(intact)
    read_model(model)


@pytest.mark.parametrize("name", FILES)
def test_missing_byte(model: Path, name: str) -> None:
    intact = (model / name).read_bytes()
    for position in [0, 1, len(intact) // 2, len(intact) - 1]:
        (model / name).write_bytes(intact[:position] + intact[position + 1 :])
        assert_damaged(model)
        (model / name).write_bytes(intact[:position])
        assert_damaged(model)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("extra", [b"\0", b" ", b"\n", b"}"])
def test_extra_byte(model: Path, name: str, extra: bytes) -> None:
    intact = (model / name).read_bytes()
    for position in [0, len(intact) // 2, len(intact)]:
        (model / name).write_bytes(intact[:position] + extra + intact[position:])
        assert_damaged(model)


@given(text=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_for_a_document(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, DOCUMENT, TENSORS)
    (folder / "model.json").write_bytes(text)
    assert_damaged(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, '"\\ud800"', "null", "[]", "1e999", "NaN"])
def test_hostile_document(model: Path, text: str) -> None:
    (model / "model.json").write_text(text)
    assert_damaged(model, match=r"model\.json")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5_000])
def test_hostile_number(model: Path, number: str) -> None:
    file = model / "model.json"
    file.write_text(file.read_text().replace("0.001", number))
    assert_damaged(model, match=r"model\.json")


@pytest.mark.parametrize("name", FILES)
def test_missing_file(model: Path, name: str) -> None:
    (model / name).unlink()
    assert_damaged(model, match=name)


def test_missing_folder(tmp_path: Path) -> None:
    assert_damaged(tmp_path / "nothing", match="No such file")


def test_a_file_for_a_folder(model: Path) -> None:
    assert_damaged(model / "model.json")


def test_a_folder_for_a_file(model: Path) -> None:
    (model / "model.json").unlink()
    (model / "model.json").mkdir()
    assert_damaged(model, match=r"model\.json")


def test_extra_file(model: Path) -> None:
    (model / "weights.pkl").write_bytes(b"")
    assert_damaged(model, match=r"weights\.pkl")


def test_hidden_file_of_a_desktop_is_no_damage(model: Path) -> None:
    (model / ".DS_Store").write_bytes(b"")
    assert read_model(model)[0] == DOCUMENT


def test_unreadable_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert_damaged(model, match="permission")


def test_weights_of_another_model(model: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "other", DOCUMENT, {**TENSORS, "scale": np.array(0.2)})
    (model / "weights.safetensors").write_bytes((tmp_path / "other" / "weights.safetensors").read_bytes())
    assert_damaged(model, match=r"weights\.safetensors")


def test_sealed_weights_that_are_no_safetensors(model: Path) -> None:
    (model / "weights.safetensors").write_bytes(b"not tensors")
    resealed(model, weights_sha256=_digest(b"not tensors"))
    assert_damaged(model, match=r"weights\.safetensors")


def test_newer_version_says_update(model: Path) -> None:
    resealed(model, format_version=FORMAT_VERSION + 1)
    assert_damaged(model, match="upgrade")


@pytest.mark.parametrize("version", [0, -1, True, "1", None])
def test_no_version(model: Path, version: object) -> None:
    resealed(model, format_version=version)
    assert_damaged(model, match="format_version")


def test_other_format(model: Path) -> None:
    resealed(model, format="another-model")
    assert_damaged(model, match="not a model of mixtura")


def test_sealed_document_without_versions(model: Path) -> None:
    resealed(model, versions=None)
    assert_damaged(model, match="versions")


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ({}, "versions"),
        ({"versions": {"torch": 2}}, "versions.torch"),
        ({"versions": {}, "sha256": ""}, "sha256"),
        ({"versions": {}, "mean": float("nan")}, "JSON"),
        ({"versions": {}, "mean": np.zeros(2)}, "JSON"),
    ],
)
def test_document_that_cannot_be_written(tmp_path: Path, document: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        write_model(tmp_path / "model", document, TENSORS)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("tensor", [np.array(["a"]), np.array([None]), np.array([1j])])
def test_tensor_that_cannot_be_written(tmp_path: Path, tensor: np.ndarray) -> None:
    with pytest.raises(InputError, match="'odd'"):
        write_model(tmp_path / "model", DOCUMENT, {"odd": tensor})
    assert not (tmp_path / "model").exists()


def test_folder_in_use_is_refused(model: Path) -> None:
    before = {name: (model / name).read_bytes() for name in FILES}
    with pytest.raises(InputError, match="not empty"):
        write_model(model, DOCUMENT, {})
    assert before == {name: (model / name).read_bytes() for name in FILES}


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        write_model(tmp_path / "model", DOCUMENT, TENSORS)
