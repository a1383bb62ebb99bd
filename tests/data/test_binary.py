from __future__ import annotations

import numpy as np
import pytest

from mixtura.data import Encoding
from mixtura.errors import BinarisedWarning


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool, np.int64])
def test_zeros_and_ones_stay_as_they_are(dtype):
    values = np.array([[0, 1, 1], [1, 1, 0]], dtype)
    encoding = Encoding.fit(values, likelihood="bernoulli")
    assert (encoding.domain, encoding.log_determinant, encoding.findings) == ("binary", 0.0, ())
    assert encoding.n_encoded == 3
    for kind in (np.float32, np.float64):
        encoded = encoding.encode(values, kind)
        assert encoded.dtype == kind
        np.testing.assert_array_equal(encoded, values)
    np.testing.assert_array_equal(encoding.decode([[0.25, 0.5, 1.0]]), [[0.25, 0.5, 1.0]])


def test_other_values_are_refused_with_the_mend(refuses):
    values = np.zeros((5, 300_000), np.uint8)
    values[3, 7], values[4, 1] = 128, 2
    with refuses("2 values of 1,500,000", "128", "'column_7', row 3", "--binarise"):
        Encoding.fit(values, likelihood="bernoulli")
    encoding = Encoding.fit(values[:3], likelihood="bernoulli")
    with refuses("such as 128", "row 0"):
        encoding.encode(values[3:])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_threshold_is_said_and_a_value_at_it_becomes_zero(dtype):
    values = np.array([[0, 127, 128, 255]], dtype)
    with pytest.warns(BinarisedWarning, match=r"above 127 .* 50.0 % are 1"):
        encoding = Encoding.fit(values, likelihood="bernoulli", binarise=127)
    assert [finding.name for finding in encoding.findings] == ["binarised"]
    assert encoding.encode(values).tolist() == [[0, 0, 1, 1]]
    assert encoding.log_determinant == 0.0


def test_a_threshold_is_compared_in_the_precision_of_the_data():
    values = np.array([[0.1, 0.2]], np.float32)
    with pytest.warns(BinarisedWarning):
        encoding = Encoding.fit(values, likelihood="bernoulli", binarise=0.1)
    assert encoding.encode(values).tolist() == [[0, 1]]


def test_a_threshold_that_changes_nothing_is_no_news():
    encoding = Encoding.fit(np.array([[0.0, 1.0]]), likelihood="bernoulli", binarise=0.5)
    assert encoding.findings == ()
    assert encoding.encode(np.array([[0.2, 0.7]])).tolist() == [[0, 1]]


@pytest.mark.parametrize("threshold", [-1, 255, 300])
def test_a_threshold_outside_the_data(refuses, threshold):
    with refuses("range from 0 to 255", "in between"):
        Encoding.fit(np.array([[0, 100, 255]], np.uint8), likelihood="bernoulli", binarise=threshold)


@pytest.mark.parametrize("threshold", [True, float("nan"), float("inf")])
def test_no_threshold(refuses, threshold):
    with refuses("no threshold"):
        Encoding.fit(np.array([[0, 255]], np.uint8), likelihood="bernoulli", binarise=threshold)


def test_a_threshold_needs_a_bernoulli_likelihood(refuses):
    with refuses("likelihood='bernoulli'"):
        Encoding.fit(np.array([[0, 255]], np.uint8), likelihood="gaussian", binarise=127)
