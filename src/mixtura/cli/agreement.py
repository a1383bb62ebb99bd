"""How groups agree with labels, under the keys of ``metrics.json``. Labels score, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def agreement(labels: NDArray[Any], components: NDArray[Any]) -> dict[str, float]:
    """Return accuracy (Hungarian matching), NMI and ARI.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Known classes: numbers, truth values or text, none missing.
    components : ndarray of shape (n,)
        Groups numbered from 0.

    Examples
    --------
    >>> import numpy as np
    >>> agreement(np.array(["b", "a", "b", "a"]), np.array([0, 1, 0, 1]))
    {'accuracy': 1.0, 'nmi': 1.0, 'ari': 1.0}
    """
    import numpy as np

    from mixtura.clustering import scores

    # As whole numbers: scikit-learn takes labels with a fraction for measurements, and warns.
    codes = np.unique(labels, return_inverse=True)[1]
    return {
        "accuracy": scores.accuracy(codes, components),
        "nmi": scores.nmi(codes, components),
        "ari": scores.ari(codes, components),
    }
