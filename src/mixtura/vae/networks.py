"""The networks inside a model: rows to features and codes to features, fully connected or convolutional.

Rows are flat, pixels in the order (height, width, channel). Modules are built on torch's meta device and
filled by `initialise`, because torch's own constructors draw from the global generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

_CONV_SIDE = 32  # images of a larger side, or in colour, get convolutions unless told otherwise


def choose_network(image_shape: tuple[int, ...] | None) -> Literal["mlp", "conv"]:
    """Return the kind of network that suits the data.

    Tables and grey images of up to 32 pixels a side get a fully connected network: on such images
    convolutions cost 2 to 3 times as much for the same bound and groups.

    Examples
    --------
    >>> choose_network((28, 28)), choose_network((64, 64, 3))
    ('mlp', 'conv')
    """
    if image_shape is None:
        return "mlp"
    colour = len(image_shape) == 3 and image_shape[2] > 1
    side = max(image_shape[:2])
    return "conv" if min(image_shape[:2]) >= 8 and (colour or side > _CONV_SIDE) else "mlp"


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers of the given sizes, a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class LogCounts(nn.Module):
    """Rows with log(1 + x), standardised, in place of those columns that are counts.

    Counts may differ by orders of magnitude, and large ones vary by little of their logarithm.

    Parameters
    ----------
    first, last : int
        The columns from ``first`` up to ``last``, which is not one of them.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last
        # Modules are built on the meta device, where there is nothing to copy.
        self.register_buffer("centre", torch.zeros(last - first, device="cpu"))
        self.register_buffer("spread", torch.ones(last - first, device="cpu"))

    @torch.no_grad()
    def start_at(self, rows: Tensor) -> None:
        """Standardise by the means and standard deviations of the logarithms of these rows' counts."""
        logs = torch.log1p(rows[:, self.first : self.last].clamp(min=0.0))
        self.centre.copy_(logs.mean(dim=0))
        spread = logs.std(dim=0, correction=0)
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows of the same shape."""
        before, counts, after = rows.tensor_split((self.first, self.last), dim=-1)
        shown = (torch.log1p(counts.clamp(min=0.0)) - self.centre) / self.spread
        return torch.cat((before, shown, after), dim=-1)


class ConvEncoder(nn.Module):
    """Strided convolutions, then a linear layer: flat rows (n, H W C) to (n, n_out)."""

    def __init__(self, image_shape: tuple[int, ...], hidden: int, n_out: int) -> None:
        super().__init__()
        self.image_shape = _height_width_channels(image_shape)
        sizes, channels = _pyramid(self.image_shape)
        self.convolutions = nn.Sequential(
            *[
                layer
                for n_in, n_out_channels in pairwise(channels)
                for layer in (nn.Conv2d(n_in, n_out_channels, 3, stride=2, padding=1), nn.ReLU())
            ]
        )
        height, width = sizes[-1]
        self.head = mlp((height * width * channels[-1], hidden, n_out))

    def forward(self, rows: Tensor) -> Tensor:
        """Return features of flat rows."""
        images = rows.reshape(-1, *self.image_shape).permute(0, 3, 1, 2)
        return self.head(self.convolutions(images).flatten(1)).reshape(*rows.shape[:-1], -1)


class ConvDecoder(nn.Module):
    """A linear layer, then upsampling and convolutions: codes (n, d) to maps (n, n_maps, H W C)."""

    def __init__(self, n_in: int, hidden: int, image_shape: tuple[int, ...], n_maps: int) -> None:
        super().__init__()
        self.image_shape = _height_width_channels(image_shape)
        self.n_maps = n_maps
        self.sizes, channels = _pyramid(self.image_shape)
        height, width = self.sizes[-1]
        self.first = (channels[-1], height, width)
        self.head = mlp((n_in, hidden, math.prod(self.first)))
        outputs = [n_maps * self.image_shape[2], *channels[1:-1]]
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(channels[i + 1], outputs[i], 3, padding=1) for i in reversed(range(len(outputs)))]
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Return the flat maps of codes: shape (..., n_maps * H W C), map by map."""
        maps = self.head(codes.reshape(-1, codes.shape[-1])).reshape(-1, *self.first)
        for size, convolution in zip(reversed(self.sizes[:-1]), self.convolutions, strict=True):
            maps = convolution(functional.interpolate(functional.relu(maps), size=size))
        height, width, channels = self.image_shape
        maps = maps.reshape(-1, self.n_maps, channels, height, width).permute(0, 1, 3, 4, 2)
        return maps.reshape(*codes.shape[:-1], self.n_maps * height * width * channels)


def initialise(module: nn.Module, generator: torch.Generator, *, strong: bool = False) -> None:
    """Fill linear and convolutional layers: all uniform on +-1/sqrt(fan-in), torch's default.

    Parameters
    ----------
    module : nn.Module
        Filled in place.
    generator : torch.Generator
        On the device of the parameters' draw, the CPU, so that all devices start from the same bits.
    strong : bool
        Weights before a ReLU are uniform on +-sqrt(6 / fan-in), which keeps the size of what goes through
        (He, Zhang, Ren and Sun 2015, eq. 10); with the default it shrinks in every layer.

    Examples
    --------
    >>> network = mlp((6, 100, 1))
    >>> initialise(network, torch.Generator().manual_seed(0), strong=True)
    >>> bool(network[0].weight.abs().max() > 0.9), bool(network[2].weight.abs().max() <= 0.1)
    (True, True)
    """
    rectified = {
        id(layer)
        for network in module.modules()
        if strong and isinstance(network, nn.Sequential)
        for layer, after in pairwise(network)
        if isinstance(after, nn.ReLU)
    }
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                bound = 1.0 / math.sqrt(layer.weight[0].numel())
                gain = math.sqrt(6.0) if id(layer) in rectified else 1.0
                for tensor, scale in ((layer.weight, gain * bound), (layer.bias, bound)):
                    if tensor is not None:
                        draw = torch.rand(tensor.shape, generator=generator) * (2 * scale) - scale
                        tensor.copy_(draw)


def materialise(module: nn.Module) -> None:
    """Give every parameter of a module that was built on the meta device memory, filled with zeros.

    Parameters
    ----------
    module : nn.Module
        Changed in place. It has no buffers.

    Examples
    --------
    >>> with torch.device("meta"):
    ...     layer = nn.Linear(2, 1)
    >>> materialise(layer)
    >>> layer.weight.tolist()
    [[0.0, 0.0]]
    """
    # Module.to_empty does the same and imports SymPy for it, which takes as long as a small fit.
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.zeros(parameter.shape, device="cpu")))


def _height_width_channels(image_shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width = image_shape[:2]
    return height, width, image_shape[2] if len(image_shape) == 3 else 1


def _pyramid(image_shape: tuple[int, int, int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the sizes and channels of the levels, halved until the longer side is at most 7."""
    height, width, channels = image_shape
    sizes, widths = [(height, width)], [channels]
    while max(sizes[-1]) > 7 or len(sizes) == 1:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        widths.append(min(32 * 2 ** (len(widths) - 1), 128))
    return sizes, widths
