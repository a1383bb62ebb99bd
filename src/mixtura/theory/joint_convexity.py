"""Problem 6.2: KL(sum of shares) is at most the sum of shares of KL, with equality where ratios agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import rel_entr

from mixtura.divergence import kl
from mixtura.theory.check import Figure, above, below


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the least slack over random quadruples, and the slack where ratios agree and where not."""
    slack, library = np.inf, 0.0
    for _ in range(2_000):
        n = int(generator.integers(2, 8))
        p1, p2, q1, q2 = generator.dirichlet(np.full(n, 0.5), size=4) + 1e-9
        slack = min(slack, _slack(p1, p2, q1, q2, generator.random()))
    for _ in range(20):
        p, q = generator.dirichlet(np.ones(4), size=2)
        library = max(library, abs(float(kl(p, q)) - rel_entr(p, q).sum()))
    yield above("least slack of 2,000 random quadruples, nats", slack, -1e-12)
    p1, q1 = np.array([4, 2, 2]) / 8, np.array([2, 4, 2]) / 8
    p2, q2 = np.array([2, 1, 5]) / 8, np.array([1, 2, 5]) / 8
    p3 = np.array([1, 1, 6]) / 8
    yield below("slack where p1/q1 and p2/q2 agree, nats", abs(_slack(p1, p2, q1, q2, 0.25)), 1e-12)
    yield above("slack of other ratios, nats", _slack(p1, p3, q1, q2, 0.25), 1e-3)
    yield below("largest difference of mixtura.kl from the sum that it is, nats", library, 1e-12)


def _slack(p1: np.ndarray, p2: np.ndarray, q1: np.ndarray, q2: np.ndarray, share: float) -> float:
    """Return the right side of the inequality less the left, in nats."""
    p1, p2, q1, q2 = (values / values.sum() for values in (p1, p2, q1, q2))
    mixed = rel_entr(share * p1 + (1 - share) * p2, share * q1 + (1 - share) * q2).sum()
    return float(share * rel_entr(p1, q1).sum() + (1 - share) * rel_entr(p2, q2).sum() - mixed)
