"""The groups that training works with: where they are looked for, and what was found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.clustering import GroupEvidence, numbered_alike
from mixtura.data.counts import stabilised
from mixtura.vae.likelihood import BernoulliLikelihood, CountLikelihood, ProductLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.training.groups import Start, find_groups
from mixtura.vae.training.mixed_start import evidence_of_bits, find_mixed_groups
from mixtura.vae.training.start import mean_codes, mean_features, set_prior_from_groups
from mixtura.vae.training.transforms import AffineTransform

# Transforms over which codes and features are averaged: the fewer rows, the more what one shows is luck. Of
# 60,000 rows two do what four do, and one names a little less.
_ALL_VIEWS, _LEAST_VIEWS, _MOST_VIEWS = 120_000, 2, 16
_FEATURES = 10  # directions in which the features of q_phi vary most; the others are noise to neighbours


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has come to.

    Parameters
    ----------
    groups : Tensor of shape (n,), optional
        Group of each row; None before the first search.
    probabilities : Tensor of shape (n, K), optional
        Of the groups, where it is known how sure they are.
    start : Start, optional
        The groups last found, as they were found.
    evidence : GroupEvidence, optional
        Whether the first groups describe held-out rows better than none.
    taught : bool
        Whether q_phi has learned the groups, so that its features say something of them.
    """

    groups: Tensor | None = None
    probabilities: Tensor | None = None
    start: Start | None = None
    evidence: GroupEvidence | None = None
    taught: bool = False

    @property
    def none_better(self) -> bool:
        """Whether the groups are no better than none, so that nothing is to be drawn towards them.

        Gaussians that overlap much gain little. Their probabilities are as unsure as the rows are, and may be
        taught if they gain anything.
        """
        if self.evidence is None or self.evidence.better:
            return False
        overlapping = None if self.start is None else self.start.overlapping
        return overlapping is None or not overlapping.seen


class GroupSearch:
    """Finds groups on the rows of a table, or on codes and, once it has been taught, on features of q_phi.

    Parameters
    ----------
    model : GaussianMixtureVAE
        Its codes and features are looked at, and its prior is set to the groups.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    kind : str
        Method, as in `find_groups`.
    on_rows : bool
        Whether groups are looked for on the rows, once: their distances mean something untrained.
    transform : AffineTransform, optional
        Codes and features are averaged over so transformed rows.
    generator : torch.Generator
        Of the transforms.
    numpy_generator : numpy.random.Generator
        Of the search.
    """

    def __init__(
        self,
        model: GaussianMixtureVAE,
        x: Tensor,
        kind: str,
        *,
        on_rows: bool,
        transform: AffineTransform | None,
        generator: torch.Generator,
        numpy_generator: np.random.Generator,
    ) -> None:
        self._model, self._x, self._kind, self._on_rows = model, x, kind, on_rows
        self._transform, self._generator, self._numpy_generator = transform, generator, numpy_generator
        self._codes: tuple[Tensor, Tensor] | None = None
        self.found = Found()

    def forget_codes(self) -> None:
        """Drop the codes that were kept: the encoder has changed."""
        self._codes = None

    def renew(self) -> str | None:
        """Find the groups anew and start the mixture from them; return what there is to say of them."""
        loc, variance = self._mean_codes()
        message = None
        if self.found.groups is None or not self._on_rows:
            start = self._start(loc)
            self._take(start)
            message = f"{start.message}, on {self._where}"
        assert self.found.groups is not None
        set_prior_from_groups(self._model, loc, variance, self.found.groups)
        return message

    def _start(self, loc: Tensor) -> Start:
        n_groups, likelihood = self._model.n_components, self._model.likelihood
        if self._on_rows and isinstance(likelihood, ProductLikelihood):
            rows = self._x.float().cpu().numpy()
            return find_mixed_groups(rows, likelihood.layout, n_groups, self._kind, self._numpy_generator)
        start = find_groups(
            self._points(loc),
            n_groups,
            self._kind_now,
            self._numpy_generator,
            on_rows=self._on_rows,
            again=self.found.start is not None,
        )
        if start.evidence is None or not isinstance(likelihood, BernoulliLikelihood):
            return start
        # Codes of few different rows are so many tight points, of which any partition beats one Gaussian.
        of_bits = evidence_of_bits(self._x.double().cpu().numpy(), start.labels, self._numpy_generator)
        return start if of_bits.better else replace(start, evidence=of_bits)

    def _take(self, start: Start) -> None:
        labels, sure, before = start.labels, start.probabilities, self.found.groups
        if before is not None:
            labels = numbered_alike(labels, before.cpu().numpy(), self._model.n_components)
        self.found = replace(
            self.found,
            groups=torch.from_numpy(labels).to(self._x.device),
            probabilities=None if sure is None else torch.from_numpy(sure).to(self._x),
            start=start,
            evidence=self.found.evidence or start.evidence,
        )

    @property
    def _kind_now(self) -> str:
        """Of "auto" what was chosen the first time."""
        before = self.found.start
        if self._kind != "auto" or before is None:
            return self._kind
        return "graph" if before.modularity is not None else "kmeans"

    @property
    def _where(self) -> str:
        return "rows" if self._on_rows else "codes and features" if self.found.taught else "codes"

    def _points(self, loc: Tensor) -> NDArray[np.float32]:
        if self._on_rows:
            counts = isinstance(self._model.likelihood, CountLikelihood)
            return (stabilised(self._x) if counts else self._x).float().cpu().numpy()
        codes = loc.float().cpu().numpy()
        if not self.found.taught:
            return codes
        responsibilities = self._model.responsibilities
        assert isinstance(responsibilities, AmortisedResponsibilities)
        features = mean_features(responsibilities, self._x, *self._views())
        return side_by_side(codes, main_directions(features.float().cpu().numpy(), _FEATURES))

    def _mean_codes(self) -> tuple[Tensor, Tensor]:
        if self._codes is None:
            self._codes = mean_codes(self._model, self._x, *self._views())
        return self._codes

    def _views(self) -> tuple[Callable[[Tensor], Tensor] | None, int]:
        transform = self._transform
        if transform is None:
            return None, 1
        n_views = min(_MOST_VIEWS, max(_LEAST_VIEWS, _ALL_VIEWS // len(self._x)))
        return (lambda block: transform(block, self._generator)), n_views


def main_directions(features: NDArray[np.float32], n_directions: int) -> NDArray[np.float32]:
    """Return the coordinates of rows along the directions in which they vary most (principal components).

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Rows.
    n_directions : int
        How many; fewer where there are fewer rows or features.

    Examples
    --------
    >>> rows = np.array([[0.0, 0.0], [2.0, 0.1], [4.0, 0.0]], dtype=np.float32)
    >>> np.abs(main_directions(rows, 1)).round(2).ravel().tolist()
    [2.0, 0.0, 2.0]
    """
    from sklearn.decomposition import PCA

    kept = min(n_directions, *features.shape)
    if (features == features[0]).all():  # a network that has died tells nothing apart
        return np.zeros((len(features), kept), dtype=np.float32)
    along: NDArray[np.float32] = PCA(kept, svd_solver="covariance_eigh").fit_transform(features)
    return along


def side_by_side(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return points with the coordinates of several, each scaled to a total variance of one.

    Examples
    --------
    >>> left = np.array([[0.0], [2.0]], dtype=np.float32)
    >>> side_by_side(left, 10 * left).tolist()
    [[0.0, 0.0], [2.0, 2.0]]
    """
    scales = [np.sqrt(part.var(axis=0, dtype=np.float64).sum()) for part in parts]
    return np.concatenate(
        [part / np.float32(scale) if scale > 0 else part for part, scale in zip(parts, scales, strict=True)],
        axis=1,
    )
