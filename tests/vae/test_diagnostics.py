from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.clustering import GroupEvidence
from mixtura.vae.diagnostics import CodeSpread, active_units, code_spread, diagnose
from mixtura.vae.training.procedure import TrainingRecord

ALIVE = [CodeSpread(2, np.array([0.0]), np.array([2.0]), np.array([0.1]))]
COLLAPSED = [CodeSpread(2, np.array([0.0]), np.array([1e-6]), np.array([2.0]))]
SIZES = np.array([5, 3])


def names(*arguments: object) -> list[str]:
    return [finding.name for finding in diagnose(*arguments)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert names(ALIVE, SIZES, TrainingRecord()) == []
    assert names(ALIVE, SIZES, TrainingRecord(evidence=GroupEvidence(1.0, 0.1))) == []


@pytest.mark.parametrize(
    ("spreads", "sizes", "record", "name"),
    [
        (COLLAPSED, SIZES, TrainingRecord(), "posterior-collapse"),
        (ALIVE, np.array([5, 0, 3, 0]), TrainingRecord(), "empty-groups"),
        (ALIVE, SIZES, TrainingRecord(evidence=GroupEvidence(-0.1, 0.2)), "no-groups"),
        (ALIVE, SIZES, TrainingRecord(rollbacks=["the term 'cluster' was not finite"]), "not-finite"),
    ],
)
def test_each_trouble_has_its_finding_and_its_remedy(spreads, sizes, record, name) -> None:
    (finding,) = diagnose(spreads, sizes, record)
    assert finding.name == name
    assert finding.level in {"warning", "problem"}
    assert finding.remedy
    assert "\n" not in str(finding)


def test_empty_groups_are_counted() -> None:
    (finding,) = diagnose(ALIVE, np.array([5, 0, 3, 0]), TrainingRecord())
    assert "2 of 4 groups" in finding.seen
    assert "such as 2" in finding.remedy


def test_active_units_do_not_depend_on_scale_or_blocks() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(100, 3)) * [1.0, 1e-3, 0.0] + [5.0, 5.0, 5.0]
    for scale in (1e-3, 1.0, 1e3):
        loc, widths = scale * means, np.full((100, 3), (0.5 * scale) ** 2)
        blocks = [
            CodeSpread(len(m), m.sum(0), (m**2).sum(0), w.sum(0))
            for m, w in ((loc[:30], widths[:30]), (loc[30:], widths[30:]))
        ]
        assert active_units(blocks) == 1


def test_code_spread_sums_over_rows(make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=2), make_rows("real", 6)
    q = model.posterior(x).base_dist
    found = code_spread(model, x)
    assert found.n == 6
    np.testing.assert_allclose(found.total, q.loc.detach().sum(0))
    np.testing.assert_allclose(found.squares, q.loc.detach().square().sum(0))
    np.testing.assert_allclose(found.widths, q.scale.detach().square().sum(0))


def test_collapse_is_provoked_by_an_encoder_that_ignores_its_rows(make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=2), make_rows("real", 50)
    assert active_units([code_spread(model, x)]) > 0
    with torch.no_grad():
        model.posterior.network[0].weight.zero_()
    assert names([code_spread(model, x)], SIZES, TrainingRecord()) == ["posterior-collapse"]
