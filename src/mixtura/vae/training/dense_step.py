"""The gradient of a stage's objective for dense networks, written out: autograd's numbers, sooner.

Where the networks are small, autograd spends most of a step on its own bookkeeping. What has no derivation,
by `supports`, is left to autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixtura import runtime
from mixtura.vae.likelihood import BernoulliLikelihood, GaussianLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import LEAK, LEAK_WIDTH, LOG_VARIANCE_BOUNDS, AmortisedResponsibilities
from mixtura.vae.training.dense_bound import BernoulliDensity, GaussianDensity, MixtureDensity, log_sum_exp
from mixtura.vae.training.dense_derivation import supports
from mixtura.vae.training.dense_network import DenseNetwork, Network
from mixtura.vae.training.dense_responsibilities import (
    LearnedResponsibilities,
    agreement,
    bound_gradient,
    dot,
    lesson,
    one_hot,
)
from mixtura.vae.training.flat_adam import FlatAdam, NormClip
from mixtura.vae.training.loop import Gradient, name_non_finite
from mixtura.vae.training.mixed_adam import MixedAdam
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.reduced_network import ReducedNetwork

Array = NDArray[Any]

_LOG_2_PI = math.log(2 * math.pi)


def dense_step(
    placement: Placement,
    objective: nn.Module,
    parameters: Sequence[nn.Parameter],
    weights: Sequence[nn.Parameter] = (),
) -> DenseStep | None:
    """Return the derived step for a stage, or None where autograd is to be used.

    Parameters
    ----------
    placement : Placement
        Device and precision.
    objective : nn.Module
        What is to be maximised.
    parameters : sequence of nn.Parameter
        What is trained: of each network all or nothing.
    weights : sequence of nn.Parameter
        What of it decays.
    """
    if type(objective) is not StageObjective or not supports(objective.model, objective.stage):
        return None
    if placement.device.type != "cpu":
        return None
    reduced = placement.precision == "bf16-mixed"
    if reduced and any(parameter.dtype != torch.float32 for parameter in parameters):
        return None
    model = objective.model
    trained = set(map(id, parameters))
    for part in (model.posterior, model.responsibilities, model.prior, model.likelihood):
        if len({id(parameter) in trained for parameter in part.parameters()}) > 1:
            return None
    return DenseStep(objective, parameters, weights, reduced=reduced) if trained else None


class DenseStep:
    """Gradient and Adam's step of a `StageObjective` without autograd.

    Parameters
    ----------
    objective : StageObjective
        Of a model and a stage that `supports` accepts.
    parameters : sequence of nn.Parameter
        What is trained; views of one buffer until `close`.
    weights : sequence of nn.Parameter
        What of it decays.
    reduced : bool
        The matrix products of the networks run in bfloat16, all else in the type of the parameters.
    """

    def __init__(
        self,
        objective: StageObjective,
        parameters: Sequence[nn.Parameter],
        weights: Sequence[nn.Parameter] = (),
        *,
        reduced: bool = False,
    ) -> None:
        model = objective.model
        self.objective = objective
        self._clip = NormClip()
        network: Callable[..., Network]
        self.adam: FlatAdam
        if reduced:
            n_threads = 1 if runtime.has_matrix_unit() else torch.get_num_threads()
            layers = _of_networks(model, parameters)
            adam = MixedAdam(parameters, layers, weights)
            self.adam, network = adam, partial(ReducedNetwork, adam=adam, n_threads=n_threads)
        else:
            self.adam = FlatAdam(parameters, weights)
            network = partial(DenseNetwork, adam=self.adam)
        self._encoder = network(_sequential(model.posterior.network), features_first=True)
        self._decoder = network(_sequential(model.likelihood.network))
        self._prior = MixtureDensity(model.prior, self.adam)
        self._learned = (
            LearnedResponsibilities(model.responsibilities, self.adam, network)
            if isinstance(model.responsibilities, AmortisedResponsibilities)
            and (objective.stage.teacher is not None or objective.stage.z == "model")
            else None
        )
        likelihood = model.likelihood
        self._density: GaussianDensity | BernoulliDensity
        if isinstance(likelihood, GaussianLikelihood):
            self._density = GaussianDensity(likelihood)
        else:
            assert isinstance(likelihood, BernoulliLikelihood)
            self._density = BernoulliDensity(likelihood)
        self._constant = float(model.log_determinant)
        self._batch: tuple[Any, ...] = ()
        self._until_closed = ExitStack()
        # Beside products of one library, the threads of the other would wait for them.
        if reduced or torch.get_num_threads() == 1:
            self._until_closed.enter_context(runtime.one_blas_thread())
        self._until_closed.enter_context(runtime.one_torch_thread())
        self._norm = 0.0

    @torch.inference_mode()
    def propose(self, batch: tuple[Any, ...]) -> Gradient:
        """Compute the objective and its gradient on a batch: the arguments of the objective's forward."""
        self._batch = batch
        with np.errstate(all="ignore"):  # what is not finite is found below, and named
            sums, n = self._gradient(*batch)
            self._norm = self.adam.norm()
        return Gradient(sums, n, math.isfinite(sums["objective"]) and math.isfinite(self._norm))

    def accept(self, rate: float, decay: float = 0.0) -> None:
        """Take the step that was proposed, and a share of the weights."""
        factor = self._clip.factor(self._norm)
        self._clip.remember(self._norm)
        self.adam.step(rate, factor, decay)

    @torch.no_grad()
    def explain(self, rows: Tensor) -> str:
        """Return what was not finite in the step that was proposed last."""
        terms, value = self.objective(*self._batch)
        return name_non_finite(terms, value, rows)

    def save(self) -> None:
        """Keep the present parameters."""
        self.adam.save()

    def restore(self) -> None:
        """Go back to the parameters last kept."""
        self.adam.restore()

    def close(self) -> None:
        """Give the parameters memory of their own again, and NumPy or torch its threads."""
        self.adam.release()
        self._until_closed.close()

    def _gradient(
        self,
        x: Tensor,
        noise: Tensor,
        moved: Tensor,
        groups: Tensor | None,
        probabilities: Tensor | None = None,
    ) -> tuple[dict[str, float], int]:
        """Set the gradient of the negative objective, and return sums of the terms over rows, and rows."""
        stage, prior_weight = self.objective.stage, self.objective.prior_weight
        n = len(x)
        if stage.lesson_only:
            return self._lesson_gradient(moved, groups, probabilities), n
        seen = moved if stage.transform else x
        # The regulariser may look at other images than the bound: both go through the encoder at once.
        twice = stage.group_weight > 0 and moved is not seen
        inputs = np.concatenate((seen.numpy(), moved.numpy())) if twice else seen.numpy()
        draws = np.ascontiguousarray(noise.numpy().T)  # (d, n), and all codes like it
        if twice:
            draws = np.concatenate((draws, draws), axis=1)

        d = len(draws)
        code = self._encoder.forward(inputs).array
        log_variance, slope = _bounded(code[d:])
        spread = 0.5 * log_variance
        np.exp(spread, out=spread)
        spread *= draws
        w = code[:d] + spread  # (d, n), or (d, 2 n)
        log_density, log_weights = self._prior.forward(w)
        joint = log_density + log_weights  # (K, n)

        outputs = self._decoder.forward(w[:, :n].T)
        reconstruction, to_outputs = self._density(outputs, x.numpy(), 1.0 / n)
        reconstruction += n * self._constant
        log_q = -0.5 * float(log_variance[:, :n].sum() + dot(draws[:, :n], draws[:, :n]) + n * d * _LOG_2_PI)
        learned = None
        if self._learned is not None:
            # A lesson shows no codes.
            learned = (
                self._learned.forward(w[:, :n], seen.numpy())
                if stage.teacher is None
                else self._learned.forward(None, moved.numpy())
            )
        responsibilities, cluster = self._responsibilities(joint[:, :n], log_weights, learned, groups)
        conditional_prior = log_q - dot(responsibilities, log_density[:, :n])
        objective = reconstruction - prior_weight * (cluster + conditional_prior)

        learned_to_w = None
        if self._learned is not None and learned is not None:
            if stage.teacher is None:
                to_logits = bound_gradient(joint[:, :n], learned, responsibilities)
                to_logits *= -prior_weight / n
            else:
                cost, to_logits = self._lesson(joint[:, -n:], learned, groups, probabilities)
                objective -= cost
                to_logits /= n
            # A lesson moves phi alone.
            to_codes = stage.teacher is None and self._encoder.trained and self._learned.reads_codes
            learned_to_w = self._learned.backward(to_logits, to_codes=to_codes)

        to_joint = responsibilities  # of what is minimised
        to_joint *= -prior_weight / n
        if stage.group_weight > 0:
            target = _target(groups, probabilities, joint[:, -n:])
            gain, to_agreement = agreement(target, joint[:, -n:], stage.group_temperature)
            objective += stage.group_weight * gain
            to_agreement *= -stage.group_weight / n
            if twice:
                to_joint = np.concatenate((to_joint, to_agreement), axis=1)
            else:
                to_joint += to_agreement

        if self._encoder.trained or self._prior.trained:
            to_w = self._prior.backward(to_joint)
        back = self._decoder.backward(to_outputs, to_input=self._encoder.trained)
        if back is not None:
            to_w[:, :n] += back.T
            if learned_to_w is not None:
                to_w[:, :n] += learned_to_w
            to_code = np.empty_like(code)
            to_code[:d] = to_w
            to_variance = to_code[d:]
            np.multiply(to_w, spread, out=to_variance)
            to_variance *= 0.5
            to_variance[:, :n] -= 0.5 * prior_weight / n
            if slope is not None:
                to_variance *= slope
            self._encoder.backward(to_code.T, to_input=False)
        sums = {
            "bound": reconstruction - cluster - conditional_prior,
            "reconstruction": reconstruction,
            "cluster": cluster,
            "conditional_prior": conditional_prior,
            "objective": objective,
        }
        return sums, n

    def _lesson_gradient(
        self, moved: Tensor, groups: Tensor | None, probabilities: Tensor | None
    ) -> dict[str, float]:
        assert self._learned is not None
        learned = self._learned.forward(None, moved.numpy())
        cost, to_logits = lesson(_target(groups, probabilities, learned), learned, np.exp(learned))
        to_logits /= len(moved)
        self._learned.backward(to_logits, to_codes=False)
        return {"teacher_kl": cost, "objective": -cost}

    def _responsibilities(
        self, joint: Array, log_weights: Array, learned: Array | None, groups: Tensor | None
    ) -> tuple[Array, float]:
        """Return q(z) of the bound, (K, n), and the sum over rows of KL(q(z) || p(z))."""
        z = self.objective.stage.z
        if z == "groups":
            assert groups is not None
            responsibilities = one_hot(groups.numpy(), joint)
            return responsibilities, -float(log_weights[groups.numpy(), 0].sum())
        log_responsibilities = joint - log_sum_exp(joint) if z == "exact" or learned is None else learned
        responsibilities = np.exp(log_responsibilities)
        return responsibilities, dot(responsibilities, log_responsibilities - log_weights)

    def _lesson(
        self, joint: Array, learned: Array, groups: Tensor | None, probabilities: Tensor | None
    ) -> tuple[float, Array]:
        """Return what q_phi costs under its teacher, a sum over rows, and its gradient over the logits."""
        if self.objective.stage.teacher == "prior":
            teacher = np.exp(joint - log_sum_exp(joint))
        else:
            teacher = _target(groups, probabilities, joint)
        return lesson(teacher, learned, np.exp(learned))


def _target(groups: Tensor | None, probabilities: Tensor | None, like: Array) -> Array:
    """Return the groups as probabilities (K, n), sure ones where no others are known."""
    if probabilities is not None:
        target: Array = probabilities.numpy().T
        return target
    assert groups is not None
    return one_hot(groups.numpy(), like)


def _bounded(values: Array) -> tuple[Array, Array | None]:
    """Return what `mixtura.vae.posterior.bounded` does, and its slope, or None where that is one."""
    low, high = LOG_VARIANCE_BOUNDS
    inside = np.clip(values, low, high)
    outside = inside != values
    if not outside.any():
        return inside, None
    wide = np.clip(values, low - LEAK_WIDTH, high + LEAK_WIDTH)
    slope = np.where(outside, np.where(wide == values, LEAK, 0.0), 1.0).astype(values.dtype)
    return inside + values.dtype.type(LEAK) * (wide - inside), slope


def _of_networks(model: GaussianMixtureVAE, parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """Return those of the parameters that are layers of the model's networks."""
    parts: list[nn.Module] = [model.posterior.network, model.likelihood.network]
    if isinstance(model.responsibilities, AmortisedResponsibilities):
        parts.append(model.responsibilities.network)
    found = {id(parameter) for part in parts for parameter in part.parameters()}
    return [parameter for parameter in parameters if id(parameter) in found]


def _sequential(network: nn.Module) -> nn.Sequential:
    assert isinstance(network, nn.Sequential)
    return network
