"""What a trained VAE looks like to a doctor: findings in words, each with its remedy."""

from __future__ import annotations

from collections.abc import Sequence

from mixtura.findings import Finding
from mixtura.vae.diagnostics import revive_codes
from mixtura.vae.latent_information import LatentInformation
from mixtura.vae.settings import Settings


def diagnose_codes(
    information: LatentInformation,
    rollbacks: Sequence[str] = (),
    beta: float = 1.0,
    settings: Settings | None = None,
) -> tuple[Finding, ...]:
    """Return what a person should know about the codes of a fit.

    Parameters
    ----------
    information : LatentInformation
        Of the rows.
    rollbacks : sequence of str
        Steps of training that were not finite, in words.
    beta : float
        Weight of the KL in training.
    settings : Settings, optional
        Of the fit, the default ones unless given, so that no remedy is named that it does not have.

    Examples
    --------
    >>> import torch
    >>> from mixtura.vae.latent_information import latent_information
    >>> zeros = torch.zeros(50, 2, dtype=torch.float64)
    >>> print(*diagnose_codes(latent_information(zeros, torch.ones_like(zeros), torch.Generator()), beta=8.0))
    problem: no latent dimension of 2 depends on the data; lower beta, which is 8
    """
    d, active = len(information.kl_per_latent), information.active_units
    findings: list[Finding] = []
    if active == 0:
        remedy = f"lower beta, which is {beta:g}" if beta > 1 else revive_codes(settings or Settings())
        findings.append(
            Finding(
                "posterior-collapse", "problem", f"no latent dimension of {d} depends on the data", remedy
            )
        )
    elif active < d:
        findings.append(
            Finding(
                "idle-latents",
                "note",
                f"{d - active} of {d} latent dimensions hold nothing of the data",
                f"latent_dim={active} is enough"
                + (f", or lower beta, which is {beta:g}, for codes that hold more" if beta > 1 else ""),
            )
        )
    if rollbacks:
        findings.append(
            Finding(
                "not-finite",
                "warning",
                f"training went back to a finite state {len(rollbacks)} times: {rollbacks[0]}",
                "look for extreme values in those rows, or lower learning_rate",
            )
        )
    return tuple(findings)
