"""A fully connected network with its derivative written out, its matrix products in bfloat16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixtura import runtime
from mixtura.vae.training.dense_network import Buffer
from mixtura.vae.training.mixed_adam import MixedAdam

Array = NDArray[Any]


@dataclass(frozen=True)
class _Layer:
    weight: Tensor
    bias: Tensor
    weight_gradient: Tensor | None
    bias_gradient: Tensor | None


@dataclass(frozen=True)
class _Workspace:
    """What a batch of so many rows needs; in bfloat16 but for what the caller sees."""

    inputs: Tensor
    outputs: list[Tensor]
    back: list[Tensor]
    found: Buffer


class ReducedNetwork:
    """What `DenseNetwork` is, with the products of layers, and what lies between them, in bfloat16.

    Rows and outputs are float32, and so are the parameters themselves, which `MixedAdam` keeps.

    Parameters
    ----------
    network : nn.Sequential
        As `mixtura.vae.training.dense_network.is_dense` wants it.
    adam : MixedAdam
        Where copies of the parameters come from, and gradients go. Parameters that it does not hold get
        none, and must not change.
    features_first : bool
        Outputs lie in memory as (n_out, n), of which rows (n, n_out) are a view.
    n_threads : int
        Of the products. Around them torch has one: the rest is over before a second has woken.

    Examples
    --------
    >>> import numpy as np
    >>> network = nn.Sequential(nn.Linear(2, 1))
    >>> adam = MixedAdam(list(network.parameters()), list(network.parameters()))
    >>> reduced = ReducedNetwork(network, adam)
    >>> _ = reduced.forward(np.array([[1.0, 2.0]], dtype=np.float32))
    >>> reduced.backward(np.array([[3.0]], dtype=np.float32), to_input=False)
    >>> [adam.reduced(parameter)[1].tolist() for parameter in network.parameters()]
    [[[3.0, 6.0]], [3.0]]
    """

    def __init__(
        self, network: nn.Sequential, adam: MixedAdam, *, features_first: bool = False, n_threads: int = 1
    ) -> None:
        self._n_threads = n_threads
        self._features_first = features_first
        self._layers = [
            _layer(layer.weight, layer.bias, adam) for layer in network if isinstance(layer, nn.Linear)
        ]
        self.trained = self._layers[0].weight_gradient is not None
        self._workspaces: dict[int, _Workspace] = {}

    def forward(self, inputs: Array) -> Buffer:
        """Return the outputs of rows (n, n_in): a buffer that the next call overwrites."""
        self._now = now = self._workspace(len(inputs))
        rows = now.inputs.copy_(torch.from_numpy(inputs))
        last = now.outputs[-1]
        with runtime.torch_threads(self._n_threads):
            for layer, output in zip(self._layers, now.outputs, strict=True):
                torch.addmm(layer.bias, rows, layer.weight.mT, out=output)
                if output is not last:
                    _relu_(output)
                rows = output
        now.found.tensor.copy_(last.mT if self._features_first else last)
        return now.found

    def backward(self, gradient: Array, *, to_input: bool) -> Array | None:
        """Set the gradients of the parameters, given that of the outputs of the last forward, once.

        Parameters
        ----------
        gradient : ndarray of shape (n, n_out)
            Of what is minimised, with respect to the outputs.
        to_input : bool
            Whether the gradient with respect to the inputs is to be returned, (n, n_in), or None.
        """
        with runtime.torch_threads(self._n_threads):
            back = self._back(self._now.outputs[-1].copy_(torch.from_numpy(gradient)), to_input)
        return None if back is None else back.float().numpy()

    def _back(self, gradient: Tensor, to_input: bool) -> Tensor | None:
        now = self._now
        for i in reversed(range(len(self._layers))):
            layer = self._layers[i]
            rows = now.outputs[i - 1] if i > 0 else now.inputs
            if layer.weight_gradient is not None and layer.bias_gradient is not None:
                torch.mm(rows.mT, gradient, out=layer.weight_gradient.mT)
                torch.sum(gradient, 0, out=layer.bias_gradient)
            if i == 0 and not to_input:
                return None
            back = torch.mm(gradient, layer.weight, out=now.back[i])
            if i == 0:
                return back
            gradient = _to_before_relu_(back, rows)
        return None

    def _workspace(self, n: int) -> _Workspace:
        if n not in self._workspaces:
            shapes = [layer.weight.shape for layer in self._layers]
            n_out = shapes[-1][0]
            scratch = torch.empty(n * max(n_in for _, n_in in shapes), dtype=torch.bfloat16)
            self._workspaces[n] = _Workspace(
                torch.empty((n, shapes[0][1]), dtype=torch.bfloat16),
                [torch.empty((n, n_out), dtype=torch.bfloat16) for n_out, _ in shapes],
                [scratch[: n * n_in].view(n, n_in) for _, n_in in shapes],
                Buffer((n_out, n) if self._features_first else (n, n_out), torch.float32),
            )
        return self._workspaces[n]


def _relu_(values: Tensor) -> Tensor:
    """Set what is negative to zero.

    Whole numbers are negative where the bfloat16 of the same bits are, and take a quarter of the time.
    A NaN with a sign becomes zero too. It can only come of an infinite value before it, which makes the
    gradient of that layer's weights infinite or NaN all the same.
    """
    values.view(torch.int16).clamp_min_(0)
    return values


def _to_before_relu_(gradient: Tensor, output: Tensor) -> Tensor:
    """Overwrite outputs of a ReLU by the gradient where they are above zero, and by zero elsewhere."""
    passes = output.view(torch.int16).clamp_max_(1)
    passes.mul_(gradient.view(torch.int16))
    return output


def _layer(weight: Tensor, bias: Tensor, adam: MixedAdam) -> _Layer:
    held = [adam.reduced(parameter) for parameter in (weight, bias)]
    (weight_copy, to_weight), (bias_copy, to_bias) = (
        (parameter.detach().bfloat16(), None) if views is None else views
        for parameter, views in zip((weight, bias), held, strict=True)
    )
    return _Layer(weight_copy, bias_copy, to_weight, to_bias)
