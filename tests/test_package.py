from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import mixtura

HEAVY = {"torch", "lightning_fabric", "sklearn", "scipy", "numpy", "pandas", "pyarrow", "plotly", "pydantic"}
STUB = Path(str(files("mixtura") / "__init__.pyi"))


def loaded(program: str) -> set[str]:
    """Return the top-level names of the modules that a fresh interpreter holds after ``program``."""
    report = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, sep='|')"
    command = [sys.executable, "-c", program + report]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split("|"))


def test_import_loads_nothing_heavy() -> None:
    assert loaded("import mixtura, mixtura.errors, mixtura.findings, mixtura.free_energy") & HEAVY == set()


def test_importtime_names_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import mixtura"]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in trace.splitlines()}
    assert "mixtura" in names
    assert names & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"import sys; sys.argv = ['mixtura', *{arguments}]\nfrom mixtura.cli import main\n"
    program += "try: main()\nexcept SystemExit as end: assert not end.code, end.code"
    # The estimator's defaults are numbers and words, so even the help of a verb has no need of arrays.
    assert loaded(program) & (HEAVY - {"pydantic"}) == set()


@pytest.mark.parametrize("name", mixtura.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(mixtura, name) is not None
    assert name in dir(mixtura)


def test_public_names_are_sorted_and_few() -> None:
    assert mixtura.__all__ == sorted(mixtura.__all__)
    assert len(mixtura.__all__) <= 40


def test_stub_agrees() -> None:
    body = ast.parse(STUB.read_text()).body
    imported = {alias.asname for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    (declared,) = (ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign))
    assert imported == set(declared) == set(mixtura.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="gmvae"):
        mixtura.gmvae  # noqa: B018


def test_version_is_that_of_the_installed_package() -> None:
    assert mixtura.__version__ == version("mixtura")


def test_types_are_shipped() -> None:
    assert (files("mixtura") / "py.typed").is_file()


@pytest.mark.parametrize("error", ["InputError", "ModelFileError", "TrainingError"])
def test_every_error_is_of_the_family(error: str) -> None:
    assert issubclass(getattr(mixtura, error), mixtura.MixturaError)
