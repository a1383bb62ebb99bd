"""What a trained VAE looks like to a doctor: findings in words, each with its remedy."""

from __future__ import annotations

from collections.abc import Sequence

from mixtura.findings import Finding
from mixtura.vae.latent_information import LatentInformation


def diagnose_codes(
    information: LatentInformation, rollbacks: Sequence[str] = (), beta: float = 1.0
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
        remedy = (
            f"lower beta, which is {beta:g}"
            if beta > 1
            else "train longer (max_epochs) or lower std_floor; data of pure noise have no code to find"
        )
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
