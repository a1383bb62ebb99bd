"""What a stage maximises, as a module: rows in, the bound's terms and the objective out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import ExactResponsibilities
from mixtura.vae.training.stages import Stage


class StageObjective(nn.Module):
    """The objective of one stage, in nats per observation, to be maximised.

    Parameters
    ----------
    model : GaussianMixtureVAE
        What is trained.
    stage : Stage
        Which q(z), which encoder input, which regulariser.

    Attributes
    ----------
    prior_weight : float
        Current weight of cluster + conditional_prior. At 1 and without groups the objective is the bound.
    """

    def __init__(self, model: GaussianMixtureVAE, stage: Stage) -> None:
        super().__init__()
        self.model = model
        self.stage = stage
        self.prior_weight = stage.prior_weight

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        moved: Tensor,
        groups: Tensor | None,
        probabilities: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the bound and its terms, (n,) each, and the mean objective of the batch, a scalar.

        Parameters
        ----------
        x : Tensor of shape (n, n_encoded)
            Encoded rows.
        noise : Tensor of shape (n, d)
            Standard normal draws.
        moved : Tensor of shape (n, n_encoded)
            T(x), or x where no transforms are in use.
        groups : Tensor of shape (n,), optional
            Current group of each row.
        probabilities : Tensor of shape (n, K), optional
            What p(z|w) is drawn towards in place of the groups, where it is known how sure they are.
        """
        stage, model = self.stage, self.model
        seen = moved if stage.transform else x
        terms = evidence_lower_bound(
            model, x, noise, seen=seen, log_responsibilities=self._log_responsibilities(seen, noise, groups)
        )
        objective = terms.bound.mean()
        if self.prior_weight != 1.0:
            objective = objective + (1.0 - self.prior_weight) * sum(terms.costs.values()).mean()
        if stage.group_weight > 0:
            assert groups is not None
            if probabilities is None:
                probabilities = nn.functional.one_hot(groups, model.n_components).to(x.dtype)
            agreement = (probabilities * self._group_log_prob(moved, noise)).sum(-1).mean()
            objective = objective + stage.group_weight * agreement
        if stage.teach:
            objective = objective - self._teaching_cost(seen, noise).mean()
        return terms.as_dict(), objective

    def _log_responsibilities(self, seen: Tensor, noise: Tensor, groups: Tensor | None) -> Tensor | None:
        """Return log q(z) where the stage does not leave it to the model."""
        model = self.model
        if self.stage.z == "model":
            return None
        if self.stage.z == "exact":
            if isinstance(model.responsibilities, ExactResponsibilities):
                return None
            return model.prior().log_responsibilities(model.posterior(seen).reparameterise(noise))
        assert groups is not None
        return nn.functional.one_hot(groups, model.n_components).to(seen.dtype).log()

    def _teaching_cost(self, seen: Tensor, noise: Tensor) -> Tensor:
        """Return KL( p(z|w) || q_phi(z|w, x) ), through which only phi gets a gradient."""
        model = self.model
        with torch.no_grad():
            prior = model.prior()
            w = model.posterior(seen).reparameterise(noise)
            exact = prior.log_responsibilities(w)
        return (exact.exp() * (exact - model.responsibilities(w, seen, prior))).sum(-1)

    def _group_log_prob(self, moved: Tensor, noise: Tensor) -> Tensor:
        """Return log softmax_k( log[pi_k N(w; mu_k, sigma_k)] / T ) of shape (n, K), w of q(w|T(x))."""
        prior = self.model.prior()
        w = self.model.posterior(moved).reparameterise(noise)
        logits = (prior.log_weights + prior.component_log_prob(w)) / self.stage.group_temperature
        return torch.log_softmax(logits, dim=-1)
