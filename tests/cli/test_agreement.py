from __future__ import annotations

import numpy as np
import pytest

from mixtura.cli.agreement import agreement


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["x", "x", "y", "y", "z", "z"]),
        np.array([7, 7, 3, 3, 5, 5]),
        np.array([0.5, 0.5, -1.5, -1.5, 2.25, 2.25]),
        np.array([False, False, True, True, True, True]),
    ],
)
def test_labels_of_any_type_score(labels: np.ndarray) -> None:
    groups = np.array([0, 0, 1, 1, 2, 2]) if labels.dtype != bool else labels.astype(int)
    assert agreement(labels, groups) == {"accuracy": 1.0, "nmi": 1.0, "ari": 1.0}
