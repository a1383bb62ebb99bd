from __future__ import annotations

import html
import json

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.plot.theme import blank_figure, literal, template


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_a_template_is_valid_plotly(appearance: str) -> None:
    go.layout.Template(template(appearance))
    json.dumps(template(appearance), allow_nan=False)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_text_stands_out_from_its_surface(appearance: str) -> None:
    layout = template(appearance)["layout"]
    surface = luminance(layout["hoverlabel"]["bgcolor"])
    for colour in (layout["font"]["color"], layout["xaxis"]["tickfont"]["color"]):
        dark, light = sorted([surface, luminance(colour)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@given(st.text())
def test_literal_text_holds_no_tag_and_loses_nothing(text: str) -> None:
    shown = literal(text)
    assert "<" not in shown
    assert ">" not in shown
    assert html.unescape(shown) == html.unescape(" ".join(text.split()).replace("&", "&amp;"))


@given(st.text(min_size=20, max_size=60))
def test_cut_text_is_no_longer_than_asked(text: str) -> None:
    assert len(html.unescape(literal(text.replace("&", "+"), length=12))) <= 12


def test_a_figure_takes_the_width_of_its_place() -> None:
    figure = blank_figure([], height=200, bargap=0.5)
    assert (figure.layout.height, figure.layout.width, figure.layout.bargap) == (200, None, 0.5)
