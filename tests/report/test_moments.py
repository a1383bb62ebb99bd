from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.report import moments
from mixtura.report.moments import moments_by_group


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64, bool])
def test_moments_are_those_of_numpy(dtype: type) -> None:
    generator = np.random.default_rng(0)
    values = generator.integers(0, 2 if dtype is bool else 200, (50, 3)).astype(dtype)
    components = generator.integers(0, 4, 50)
    found = moments_by_group(values, components, 4)
    exact = values.astype(np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0))
    np.testing.assert_allclose(found.sd, exact.std(axis=0))
    for group in range(4):
        np.testing.assert_allclose(found.group_means[group], exact[components == group].mean(axis=0))
    assert (found.lowest, found.highest) == (exact.min(), exact.max())


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_far_scales_do_no_harm(scale: float) -> None:
    values = np.array([[1.0, -3.0], [2.0, 5.0], [4.0, 0.0]])
    found, plain = (moments_by_group(values * s, [0, 0, 1], 2) for s in (scale, 1.0))
    np.testing.assert_allclose(found.sd / scale, plain.sd)
    np.testing.assert_allclose(found.group_means / scale, plain.group_means)


def test_a_large_offset_does_no_harm() -> None:
    values = (1e8 + np.arange(0, 800, 8, dtype=np.float64)[:, None]).astype(np.float32)
    np.testing.assert_allclose(
        moments_by_group(values, np.zeros(100, dtype=int), 1).sd, 8 * np.arange(100).std()
    )


def test_an_empty_group_has_no_mean() -> None:
    assert np.isnan(moments_by_group(np.ones((2, 2)), [2, 2], 3).group_means[:2]).all()


@given(st.integers(1, 9))
def test_blocks_change_nothing(block: int) -> None:
    values = np.random.default_rng(1).normal(size=(11, 2))
    components = np.arange(11) % 3
    whole = moments_by_group(values, components, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "_BLOCK", 2 * block)
        cut = moments_by_group(values, components, 3)
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_gaps_are_left_out_of_every_figure() -> None:
    values = np.array([[1.0, np.nan, 2.0], [3.0, np.nan, np.nan], [np.nan, np.nan, 8.0], [5.0, np.nan, 2.0]])
    found = moments_by_group(values, [0, 0, 1, 1], 2)
    nan = np.nan
    np.testing.assert_allclose(found.group_means, [[2.0, nan, 2.0], [5.0, nan, 5.0]])
    np.testing.assert_allclose(found.mean, [3.0, nan, 4.0])
    np.testing.assert_allclose(found.sd, [np.std([1, 3, 5]), nan, np.std([2, 8, 2])])
    assert (found.lowest, found.highest) == (1.0, 8.0)
