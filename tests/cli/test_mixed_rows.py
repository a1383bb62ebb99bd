from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixtura.cli.mixed_rows import mixed_rows_like, read_mixed
from mixtura.data import read_raw
from mixtura.errors import InputError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("a,b,y\n1.5,red,0\n2.5,blue,1\n3.5,red,1\n")
    return tmp_path


def test_a_table_with_its_families_and_labels() -> None:
    rows = read_mixed("rows.csv", "mixed", labels="y")
    assert rows.families == ("gaussian", "categorical") and rows.names == ("a", "b")
    assert (rows.n_rows, rows.n_features, rows.labels_name) == (3, 2, "y")
    assert rows.values.column_names == ["a", "b"] and rows.labels.tolist() == [0, 1, 1]
    again = mixed_rows_like(read_raw("rows.csv", labels="y"), rows.families)
    assert again.values.equals(rows.values)


def test_what_does_not_suit_is_one_line(here: Path) -> None:
    (here / "gap.csv").write_text("a,b\n1.5,red\n,blue\n")
    with pytest.raises(InputError, match=r"gap.csv.* 1 missing value, the first in column 'a'.*mixtura em"):
        read_mixed("gap.csv", "mixed")
    with pytest.raises(InputError, match="negative_binomial"):
        read_mixed("rows.csv", "mixed", columns_as=["a=normal"])
    with pytest.raises(InputError, match="counts, whole numbers"):
        read_mixed("rows.csv", "mixed", columns_as=["a=negative_binomial"])
    with pytest.raises(InputError, match="'b' holds text"):
        mixed_rows_like(read_raw("rows.csv", labels="y"), ("gaussian", "gaussian"))
    np.save(here / "images.npy", np.zeros((4, 3, 3), np.uint8))
    with pytest.raises(InputError, match="images"):
        read_mixed("images.npy", "mixed")
    with pytest.raises(InputError, match="is for tables"):
        read_mixed("images.npy", "categorical")
