"""The stages of a VAE: one component, which stays the standard normal, and no groups."""

from __future__ import annotations

import math
from typing import Literal

from mixtura.errors import InputError
from mixtura.vae.settings import Inference
from mixtura.vae.training.stages import Stage

_FIRST_WEIGHT = 0.05  # of the prior terms: a code that is given up early does not come back
# Over half of the run in place of a tenth cost held-out log p(x) on five of six tables, up to 2.6 nats; above
# beta = 1 the tenth does: at 4 it took 14 nats of the objective on 10,000 images.
_RISE, _RISE_ABOVE_1 = 0.1, 0.5


def vae_epochs(n_rows: int, batch_size: int) -> int:
    """Return how many passes over the data a VAE makes unless told.

    33 from 60,000 rows up and 60 for a few thousand: the decoder learns rows by heart if it goes on (1,437
    digits, held-out log p(x): -115.4 after 40, -121.4 after 160, -132.6 after 330). Fewer rows get 600 steps.

    Parameters
    ----------
    n_rows : int
        Rows that are trained on.
    batch_size : int
        Rows of a step.

    Examples
    --------
    >>> vae_epochs(60_000, 128), vae_epochs(1_797, 128), vae_epochs(100, 64)
    (33, 60, 300)
    """
    passes = min(60.0, 33.0 * max(1.0, 60_000 / n_rows) ** 0.35)
    return round(max(passes, 600 / math.ceil(n_rows / batch_size)))


def vae_plan(
    *,
    beta: float = 1.0,
    objective: Literal["elbo", "iwae"] = "elbo",
    inference: Inference = "reverse",
    n_draws: int = 1,
    std_floor: tuple[float, float],
) -> tuple[Stage, ...]:
    """Return the one stage of a VAE.

    Parameters
    ----------
    beta : float
        Weight of KL(q(w|x) || p(w)), in nats. It rises from a small one over the first tenth, or
        half where it is above 1.
    objective : {"elbo", "iwae"}
        The bound of one draw, or the importance-weighted one.
    inference : {"reverse", "sleep", "wake"}
        How q(w|x) is fitted.
    n_draws : int
        Of w for each row in a step.
    std_floor : tuple of (float, float)
        Least standard deviation of the likelihood at the start and end.

    Raises
    ------
    InputError
        If choices contradict one another.

    Examples
    --------
    >>> [stage.beta for stage in vae_plan(beta=4.0, std_floor=(0.3, 0.05))]
    [4.0]
    >>> vae_plan(beta=4.0, inference="wake", std_floor=(0.3, 0.05))
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: beta=4.0 weighs the KL of the bound, by which inference='wake' does not fit q
    """
    if inference != "reverse" and beta != 1.0:
        raise InputError(
            f"beta={beta!r} weighs the KL of the bound, by which inference={inference!r} does not fit q"
        )
    if objective == "iwae" and (beta != 1.0 or inference != "reverse"):
        other = f"beta={beta!r}" if beta != 1.0 else f"inference={inference!r}"
        raise InputError(f"objective='iwae' has no KL to weigh and fits q by itself; leave out {other}")
    if (objective == "iwae" or inference == "wake") and n_draws < 2:
        what = "objective='iwae'" if objective == "iwae" else "inference='wake'"
        raise InputError(f"{what} weighs draws against one another: n_draws must be 2 or more, not {n_draws}")
    # Neither importance weights nor the inclusive divergence let a code be given up for being costly.
    weighed = objective == "elbo" and inference == "reverse"
    return (
        Stage(
            "train",
            1.0,
            parts=("posterior", "likelihood"),
            z="exact",
            prior_weight=min(beta, _FIRST_WEIGHT) if weighed else 1.0,
            rise=_RISE if beta <= 1 else _RISE_ABOVE_1,
            beta=beta,
            objective=objective,
            inference=inference,
            n_draws=n_draws,
            std_floor=std_floor,
        ),
    )
