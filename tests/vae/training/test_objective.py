from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.inclusive import sleep, wake
from mixtura.vae.objectives import iwae
from mixtura.vae.posterior import ExactResponsibilities
from mixtura.vae.settings import Settings
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.stages import Stage, plan


@pytest.fixture
def batch(make_rows):
    noise = torch.randn((6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return make_rows("real", 6), noise, make_rows("real", 6, seed=5), torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
@torch.no_grad()
def test_plain_objective_is_the_mean_bound(responsibilities, make_model, batch) -> None:
    model, (x, noise, moved, _) = make_model("real", responsibilities, latent_dim=2), batch
    (stage,) = plan(Settings(procedure="plain", responsibilities=responsibilities))
    terms, value = StageObjective(model, stage)(x, noise, moved, None)
    expected = evidence_lower_bound(model, x, noise)
    assert set(terms) == set(expected.as_dict())
    for name, term in expected.as_dict().items():
        torch.testing.assert_close(terms[name], term)
    torch.testing.assert_close(value, expected.bound.mean())


@torch.no_grad()
def test_transform_changes_what_the_encoder_sees_and_not_the_target(make_model, batch) -> None:
    model, (x, noise, moved, _) = make_model("real", "amortised", latent_dim=2), batch
    _, value = StageObjective(model, Stage("a", 1, transform=True))(x, noise, moved, None)
    torch.testing.assert_close(value, evidence_lower_bound(model, x, noise, seen=moved).bound.mean())


@torch.no_grad()
def test_exact_z_is_the_bound_of_the_exact_model(make_model, batch) -> None:
    model, (x, noise, moved, _) = make_model("real", "amortised", latent_dim=2), batch
    _, value = StageObjective(model, Stage("a", 1, z="exact"))(x, noise, moved, None)
    model.responsibilities = ExactResponsibilities()
    torch.testing.assert_close(value, evidence_lower_bound(model, x, noise).bound.mean())


@torch.no_grad()
def test_z_fixed_to_groups_is_a_bound_with_those_groups(make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", latent_dim=2), batch
    terms, value = StageObjective(model, Stage("a", 1, z="groups"))(x, noise, moved, groups)
    torch.testing.assert_close(terms["cluster"], -model.prior.log_weights[groups])
    torch.testing.assert_close(value, terms["bound"].mean())
    assert value < evidence_lower_bound(model, x, noise).bound.mean()  # the exact q(z) is the best there is


@torch.no_grad()
def test_prior_weight_weighs_the_costs_and_leaves_the_reported_bound(make_model, batch) -> None:
    model, (x, noise, moved, _) = make_model("real", latent_dim=2), batch
    objective = StageObjective(model, Stage("a", 1))
    terms, value = objective(x, noise, moved, None)
    objective.prior_weight = 0.25
    weighted_terms, weighted = objective(x, noise, moved, None)
    costs = terms["cluster"] + terms["conditional_prior"]
    torch.testing.assert_close(weighted, (terms["reconstruction"] - 0.25 * costs).mean())
    torch.testing.assert_close(weighted_terms["bound"].mean(), value)


@torch.no_grad()
def test_group_weight_adds_a_cross_entropy_and_leaves_the_reported_bound(make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", latent_dim=2), batch
    light, heavy = (
        StageObjective(model, Stage("a", 1, group_weight=weight))(x, noise, moved, groups)
        for weight in (0.5, 1.0)
    )
    plain = StageObjective(model, Stage("a", 1))(x, noise, moved, groups)
    torch.testing.assert_close(heavy[1] - plain[1], 2 * (light[1] - plain[1]))
    assert heavy[1] < plain[1]  # a log-probability is never positive
    torch.testing.assert_close(heavy[0]["bound"], plain[0]["bound"])


def test_probabilities_that_are_sure_are_groups(make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", latent_dim=2), batch
    objective = StageObjective(model, Stage("a", 1, group_weight=3.0))
    sure = torch.nn.functional.one_hot(groups, model.n_components).to(x.dtype)
    by_group, by_probability = (
        objective(x, noise, moved, groups)[1],
        objective(x, noise, moved, groups, sure)[1],
    )
    torch.testing.assert_close(by_group, by_probability)
    even = torch.full_like(sure, 1 / model.n_components)
    w = model.posterior(moved).reparameterise(noise)
    prior = model.prior()
    logits = (prior.log_weights + prior.component_log_prob(w)) / 3.0
    expected = 3.0 * torch.log_softmax(logits, -1).mean()
    plain = StageObjective(model, Stage("a", 1))(x, noise, moved, groups)[1]
    torch.testing.assert_close(objective(x, noise, moved, groups, even)[1] - plain, expected)


def test_cross_entropy_pulls_codes_towards_their_groups(make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", latent_dim=2), batch
    objective = StageObjective(model, Stage("a", 1, group_weight=1000.0))

    def agreement() -> torch.Tensor:
        w = model.posterior(moved).reparameterise(noise)
        return model.prior().log_responsibilities(w).gather(1, groups.unsqueeze(1)).mean()

    before = float(agreement().detach())
    optimiser = torch.optim.Adam(model.posterior.parameters(), lr=0.02)
    for _ in range(40):
        optimiser.zero_grad()
        (-objective(x, noise, moved, groups)[1]).backward()
        optimiser.step()
    assert float(agreement().detach()) > before + 0.1


@pytest.mark.parametrize("teacher", ["prior", "groups", "probabilities"])
def test_teaching_is_the_inclusive_divergence_and_moves_phi_alone(teacher, make_model, batch) -> None:
    """Phi gets the gradient of KL(teacher || q_phi) and nothing else; the rest none of it."""
    model, (x, noise, moved, groups) = make_model("real", "amortised", latent_dim=2), batch
    model.responsibilities.forget_codes()
    sure = nn.functional.one_hot(groups, model.n_components).to(x.dtype)
    soft = 0.7 * sure + 0.1
    probabilities = soft if teacher == "probabilities" else None
    z = "exact" if teacher == "prior" else "model"
    stage = Stage("a", 1, z=z, transform=True, teacher="prior" if teacher == "prior" else "groups")
    terms, taught = StageObjective(model, stage)(x, noise, moved, groups, probabilities)
    with torch.no_grad():
        w = model.posterior(moved).reparameterise(noise)
        lesson = model.prior().log_responsibilities(w).exp() if teacher == "prior" else sure
        lesson = soft if teacher == "probabilities" else lesson
    log_ratio = torch.special.xlogy(lesson, lesson) - lesson * model.responsibilities(w, moved, model.prior())
    divergence = log_ratio.sum(-1).mean()
    torch.testing.assert_close((terms["bound"].mean() - taught).detach(), divergence.detach())
    phi = list(model.responsibilities.parameters())
    expected = torch.autograd.grad(divergence, phi)
    rest = [p for name, p in model.named_parameters() if not name.startswith("responsibilities")]
    found = torch.autograd.grad(-taught, phi, retain_graph=True)
    for parameter, gradient, other in zip(phi, found, expected, strict=True):
        if parameter is model.responsibilities.from_w.weight:
            assert not gradient.any()  # what has forgotten the codes is not reminded of them
        else:
            torch.testing.assert_close(gradient, other)
    of_bound = torch.autograd.grad(terms["bound"].mean(), rest, retain_graph=True, allow_unused=True)
    of_both = torch.autograd.grad(taught, rest, allow_unused=True)
    torch.testing.assert_close(of_both, of_bound)


def test_under_a_teacher_the_bound_is_that_of_q_phi(make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", "amortised", latent_dim=2), batch
    model.responsibilities.forget_codes()
    stage = Stage("a", 1, transform=True, teacher="groups")
    terms, _ = StageObjective(model, stage)(x, noise, moved, groups)
    expected = evidence_lower_bound(model, x, noise, seen=moved)
    torch.testing.assert_close(terms["bound"], expected.bound)


@pytest.mark.parametrize("known", [False, True])
def test_a_lesson_alone_has_the_gradient_of_a_taught_stage_and_no_bound(known, make_model, batch) -> None:
    model, (x, noise, moved, groups) = make_model("real", "amortised", latent_dim=2), batch
    model.responsibilities.forget_codes()
    sure = nn.functional.one_hot(groups, model.n_components).to(x.dtype)
    probabilities = 0.7 * sure + 0.1 if known else None
    taught = Stage("a", 1, transform=True, teacher="groups")
    alone = replace(taught, parts=("responsibilities",))
    assert alone.lesson_only
    assert not taught.lesson_only
    phi = [p for name, p in model.responsibilities.named_parameters() if name != "from_w.weight"]
    gradients = []
    for stage in (taught, alone):
        terms, objective = StageObjective(model, stage)(x, noise, moved, groups, probabilities)
        gradients.append(torch.autograd.grad(objective, phi))
    torch.testing.assert_close(*gradients)
    assert list(terms) == ["teacher_kl"]
    assert terms["teacher_kl"].shape == (len(x),)
    torch.testing.assert_close(terms["teacher_kl"].mean(), -objective)


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
@pytest.mark.parametrize("inference", ["sleep", "wake"])
def test_forward_inference_moves_q_by_its_own_objective_and_the_rest_by_the_bound(
    inference, responsibilities, make_model, batch
) -> None:
    model, (x, _, moved, _) = make_model("real", responsibilities, latent_dim=2), batch
    noise = torch.randn((5, 6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    stage = Stage("joint", 1, inference=inference, n_draws=5)
    terms, value = StageObjective(model, stage, torch.Generator().manual_seed(2))(x, noise, moved, None)
    forward = (
        wake(model, x, noise).value
        if inference == "wake"
        else sleep(model, 6, torch.Generator().manual_seed(2))
    )
    awake = inference == "wake"
    bound = evidence_lower_bound(model, x, noise).bound
    torch.testing.assert_close(terms["bound"], bound.mean(0))
    torch.testing.assert_close(terms["log_posterior"], forward)
    # Awake, the draws are weighed for theta too.
    own = torch.logsumexp(bound, dim=0) - math.log(5) if awake else bound
    torch.testing.assert_close(value, own.mean() + forward.mean())
    names, parameters = zip(*model.named_parameters(), strict=True)
    found, of_forward, of_bound = (
        dict(zip(names, torch.autograd.grad(v, parameters, allow_unused=True), strict=True))
        for v in (value, forward.mean(), own.mean())
    )
    for name in names:
        wanted = of_forward if name.startswith(("posterior", "responsibilities")) else of_bound
        torch.testing.assert_close(found[name], wanted[name], msg=name)


def test_forward_inference_leaves_a_q_of_z_with_a_teacher_to_it(make_model, batch) -> None:
    model, (x, _, moved, groups) = make_model("real", "amortised", latent_dim=2), batch
    noise = torch.randn((5, 6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = {}
    for inference in ("wake", "reverse"):
        stage = Stage("joint", 1, teacher="groups", inference=inference)
        _, value = StageObjective(model, stage)(x, noise if inference == "wake" else noise[0], moved, groups)
        values[inference] = torch.autograd.grad(value, tuple(model.responsibilities.network.parameters()))
    for one, other in zip(*values.values(), strict=True):
        torch.testing.assert_close(one, other)


def test_importance_weighted_objective_is_the_family_s(make_model, batch) -> None:
    model, (x, _, moved, _) = make_model("real", latent_dim=2), batch
    noise = torch.randn((5, 6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    terms, value = StageObjective(model, Stage("a", 1, objective="iwae", n_draws=5))(x, noise, moved, None)
    expected = iwae(model, x, noise)
    torch.testing.assert_close(terms["iwae"], expected.value)
    torch.testing.assert_close(value, expected.surrogate.mean())
    assert (terms["iwae"] >= terms["bound"]).all()


def test_beta_is_the_last_weight_of_the_prior_terms(make_model, batch) -> None:
    model, (x, noise, moved, _) = make_model("real", latent_dim=2), batch
    objective = StageObjective(model, Stage("a", 1, beta=4.0))
    objective.prior_weight = 4.0
    terms, value = objective(x, noise, moved, None)
    expected = terms["reconstruction"] - 4.0 * (terms["cluster"] + terms["conditional_prior"])
    torch.testing.assert_close(value, expected.mean())


@torch.no_grad()
@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_several_draws_are_averaged(responsibilities, make_model, batch) -> None:
    model, (x, _, moved, _) = make_model("real", responsibilities, latent_dim=2), batch
    noise = torch.randn((5, 6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    terms, value = StageObjective(model, Stage("a", 1, n_draws=5))(x, noise, moved, None)
    expected = evidence_lower_bound(model, x, noise)
    for name, term in expected.as_dict().items():
        torch.testing.assert_close(terms[name], term.mean(0))
    torch.testing.assert_close(value, expected.bound.mean())
