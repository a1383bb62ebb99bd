from __future__ import annotations

import pytest
import torch

from mixtura.vae.latent_information import latent_information
from mixtura.vae.vae_diagnostics import diagnose_codes


def information(*active: float):
    loc = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None] * torch.tensor(active, dtype=torch.float64)
    return latent_information(loc, torch.ones_like(loc), torch.Generator().manual_seed(0), 64)


def test_codes_in_use_need_no_words():
    assert diagnose_codes(information(2.0, 1.0)) == ()


@pytest.mark.parametrize(("beta", "remedy"), [(1.0, "max_epochs"), (8.0, "lower beta, which is 8")])
def test_collapse_has_the_mend_of_its_cause(beta, remedy):
    (finding,) = diagnose_codes(information(0.0, 0.0), beta=beta)
    assert (finding.name, finding.level) == ("posterior-collapse", "problem")
    assert remedy in finding.remedy


def test_idle_dimensions_are_counted():
    (finding,) = diagnose_codes(information(2.0, 0.0, 0.0), beta=4.0)
    assert finding.name == "idle-latents" and "2 of 3" in finding.seen
    assert "latent_dim=1" in finding.remedy and "beta, which is 4" in finding.remedy


def test_steps_that_were_not_finite_are_told():
    (finding,) = diagnose_codes(information(2.0), ["the term 'kl' was not finite"])
    assert finding.name == "not-finite" and "the term 'kl'" in finding.seen
