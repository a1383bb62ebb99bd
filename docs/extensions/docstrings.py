"""Docstrings as they are written, read as reStructuredText: batch shapes, and references of each its own."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx


def to_rest(lines: list[str]) -> list[str]:
    r"""Return the lines of a docstring so that none is taken for something else.

    The star of a shape ``(*B, d)`` begins no emphasis, and ``.. [1]`` in two docstrings of one page are not
    two places of one name.

    Parameters
    ----------
    lines : list of str
        Without their common indentation.

    Returns
    -------
    list of str

    Examples
    --------
    >>> to_rest(["value : Tensor of shape (*B)", ".. [1] S. Amari, 1985."])
    ['value : Tensor of shape (\\*B)', '1. \\S. Amari, 1985.']
    """
    lines = [re.sub(r"^(\s*)\.\. \[(\d+)\] ", r"\1\2. \\", line) for line in lines]
    return [line if ">>>" in line else re.sub(r"(?<!`)\(\*(?=[A-Z])", r"(\\*", line) for line in lines]


def _process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = to_rest(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Come before napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
