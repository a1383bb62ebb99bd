from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The same examples on every run and no clock: a property that fails here fails everywhere.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets that MIXTURA_DATA names."""
    named = os.environ.get("MIXTURA_DATA")
    if not named:
        pytest.skip("real data: set MIXTURA_DATA to the folder that holds it")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"MIXTURA_DATA={named} is not a folder")
    return folder.resolve()


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts alike in every test."""
    return np.random.default_rng(0)
