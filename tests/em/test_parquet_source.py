from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import DiagonalGaussians, GaussianParameters
from mixtura.em.parquet_source import ParquetSource
from mixtura.em.source import ArraySource, Source
from mixtura.em.steps import MixtureParameters, e_step
from mixtura.em.stopping import Absolute
from mixtura.errors import InputError

NAMES = ["a", "b", "c"]


def rows(n: int = 1000) -> Array:
    return np.random.default_rng(0).normal(size=(n, 3)) + np.array([1.0, -2.0, 0.5])


def written(path: Path, data: Array, extra: dict[str, object] | None = None, **options: object) -> Path:
    columns = {name: data[:, j] for j, name in enumerate(NAMES)}
    pq.write_table(pa.table({**columns, **(extra or {})}), path, **options)
    return path


def gathered(source: Source) -> tuple[Array, Array | None]:
    blocks = [(block.copy(), weights) for block, weights in source.blocks()]
    rows = np.concatenate([block.T for block, _ in blocks])
    weights = [part for _, part in blocks if part is not None]
    return rows, np.concatenate(weights) if weights else None


@pytest.mark.parametrize("block_size", [7, 64, 1000, 4096])
@pytest.mark.parametrize("row_group_size", [100, 333, 5000])
def test_rows_are_those_of_the_file(tmp_path: Path, block_size: int, row_group_size: int) -> None:
    data = rows()
    path = written(tmp_path / "x.parquet", data, row_group_size=row_group_size)
    source = ParquetSource(path, block_size=block_size)
    assert (source.n_rows, source.n_features, source.total_weight) == (1000, 3, 1000.0)
    for _ in range(2):
        read, weights = gathered(source)
        np.testing.assert_array_equal(read, data)
        assert weights is None


def test_a_folder_is_its_files_in_order(tmp_path: Path) -> None:
    data = rows()
    for name, part in zip(["a", "b", "c"], np.split(data, [300, 310]), strict=True):
        written(tmp_path / f"part-{name}.parquet", part)
    source = ParquetSource(tmp_path, block_size=128)
    assert source.n_rows == 1000
    np.testing.assert_array_equal(gathered(source)[0], data)


def test_columns_weights_and_origin(tmp_path: Path) -> None:
    data, weights = rows(), np.random.default_rng(1).random(1000)
    path = written(tmp_path / "x.parquet", data, {"w": weights, "name": ["x"] * 1000})
    source = ParquetSource(path, ["c", "a"], "w", np.array([1.0, 2.0]), block_size=100)
    read, given = gathered(source)
    np.testing.assert_array_equal(read, data[:, [2, 0]] - [1.0, 2.0])
    np.testing.assert_array_equal(given, weights)
    assert source.total_weight == pytest.approx(weights.sum())


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "float16", "float32", "bool"])
def test_numbers_of_any_type_become_float64(tmp_path: Path, kind: str) -> None:
    values = np.array([0, 1, 1, 0]).astype(kind)
    pq.write_table(pa.table({"a": values}), tmp_path / "x.parquet")
    block, _ = next(iter(ParquetSource(tmp_path / "x.parquet").blocks()))
    assert block.dtype == np.float64
    assert block.tolist() == [[0.0, 1.0, 1.0, 0.0]]


def test_null_is_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, None, 3]}), tmp_path / "x.parquet")
    block, _ = next(iter(ParquetSource(tmp_path / "x.parquet").blocks()))
    np.testing.assert_array_equal(block, [[1.0, np.nan, 3.0]])


def test_bad_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file named"):
        ParquetSource(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        ParquetSource(tmp_path / "nowhere.parquet")
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="cannot be read as a Parquet file"):
        ParquetSource(tmp_path / "text.parquet")
    path = written(tmp_path / "x.parquet", rows(4), {"name": list("wxyz"), "w": [1.0, 2.0, None, 0.0]})
    with pytest.raises(InputError, match=r"'d'; its columns are a, b, c"):
        ParquetSource(path, ["a", "d"])
    with pytest.raises(InputError, match=r"'name' .* holds string, not numbers"):
        ParquetSource(path)
    with pytest.raises(InputError, match="the weight nan"):
        ParquetSource(path, ["a"], "w")


def theta(k: int = 2) -> MixtureParameters:
    means = np.random.default_rng(2).normal(size=(k, 3))
    return MixtureParameters(np.log(np.full(k, 1 / k)), GaussianParameters(means, np.ones((k, 3))))


def test_em_is_the_same_from_an_array_a_memory_map_and_files(tmp_path: Path) -> None:
    data = rows()
    np.save(tmp_path / "x.npy", data)
    written(tmp_path / "x.parquet", data)
    paths = [
        run_em(
            DiagonalGaussians(2, 3), source, theta(), criterion=Absolute(0.0), max_iter=10
        ).free_energy_path
        for source in (
            ArraySource(data),
            ArraySource(np.load(tmp_path / "x.npy", mmap_mode="r")),
            ArraySource(np.asfortranarray(data)),
            ParquetSource(tmp_path / "x.parquet"),
        )
    ]
    for path in paths[1:]:
        np.testing.assert_allclose(path, paths[0], atol=1e-13)


@pytest.mark.parametrize("kind", ["map", "parquet"])
def test_memory_does_not_grow_with_rows(tmp_path: Path, kind: str) -> None:
    """NumPy reports what it allocates; Arrow's own memory is a batch of rows."""
    peaks = []
    for n in (100_000, 400_000):
        data = rows(n)
        source: Source
        if kind == "map":
            np.save(tmp_path / "x.npy", data)
            source = ArraySource(np.load(tmp_path / "x.npy", mmap_mode="r"))
        else:
            source = ParquetSource(written(tmp_path / "x.parquet", data))
        del data
        e_step(DiagonalGaussians(2, 3), source, theta())
        arrow = pa.total_allocated_bytes()
        tracemalloc.start()
        e_step(DiagonalGaussians(2, 3), source, theta())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pa.total_allocated_bytes() <= arrow + 2**20
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 5e6


@pytest.mark.parametrize("n_threads", [2, 3, 50])
def test_threads_share_the_row_groups(tmp_path: Path, n_threads: int) -> None:
    data = rows()
    weights = np.arange(1000) % 4 * 1.0
    for name, part in zip(["a", "b"], np.split(np.arange(1000), [300]), strict=True):
        written(tmp_path / f"{name}.parquet", data[part], {"w": weights[part]}, row_group_size=120)
    source = ParquetSource(tmp_path, weights="w", n_threads=n_threads)
    parts = source.parts()
    assert len(parts) == min(n_threads, 9)
    assert sum(part.total_weight for part in parts) == source.total_weight == weights.sum()
    np.testing.assert_array_equal(np.concatenate([gathered(part)[0] for part in parts]), data)
    theta = MixtureParameters(np.log([0.5, 0.5]), GaussianParameters(rows(2), np.ones((2, 3))))
    once, again, alone = (
        e_step(DiagonalGaussians(2, 3), each, theta)
        for each in (source, source, ParquetSource(tmp_path, weights="w"))
    )
    assert once.log_likelihood == again.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-12)
    np.testing.assert_array_equal(once.statistics.second, again.statistics.second)


def test_columns_may_be_encoded_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"t": ["u", "v", None], "x": [1, 2, 3], "w": [1.0, 2.0, 0.0]}), path)

    def encode(arrays: list[pa.Array], first: int) -> Array:
        assert first == 0
        text = [{"u": 0.0, "v": 1.0}.get(value.as_py(), np.nan) for value in arrays[0]]
        return np.column_stack([text, arrays[1].to_numpy()])

    source = ParquetSource(path, weights="w", encode=encode)
    read, weights = gathered(source)
    np.testing.assert_array_equal(read, [[0.0, 1.0], [1.0, 2.0], [np.nan, 3.0]])
    assert weights is not None and weights.tolist() == [1.0, 2.0, 0.0]
    assert [len(array) for arrays in source.tables() for array in arrays] == [3, 3]
    with pytest.raises(InputError, match=r"column 't' of .* holds string, not numbers"):
        ParquetSource(path)
    with pytest.raises(InputError, match=r"column 't' of .* holds string, not numbers"):
        ParquetSource(path, weights="t", encode=encode)
