from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
