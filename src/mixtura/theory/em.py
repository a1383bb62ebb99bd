"""Problem 5: the steps of EM against a search over q and over theta that knows neither, and MAP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import norm

from mixtura.em.gaussian import GaussianParameters, SphericalGaussians
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, m_step
from mixtura.estimators import GaussianMixture
from mixtura.theory.check import Figure, above, below

_X = np.array([-1.2, -0.4, 0.1, 1.9, 2.2, 3.6])
_Theta = tuple[np.ndarray, np.ndarray, np.ndarray]


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the distance of both steps from searches, the least half step on a fit, and that of MAP."""
    theta: _Theta = np.log([0.5, 0.5]), np.array([0.0, 1.0]), np.array([1.0, 2.0])
    posterior = softmax(_log_joint(theta), axis=1)
    likelihood = float(logsumexp(_log_joint(theta), axis=1).sum())
    start = generator.normal(size=12)
    over_q = minimize(lambda free: -_free_energy(theta, _simplex(free)), start, tol=1e-10)
    off = np.abs(_simplex(over_q.x) - posterior).max()
    yield below("E-step: q of the search less the posterior", off, 1e-4)
    yield below("E-step: F there less log p(x), nats", abs(likelihood + over_q.fun), 1e-8)

    begin = MixtureParameters(theta[0], GaussianParameters(theta[1][:, None], theta[2]))
    family = SphericalGaussians(2, 1)
    closed = m_step(family, e_step(family, ArraySource(_X[:, None]), begin))
    answer = np.r_[np.exp(closed.log_weights), closed.components.means.ravel(), closed.components.covariances]
    over_theta = minimize(
        lambda free: -_free_energy(_parameters(free), posterior), generator.normal(size=5), tol=1e-10
    )
    log_weights, *rest = _parameters(over_theta.x)
    found = np.concatenate([np.exp(log_weights), *rest])
    yield below("M-step: theta of the search less the closed form", np.abs(found - answer).max(), 1e-4)
    rise = -over_theta.fun - likelihood
    yield above("M-step: rise of F, so that theta(t+1) is not theta(t), nats", rise, 0.01)

    rows = generator.normal(size=(250, 2)) + np.where(np.arange(250)[:, None] < 150, 0.0, [[2.5, 0.0]])
    priors: dict[str, Literal["auto"] | None] = {"likelihood": None, "MAP": "auto"}
    for name, prior in priors.items():
        model = GaussianMixture(2, prior=prior, tol=1e-9, max_iter=2_000, random_state=0).fit(rows)
        steps = np.diff(model.free_energy_path_)
        yield above(f"{name}: least change of F over {len(steps)} half steps, nats", steps.min(), -1e-10)


def _log_joint(theta: _Theta) -> np.ndarray:
    """Return log p(x_i, z_i = k)."""
    log_weights, means, variances = theta
    joint: np.ndarray = log_weights + norm(means, np.sqrt(variances)).logpdf(_X[:, None])
    return joint


def _free_energy(theta: _Theta, q: np.ndarray) -> float:
    """Return F as it is defined, summed over the observations."""
    return float((q * _log_joint(theta)).sum() - (q * np.log(q)).sum())


def _simplex(free: np.ndarray) -> np.ndarray:
    q: np.ndarray = softmax(free.reshape(6, 2), axis=1)
    return q


def _parameters(free: np.ndarray) -> _Theta:
    """Return theta from five free numbers."""
    return log_softmax([0.0, free[0]]), free[1:3], np.exp(free[3:])
