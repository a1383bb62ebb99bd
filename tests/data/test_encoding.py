from __future__ import annotations

import json
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mixtura.data import Encoding, read
from mixtura.data.scaling import is_constant
from mixtura.errors import ConstantColumnWarning, ModelFileError

NUMBERS = st.floats(-1e300, 1e300) | st.floats(-10, 10) | st.floats(-1e-30, 1e-30)
TABLES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=NUMBERS)
SINGLE = st.floats(-(2.0**90), 2.0**90, width=32) | st.floats(-16, 16, width=32)
SINGLE_TABLES = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=SINGLE
)


def fit_quietly(values, **how):
    """Fit with warnings of constant columns let through, for tables drawn at random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantColumnWarning)
        return Encoding.fit(values, **how)


def varied(values):
    low, high = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
    return ~is_constant(low, high, values.dtype) & (high - low > 1e-290)


ENCODINGS = {
    "table": lambda rng: (
        rng.standard_normal((40, 5)) * [1e-3, 1, 1e3, 1e30, 1e-30],
        {"likelihood": "gaussian"},
    ),
    "grey": lambda rng: (
        rng.integers(0, 256, (9, 12)).astype(np.uint8),
        {"likelihood": "gaussian", "image_shape": (3, 4)},
    ),
    "colour": lambda rng: (rng.random((9, 12)), {"likelihood": "gaussian", "image_shape": (2, 2, 3)}),
    "binary": lambda rng: (rng.integers(0, 2, (9, 4)).astype(np.uint8), {"likelihood": "bernoulli"}),
}


@pytest.fixture(params=ENCODINGS)
def case(request, rng):
    values, how = ENCODINGS[request.param](rng)
    return values, Encoding.fit(values, **how)


@given(TABLES | SINGLE_TABLES)
def test_decode_undoes_encode(values):
    assume(varied(values).any())
    encoding = fit_quietly(values, likelihood="gaussian")
    back = encoding.decode(encoding.encode(values, np.float64))
    size = np.abs(values).max(axis=0).astype(float)
    rounding = 1e-12 if values.dtype == np.float64 else 1e-6
    assert np.isfinite(back).all()
    # A column that counts as constant is put back as its middle, which is off by rounding only.
    assert (np.abs(back - values) <= rounding * size + 1e-290).all()


@given(TABLES | SINGLE_TABLES)
def test_encoded_columns_have_mean_zero_and_deviation_one(values):
    assume(varied(values).any())
    encoding = fit_quietly(values, likelihood="gaussian")
    encoded = encoding.encode(values, np.float64)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-12)
    assert np.isfinite(encoding.log_determinant)


@given(TABLES)
def test_a_dict_through_json_keeps_every_bit(values):
    assume(varied(values).any())
    encoding = fit_quietly(values, likelihood="gaussian")
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert again.encode(values, np.float64).tobytes() == encoding.encode(values, np.float64).tobytes()
    assert again.log_determinant == encoding.log_determinant
    assert again.findings == encoding.findings
    assert json.dumps(again.to_dict()) == json.dumps(encoding.to_dict())


def test_every_kind_survives_its_dict(case):
    values, encoding = case
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert repr(again) == repr(encoding)
    assert (again.image_shape, again.domain, again.binarise) == (
        encoding.image_shape,
        encoding.domain,
        encoding.binarise,
    )
    np.testing.assert_array_equal(again.encode(values), encoding.encode(values))


def test_every_kind_is_undone(case):
    values, encoding = case
    np.testing.assert_allclose(encoding.decode(encoding.encode(values, np.float64)), values, rtol=1e-12)
    assert encoding.encode(values).dtype == np.float32
    assert encoding.decode(encoding.encode(values), np.float32).dtype == np.float32


def test_the_log_determinant_is_that_of_the_jacobian(case):
    values, encoding = case
    if encoding.domain == "binary":
        assert encoding.log_determinant == 0.0
        return
    row = values[:1].astype(float)
    step = np.ptp(values.astype(float), axis=0) / 7
    jacobian = np.stack(
        [
            (encoding.encode(row + step * unit, np.float64) - encoding.encode(row, np.float64))[0] / size
            for unit, size in zip(np.eye(row.shape[1]), step, strict=True)
        ]
    )
    # Column by column: the determinant itself has no float where columns are 1e30 and 1e-30 wide.
    slopes = np.diag(jacobian)
    assert np.array_equal(jacobian, np.diag(slopes))
    np.testing.assert_allclose(encoding.log_determinant, np.log(slopes).sum(), rtol=1e-10)


def test_densities_stay_honest(rng):
    stats = pytest.importorskip("scipy.stats")
    values = 1e8 + rng.standard_normal((500, 1)) * 30
    encoding = Encoding.fit(values, likelihood="gaussian")
    raw = stats.norm(values.mean(), values.std()).logpdf(values)[:, 0]
    encoded = stats.norm().logpdf(encoding.encode(values, np.float64))[:, 0]
    np.testing.assert_allclose(encoded + encoding.log_determinant, raw, rtol=1e-6)


def test_constant_columns_are_left_out_said_and_put_back():
    values = np.array([[1.0, 5.0, 0.3, 2.0], [2.0, 5.0, 0.1 + 0.2, 4.0]])
    with pytest.warns(ConstantColumnWarning, match="2 columns hold one value each .* 'b', 'c'"):
        encoding = Encoding.fit(values, likelihood="gaussian", names=list("abcd"))
    assert [finding.name for finding in encoding.findings] == ["constant-columns"]
    assert (encoding.n_features, encoding.n_encoded, encoding.kept.tolist()) == (4, 2, [0, 3])
    np.testing.assert_allclose(encoding.decode(encoding.encode(values)), values, rtol=1e-6)
    np.testing.assert_allclose(encoding.log_determinant, -np.log(0.5) - np.log(1.0))
    with pytest.warns(ConstantColumnWarning, match="column 'b' holds one value, 5,"):
        Encoding.fit(values[:, :2], likelihood="gaussian", names=["a", "b"])


def test_nothing_varies(refuses):
    with refuses("all 3 rows are the same", "'a', 'b'"):
        Encoding.fit(np.ones((3, 2)), likelihood="gaussian", names=["a", "b"])
    with refuses("one row"):
        Encoding.fit(np.array([[1.0, 2.0]]), likelihood="gaussian")
    with refuses("all pixels"):
        Encoding.fit(np.ones((3, 4), np.uint8), likelihood="gaussian", image_shape=(2, 2))


def test_two_rows_are_enough():
    encoded = Encoding.fit(np.array([[1.0], [4.0]]), likelihood="gaussian").encode(np.array([[1.0], [4.0]]))
    assert encoded.tolist() == [[-1.0], [1.0]]


def test_no_pixel_is_left_out():
    values = np.zeros((5, 4), np.uint8)
    values[0, 0] = 255
    encoding = Encoding.fit(values, likelihood="gaussian", image_shape=(2, 2))
    assert encoding.n_encoded == 4
    assert encoding.domain == "unit"
    np.testing.assert_allclose(encoding.log_determinant, -4 * np.log(256))


def test_new_values_far_away_neither_warn_nor_overflow():
    encoding = Encoding.fit(np.array([[0.0], [1e-30]]), likelihood="gaussian")
    with np.errstate(all="raise"):
        for dtype in (np.float32, np.float64):
            encoded = encoding.encode(np.array([[1.7e308], [-1.7e308]]), dtype)
            assert np.isfinite(encoded).all() and np.isfinite(encoded**2).all()
            assert encoded[0, 0] > 1e14 and encoded[1, 0] < -1e14
        wide = Encoding.fit(np.array([[-1.7e308], [1.7e308]]), likelihood="gaussian")
        assert np.isfinite(wide.decode([[50.0], [-50.0]])).all()


def test_an_empty_batch():
    encoding = Encoding.fit(np.array([[1.0, 2.0], [4.0, 1.0]]), likelihood="gaussian")
    assert encoding.encode(np.empty((0, 2))).shape == (0, 2)
    assert encoding.decode(np.empty((0, 2))).shape == (0, 2)


def test_a_row_does_not_depend_on_its_company(rng):
    values = rng.standard_normal((2000, 300))
    encoding = Encoding.fit(values, likelihood="gaussian")
    np.testing.assert_array_equal(encoding.encode(values)[1999:], encoding.encode(values[1999:]))


def test_images_are_encoded_in_blocks(rng):
    """As many bytes as MNIST has in uint8: a float64 copy would take 376 MB more."""
    values = rng.integers(0, 256, (60_000, 784), dtype=np.uint8)
    tracemalloc.start()
    try:
        encoding = Encoding.fit(values, likelihood="gaussian", image_shape=(28, 28))
        fitting = tracemalloc.get_traced_memory()[1]
        encoded = encoding.encode(values)
        encoding_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fitting < 20e6
    assert encoding_peak < encoded.nbytes + 20e6
    np.testing.assert_allclose(encoded[-1], (values[-1] + 0.5) / 256, rtol=1e-6)


def test_other_columns_are_refused(case, refuses):
    values, encoding = case
    for other in (values[:, 1:], values[0], values[None]):
        with refuses("shape", f"{encoding.n_features}"):
            encoding.encode(other)
    with refuses("not (n,"):
        encoding.decode(np.ones((2, encoding.n_encoded + 1)))


def test_what_cannot_be_fitted(refuses):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    with refuses("'gausian' is unknown", "'gaussian'"):
        Encoding.fit(values, likelihood="gausian")
    for empty in (np.ones((0, 2)), np.ones((2, 0)), np.ones(3)):
        with refuses("at least one row"):
            Encoding.fit(empty, likelihood="gaussian")
    with refuses("1 missing", "1 infinite", "'b', row 0"):
        Encoding.fit(np.array([[1.0, np.nan], [np.inf, 1]]), likelihood="gaussian", names=["a", "b"])
    with refuses("shape (2, 2)", "4 values", "have 2"):
        Encoding.fit(values, likelihood="gaussian", image_shape=(2, 2))
    with refuses("complex"):
        Encoding.fit(values.astype(complex), likelihood="gaussian")
    with refuses("1 missing", "column 'column_1', row 0"):
        Encoding.fit(values, likelihood="gaussian").encode(np.array([[1.0, np.nan]]))


def test_a_damaged_dict(case):
    document = case[1].to_dict()
    for key in document:
        with pytest.raises(ModelFileError, match=key):
            Encoding.from_dict({name: value for name, value in document.items() if name != key})


def test_repr_says_what_goes_in_and_out():
    encoding = Encoding.fit(np.array([[0, 255]], np.uint8), likelihood="gaussian", image_shape=(1, 2))
    assert repr(encoding) == "Encoding(gaussian: 2 pixels to 2 unit, log_determinant=-11.0904)"


def test_mnist(data_folder):
    table = read(data_folder / "mnist.npz", array="x_test")
    encoding = Encoding.fit(table.values, likelihood="gaussian", image_shape=table.image_shape)
    encoded = encoding.encode(table.values)
    assert (encoded.min(), encoded.max()) == (np.float32(0.5 / 256), np.float32(255.5 / 256))
    np.testing.assert_array_equal(np.rint(encoding.decode(encoded)).astype(np.uint8), table.values)


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_densities_of_grey_levels_sum_to_one_at_the_least_deviation(levels):
    images = np.array([[0, levels - 1]], np.uint8)
    encoding = Encoding.fit(images, likelihood="gaussian", image_shape=(1, 2))
    centres = (np.arange(-40 * levels, 40 * levels) + 0.5) / levels
    for mean in np.linspace(0, 1, 9):
        density = (
            np.exp(-0.5 * ((centres - mean) / encoding.least_std) ** 2)
            / encoding.least_std
            / (2 * np.pi) ** 0.5
        )
        assert density.sum() * np.exp(encoding.log_determinant / 2) == pytest.approx(1, abs=4e-5)
    assert [finding.name for finding in encoding.findings] == (["two-levels"] if levels == 2 else [])


@pytest.mark.parametrize(
    ("change", "told"), [((0, 0, 1.0), True), ((0, 0, 0.5), False), ((3, 1, 2.0), False)]
)
def test_columns_of_zeros_and_ones_are_pointed_to_the_likelihood_of_bits(change, told):
    rows = np.arange(24.0).reshape(8, 3) % 7 % 2
    i, j, rows[i, j] = change
    names = {finding.name for finding in Encoding.fit(rows, likelihood="gaussian").findings}
    assert ("two-levels" in names) is told


def test_a_constant_beside_columns_of_zeros_and_ones_does_not_hide_them():
    rows = np.array([[0.0, 3.0], [1.0, 3.0], [1.0, 3.0]])
    with pytest.warns(ConstantColumnWarning):
        encoding = Encoding.fit(rows, likelihood="gaussian")
    assert {finding.name for finding in encoding.findings} == {"constant-columns", "two-levels"}


def test_other_data_ask_for_no_least_deviation(rng):
    table = Encoding.fit(rng.normal(size=(9, 2)), likelihood="gaussian")
    images = Encoding.fit(rng.normal(size=(9, 4)), likelihood="gaussian", image_shape=(2, 2))
    assert table.least_std == images.least_std == 0.0
