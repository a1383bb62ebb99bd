"""The settings of a GM-VAE: one frozen class, which the estimator and the command line mirror."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal

from mixtura.errors import InputError

Inference = Literal["reverse", "sleep", "wake"]
LikelihoodName = Literal["gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "likelihood": ("gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"),
    "responsibilities": ("exact", "amortised"),
    "inference": ("reverse", "sleep", "wake"),
    "procedure": ("default", "plain"),
    "covariance_type": ("spherical", "diag"),
    "weights": ("uniform", "learned"),
    "network": ("auto", "mlp", "conv"),
    "transforms": ("auto", "affine", None),
    "start": ("auto", "graph", "linkage", "kmeans", "diag", "full"),
    "precision": ("auto", "float32", "bfloat16"),
}


@dataclass(frozen=True)
class Settings:
    """What a GM-VAE is and how it is trained.

    Parameters
    ----------
    n_components : int
        K, the number of groups.
    latent_dim : int, optional
        d, the dimension of w; unless given, 10 or the number of features where that is less.
    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"}
        p(x|w): Gaussian with learned mean and variance, Bernoulli for data in {0, 1}, one of counts, of which
        the negative binomial has a learned dispersion for each column, or categorical; "mixed" is a product
        of these over the columns of a table.
    responsibilities : {"exact", "amortised"}
        q(z|w, x): its optimum p(z|w), or a trained network as in the source of the model, which the default
        procedure teaches the groups.
    inference : {"reverse", "sleep", "wake"}
        How q is fitted: by the bound, that is by KL(q || p), or by KL(p || q) at rows that the model dreams
        or at those of the data. In the default procedure from when the groups are found.
    procedure : {"default", "plain"}
        The staged training that works from scratch, or the pure bound and nothing else.
    covariance_type : {"spherical", "diag"}
        sigma_k of the prior: one number for each component, or one for each of its dimensions.
    weights : {"uniform", "learned"}
        pi of the prior: 1/K, or trained with the rest.
    max_epochs : int, optional
        Passes over the data, all stages together; unless given, chosen from the number of rows.
    batch_size : int, optional
        Rows of a step; unless given, chosen from the number of rows.
    network : {"auto", "mlp", "conv"}
        Kind of network; "auto" chooses from the shape of the data.
    hidden : tuple of int, optional
        Sizes of the hidden layers of the encoder, mirrored in the decoder (mlp), or of the one linear
        layer between convolutions and codes (conv); unless given, chosen from the number of features.
    transforms : {"auto", "affine", None}
        Small affine maps of the image that the encoder sees while it is pretrained; "auto" uses them on
        grey images.
    start : {"auto", "graph", "linkage", "kmeans", "diag", "full"}
        Where the first groups come from: the modularity of a neighbour graph, average linkage on it, k-means,
        or EM with diagonal or full covariances. "auto" chooses among them without labels on tables of up to
        64 columns; elsewhere it takes the graph, unless only k-means finds groups that are better than none.
    std_floor : float
        Least standard deviation of the Gaussian likelihood once trained, in encoded units (images on
        [0, 1], columns with standard deviation 1).
    learning_rate : float, optional
        Peak rate of Adam; unless given, chosen from the number of steps.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    precision : {"auto", "float32", "bfloat16"}
        Of matrix products; "auto" takes bfloat16 where the hardware has it.

    Raises
    ------
    InputError
        If a value is outside its range; the message names the parameter, the value and the range.

    Examples
    --------
    >>> Settings(n_components=3).likelihood
    'gaussian'
    >>> Settings(n_components=0)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: n_components must be a whole number of at least 1, not 0
    """

    n_components: int = 8
    latent_dim: int | None = None
    likelihood: LikelihoodName = "gaussian"
    responsibilities: Literal["exact", "amortised"] = "amortised"
    inference: Inference = "reverse"
    procedure: Literal["default", "plain"] = "default"
    covariance_type: Literal["spherical", "diag"] = "spherical"
    weights: Literal["uniform", "learned"] = "uniform"
    max_epochs: int | None = None
    batch_size: int | None = None
    network: Literal["auto", "mlp", "conv"] = "auto"
    hidden: tuple[int, ...] | None = None
    transforms: Literal["auto", "affine"] | None = "auto"
    start: Literal["auto", "graph", "linkage", "kmeans", "diag", "full"] = "auto"
    std_floor: float = 0.05
    learning_rate: float | None = None
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("n_components", "latent_dim", "max_epochs", "batch_size"):
            value = getattr(self, name)
            if value is None and name != "n_components":
                continue
            if not _is_whole(value) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(repr(choice) for choice in choices)
                raise InputError(f"{name} must be one of {listed}, not {getattr(self, name)!r}")
        for name, low, high in (("std_floor", 1e-4, 10.0), ("learning_rate", 1e-7, 1.0)):
            value = getattr(self, name)
            if value is None and name == "learning_rate":
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
                raise InputError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}")
        if self.inference != "reverse" and (self.responsibilities, self.procedure) == ("exact", "default"):
            raise InputError(
                f"inference={self.inference!r} cannot hold p(z|w) to groups, as the default procedure does "
                "with responsibilities='exact'; use responsibilities='amortised' or procedure='plain'"
            )
        if self.hidden is not None and not (
            isinstance(self.hidden, (tuple, list))
            and len(self.hidden) > 0
            and all(_is_whole(size) and size >= 1 for size in self.hidden)
        ):
            raise InputError(f"hidden must hold whole numbers of at least 1, not {self.hidden!r}")

    @property
    def has_floor(self) -> bool:
        """Whether ``std_floor`` is of any effect."""
        return self.likelihood in ("gaussian", "mixed")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings, in order."""
        return tuple(field.name for field in fields(cls))


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
