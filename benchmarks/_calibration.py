"""Made data with known posteriors, and how far probabilities of groups are from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from scipy.stats import ortho_group

N_BINS = 15


@dataclass(frozen=True)
class Case:
    """One kind of made data.

    Parameters
    ----------
    d, distance : int, float
        Columns, and the distance of the means, the corners of a regular simplex, in standard deviations.
    weights : tuple of float
        Of the components.
    full : bool
        Whether each component has a random covariance of its own, of eigenvalues from 1/2 to 2.
    bent : bool
        Whether the rows go through a smooth invertible map, which leaves the posterior as it is.
    """

    d: int
    distance: float
    weights: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)
    full: bool = False
    bent: bool = False

    @property
    def name(self) -> str:
        """How the table calls it."""
        shape = "full" if self.full else "round"
        weights = "equal" if len(set(self.weights)) == 1 else "unequal"
        return f"d={self.d} distance={self.distance:g} {weights} {shape}{' bent' if self.bent else ''}"


UNEQUAL = (0.6, 0.3, 0.1)
CASES = (
    Case(2, 2.5),
    Case(2, 3.5),
    Case(2, 3.5, full=True),
    Case(2, 3.5, bent=True),
    Case(2, 3.5, UNEQUAL),
    Case(8, 2.5),
    Case(8, 3.5),
    Case(8, 3.5, full=True),
    Case(8, 3.5, bent=True),
    Case(8, 3.5, UNEQUAL),
)


def draw(case: Case, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, the component of each and the posterior (n, K)."""
    shape = np.random.default_rng(10_000 + seed)  # of the mixture; rows have a generator of their own
    k, d = len(case.weights), case.d
    corners = np.eye(k) - 1.0 / k
    plane = np.linalg.svd(corners)[0][:, : k - 1]
    means = np.zeros((k, d))
    means[:, : k - 1] = corners @ plane * case.distance / np.sqrt(2.0)
    means = means @ ortho_group.rvs(d, random_state=shape.integers(2**31)).T
    covariances = np.tile(np.eye(d), (k, 1, 1))
    if case.full:
        for j in range(k):
            basis = ortho_group.rvs(d, random_state=shape.integers(2**31))
            covariances[j] = basis @ np.diag(2.0 ** shape.uniform(-1, 1, d)) @ basis.T
    rows = np.random.default_rng([seed, n])
    z = rows.choice(k, size=n, p=case.weights)
    factors = np.linalg.cholesky(covariances)
    x = means[z] + np.einsum("nij,nj->ni", factors[z], rows.normal(size=(n, d)))
    log_joint = np.empty((n, k))
    for j in range(k):
        white = np.linalg.solve(factors[j], (x - means[j]).T)
        log_joint[:, j] = (
            np.log(case.weights[j]) - np.log(np.diag(factors[j])).sum() - 0.5 * (white**2).sum(0)
        )
    if case.bent:
        x = bend(x)
    return x, z, softmax(log_joint, axis=1)


def bend(x: np.ndarray) -> np.ndarray:
    """Return the rows after a shear that is not linear, and a stretch of the tails: both can be undone."""
    bent = x.copy()
    bent[:, 1:] += 0.25 * x[:, :-1] ** 2
    return np.arcsinh(bent) + 0.3 * bent


def matched(probabilities: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """Return the columns of probabilities in the order of the components they agree with best."""
    _, columns = linear_sum_assignment(posterior.T @ probabilities, maximize=True)
    return probabilities[:, columns]


def reliability(probabilities: np.ndarray, truth: np.ndarray, n_bins: int = N_BINS) -> dict[str, Any]:
    r"""Return the reliability curve of the most probable group, and the expected calibration error.

    .. math:: ECE = \sum_b \frac{n_b}{n} \left| \overline{truth}_b - \overline{confidence}_b \right|

    over bins of equal width of the confidence max_k p_k.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        Of the groups, in the order of the components.
    truth : ndarray of shape (n,) or (n, K)
        The components drawn, or their posterior.
    n_bins : int
        Bins of [0, 1].
    """
    taken, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = truth == taken if truth.ndim == 1 else truth[np.arange(len(truth)), taken]
    of = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    curve = [
        {
            "confidence": float(confidence[of == b].mean()),
            "truth": float(right[of == b].mean()),
            "share": float((of == b).mean()),
        }
        for b in np.unique(of)
    ]
    error = sum(point["share"] * abs(point["truth"] - point["confidence"]) for point in curve)
    return {"ece": float(error), "curve": curve}
