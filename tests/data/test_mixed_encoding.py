from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.data.encoding import Encoding
from mixtura.data.mixed_encoding import FAMILIES, MixedEncoding
from mixtura.errors import ConstantColumnWarning, InputError, ModelFileError


def drawn(families: list[str], n: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Return rows of the families, and the numbers of categories."""
    rng = np.random.default_rng(seed)
    make = {
        "gaussian": lambda: rng.normal(3.0, 50.0, n),
        "bernoulli": lambda: rng.integers(2, size=n),
        "poisson": lambda: rng.poisson(4.0, n),
        "negative_binomial": lambda: rng.negative_binomial(2, 0.2, n),
        "categorical": lambda: rng.integers(3, size=n),
    }
    rows = np.column_stack([make[family]() for family in families]).astype(np.float64)
    return rows, [3] * families.count("categorical")


@given(st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=7), st.integers(0, 10**6))
def test_rows_come_back_and_columns_lie_as_the_layout_says(families, seed):
    rows, sizes = drawn(families, 9, seed)
    encoding = MixedEncoding.fit(rows, families=families, n_categories=sizes)
    encoded = encoding.encode(rows, np.float64)
    assert encoded.shape == (9, encoding.n_encoded) == (9, encoding.layout.n_encoded)
    np.testing.assert_allclose(encoding.decode(encoded), rows, atol=1e-12 * np.abs(rows).max())
    *_, categories = np.split(encoded, np.cumsum(encoding.layout.widths)[:-1], axis=1)
    assert (categories.sum(axis=1) == len(sizes)).all() and set(np.unique(categories)) <= {0.0, 1.0}
    again = MixedEncoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    np.testing.assert_array_equal(again.encode(rows, np.float64), encoded)
    assert again.log_determinant == encoding.log_determinant and again.layout == encoding.layout


def test_measurements_alone_are_encoded_as_those_of_a_table(rng):
    rows = rng.normal(5, [1.0, 20.0], size=(30, 2))
    mixed, plain = (
        MixedEncoding.fit(rows, families=["gaussian"] * 2),
        Encoding.fit(rows, likelihood="gaussian"),
    )
    np.testing.assert_array_equal(mixed.encode(rows, np.float64), plain.encode(rows, np.float64))
    assert mixed.log_determinant == plain.log_determinant


def test_a_constant_measurement_is_left_out_and_put_back():
    rows = np.column_stack([np.full(4, 7.0), [0, 1, 1, 0]])
    with pytest.warns(ConstantColumnWarning, match="'a' holds one value, 7"):
        encoding = MixedEncoding.fit(rows, families=["gaussian", "bernoulli"], names=["a", "b"])
    assert encoding.n_encoded == 1 and encoding.findings[0].name == "constant-columns"
    np.testing.assert_array_equal(encoding.decode(encoding.encode(rows)), rows)
    with pytest.raises(InputError, match="all 4 rows are the same"):
        MixedEncoding.fit(rows[:, :1], families=["gaussian"])


def test_the_most_probable_category_is_decoded_and_probabilities_stay():
    encoding = MixedEncoding.fit(
        np.array([[1.0, 0.0], [0.0, 2.0]]), families=["bernoulli", "categorical"], n_categories=[3]
    )
    np.testing.assert_allclose(encoding.decode([[0.3, 0.2, 0.5, 0.3]]), [[0.3, 1.0]])


@pytest.mark.parametrize(
    ("family", "value", "said"),
    [("bernoulli", 2.0, "neither"), ("poisson", 1.5, "counts"), ("negative_binomial", -1.0, "counts")],
)
def test_what_is_none_of_its_family_is_refused_by_name(family, value, said):
    families = ["gaussian", family]
    good = np.array([[0.0, 1.0], [1.0, 0.0]])
    bad = np.array([[0.0, 1.0], [1.0, value]])
    with pytest.raises(InputError, match=f"{said}.*column 'b', row 1.*families"):
        MixedEncoding.fit(bad, families=families, names=["a", "b"])
    with pytest.raises(InputError, match="column 'b', row 1"):
        MixedEncoding.fit(good, families=families, names=["a", "b"]).encode(bad)


def test_other_shapes_and_damaged_documents_are_refused(rng):
    encoding = MixedEncoding.fit(rng.normal(size=(5, 2)), families=["gaussian"] * 2)
    with pytest.raises(InputError, match="2 columns"):
        encoding.encode(np.zeros((3, 1)))
    with pytest.raises(InputError, match="rows of this encoding"):
        encoding.decode(np.zeros((3, 1)))
    with pytest.raises(ModelFileError, match="damaged"):
        MixedEncoding.from_dict({"families": ["gaussian"]})
