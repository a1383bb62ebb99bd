"""The components of a fitted mixture in another order, so that groups are numbered by falling size."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.estimators.mixture_base import MixtureBase

# What has one entry for each component; covariances of the tied kind have none.
_BY_COMPONENT = ("weights_", "means_", "probabilities_", "rates_", "category_probabilities_")
_COVARIANCES = ("covariances_", "precisions_", "precisions_cholesky_")


def falling_size(mixture: MixtureBase, components: NDArray[Any]) -> NDArray[Any]:
    """Return the components by falling number of rows, and by falling weight among equals.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted.
    components : ndarray of int, shape (n,)
        The component of each row.

    Returns
    -------
    ndarray of int, shape (K,)
        The number that each place had before.
    """
    import numpy as np

    sizes = np.bincount(components, minlength=mixture.n_components)
    return np.lexsort((np.arange(len(sizes)), -mixture.weights_.astype(np.float64), -sizes))


def reordered(mixture: MixtureBase, order: NDArray[Any]) -> MixtureBase:
    """Return the same mixture with its components in another order.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted; it is not changed.
    order : ndarray of int, shape (K,)
        A permutation: place k holds what was component ``order[k]``.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import PoissonMixture
    >>> model = PoissonMixture(2, random_state=0).fit([[1], [2], [30], [31]])
    >>> bool((reordered(model, np.array([1, 0])).rates_ == model.rates_[::-1]).all())
    True
    """
    found: Any = copy.copy(mixture)
    tied = getattr(found, "covariance_type", None) == "tied"
    for name in (*_BY_COMPONENT, *(() if tied else _COVARIANCES)):
        value = getattr(found, name, None)
        if isinstance(value, list):
            setattr(found, name, [table[order] for table in value])
        elif value is not None:
            setattr(found, name, value[order])
    # A finding that names components names them by their old numbers.
    found.findings_ = tuple(
        replace(finding, seen=finding.seen.split(":")[0]) if finding.name == "component-reseeded" else finding
        for finding in found.findings_
    )
    return found  # type: ignore[no-any-return]
