from __future__ import annotations

import torch
from torch.distributions import (
    Categorical,
    Gamma,
    Laplace,
    MixtureSameFamily,
    Multinomial,
    Normal,
    kl_divergence,
)

from mixtura.divergence import tables
from mixtura.divergence.closed_form import formula
from mixtura.divergence.mixtures import as_float64
from mixtura.divergence.tables import pair_table


def _mixture(n: int, batch: tuple[int, ...] = (2,)) -> MixtureSameFamily:
    generator = torch.Generator().manual_seed(n)
    means = torch.randn(*batch, n, generator=generator)
    return MixtureSameFamily(Categorical(torch.ones(*batch, n)), Normal(means, 1.0 + means.abs()))


def test_every_pair_is_there() -> None:
    p, q = as_float64(_mixture(3)), as_float64(_mixture(2))
    table = pair_table(p, q)
    assert table.shape == (2, 3, 2) and table.dtype == torch.float64
    for i in range(3):
        for j in range(2):
            torch.testing.assert_close(table[:, i, j], kl_divergence(p.components[i], q.components[j]))
    power = pair_table(p, q, "power", 0.3)
    torch.testing.assert_close(power[:, 1, 1], formula(p.components[1], q.components[1], "power", 0.3))


def test_a_large_table_is_made_in_blocks(monkeypatch) -> None:
    p, q = as_float64(_mixture(5)), as_float64(_mixture(2))
    whole = pair_table(p, q)
    monkeypatch.setattr(tables, "_MOST_AT_ONCE", 9)
    torch.testing.assert_close(pair_table(p, q), whole)


def test_what_has_no_closed_form_has_no_table() -> None:
    gammas = as_float64(MixtureSameFamily(Categorical(torch.ones(2)), Gamma(torch.ones(2), 1.0)))
    assert pair_table(gammas, as_float64(Laplace(0.0, 1.0))) is None
    assert pair_table(gammas, gammas, "jensen_shannon") is None
    hidden = as_float64(MixtureSameFamily(Categorical(torch.ones(2)), Multinomial(3, torch.ones(2, 3))))
    assert pair_table(hidden, hidden) is None


def test_two_families_may_have_a_table() -> None:
    gammas = as_float64(MixtureSameFamily(Categorical(torch.ones(2)), Gamma(torch.ones(2), 1.0)))
    normals = as_float64(_mixture(2, ()))
    exact = kl_divergence(gammas.components[0], normals.components[1])
    torch.testing.assert_close(pair_table(gammas, normals)[0, 1], exact)
