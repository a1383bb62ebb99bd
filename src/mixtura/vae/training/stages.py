"""The stages of training as values: what each maximises, which parts it trains, for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from mixtura.vae.settings import Inference, Settings

Part = Literal["posterior", "responsibilities", "prior", "likelihood"]
ALL_PARTS: tuple[Part, ...] = ("posterior", "responsibilities", "prior", "likelihood")


@dataclass(frozen=True)
class Stage:
    """One stretch of training.

    Parameters
    ----------
    name : str
        As it stands in the log.
    share : float
        Of the whole run's epochs, relative to the other stages.
    parts : tuple of str
        Parts of the model that are trained; the others stay as they are.
    z : {"model", "exact", "groups"}
        q(z): the model's own q(z|w, x), the exact p(z|w), or fixed to the current groups.
    regroup : bool
        Find the groups anew on the codes, and set the prior's components to them, before the stage.
    transform : bool
        The bound's encoder sees T(x), where transforms are in use.
    group_weight : float
        Weight, in nats, of the cross-entropy between the groups and a softened p(z|w).
        With a weight above 0 the objective is not the bound: it is posterior-regularised.
    group_temperature : float
        Softens that p(z|w), so that the cross-entropy still pulls at rows that are already right.
    teacher : {"groups", "prior"}, optional
        Fit a learned q(z|x) by inclusive KL(teacher || q_phi) beside the bound: towards the current groups,
        or towards p(z|w). Phi then gets its gradient from there alone; in the bound q_phi is a constant.
    prior_weight : float
        Weight of cluster + conditional_prior at the start of the stage; it rises to ``beta``, so that no code
        is given up before the decoder has learned to use it.
    rise : float
        The share of the stage over which it rises.
    std_floor : tuple of (float, float), optional
        Least standard deviation of the likelihood at the start and end of the stage; unless given, the
        training floor.
    follow : bool
        Set the groups to argmax p(z|w) after the stage.
    most_epochs : float, optional
        Passes over the data at the most, however long the run.
    rate : float
        Adam's peak rate, relative to that of the run.
    weight_decay : float
        Of the matrices of encoder and decoder, decoupled from the gradient.
    beta : float
        Weight of cluster + conditional_prior once it has risen. Other than 1, the objective is not the bound:
        it is the beta-ELBO.
    objective : {"elbo", "iwae"}
        The bound of one draw of w, or the importance-weighted one of ``n_draws``, whose gradient is doubly
        reparameterised.
    inference : {"reverse", "sleep", "wake"}
        How psi, and a phi that is trained and has no teacher, are fitted: by the objective, or by the
        inclusive divergence. Theta, mu, sigma and pi then climb the bound with q as a constant.
    n_draws : int
        Of w for each row in a step.
    """

    name: str
    share: float
    parts: tuple[Part, ...] = ALL_PARTS
    z: Literal["model", "exact", "groups"] = "model"
    regroup: bool = False
    transform: bool = False
    group_weight: float = 0.0
    group_temperature: float = 3.0
    prior_weight: float = 1.0
    rise: float = 0.5
    teacher: Literal["groups", "prior"] | None = None
    std_floor: tuple[float, float] | None = None
    follow: bool = False
    most_epochs: float | None = None
    rate: float = 1.0
    weight_decay: float = 0.0
    beta: float = 1.0
    objective: Literal["elbo", "iwae"] = "elbo"
    inference: Inference = "reverse"
    n_draws: int = 1

    @property
    def lesson_only(self) -> bool:
        """Whether q_phi alone is trained, by the groups: a constant to the bound, which is not computed."""
        return self.parts == ("responsibilities",) and self.teacher == "groups"


def training_std_floor(n_encoded: int, domain: str) -> float:
    """Return the least standard deviation of the likelihood while groups are being found, in encoded units.

    A low floor ruins the codes: the easiest values, such as the background of an image, then dominate
    the bound. A high one silences them. What a code carries grows with n_encoded / floor^2, so the floor
    that was measured to be right on images of 784 pixels, 0.3, is scaled to keep that ratio.

    Examples
    --------
    >>> training_std_floor(784, "unit"), round(training_std_floor(64, "unit"), 4)
    (0.3, 0.0857)
    """
    scale = 0.3 if domain == "unit" else _REAL_FLOOR
    return scale * min(1.0, math.sqrt(n_encoded / 784))


_REAL_FLOOR = 1.0
# Better codes and features make better groups, and those better features: runs from different seeds end
# closer together with every round.
_ROUNDS, _LESSONS = 3, 6
# By then little else moves, and a higher rate is borne. On images of 784 pixels, held-out log p(x) at 1, 1.5,
# 2, 3 and 5 times the run's own: -3108.2, -3106.4, -3105.8, -3110.1, -3122.7.
_DENSITY_RATE = 2.0
# Held-out log p(x) of images of 784 pixels, without and with it, from the same state: -3105.8, -3102.0.
_DENSITY_DECAY = 0.1
# Few rows are learned by heart: on 1,437 digits 120 epochs in place of 50 cost those held out 3.7 nats.
_DENSITY_EPOCHS = 50


def without_groups(stage: Stage, *, learned: bool) -> Stage:
    """Return the stage for rows whose groups are no better than none.

    Drawing codes or q_phi towards groups that are not there would make confident groups out of noise: the
    pure bound with p(z|w) is left, and q_phi learns from that.

    Parameters
    ----------
    stage : Stage
        Of a plan, after the groups were found.
    learned : bool
        Whether the model has a q_phi.

    Examples
    --------
    >>> without_groups(Stage("taught", 2, teacher="groups"), learned=True).teacher
    'prior'
    """
    if learned:
        return replace(stage, parts=ALL_PARTS, z="exact", teacher="prior", group_weight=0.0)
    return replace(stage, group_weight=0.0)


def gently(stage: Stage) -> Stage:
    """Return the stage for groups with probabilities: nothing softened, and groups that stay.

    Where the probabilities of rows between two groups are known, p(z|w) is to be as sure as they are, and no
    surer.

    Examples
    --------
    >>> gently(Stage("separate", 4, group_weight=10.0, follow=True)).group_temperature
    1.0
    """
    return replace(stage, group_temperature=1.0, follow=False)


def group_weight(n_encoded: int) -> float:
    """Return the weight of the cross-entropy between groups and p(z|w), in nats: a quarter for each value.

    200 nats were measured to be right on images of 784 pixels. Few columns get 10, because what holds the
    groups apart is set against the prior terms, which are a few nats however few the columns.

    Examples
    --------
    >>> group_weight(784), group_weight(4)
    (196.0, 10.0)
    """
    return max(10.0, 0.25 * n_encoded)


def draws(inference: Inference) -> int:
    """Return the draws of w for each row in a step: importance weights need several to compare.

    Examples
    --------
    >>> draws("reverse"), draws("wake")
    (1, 8)
    """
    return 8 if inference == "wake" else 1


def plan(
    settings: Settings, training_floor: float = 0.3, weight: float = 200.0, *, on_rows: bool = False
) -> tuple[Stage, ...]:
    """Return the stages of a procedure.

    Parameters
    ----------
    settings : Settings
        ``procedure``, ``responsibilities``, ``inference`` and ``std_floor`` are read.
    training_floor : float
        As of `training_std_floor`.
    weight : float
        As of `group_weight`.
    on_rows : bool
        Whether the groups are found on the rows, once, and not on codes that get better.

    Examples
    --------
    >>> [stage.name for stage in plan(Settings(procedure="plain"))]
    ['joint']
    >>> names = [stage.name for stage in plan(Settings())]
    >>> names[:3], names[-3:]
    (['pretrain', 'taught-1', 'taught-2'], ['taught-5', 'taught-6', 'density'])
    >>> [stage.name for stage in plan(Settings(), on_rows=True)]
    ['pretrain', 'taught', 'joint', 'density']
    >>> [stage.name for stage in plan(Settings(responsibilities="exact"))]
    ['pretrain', 'groups-1', 'groups-2', 'groups-3', 'separate', 'joint', 'polish']
    """
    final = (settings.std_floor, settings.std_floor)

    def inferred(stage: Stage) -> Stage:
        return replace(stage, inference=settings.inference, n_draws=draws(settings.inference))

    if settings.procedure == "plain":
        return (inferred(Stage("joint", 1.0, std_floor=final)),)
    trained: tuple[Part, ...] = ("posterior", "prior", "likelihood")
    pretrain = Stage(
        "pretrain",
        8 if on_rows else 9,
        parts=("posterior", "likelihood"),
        z="exact",
        transform=True,
        prior_weight=0.05,
    )
    density = (training_floor, settings.std_floor)
    if settings.responsibilities == "amortised":
        lesson = Stage("taught", 4, ("responsibilities",), regroup=True, transform=True, teacher="groups")
        if on_rows:
            joint = Stage("joint", 6, regroup=True, transform=True, teacher="groups")
            last = Stage("density", 10, teacher="groups", std_floor=density)
            return pretrain, lesson, inferred(joint), inferred(last)
        # A longer lesson would learn the errors of the groups by heart, and the next search find them again.
        short = replace(lesson, share=2, most_epochs=6)
        last = Stage("density", 12, trained, std_floor=density)
        # Weights of draws degenerate where q and the decoder move fast.
        rate = _DENSITY_RATE if settings.inference == "reverse" else 1.0
        return (
            pretrain,
            *(replace(short, name=f"taught-{i}") for i in range(1, _LESSONS + 1)),
            inferred(
                replace(
                    last,
                    regroup=True,
                    most_epochs=_DENSITY_EPOCHS,
                    rate=rate,
                    weight_decay=_DENSITY_DECAY,
                )
            ),
        )
    return (
        pretrain,
        *(
            Stage(f"groups-{i}", 2, parts=trained, z="groups", regroup=True, transform=True)
            for i in range(1, _ROUNDS + 1)
        ),
        Stage(
            "separate",
            4,
            parts=trained,
            z="groups",
            regroup=True,
            transform=True,
            group_weight=weight,
            follow=True,
        ),
        Stage("joint", 3, parts=trained, z="exact", group_weight=weight),
        Stage("polish", 3, parts=("likelihood",), std_floor=density),
    )
