from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura.errors import InputError
from mixtura.estimators import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)
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
    empty = pa.table({"a": [1.0, 2.0, 3.0], "b": [None, None, 4.0], "w": [1.0, 1.0, 0.0]})
    pq.write_table(empty, tmp_path / "empty.parquet")
    with pytest.raises(InputError, match="column 'b' has no observed value: leave it out"):
        GaussianMixture(1).fit(tmp_path / "empty.parquet", sample_weight="w")
    pq.write_table(pa.table({"a": [1.0, np.inf, 2.0]}), tmp_path / "inf.parquet")
    with pytest.raises(InputError, match="whose square is no number"):
        GaussianMixture(1).fit(tmp_path / "inf.parquet")


def _mixed_table(n: int = 1500) -> pa.Table:
    """Return columns of every family, with gaps."""
    rng = np.random.default_rng(2)
    group = rng.integers(2, size=n)
    gap = rng.random((6, n)) < 0.1
    words = np.where(rng.random(n) < np.where(group, 0.8, 0.2), "red", rng.choice(["blue", "green"], n))
    counts = rng.poisson(np.where(group, 2, 7))
    return pa.table(
        {
            "size": pa.array(rng.normal(size=n) + 3 * group, mask=gap[0]),
            "word": pa.array(words, mask=gap[1]),
            "n": pa.array(counts, mask=gap[2]),
            "on": pa.array(rng.random(n) < np.where(group, 0.2, 0.7), mask=gap[3]),
            "grade": pa.array(rng.choice([2, 3, 4], n) + group, mask=gap[4]),
            "age": pa.array(rng.normal(50 + 5 * group, 9).round().astype(int), mask=gap[5]),
        }
    )


FILES = {
    "bernoulli": (BernoulliMixture, ["on"]),
    "categorical": (CategoricalMixture, ["word", "grade", "on"]),
    "poisson": (PoissonMixture, ["n", "grade"]),
    "mixed": (MixedMixture, ["size", "word", "n", "on", "grade", "age"]),
    "gaussian": (GaussianMixture, ["size", "age"]),
}


@pytest.mark.parametrize("name", FILES)
def test_every_mixture_fits_files_with_gaps_as_it_fits_tables(name, tmp_path):
    make, columns = FILES[name]
    table = _mixed_table().select(columns)
    weights = np.arange(len(table)) % 3 * 1.0
    for at, part in enumerate([table.slice(0, 700), table.slice(700)]):
        weighted = part.append_column("w", pa.array(weights[700 * at : 700 * at + len(part)]))
        pq.write_table(weighted, tmp_path / f"{at}.parquet", row_group_size=250)
    in_memory = table if name != "gaussian" else table.to_pandas()
    model = make(2, random_state=0, max_iter=3, tol=0.0, n_threads=2)
    with pytest.warns(ConvergenceWarning):
        model.fit(in_memory, sample_weight=weights)
    models = []
    for data, given in ((in_memory, weights), (tmp_path, "w")):
        other = pickle.loads(pickle.dumps(model)).set_params(warm_start=True, max_iter=6)
        with pytest.warns(ConvergenceWarning):
            models.append(other.fit(data, sample_weight=given))
    np.testing.assert_allclose(models[0].free_energy_path_, models[1].free_energy_path_, rtol=1e-9)
    scores = [models[0].score_samples(in_memory), models[1].score_samples(tmp_path)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(models[1].predict(tmp_path), models[1].predict(in_memory))
    if name in ("categorical", "mixed"):
        for ours, theirs in zip(models[0].categories_, models[1].categories_, strict=True):
            assert ours.tolist() == theirs.tolist()
    for method in ("kmeans", "short_runs"):
        fresh = make(2, random_state=0, init_params=method).fit(tmp_path, sample_weight="w")
        assert fresh.score(in_memory, sample_weight=weights) == pytest.approx(
            make(2, random_state=0, init_params=method)
            .fit(in_memory, sample_weight=weights)
            .score(in_memory, sample_weight=weights),
            abs=0.1,
        )


def test_an_entry_of_a_file_that_is_wrong_is_placed(tmp_path):
    words = ["u", "v"] * 100_000
    pq.write_table(pa.table({"t": words}), tmp_path / "good.parquet")
    model = CategoricalMixture(1).fit(tmp_path / "good.parquet")
    words[150_001] = "w"
    pq.write_table(pa.table({"t": words}), tmp_path / "bad.parquet")
    with pytest.raises(InputError, match=r"column 't', row 150001 \(from 0\) holds the category 'w'"):
        model.score(tmp_path / "bad.parquet")
    pq.write_table(pa.table({"n": [1, 2, -3]}), tmp_path / "counts.parquet")
    with pytest.raises(InputError, match=r"column 'n', row 2 \(from 0\) holds -3"):
        PoissonMixture(1).fit(tmp_path / "counts.parquet")
    with pytest.raises(InputError, match=r"column 't', row 0 .* holds the text 'u'"):
        BernoulliMixture(1).fit(tmp_path / "good.parquet")


def test_bits_of_a_file_may_be_grey(tmp_path):
    pq.write_table(pa.table({"a": [0.2, 0.9, None, 0.7]}), tmp_path / "grey.parquet")
    model = BernoulliMixture(binarise=0.5).fit(tmp_path / "grey.parquet")
    np.testing.assert_allclose(model.probabilities_, [[2 / 3]])


def test_counts_of_a_file_may_be_fractions(tmp_path):
    pq.write_table(pa.table({"a": [0.5, 2.0, None, 1.1]}), tmp_path / "expected.parquet")
    with pytest.raises(InputError, match=r"column 'a', row 0 \(from 0\) holds 0.5; counts are whole numbers"):
        PoissonMixture().fit(tmp_path / "expected.parquet")
    model = PoissonMixture(fractions=True).fit(tmp_path / "expected.parquet")
    np.testing.assert_allclose(model.rates_, [[1.2]])


@pytest.mark.parametrize(
    ("make", "dtype"), [(BernoulliMixture, np.uint8), (BernoulliMixture, bool), (PoissonMixture, np.int32)]
)
def test_a_memory_map_of_whole_numbers_is_never_copied_whole(make, dtype, tmp_path):
    rng = np.random.default_rng(0)
    n = 200_000
    rows = (rng.random((n, 20)) < 0.3 + 0.4 * (rng.random((n, 1)) < 0.5)).astype(dtype)
    mapped = np.memmap(tmp_path / "rows", dtype=dtype, mode="w+", shape=rows.shape)
    mapped[:] = rows
    model = make(2, init_params="random_from_data", max_iter=2, tol=0.0, random_state=0)
    tracemalloc.start()
    with pytest.warns(ConvergenceWarning):
        model.fit(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A sample of 100,000 rows, its points and distances, whatever the number of rows.
    assert peak < 100_000 * 20 * 8 * 6
    assert np.isfinite(model.score(rows[:1000]))


@pytest.mark.parametrize("gaps", [False, True])
def test_a_row_of_weight_zero_on_disk_may_hold_what_has_no_square(rows, weights, tmp_path, gaps):
    X, weights = rows.copy(), weights.copy()
    X[3], weights[3] = 1e160, 0.0
    if gaps:
        X[5:900:7, 1] = np.nan
    mapped = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=X.shape)
    mapped[:] = X
    columns = {name: pa.array(column, from_pandas=True) for name, column in zip("abc", X.T, strict=True)}
    pq.write_table(pa.table({**columns, "w": weights}), tmp_path / "rows.parquet")
    keywords = dict(n_components=2, means_init=[[0] * 3, [5] * 3], random_state=0, tol=1e-8)
    expected = GaussianMixture(**keywords).fit(X, sample_weight=weights)
    for source, weight in ((mapped, weights), (tmp_path / "rows.parquet", "w")):
        model = GaussianMixture(**keywords).fit(source, sample_weight=weight)
        assert np.allclose(model.means_, expected.means_, atol=1e-5)
        for criterion in ("score", "aic", "bic", "icl"):
            value = getattr(model, criterion)(source, sample_weight=weight)
            assert value == pytest.approx(getattr(expected, criterion)(X, sample_weight=weights), rel=1e-5)
        assert np.isfinite(GaussianMixture(2, prior="auto").fit(source, None, weight).lower_bound_)
    batches = GaussianMixture(2, random_state=0).partial_fit(mapped, sample_weight=weights)
    assert np.isfinite(batches.partial_fit(mapped, sample_weight=weights).score(rows))


@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
@pytest.mark.parametrize("criterion", ["score", "aic", "bic", "icl"])
def test_files_without_rows_that_count_have_no_score(rows, tmp_path, weights, criterion):
    columns = {name: np.zeros(len(weights)) for name in "abc"}
    pq.write_table(pa.table({**columns, "w": np.array(weights)}), tmp_path / "no.parquet")
    model = GaussianMixture(2, random_state=0).fit(rows)
    with pytest.raises(InputError, match=r"no\.parquet holds no row of positive weight; give"):
        getattr(model, criterion)(tmp_path / "no.parquet", sample_weight="w")
