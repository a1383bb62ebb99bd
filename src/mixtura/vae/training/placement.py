"""Where training runs, and in which precision."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Placement:
    """A device, and the precision of its matrix products.

    Parameters
    ----------
    device : torch.device
        Where model and rows are.
    precision : {"32-true", "64-true", "bf16-mixed"}
        Under the names that Lightning Fabric gives them.

    Examples
    --------
    >>> Placement().device.type
    'cpu'
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"

    @cached_property
    def fabric(self) -> Fabric:
        """What runs steps by autograd there."""
        # Its import brings PyTorch's compiler along, a second and a half that the derived step does not need.
        from lightning_fabric import Fabric

        # It tells of the precision on the standard error, where the command promises silence.
        log = logging.getLogger("lightning_fabric.utilities.rank_zero")
        level = log.level
        log.setLevel(logging.WARNING)
        try:
            return Fabric(
                accelerator="cpu" if self.device.type == "cpu" else "cuda",
                devices=1 if self.device.type == "cpu" else [self.device.index or 0],
                precision=self.precision,
            )
        finally:
            log.setLevel(level)
