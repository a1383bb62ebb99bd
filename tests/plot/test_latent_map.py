from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.plot import group_colour, group_symbol, latent_map


def draw(n_components: int, rows: int = 400) -> tuple[np.ndarray, Any]:
    generator = np.random.default_rng(0)
    components = generator.integers(0, n_components, rows)
    return components, latent_map(
        generator.normal(size=(rows, 2)),
        components,
        generator.uniform(size=rows),
        np.arange(rows) + 1000,
        generator.normal(size=(n_components, 2)),
    )


def test_each_group_is_one_entry_of_the_legend_in_its_own_look() -> None:
    components, figure = draw(12)
    groups = [trace for trace in figure.data if trace.name.startswith("group")]
    assert [trace.name for trace in groups] == [f"group {k}" for k in range(12)]
    assert [len(trace.x) for trace in groups] == np.bincount(components).tolist()
    assert groups[11].marker.color == group_colour(11)
    assert groups[11].marker.symbol == group_symbol(11)


def test_hover_tells_row_and_probability() -> None:
    figure = draw(3)[1]
    rows = np.concatenate([trace.customdata[:, 0] for trace in figure.data[:-1]])
    assert sorted(rows) == list(range(1000, 1400))
    assert "%{customdata[0]" in figure.data[0].hovertemplate


def test_the_centres_of_few_groups_are_shown_and_those_of_many_wait() -> None:
    assert draw(10)[1].data[-1].visible is True
    assert draw(200)[1].data[-1].visible == "legendonly"


def test_one_row_is_drawn() -> None:
    figure = latent_map([[0.0, 0.0]], [0], [1.0], [0], [[0.0, 0.0]])
    assert len(figure.data) == 2


def test_axes_are_equal_unless_told() -> None:
    place = ([[0.0, 0.0]], [0], [1.0], [0], [[0.0, 0.0]])
    assert latent_map(*place).layout.yaxis.scaleanchor == "x"
    assert latent_map(*place, equal_axes=False).layout.yaxis.scaleanchor is None
