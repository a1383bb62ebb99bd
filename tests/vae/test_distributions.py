from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from mixtura.vae.distributions import (
    DiagonalGaussian,
    GaussianMixture,
    IndependentBernoulli,
    IndependentCategories,
    IndependentCounts,
    Product,
    full_precision,
)

WEIGHTS = np.array([0.7, 0.2, 0.1])


def mixture(latent_dim: int, seed: int = 0, weights: np.ndarray = WEIGHTS) -> GaussianMixture:
    """A mixture with unequal weights and no standard deviation near 1."""
    rng = np.random.default_rng(seed)
    means = 2.0 * rng.normal(size=(len(weights), latent_dim))
    scales = rng.uniform(0.2, 0.6, size=means.shape) * np.array([1.0, 4.0, 9.0])[:, None]
    return GaussianMixture(*(torch.from_numpy(a) for a in (np.log(weights), means, scales)))


def scipy_components(p: GaussianMixture, w: np.ndarray) -> np.ndarray:
    """Return log N(w; mu_k, diag(sigma_k^2)) by the general density with a covariance matrix: (n, K)."""
    pairs = zip(p.means.numpy(), p.scales.numpy(), strict=True)
    columns = [stats.multivariate_normal(mean, np.diag(scale**2)).logpdf(w) for mean, scale in pairs]
    return np.stack(np.atleast_2d(columns), axis=-1)


@pytest.mark.parametrize("latent_dim", [1, 2, 10])
def test_mixture_agrees_with_scipy(latent_dim, rng) -> None:
    p, w = mixture(latent_dim), rng.normal(size=(50, latent_dim)) * 4
    components = scipy_components(p, w)
    at = torch.from_numpy(w)
    np.testing.assert_allclose(p.component_log_prob(at), components, rtol=1e-12)
    weighted = np.log(WEIGHTS) + components
    np.testing.assert_allclose(p.log_prob(at), special.logsumexp(weighted, axis=1), rtol=1e-12)
    # Were log pi counted once a dimension, or left out, the odds would be far off at d = 10.
    np.testing.assert_allclose(
        p.log_responsibilities(at).exp(), special.softmax(weighted, axis=1), atol=1e-12
    )


def test_equal_components_are_told_apart_by_their_weights_alone(rng) -> None:
    p = GaussianMixture(torch.from_numpy(np.log(WEIGHTS)), torch.zeros(3, 10), torch.full((3, 10), 2.0))
    w = torch.from_numpy(rng.normal(size=(4, 10)))
    np.testing.assert_allclose(p.log_responsibilities(w).exp(), np.tile(WEIGHTS, (4, 1)), rtol=1e-12)


def test_mixture_integrates_to_one() -> None:
    p = mixture(1)
    w = np.linspace(-60, 60, 200_001)
    density = p.log_prob(torch.from_numpy(w).unsqueeze(-1)).exp()
    assert integrate.trapezoid(density, w) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_gaussian_integrates_to_one_and_agrees_with_scipy(scale) -> None:
    x = np.linspace(-60, 60, 200_001)
    q = DiagonalGaussian(torch.tensor([1.5], dtype=torch.float64), torch.tensor([scale], dtype=torch.float64))
    log_density = q.log_prob(torch.from_numpy(x).unsqueeze(-1)).numpy()
    assert integrate.trapezoid(np.exp(log_density), x) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(log_density, stats.norm(1.5, scale).logpdf(x), rtol=1e-12)


def test_gaussian_sums_over_its_last_axis(rng) -> None:
    loc, scale, x = rng.normal(size=(3, 4)), rng.uniform(0.1, 3, size=(3, 4)), rng.normal(size=(5, 3, 4))
    q = DiagonalGaussian(torch.from_numpy(loc), torch.from_numpy(scale))
    found = q.log_prob(torch.from_numpy(x))
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found, stats.norm(loc, scale).logpdf(x).sum(-1), rtol=1e-12)


def test_gaussian_draws_have_its_moments() -> None:
    loc = torch.tensor([1.0, -2.0], dtype=torch.float64)
    scale = torch.tensor([0.5, 3.0], dtype=torch.float64)
    noise = torch.randn((40_000, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w = DiagonalGaussian(loc, scale).reparameterise(noise)
    assert ((w.mean(0) - loc).abs() < 4 * scale / 200).all()
    assert ((w.std(0) / scale - 1).abs() < 4 / (2 * 40_000) ** 0.5).all()


def test_gaussian_draws_carry_gradients() -> None:
    loc, scale = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)
    noise = torch.tensor([0.5, -2.0])
    DiagonalGaussian(loc, scale).reparameterise(noise).sum().backward()
    torch.testing.assert_close(loc.grad, torch.ones(2))
    torch.testing.assert_close(scale.grad, noise)


def test_bernoulli_sums_to_one_and_agrees_with_scipy(rng) -> None:
    logits = rng.normal(size=4) * 3
    outcomes = np.array(np.meshgrid(*[[0.0, 1.0]] * 4)).reshape(4, -1).T
    found = IndependentBernoulli(torch.from_numpy(logits)).log_prob(torch.from_numpy(outcomes)).numpy()
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found, stats.bernoulli(special.expit(logits)).logpmf(outcomes).sum(-1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("far", [1e6, -1e6, 1e12])
def test_responsibilities_are_finite_far_away(far, dtype) -> None:
    p = GaussianMixture(
        torch.tensor([0.6, 0.4], dtype=dtype).log(),
        torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=dtype),
        torch.tensor([[0.01, 0.01], [2.0, 2.0]], dtype=dtype),
    )
    w = torch.full((1, 2), far, dtype=dtype, requires_grad=True)
    log_r = p.log_responsibilities(w)
    assert torch.isfinite(log_r).all()
    assert log_r.argmax() == 1
    assert torch.isfinite(p.log_prob(w)).all()
    (gradient,) = torch.autograd.grad(p.log_prob(w).sum(), w)
    assert torch.isfinite(gradient).all()


def test_components_far_apart_do_not_cancel() -> None:
    """At offset 1e4 the expanded square would lose all digits of a float32."""
    means = torch.tensor([[1e4], [1e4 + 1]])
    p = GaussianMixture(torch.tensor([0.5, 0.5]).log(), means, torch.full((2, 1), 0.5))
    found = p.component_log_prob(torch.tensor([[1e4 + 0.25]]))
    np.testing.assert_allclose(found.numpy()[0], stats.norm([0, 1], 0.5).logpdf(0.25), rtol=1e-5)


def test_half_precisions_are_widened_and_others_kept() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        assert full_precision(torch.zeros(1, dtype=dtype)).dtype == torch.float32
    for dtype in (torch.float32, torch.float64):
        assert full_precision(torch.zeros(1, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("log_size", [None, np.log([0.5, 2.0, 30.0])])
def test_counts_have_the_probabilities_of_scipy(log_size) -> None:
    log_mean = np.array([[-2.0, 0.3, 2.0], [1.0, 3.0, -5.0]])
    x = np.array([[0.0, 2.0, 9.0], [4.0, 30.0, 0.0]])
    found = IndependentCounts(
        torch.from_numpy(log_mean), None if log_size is None else torch.tensor(log_size)
    )
    mean = np.exp(log_mean)
    if log_size is None:
        expected = stats.poisson.logpmf(x, mean).sum(-1)
    else:
        size = np.exp(log_size)
        expected = stats.nbinom.logpmf(x, size, size / (size + mean)).sum(-1)
    np.testing.assert_allclose(found.log_prob(torch.from_numpy(x)), expected, rtol=1e-10)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)


@pytest.mark.parametrize("size", [None, 3.0])
def test_drawn_counts_have_the_moments(size) -> None:
    log_mean = torch.full((200_000, 1), 1.0, dtype=torch.float64)
    log_size = None if size is None else torch.tensor([size], dtype=torch.float64).log()
    counts = IndependentCounts(log_mean, log_size).draw(torch.Generator().manual_seed(0))
    mean = np.e
    variance = mean if size is None else mean + mean**2 / size
    assert float(counts.mean()) == pytest.approx(mean, rel=0.02)
    assert float(counts.var()) == pytest.approx(variance, rel=0.03)
    assert torch.equal(counts, counts.round()) and counts.dtype == torch.float64


def test_categories_agree_with_torch_and_sum_to_one(rng) -> None:
    logits = torch.from_numpy(rng.normal(size=(4, 5)))
    p = IndependentCategories(logits, (2, 3))
    first, second = (torch.distributions.Categorical(logits=part) for part in logits.split((2, 3), dim=1))
    total = torch.zeros(4, dtype=torch.float64)
    for i in range(2):
        for j in range(3):
            x = torch.cat((torch.eye(2)[i], torch.eye(3)[j])).double().expand(4, 5)
            expected = first.log_prob(torch.tensor(i)) + second.log_prob(torch.tensor(j))
            torch.testing.assert_close(p.log_prob(x), expected)
            total += p.log_prob(x).exp()
    torch.testing.assert_close(total, torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(p.mean, torch.cat((first.probs, second.probs), dim=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_the_means_of_their_distribution(dtype) -> None:
    n, generator = 40_000, torch.Generator().manual_seed(0)
    w = torch.ones(n, 1, dtype=dtype)
    parts = [
        DiagonalGaussian(2 * w, 0.5 * w),
        IndependentBernoulli(0.4 * w),
        IndependentCounts(1.1 * w),
        IndependentCounts(1.1 * w, 0.5 * w[0]),
        IndependentCategories(torch.tensor([0.0, 1.0, -1.0, 0.5, 0.5], dtype=dtype).expand(n, 5), (3, 2)),
    ]
    whole = Product(parts, (1, 1, 1, 1, 5))
    drawn = whole.draw(generator)
    assert drawn.dtype == dtype and drawn.shape == (n, 9)
    error = drawn.std(dim=0) / n**0.5
    assert bool(((drawn.mean(dim=0) - whole.mean[0]).abs() < 5 * error).all())
    assert set(drawn[:, 4:].unique().tolist()) == {0.0, 1.0}
    expected = sum(
        part.log_prob(own) for part, own in zip(parts, drawn.split((1, 1, 1, 1, 5), 1), strict=True)
    )
    torch.testing.assert_close(whole.log_prob(drawn), expected)
