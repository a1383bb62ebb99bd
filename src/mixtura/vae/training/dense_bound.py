"""The densities of a dense step with their derivatives: p(x|w) and the mixture p(w, z), sums over a batch.

What is minimised is the negative objective, so gradients here are of that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mixtura.vae.likelihood import BernoulliLikelihood, GaussianLikelihood
from mixtura.vae.prior import _LOG_SCALE_BOUND, GaussianMixturePrior
from mixtura.vae.training.dense_network import Buffer
from mixtura.vae.training.flat_adam import FlatAdam

Array = NDArray[Any]

_LOG_2_PI = math.log(2 * math.pi)
_LOGIT_BOUND = 15.0


def sum_of_logs(values: Array, folds: int) -> float:
    """Return the sum of the logarithms of positive values, which are overwritten.

    A product of 2^folds values has one logarithm; it must neither vanish nor overflow.

    Examples
    --------
    >>> round(sum_of_logs(np.array([1.0, 2.0, 3.0]), 1), 12) == round(math.log(6), 12)
    True
    """
    flat = values.reshape(-1)
    total = 0.0
    for _ in range(folds):
        half = len(flat) // 2
        if len(flat) % 2:
            total += math.log(flat[-1]) if flat[-1] > 0 else math.nan
        flat = np.multiply(flat[:half], flat[half : 2 * half], out=flat[:half])
    return total + float(np.log(flat, out=flat).sum())


class GaussianDensity:
    """log p(x|w) of a `GaussianLikelihood`, given the outputs of its network.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Its floor is read at every call.
    """

    def __init__(self, likelihood: GaussianLikelihood) -> None:
        self._likelihood = likelihood
        self._spaces: dict[tuple[int, ...], tuple[Buffer, ...]] = {}

    def __call__(self, outputs: Buffer, x: Array, scale: float) -> tuple[float, Array]:
        """Return the sum of log p(x|w) over rows, and -scale times its gradient, over the outputs.

        Parameters
        ----------
        outputs : Buffer of shape (n, 2 n_features)
            Of the network; overwritten by the gradient.
        x : ndarray of shape (n, n_features)
            Encoded rows.
        scale : float
            What the sum is multiplied by in what is maximised.
        """
        likelihood, shape = self._likelihood, x.shape
        if shape not in self._spaces:
            self._spaces[shape] = tuple(Buffer(shape, outputs.tensor.dtype) for _ in range(5))
        means, share, slope, deviation, inverse = self._spaces[shape]
        to_mean, to_raw = outputs.array[:, : shape[1]], outputs.array[:, shape[1] :]
        span, unit = likelihood.span, likelihood.domain == "unit"
        np.add(to_raw, likelihood.offset, out=share.array)
        torch.sigmoid(share.tensor, out=share.tensor)
        np.multiply(share.array, span, out=inverse.array)
        np.subtract(span, inverse.array, out=slope.array)
        np.multiply(slope.array, share.array, out=slope.array)  # of the variance
        np.add(inverse.array, float(likelihood.std_floor) ** 2, out=inverse.array)
        np.reciprocal(inverse.array, out=inverse.array)
        if unit:
            np.copyto(means.array, to_mean)
            torch.sigmoid(means.tensor, out=means.tensor)
            np.subtract(x, means.array, out=deviation.array)
        else:
            np.subtract(x, to_mean, out=deviation.array)
        standardised = share.array
        np.multiply(deviation.array, inverse.array, out=standardised)
        squares = float(np.dot(deviation.array.reshape(-1), standardised.reshape(-1)))
        np.multiply(standardised, -scale, out=to_mean)
        if unit:
            np.subtract(1.0, means.array, out=deviation.array)
            np.multiply(deviation.array, means.array, out=deviation.array)
            np.multiply(to_mean, deviation.array, out=to_mean)
        np.multiply(standardised, standardised, out=standardised)
        np.subtract(inverse.array, standardised, out=standardised)
        np.multiply(standardised, 0.5 * scale, out=standardised)
        np.multiply(standardised, slope.array, out=to_raw)
        # Variances lie between 1e-8 and 125, so that four of them have a product in float32.
        logs = sum_of_logs(inverse.array, 2)
        return 0.5 * (logs - squares - x.size * _LOG_2_PI), outputs.array


class BernoulliDensity:
    """log p(x|w) of a `BernoulliLikelihood`, given the outputs of its network."""

    def __init__(self, likelihood: BernoulliLikelihood) -> None:
        self._spaces: dict[tuple[int, ...], tuple[Buffer, Buffer]] = {}

    def __call__(self, outputs: Buffer, x: Array, scale: float) -> tuple[float, Array]:
        """Return the sum of log p(x|w) over rows, and -scale times its gradient, over the outputs.

        With p = sigmoid(logit), log p(x|w) = x logit - max(logit, 0) + log max(p, 1 - p).
        """
        shape = outputs.array.shape
        if shape not in self._spaces:
            self._spaces[shape] = (Buffer(shape, outputs.tensor.dtype), Buffer(shape, outputs.tensor.dtype))
        kept, squash = self._spaces[shape]
        logits, gradient = kept.array, outputs.array
        np.clip(gradient, -_LOGIT_BOUND, _LOGIT_BOUND, out=logits)
        outside = gradient != logits
        torch.sigmoid(kept.tensor, out=squash.tensor)
        np.subtract(squash.array, x, out=gradient)
        np.multiply(gradient, scale, out=gradient)
        if outside.any():
            gradient[outside] = 0.0
        total = float(np.dot(x.reshape(-1), logits.reshape(-1)))
        kept.tensor.relu_()
        total -= float(logits.sum())
        np.subtract(1.0, squash.array, out=logits)
        np.maximum(logits, squash.array, out=logits)
        # At least 1/2 each, so that 64 of them have a product in float32.
        return total + sum_of_logs(logits, 6), gradient


class MixtureDensity:
    """log N(w; mu_k, sigma_k) and log pi_k of a `GaussianMixturePrior` at codes, and the way back.

    Arrays are (K, d, n): rows last, so that every operation runs along memory.

    Parameters
    ----------
    prior : GaussianMixturePrior
        Read at every call.
    adam : FlatAdam
        Where gradients go.
    """

    def __init__(self, prior: GaussianMixturePrior, adam: FlatAdam) -> None:
        self._means = prior.means.detach().numpy()
        self._log_scales = prior.log_scales.detach().numpy()
        self._raw_weights = prior.log_weights.detach().numpy()
        self._learned = isinstance(prior.log_weights, nn.Parameter)
        self._to_means = adam.gradient(prior.means)
        self._to_log_scales = adam.gradient(prior.log_scales)
        self._to_weights = adam.gradient(prior.log_weights)
        self.trained = self._to_means is not None
        self._like_means = np.ones_like(self._means)
        self._spaces: dict[int, tuple[Array, Array, Array]] = {}

    def forward(self, codes: Array) -> tuple[Array, Array]:
        """Return log N(w; mu_k, sigma_k), (K, n), and log pi_k, (K, 1), at codes (d, n)."""
        _, deviations, squares = self._space(codes)
        k, d = self._means.shape
        log_scales = np.minimum(np.maximum(self._log_scales, -_LOG_SCALE_BOUND), _LOG_SCALE_BOUND)
        self._precisions = np.exp(-2 * log_scales)  # (K, 1) or (K, d)
        # Differences first, then squares: the expanded square cancels where components lie far apart.
        np.subtract(codes, self._means[:, :, None], out=deviations)
        np.multiply(deviations, deviations, out=squares)
        weights = self._like_means * (-0.5 * self._precisions)
        log_density: Array = np.matmul(weights[:, None, :], squares).reshape(k, -1)
        constant = log_scales.sum(axis=1) * (d / log_scales.shape[1]) + 0.5 * d * _LOG_2_PI
        log_density -= constant[:, None]
        log_weights = self._raw_weights
        if self._learned:
            log_weights = log_weights - log_sum_exp(log_weights[:, None])[0]
        self._log_weights = log_weights
        return log_density, log_weights[:, None]

    def backward(self, gradient: Array) -> Array:
        """Set the parameters' gradients and return that of the codes of the last forward, (d, n).

        Parameters
        ----------
        gradient : ndarray of shape (K, n)
            Of what is minimised, with respect to log pi_k + log N(w; mu_k, sigma_k).
        """
        ones, deviations, squares = self._spaces[gradient.shape[1]]
        (k, d), n = self._means.shape, gradient.shape[1]
        sums = gradient @ ones
        if self._to_log_scales is not None:
            moments = np.matmul(squares, gradient[:, :, None]).reshape(k, d) * self._precisions
            moments -= sums[:, None]
            if self._log_scales.shape[1] == 1:
                moments = moments.sum(axis=1, keepdims=True)
            np.multiply(moments, np.abs(self._log_scales) <= _LOG_SCALE_BOUND, out=self._to_log_scales)
        np.multiply(deviations, gradient[:, None, :] * self._precisions[:, :, None], out=deviations)
        if self._to_means is not None:
            np.matmul(deviations.reshape(k * d, n), ones, out=self._to_means.reshape(-1))
        if self._to_weights is not None:
            np.subtract(sums, np.exp(self._log_weights) * sums.sum(), out=self._to_weights)
        return np.matmul(-self._like_means[:, 0], deviations.reshape(k, d * n)).reshape(d, n)

    def _space(self, codes: Array) -> tuple[Array, Array, Array]:
        n = codes.shape[1]
        if n not in self._spaces:
            shape = (*self._means.shape, n)
            self._spaces[n] = (
                np.ones(n, codes.dtype),
                np.empty(shape, codes.dtype),
                np.empty(shape, codes.dtype),
            )
        return self._spaces[n]


def log_sum_exp(logits: Array) -> Array:
    """Return log sum exp over the first axis.

    Examples
    --------
    >>> log_sum_exp(np.zeros((1, 2)))
    array([0., 0.])
    """
    top = np.maximum.reduce(logits, axis=0)
    shifted = logits - top
    sums: Array = np.add.reduce(np.exp(shifted, out=shifted), axis=0)
    return np.log(sums, out=sums) + top
