from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from mixtura.errors import InputError
from mixtura.plot.paper import STYLES, SUFFIXES, legend_above, line_style, new_figure, paper_look, save_figure

MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-", ".svg": b"<?xml"}


def test_styles_are_told_apart_without_colour() -> None:
    assert len({style.dashes for style in STYLES}) == len(STYLES)
    assert len({style.colour for style in STYLES}) == len(STYLES)
    assert line_style(len(STYLES)) == line_style(0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    written = []
    for name in ("a", "b"):
        with paper_look():
            figure = new_figure(3.0, 2.0)
            ax = figure.add_subplot()
            ax.plot([0, 1], [1, 0], label="q = 0.403 nats")
            ax.fill_between([0, 1], [1, 2])
            ax.legend()
        save_figure(figure, tmp_path / f"{name}{suffix.upper()}")
        written.append((tmp_path / f"{name}{suffix.upper()}").read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(MAGIC[suffix])


def test_text_stays_text_and_bears_no_date(tmp_path: Path) -> None:
    figure = new_figure(3.0, 2.0)
    figure.add_subplot().set_title("costs $3 and $4")
    save_figure(figure, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "costs $3 and $4" in text
    assert "dc:date" not in text


def test_other_suffixes_are_refused_and_the_known_ones_listed(tmp_path: Path) -> None:
    for name in ("a.jpg", "a", "a.svg.gz"):
        with pytest.raises(InputError, match=r"\.png, \.pdf or \.svg"):
            save_figure(new_figure(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_settings_of_matplotlib_are_left_as_they_were() -> None:
    before = dict(mpl.rcParams)
    with paper_look():
        assert mpl.rcParams["svg.fonttype"] == "none"
    with pytest.raises(RuntimeError), paper_look():
        raise RuntimeError
    assert dict(mpl.rcParams) == before


def test_no_window_and_no_global_list_of_figures() -> None:
    import sys

    new_figure()
    plt = sys.modules.get("matplotlib.pyplot")
    assert plt is None or plt.get_fignums() == []


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_the_legend_is_never_cut_off(layout: str | None) -> None:
    figure = Figure(figsize=(4.0, 3.0), layout=layout)
    ax = figure.add_subplot()
    for place in range(8):
        ax.plot([0, 1], [place, 1], label=f"curve {place}")
    legend_above(ax)
    figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert box.y1 <= figure.bbox.y1 and box.x0 >= figure.bbox.x0
