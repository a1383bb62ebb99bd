from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from mixtura.errors import InputError
from mixtura.storage import new_file, new_folder, write_model

KINDS = pytest.mark.parametrize("make", [new_folder, new_file])


def fill(path: Path, text: str) -> None:
    """Write ``text`` to a file, or into a folder."""
    (path / "metrics.json" if path.is_dir() else path).write_text(text)


def read(path: Path) -> str:
    return (path / "metrics.json" if path.is_dir() else path).read_text()


def old_output(make, path: Path) -> None:
    """Put there what an earlier command wrote."""
    if make is new_folder:
        (path / "model").mkdir(parents=True)
    fill(path, "old")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_refused(make, target: Path, *, match: str, force: bool = False) -> None:
    """Check that the block is never entered, that the message is one line and that nothing changed."""
    before = sorted(target.parent.iterdir()) if target.parent.is_dir() else None
    with pytest.raises(InputError, match=match) as caught, make(target, force=force):
        pytest.fail("the block was entered")
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value), "the message names no mend"
    assert before == (sorted(target.parent.iterdir()) if target.parent.is_dir() else None)


@KINDS
def test_appears_whole(make, tmp_path: Path) -> None:
    target = tmp_path / "out.csv.gz"
    with make(target) as part:
        assert part.parent == tmp_path
        assert part.name.startswith(".")
        assert part.name.endswith(target.name)
        fill(part, "new")
        assert not target.exists()
    assert read(target) == "new"
    assert names(tmp_path) == [target.name]


@KINDS
def test_permissions_are_the_usual_ones(make, tmp_path: Path) -> None:
    with make(tmp_path / "out"):
        pass
    plain = tmp_path / "plain"
    plain.mkdir() if make is new_folder else plain.touch()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@KINDS
def test_parents_are_made(make, tmp_path: Path) -> None:
    with make(tmp_path / "a" / "b" / "out") as part:
        fill(part, "new")
    assert read(tmp_path / "a" / "b" / "out") == "new"


@KINDS
def test_relative_path_keeps_its_place_when_the_folder_changes(make, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with make("out") as part:
        fill(part, "new")
        monkeypatch.chdir("/")
    assert read(tmp_path / "out") == "new"


@KINDS
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("place", ["out", "a/b/out"])
def test_interrupted_leaves_nothing(make, error: type[BaseException], place: str, tmp_path: Path) -> None:
    with pytest.raises(error), make(tmp_path / place) as part:
        fill(part, "half")
        raise error
    assert names(tmp_path) == []


@KINDS
def test_interrupted_with_force_leaves_the_old(make, tmp_path: Path) -> None:
    old_output(make, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt), make(tmp_path / "out", force=True) as part:
        fill(part, "half")
        raise KeyboardInterrupt
    assert read(tmp_path / "out") == "old"
    assert names(tmp_path) == ["out"]


@KINDS
def test_existing_is_refused(make, tmp_path: Path) -> None:
    old_output(make, tmp_path / "out")
    assert_refused(make, tmp_path / "out", match="--force")
    assert read(tmp_path / "out") == "old"


@KINDS
def test_force_replaces(make, tmp_path: Path) -> None:
    old_output(make, tmp_path / "out")
    with make(tmp_path / "out", force=True) as part:
        fill(part, "new")
        assert read(tmp_path / "out") == "old"
    assert read(tmp_path / "out") == "new"
    assert names(tmp_path) == ["out"]


def test_force_replaces_the_whole_folder(tmp_path: Path) -> None:
    old_output(new_folder, tmp_path / "out")
    with new_folder(tmp_path / "out", force=True) as part:
        (part / "metrics.json").write_text("new")
    assert names(tmp_path / "out") == ["metrics.json"]


def test_force_replaces_a_model_and_an_empty_folder(tmp_path: Path) -> None:
    write_model(tmp_path / "model", {"versions": {}}, {})
    (tmp_path / "empty").mkdir()
    for name in ["model", "empty"]:
        with new_folder(tmp_path / name, force=True) as part:
            fill(part, "new")
        assert read(tmp_path / name) == "new"


@pytest.mark.parametrize("entries", [["thesis.tex"], ["metrics.json", "thesis.tex"], ["model.json"]])
def test_force_spares_the_folders_of_others(entries: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for entry in entries:
        (tmp_path / "mine" / entry).write_text("years of work")
    assert_refused(new_folder, tmp_path / "mine", force=True, match="holds no run")
    assert names(tmp_path / "mine") == sorted(entries)


@pytest.mark.parametrize("entry", ["groups.parquet", "model/notes.txt", "a\nb"])
def test_force_spares_what_others_put_into_a_run(entry: str, tmp_path: Path) -> None:
    old_output(new_folder, tmp_path / "out")
    (tmp_path / "out" / "report.html").touch()
    (tmp_path / "out" / entry).write_text("years of work")
    (tmp_path / "out" / "zebra.txt").touch()
    first = re.escape(repr(entry) if "/" not in entry else "'zebra.txt'")
    assert_refused(new_folder, tmp_path / "out", force=True, match=first)
    assert (tmp_path / "out" / entry).read_text() == "years of work"


def test_force_spares_what_others_put_into_a_model(tmp_path: Path) -> None:
    write_model(tmp_path / "model", {"versions": {}}, {})
    (tmp_path / "model" / "notes.txt").write_text("years of work")
    assert_refused(new_folder, tmp_path / "model", force=True, match=r"notes\.txt")


def test_what_came_into_a_run_while_its_successor_was_made_is_spared(tmp_path: Path) -> None:
    old_output(new_folder, tmp_path / "out")
    with (
        pytest.raises(InputError, match=r"groups\.parquet.*kept in"),
        new_folder(tmp_path / "out", force=True) as part,
    ):
        fill(part, "new")
        (tmp_path / "out" / "groups.parquet").touch()
    assert read(tmp_path / "out") == "old"


def test_hidden_files_are_nobodys_work(tmp_path: Path) -> None:
    old_output(new_folder, tmp_path / "out")
    (tmp_path / "out" / ".DS_Store").touch()
    with new_folder(tmp_path / "out", force=True) as part:
        fill(part, "new")
    assert names(tmp_path / "out") == ["metrics.json"]


def test_force_spares_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_output(new_folder, tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    assert_refused(new_folder, tmp_path / "out", force=True, match="the folder you are in")


@pytest.mark.parametrize("force", [False, True])
def test_the_other_kind_is_in_the_way(force: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("years of work")
    (tmp_path / "folder").mkdir()
    assert_refused(new_folder, tmp_path / "file", force=force, match="is a file")
    assert_refused(new_file, tmp_path / "folder", force=force, match="no ordinary file")
    assert (tmp_path / "file").read_text() == "years of work"


def test_a_device_is_not_replaced() -> None:
    assert_refused(new_file, Path(os.devnull), force=True, match="no ordinary file")


@KINDS
def test_a_file_among_the_parents(make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(make, tmp_path / "file" / "out", match="file' is a file")
    assert_refused(make, tmp_path / "file" / "a" / "out", match="file' is a file")


@KINDS
def test_a_link_is_followed(make, tmp_path: Path) -> None:
    old_output(make, tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with make(tmp_path / "link", force=True) as part:
        fill(part, "new")
    assert (tmp_path / "link").is_symlink()
    assert read(tmp_path / "real") == "new"


def deny(*args: object, **options: object) -> None:
    raise PermissionError(13, "Permission denied")


@KINDS
def test_no_permission(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "mkdir", deny)
    monkeypatch.setattr(Path, "touch", deny)
    assert_refused(make, tmp_path / "out", match="no permission to write in")
    assert names(tmp_path) == []


@KINDS
@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_parent(make, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert_refused(make, tmp_path / "out", match="no permission to write in")
        assert_refused(make, tmp_path / "a" / "out", match="no permission to write in")
    finally:
        tmp_path.chmod(0o700)


@KINDS
def test_no_space(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    monkeypatch.setattr(Path, "touch", full)
    assert_refused(make, tmp_path / "out", match="No space left on device")


@KINDS
@pytest.mark.parametrize("force", [False, True])
def test_failed_move_keeps_old_and_new(make, force: bool, tmp_path: Path, monkeypatch) -> None:
    if force:
        old_output(make, tmp_path / "out")
    rename = os.rename

    def deny_parts(source: Path, target: Path) -> None:
        if Path(source).name.startswith(".part"):
            deny()
        rename(source, target)

    with pytest.raises(InputError, match="kept in") as caught, make(tmp_path / "out", force=force) as part:
        fill(part, "new")
        monkeypatch.setattr(os, "rename", deny_parts)
        monkeypatch.setattr(os, "replace", deny_parts)
    assert str(part) in str(caught.value)
    assert read(part) == "new"
    assert names(tmp_path) == sorted([part.name, "out"] if force else [part.name])
    if force:
        assert read(tmp_path / "out") == "old"


@KINDS
def test_what_appeared_meanwhile_is_not_replaced(make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"exists already.*kept in"), make(tmp_path / "out") as part:
        fill(part, "new")
        old_output(make, tmp_path / "out")
    assert read(tmp_path / "out") == "old"
    assert read(part) == "new"
