"""The free energy F(theta, q) and its named terms, in nats per observation.

F = E_q[log p(x, hidden)] + H(q) = log p(x) - KL(q || p(hidden | x)) is what every method in
mixtura climbs. A bound is the sum of its gains less its costs, and each term keeps its name from
the equation to the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FreeEnergy:
    """A lower bound on log p(x), split into named terms.

    Parameters
    ----------
    gains : mapping of str to array, tensor or float
        Terms that raise the bound, in nats, one value per observation or their mean.
    costs : mapping of str to array, tensor or float
        Terms that lower it, with the sign under which they are reported.

    Examples
    --------
    >>> f = FreeEnergy({"reconstruction": -1.0}, {"cluster": 0.25, "conditional_prior": 0.5})
    >>> f.bound
    -1.75
    >>> f.as_dict()
    {'bound': -1.75, 'reconstruction': -1.0, 'cluster': 0.25, 'conditional_prior': 0.5}
    """

    gains: Mapping[str, Any]
    costs: Mapping[str, Any]

    @property
    def bound(self) -> Any:
        """The bound: gains less costs, in nats per observation, to be maximised."""
        return sum(self.gains.values()) - sum(self.costs.values())

    @property
    def terms(self) -> dict[str, Any]:
        """Every term by its name, gains first."""
        return {**self.gains, **self.costs}

    def map(self, function: Callable[[Any], Any]) -> FreeEnergy:
        """Return the free energy whose every term went through ``function``."""
        return FreeEnergy(
            {name: function(value) for name, value in self.gains.items()},
            {name: function(value) for name, value in self.costs.items()},
        )

    def as_dict(self) -> dict[str, Any]:
        """Return ``bound`` and every term, the keys of the log and of ``metrics.json``."""
        return {"bound": self.bound, **self.terms}


def weighted_mean(parts: Sequence[tuple[float, FreeEnergy]]) -> FreeEnergy:
    """Return the mean of free energies of several sets of rows, each with its share of the rows.

    Examples
    --------
    >>> low, high = FreeEnergy({"a": 1.0}, {"b": 0.0}), FreeEnergy({"a": 3.0}, {"b": 2.0})
    >>> weighted_mean([(0.5, low), (0.5, high)]).as_dict()
    {'bound': 1.0, 'a': 2.0, 'b': 1.0}
    """
    first = parts[0][1]
    return FreeEnergy(
        {name: sum(share * part.gains[name] for share, part in parts) for name in first.gains},
        {name: sum(share * part.costs[name] for share, part in parts) for name in first.costs},
    )
