"""What the page calls things: a GM-VAE has a decoder and codes, a classical mixture has neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Vocabulary:
    """Words of the page that depend on the kind of model.

    Parameters
    ----------
    terms : dict of str to str
        What the bound and its three terms are.
    bound : str
        The same of the bound, under the headline.
    prototype, prototype_sentence : str
        What stands for a group, and what that is in a sentence.
    mean : str
        What a table calls the means of a group's rows.
    typical : str
        Which rows count as typical.
    map_title, space, points, line : str
        The heading of the map, what it is a plane of, what is drawn there, and its axis where it is a line.
    curve : str
        What the curves of training show.
    step : str
        What their axis counts.
    probabilities : bool
        Whether prototypes are probabilities of a 1.
    """

    terms: dict[str, str]
    bound: str
    prototype: str
    prototype_sentence: str
    mean: str
    typical: str
    map_title: str
    space: str
    points: str
    line: str
    curve: str
    step: str
    probabilities: bool


def vocabulary(metrics: Mapping[str, Any], *, pictures: bool) -> Vocabulary:
    """Return the words for the model that ``metrics.json`` tells of.

    Parameters
    ----------
    metrics : mapping
        With ``family`` for a classical mixture.
    pictures : bool
        Whether rows are pictures.

    Examples
    --------
    >>> vocabulary({"family": "poisson"}, pictures=False).prototype
    'rate'
    >>> vocabulary({"likelihood": "gaussian"}, pictures=False).prototype
    'prototype'
    """
    family = metrics.get("family")
    return _of_gmvae(metrics, pictures) if family is None else _of_mixture(str(family), pictures)


def _of_gmvae(metrics: Mapping[str, Any], pictures: bool) -> Vocabulary:
    bits = metrics.get("likelihood") == "bernoulli"
    sentence = "The prototype is what the decoder shows at the centre of the group"
    if not bits:
        sentence += "."
    elif pictures:
        sentence += ": the probability of a 1, from black for 0 to white for 1."
    else:
        sentence = "The probability is that of a 1 at the centre of the group, by the decoder."
    width = metrics.get("latent_dim")
    number = isinstance(width, int | float) and not isinstance(width, bool)
    return Vocabulary(
        terms={
            "bound": "what the model guarantees of log p(x)",
            "reconstruction": "how well the decoder explains a row, scaling of the data included",
            "cluster": "the price of naming a group",
            "conditional_prior": "the price of placing the code within its group; may be negative",
        },
        bound="nats per row, a lower bound on log p(x)",
        prototype="probability" if bits else "prototype",
        prototype_sentence=sentence,
        mean="mean",
        typical="Typical rows are those of the data whose codes lie nearest to that centre.",
        map_title="Map of the latent space",
        space=f"the {width:.0f}-dimensional latent space" if number and width else "the latent space",
        points="codes",
        line="latent code",
        curve="the bound and its three terms",
        step="epoch",
        probabilities=bits,
    )


_PROTOTYPES = {
    "gaussian": ("centre", "The centre is the mean of the group's Gaussian."),
    "bernoulli": ("probability", "The probability is that of a 1 in the group."),
    "poisson": ("rate", "The rate is the count that is expected in the group."),
    "categorical": ("prototype", "The prototype is the most probable category of each column."),
    "mixed": (
        "prototype",
        "The prototype is, by column, the mean of the group's Gaussian, the probability of a 1, the expected "
        "count, or the most probable category.",
    ),
}


def _of_mixture(family: str, pictures: bool) -> Vocabulary:
    name, sentence = _PROTOTYPES.get(family, _PROTOTYPES["mixed"])
    if pictures and family == "bernoulli":
        sentence = "The prototype is the probability of a 1, from black for 0 to white for 1."
    words = family in ("categorical", "mixed")
    return Vocabulary(
        terms={
            "bound": "log p(x) itself, since q(z | x) is the exact posterior",
            "reconstruction": "how well its group explains a row",
            "cluster": "the price of naming a group",
            "conditional_prior": "0: a classical mixture has no code to place within a group",
        },
        bound="nats per row, equal to log p(x)",
        prototype=name,
        prototype_sentence=sentence,
        mean="mean or commonest" if words else "mean",
        typical="Typical rows are those of the data nearest to it, in standardised columns.",
        map_title="Map of the data",
        space="the standardised columns" + (", categories as 0 and 1" if words else ""),
        points="rows",
        line="value",
        curve="F, the free energy",
        step="iteration",
        probabilities=family == "bernoulli",
    )
