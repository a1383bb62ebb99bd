"""Whether two distributions can be compared, and whether arrays are covariances or probabilities."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution


def check_pair(p: Distribution, q: Distribution) -> None:
    """Raise InputError unless events are alike, batch shapes broadcast and no parameter is NaN."""
    raise NotImplementedError


def check_parameters(distribution: Distribution, name: str) -> None:
    """Raise InputError naming the parameter of a distribution that holds a NaN."""
    raise NotImplementedError


def check_finite(values: Tensor, name: str) -> None:
    """Raise InputError naming the first entry that is NaN or infinite."""
    raise NotImplementedError


def check_symmetric(matrices: Tensor, name: str) -> None:
    """Raise InputError unless matrices (*B, d, d) are finite and symmetric."""
    raise NotImplementedError


def check_positive_definite(matrices: Tensor, name: str) -> Tensor:
    """Return the lower Cholesky factors of symmetric matrices (*B, d, d).

    Raises InputError naming the batch entry and its smallest eigenvalue, or what else is wrong.
    """
    raise NotImplementedError


def check_probabilities(values: Tensor, name: str) -> None:
    """Raise InputError unless values (*B, n) are not negative and sum to one: the entry, what it sums to."""
    raise NotImplementedError
