from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mixtura.cli.suitability import require_suitable
from mixtura.data import RawTable
from mixtura.errors import InputError

TABLE = RawTable(pa.table({"a": [0.0, None, 1.0], "b": [3.0, 4.0, None]}), source="'t'")


def test_what_is_suitable_passes() -> None:
    for family in ("gaussian", "poisson"):
        require_suitable(TABLE, (family, family))
    require_suitable(TABLE, ("bernoulli", "categorical"))
    require_suitable(TABLE, ("bernoulli", "bernoulli"), binarised=True)
    halves = RawTable(np.array([[0.5, np.nan], [2.0, 1.5]]))
    require_suitable(halves, ("poisson", "poisson"), fractions=True)


@pytest.mark.parametrize(
    ("family", "value", "words"),
    [
        ("gaussian", -1e151, "row 1 .* holds -1e\\+151; its square"),
        ("bernoulli", 0.5, "row 1 .* holds 0.5; the bernoulli family takes 0 and 1"),
        ("poisson", 0.5, "row 1 .* holds 0.5; the poisson family takes counts"),
        ("poisson", -1.0, "row 1 .* holds -1; the poisson family takes counts"),
    ],
)
def test_the_first_value_that_is_not(family: str, value: float, words: str) -> None:
    values = np.array([[1.0, 1.0], [np.nan, value], [0.0, value]])
    with pytest.raises(InputError, match=f"'column_1', {words}"):
        require_suitable(RawTable(values), (family, family))
