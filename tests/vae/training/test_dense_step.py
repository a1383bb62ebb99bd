from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mixtura.vae.fit import fit_model
from mixtura.vae.model import GaussianMixtureVAE, build_model
from mixtura.vae.settings import Settings
from mixtura.vae.training import procedure
from mixtura.vae.training.dense_step import DenseStep, dense_step, supports
from mixtura.vae.training.loop import AutogradStep
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.stages import ALL_PARTS, Stage

DOMAINS = ("real", "unit", "binary")
EXACT = Settings(n_components=3, latent_dim=2, hidden=(4,), responsibilities="exact")
PARTS = (
    ALL_PARTS,
    ("posterior", "prior", "likelihood"),
    ("posterior", "likelihood"),
    ("likelihood",),
    ("prior",),
    ("posterior",),
    ("responsibilities",),
)

stages = st.builds(
    Stage,
    name=st.just("a"),
    share=st.just(1.0),
    parts=st.sampled_from(PARTS),
    z=st.sampled_from(("model", "exact", "groups")),
    transform=st.booleans(),
    group_weight=st.sampled_from((0.0, 7.0)),
    group_temperature=st.sampled_from((1.0, 3.0)),
    prior_weight=st.sampled_from((1.0, 0.05)),
    teacher=st.sampled_from((None, "groups", "prior")),
)


class Problem:
    """A model in float64 with parameters spread widely, and a batch for it."""

    def __init__(
        self,
        stage: Stage,
        *,
        domain: Any = "real",
        n: int = 5,
        n_encoded: int = 3,
        k: int = 3,
        latent_dim: int = 2,
        hidden: tuple[int, ...] = (4,),
        covariance_type: str = "spherical",
        weights: str = "uniform",
        responsibilities: str = "exact",
        views: bool = True,
        sure: bool = False,
        spread: float = 0.7,
        seed: int = 0,
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        choices: dict[str, Any] = {
            "covariance_type": covariance_type,
            "weights": weights,
            "responsibilities": responsibilities,
        }
        chosen = Settings(
            n_components=k,
            latent_dim=latent_dim,
            hidden=hidden,
            likelihood="bernoulli" if domain == "binary" else "gaussian",
            std_floor=0.3,
            **choices,
        )
        self.model = build_model(chosen, n_encoded=n_encoded, domain=domain, log_determinant=1.5).double()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(spread * self.normal(*parameter.shape))
        for name in ALL_PARTS:
            getattr(self.model, name).requires_grad_(name in stage.parts)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.objective = StageObjective(self.model, stage)
        x, moved = (self.rows(domain, n, n_encoded) for _ in range(2))
        groups = torch.randint(k, (n,), generator=self.generator)
        # Rounded, as they come from float32: their sums are not quite 1.
        probabilities = self.normal(n, k).softmax(1).float().double() if sure else None
        self.batch = (x, self.normal(n, latent_dim), moved if views else x, groups, probabilities)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def rows(self, domain: str, n: int, n_encoded: int) -> torch.Tensor:
        rows = self.normal(n, n_encoded)
        return rows if domain == "real" else rows.sigmoid() if domain == "unit" else (rows > 0).double()


def has_gradient(problem: Problem) -> bool:
    return bool(problem.parameters) and problem.objective(*problem.batch)[1].requires_grad


def assert_same_gradient(problem: Problem) -> None:
    parameters = problem.parameters
    terms, value = problem.objective(*problem.batch)
    expected = [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(-value, parameters, allow_unused=True), strict=True
        )
    ]
    assert supports(problem.model, problem.objective.stage)
    step = DenseStep(problem.objective, parameters)
    for _ in range(2):  # buffers are used again
        found = step.propose(problem.batch)
        assert found.is_finite
        assert found.n_rows == len(problem.batch[0])
        for name, term in {**terms, "objective": value * found.n_rows}.items():
            torch.testing.assert_close(
                torch.tensor(found.sums[name], dtype=torch.float64),
                term.detach().sum(),
                rtol=1e-10,
                atol=1e-10,
            )
        for parameter, gradient in zip(parameters, expected, strict=True):
            place = step.adam.gradient(parameter)
            scale = float(gradient.abs().max())
            torch.testing.assert_close(
                torch.from_numpy(place), gradient, rtol=1e-10, atol=1e-10 * max(scale, 1e-3)
            )
    step.close()


@settings(max_examples=80)
@given(
    stages,
    st.sampled_from(DOMAINS),
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    st.sampled_from(("spherical", "diag")),
    st.sampled_from(("uniform", "learned")),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 1000),
)
def test_gradients_and_terms_are_autograd_s(
    stage, domain, n, n_encoded, k, d, hidden, covariance_type, weights, amortised, views, sure, seed
) -> None:
    problem = Problem(
        stage,
        domain=domain,
        n=n,
        n_encoded=n_encoded,
        k=k,
        latent_dim=d,
        hidden=hidden,
        covariance_type=covariance_type,
        weights=weights,
        # A teacher needs q_phi.
        responsibilities="amortised" if amortised or stage.teacher is not None else "exact",
        views=views,
        sure=sure,
        seed=seed,
    )
    if has_gradient(problem):
        assert_same_gradient(problem)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("spread", [1e-3, 6.0])
@pytest.mark.parametrize("teacher", [None, "prior"])
def test_gradients_are_autograd_s_where_values_are_clamped(domain, spread, teacher) -> None:
    """Wide parameters take logits, log-variances and log-scales over their bounds."""
    for seed in range(3):
        stage = Stage("a", 1, group_weight=3.0, teacher=teacher)
        problem = Problem(
            stage,
            domain=domain,
            n=20,
            covariance_type="diag",
            responsibilities="amortised" if seed or teacher else "exact",
            spread=spread,
            seed=seed,
        )
        assert_same_gradient(problem)


@settings(max_examples=30)
@given(stages, st.sampled_from(DOMAINS), st.booleans(), st.integers(0, 1000))
def test_products_in_bfloat16_give_nearly_that_gradient(stage, domain, amortised, seed) -> None:
    problem = Problem(
        stage,
        domain=domain,
        n=40,
        n_encoded=6,
        hidden=(20, 30),
        responsibilities="amortised" if amortised or stage.teacher is not None else "exact",
        spread=0.3,
        seed=seed,
    )
    if not has_gradient(problem):
        return
    _, value = problem.objective(*problem.batch)
    expected = torch.autograd.grad(-value, problem.parameters, allow_unused=True)
    problem.model.float()
    step = DenseStep(problem.objective, problem.parameters, reduced=True)
    batch = [
        part.float() if part is not None and part.is_floating_point() else part for part in problem.batch
    ]
    found = step.propose(tuple(batch))
    assert found.is_finite
    assert found.sums["objective"] == pytest.approx(float(value.detach()) * 40, rel=0.02, abs=2.0)
    errors, sizes = [], []
    for parameter, gradient in zip(problem.parameters, expected, strict=True):
        held = step.adam.reduced(parameter)
        place = torch.from_numpy(step.adam.gradient(parameter)) if held is None else held[1]
        wanted = torch.zeros_like(place, dtype=torch.float64) if gradient is None else gradient
        errors.append((place.double() - wanted).square().sum())
        sizes.append(wanted.square().sum())
    # bfloat16 tells 128 values an octave apart, and errors add up over six layers.
    assert float(sum(errors)) <= 0.15**2 * float(sum(sizes))
    assert step._norm == pytest.approx(math.sqrt(float(sum(sizes))), rel=0.15)
    step.close()
    assert all(parameter.is_contiguous() for parameter in problem.parameters)


def test_the_prior_weight_is_read_at_every_step() -> None:
    problem = Problem(Stage("a", 1, prior_weight=0.1))
    step = DenseStep(problem.objective, problem.parameters)
    for weight in (0.1, 0.6, 1.0):
        problem.objective.prior_weight = weight
        sums: Any = step.propose(problem.batch).sums
        costs = sums["cluster"] + sums["conditional_prior"]
        assert sums["objective"] == pytest.approx(sums["reconstruction"] - weight * costs)


@pytest.mark.parametrize("domain", DOMAINS)
def test_both_ways_take_the_same_steps(domain) -> None:
    placement = Placement()
    paths = []
    for derived in (True, False):
        stage = Stage("a", 1, group_weight=2.0, teacher="groups" if domain == "unit" else None)
        problem = Problem(
            stage, domain=domain, n=9, responsibilities="amortised" if stage.teacher else "exact"
        )
        step = (
            DenseStep(problem.objective, problem.parameters)
            if derived
            else AutogradStep(placement, problem.objective, problem.parameters)
        )
        for i in range(30):
            # A spike now and then, so that the clip has something to do.
            x = problem.batch[0] * (50.0 if i % 10 == 9 and domain == "real" else 1.0)
            assert step.propose((x, *problem.batch[1:])).is_finite
            step.accept(0.01)
        step.close()
        paths.append({name: value.clone() for name, value in problem.model.state_dict().items()})
    for name, value in paths[0].items():
        torch.testing.assert_close(value, paths[1][name], rtol=1e-7, atol=1e-9)


def test_parameters_have_memory_of_their_own_afterwards() -> None:
    problem = Problem(Stage("a", 1))
    before = {name: value.clone() for name, value in problem.model.state_dict().items()}
    step = DenseStep(problem.objective, problem.parameters)
    for name, value in problem.model.state_dict().items():
        assert torch.equal(value, before[name])
    assert len({p.untyped_storage().data_ptr() for p in problem.parameters}) == 1
    step.propose(problem.batch)
    step.accept(0.1)
    step.close()
    assert len({p.untyped_storage().data_ptr() for p in problem.parameters}) == len(problem.parameters)
    assert not torch.equal(problem.model.prior.means, before["prior.means"])


@pytest.mark.parametrize(("place", "word"), [(0, "reconstruction"), (1, "term")])
def test_what_is_not_finite_is_named_and_undone(place, word) -> None:
    problem = Problem(Stage("a", 1))
    before = [parameter.detach().clone() for parameter in problem.parameters]
    step = DenseStep(problem.objective, problem.parameters)
    step.propose(problem.batch)
    step.accept(0.1)
    spoilt = [part.clone() if isinstance(part, torch.Tensor) else part for part in problem.batch]
    spoilt[place][2] = torch.nan
    assert not step.propose(tuple(spoilt)).is_finite
    message = step.explain(torch.arange(10, 15))
    assert word in message
    assert "[12]" in message
    step.restore()
    assert all(map(torch.equal, problem.parameters, before))
    assert step.propose(problem.batch).is_finite


def made(**changes: Any) -> GaussianMixtureVAE:
    chosen = replace(EXACT, **changes)
    return build_model(chosen, n_encoded=64, domain="unit", image_shape=(8, 8))


def test_autograd_is_used_for_other_precisions_objectives_and_parts() -> None:
    placement = Placement()
    model = made()
    objective, parameters = StageObjective(model, Stage("a", 1)), list(model.parameters())
    assert dense_step(placement, nn.Linear(1, 1), parameters) is None
    assert dense_step(placement, objective, parameters[1:]) is None
    assert dense_step(placement, objective, []) is None
    assert dense_step(placement, objective, parameters) is not None
    mixed = Placement(precision="bf16-mixed")
    assert dense_step(mixed, objective, parameters) is not None
    wide = StageObjective(made().double(), Stage("a", 1))
    assert dense_step(mixed, wide, list(wide.parameters())) is None


@pytest.mark.parametrize(
    ("kind", "responsibilities"), [("default", "exact"), ("plain", "exact"), ("default", "amortised")]
)
def test_a_fit_is_the_same_run_either_way(kind, responsibilities, monkeypatch) -> None:
    """Up to rounding, which the first steps of a run do not yet blow up."""
    rows = torch.randn((40, 64), generator=torch.Generator().manual_seed(0)).sigmoid()
    chosen = replace(
        EXACT,
        n_components=2,
        hidden=(8,),
        max_epochs=7,
        batch_size=16,
        procedure=kind,
        responsibilities=responsibilities,
    )
    derived = fit_model(rows, chosen, domain="unit", seed=0, image_shape=(8, 8))
    monkeypatch.setattr(procedure, "dense_step", lambda *arguments: None)
    by_autograd = fit_model(rows, chosen, domain="unit", seed=0, image_shape=(8, 8))
    for name, value in derived.model.state_dict().items():
        torch.testing.assert_close(value, by_autograd.model.state_dict()[name], rtol=2e-3, atol=2e-4)
    for event, other in zip(derived.record.events, by_autograd.record.events, strict=True):
        assert set(event) == set(other)
        for name in ("bound", "reconstruction", "cluster", "conditional_prior", "objective"):
            if name in event:
                assert event[name] == pytest.approx(other[name], rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("sure", [False, True])
def test_a_lesson_alone_needs_no_bound(domain, sure) -> None:
    stage = Stage("a", 1, parts=("responsibilities",), transform=True, teacher="groups")
    problem = Problem(stage, domain=domain, responsibilities="amortised", sure=sure)
    assert set(problem.objective(*problem.batch)[0]) == {"teacher_kl"}
    assert_same_gradient(problem)


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_reads_no_codes_is_not_followed_back_to_them(forgotten: bool) -> None:
    problem = Problem(Stage("a", 1, ("posterior", "prior", "likelihood")), responsibilities="amortised")
    if forgotten:
        problem.model.responsibilities.forget_codes()
    assert_same_gradient(problem)
    step = DenseStep(problem.objective, problem.parameters)
    assert step._learned is not None
    assert step._learned.reads_codes is not forgotten


@pytest.mark.parametrize("shift", [-60.0, -13.0, 9.0, 300.0])
def test_codes_whose_variance_is_out_of_bounds(shift) -> None:
    problem = Problem(Stage("a", 1))
    d = problem.model.latent_dim
    with torch.no_grad():
        list(problem.model.posterior.network.parameters())[-1][d : d + 1] += shift
    assert_same_gradient(problem)


@pytest.mark.parametrize("n", [1, 2])
def test_torch_has_one_thread_beside_products_of_numpy_and_the_callers_number_afterwards(n: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        problem = Problem(Stage("a", 1))
        step = DenseStep(problem.objective, problem.parameters)
        assert torch.get_num_threads() == 1
        step.close()
        assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(before)
