"""Problem 4: total correlation of the codes against beta, and what falls with it, on images of digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mixtura.estimators import VAE
from mixtura.theory.check import Figure, above, below, shown
from mixtura.theory.digit_images import digit_images

BETAS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_EPOCHS = 25


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the total correlation of each beta, and how it, the reconstruction and the information fall."""
    found = along_beta(int(generator.integers(2**31)))
    for beta, model in found.items():
        one = model.information_
        yield shown(f"beta {beta:g}: total correlation, nats", one.total_correlation)
        yield shown(f"beta {beta:g}: mutual information, nats", one.mutual_information)
        yield shown(f"beta {beta:g}: dimension-wise KL, nats", one.dimension_wise_kl)
        yield shown(f"beta {beta:g}: reconstruction, nats", model.bound_.gains["reconstruction"])
        yield shown(f"beta {beta:g}: active units of {len(one.kl_per_latent)}", one.active_units)
    told = [model.information_ for model in found.values()]
    total = np.array([one.total_correlation for one in told])
    error = np.array([one.total_correlation_se for one in told])
    steps = (total[:-1] - total[1:]) / np.hypot(error[:-1], error[1:])
    yield above("least fall of the total correlation from beta to beta, in standard errors", steps.min(), 2.0)
    information = np.array([one.mutual_information for one in told])
    yield below(
        "mutual information of the largest beta over that of the least", information[-1] / information[0], 0.5
    )
    gains = np.array([model.bound_.gains["reconstruction"] for model in found.values()])
    yield below("largest rise of the reconstruction from beta to beta, nats", np.diff(gains).max(), 0.0)
    # Of dimensions that follow from one another there is none.
    of_means = [one.total_correlation_of_means for one in told]
    known = [np.nan if value is None else value for value in of_means]
    yield above(
        "most total correlation of the mean codes less that of the least beta, nats",
        np.nanmax(known) - known[0],
        0.0,
    )


def along_beta(seed: int, betas: tuple[float, ...] = BETAS, epochs: int = _EPOCHS) -> dict[float, VAE]:
    """Return a VAE of the digits for each beta.

    Parameters
    ----------
    seed : int
        Of all of them.
    betas : tuple of float
        Weights of the KL.
    epochs : int
        Passes over the data.
    """
    options: dict[str, Any] = {
        "hidden": (128,),
        "image_shape": (8, 8),
        "max_epochs": epochs,
        "random_state": seed,
    }
    return {beta: VAE(6, beta=beta, **options).fit(digit_images()) for beta in betas}
