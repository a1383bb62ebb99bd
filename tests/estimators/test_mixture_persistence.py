from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixtura.em.priors import NormalInverseWishart
from mixtura.errors import InputError, ModelFileError
from mixtura.estimators import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(80, 2)) + np.repeat([[0, 0], [6, 6]], 40, axis=0)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_bit_comes_back(tmp_path, rows, covariance_type, dtype):
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows.astype(dtype))
    model.save(tmp_path / "model")
    loaded = GaussianMixture.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    for name, value in vars(model).items():
        if not name.startswith("_"):
            other = getattr(loaded, name)
            assert np.array_equal(value, other) and type(value) is type(other), name
    assert np.array_equal(loaded.score_samples(rows), model.score_samples(rows))


def test_priors_starts_findings_and_names_come_back(tmp_path, rows):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows, columns=["a", "b"])
    prior = NormalInverseWishart(np.zeros(2), 0.1, 4.0, np.eye(2))
    means = np.array([[0.0, 0.0], [6.0, 6.0]])
    model = GaussianMixture(
        2, prior=prior, means_init=means, max_iter=0, random_state=np.random.RandomState(0)
    )
    model.fit(frame).save(tmp_path / "model")
    loaded = GaussianMixture.load(tmp_path / "model")
    assert np.array_equal(loaded.prior.scale, prior.scale) and loaded.prior.kappa == 0.1
    assert np.array_equal(loaded.means_init, means) and loaded.random_state is None
    assert loaded.lower_bound_ == -np.inf and loaded.findings_ == model.findings_
    assert loaded.feature_names_in_.tolist() == ["a", "b"]
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_another_class_and_what_cannot_be_written_are_refused(tmp_path, rows):
    model = GaussianMixture(2, random_state=0).fit(rows)
    model.save(tmp_path / "model")

    class Other(GaussianMixture):
        pass

    with pytest.raises(ModelFileError, match="and not Other"):
        Other.load(tmp_path / "model")
    with pytest.raises(InputError, match="verbose"):
        model.set_params(verbose={1, 2}).save(tmp_path / "else")


@pytest.mark.parametrize(
    "kind", [BernoulliMixture, CategoricalMixture, GaussianMixture, MixedMixture, PoissonMixture]
)
@pytest.mark.parametrize("gaps", [False, True])
def test_what_was_loaded_goes_on_as_what_was_saved(tmp_path, kind, gaps):
    rng = np.random.default_rng(1)
    bits = (rng.random((60, 3)) < np.repeat([[0.2], [0.8]], 30, axis=0)).astype(float)
    if gaps:
        bits[rng.random(bits.shape) < 0.2] = np.nan
    model = kind(2, random_state=0).fit(bits)
    model.save(tmp_path / "model")
    assert np.array_equal(kind.load(tmp_path / "model").impute(bits), model.impute(bits))
    for go_on in ("partial_fit", "fit"):
        loaded = kind.load(tmp_path / "model").set_params(warm_start=True)
        expected = kind(2, random_state=0).fit(bits).set_params(warm_start=True)
        scores = [getattr(each, go_on)(bits).score_samples(bits) for each in (loaded, expected)]
        assert np.array_equal(*scores), go_on


def test_starts_and_categories_of_any_make_are_saved(tmp_path, rows):
    weights, means = pd.Series([0.25, 0.75]), pd.DataFrame([[0.0, 0.0], [6.0, 6.0]])
    model = GaussianMixture(2, weights_init=weights, means_init=means, random_state=0).fit(rows)
    model.save(tmp_path / "gaussian")
    loaded = GaussianMixture.load(tmp_path / "gaussian")
    assert loaded.weights_init.tolist() == [0.25, 0.75] and np.array_equal(loaded.means_init, means)
    assert np.array_equal(loaded.fit(rows).means_, model.means_)
    frame = pd.DataFrame({"c": ["u", "v", "v"] * 5, "n": [0, 1, 2] * 5})
    for at, words in enumerate((pd.Index(["u", "v", "w"]), pl.Series(["u", "v", "w"]))):
        categories = MappingProxyType({"c": words, "n": range(3)})
        model = CategoricalMixture(2, categories=categories, random_state=0).fit(frame)
        model.save(tmp_path / str(at))
        loaded = CategoricalMixture.load(tmp_path / str(at))
        assert list(loaded.categories["c"]) == ["u", "v", "w"] and list(loaded.categories["n"]) == [0, 1, 2]
        assert np.array_equal(loaded.fit(frame).probabilities_[0], model.probabilities_[0])
