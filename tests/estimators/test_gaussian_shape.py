from __future__ import annotations

import numpy as np
import pytest

from mixtura import GaussianMixture, MixedMixture
from mixtura.errors import InputError
from mixtura.estimators.gaussian_shape import require_shape

TYPES = ["full", "tied", "diag", "spherical"]
ROWS = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize("kind", [GaussianMixture, MixedMixture])
@pytest.mark.parametrize("now", TYPES)
@pytest.mark.parametrize("before", TYPES)
def test_a_type_that_was_changed_after_the_fit_is_refused_in_one_line(kind, before: str, now: str) -> None:
    model = kind(2, covariance_type=before, random_state=0).fit(ROWS).set_params(covariance_type=now)
    calls = (lambda: model.predict(ROWS), lambda: model.impute(ROWS), lambda: model.sample(3))
    for call in calls:
        if before == now:
            call()
            continue
        with pytest.raises(InputError, match=f"covariance_type is '{now}' now") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_the_shapes_of_the_types() -> None:
    for name, shape in zip(TYPES, [(2, 3, 3), (3, 3), (2, 3), (2,)], strict=True):
        require_shape(name, np.zeros((2, 3)), np.ones(shape))
