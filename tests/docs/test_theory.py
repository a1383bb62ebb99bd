from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (ROOT / "docs" / "theory").glob("*.md") if path.name != "index.md")


def named_tests(page: Path) -> list[tuple[str, str]]:
    """Return the tests that a page says it is checked by, as file and function."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_states_its_claim_and_names_what_checks_it(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Statement"
    assert headings[-1] == "Checked by"
    assert named_tests(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    for file, function in named_tests(page):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, function
    for file in re.findall(r"\b(?:tests|benchmarks|src)/[\w/]+(?:\.py)?", page.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), file
