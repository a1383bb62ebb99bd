from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.report import write_page
from mixtura.report.groups import group_rows, picture_cards, picture_sizes, standardised, table_cards
from mixtura.report.run_folder import read_run


def test_the_table_of_groups_counts_every_row(digits_folder: Path) -> None:
    run = read_run(digits_folder)
    rows = group_rows(run)
    assert sum(int(row["rows"].replace(",", "")) for row in rows) == 1797
    mine = run.probability[run.components == 3]
    assert rows[3]["median"] == f"{np.median(mine):.3f}"


def test_an_empty_group_is_said_to_be_empty(digits_folder: Path) -> None:
    run = read_run(digits_folder)
    moved = dataclasses.replace(run, components=np.where(run.components == 9, 0, run.components))
    last = group_rows(moved)[9]
    assert (last["empty"], last["rows"], last["median"]) == (True, "0", "–")


def test_each_group_has_a_prototype_rows_and_samples(digits_folder: Path) -> None:
    cards = picture_cards(read_run(digits_folder))
    assert len(cards) == 10
    for card in cards:
        assert card["prototype"].startswith("data:image/png;base64,")
        assert len(card["typical"]) == len(card["samples"]) == 10


def test_small_pictures_stay_sharp_and_large_ones_smooth() -> None:
    assert picture_sizes((8, 8))["pixelated"]
    assert not picture_sizes((224, 224))["pixelated"]


def test_the_first_feature_named_is_the_one_farthest_from_the_mean(wine_folder: Path) -> None:
    run = read_run(wine_folder)
    differences = standardised(run)
    names = run.summary["feature_names"]
    for group, card in enumerate(table_cards(run)):
        assert card["apart"][0]["name"] == names[np.abs(differences[group]).argmax()]
        for item in card["apart"]:
            assert float(item["left"]) >= 0
            assert float(item["left"]) + float(item["width"]) <= 100.01


def test_standardised_differences_are_those_of_their_definition(wine_folder: Path) -> None:
    from sklearn.datasets import load_wine

    run = read_run(wine_folder)
    scaled = load_wine().data
    scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    for group in range(3):
        np.testing.assert_allclose(standardised(run)[group], scaled[run.components == group].mean(axis=0))


def test_a_constant_column_sets_nothing_apart(build_run: Callable[..., Path], tmp_path: Path) -> None:
    values = np.column_stack([np.arange(20.0), np.full(20, 7.0)])
    run = read_run(build_run(tmp_path / "run", values, n_components=2, latent_dim=1, names=["a", "b"]))
    assert not standardised(run)[:, 1].any()
    assert [item["name"] for item in table_cards(run)[0]["apart"]] == ["a"]


@pytest.mark.parametrize("n_features", [3, 200])
def test_wide_tables_show_the_features_that_matter(
    build_run: Callable[..., Path], tmp_path: Path, n_features: int
) -> None:
    values = np.random.default_rng(0).normal(size=(30, n_features))
    names = [f"column {i}" for i in range(n_features)]
    run = read_run(build_run(tmp_path / "run", values, n_components=2, latent_dim=2, names=names))
    card = table_cards(run)[0]
    assert len(card["lines"]) == min(n_features, 16)
    assert card["left_out"] == max(n_features - 16, 0)
    assert all(len(line["cells"]) == len(card["columns"]) for line in card["lines"])


class Probabilities:
    """Tells a dark half from a bright one, and decodes to probabilities as the Bernoulli likelihood does."""

    means_ = np.array([[0.0], [1.0]])

    def transform(self, X: np.ndarray) -> np.ndarray:
        return (np.asarray(X)[:, :1] > 100).astype(float)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        bright = 0.8 * self.transform(X) + 0.1
        return np.hstack([1 - bright, bright])

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(codes), 4, axis=1) * 0.8

    def sample(self, n: int, component: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        return np.full((n, 4), float(component or 0)), np.full(n, component)


def levels(uri: str) -> list[int]:
    """Return the grey levels that occur in a picture of the page."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as picture:
        return np.unique(np.asarray(picture)).tolist()


@pytest.fixture
def bernoulli(build_run: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run of grey values 0 and 200 with the Bernoulli likelihood."""
    values = np.repeat(np.array([[0], [200]], dtype=np.uint8), 4, axis=1)[np.arange(12) % 2]
    values[1, 1:] = 50

    def build(**more: Any) -> Path:
        settings = {"n_components": 2, "estimator": Probabilities(), "likelihood": "bernoulli"}
        return build_run(tmp_path / "run", values, **(settings | more))

    return build


def test_probabilities_are_drawn_from_0_to_1_and_rows_over_their_own_range(
    bernoulli: Callable[..., Path],
) -> None:
    dark, bright = picture_cards(read_run(bernoulli(image_shape=(2, 2))))
    assert (levels(dark["prototype"]), levels(bright["prototype"])) == ([0], [204])
    assert {level for uri in bright["samples"] for level in levels(uri)} == {255}
    assert {level for item in bright["typical"] for level in levels(item["picture"])} == {64, 255}


def test_a_table_of_probabilities_says_so(bernoulli: Callable[..., Path]) -> None:
    folder = bernoulli(names=list("abcd"))
    columns = table_cards(read_run(folder))[0]["columns"]
    assert columns[0] == "probability" and "prototype" not in columns
    page = write_page(folder).read_text()
    assert "The probability is that of a 1" in page
    assert "prototype is what the decoder shows" not in page


def test_a_gaussian_run_shows_prototypes(wine_folder: Path) -> None:
    assert table_cards(read_run(wine_folder))[0]["columns"][0] == "prototype"
