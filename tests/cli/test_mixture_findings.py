from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli.mixture_findings import noticed
from mixtura.cli.mixture_run import looked_at
from mixtura.cli.mixtures import read_mixture_rows

pytestmark = pytest.mark.filterwarnings("ignore")

NOISE = np.random.default_rng(0).normal(size=50)


def found(tmp_path: Path, columns: dict[str, Any], family: str = "auto", **more: Any) -> dict[str, str]:
    """Fit two groups to a table; return findings by name."""
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    rows = read_mixture_rows(str(tmp_path / "t.csv"), family=family)
    settings = {"n_components": 2, "random_state": 0, "covariance_type": "full", "reg_covar": 1e-6} | more
    fit = looked_at(rows.estimator(**settings).fit(rows.rows), rows)
    return {
        finding.name: str(finding) for finding in noticed(rows, fit.mixture, fit.criteria["bic"], settings)
    }


@pytest.mark.parametrize(
    ("columns", "name", "word"),
    [
        ({"a": NOISE}, "no-better-than-one", "no better than one"),
        ({"a": NOISE, "b": np.full(50, 3.5)}, "constant-columns", "--drop b"),
        ({"a": NOISE * 1e-5}, "small-units", "--reg-covar"),
        ({"a": NOISE, "b": 2 * NOISE}, "flat-groups", "2 of 2 groups"),
        ({"a": NOISE, "b": [f"id {i}" for i in range(50)]}, "categories-of-one", "--drop b"),
        ({"a": NOISE, "b": ["", *NOISE[1:]]}, "missing-values", "1 value of 100"),
        ({"a": NOISE}, "family-inferred", "--family"),
    ],
)
def test_findings_in_words(tmp_path: Path, columns: dict[str, Any], name: str, word: str) -> None:
    assert word in found(tmp_path, columns)[name]


def test_what_is_well_says_little(tmp_path: Path) -> None:
    groups = {"a": NOISE + 20 * (np.arange(50) % 2)}
    assert not found(tmp_path, groups, family="gaussian")
    assert set(found(tmp_path, groups, family="gaussian", max_iter=1)) == {"not-converged"}
    assert "flat-groups" in found(tmp_path, {"a": NOISE, "b": 2 * NOISE}, covariance_type="tied")
