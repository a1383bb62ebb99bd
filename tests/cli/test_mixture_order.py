from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mixtura
from mixtura.cli.mixture_order import falling_size, reordered
from mixtura.findings import Finding

GROUPS = np.repeat([0, 1, 2], [4, 9, 17])
NUMBERS = np.random.default_rng(0).normal(size=(30, 2)) + 9.0 * np.stack([GROUPS == 1, GROUPS == 2], axis=1)
TABLE = pa.table({"a": NUMBERS[:, 0], "b": np.array(list("xyz"))[GROUPS], "c": GROUPS * 12, "d": GROUPS > 1})

MODELS: dict[str, tuple[Any, Any]] = {
    **{
        kind: (mixtura.GaussianMixture(3, covariance_type=kind), NUMBERS) for kind in ("full", "tied", "diag")
    },
    "spherical": (mixtura.GaussianMixture(3, covariance_type="spherical"), NUMBERS),
    "bernoulli": (mixtura.BernoulliMixture(3), (NUMBERS > 4).astype(float)),
    "categorical": (mixtura.CategoricalMixture(3), TABLE.select(["b", "d"])),
    "poisson": (mixtura.PoissonMixture(3), np.abs(np.round(NUMBERS))),
    "mixed": (mixtura.MixedMixture(3), TABLE),
    "mixed tied": (mixtura.MixedMixture(3, covariance_type="tied"), TABLE),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_the_same_mixture_in_another_order(name: str) -> None:
    model, rows = MODELS[name]
    model = model.set_params(random_state=0).fit(rows)
    before, order = model.predict_proba(rows), np.array([2, 0, 1])
    other = reordered(model, order)
    np.testing.assert_allclose(other.predict_proba(rows), before[:, order], atol=1e-12)
    np.testing.assert_allclose(other.score_samples(rows), model.score_samples(rows), rtol=1e-10)
    np.testing.assert_array_equal(model.predict_proba(rows), before)


def test_the_order_is_by_rows_and_then_by_weight() -> None:
    model = mixtura.PoissonMixture(3, random_state=0).fit([[1], [2], [30], [31], [90]])
    model.weights_ = np.array([0.2, 0.5, 0.3])
    assert falling_size(model, np.array([0, 0, 1, 2, 2])).tolist() == [2, 0, 1]
    assert falling_size(model, np.zeros(5, dtype=int)).tolist() == [0, 1, 2]


def test_findings_with_old_numbers_lose_them() -> None:
    model = mixtura.PoissonMixture(2, random_state=0).fit([[1], [2], [30]])
    model.findings_ = (Finding("component-reseeded", "warning", "components were moved: 0, 1"),)
    assert reordered(model, np.array([1, 0])).findings_[0].seen == "components were moved"
