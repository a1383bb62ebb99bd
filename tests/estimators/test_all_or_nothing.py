from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from mixtura import GMVAE, VAE, InputError

QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize("estimator", [GMVAE(2, start="kmeans", **QUICK), VAE(**QUICK)])
def test_a_refused_fit_leaves_the_model_as_it_was(estimator) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 3))
    model = clone(estimator).fit(rows)
    before = model.score_samples(rows[:4])
    with pytest.raises(InputError, match="callback must be a function of one log entry, not 3"):
        model.set_params(callback=3).fit(rows[:, :2])
    model.set_params(callback=None)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((30, 5), np.nan))
    with pytest.raises(ZeroDivisionError):
        model.set_params(callback=lambda event: 1 // 0).fit(rows[:, :2])
    assert model.n_features_in_ == 3
    np.testing.assert_array_equal(model.score_samples(rows[:4]), before)
