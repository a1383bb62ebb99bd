"""What a dense step does with z: a learned q(z|w, x) with its derivative, and the pulls towards groups.

Arrays over components are (K, n): rows last, so that every operation runs along memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.training.dense_bound import log_sum_exp
from mixtura.vae.training.dense_network import Buffer, DenseNetwork, Network
from mixtura.vae.training.flat_adam import FlatAdam

Array = NDArray[Any]


class LearnedResponsibilities:
    """log q_phi(z|w, x) of an `AmortisedResponsibilities` at codes and rows, and the way back.

    Parameters
    ----------
    responsibilities : AmortisedResponsibilities
        With a fully connected network; read at every call.
    adam : FlatAdam
        Where gradients go. Parameters that it does not hold get none.
    made : callable, optional
        Makes the network's derivative of the network; a `DenseNetwork` unless given.
    """

    def __init__(
        self,
        responsibilities: AmortisedResponsibilities,
        adam: FlatAdam,
        made: Callable[[nn.Sequential], Network] | None = None,
    ) -> None:
        network, from_w, to_logits = (
            responsibilities.network,
            responsibilities.from_w,
            responsibilities.to_logits,
        )
        assert isinstance(network, nn.Sequential)
        self._network = DenseNetwork(network, adam) if made is None else made(network)
        self._from_w = from_w.weight.detach().numpy()
        self._weight = to_logits.weight.detach().numpy()
        self._bias = to_logits.bias.detach().numpy()
        self._to_from_w = adam.gradient(from_w.weight)
        self._to_weight = adam.gradient(to_logits.weight)
        self._to_bias = adam.gradient(to_logits.bias)
        self.trained = self._network.trained
        # What was made to forget the codes, and is not trained, has no derivative by them.
        self.reads_codes = self._to_from_w is not None or responsibilities.reads_codes
        self._spaces: dict[int, tuple[Buffer, Array, Array]] = {}

    def forward(self, codes: Array | None, x: Array) -> Array:
        """Return log q_phi(z|w, x), (K, n), at codes (d, n), none as at 0, and rows (n, n_encoded)."""
        self._codes = codes
        self._features = self._network.forward(x)
        space, logits, _ = self._space()
        if codes is not None:
            np.matmul(codes.T, self._from_w.T, out=space.array)
            np.add(self._features.array, space.array, out=self._features.array)
        self._features.tensor.relu_()
        np.matmul(self._weight, self._features.array.T, out=logits)
        np.add(logits, self._bias[:, None], out=logits)
        logits -= log_sum_exp(logits)
        return logits

    def backward(self, gradient: Array, *, to_codes: bool) -> Array | None:
        """Set the parameters' gradients, given that of the logits of the last forward, once.

        Parameters
        ----------
        gradient : ndarray of shape (K, n)
            Of what is minimised, with respect to the logits.
        to_codes : bool
            Whether the gradient with respect to the codes is to be returned, (d, n), or None.
        """
        space, _, ones = self._space()
        features = self._features
        if self._to_weight is not None and self._to_bias is not None:
            np.matmul(gradient, features.array, out=self._to_weight)
            np.matmul(gradient, ones, out=self._to_bias)
        if not (self.trained or to_codes):
            return None
        np.matmul(gradient.T, self._weight, out=space.array)
        torch.ops.aten.threshold_backward.grad_input(
            space.tensor, features.tensor, 0, grad_input=features.tensor
        )
        if self._to_from_w is not None and self._codes is not None:
            np.matmul(features.array.T, self._codes.T, out=self._to_from_w)
        if self.trained:
            self._network.backward(features.array, to_input=False)
        return np.matmul(self._from_w.T, features.array.T) if to_codes else None

    def _space(self) -> tuple[Buffer, Array, Array]:
        n, n_features = self._features.array.shape
        if n not in self._spaces:
            dtype = self._features.array.dtype
            self._spaces[n] = (
                Buffer((n, n_features), self._features.tensor.dtype),
                np.empty((len(self._bias), n), dtype),
                np.ones(n, dtype),
            )
        return self._spaces[n]


def dot(left: Array, right: Array) -> float:
    """Return the sum of the products of two arrays' values.

    Examples
    --------
    >>> dot(np.ones((2, 3)), np.full((2, 3), 2.0))
    12.0
    """
    return float(np.dot(left.reshape(-1), right.reshape(-1)))


def one_hot(groups: Array, like: Array) -> Array:
    """Return groups as probabilities of the shape and type of an array (K, n).

    Examples
    --------
    >>> one_hot(np.array([1, 0]), np.zeros((2, 2)))
    array([[0., 1.],
           [1., 0.]])
    """
    sure = np.zeros(like.shape, like.dtype)
    sure[groups, np.arange(like.shape[1])] = 1.0
    return sure


def agreement(target: Array, joint: Array, temperature: float) -> tuple[float, Array]:
    """Return the sum over rows of sum_k t_k log softmax_k(joint / temperature), and its gradient, (K, n).

    Parameters
    ----------
    target : ndarray of shape (K, n)
        t, probabilities.
    joint : ndarray of shape (K, n)
        log p(w, z), in nats.
    temperature : float
        Softens p(z|w).

    Examples
    --------
    >>> value, gradient = agreement(np.array([[1.0], [0.0]]), np.zeros((2, 1)), 1.0)
    >>> round(value, 4), gradient.ravel().tolist()
    (-0.6931, [0.5, -0.5])
    """
    softened = joint / temperature
    softened -= log_sum_exp(softened)
    value = dot(target, softened)
    gradient: Array = target - np.exp(softened) * target.sum(axis=0)
    gradient /= temperature
    return value, gradient


def lesson(teacher: Array, learned: Array, responsibilities: Array) -> tuple[float, Array]:
    """Return the sum over rows of KL(teacher || q_phi), and its gradient over the logits of q_phi, (K, n).

    Parameters
    ----------
    teacher : ndarray of shape (K, n)
        Probabilities.
    learned, responsibilities : ndarray of shape (K, n)
        log q_phi and q_phi.

    Examples
    --------
    >>> half = np.full((2, 1), 0.5)
    >>> value, gradient = lesson(np.array([[1.0], [0.0]]), np.log(half), half)
    >>> round(value, 4), gradient.ravel().tolist()
    (0.6931, [-0.5, 0.5])
    """
    least = np.finfo(teacher.dtype).tiny  # 0 log 0 = 0
    value = dot(teacher, np.log(np.maximum(teacher, least))) - dot(teacher, learned)
    return value, responsibilities * teacher.sum(axis=0) - teacher


def bound_gradient(joint: Array, learned: Array, responsibilities: Array) -> Array:
    """Return the gradient of the sum over rows of the bound, over the logits of q(z|w, x), (K, n).

    Of z the bound has sum_k q_k (log p(w, k) - log q_k), a gain under q: its gradient is q_k times what the
    gain of k is above the mean, and zero where q is p(z|w).

    Parameters
    ----------
    joint : ndarray of shape (K, n)
        log p(w, z), in nats.
    learned, responsibilities : ndarray of shape (K, n)
        log q(z|w, x) and q(z|w, x).

    Examples
    --------
    >>> half = np.full((2, 1), 0.5)
    >>> bound_gradient(np.array([[2.0], [0.0]]), np.log(half), half).ravel().tolist()
    [0.5, -0.5]
    """
    gain = joint - learned
    gain -= (responsibilities * gain).sum(axis=0)
    gain *= responsibilities
    return gain
