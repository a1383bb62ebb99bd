from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.source import ArraySource, Source
from mixtura.em.steps import Expectation, MixtureParameters, e_step

K, D = 3, 2


def gathered(source: Source) -> tuple[Array, Array | None]:
    blocks = [(block.copy(), weights) for block, weights in source.blocks()]
    weights = [part for _, part in blocks if part is not None]
    return np.concatenate([block.T for block, _ in blocks]), np.concatenate(weights) if weights else None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", "bool", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_are_the_rows_in_float64(dtype: str, order: str, rng: np.random.Generator) -> None:
    rows = np.asarray(rng.integers(2, size=(100, D)).astype(dtype), order=order)
    read, weights = gathered(ArraySource(rows, origin=np.array([0.5, 1.0]), block_size=7))
    assert read.dtype == np.float64 and weights is None
    np.testing.assert_array_equal(read, rows.astype(float) - [0.5, 1.0])


@pytest.mark.parametrize("n_threads", [1, 2, 3, 50])
@pytest.mark.parametrize("n", [1, 64, 1000])
def test_parts_are_the_source_in_order(n: int, n_threads: int, rng: np.random.Generator) -> None:
    rows, weights = rng.normal(size=(n, D)), rng.random(n)
    source = ArraySource(rows, weights, np.ones(D), block_size=64, n_threads=n_threads)
    parts = [gathered(part) for part in source.parts()]
    assert len(parts) <= n_threads
    np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), rows - 1)
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts if part is not None]), weights)


def expectation(kind: str, n_threads: int, rows: Array) -> Expectation:
    covariances = {
        "full": np.tile(np.eye(D), (K, 1, 1)),
        "tied": np.eye(D),
        "diag": np.ones((K, D)),
        "spherical": np.ones(K),
    }
    theta = MixtureParameters(np.log(np.full(K, 1 / K)), GaussianParameters(rows[:K], covariances[kind]))
    source = ArraySource(rows, np.linspace(0, 1, len(rows)), block_size=64, n_threads=n_threads)
    return e_step(COVARIANCE_TYPES[kind](K, D), source, theta)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_threads_change_nothing_but_the_last_digits(kind: str, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(2000, D))
    one, two, again = (expectation(kind, n, rows) for n in (1, 3, 3))
    for name in ("counts", "first", "second"):
        values = [getattr(each.statistics, name) for each in (one, two, again)]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-12, atol=1e-11)
        np.testing.assert_array_equal(values[2], values[1])
    assert two.log_likelihood == again.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-13)
    assert two.entropy == again.entropy == pytest.approx(one.entropy, rel=1e-10)
    np.testing.assert_array_equal(one.farthest, two.farthest)


def test_an_error_in_a_thread_is_the_same_error() -> None:
    family = BernoulliFamily(1, 1)
    rows = np.zeros((100, 1))
    rows[90] = 2.0
    theta = MixtureParameters(np.zeros(1), family.parameters(np.array([[0.5]])))
    with pytest.raises(ValueError, match="holds 2"):
        e_step(family, ArraySource(rows, block_size=10, n_threads=2), theta)


def test_a_memory_map_is_read_in_parts_too(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(500, D)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for part, expected in zip(
        ArraySource(mapped, block_size=10, n_threads=2).parts(), np.split(rows, 2), strict=True
    ):
        assert isinstance(part, ArraySource) and isinstance(part.rows, np.memmap)
        np.testing.assert_array_equal(gathered(part)[0], expected.astype(float))
