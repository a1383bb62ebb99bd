from __future__ import annotations

import subprocess
import sys

from mixtura.vae.training.placement import Placement


def test_fabric_is_made_once_for_the_device_and_precision() -> None:
    placement = Placement(precision="bf16-mixed")
    assert placement.fabric is placement.fabric
    assert placement.fabric.device == placement.device
    assert placement.fabric.strategy.precision.precision == "bf16-mixed"


def test_a_fit_by_the_derived_step_loads_no_compiler() -> None:
    program = """
import sys
import numpy as np
from mixtura import GMVAE
GMVAE(2, max_epochs=2, start="kmeans", random_state=0).fit(np.random.default_rng(0).normal(size=(40, 3)))
print([name for name in ("lightning_fabric", "torch._dynamo", "sympy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_told_of_the_precision() -> None:
    program = "from mixtura.vae.training.placement import Placement; Placement(precision='bf16-mixed').fabric"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
