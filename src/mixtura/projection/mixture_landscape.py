"""A mixture of Gaussians as other Gaussians see it, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mixtura.projection.landscape import Rows
from mixtura.projection.target import GaussianMixtureForm


@dataclass(frozen=True, eq=False)
class MixtureView(Rows):
    """A mixture of K Gaussians seen from S Gaussians at n nodes.

    Parameters
    ----------
    value : Tensor of shape (S, n)
        The log-density.
    responsibilities : Tensor of shape (S, K, n)
        The probability of each component, given the node.
    white : Tensor of shape (S, K, d, n)
        The node in the component's own units, L_k^-1 (x - m_k).
    factor : Tensor of shape (S, K, d, d)
        L_k^-1 L, which leads from a Gaussian's units to a component's.
    """

    value: Tensor
    responsibilities: Tensor
    white: Tensor
    factor: Tensor

    def moments(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the nodes of the slope (S, d), and of slope times node (S, d, d)."""
        weighted = self.responsibilities[:, :, None] * self.white
        S, K, d, n = weighted.shape
        twist = (weighted.reshape(-1, n) @ nodes.T).reshape(S, K, d, d)
        pull = self.factor.mT @ torch.cat([weighted.sum(dim=3, keepdim=True), twist], dim=3)
        pull = -pull.sum(dim=1)
        return pull[..., 0], pull[..., 1:]

    def curve(self, shift: Tensor) -> Tensor:
        """Return sum_k r_k [push_k (push_k - push)^T - precision_k] shift, where push is the mean push."""
        S, K, d, n = self.white.shape
        held = torch.bmm(self._precision.reshape(S, K * d, d), shift).reshape(S, K, d, n)
        along = (self._push * shift[:, None]).sum(dim=2)  # (S, K, n)
        along = (self.responsibilities * along).sum(dim=1, keepdim=True) - along
        held.addcmul_(along[:, :, None], self._push)
        return held.mul_(self.responsibilities[:, :, None]).sum(dim=1).neg_()

    def curvature(self) -> Tensor:
        """Return sum_k r_k (push_k push_k^T - precision_k) - push push^T, where push is the mean push."""
        S, K, d, n = self.white.shape
        held = torch.bmm(self._precision.reshape(S, K, d * d).mT, self.responsibilities).reshape(S, d, d, n)
        weighted = self.responsibilities[:, :, None] * self._push
        mean = weighted.sum(dim=1)
        spread = (weighted[:, :, :, None] * self._push[:, :, None]).sum(dim=1)
        return spread.sub_(held).sub_(mean[:, :, None] * mean[:, None])

    @cached_property
    def _push(self) -> Tensor:
        """Minus the slope of each component's own logarithm (S, K, d, n)."""
        return self.factor.mT @ self.white

    @cached_property
    def _precision(self) -> Tensor:
        """The precision of each component, in the units of each Gaussian (S, K, d, d)."""
        return self.factor.mT @ self.factor


class MixtureLandscape:
    """A mixture of Gaussians.

    Parameters
    ----------
    form : GaussianMixtureForm
        Its parameters.
    """

    def __init__(self, form: GaussianMixtureForm) -> None:
        self.n_components = len(form.log_weights)
        self._means, self._factors = form.means, form.scale_trils
        log_scale = form.scale_trils.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        log_heights = form.log_weights - log_scale - 0.5 * form.means.shape[-1] * math.log(2 * math.pi)
        self._log_heights = log_heights[:, None]

    def view(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> MixtureView:
        """Return the view from means (S, d) with factors (S, d, d) at nodes (d, n)."""
        factor, white = self._whiten(mean, scale_tril, nodes)
        joint = self._joint(white)
        peak = joint.amax(dim=1, keepdim=True)
        shares = joint.sub_(peak).exp_()
        total = shares.sum(dim=1, keepdim=True)
        return MixtureView(total.log().add_(peak)[:, 0], shares.div_(total), white, factor)

    def log_prob(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> Tensor:
        """Return only the values (S, n)."""
        _, white = self._whiten(mean, scale_tril, nodes)
        return torch.logsumexp(self._joint(white), dim=1)

    def _joint(self, white: Tensor) -> Tensor:
        """Return log a_k N_k (S, K, n)."""
        return (white * white).sum(dim=2).mul_(-0.5).add_(self._log_heights)

    def _whiten(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return L_k^-1 L (S, K, d, d), and the nodes in the components' own units (S, K, d, n)."""
        S, K, d = len(mean), *self._means.shape
        offset = (mean[:, None] - self._means)[..., None]
        seen = torch.cat([scale_tril[:, None].expand(S, K, d, d), offset], dim=-1)
        seen = torch.linalg.solve_triangular(self._factors, seen, upper=False)
        factor = seen[..., :d].contiguous()
        white = (factor.reshape(-1, d) @ nodes).reshape(S, K, d, -1)
        return factor, white.add_(seen[..., d:])
