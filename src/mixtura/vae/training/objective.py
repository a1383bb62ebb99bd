"""What a stage maximises, as a module: rows in, the bound's terms and the objective out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mixtura.vae.bound import bound_terms
from mixtura.vae.inclusive import sleep, wake
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.objectives import iwae
from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.training.stages import Stage


class StageObjective(nn.Module):
    """The objective of one stage, in nats per observation, to be maximised.

    Parameters
    ----------
    model : GaussianMixtureVAE
        What is trained.
    stage : Stage
        Which q(z), which encoder input, which regulariser.
    generator : torch.Generator, optional
        On the device of the model; stages that sleep dream with it.

    Attributes
    ----------
    prior_weight : float
        Current weight of cluster + conditional_prior. At 1 and without groups the objective is the bound.
    """

    def __init__(
        self, model: GaussianMixtureVAE, stage: Stage, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.stage = stage
        self.generator = generator
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

        Of a stage that trains q_phi alone, what it costs under its teacher stands in the place of the terms.

        Parameters
        ----------
        x : Tensor of shape (n, n_encoded)
            Encoded rows.
        noise : Tensor of shape (n, d) or (S, n, d)
            Standard normal draws.
        moved : Tensor of shape (n, n_encoded)
            T(x), or x where no transforms are in use.
        groups : Tensor of shape (n,), optional
            Current group of each row.
        probabilities : Tensor of shape (n, K), optional
            What takes the place of the groups in cross-entropy and teaching, where it is known how sure
            they are.
        """
        stage, model = self.stage, self.model
        if stage.lesson_only:
            cost = _lesson(
                self._teacher(groups, probabilities),
                model.responsibilities(torch.zeros_like(noise), moved, model.prior()),
            )
            return {"teacher_kl": cost}, -cost.mean()
        seen = moved if stage.transform else x
        if stage.objective == "iwae":
            found = iwae(model, x, noise, seen=seen)
            return {**found.free_energy.as_dict(), "iwae": found.value}, found.surrogate.mean()
        several = noise.dim() == 3
        prior, posterior = model.prior(), model.posterior(seen)
        # What is fitted by the inclusive divergence is a constant to the bound.
        constant = stage.inference != "reverse"
        if constant:
            posterior = posterior.fixed()
        w = posterior.reparameterise(noise)
        # Where phi has a teacher, the bound must not move it.
        learned = None
        if stage.teacher is not None:
            # No code is shown: it would change under q_phi while the density is trained, and by the code of x
            # itself a teacher's errors are learned by heart, past T. The bound is one for every T seen.
            learned = model.responsibilities(torch.zeros_like(noise[0] if several else noise), moved, prior)
        if stage.z == "groups":
            log_responsibilities = self._teacher(groups, None).log()
        elif stage.z == "exact":
            log_responsibilities = prior.log_responsibilities(w)
        elif learned is None:
            log_responsibilities = model.responsibilities(w, seen, prior)
            if constant and isinstance(model.responsibilities, AmortisedResponsibilities):
                log_responsibilities = log_responsibilities.detach()
        else:
            log_responsibilities = learned.detach()
        terms = bound_terms(
            reconstruction=model.likelihood(w).log_prob(x) + model.log_determinant,
            posterior=posterior,
            prior=prior,
            w=w,
            log_responsibilities=log_responsibilities,
        )
        objective, values = terms.bound.mean(), terms.as_dict()
        if stage.inference == "wake":
            # One draw of a q that is still wide would teach theta to be as unsure. With the learned q(z) in
            # it, and not p(z|w), the groups stay those of q(z).
            objective = (torch.logsumexp(terms.bound, dim=0) - math.log(len(noise))).mean()
        if several:
            values = {name: value.expand_as(terms.bound).mean(0) for name, value in values.items()}
        if constant:
            inclusive = self._inclusive(x, noise)
            values.update(inclusive)
            objective = objective + inclusive["log_posterior"].mean()
        if self.prior_weight != 1.0:
            objective = objective + (1.0 - self.prior_weight) * sum(terms.costs.values()).mean()
        if stage.group_weight > 0:
            if not stage.transform:
                w = model.posterior(moved).reparameterise(noise)
            logits = (prior.log_weights + prior.component_log_prob(w)) / stage.group_temperature
            agreement = (self._teacher(groups, probabilities) * torch.log_softmax(logits, dim=-1)).sum(-1)
            objective = objective + stage.group_weight * agreement.mean()
        if learned is not None:
            if stage.teacher == "prior":
                teacher = prior.log_responsibilities(w).exp().detach()
            else:
                teacher = self._teacher(groups, probabilities)
            objective = objective - _lesson(teacher, learned).mean()
        return values, objective

    def _inclusive(self, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Return E_p[log q(w, z|x)] of rows of the data or as many dreams, (n,), and what else is known."""
        stage = self.stage
        teach = stage.teacher is None and "responsibilities" in stage.parts
        if stage.inference == "wake":
            found = wake(self.model, x, noise, teach_groups=teach)
            return {"log_posterior": found.value, "inclusive_kl": found.kl}
        assert self.generator is not None
        return {"log_posterior": sleep(self.model, len(x), self.generator, teach_groups=teach)}

    def _teacher(self, groups: Tensor | None, probabilities: Tensor | None) -> Tensor:
        """Return the current groups as probabilities (n, K), sure ones where no others are known."""
        if probabilities is not None:
            return probabilities
        assert groups is not None
        return nn.functional.one_hot(groups, self.model.n_components).to(self.model.prior.means.dtype)


def _lesson(teacher: Tensor, learned: Tensor) -> Tensor:
    """Return KL(teacher || q_phi), (n,)."""
    return (torch.special.xlogy(teacher, teacher) - teacher * learned).sum(-1)
