"""Problem 7.2: which gradient each part has in the pure bound, and what the stages add to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from mixtura.clustering import accuracy
from mixtura.estimators import GMVAE
from mixtura.theory.check import Figure, above, below, shown
from mixtura.theory.digit_images import digit_images, digit_labels
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.model import build_model
from mixtura.vae.settings import Settings

PARTS = {
    "theta": "likelihood",
    "mu, sigma": "prior",
    "psi": "posterior",
    "phi": "responsibilities",
}
"""The source's letters, and what the code calls the parts."""

REACHES = {
    "reconstruction": {"theta", "psi"},
    "cluster": {"psi", "phi"},
    "conditional_prior": {"mu, sigma", "psi", "phi"},
}
"""Through which term a part has its gradient: psi through w in all three."""

_EPOCHS = 80


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the size of each gradient by term, and the groups of the pure bound and of the stages."""
    seed = int(generator.integers(2**31))
    sizes = gradient_sizes(seed)
    for term, reached in REACHES.items():
        for part in PARTS:
            name, size = f"gradient of {term} in {part}", sizes[term, part]
            yield above(name, size, 1e-8) if part in reached else below(name, size, 1e-12)
    scores, bounds = {}, {}
    for procedure in ("plain", "default"):
        model = GMVAE(10, procedure=procedure, image_shape=(8, 8), max_epochs=_EPOCHS, random_state=seed)
        scores[procedure] = accuracy(digit_labels(), model.fit_predict(digit_images()))
        bounds[procedure] = model.bound_.bound
        yield shown(f"{procedure} procedure: accuracy of the groups", scores[procedure])
        yield shown(f"{procedure} procedure: bound, nats", bounds[procedure])
    yield above("accuracy that the stages add", scores["default"] - scores["plain"], 0.05)


def gradient_sizes(seed: int) -> dict[tuple[str, str], float]:
    """Return the largest entry of the gradient of each mean term of the bound in each part.

    Parameters
    ----------
    seed : int
        Of a new model of the digits and of its draws.
    """
    draws = torch.Generator().manual_seed(seed)
    settings = Settings(n_components=3, latent_dim=2, hidden=(16,))
    model = build_model(settings, n_encoded=64, domain="unit", generator=draws).double()
    with torch.no_grad():  # equal components would be told apart by nothing
        model.prior.means.copy_(torch.randn(model.prior.means.shape, generator=draws, dtype=torch.float64))
    x = torch.from_numpy(digit_images()[:50] / 16.0)
    terms = evidence_lower_bound(model, x, torch.randn((50, 2), generator=draws, dtype=torch.float64)).terms
    sizes = {}
    for term, value in terms.items():
        for part, attribute in PARTS.items():
            parameters = list(getattr(model, attribute).parameters())
            found = torch.autograd.grad(value.mean(), parameters, retain_graph=True, allow_unused=True)
            sizes[term, part] = max(0.0 if g is None else float(g.abs().max()) for g in found)
    return sizes
