"""A fully connected network with its derivative written out, in place on buffers that are made once.

Small networks are bound by the dispatch of operations, not by arithmetic: three operations a layer forwards
and four backwards, and no graph. Matrix products are NumPy's, on the same memory as torch's tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixtura.vae.training.flat_adam import FlatAdam

Array = NDArray[Any]


class Buffer:
    """One piece of memory as an array of NumPy and a tensor of torch, for whichever is quicker."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, within: Tensor | None = None) -> None:
        size = math.prod(shape)
        memory = torch.empty(size, dtype=dtype) if within is None else within[:size]
        self.tensor: Tensor = memory.view(shape)
        self.array: Array = self.tensor.numpy()


@dataclass(frozen=True)
class _Layer:
    weight: Array
    bias: Array
    weight_gradient: Array | None
    bias_gradient: Array | None


@dataclass(frozen=True)
class _Workspace:
    """What a batch of so many rows needs.

    The outputs of every layer, which backwards are overwritten by their gradients, and room for the gradient
    of every layer's inputs before the ReLU, all in one place: what fits into the cache is not fetched twice.
    """

    outputs: list[Buffer]
    input_gradients: list[Buffer]
    ones: Array


class Network(Protocol):
    """Linear layers with ReLUs between them, on rows, forwards and backwards."""

    trained: bool

    def forward(self, inputs: Array) -> Buffer:
        """Return the outputs of rows."""

    def backward(self, gradient: Array, *, to_input: bool) -> Array | None:
        """Set the gradients of the parameters, given that of the outputs of the last forward, once."""


def is_dense(network: nn.Module) -> bool:
    """Return whether a network is linear layers with a ReLU between each two, and nothing else.

    Examples
    --------
    >>> is_dense(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    True
    >>> is_dense(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)))
    False
    """
    if type(network) is not nn.Sequential or len(network) % 2 == 0:
        return False
    kinds = [nn.ReLU if i % 2 else nn.Linear for i in range(len(network))]
    return all(
        type(layer) is kind and (kind is nn.ReLU or layer.bias is not None)
        for layer, kind in zip(network, kinds, strict=True)
    )


class DenseNetwork:
    """Linear layers with ReLUs between them, on rows, forwards and backwards.

    Parameters
    ----------
    network : nn.Sequential
        As `is_dense` wants it; its parameters are read at every call.
    adam : FlatAdam
        Where gradients go. Parameters that it does not hold get none.
    features_first : bool
        Outputs lie in memory as (n_out, n), of which rows (n, n_out) are a view.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 1))
    >>> adam = FlatAdam(list(network.parameters()))
    >>> dense = DenseNetwork(network, adam)
    >>> _ = dense.forward(np.array([[1.0, 2.0]], dtype=np.float32))
    >>> dense.backward(np.array([[3.0]], dtype=np.float32), to_input=False)
    >>> adam.gradient(network[0].weight), adam.gradient(network[0].bias)
    (array([[3., 6.]], dtype=float32), array([3.], dtype=float32))
    """

    def __init__(self, network: nn.Sequential, adam: FlatAdam, *, features_first: bool = False) -> None:
        self._features_first = features_first
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        self._layers = [
            _Layer(
                layer.weight.detach().numpy(),
                layer.bias.detach().numpy(),
                adam.gradient(layer.weight),
                adam.gradient(layer.bias),
            )
            for layer in linear
        ]
        self._dtype = linear[0].weight.dtype
        self.trained = self._layers[0].weight_gradient is not None
        self._workspaces: dict[int, _Workspace] = {}
        self._now = self._workspace(1)
        self._inputs: Array = self._now.ones

    def forward(self, inputs: Array) -> Buffer:
        """Return the outputs of rows (n, n_in): a buffer that the next call overwrites."""
        self._now, self._inputs = self._workspace(len(inputs)), inputs
        last = self._now.outputs[-1]
        for layer, output in zip(self._layers, self._now.outputs, strict=True):
            if output is last and self._features_first:
                np.matmul(layer.weight, inputs.T, out=output.array)
                np.add(output.array, layer.bias[:, None], out=output.array)
            else:
                np.matmul(inputs, layer.weight.T, out=output.array)
                np.add(output.array, layer.bias, out=output.array)
            if output is not last:
                output.tensor.relu_()
            inputs = output.array
        return last

    def backward(self, gradient: Array, *, to_input: bool) -> Array | None:
        """Set the gradients of the parameters, given that of the outputs of the last forward, once.

        Parameters
        ----------
        gradient : ndarray of shape (n, n_out)
            Of what is minimised, with respect to the outputs.
        to_input : bool
            Whether the gradient with respect to the inputs is to be returned, (n, n_in), or None.
        """
        now = self._now
        for i in reversed(range(len(self._layers))):
            layer = self._layers[i]
            if layer.weight_gradient is not None and layer.bias_gradient is not None:
                inputs = now.outputs[i - 1].array if i > 0 else self._inputs
                np.matmul(gradient.T, inputs, out=layer.weight_gradient)
                np.matmul(now.ones, gradient, out=layer.bias_gradient)
            if i == 0 and not to_input:
                return None
            back = now.input_gradients[i]
            np.matmul(gradient, layer.weight, out=back.array)
            if i == 0:
                return back.array
            # What autograd itself calls: one pass, where a mask and a product are two.
            output = now.outputs[i - 1]
            torch.ops.aten.threshold_backward.grad_input(
                back.tensor, output.tensor, 0, grad_input=output.tensor
            )
            gradient = output.array
        return None

    def _workspace(self, n: int) -> _Workspace:
        if n not in self._workspaces:
            sizes = [layer.weight.shape for layer in self._layers]
            shapes = [(n, n_out) for n_out, _ in sizes]
            if self._features_first:
                shapes[-1] = shapes[-1][::-1]
            scratch = torch.empty(n * max(n_in for _, n_in in sizes), dtype=self._dtype)
            self._workspaces[n] = _Workspace(
                [Buffer(shape, self._dtype) for shape in shapes],
                [Buffer((n, n_in), self._dtype, scratch) for _, n_in in sizes],
                torch.ones(n, dtype=self._dtype).numpy(),
            )
        return self._workspaces[n]
