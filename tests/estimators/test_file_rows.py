from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtura.errors import InputError
from mixtura.estimators import GaussianMixture
from mixtura.estimators.file_rows import on_disk


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(900, 3)), 0.5 * rng.normal(size=(600, 3)) + 5])
    return X[rng.permutation(1500)]


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(1).integers(0, 3, 1500).astype(float)


@pytest.fixture(scope="module")
def folder(rows, weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for at, part in enumerate(np.array_split(np.arange(1500), 2)):
        columns = {name: rows[part, column] for column, name in enumerate("abc")}
        pq.write_table(pa.table({**columns, "w": weights[part]}), folder / f"{at}.parquet")
    return folder


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_files_are_fitted_and_scored_as_arrays(folder, rows, weights, covariance_type):
    keywords = dict(
        n_components=2, covariance_type=covariance_type, means_init=[[0] * 3, [5] * 3], random_state=0
    )
    on_file = GaussianMixture(**keywords).fit(folder, sample_weight="w")
    in_memory = GaussianMixture(**keywords).fit(rows, sample_weight=weights)
    assert on_file.feature_names_in_.tolist() == ["a", "b", "c"]
    assert np.allclose(on_file.means_, in_memory.means_, rtol=1e-9, atol=1e-9)
    assert on_file.lower_bound_ == pytest.approx(in_memory.lower_bound_, rel=1e-12)
    # The file's column of weights is no feature, so it may stand beside the others.
    assert np.array_equal(on_file.predict(folder), in_memory.predict(rows))
    assert np.allclose(on_file.score_samples(str(folder)), in_memory.score_samples(rows), rtol=1e-9)
    assert on_file.bic(folder, "w") == pytest.approx(in_memory.bic(rows, weights), rel=1e-12)


def test_gaps_in_files_are_integrated_out(rows, tmp_path):
    gaps = rows.copy()
    gaps[::4, 1] = np.nan
    pq.write_table(
        pa.table({name: pa.array(gaps[:, at], from_pandas=True) for at, name in enumerate("abc")}),
        tmp_path / "g.parquet",
    )
    on_file = GaussianMixture(2, random_state=0).fit(tmp_path / "g.parquet")
    in_memory = GaussianMixture(2, random_state=0).fit(gaps)
    assert on_file.score(tmp_path / "g.parquet") == pytest.approx(in_memory.score(gaps), abs=1e-3)


def test_a_memory_map_is_fitted_as_an_array(rows, weights, tmp_path):
    mapped = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=rows.shape)
    mapped[:] = rows
    assert on_disk(mapped) and on_disk(np.asarray(mapped)[3:]) and not on_disk(rows)
    from_map = GaussianMixture(2, random_state=0).fit(mapped, sample_weight=weights)
    from_array = GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights)
    assert from_map.score(rows) == pytest.approx(from_array.score(rows), abs=1e-3)


def test_files_that_cannot_be_read_are_named(folder, rows, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        GaussianMixture(2).fit(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="give its name as sample_weight"):
        GaussianMixture(2).fit(folder, sample_weight=np.ones(1500))
    with pytest.raises(InputError, match="has 4 features, and the mixture was fitted to 3"):
        GaussianMixture(2, random_state=0).fit(rows).predict(folder)
    pq.write_table(pa.table({"a": [1.0, np.inf, 2.0]}), tmp_path / "inf.parquet")
    with pytest.raises(InputError, match="whose square is no number"):
        GaussianMixture(1).fit(tmp_path / "inf.parquet")
