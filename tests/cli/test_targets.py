from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mixtura.cli.failures import PointedError
from mixtura.cli.targets import load, own_code, read_target
from mixtura.errors import InputError

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Return a function that writes a module of a new name into the current folder."""
    monkeypatch.chdir(tmp_path)
    before, names = list(sys.path), []

    def module(text: str) -> str:
        name = f"density_{len(names)}_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        return name

    yield module
    assert sys.path == before
    for name in names:
        sys.modules.pop(name, None)


def test_a_mixture_as_text() -> None:
    target, text = read_target("1/3 N(-3,1)+2/3 N(3,1)")
    assert text == "1/3 N(-3, 1) + 2/3 N(3, 1)"
    assert target.mixture is not None and target.dimension == 1
    assert read_target("N(0,1)+N(3,1)", normalise=True)[1] == "0.5 N(0, 1) + 0.5 N(3, 1)"


def test_a_log_density_of_the_current_folder(write: Write) -> None:
    name = write("def log_p(x):\n    return -0.5 * x**2\n")
    target, text = read_target(f" {name}:log_p ")
    assert (text, target.dimension, target.normalised) == (f"{name}:log_p", 1, False)
    torch.testing.assert_close(
        target.log_prob(torch.tensor([[2.0]], dtype=torch.float64)), torch.tensor([-2.0], dtype=torch.float64)
    )
    assert read_target(f"{name}:log_p", dimension=1)[0].dimension == 1


def test_a_distribution_and_an_attribute_of_an_object(write: Write) -> None:
    name = write(
        "import torch\nclass Own:\n    p = torch.distributions.Laplace(0.0, 1.0)\n"
        "    @staticmethod\n    def log_p(z):\n        return -(z**2).sum(-1)\n"
    )
    assert read_target(f"{name}:Own.p")[0].name == "Laplace"
    assert read_target(f"{name}:Own.log_p", dimension=3)[0].dimension == 3
    with pytest.raises(InputError, match="--dimension"):
        read_target(f"{name}:Own.p", dimension=2)


def test_a_module_may_import_what_lies_beside_it_even_when_called(write: Write) -> None:
    inner = write("def half(x):\n    return -0.5 * x**2\n")
    name = write(f"def log_p(x):\n    from {inner} import half\n    return half(x)\n")
    with own_code():
        target, _ = read_target(f"{name}:log_p")
        assert float(target.log_prob(torch.ones(1, 1, dtype=torch.float64))) == -0.5


def test_what_the_module_prints_stays_off_stdout(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    name = write("print('loaded')\ndef log_p(x):\n    print('called')\n    return -x**2\n")
    with own_code():
        read_target(f"{name}:log_p")
    written = capsys.readouterr()
    assert written.out == "" and "loaded" in written.err and "called" in written.err


def test_a_file_of_the_current_folder_hides_no_library(tmp_path: Path, write: Write) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')\n")
    name = write("def log_p(x):\n    import json\n    return -x**2 * len(json.dumps(1))\n")
    assert read_target(f"{name}:log_p")[0].dimension == 1
    with pytest.raises(InputError, match="rename it"):
        load("json", "loads")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nosuchlibrary", "line 1 of .*ModuleNotFoundError"),
        ("def log_p(x:", "SyntaxError"),
        ("x = 1\ny = x / 0", "line 2 of .*ZeroDivisionError"),
        ("import sys\nsys.exit('enough')", "SystemExit: enough"),
        ("log_q = 3", "did you mean log_q"),
        ("other = 3", "has no 'log_p'; check"),
        ("log_p = 3", "of type int"),
        ("def log_p(x):\n    return x.nothing", "failed on .*nothing"),
        ("def log_p(x):\n    raise KeyError('lost')", "KeyError"),
        ("def log_p(x):\n    return 'no'", "log_p"),
        ("def log_p():\n    return 0", "TypeError"),
    ],
)
def test_trouble_in_the_module_is_one_line(write: Write, text: str, said: str) -> None:
    name = write(text + "\n")
    with pytest.raises(InputError, match=said) as caught:
        read_target(f"{name}:log_p")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nosuchmodule:log_p", "no module 'nosuchmodule', neither in the current folder nor"),
        ("math.nothing:log_p", "no module 'math.nothing'"),
        ("density.py:log_p", "without .py: density:log_p"),
        ("./density:log_p", "no MODULE:FUNCTION"),
        ("density:", "no MODULE:FUNCTION"),
        (":log_p", "no MODULE:FUNCTION"),
        ("density.log_p", "a log-density MODULE:FUNCTION"),
    ],
)
def test_what_is_neither_is_explained(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        read_target(text)


def test_an_error_in_a_mixture_shows_its_place() -> None:
    with pytest.raises(PointedError) as caught:
        read_target("N(0:1)")
    assert caught.value.shown == ("N(0:1)", "   ^")


def test_options_that_belong_to_the_other_kind_are_refused() -> None:
    with pytest.raises(InputError, match="--dimension belongs to"):
        read_target("N(0,1)", dimension=1)
    with pytest.raises(InputError, match="--normalise belongs to"):
        read_target("math:lgamma", normalise=True)
