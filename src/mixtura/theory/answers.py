"""The answers in the order of the problems, each with the program of its check."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module

import numpy as np

from mixtura import runtime
from mixtura.errors import InputError
from mixtura.theory.check import Check, Figure, Outcome


def _answer(problem: str, name: str, claim: str) -> Check:
    def run(generator: np.random.Generator) -> tuple[Figure, ...]:
        # Most of them bring torch; --help and a list of names must not.
        module = import_module(f"mixtura.theory.{name.replace('-', '_')}")
        figures: tuple[Figure, ...] = tuple(module.check(generator))
        return figures

    return Check(problem, name, claim, run)


ANSWERS = (
    _answer(
        "1",
        "reverse-kl-modes",
        "false: reverse KL in a restricted family takes one mode, and in a family that holds p it gives p's "
        "own weights, which need not be uniform",
    ),
    _answer(
        "2",
        "reparameterisation",
        "true: it carries the gradient of the reconstruction to the encoder, at a small variance",
    ),
    _answer(
        "3",
        "vae-posterior",
        "false: the posterior has no closed form; q leaves a gap, and quadrature costs more by the dimension",
    ),
    _answer(
        "4",
        "beta",
        "false: a large beta pushes the latent variables towards independence, and towards saying nothing",
    ),
    _answer("5", "em", "EM climbs F by turns in q and theta"),
    _answer("6.1", "gaussian-kl", "the KL of two Gaussians has the closed form that is asked for"),
    _answer("6.2", "joint-convexity", "KL is convex in the pair of its arguments"),
    _answer(
        "6.3",
        "inclusive-exclusive",
        "the inclusive Gaussian has mean 1 and deviation 3; the exclusive one stands on the heavier mode",
    ),
    _answer(
        "6.4",
        "forward-kl",
        "forward KL asks for E_p(z|x)[log q(z|x)]: it matches moments and covers modes",
    ),
    _answer(
        "7.1",
        "gmvae-bound",
        "the bound of the GM-VAE is reconstruction - cluster - conditional_prior, and lies below log p(x)",
    ),
    _answer(
        "7.2",
        "training",
        "by the pure bound every part has a gradient, and by stages the same model finds better groups",
    ),
)


def find_answers(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the answers of the given names or numbers of problems, all of them for none.

    Raises
    ------
    InputError
        If there is no such answer.

    Examples
    --------
    >>> [answer.name for answer in find_answers(["6.4", "beta"])]
    ['forward-kl', 'beta']
    >>> [answer.problem for answer in find_answers(["6"])]
    ['6.1', '6.2', '6.3', '6.4']
    """
    if not names:
        return ANSWERS
    found: list[Check] = []
    for asked in names:
        key = asked.strip().lower().replace("_", "-")
        these = [
            answer
            for answer in ANSWERS
            if key in (answer.name, answer.problem) or answer.problem.startswith(f"{key}.")
        ]
        if not these:
            listed = ", ".join(f"{answer.problem} {answer.name}" for answer in ANSWERS)
            raise InputError(f"there is no answer {asked!r}; the answers are: {listed}")
        found += [answer for answer in these if answer not in found]
    return tuple(found)


def run_answer(answer: Check, seed: int = 0) -> Outcome:
    """Run the check of an answer and return its figures.

    Parameters
    ----------
    answer : Check
        Of `ANSWERS`.
    seed : int
        Of all randomness.
    """
    started = time.perf_counter()
    # The models are small: a second thread would only wait, and on a busy machine hold up the first.
    with runtime.one_torch_thread():
        figures = answer.run(np.random.default_rng(seed))
    return Outcome(answer.problem, answer.name, answer.claim, figures, time.perf_counter() - started)
