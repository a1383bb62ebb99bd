from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as td

from mixtura.errors import InputError
from mixtura.projection.line_moments import line_moments
from mixtura.projection.target import as_target


def student(df: float):
    return lambda x: -0.5 * (df + 1) * torch.log1p(x * x / df)


FUNCTIONS = {
    "normal": (lambda x: -0.5 * x**2, stats.norm()),
    "far": (lambda x: -0.5 * ((x - 12345.678) / 1e-3) ** 2, stats.norm(12345.678, 1e-3)),
    "tiny": (lambda x: -0.5 * (x / 1e-6) ** 2, stats.norm(0, 1e-6)),
    "huge": (lambda x: -0.5 * ((x - 1e9) / 1e6) ** 2, stats.norm(1e9, 1e6)),
    "kink": (lambda x: -torch.abs(x - 3), stats.laplace(3)),
    "box": (lambda x: torch.where(torch.abs(x - 0.3) < 1, 0.0, -torch.inf), stats.uniform(-0.7, 2)),
    "half line": (lambda x: torch.where(x > 0, -x, -torch.inf), stats.expon()),
    "long tails": (student(3.5), stats.t(3.5)),
    "very long tails": (student(2.2), stats.t(2.2)),
    "one short tail": (lambda x: -x - torch.exp(-x), stats.gumbel_r()),
    "logistic": (lambda x: -x - 2 * torch.nn.functional.softplus(-x), stats.logistic()),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_log_densities_agree_with_scipy(name) -> None:
    function, known = FUNCTIONS[name]
    found = line_moments(as_target(function))
    assert found.mean == pytest.approx(known.mean(), rel=1e-9, abs=1e-9 * known.std())
    assert found.variance == pytest.approx(known.var(), rel=1e-8)
    assert found.entropy == pytest.approx(known.entropy(), abs=1e-8 + found.error)
    at = known.mean() + 0.25 * known.std()
    raw = float(function(torch.tensor([at], dtype=torch.float64)))
    assert raw - found.log_normaliser == pytest.approx(known.logpdf(at), abs=1e-8)


def test_two_modes_apart() -> None:
    def log_density(x):
        return torch.logaddexp(-0.5 * (x + 3) ** 2, np.log(2.0) - 0.5 * (x - 3) ** 2)

    found = line_moments(as_target(log_density))
    assert (found.mean, found.variance) == (pytest.approx(1.0, abs=1e-10), pytest.approx(9 + 1 - 1, abs=1e-9))


DISTRIBUTIONS = {
    "uniform": (td.Uniform(0.0, 2.0), stats.uniform(0, 2)),
    "lognormal": (td.LogNormal(0.0, 0.5), stats.lognorm(0.5)),
    "gamma": (td.Gamma(3.0, 2.0), stats.gamma(3, scale=0.5)),
    "von Mises": (td.VonMises(0.0, 1.0), stats.vonmises_line(1)),
}


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_distributions_agree_with_scipy(name) -> None:
    distribution, known = DISTRIBUTIONS[name]
    found = line_moments(as_target(distribution))
    assert found.mean == pytest.approx(known.mean(), rel=1e-6, abs=1e-6)
    assert found.variance == pytest.approx(known.var(), rel=1e-6)
    assert found.entropy == pytest.approx(known.entropy(), abs=1e-6)
    assert found.log_normaliser == pytest.approx(0.0, abs=1e-6)


WRONG = {
    "flat": (lambda x: 0 * x, "not integrable: on the right it falls as |x|^0"),
    "growing": (lambda x: x, "not integrable: on the right"),
    "growing to the left": (lambda x: -x, "not integrable: on the left"),
    "one over x": (lambda x: -0.5 * torch.log1p(x * x), "not integrable"),
    "no variance": (student(1.5), "has no second moments"),
    "no variance, just": (student(2.0), "has no second moments"),
    "nowhere": (lambda x: torch.full_like(x, -torch.inf), "is -inf at all of"),
    "not a number": (lambda x: torch.sqrt(x), "is nan at x = "),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_is_said(name) -> None:
    function, message = WRONG[name]
    with pytest.raises(InputError) as caught:
        line_moments(as_target(function))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
