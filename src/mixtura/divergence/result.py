"""What a divergence returns: the value, how it was found, how far it may be off, and what brackets it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mixtura.errors import InputError


@dataclass(frozen=True, eq=False)
class Divergence:
    """A divergence between two distributions, in nats, for every entry of a batch.

    Parameters
    ----------
    value : Tensor of shape (*B)
        The divergence, +inf where it is infinite.
    method : str
        How it was found: "closed_form" (a formula or a finite sum), "quadrature", "monte_carlo",
        "upper_bound", "lower_bound", "product_approximation" or "variational_approximation".
    error : Tensor of shape (*B)
        Nats: 0 of a closed form, the estimate of quadrature, the standard error of Monte Carlo; +inf of a
        bound or an approximation, whose error nobody knows.
    lower, upper : Tensor of shape (*B)
        The true divergence lies between them, by theory and not by estimate; a closed form is both.
    divergence : str
        Which divergence it is: "kl", "jeffreys", "jensen_shannon", "alpha" or "renyi".
    alpha : float or None
        The order, of "alpha" and "renyi".

    Examples
    --------
    >>> import torch
    >>> from mixtura.divergence.dispatch import kl
    >>> found = kl(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]))
    >>> found
    Divergence(kl=0.143841, method='closed_form')
    >>> round(float(found), 4)
    0.1438
    """

    value: Tensor
    method: str
    error: Tensor
    lower: Tensor
    upper: Tensor
    divergence: str = "kl"
    alpha: float | None = None

    def __float__(self) -> float:
        if self.value.numel() != 1:
            raise InputError(
                f"a batch of shape {tuple(self.value.shape)} is not one number; take an entry of its .value"
            )
        return float(self.value.detach())

    def __repr__(self) -> str:
        name = self.divergence if self.alpha is None else f"{self.divergence}({self.alpha:g})"
        if self.value.numel() != 1:
            shape = tuple(self.value.shape)
            return f"Divergence({name}: batch of shape {shape}, method={self.method!r})"
        shown = f"{float(self):.6g}"
        if self.method != "closed_form":
            error = float(self.error)
            shown += f" ± {error:.2g}" if error < float("inf") else ""
            shown += f", between {float(self.lower):.6g} and {float(self.upper):.6g}"
        return f"Divergence({name}={shown}, method={self.method!r})"
