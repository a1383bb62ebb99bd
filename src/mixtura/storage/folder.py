"""Outputs written beside their place and moved there whole, so that a killed run leaves no half of one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mixtura.errors import InputError

RUN_ENTRIES = ("metrics.json", "model")
MODEL_ENTRIES = ("model.json", "weights.safetensors")
# All that a fit writes; anything else in a run folder is somebody's own.
RUN_CONTENTS = (*RUN_ENTRIES, "assignments.parquet", "log.jsonl", "summary.npz", "report.html")


@contextmanager
def new_folder(target: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``target`` when the block ends without an error.

    The temporary folder lies beside the target under a hidden name, so that the last step is a
    rename. If the block raises, it is removed, with the parents that were made for it. A target that
    is a symbolic link is followed.

    Parameters
    ----------
    target : path
        The folder to make; missing parents are made too.
    force : bool
        Replace an existing folder, if it is empty or holds a run or a model of mixtura and, hidden files
        aside, nothing else. The old one is removed after the new one is in place, and put back if the
        move fails.

    Yields
    ------
    pathlib.Path
        The temporary folder, empty.

    Raises
    ------
    InputError
        Before the block: the target exists, a file is in the way, or the place cannot be written to.
        After it: the move failed; the message says where the finished folder was kept.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with new_folder(Path(place) / "run") as folder:
    ...         _ = (folder / "metrics.json").write_text("{}")
    ...     [path.name for path in Path(place).iterdir()]
    ['run']
    """
    place = Path(os.path.realpath(target))
    _refuse_folder(place, force)
    with _beside(place, os.mkdir) as part:
        yield part
    with _keeping(part):
        _refuse_folder(place, force)
        _replace_folder(part, place)


@contextmanager
def new_file(target: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary file that becomes ``target`` when the block ends without an error.

    The temporary file is empty, lies beside the target under a hidden name and ends in the target's own
    name, so that writers which go by the extension do the same as they would with the target.

    Parameters
    ----------
    target : path
        The file to make; missing parents are made too.
    force : bool
        Replace an existing file.

    Yields
    ------
    pathlib.Path
        The temporary file, to be overwritten.

    Raises
    ------
    InputError
        Before the block: the target exists, is no file, or the place cannot be written to.
        After it: the move failed; the message says where the finished file was kept.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with new_file(Path(place) / "scores.csv") as file:
    ...         _ = file.write_text("score")
    ...     (Path(place) / "scores.csv").read_text()
    'score'
    """
    place = Path(os.path.realpath(target))
    _refuse_file(place, force)
    with _beside(place, lambda part: part.touch(exist_ok=False)) as part:
        yield part
    with _keeping(part):
        _refuse_file(place, force)
        os.replace(part, place)


def _refuse_folder(place: Path, force: bool) -> None:
    """Raise InputError unless a folder may be put at ``place``."""
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise InputError(f"'{place}' is a file, and a folder is to be written there; choose another place")
    if not force:
        raise InputError(
            f"'{place}' exists already; choose another place, or --force (force=True) to replace it"
        )
    if place == Path(os.path.realpath(os.curdir)):
        raise InputError(
            f"'{place}' is the folder you are in, which cannot be replaced; choose another place"
        )
    with _explaining(place):
        found = {entry.name for entry in place.iterdir()}
    if not found:
        return
    is_run = found.issuperset(RUN_ENTRIES)
    if not is_run and not found.issuperset(MODEL_ENTRIES):
        raise InputError(
            f"'{place}' holds no run and no model of mixtura ({', '.join(RUN_ENTRIES)} or "
            f"{', '.join(MODEL_ENTRIES)}), so it is not replaced; choose another place, or remove it yourself"
        )
    foreign = _foreign(found, RUN_CONTENTS if is_run else MODEL_ENTRIES)
    if is_run and (place / "model").is_dir():
        with _explaining(place):
            inside = {entry.name for entry in (place / "model").iterdir()}
        foreign += [f"model/{name}" for name in _foreign(inside, MODEL_ENTRIES)]
    if foreign:
        raise InputError(
            f"'{place}' also holds {foreign[0]!r}, which no fit wrote, so it is not "
            "replaced; move that away, or choose another place"
        )


def _foreign(found: set[str], ours: tuple[str, ...]) -> list[str]:
    """Return the names that are not ours, in order; hidden files are the system's and editors'."""
    return sorted(name for name in found.difference(ours) if not name.startswith("."))


def _refuse_file(place: Path, force: bool) -> None:
    """Raise InputError unless a file may be put at ``place``."""
    if not os.path.lexists(place):
        return
    if not place.is_file():
        raise InputError(
            f"'{place}' is no ordinary file, and a file is to be written there; choose another place"
        )
    if not force:
        raise InputError(
            f"'{place}' exists already; choose another place, or --force (force=True) to replace it"
        )


@contextmanager
def _beside(place: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a hidden entry beside ``place``; if the block raises, remove it and the parents made for it."""
    part = _hidden(place, "part")
    parents = [parent for parent in place.parents if not os.path.lexists(parent)]
    try:
        with _explaining(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            make(part)
        yield part
    except BaseException:
        _remove(part)
        for parent in parents:
            with suppress(OSError):
                parent.rmdir()
        raise


def _replace_folder(part: Path, place: Path) -> None:
    """Rename ``part`` to ``place``; what was there is put aside first and removed last."""
    aside = _hidden(place, "old")
    try:
        if os.path.lexists(place):
            os.rename(place, aside)
        os.rename(part, place)
    except BaseException:
        if os.path.lexists(aside) and not os.path.lexists(place):
            os.rename(aside, place)
        raise
    _remove(aside)


@contextmanager
def _keeping(part: Path) -> Iterator[None]:
    """Say in the error of a failed move where the finished work lies."""
    try:
        yield
    except (InputError, OSError) as error:
        raise InputError(f"{_reason(error)}; the finished work was kept in '{part}'") from error


@contextmanager
def _explaining(place: Path) -> Iterator[None]:
    """Turn the system's refusal to write at ``place`` into one line with the mend."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        blocker = next((parent for parent in place.parents if parent.is_file()), place.parent)
        raise InputError(
            f"'{blocker}' is a file, and a folder is needed there; choose another place"
        ) from error
    except PermissionError as error:
        raise InputError(f"no permission to write in '{place.parent}'; choose another place") from error
    except OSError as error:
        raise InputError(f"cannot write '{place}': {_reason(error)}; choose another place") from error


def _reason(error: Exception) -> str:
    """Return what went wrong, without the system's number and the paths."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _hidden(place: Path, what: str) -> Path:
    """Return a new hidden name beside ``place`` that ends like it."""
    return place.with_name(f".{what}-{secrets.token_hex(4)}-{place.name}")


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; what cannot be removed stays."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
