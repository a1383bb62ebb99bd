from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mixtura
from mixtura.report.mixture_summary import summarise_mixture

GROUPS = np.repeat([0, 1, 2], [20, 15, 10])
GENERATOR = np.random.default_rng(0)


def summary_of(model: Any, rows: Any, **more: Any) -> dict[str, np.ndarray]:
    probabilities = model.predict_proba(rows)
    settings = {
        "image_shape": None,
        "feature_names": [str(i) for i in range(rows.shape[1])],
        "responsibilities": probabilities,
        "components": probabilities.argmax(axis=1),
        "seed": 0,
    } | more
    return summarise_mixture(model, rows, **settings)


def test_numbers_with_gaps() -> None:
    values = GENERATOR.normal(size=(45, 3)) + 9.0 * np.eye(3)[GROUPS]
    values[:5, 0] = np.nan
    model = mixtura.GaussianMixture(3, random_state=0).fit(values)
    found = summary_of(model, values, labels=GROUPS)
    np.testing.assert_array_equal(found["prototypes"], model.means_)
    assert found["samples"].shape == (3, 10, 3) and np.isfinite(found["samples"]).all()
    assert np.isfinite(found["map"]).all() and str(found["map_kind"]) == "discriminant"
    np.testing.assert_allclose(found["data_mean"], np.nanmean(values, axis=0))
    groups = model.predict(values)
    for k in range(3):
        np.testing.assert_allclose(found["group_means"][k], np.nanmean(values[groups == k], axis=0))
    assert found["confusion"].sum() == 45
    assert "trait_names" not in found and "categories" not in found


def test_units_and_offsets_leave_the_map_as_it_is() -> None:
    values = GENERATOR.normal(size=(45, 3)) + 9.0 * np.eye(3)[GROUPS]
    scale, offset = np.array([1.0, 1e6, 1e-3]), np.array([0.0, 1e8, 1e3])
    maps = []
    for rows in (values, values * scale + offset):
        model = mixtura.GaussianMixture(3, random_state=0).fit(rows)
        maps.append(summary_of(model, rows, responsibilities=np.eye(3)[GROUPS], components=GROUPS)["map"])
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-3)


def test_categories_have_shares_of_their_own() -> None:
    texts = [None, *np.array(["x", "y", "z"])[GROUPS][1:].tolist()]
    table = pa.table({"text": texts, "size": GENERATOR.normal(9.0 * GROUPS)})
    model = mixtura.MixedMixture(3, random_state=0).fit(table)
    found = summary_of(model, table, feature_names=["text", "size"])
    assert found["trait_names"].tolist() == ["text = x", "text = y", "text = z", "size"]
    assert found["trait_columns"].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(found["trait_mean"][:3], np.array([19, 15, 10]) / 44)
    assert found["categories"].tolist() == [["x", "y", "z"], ["", "", ""]]
    assert sorted(found["group_means"][:, 0].tolist()) == [0, 1, 2]
    assert found["data_mean"][0] == 0
    assert np.isfinite(found["map"]).all()
    assert not any(array.dtype.hasobject for array in found.values())


def test_many_categories_stay_few() -> None:
    table = pa.table({"id": [f"id {i}" for i in range(400)], "n": np.arange(400) % 2})
    model = mixtura.MixedMixture(1, random_state=0).fit(table)
    found = summary_of(model, table, feature_names=["id", "n"])
    assert len(found["trait_names"]) == 21


def test_wide_rows_are_narrowed() -> None:
    rows = (GENERATOR.uniform(size=(45, 100)) < np.array([0.1, 0.5, 0.9])[GROUPS][:, None]).astype(float)
    model = mixtura.BernoulliMixture(3, random_state=0).fit(rows)
    found = summary_of(model, rows, image_shape=(10, 10))
    assert np.isfinite(found["map"]).all() and found["prototypes"].shape == (3, 100)
    apart = np.linalg.norm(found["map_means"][:, None] - found["map_means"], axis=2)
    assert apart[~np.eye(3, dtype=bool)].min() > 1


@pytest.mark.parametrize("k", [1, 2])
def test_one_column_is_a_line(k: int) -> None:
    rows = np.array([[1.0], [2.0], [30.0], [31.0]])
    model = mixtura.PoissonMixture(k, random_state=0).fit(rows)
    found = summary_of(model, rows)
    assert str(found["map_kind"]) == "line"
    np.testing.assert_allclose(np.diff(found["map"][:, 0]), [1, 28, 1], rtol=1e-6)


def test_a_table_of_text_alone() -> None:
    table = pa.table({"a": ["x", "y"] * 10, "b": ["p"] * 20})
    model = mixtura.CategoricalMixture(2, random_state=0).fit(table)
    found = summary_of(model, table, feature_names=["a", "b"])
    assert np.isfinite(found["map"]).all()
    assert found["categories"].tolist() == [["x", "y"], ["p", ""]]


def test_rows_that_were_made_bits_lie_among_their_groups() -> None:
    rows = GENERATOR.uniform(0, 100, (45, 6)) + 100.0 * np.eye(3)[GROUPS][:, [0, 0, 1, 1, 2, 2]]
    model = mixtura.BernoulliMixture(3, binarise=100.0, random_state=0).fit(rows)
    found = summary_of(model, rows)
    for k in range(3):
        middle = found["map"][found["map_component"] == k].mean(axis=0)
        np.testing.assert_allclose(middle, found["map_means"][k], atol=1e-3)
    assert found["examples"].max() > 1
