from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mixtura
from mixtura.cli.mixture_model import MixtureModel, is_mixture, load_mixture_model, require_text_target
from mixtura.data import RawTable
from mixtura.errors import InputError, ModelFileError

TABLE = pa.table({"a": [1.0, 1.2, 5.0, None], "b": ["x", "x", "y", "y"]})


@pytest.fixture(scope="module")
def model() -> MixtureModel:
    return MixtureModel(mixtura.MixedMixture(2, random_state=0, handle_unknown="missing").fit(TABLE))


def test_it_answers_as_the_estimator(model: MixtureModel, tmp_path: Path) -> None:
    model.mixture.save(tmp_path / "model")
    loaded = load_mixture_model("MixedMixture", tmp_path / "model")
    table = loaded.read(RawTable(TABLE))
    np.testing.assert_array_equal(loaded.predict_proba(table.values), model.mixture.predict_proba(TABLE))
    estimate = loaded.log_likelihood(table.values)
    assert estimate.mean == pytest.approx(model.mixture.score(TABLE))
    assert estimate.standard_error == 0 and estimate.n_samples is None
    rows, groups = loaded.sample(5, 1, random_state=3)
    assert rows.shape == (5, 2) and groups.tolist() == [1] * 5
    assert loaded.image_shape_ is None and loaded.n_features_in_ == 2


def test_categories_that_are_not_known_are_counted(model: MixtureModel) -> None:
    new = RawTable(pa.table({"a": [1.0, None], "b": ["z", "x"]}))
    assert (model.read(new).n_unknown, model.read(RawTable(TABLE)).n_unknown) == (1, 0)
    assert "1 value of categories that the model does not know" in model.read(new).describe()


def test_draws_and_numbers_that_make_no_sense(model: MixtureModel) -> None:
    with pytest.raises(InputError, match="needs no draws"):
        model.log_likelihood(TABLE, 5)
    with pytest.raises(InputError, match=r"end it in \.csv"):
        require_text_target([column.categories for column in model.columns], "x.NPZ")
    require_text_target([column.categories for column in model.columns], "x.csv")


def test_a_model_that_lacks_its_parameters(model: MixtureModel, tmp_path: Path) -> None:
    from mixtura.storage import read_model, write_model

    model.mixture.save(tmp_path / "model")
    document, tensors = read_model(tmp_path / "model")
    tensors.pop("means_")
    write_model(tmp_path / "other", document, tensors)
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_mixture_model("MixedMixture", tmp_path / "other")


def test_kinds() -> None:
    assert is_mixture("PoissonMixture")
    assert not any(map(is_mixture, ("GMVAE", None, 3, "Mixture", ["GaussianMixture"])))
