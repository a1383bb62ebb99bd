from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixtura.clustering import numbered_alike

groups = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


@given(groups)
def test_it_keeps_as_many_rows_at_their_number_as_any_renumbering(pairs) -> None:
    new, old = np.array(pairs).T
    found = numbered_alike(new, old, 4)
    best = max((np.array(order)[new] == old).sum() for order in permutations(range(4)))
    assert (found == old).sum() == best


@given(groups)
def test_it_only_renumbers(pairs) -> None:
    new, old = np.array(pairs).T
    found = numbered_alike(new, old, 4)
    assert ((found[:, None] == found) == (new[:, None] == new)).all()
