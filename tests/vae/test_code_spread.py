from __future__ import annotations

import numpy as np
import torch

from mixtura.vae.code_spread import CodeSpread, active_units, code_spread


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


def test_an_encoder_that_ignores_its_rows_leaves_no_unit_active(make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=2), make_rows("real", 50)
    assert active_units([code_spread(model, x)]) > 0
    with torch.no_grad():
        model.posterior.network[0].weight.zero_()
    assert active_units([code_spread(model, x)]) == 0
