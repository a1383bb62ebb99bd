from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mixtura.vae.networks import (
    ConvDecoder,
    ConvEncoder,
    LogCounts,
    choose_network,
    initialise,
    materialise,
    mlp,
)

SHAPES = [(1, 1), (3, 5), (7, 9), (8, 8, 1), (5, 40), (28, 28), (33, 20, 3), (64, 64, 3)]
N_OUT, N_MAPS, LATENT = 5, 2, 3


def encoder(kind: str, shape: tuple[int, ...]) -> nn.Module:
    n_pixels = math.prod(shape)
    return mlp((n_pixels, 8, N_OUT)) if kind == "mlp" else ConvEncoder(shape, 8, N_OUT)


def decoder(kind: str, shape: tuple[int, ...]) -> nn.Module:
    n_pixels = math.prod(shape)
    return mlp((LATENT, 8, N_MAPS * n_pixels)) if kind == "mlp" else ConvDecoder(LATENT, 8, shape, N_MAPS)


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    initialise(network, torch.Generator().manual_seed(seed))
    return network


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_shapes(kind, shape) -> None:
    n_pixels = math.prod(shape)
    rows = torch.rand(4, n_pixels, generator=torch.Generator().manual_seed(0))
    codes = torch.rand(4, LATENT, generator=torch.Generator().manual_seed(0))
    encode, decode = seeded(encoder(kind, shape)), seeded(decoder(kind, shape))
    assert encode(rows).shape == (4, N_OUT)
    assert decode(codes).shape == (4, N_MAPS * n_pixels)
    # More axes in front are draws; each is worked on alone.
    assert encode(rows.reshape(2, 2, -1)).shape == (2, 2, N_OUT)
    drawn = decode(codes.reshape(2, 2, -1))
    assert drawn.shape == (2, 2, N_MAPS * n_pixels)
    torch.testing.assert_close(drawn.reshape(4, -1), decode(codes))
    torch.testing.assert_close(encode(rows[2:3]), encode(rows)[2:3])


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_same_seed_same_weights_and_no_global_state(kind) -> None:
    before = torch.random.get_rng_state()
    with torch.device("meta"):
        networks = [encoder(kind, (9, 8, 3)) for _ in range(3)]
    first, again, other = (
        seeded(network.to_empty(device="cpu"), seed).state_dict()
        for network, seed in zip(networks, (0, 0, 1), strict=True)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert not torch.equal(value, other[name])


def test_initial_weights_are_uniform_within_one_over_root_fan_in() -> None:
    for layer, fan_in in ((nn.Linear(400, 50), 400), (nn.Conv2d(10, 40, 3), 90)):
        weight = seeded(layer).weight.detach()
        bound = 1 / math.sqrt(fan_in)
        assert 0.98 * bound < weight.abs().max() <= bound
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert layer.bias.detach().abs().max() <= bound


def test_conv_encoder_reads_height_width_channel() -> None:
    """Rows are flat in the order (H, W, C): the first convolution sees the image that was flattened."""
    images = torch.rand(2, 7, 9, 3, generator=torch.Generator().manual_seed(0))
    encode, seen = seeded(ConvEncoder((7, 9, 3), 8, N_OUT)), []
    encode.convolutions[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    encode(images.reshape(2, -1))
    assert torch.equal(seen[0], images.movedim(-1, 1))


def test_conv_decoder_writes_map_height_width_channel() -> None:
    """What leaves the last convolution as (map and channel, H, W) arrives map by map as (H, W, C)."""
    decode, made = seeded(ConvDecoder(LATENT, 8, (7, 9, 3), N_MAPS)), []
    decode.convolutions[-1].register_forward_hook(lambda module, inputs, output: made.append(output))
    flat = decode(torch.ones(2, LATENT)).detach()
    expected = made[0].detach().reshape(2, N_MAPS, 3, 7, 9)
    assert torch.equal(flat.reshape(2, N_MAPS, 7, 9, 3), expected.movedim(2, -1))


def test_conv_decoder_pixels_are_neighbours_where_the_image_says_so() -> None:
    """A code moves neighbouring pixels alike: maps vary slowly along the image and not along the flat row."""
    decode = seeded(ConvDecoder(LATENT, 16, (16, 16, 3), 1))
    image = decode(torch.ones(1, LATENT)).detach().reshape(16, 16, 3)
    along = (image[4:-4, 5:-4] - image[4:-4, 4:-5]).abs().mean()
    between_channels = (image[4:-4, 4:-4, 1:] - image[4:-4, 4:-4, :-1]).abs().mean()
    assert along < between_channels


def test_mlp_has_a_rectifier_between_layers_and_none_at_the_end() -> None:
    kinds = [type(layer).__name__ for layer in mlp((3, 4, 5, 2))]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in mlp((3, 2))] == ["Linear"]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (None, "mlp"),
        ((28, 28), "mlp"),
        ((28, 28, 1), "mlp"),
        ((32, 32), "mlp"),
        ((33, 33), "conv"),
        ((28, 28, 3), "conv"),
        ((4, 4, 3), "mlp"),
        ((2, 100), "mlp"),
    ],
)
def test_network_is_chosen_from_the_shape(shape, kind) -> None:
    assert choose_network(shape) == kind


def test_a_strong_start_keeps_the_size_of_what_goes_through() -> None:
    sizes = []
    for strong in (False, True):
        network = mlp((256,) * 7 + (1,))
        initialise(network, torch.Generator().manual_seed(0), strong=strong)
        assert network[-1].weight.abs().max() <= 1 / 16
        out = network[:-1](torch.randn((200, 256), generator=torch.Generator().manual_seed(1)))
        sizes.append(float(out.detach().square().mean()))
    assert sizes[0] < 1e-2
    assert 0.5 < sizes[1] < 2.0


def test_only_counts_are_shown_by_their_standardised_logarithm() -> None:
    rows = torch.tensor([[-2.0, 3.0, 0.0, 5.0], [4.0, 15.0, 0.0, 6.0]])
    shown = LogCounts(1, 3)
    expected = torch.tensor([[-2.0, math.log(4.0), 0.0, 5.0], [4.0, math.log(16.0), 0.0, 6.0]])
    torch.testing.assert_close(shown(rows), expected)
    shown.start_at(rows)
    expected[:, 1] = torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(shown(rows), expected)


def test_a_module_of_the_meta_device_gets_zeros_and_touches_no_generator() -> None:
    before = torch.random.get_rng_state()
    with torch.device("meta"):
        network = ConvEncoder((8, 8), 4, 3)
    materialise(network)
    assert all(p.device.type == "cpu" and not p.any() for p in network.parameters())
    assert network(torch.ones(2, 64)).shape == (2, 3)
    assert torch.equal(torch.random.get_rng_state(), before)
