from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixtura.cli.tables import assignment_columns, extension_of, write_columns
from mixtura.errors import InputError


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_columns_come_back(tmp_path: Path, extension: str) -> None:
    from pyarrow import csv, parquet

    columns = {
        "row": np.arange(3),
        'a,"b"\n': np.array([0.1, 1e300, -5e-324]),
        "probability": np.array([0.25, 0.5, 1.0], dtype=np.float32),
    }
    file = tmp_path / f"out{extension}"
    write_columns(file, columns)
    if extension == ".csv":
        table = csv.read_csv(file, parse_options=csv.ParseOptions(newlines_in_values=True))
    else:
        table = parquet.read_table(file)
    assert table.column_names == list(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(table[name].to_numpy(), values)


def test_types_of_an_assignment(rng: np.random.Generator) -> None:
    probabilities = rng.dirichlet(np.ones(3), size=5)
    components = probabilities.argmax(axis=1)
    columns = assignment_columns(probabilities, components)
    assert {name: str(values.dtype) for name, values in columns.items()} == {
        "row": "int64",
        "component": "int32",
        "probability": "float32",
        "p_0": "float32",
        "p_1": "float32",
        "p_2": "float32",
    }
    np.testing.assert_allclose(columns["probability"], probabilities.max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("file", ["scores", "scores.xlsx", "scores.parquet.gz", ".csv", ""])
def test_unknown_extensions_are_refused(file: str) -> None:
    with pytest.raises(InputError, match=r"end it in \.csv or \.parquet"):
        extension_of(file, (".csv", ".parquet"))
