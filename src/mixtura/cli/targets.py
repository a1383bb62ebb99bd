"""The TARGET of ``project``: a mixture as text, or a log-density of one's own as MODULE:FUNCTION."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import reduce
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from mixtura.cli.failures import PointedError
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.projection.target import Target

_REFERENCE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")
# A word such as -1 N(0,1): a minus and a number, or a single minus and something with a bracket.
_NEGATIVE = re.compile(r"-+\s*[\d.]|-[^-=]*\(")
# No word of a command line holds this character, so it marks one without changing it.
_MARK = "\0"


class TargetCommand(TyperCommand):
    """A verb whose argument may begin with a minus sign, as ``-1 N(0,1)`` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Mark the first such word, unless it is the value of an option, and go on as ever."""
        valued = {
            name
            for parameter in self.params
            if parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
            for name in parameter.opts
        }
        for place, word in enumerate(args):
            if word == "--":
                break
            if _NEGATIVE.match(word) and not (place and args[place - 1] in valued):
                args = [*args[:place], _MARK + word, *args[place + 1 :]]
                break
        return super().parse_args(ctx, args)


def unmarked(word: str) -> str:
    """Return a word as it was typed."""
    return word.removeprefix(_MARK)


@contextmanager
def own_code() -> Iterator[None]:
    """Let a person's own code import what lies beside it, and keep what it prints off stdout."""
    with _on_path(len(sys.path)), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _on_path(place: int) -> Iterator[None]:
    """Put the current folder among the places of modules."""
    here = str(Path.cwd())
    sys.path.insert(place, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(here)


def read_target(text: str, *, normalise: bool = False, dimension: int | None = None) -> tuple[Target, str]:
    """Return the target that a word of the command line names, and how to write it.

    Parameters
    ----------
    text : str
        A mixture such as ``1/3 N(-3,1) + 2/3 N(3,1)``, or ``MODULE:FUNCTION``.
    normalise : bool
        Whether the weights of a mixture are divided by their sum.
    dimension : int, optional
        The number of dimensions of a log-density.

    Returns
    -------
    (Target, str)

    Raises
    ------
    InputError
        If it is neither; a `PointedError` where the text of a mixture cannot be read.

    Examples
    --------
    >>> read_target("0.5N(-1,1)+0.5N(1,1)")[1]
    '0.5 N(-1, 1) + 0.5 N(1, 1)'
    """
    named = _REFERENCE.fullmatch(text.strip())
    if named is None:
        return _read_mixture(text, normalise, dimension)
    if normalise:
        raise InputError("--normalise belongs to a mixture as text; a log-density needs no normalising")
    from torch.distributions import Distribution

    from mixtura.projection.target import as_target

    found = load(named.group(1), named.group(2))
    if isinstance(found, Distribution):
        if dimension is not None:
            raise InputError(
                f"--dimension belongs to a log-density; {text!r} is a distribution and knows its own"
            )
        return as_target(found), text.strip()
    if not callable(found):
        raise InputError(
            f"{text!r} is of type {type(found).__name__}; name a function that returns log p at points, or a "
            "torch distribution"
        )
    return as_target(found, dimension=dimension), text.strip()


def load(module: str, name: str) -> Any:
    """Return an object of a module, which is looked for in the current folder first.

    Raises
    ------
    InputError
        If there is no such module or object, or importing it fails.

    Examples
    --------
    >>> load("math", "lgamma")(1.0)
    0.0
    """
    if module.endswith(".py"):
        raise InputError(f"{module!r} is a file; name the module without .py: {module[:-3]}:{name}")
    top = module.partition(".")[0]
    here, known = PathFinder.find_spec(top, [str(Path.cwd())]), sys.modules.get(top)
    if here is not None and here.origin is not None and known is not None:
        file = getattr(known, "__file__", None)
        if file is None or Path(file).resolve() != Path(here.origin).resolve():
            raise InputError(
                f"the module {top!r} of the current folder has the name of one that is loaded already; "
                "rename it"
            )
    try:
        # First for this import alone: libraries must not meet a file such as json.py when they import later.
        with _on_path(0):
            found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no module {module!r}, neither in the current folder nor among those installed; "
                "TARGET is a mixture such as '1/3 N(-3,1) + 2/3 N(3,1)', or MODULE:FUNCTION"
            ) from error
        raise InputError(_import_failed(module, error)) from error
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        raise InputError(_import_failed(module, error)) from error
    try:
        return reduce(getattr, name.split("."), found)
    except AttributeError as error:
        near = difflib.get_close_matches(name, [other for other in vars(found) if not other.startswith("_")])
        hint = f"; did you mean {' or '.join(near)}?" if near else "; check the name"
        raise InputError(f"the module {module!r} has no {name!r}{hint}") from error


def _read_mixture(text: str, normalise: bool, dimension: int | None) -> tuple[Target, str]:
    """Return the mixture that a text describes; an error shows the text and the place in it."""
    from mixtura.projection.notation import NotationError, format_mixture, parse_mixture
    from mixtura.projection.target import as_target

    if ":" in text and "(" not in text:
        raise InputError(
            f"{text!r} is no MODULE:FUNCTION; name a module that Python can import and a function in it, "
            "such as density:log_p for the file density.py of the current folder"
        )
    try:
        mixture = parse_mixture(text, normalise=normalise)
    except NotationError as error:
        other = "" if "(" in text or not text.strip() else ", a log-density MODULE:FUNCTION"
        raise PointedError(f"{error}{other}", error.excerpt()) from error
    if dimension is not None:
        raise InputError(
            "--dimension belongs to a log-density, MODULE:FUNCTION; a mixture as text knows its own"
        )
    return as_target(mixture), format_mixture(mixture)


def _import_failed(module: str, error: BaseException) -> str:
    """Return one line about an import that failed, with the place in the stranger's file."""
    here = Path.cwd()
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if here in Path(frame.filename).parents
    ]
    where = ""
    if frames and not isinstance(error, SyntaxError):
        where = f" in line {frames[-1].lineno} of {Path(frames[-1].filename).name}"
    return f"importing {module!r} failed{where}: {type(error).__name__}: {error}; mend the module first"
