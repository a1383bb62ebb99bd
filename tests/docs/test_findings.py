from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def given_names() -> set[str]:
    """Return the names of all findings that the source makes."""
    calls = (
        node
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
    )
    return {call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)}


def test_the_page_tells_of_every_finding() -> None:
    page = (ROOT / "docs" / "guide" / "findings.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert given_names() - told == set()
