"""For which models and stages the gradient of the objective has been written out."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import nn

from mixtura.vae.likelihood import BernoulliLikelihood, GaussianLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities, ExactResponsibilities, GaussianPosterior
from mixtura.vae.prior import GaussianMixturePrior
from mixtura.vae.training.dense_network import is_dense
from mixtura.vae.training.stages import Stage

_DERIVED = ("z", "transform", "group_weight", "group_temperature", "prior_weight", "teacher")
_ELSEWHERE = (
    "name",
    "share",
    "parts",
    "regroup",
    "std_floor",
    "follow",
    "most_epochs",
    "rate",
    "weight_decay",
    "rise",
    "beta",
)


def supports(model: GaussianMixtureVAE, stage: Stage) -> bool:
    """Return whether the gradient of a stage's objective has been derived for a model.

    It has for fully connected networks in one precision on the CPU, a Gaussian or Bernoulli likelihood, and
    q(z) exact, learned or fixed to groups. A teacher needs a learned q(z). A field of the stage that is not
    known here must have its default.

    Examples
    --------
    >>> from mixtura.vae.model import build_model
    >>> from mixtura.vae.settings import Settings
    >>> settings = Settings(n_components=3, responsibilities="exact")
    >>> model = build_model(settings, n_encoded=4, domain="real")
    >>> supports(model, Stage("joint", 1)), supports(model, Stage("joint", 1, teacher="prior"))
    (True, False)
    """
    parameters = list(model.parameters())
    return (
        all(
            getattr(stage, field.name) == field.default
            for field in fields(stage)
            if field.name not in (*_DERIVED, *_ELSEWHERE)
        )
        and stage.z in ("model", "exact", "groups")
        and stage.teacher in (None, "groups", "prior")
        and type(model.posterior) is GaussianPosterior
        and _derives_responsibilities(model.responsibilities, stage)
        and type(model.prior) is GaussianMixturePrior
        and type(model.likelihood) in (GaussianLikelihood, BernoulliLikelihood)
        and is_dense(model.posterior.network)
        and is_dense(model.likelihood.network)
        and parameters[0].dtype in (torch.float32, torch.float64)
        and all(p.device.type == "cpu" and p.dtype == parameters[0].dtype for p in parameters)
    )


def _derives_responsibilities(responsibilities: nn.Module, stage: Stage) -> bool:
    if type(responsibilities) is ExactResponsibilities:
        return stage.teacher is None
    if stage.teacher is None and stage.z != "model":
        return True
    return type(responsibilities) is AmortisedResponsibilities and is_dense(responsibilities.network)
