"""A GM-VAE as the composition of its four parts, and the one place that builds it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mixtura.data.layout import ColumnLayout
from mixtura.errors import InputError
from mixtura.vae.likelihood import (
    BernoulliLikelihood,
    CountLikelihood,
    GaussianLikelihood,
    Likelihood,
    ProductLikelihood,
)
from mixtura.vae.networks import (
    ConvDecoder,
    ConvEncoder,
    LogCounts,
    choose_network,
    initialise,
    materialise,
    mlp,
)
from mixtura.vae.posterior import AmortisedResponsibilities, ExactResponsibilities, GaussianPosterior
from mixtura.vae.prior import GaussianMixturePrior
from mixtura.vae.settings import Settings

Domain = Literal["unit", "real", "binary", "count", "mixed"]

MAX_ROW_COLUMNS = 64
"""Tables of up to so many columns are grouped by their rows, whose distances mean something untrained;
wider ones and images by their codes."""


class GaussianMixtureVAE(nn.Module):
    """p(z) p(w|z) p(x|w) with q(w|x) q(z|w, x), on encoded rows.

    Parameters
    ----------
    posterior : GaussianPosterior
        q_psi(w|x).
    responsibilities : ExactResponsibilities or AmortisedResponsibilities
        q_phi(z|w, x).
    prior : GaussianMixturePrior
        p(w, z).
    likelihood : Likelihood
        p_theta(x|w).
    log_determinant : float
        Of the map from raw to encoded rows: added to log p(encoded) it gives log p(raw).
    """

    log_determinant: Tensor

    def __init__(
        self,
        posterior: GaussianPosterior,
        responsibilities: ExactResponsibilities | AmortisedResponsibilities,
        prior: GaussianMixturePrior,
        likelihood: Likelihood,
        log_determinant: float = 0.0,
    ) -> None:
        super().__init__()
        self.posterior = posterior
        self.responsibilities = responsibilities
        self.prior = prior
        self.likelihood = likelihood
        self.register_buffer("log_determinant", torch.tensor(log_determinant, dtype=torch.float64))

    @property
    def n_components(self) -> int:
        """K."""
        return self.prior.means.shape[0]

    @property
    def latent_dim(self) -> int:
        """d, the dimension of w."""
        return self.prior.means.shape[1]

    @property
    def values_per_row(self) -> int:
        """About how many values one draw of w for one row keeps alive: what blocks of rows are cut by.

        Twice K d for the standardised differences to every component, and the two widest layers.
        """
        widths = [0]
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                widths += [layer.in_features, layer.out_features]
            elif isinstance(layer, (ConvEncoder, ConvDecoder)):
                height, width, _ = layer.image_shape
                channels = [c.out_channels for c in layer.modules() if isinstance(c, nn.Conv2d)]
                widths.append(height * width * max(channels))
        return 2 * (self.n_components * self.latent_dim + max(widths))

    def permute_components(self, order: Tensor) -> None:
        """Renumber the components: the new k-th is the old ``order[k]``-th. No density changes."""
        self.prior.permute(order)
        if isinstance(self.responsibilities, AmortisedResponsibilities):
            self.responsibilities.permute(order)


def default_hidden(n_encoded: int, kind: str) -> tuple[int, ...]:
    """Return the sizes of the hidden layers for rows of so many values.

    Examples
    --------
    >>> default_hidden(784, "mlp"), default_hidden(16, "mlp"), default_hidden(3072, "conv")
    ((512, 512), (128, 128), (256,))
    """
    if kind == "conv":
        return (256,)
    width = 128 if n_encoded < 48 else 256 if n_encoded <= 400 else 512
    return (width, width)


def _shown(network: nn.Module, n_encoded: int, domain: Domain, layout: ColumnLayout | None) -> nn.Module:
    """Return a network of rows with what it is to be shown of them put before it."""
    shown: nn.Module
    if domain == "count":
        shown = LogCounts(0, n_encoded)
    elif layout is not None and layout.poisson + layout.negative_binomial > 0:
        first = layout.gaussian + layout.bernoulli
        shown = LogCounts(first, first + layout.poisson + layout.negative_binomial)
    else:
        return network
    return nn.Sequential(shown, *(network if isinstance(network, nn.Sequential) else (network,)))


def _likelihood(
    settings: Settings, decoder: nn.Module, n_encoded: int, domain: Domain, layout: ColumnLayout | None
) -> Likelihood:
    if layout is not None:
        return ProductLikelihood(decoder, layout, settings.std_floor)
    if settings.likelihood == "bernoulli":
        return BernoulliLikelihood(decoder)
    if settings.likelihood == "gaussian":
        return GaussianLikelihood(decoder, domain, settings.std_floor)
    return CountLikelihood(decoder, n_encoded, dispersed=settings.likelihood == "negative_binomial")


def build_model(
    settings: Settings,
    *,
    n_encoded: int,
    domain: Domain,
    generator: torch.Generator | None = None,
    image_shape: tuple[int, ...] | None = None,
    log_determinant: float = 0.0,
    layout: ColumnLayout | None = None,
) -> GaussianMixtureVAE:
    """Return a new model with weights drawn from ``generator``, in float32 on the CPU.

    Parameters
    ----------
    settings : Settings
        Sizes and choices; what is None or "auto" is chosen here from the shape of the data.
    n_encoded : int
        Values of an encoded row.
    domain : {"unit", "real", "binary", "count", "mixed"}
        What the encoded values are.
    generator : torch.Generator, optional
        Source of the initial weights, on the CPU; without it the weights are zero, to be loaded.
    image_shape : tuple of int, optional
        (H, W) or (H, W, C) where rows are flattened images.
    log_determinant : float
        Of the encoding.
    layout : ColumnLayout, optional
        How the columns of a mixed table lie in encoded rows.

    Raises
    ------
    InputError
        If convolutions are asked for on a table, or with more than one hidden layer.

    Examples
    --------
    >>> model = build_model(Settings(n_components=3), n_encoded=4, domain="real",
    ...                     generator=torch.Generator().manual_seed(0))
    >>> model.n_components, model.latent_dim
    (3, 4)
    """
    kind = choose_network(image_shape) if settings.network == "auto" else settings.network
    if kind == "conv" and image_shape is None:
        raise InputError("network='conv' needs images, and these rows are a table; use 'mlp' or image_shape=")
    if kind == "conv" and settings.hidden is not None and len(settings.hidden) > 1:
        raise InputError(
            f"hidden={settings.hidden!r} has {len(settings.hidden)} sizes and network='conv' takes one; "
            "give one, of the linear layer, or use 'mlp'"
        )
    hidden = settings.hidden or default_hidden(n_encoded, kind)
    latent_dim = settings.latent_dim or min(10, n_encoded)
    n_maps = 2 if settings.likelihood == "gaussian" else 1
    n_outputs = n_maps * n_encoded if layout is None else layout.n_outputs
    with torch.device("meta"):
        encoder: nn.Module
        decoder: nn.Module
        if kind == "conv":
            assert image_shape is not None
            encoder = ConvEncoder(image_shape, hidden[0], 2 * latent_dim)
            decoder = ConvDecoder(latent_dim, hidden[0], image_shape, n_maps)
        else:
            encoder = mlp((n_encoded, *hidden, 2 * latent_dim))
            decoder = mlp((latent_dim, *reversed(hidden), n_outputs))
        responsibilities: ExactResponsibilities | AmortisedResponsibilities = ExactResponsibilities()
        if settings.responsibilities == "amortised":
            features = (
                ConvEncoder(image_shape, hidden[0], hidden[0])
                if kind == "conv" and image_shape is not None
                else mlp((n_encoded, *hidden))
            )
            responsibilities = AmortisedResponsibilities(
                _shown(features, n_encoded, domain, layout), latent_dim, hidden[-1], settings.n_components
            )
        encoder = _shown(encoder, n_encoded, domain, layout)
    for network in (encoder, decoder, responsibilities):
        materialise(network)
    model = GaussianMixtureVAE(
        GaussianPosterior(encoder),
        responsibilities,
        GaussianMixturePrior(settings.n_components, latent_dim, settings.covariance_type, settings.weights),
        _likelihood(settings, decoder, n_encoded, domain, layout),
        log_determinant,
    )
    if generator is not None:
        # A strong start saves epochs on wide rows, and leaves a table of few a rough density.
        initialise(model, generator, strong=domain != "real" or n_encoded > MAX_ROW_COLUMNS)
    return model
