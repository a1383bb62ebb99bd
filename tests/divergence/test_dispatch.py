from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
    Uniform,
    kl_divergence,
)
from torch.distributions.kl import _KL_REGISTRY as KL_REGISTRY

from mixtura.divergence import gaussian_mixture
from mixtura.divergence.dispatch import kl
from mixtura.errors import InputError

INF = float("inf")
DIVERGENCES = [("kl", None), ("jeffreys", None), ("jensen_shannon", None), ("alpha", 0.3), ("renyi", 0.6)]


def wide(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def on_the_plane(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# One table of constructors; every two over the same space are compared. Adding a family adds a line.
FAMILIES = {
    "line": {
        "normal": lambda: Normal(wide(0.3).squeeze(), wide(1.2).squeeze()),
        "laplace": lambda: Laplace(wide(-0.2).squeeze(), wide(0.8).squeeze()),
        "student": lambda: StudentT(wide(5.0).squeeze(), wide(0.5).squeeze(), wide(1.0).squeeze()),
        "mixture": lambda: gaussian_mixture([0.3, 0.7], [-1.0, 1.0], [0.5, 1.0]),
    },
    "half line": {
        "gamma": lambda: Gamma(wide(2.0).squeeze(), wide(1.5).squeeze()),
        "exponential": lambda: Exponential(wide(0.7).squeeze()),
        "log-normal": lambda: LogNormal(wide(0.1).squeeze(), wide(0.6).squeeze()),
    },
    "interval": {
        "uniform": lambda: Uniform(wide(0.0).squeeze(), wide(1.0).squeeze()),
        "beta": lambda: Beta(wide(2.0).squeeze(), wide(1.5).squeeze()),
    },
    "plane": {
        "covariance": lambda: MultivariateNormal(wide(0.2, -0.1), on_the_plane([[1.5, 0.4], [0.4, 0.8]])),
        "precision": lambda: MultivariateNormal(
            wide(0.0, 0.3), precision_matrix=on_the_plane([[1.0, 0.2], [0.2, 2.0]])
        ),
        "diagonal": lambda: Independent(Normal(wide(0.1, 0.4), wide(1.0, 1.4)), 1),
        "low rank": lambda: LowRankMultivariateNormal(
            wide(0.0, 0.0), on_the_plane([[0.5], [1.0]]), wide(0.6, 0.7)
        ),
        "mixture": lambda: gaussian_mixture([0.4, 0.6], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.5, 1.5]]),
    },
    "counts": {
        "poisson": lambda: Poisson(wide(1.3).squeeze()),
        "binomial": lambda: Binomial(4, wide(0.3).squeeze()),
        "bernoulli": lambda: Bernoulli(wide(0.4).squeeze()),
        "categorical": lambda: Categorical(wide(0.6, 0.4)),
    },
    "bits": {
        "one-hot": lambda: OneHotCategorical(wide(0.2, 0.5, 0.3)),
        "independent": lambda: Independent(Bernoulli(wide(0.2, 0.5, 0.3)), 1),
        "mixture": lambda: MixtureSameFamily(
            Categorical(wide(0.4, 0.6)),
            Independent(Bernoulli(on_the_plane([[0.2, 0.5, 0.3], [0.6, 0.4, 0.9]])), 1),
        ),
    },
}
PAIRS = [
    pytest.param(first, second, id=f"{space}: {p} and {q}")
    for space, members in FAMILIES.items()
    for (p, first), (q, second) in product(members.items(), members.items())
    if {p, q} not in ({"binomial", "categorical"}, {"bernoulli", "categorical"})
]


def has_form_in_torch(first, second) -> bool:
    try:
        kl_divergence(first(), second())
    except NotImplementedError:
        return False
    return True


# Of a heavy tail few draws say much, and Monte Carlo warns of it.
@pytest.mark.filterwarnings("ignore:one draw makes")
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_every_pair_agrees_with_monte_carlo_inside_its_bounds(first, second) -> None:
    p, q = first(), second()
    found = kl(p, q)
    drawn = kl(p, q, "monte_carlo", n_samples=8192)
    slack = 1e-9 + 1e-9 * float(found.value) if torch.isfinite(found.value) else 0.0
    if drawn.value == INF:
        assert found.value == INF
    else:
        assert abs(float(found.value - drawn.value)) <= 5 * float(drawn.error + found.error) + 1e-9
    for bounds in (kl(p, q, "lower_bound"), kl(p, q, "upper_bound")):
        if found.method == "monte_carlo":
            slack = 5 * float(found.error)
        assert float(bounds.lower) - slack <= float(found.value) <= float(bounds.upper) + slack


@pytest.mark.parametrize(("first", "second"), [pair for pair in PAIRS if has_form_in_torch(*pair.values)])
def test_every_pair_agrees_with_torch_where_torch_has_a_form(first, second) -> None:
    p, q = first(), second()
    wanted = kl_divergence(p, q)
    torch.testing.assert_close(kl(p, q).value, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
@pytest.mark.parametrize("space", ["line", "counts"])
def test_every_divergence_agrees_with_monte_carlo(space, divergence, alpha) -> None:
    members = [make() for make in list(FAMILIES[space].values())[:2]]
    p, q = members if space == "line" else members[::-1]
    found = kl(p, q, divergence=divergence, alpha=alpha)
    drawn = kl(p, q, "monte_carlo", divergence=divergence, alpha=alpha)
    if torch.isinf(drawn.value):
        assert torch.isinf(found.value)
        return
    assert abs(float(found.value - drawn.value)) <= 5 * float(drawn.error + found.error)
    assert (found.divergence, found.alpha) == (divergence, alpha)


def test_auto_walks_from_the_closed_form_down() -> None:
    mixture, normal = FAMILIES["line"]["mixture"](), FAMILIES["line"]["normal"]()
    assert kl(normal, normal).method == "closed_form"
    assert kl(mixture, normal).method == "quadrature"
    plane = FAMILIES["plane"]["mixture"]()
    assert kl(plane, FAMILIES["plane"]["covariance"]()).method == "monte_carlo"
    assert kl(Poisson(1.0), Poisson(2.0)).method == "closed_form"


def test_a_closed_form_is_its_own_bracket() -> None:
    found = kl(Normal(0.0, 1.0), Normal(torch.tensor([1.0, 2.0]), 1.0))
    assert found.error.tolist() == [0, 0]
    assert found.lower.tolist() == found.upper.tolist() == found.value.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    "method", ["upper_bound", "lower_bound", "product_approximation", "variational_approximation"]
)
def test_bounds_and_approximations_only_by_name(method) -> None:
    p, q = FAMILIES["plane"]["mixture"](), FAMILIES["plane"]["covariance"]()
    found, best = kl(p, q, method), kl(p, q)
    assert found.method == method
    assert found.lower <= found.upper
    assert abs(float(found.value - best.value)) <= float(found.error) + 5 * float(best.error)
    if method == "upper_bound":
        assert found.value == found.upper
    if method == "lower_bound":
        assert found.value == found.lower


def test_probabilities_as_arrays() -> None:
    wanted = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    for p, q in [
        ([0.5, 0.5], [0.9, 0.1]),
        (np.array([0.5, 0.5]), torch.tensor([0.9, 0.1], dtype=torch.float64)),
        ((0.5, 0.5), Categorical(wide(0.9, 0.1))),
    ]:
        assert float(kl(p, q)) == pytest.approx(wanted, rel=1e-12)
    assert kl([[0.5, 0.5], [1.0, 0.0]], [0.9, 0.1]).value.shape == (2,)
    assert float(kl([1, 0], [0.5, 0.5])) == pytest.approx(np.log(2))
    assert kl(np.array([0.5, 0.5], np.float32), [0.9, 0.1]).value.dtype == torch.float32
    leaf = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.isfinite(torch.autograd.grad(kl(leaf, [0.9, 0.1]).value, leaf)[0]).all()


def test_the_order() -> None:
    p, q = Normal(0.0, 1.0), Normal(1.0, 2.0)
    assert kl(p, q, divergence="alpha", alpha=1).value == kl(p, q).value
    assert kl(p, q, divergence="alpha", alpha=np.float64(0)).value == kl(q, p).value
    assert kl(p, q, divergence="renyi", alpha=torch.tensor(0.0)).value == 0


ONE, TWO = Normal(0.0, 1.0), Normal(1.0, 1.0)
WRONG = {
    "method": ((ONE, TWO, "best"), {}, "there is no method 'best'; take one of auto, closed_form, quad"),
    "divergence": (
        (ONE, TWO),
        {"divergence": "hellinger"},
        "no divergence 'hellinger'; take one of kl, jeffreys",
    ),
    "alpha missing": ((ONE, TWO), {"divergence": "alpha"}, "give alpha, as in alpha=0.5"),
    "alpha not wanted": ((ONE, TWO), {"alpha": 0.5}, "alpha=0.5 is no part of 'kl'"),
    "alpha no number": ((ONE, TWO), {"divergence": "alpha", "alpha": "x"}, "alpha='x' is no order"),
    "alpha infinite": ((ONE, TWO), {"divergence": "renyi", "alpha": INF}, "alpha=inf is no order"),
    "alpha true": ((ONE, TWO), {"divergence": "renyi", "alpha": True}, "alpha=True is no order"),
    "alpha negative": ((ONE, TWO), {"divergence": "renyi", "alpha": -0.5}, "a number from 0 up"),
    "no closed form": (
        (FAMILIES["line"]["mixture"](), ONE, "closed_form"),
        {},
        "no closed form .* method='auto' finds",
    ),
    "no line": (
        (Categorical(wide(1, 1)),) * 2 + ("quadrature",),
        {},
        "no quadrature over the line .* method='auto'",
    ),
    "no approximation": (
        (ONE, TWO, "product_approximation"),
        {"divergence": "jeffreys"},
        "no product approximation",
    ),
    "tolerance": ((ONE, TWO), {"rtol": 0.0}, "rtol=0.0 is no relative error"),
    "text": (
        ("N(0,1)", TWO),
        {},
        "p is of type str; give a torch distribution, or an array of probabilities",
    ),
    "number": ((ONE, 0.5), {}, "q is of type float; give a torch distribution"),
    "sums": (([0.5, 0.6], [0.5, 0.5]), {}, r"of p sum to 1\.1"),
    "categories": (([0.5, 0.5], [0.2, 0.3, 0.5]), {}, "p has 2 categories and q 3"),
    "kinds": ((Poisson(1.0), ONE), {}, r"p \(Poisson\) is discrete"),
    "events": (
        (MultivariateNormal(wide(0, 0), torch.eye(2).double()), ONE),
        {},
        r"events of p have shape \(2,\)",
    ),
    "nan": ((Normal(torch.nan, 1.0, validate_args=False), ONE), {}, "loc of p is nan"),
    "singular q": ((ONE, Normal(0.0, 0.0, validate_args=False)), {}, "of q is not positive definite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_on_one_line(name) -> None:
    arguments, options, words = WRONG[name]
    with pytest.raises(InputError, match=words) as caught:
        kl(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "method", ["auto", "quadrature", "monte_carlo", "upper_bound", "variational_approximation"]
)
def test_empty_batches(method) -> None:
    mixture = MixtureSameFamily(Categorical(torch.ones(0, 2)), Normal(torch.zeros(0, 2), 1.0))
    found = kl(mixture, Normal(0.0, 1.0), method)
    assert found.value.shape == found.error.shape == found.lower.shape == found.upper.shape == (0,)


def test_nothing_is_left_behind() -> None:
    registered, state = dict(KL_REGISTRY), torch.random.get_rng_state()
    mixture = FAMILIES["plane"]["mixture"]()
    first, again = (kl(mixture, FAMILIES["plane"]["diagonal"](), n_samples=1024) for _ in range(2))
    other = kl(
        mixture, FAMILIES["plane"]["diagonal"](), n_samples=1024, generator=torch.Generator().manual_seed(1)
    )
    assert first.value == again.value != other.value
    assert torch.equal(state, torch.random.get_rng_state())
    assert registered == KL_REGISTRY
    assert not any(form.__module__.startswith("mixtura") for form in KL_REGISTRY.values())


@pytest.mark.filterwarnings("ignore:one draw makes")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_is_kept(dtype) -> None:
    normal = Normal(torch.zeros(3, dtype=dtype), 1.0)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(2, dtype=dtype)), Normal(torch.zeros(2, dtype=dtype), 1.0)
    )
    for p, q in [(normal, normal), (mixture, normal)]:
        for found in (kl(p, q), kl(p, q, "upper_bound"), kl(p, q, "monte_carlo", n_samples=256)):
            parts = (found.value, found.error, found.lower, found.upper)
            assert {part.dtype for part in parts} == {dtype}
            assert {part.shape for part in parts} == {torch.Size([3])}


@pytest.mark.parametrize("method", ["closed_form", "quadrature", "monte_carlo"])
def test_gradients_flow_by_every_method(method) -> None:
    loc, scale = wide(0.3).squeeze().requires_grad_(), wide(1.5).squeeze().requires_grad_()
    q = Normal(loc, scale)
    p = Normal(wide(0.0).squeeze(), wide(1.0).squeeze())
    found = torch.autograd.grad(kl(p, q, method).value, (loc, scale))
    wanted = torch.autograd.grad(kl_divergence(p, q), (loc, scale))
    for one, other in zip(found, wanted, strict=True):
        assert float(one) == pytest.approx(float(other), abs=0.03 if method == "monte_carlo" else 1e-9)


@settings(max_examples=10)
@given(st.integers(0, 2**20), st.floats(-3, 3), st.floats(0.2, 5.0))
def test_mixtures_move_with_affine_maps(seed, shift, factor) -> None:
    rng = np.random.default_rng(seed)
    (w0, w1), (m0, m1), (v0, v1) = (
        rng.dirichlet(np.ones(2), 2),
        rng.normal(size=(2, 2)),
        rng.uniform(0.3, 2, (2, 2)),
    )
    p, q = gaussian_mixture(w0, m0, v0), gaussian_mixture(w1, m1, v1)
    moved = [
        gaussian_mixture(w, shift + factor * m, factor**2 * v) for w, m, v in ((w0, m0, v0), (w1, m1, v1))
    ]
    value = kl(p, q)
    assert value.value >= 0
    assert float(value.lower) <= float(value.value) * (1 + 1e-9) + 1e-12
    assert float(value.value) <= float(value.upper) * (1 + 1e-9) + 1e-12
    assert float(kl(*moved)) == pytest.approx(float(value), rel=1e-8, abs=1e-12)
