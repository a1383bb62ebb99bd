from __future__ import annotations

import pytest
import torch
from torch import nn

from mixtura.vae.training import mixed_adam
from mixtura.vae.training.flat_adam import FlatAdam
from mixtura.vae.training.mixed_adam import MixedAdam

SHAPES = ((7, 5), (7,), (3, 7), (3,), (4, 2))


def made() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


class Both:
    """The same parameters under both optimisers, all but the last reduced in one of them."""

    def __init__(self) -> None:
        self.plain, self.mixed = made(), made()
        self.exact = FlatAdam(self.plain, [self.plain[0], self.plain[2], self.plain[4]])
        self.adam = MixedAdam(self.mixed, self.mixed[:-1], [self.mixed[0], self.mixed[2], self.mixed[4]])
        self.generator = torch.Generator().manual_seed(1)

    def propose(self) -> None:
        for plain, mixed in zip(self.plain, self.mixed, strict=True):
            draw = torch.randn(plain.shape, generator=self.generator).bfloat16()
            self.exact.gradient(plain)[:] = draw.float().numpy()
            held = self.adam.reduced(mixed)
            if held is None:
                self.adam.gradient(mixed)[:] = draw.float().numpy()
            else:
                held[1].copy_(draw)

    def assert_same(self) -> None:
        for plain, mixed in zip(self.plain, self.mixed, strict=True):
            torch.testing.assert_close(mixed, plain, rtol=1e-6, atol=1e-7)
            held = self.adam.reduced(mixed)
            if held is not None:
                assert torch.equal(held[0], mixed.detach().bfloat16())


@pytest.mark.parametrize("piece", [4, 1 << 16])
@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_steps_are_those_of_float32(piece, decay, monkeypatch) -> None:
    monkeypatch.setattr(mixed_adam, "_PIECE", piece)
    both = Both()
    both.assert_same()
    for factor in (1.0, 0.25, 1.0, 0.5):
        both.propose()
        assert both.adam.norm() == pytest.approx(both.exact.norm(), rel=4e-3)
        both.exact.step(0.1, factor, decay)
        both.adam.step(0.1, factor, decay)
        both.assert_same()


def test_small_steps_are_not_lost() -> None:
    parameter = nn.Parameter(torch.ones(3))
    adam = MixedAdam([parameter], [parameter])
    for _ in range(100):
        adam.reduced(parameter)[1].fill_(1.0)
        adam.step(1e-4)
    torch.testing.assert_close(parameter.detach(), torch.full((3,), 0.99), rtol=1e-5, atol=0)


def test_it_goes_back_to_what_was_kept_and_forgets() -> None:
    both = Both()
    for adam in (both.exact, both.adam):
        adam.save()
    both.propose()
    for adam in (both.exact, both.adam):
        adam.step(0.1, 1.0, 0.1)
        adam.restore()
    both.assert_same()
    assert torch.equal(both.mixed[0], made()[0])
    both.propose()
    for adam in (both.exact, both.adam):
        adam.step(0.1)
    both.assert_same()


def test_parameters_have_memory_of_their_own_afterwards() -> None:
    both = Both()
    both.propose()
    both.adam.step(0.1)
    before = [parameter.detach().clone() for parameter in both.mixed]
    both.adam.release()
    both.propose()
    both.adam.step(0.1)
    assert all(map(torch.equal, both.mixed, before))
    assert all(parameter.is_contiguous() for parameter in both.mixed)
    assert len({p.untyped_storage().data_ptr() for p in both.mixed}) == len(SHAPES)
