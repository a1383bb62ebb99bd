from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, make_blobs

from mixtura import GMVAE, ModelFileError

CASES = {
    "table": {},
    "amortised": {"responsibilities": "amortised"},
    "diagonal": {"covariance_type": "diag", "hidden": (16, 8)},
    "plain": {"procedure": "plain"},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_a_saved_model_scores_with_the_same_bits(options, tmp_path):
    X, _ = make_blobs(80, n_features=3, random_state=0)
    model = GMVAE(3, max_epochs=5, start="kmeans", random_state=0, **options).fit(X)
    model.save(tmp_path / "model")
    loaded = GMVAE.load(tmp_path / "model")
    for method in ("score_samples", "predict_proba", "transform", "reconstruct"):
        assert np.array_equal(getattr(loaded, method)(X), getattr(model, method)(X)), method
    assert np.array_equal(loaded.sample(7)[0], model.sample(7)[0])
    assert np.array_equal(loaded.labels_, model.labels_)
    assert loaded.bound_ == model.bound_ and loaded.gap_ == model.gap_
    assert loaded.history_ == model.history_ and loaded.findings_ == model.findings_
    ignored = {"random_state", "callback"}
    same = {k: v for k, v in model.get_params().items() if k not in ignored}
    assert {k: v for k, v in loaded.get_params().items() if k not in ignored} == same


@pytest.mark.parametrize("options", [{}, {"network": "conv"}, {"likelihood": "bernoulli", "binarise": 7.5}])
@pytest.mark.filterwarnings("ignore::mixtura.errors.BinarisedWarning")
def test_a_saved_model_of_images(options, tmp_path):
    images = load_digits().images[:24]
    model = GMVAE(3, max_epochs=2, start="kmeans", random_state=0, **options).fit(images)
    model.save(tmp_path / "model")
    loaded = GMVAE.load(tmp_path / "model")
    assert np.array_equal(loaded.score_samples(images), model.score_samples(images))
    assert loaded.image_shape_ == (8, 8)


def test_names_of_features_are_kept(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)), columns=["a", "b"])
    GMVAE(2, max_epochs=2, random_state=0).fit(frame).save(tmp_path / "model")
    loaded = GMVAE.load(tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"b": "c"}))


def test_a_folder_of_another_kind_is_refused(tmp_path):
    from mixtura.storage import write_model

    write_model(tmp_path / "model", {"versions": {}, "estimator": "Other"}, {"a": np.zeros(2)})
    with pytest.raises(ModelFileError, match="'Other'"):
        GMVAE.load(tmp_path / "model")
    write_model(tmp_path / "empty", {"versions": {}, "estimator": "GMVAE"}, {"a": np.zeros(2)})
    with pytest.raises(ModelFileError, match="cannot be read"):
        GMVAE.load(tmp_path / "empty")


def test_nothing_in_the_folder_is_code(tmp_path):
    X, _ = make_blobs(40, random_state=0)
    GMVAE(2, max_epochs=2, random_state=0).fit(X).save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json",
        "weights.safetensors",
    ]
    json.loads((tmp_path / "model" / "model.json").read_text())
