from __future__ import annotations

import numpy as np
import pytest
import torch

import mixtura
from mixtura.errors import InputError
from mixtura.selection import prune_components


def grown(model: mixtura.GMVAE, far: float) -> mixtura.GMVAE:
    """Move the last component so far away that it holds no row."""
    with torch.no_grad():
        model.model_.prior.means[-1] += far
    model._read_model()
    return model


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(80, 2)) + 9 * np.repeat([[0, 0], [1, 1]], 40, axis=0)


@pytest.fixture(scope="module", params=["exact", "amortised"])
def model(request, rows) -> mixtura.GMVAE:
    deep = mixtura.GMVAE(
        4, random_state=0, max_epochs=5, hidden=(16,), responsibilities=request.param, start="kmeans"
    )
    deep.fit(rows)
    if request.param == "amortised":
        with torch.no_grad():
            deep.model_.responsibilities.to_logits.bias[-1] = -500.0
    return grown(deep, 500.0)


def test_an_empty_component_is_dropped_and_named(model, rows):
    pruned = prune_components(model, rows)
    held = np.unique(model.predict(rows))
    assert pruned.n_components == len(held) == pruned.model_.n_components < 4
    assert pruned.weights_.sum() == pytest.approx(1.0) and len(pruned.means_) == len(held)
    said = {finding.name: str(finding) for finding in pruned.findings_}
    assert "3 (no row)" in said["pruned"] and "of 4 components held fewer than 1 row" in said["pruned"]
    assert model.n_components == 4 and model.model_.n_components == 4
    assert np.bincount(pruned.labels_).tolist() == sorted(np.bincount(pruned.labels_), reverse=True)
    assert (pruned.predict(rows) == pruned.labels_).all()


def test_the_density_is_renormalised(model, rows):
    pruned = prune_components(model, rows)
    gain = np.log(4 / pruned.n_components)
    before, after = model.score_samples(rows), pruned.score_samples(rows)
    held = set(np.unique(model.predict(rows)))
    if held == {0, 1, 2}:  # only the far component went, of which no row had anything
        # Weights were trained in float32, so their logarithms are that exact.
        assert after - before == pytest.approx(np.full(len(rows), gain), abs=1e-7)
    prior = pruned.model_.prior()
    assert float(prior.log_weights.exp().sum()) == pytest.approx(1.0)


def test_it_can_be_saved_and_loaded(model, rows, tmp_path):
    pruned = prune_components(model, rows)
    pruned.save(tmp_path / "model")
    again = mixtura.GMVAE.load(tmp_path / "model")
    assert again.score_samples(rows) == pytest.approx(pruned.score_samples(rows), abs=1e-4)
    assert (again.predict(rows) == pruned.predict(rows)).all()


def test_nothing_to_drop_is_the_same_model(model, rows):
    once = prune_components(model, rows)
    twice = prune_components(once, rows)
    assert (twice.labels_ == once.labels_).all() and twice.n_components == once.n_components
    assert twice.score_samples(rows) == pytest.approx(once.score_samples(rows), abs=1e-12)
    assert not any(finding.name == "pruned" for finding in twice.findings_)


def test_bad_input_is_one_line(model, rows):
    with pytest.raises(InputError, match=r"min_rows=81 is more than the .* rows of the largest component"):
        prune_components(model, rows, min_rows=81)
    with pytest.raises(InputError, match="min_rows must be a whole number of at least 1, not 0"):
        prune_components(model, rows, min_rows=0)
    with pytest.raises(InputError, match="takes a fitted GMVAE, not GaussianMixture"):
        prune_components(mixtura.GaussianMixture().fit(rows), rows)
    with pytest.raises(InputError, match=r"X is the path 'rows\.csv'"):
        prune_components(model, "rows.csv")
    with pytest.raises(InputError, match="3 features, but GMVAE is expecting 2"):
        prune_components(model, np.c_[rows, rows[:, :1]])
    with pytest.raises(InputError, match="this GMVAE is not fitted"):
        prune_components(mixtura.GMVAE(), rows)
