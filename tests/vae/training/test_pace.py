from __future__ import annotations

import pytest

from mixtura.vae.training.pace import default_batch_size, default_epochs


@pytest.mark.parametrize("on_rows", [False, True])
def test_defaults_follow_the_number_of_rows(on_rows) -> None:
    sizes = [1, 50, 199, 200, 2000, 60_000, 10**7]
    batches = [default_batch_size(n, on_rows=on_rows) for n in sizes]
    assert batches == sorted(batches)
    assert batches[0] >= 1
    steps = [
        default_epochs(n, on_rows=on_rows) * -(-n // batch) for n, batch in zip(sizes, batches, strict=True)
    ]
    assert steps == sorted(steps)
