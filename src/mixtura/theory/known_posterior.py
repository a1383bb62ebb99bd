"""Models whose posterior is known in closed form, and q fitted to it by each objective: a bench of inference.

x is A w plus noise of standard deviation s, and w comes from a mixture of Gaussians. Given x, w is a mixture
again, with components N(m_k, V_k), where V_k = (1/sigma_k^2 + A'A/s^2)^-1 and
m_k = V_k (mu_k/sigma_k^2 + A'x/s^2), and weights in proportion to pi_k N(x; A mu_k, sigma_k^2 A A' + s^2 I).
With one component it is the linear-Gaussian model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from mixtura import runtime
from mixtura.vae.distributions import DiagonalGaussian
from mixtura.vae.inclusive import sleep, wake
from mixtura.vae.inference import sample_joint
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.networks import initialise, mlp
from mixtura.vae.objectives import elbo, iwae, renyi_bound
from mixtura.vae.posterior import ExactResponsibilities, GaussianPosterior
from mixtura.vae.prior import GaussianMixturePrior
from mixtura.vae.training.schedule import CosineRate

_ROWS, _BATCH, _STEPS, _RATE = 2_000, 250, 1_000, 0.05


class LinearLikelihood(nn.Module):
    """x | w ~ N(A w, s^2 I) with A and s fixed.

    Parameters
    ----------
    matrix : Tensor of shape (n_encoded, d)
        A.
    scale : float
        s.
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor, scale: float) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.scale = scale

    def forward(self, w: Tensor) -> DiagonalGaussian:
        """Return p(x|w) for codes of shape (..., d)."""
        mean = w @ self.matrix.T
        return DiagonalGaussian(mean, torch.full_like(mean, self.scale))


@dataclass(frozen=True)
class Posterior:
    """p(w|x) of some rows: a mixture of K Gaussians for each.

    Parameters
    ----------
    weights : Tensor of shape (n, K)
        p(z|x).
    means : Tensor of shape (n, K, d)
        Of the components.
    covariances : Tensor of shape (K, d, d)
        Of the components, the same for every row.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @property
    def mean(self) -> Tensor:
        """E[w|x], (n, d)."""
        return (self.weights.unsqueeze(-1) * self.means).sum(1)

    @property
    def variance(self) -> Tensor:
        """Var[w_j|x], (n, d)."""
        within = self.covariances.diagonal(dim1=-2, dim2=-1)
        spread = within + (self.means - self.mean.unsqueeze(1)).square()
        return (self.weights.unsqueeze(-1) * spread).sum(1)


def known_model(
    matrix: Sequence[Sequence[float]],
    scale: float,
    *,
    means: Sequence[Sequence[float]] | None = None,
    prior_scale: float = 1.0,
    generator: torch.Generator,
) -> GaussianMixtureVAE:
    """Return a model with a linear decoder, and a small network for q(w|x), in float64.

    Parameters
    ----------
    matrix : sequence of rows of numbers
        A, (n_encoded, d).
    scale : float
        s.
    means : sequence of rows of numbers, optional
        mu_k of equally probable components; one at 0 unless given.
    prior_scale : float
        sigma_k.
    generator : torch.Generator
        Of the network's weights.
    """
    a = torch.tensor(matrix, dtype=torch.float64)
    n_encoded, d = a.shape
    centres = torch.zeros(1, d, dtype=torch.float64) if means is None else torch.tensor(means).double()
    # What q has to learn of a linear model is linear; the responsibilities of a mixture are not.
    network = nn.Sequential(nn.Linear(n_encoded, 2 * d)) if len(centres) == 1 else mlp((n_encoded, 64, 2 * d))
    initialise(network, generator)
    prior = GaussianMixturePrior(len(centres), d)
    prior.set_components(centres, torch.full_like(centres, prior_scale))
    likelihood = LinearLikelihood(a, scale)
    model = GaussianMixtureVAE(
        GaussianPosterior(network),
        ExactResponsibilities(),
        prior,
        likelihood,  # type: ignore[arg-type]  # a likelihood of its own
    ).double()
    model.prior.requires_grad_(False)
    return model


def exact_posterior(model: GaussianMixtureVAE, x: Tensor) -> Posterior:
    """Return p(w|x) of a model of `known_model` at rows (n, n_encoded)."""
    likelihood, prior = model.likelihood, model.prior()
    assert isinstance(likelihood, LinearLikelihood)
    a, s = likelihood.matrix, likelihood.scale
    eye = torch.eye(a.shape[1], dtype=a.dtype)
    precisions = eye / prior.scales[:, :1, None].square() + a.T @ a / s**2
    covariances = torch.linalg.inv(precisions)
    pull = prior.means.unsqueeze(0) / prior.scales.square() + (x @ a / s**2).unsqueeze(1)
    means = (covariances @ pull.unsqueeze(-1)).squeeze(-1)
    within = prior.scales[:, :1, None].square() * (a @ a.T) + s**2 * torch.eye(len(a), dtype=a.dtype)
    log_evidence = MultivariateNormal(prior.means @ a.T, within).log_prob(x.unsqueeze(1))
    return Posterior(torch.softmax(prior.log_weights + log_evidence, dim=1), means, covariances)


Objectives = Callable[[GaussianMixtureVAE, Tensor, int, torch.Generator], Tensor]


def _noise(model: GaussianMixtureVAE, x: Tensor, n_draws: int, generator: torch.Generator) -> Tensor:
    return torch.randn((n_draws, len(x), model.latent_dim), generator=generator, dtype=x.dtype)


OBJECTIVES: dict[str, Objectives] = {
    "reverse": lambda m, x, n, g: elbo(m, x, _noise(m, x, n, g), gradient="standard").surrogate,
    "reverse, STL": lambda m, x, n, g: elbo(m, x, _noise(m, x, n, g)).surrogate,
    "Renyi 1/2": lambda m, x, n, g: renyi_bound(m, x, _noise(m, x, n, g), alpha=0.5).surrogate,
    "IWAE, DReG": lambda m, x, n, g: iwae(m, x, _noise(m, x, n, g)).surrogate,
    "wake": lambda m, x, n, g: wake(m, x, _noise(m, x, n, g)).value,
    "sleep": lambda m, x, n, g: sleep(m, len(x), g),
}
"""What is maximised in psi, (n,): of model, rows, draws for each row and a generator."""


@runtime.one_torch_thread()
def fit_posterior(
    model: GaussianMixtureVAE, objective: str, n_draws: int, generator: torch.Generator, n_steps: int = _STEPS
) -> Tensor:
    """Fit q(w|x) of a known model by one of `OBJECTIVES`, at rows drawn from it; return those rows.

    Parameters
    ----------
    model : GaussianMixtureVAE
        Of `known_model`; its q is trained in place.
    objective : str
        A key of `OBJECTIVES`.
    n_draws : int
        Of w for each row in a step.
    generator : torch.Generator
        Of the rows and of all draws.
    n_steps : int
        Steps of Adam, of 250 rows each.
    """
    x, _ = sample_joint(model, _ROWS, generator)
    parameters = list(model.posterior.parameters())
    optimiser = torch.optim.Adam(parameters, lr=_RATE)
    rate = CosineRate(_RATE)
    for step in range(n_steps):
        rows = x[torch.randint(len(x), (_BATCH,), generator=generator)]
        for group in optimiser.param_groups:
            group["lr"] = rate((step + 0.5) / n_steps)
        optimiser.zero_grad()
        (-OBJECTIVES[objective](model, rows, n_draws, generator).mean()).backward()
        optimiser.step()
    return x


@dataclass(frozen=True)
class InferenceError:
    """How far a fitted q(w|x) is from the posterior.

    Parameters
    ----------
    mean : float
        Root mean square over rows and dimensions of E_q[w_j] - E_p[w_j], in posterior standard deviations.
    variance : float
        Geometric mean over rows and dimensions of Var_q[w_j] / Var_p[w_j]: 1 is right.
    least_mode : float
        Least over rows and components of p(z|x) > 0.2 of q's mass nearest to the component's mean over p's:
        1 is right, 0 a mode that is left out. NaN with one component.
    """

    mean: float
    variance: float
    least_mode: float


@torch.no_grad()
def inference_error(model: GaussianMixtureVAE, x: Tensor) -> InferenceError:
    """Compare q(w|x) with the posterior at rows (n, n_encoded)."""
    q, p = model.posterior(x).base_dist, exact_posterior(model, x)
    mean = ((q.loc - p.mean).square() / p.variance).mean().sqrt()
    variance = (q.scale.square() / p.variance).log().mean().exp()
    least = float("nan")
    if p.weights.shape[1] > 1:
        shape = (4_000, 1, q.loc.shape[1])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
        w = q.loc + q.scale * noise  # (S, n, d)
        distance = (w.unsqueeze(-2) - p.means).square().sum(-1)  # (S, n, K)
        mass = nn.functional.one_hot(distance.argmin(-1), p.weights.shape[1]).double().mean(0)
        counted = p.weights > 0.2
        least = float((mass / p.weights)[counted].min())
    return InferenceError(float(mean), float(variance), least)
