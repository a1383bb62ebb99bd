"""The free energy F(theta, q) and its named terms, in nats per observation.

F = E_q[log p(x, hidden)] + H(q) = log p(x) - KL(q || p(hidden | x)) is what every method in
mixtura climbs. A bound is the sum of its gains less its costs, and each term keeps its name from
the equation to the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
