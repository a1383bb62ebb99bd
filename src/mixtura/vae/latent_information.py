r"""What the codes of a VAE hold of the rows: the KL of the bound, taken apart.

With the aggregated posterior qbar(w) = 1/N sum_n q(w|x_n) of the whole data, the mean KL is a sum of three
divergences (Hoffman and Johnson 2016; Chen, Li, Grosse and Duvenaud 2018, eq. 2),

    1/N sum_n KL(q(w|x_n) || p(w)) = I + TC + sum_j KL(qbar(w_j) || p(w_j)),

    I  = 1/N sum_n KL(q(w|x_n) || qbar(w))     what a code tells of which row it is of, at most log N
    TC = KL(qbar(w) || prod_j qbar(w_j))       how far the dimensions of the codes are from independent

Each is an expectation of log-densities at draws of qbar, which sums over all N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.errors import InputError

_ACTIVE_NATS = 0.01  # of a dimension's mean KL: one that the encoder does not use has none
_BLOCK_VALUES = 2**22
_LEAST_SPREAD = 1e-9  # of codes, whose scale is that of N(0, 1)
_LEAST_EIGENVALUE = 1e-10  # of correlations: below, digits are rounding's


@dataclass(frozen=True)
class LatentInformation:
    """The mean KL of the rows and its parts, in nats.

    Parameters
    ----------
    kl_per_latent : ndarray of shape (d,)
        1/N sum_n KL(q(w_j|x_n) || N(0, 1)), exact.
    mutual_information, total_correlation, dimension_wise_kl : float
        The three parts, by draws of the aggregated posterior.
    mutual_information_se, total_correlation_se, dimension_wise_kl_se : float
        Their Monte Carlo standard errors.
    total_correlation_of_means : float
        Of the Gaussian with the covariance of the mean codes, -1/2 log det of their correlations: what a
        linear reader of the mean codes meets, which may go another way than that of the draws (Locatello and
        others 2019). None where there are too few rows, or dimensions that follow from others.
    n_rows, n_draws : int
        N, and the draws.
    """

    kl_per_latent: NDArray[np.float64]
    mutual_information: float
    mutual_information_se: float
    total_correlation: float
    total_correlation_se: float
    dimension_wise_kl: float
    dimension_wise_kl_se: float
    total_correlation_of_means: float | None
    n_rows: int
    n_draws: int

    @property
    def kl(self) -> float:
        """Mean KL(q(w|x) || p(w)) of the rows, in nats."""
        return float(self.kl_per_latent.sum())

    @property
    def active_units(self) -> int:
        """Latent dimensions whose mean KL is more than 0.01 nats."""
        return int(np.count_nonzero(self.kl_per_latent > _ACTIVE_NATS))


def kl_to_standard_normal(loc: Tensor, scale: Tensor) -> Tensor:
    """Return KL(N(loc, scale^2) || N(0, 1)) of every row and dimension, in nats: (n, d).

    Examples
    --------
    >>> kl_to_standard_normal(torch.tensor([[1.0]]), torch.tensor([[1.0]]))
    tensor([[0.5000]])
    """
    return 0.5 * (loc.square() + scale.square() - 1.0) - scale.log()


def latent_information(
    loc: Tensor, scale: Tensor, generator: torch.Generator, n_draws: int = 2048
) -> LatentInformation:
    """Take the mean KL of the rows from the standard normal apart.

    Parameters
    ----------
    loc, scale : Tensor of shape (N, d)
        Means and standard deviations of q(w|x_n) for every row, in float64 on the CPU.
    generator : torch.Generator
        Of the draws.
    n_draws : int
        Of the aggregated posterior; rows in turn, each as often as any other.

    Raises
    ------
    InputError
        If there are no rows or too few draws for an error.

    Examples
    --------
    >>> loc = torch.tensor([[-3.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    >>> found = latent_information(loc, torch.tensor([[0.1, 1.0]]).expand(2, 2).double(), torch.Generator())
    >>> round(found.mutual_information, 3), found.active_units  # which of the two rows: log 2
    (0.693, 1)
    >>> abs(round(found.total_correlation, 6))
    0.0
    """
    if len(loc) < 1 or n_draws < 2:
        raise InputError(f"{len(loc)} rows and {n_draws} draws; there must be 1 row and 2 draws at least")
    n, d = loc.shape
    repeats = -(-n_draws // n)
    order = torch.cat([torch.randperm(n, generator=generator) for _ in range(repeats)])[:n_draws]
    noise = torch.randn((n_draws, d), generator=generator, dtype=loc.dtype)
    w = loc[order] + scale[order] * noise
    own = _log_normal(noise, torch.ones_like(noise)) - scale[order].log()  # (M, d)
    log_bar, log_bars = _aggregated(w, loc, scale)
    standard = _log_normal(w, torch.ones_like(w))
    parts = {
        "mutual_information": own.sum(1) - log_bar,
        "total_correlation": log_bar - log_bars.sum(1),
        "dimension_wise_kl": (log_bars - standard).sum(1),
    }
    kl = kl_to_standard_normal(loc, scale)
    means = {name: float(values.mean()) for name, values in parts.items()}
    errors = {f"{name}_se": float(values.std() / n_draws**0.5) for name, values in parts.items()}
    return LatentInformation(
        kl_per_latent=kl.mean(0).numpy(),
        **means,
        **errors,
        total_correlation_of_means=_gaussian_total_correlation(loc.numpy()),
        n_rows=n,
        n_draws=n_draws,
    )


def _aggregated(w: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return log qbar(w), (M,), and log qbar(w_j), (M, d)."""
    n, d = loc.shape
    joint, single = [], []
    constants = (scale.log() + 0.5 * np.log(2 * np.pi)).T.contiguous()  # (d, N): rows last, along memory
    means, precisions = loc.T.contiguous(), scale.reciprocal().T.contiguous()
    for block in w.split(max(1, _BLOCK_VALUES // n)):
        total = torch.zeros(len(block), n, dtype=w.dtype)
        of_block = []
        for j in range(d):
            log_density = (block[:, j : j + 1] - means[j]).mul_(precisions[j]).square_().mul_(-0.5)
            log_density -= constants[j]
            total += log_density
            of_block.append(torch.logsumexp(log_density, dim=1))
        joint.append(torch.logsumexp(total, dim=1))
        single.append(torch.stack(of_block, dim=1))
    return torch.cat(joint) - np.log(n), torch.cat(single) - np.log(n)


def _log_normal(values: Tensor, scale: Tensor) -> Tensor:
    return -0.5 * (values / scale).square() - scale.log() - 0.5 * np.log(2 * np.pi)


def _gaussian_total_correlation(codes: NDArray[np.float64]) -> float | None:
    """Return -1/2 log det of the correlations of columns, of those that vary; None where it has no end."""
    varying = codes[:, codes.std(axis=0) > _LEAST_SPREAD * np.maximum(1.0, np.abs(codes).max(axis=0))]
    if varying.shape[1] < 2:
        return 0.0
    if len(codes) <= varying.shape[1]:
        return None
    spectrum = np.linalg.eigvalsh(np.corrcoef(varying, rowvar=False))
    return float(-0.5 * np.log(spectrum).sum()) if spectrum[0] > _LEAST_EIGENVALUE else None
