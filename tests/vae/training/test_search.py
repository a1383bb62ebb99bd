from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mixtura.clustering import GroupEvidence, accuracy
from mixtura.vae import Settings, fit_model
from mixtura.vae.model import build_model
from mixtura.vae.training import search as search_module
from mixtura.vae.training.groups import Start
from mixtura.vae.training.search import Found, GroupSearch, main_directions, side_by_side
from mixtura.vae.training.stages import plan


def rows_of_two_groups(n: int = 120) -> tuple[torch.Tensor, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    return torch.from_numpy(rng.normal(size=(n, 6)) + 6 * labels[:, None]).float(), labels


def searcher(x: torch.Tensor, *, on_rows: bool = False, kind: str = "auto") -> GroupSearch:
    generator = torch.Generator().manual_seed(0)
    settings = Settings(n_components=2, latent_dim=2, hidden=(8,))
    model = build_model(settings, n_encoded=x.shape[1], domain="real", generator=generator)
    numpy_generator = np.random.default_rng(0)
    return GroupSearch(
        model, x, kind, on_rows=on_rows, transform=None, generator=generator, numpy_generator=numpy_generator
    )


def test_groups_of_rows_are_found_once_and_set_the_prior() -> None:
    x, labels = rows_of_two_groups()
    search = searcher(x, on_rows=True)
    message = search.renew()
    assert message is not None
    assert message.endswith("on rows")
    groups = search.found.groups
    assert groups is not None
    assert accuracy(labels, groups.numpy()) == 1.0
    codes = search._mean_codes()[0]
    means = torch.stack([codes[groups == k].mean(0) for k in range(2)])
    torch.testing.assert_close(search._model.prior.means.detach(), means)
    assert search.renew() is None
    assert search.found.groups is groups


def test_codes_are_looked_at_once_until_they_are_forgotten(monkeypatch) -> None:
    x, _ = rows_of_two_groups()
    search = searcher(x)
    seen = []
    mean_codes = search_module.mean_codes
    monkeypatch.setattr(search_module, "mean_codes", lambda *a: seen.append(1) or mean_codes(*a))
    search.renew()
    search.renew()
    assert len(seen) == 1
    search.forget_codes()
    search.renew()
    assert len(seen) == 2


def test_later_searches_keep_the_numbers_and_the_method_and_ask_for_no_evidence(monkeypatch) -> None:
    x, labels = rows_of_two_groups()
    search = searcher(x)
    search.renew()
    first = search.found
    kinds = []
    find = search_module.find_groups
    monkeypatch.setattr(search_module, "find_groups", lambda *a, **k: kinds.append(a[2]) or find(*a, **k))
    search.renew()
    assert kinds == ["graph" if first.start.modularity is not None else "kmeans"]
    assert search.found.evidence is first.evidence
    assert search.found.start.evidence is None
    assert (search.found.groups == first.groups).double().mean() > 0.9
    assert accuracy(labels, search.found.groups.numpy()) > 0.95


@given(st.integers(2, 30), st.integers(1, 8), st.integers(1, 8), st.integers(0, 100))
def test_main_directions_keep_the_largest_part_of_the_variance(n, d, kept, seed) -> None:
    points = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    along = main_directions(points, kept)
    assert along.shape == (n, min(kept, d, n))
    largest = np.sort(np.linalg.eigvalsh(np.cov(points.T, bias=True).reshape(d, d)))[::-1][:kept].sum()
    assert along.var(axis=0, dtype=np.float64).sum() == pytest.approx(largest, rel=1e-3, abs=1e-4)


def test_parts_weigh_the_same_whatever_their_scale() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = (rng.normal(size=(50, d)).astype(np.float32) * s for d, s in ((7, 100.0), (2, 1e-3)))
    points = side_by_side(wide, narrow)
    assert points[:, :7].var(axis=0).sum() == pytest.approx(1.0, rel=1e-4)
    assert points[:, 7:].var(axis=0).sum() == pytest.approx(1.0, rel=1e-4)
    assert np.isfinite(side_by_side(wide, np.zeros((50, 1), np.float32))).all()


def test_features_that_tell_nothing_apart_have_no_direction_and_no_warning() -> None:
    assert not main_directions(np.full((20, 5), 0.3, np.float32), 3).any()


def test_once_taught_the_features_of_q_phi_stand_beside_the_codes() -> None:
    x, _ = rows_of_two_groups()
    search = searcher(x)
    codes, _ = search._mean_codes()
    np.testing.assert_array_equal(search._points(codes), codes.numpy())
    search.found = replace(search.found, taught=True)
    points = search._points(codes)
    network = search._model.responsibilities.network
    features = torch.relu(network(x)).detach().numpy()
    assert points.shape[1] == codes.shape[1] + min(10, features.shape[1])
    expected = side_by_side(codes.numpy(), main_directions(features, 10))
    np.testing.assert_allclose(points, expected, atol=1e-5)


@pytest.mark.parametrize("responsibilities", ["amortised", "exact"])
def test_codes_are_made_anew_when_the_encoder_has_been_trained_and_not_before(
    responsibilities, monkeypatch
) -> None:
    x = torch.from_numpy(np.random.default_rng(0).random((240, 72))).float()
    x[:120, :36] += 3.0
    seen = []
    mean_codes = search_module.mean_codes
    monkeypatch.setattr(search_module, "mean_codes", lambda *a: seen.append(1) or mean_codes(*a))
    settings = Settings(
        n_components=2, latent_dim=2, hidden=(8,), max_epochs=60, responsibilities=responsibilities
    )
    trained = fit_model(x, settings, domain="real", seed=0)
    stages = plan(settings)
    renewed = [event["stage"] for event in trained.record.events if "on codes" in event.get("message", "")]
    assert renewed == [stage.name for stage in stages if stage.regroup]
    trained_before = [stage.regroup and "posterior" in before.parts for before, stage in pairwise(stages)]
    assert len(seen) == sum(trained_before)


@pytest.mark.parametrize(
    ("gain", "told", "none"),
    [(1.0, False, False), (0.05, True, False), (0.05, False, True), (0.01, True, True), (-1.0, True, True)],
)
def test_overlapping_groups_are_taught_if_they_gain_anything_and_hard_ones_if_they_count(
    gain, told, none
) -> None:
    evidence = GroupEvidence(gain, standard_error=0.01, least=0.1)
    start = Start(np.zeros(4, dtype=np.int64), "", evidence, overlapping=evidence if told else None)
    found = Found(start=start, evidence=evidence)
    assert found.none_better == none
    assert not Found().none_better


def test_small_tables_of_counts_are_grouped_by_their_stabilised_rows() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    counts = torch.from_numpy(rng.poisson(np.array([[2.0, 60.0], [9.0, 60.0]])[labels])).float()
    settings = Settings(n_components=2, likelihood="poisson", max_epochs=3, hidden=(8,))
    trained = fit_model(counts, settings, domain="count", seed=0)
    messages = [event["message"] for event in trained.record.events if "message" in event]
    assert any(message.endswith("on rows") for message in messages)
    assert accuracy(labels, trained.record.start.labels) > 0.85
