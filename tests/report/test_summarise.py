from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.report import summarise


class Grid:
    """Groups on a grid of two features; codes are the rows themselves."""

    def __init__(self, n_components: int = 4, width: int = 2) -> None:
        self.means_ = np.zeros((n_components, width))
        self.means_[:, 0] = 10.0 * np.arange(n_components)
        self.means_[:, -1] += np.arange(n_components) % 2
        self.asked: list[str] = []

    def transform(self, X: np.ndarray) -> np.ndarray:
        self.asked.append("transform")
        return np.asarray(X, dtype=float)[:, : self.means_.shape[1]]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.asked.append("predict_proba")
        distance = np.square(self.transform(X)[:, None] - self.means_).sum(axis=2)
        shares = np.exp(distance.min(axis=1, keepdims=True) - distance)
        return shares / shares.sum(axis=1, keepdims=True)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return codes

    def sample(self, n_samples: int, component: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(self.means_[component][None], n_samples, axis=0), np.full(n_samples, component)


def rows_of(grid: Grid, n: int = 60) -> np.ndarray:
    generator = np.random.default_rng(3)
    return grid.means_[np.arange(n) % len(grid.means_)] + 0.3 * generator.normal(
        size=(n, grid.means_.shape[1])
    )


def summary_of(grid: Any, values: np.ndarray, **more: Any) -> dict[str, np.ndarray]:
    more = {"image_shape": None, "feature_names": [f"f{i}" for i in range(values.shape[1])]} | more
    return summarise(grid, values, generator=np.random.default_rng(0), **more)


def test_the_shapes_are_those_of_the_contract() -> None:
    grid = Grid()
    found = summary_of(grid, rows_of(grid))
    shapes = {
        "prototypes": (4, 2),
        "samples": (4, 10, 2),
        "examples": (4, 10, 2),
        "example_rows": (4, 10),
        "map": (60, 2),
        "map_rows": (60,),
        "map_component": (60,),
        "map_probability": (60,),
        "map_means": (4, 2),
        "feature_names": (2,),
        "group_means": (4, 2),
        "data_mean": (2,),
        "data_sd": (2,),
    }
    assert {name: found[name].shape for name in shapes} == shapes
    assert "confusion" not in found


def test_typical_rows_are_the_nearest_of_their_group_in_order() -> None:
    grid = Grid()
    values = rows_of(grid)
    found = summary_of(grid, values)
    for group in range(4):
        rows = found["example_rows"][group]
        assert (rows % 4 == group).all()
        distance = np.linalg.norm(values - grid.means_[group], axis=1)
        assert rows.tolist() == np.argsort(distance)[:10].tolist()
        np.testing.assert_array_equal(found["examples"][group], values[rows])


def test_a_small_group_has_fewer_typical_rows_and_an_empty_one_none() -> None:
    grid = Grid(3)
    found = summary_of(grid, grid.means_[[0, 0, 1]])
    assert (found["example_rows"] >= 0).sum(axis=1).tolist() == [2, 1, 0]
    assert not found["examples"][2].any()
    assert np.isnan(found["group_means"][2]).all()


def test_what_is_handed_in_is_not_computed_again() -> None:
    grid = Grid()
    values = rows_of(grid)
    plain = summary_of(grid, values)
    responsibilities, codes = grid.predict_proba(values), grid.transform(values)
    grid.asked.clear()
    handed = summary_of(grid, values, responsibilities=responsibilities, codes=codes)
    assert grid.asked == []
    for name in plain:
        np.testing.assert_array_equal(plain[name], handed[name])


def test_the_groups_that_are_handed_in_are_those_of_every_array() -> None:
    grid = Grid()
    values = rows_of(grid)
    components = (np.arange(60) + 1) % 4  # each row in a group that is not its most probable
    found = summary_of(grid, values, components=components, labels=components)
    np.testing.assert_array_equal(found["map_component"], components)
    shares = grid.predict_proba(values)[np.arange(60), components]
    np.testing.assert_array_equal(found["map_probability"], shares.astype(np.float32))
    assert (found["example_rows"] % 4 == (np.arange(4)[:, None] - 1) % 4).all()
    np.testing.assert_array_equal(found["confusion"], 15 * np.eye(4))


def test_the_map_draws_some_rows_of_many_by_the_generator_it_was_given() -> None:
    grid = Grid()
    values = rows_of(grid, 400)
    first, again = (summary_of(grid, values, max_map_rows=50) for _ in range(2))
    np.testing.assert_array_equal(first["map_rows"], again["map_rows"])
    assert len(np.unique(first["map_rows"])) == 50
    np.testing.assert_array_equal(first["map_component"], first["map_rows"] % 4)
    other = summarise(
        grid,
        values,
        image_shape=None,
        feature_names=["a", "b"],
        generator=np.random.default_rng(9),
        max_map_rows=50,
    )
    assert not np.array_equal(first["map_rows"], other["map_rows"])


def test_the_global_random_state_is_left_alone() -> None:
    grid = Grid(3, 1)
    before = np.random.get_state()[1].copy()
    summary_of(grid, rows_of(grid, 100), max_map_rows=10)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_a_latent_space_of_one_dimension_is_spread_to_be_seen() -> None:
    grid = Grid(3, 1)
    found = summary_of(grid, rows_of(grid))
    assert found["map_kind"] == "line"
    assert np.ptp(found["map"][:, 1]) > 0.5
    assert not found["map_means"][:, 1].any()


@pytest.mark.parametrize("n_components", [1, 4])
def test_one_row_gives_a_summary(n_components: int) -> None:
    grid = Grid(n_components)
    found = summary_of(grid, grid.means_[:1])
    assert found["map"].shape == (1, 2)
    assert np.isfinite(found["map"]).all()
    assert not found["data_sd"].any()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([0, 1, 2, 0] * 15), ["0", "1", "2"]),
        (np.array([0.0, 1.0, 2.5, 0.0] * 15), ["0", "1", "2.5"]),
        (np.array(["b", "a", "c", "b"] * 15), ["a", "b", "c"]),
        (np.array([None, "a", 3, None] * 15, dtype=object), ["3", "None", "a"]),
        (np.array([True, False] * 30), ["False", "True"]),
    ],
)
def test_labels_of_any_type_are_counted(labels: np.ndarray, names: list[str]) -> None:
    grid = Grid()
    found = summary_of(grid, rows_of(grid), labels=labels)
    assert found["class_names"].tolist() == names
    for group in range(4):
        kept = labels[np.arange(60) % 4 == group]
        assert found["confusion"][group].sum() == len(kept)
    assert found["confusion"].sum() == 60


def test_the_table_of_labels_is_that_of_scikit_learn() -> None:
    from sklearn.metrics.cluster import contingency_matrix

    grid = Grid()
    labels = np.random.default_rng(0).integers(0, 6, 60)
    found = summary_of(grid, rows_of(grid), labels=labels)
    np.testing.assert_array_equal(found["confusion"], contingency_matrix(np.arange(60) % 4, labels))


def test_a_label_for_every_row_does_not_make_a_column_for_every_row() -> None:
    grid = Grid()
    found = summary_of(grid, rows_of(grid, 200), labels=np.arange(200))
    assert found["confusion"].shape == (4, 61)
    assert found["class_names"][-1] == "140 other classes"
    assert found["confusion"].sum() == 200


def test_rare_classes_share_a_column_and_groups_without_rows_keep_theirs() -> None:
    grid = Grid()
    labels = np.r_[np.arange(70), np.arange(5, 65), np.arange(70)]
    components = np.arange(200) % 3
    found = summary_of(grid, rows_of(grid, 200), labels=labels, components=components)
    assert found["class_names"].tolist() == [*map(str, range(5, 65)), "10 other classes"]
    assert found["confusion"][:, :-1].sum(axis=0).tolist() == [3] * 60
    rare = (labels < 5) | (labels >= 65)
    assert found["confusion"][:, -1].tolist() == [int((rare & (components == k)).sum()) for k in range(4)]
    assert found["confusion"].sum(axis=1).tolist() == [67, 67, 66, 0]


def test_pictures_stay_small() -> None:
    grid = Grid(2, 2)
    values = np.zeros((5, 120 * 120 * 3 * 30), dtype=np.uint8)
    grid.decode = lambda codes: np.zeros((len(codes), values.shape[1]))
    grid.sample = lambda n, component: (np.zeros((n, values.shape[1])), np.full(n, component))
    found = summary_of(grid, values, image_shape=(1200, 360, 3), feature_names=[])
    assert found["examples"].dtype == np.uint8
    assert found["samples"].dtype == np.float32
    assert found["samples"].shape[1] == found["examples"].shape[1] == 1


def test_it_survives_the_way_to_a_file_without_pickle(tmp_path: Any) -> None:
    grid = Grid()
    found = summary_of(grid, rows_of(grid), labels=np.array(["x", "y"] * 30))
    np.savez_compressed(tmp_path / "summary.npz", allow_pickle=False, **found)
    with np.load(tmp_path / "summary.npz", allow_pickle=False) as back:
        assert set(back.files) == set(found)


@pytest.mark.parametrize("scale", [1e-300, 1e30, 1e300])
def test_far_scales_give_no_warning(scale: float) -> None:
    grid = Grid()
    values = rows_of(grid)
    found = summary_of(
        grid, values * scale, responsibilities=grid.predict_proba(values), codes=grid.transform(values)
    )
    assert np.isfinite(found["group_means"]).all()
