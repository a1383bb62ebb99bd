r"""Conditionals of Gaussians: what is missing, given what is observed, for many patterns at once.

With the precision P of x and the difference :math:`\delta` from the mean, 0 where x is missing,

.. math::

    E[x_m - m_m \mid x_o] = -P_{mm}^{-1} (P \delta)_m, \qquad \mathrm{Cov}[x_m \mid x_o] = P_{mm}^{-1}, \qquad
    \log |S_{oo}| = \log |S| + \log |P_{mm}|,

so that a pattern costs one factor of the size of what is missing. The completed difference is the one of the
smallest :math:`\delta^\top P \delta`, which is the squared distance of the observed part: a sum of squares,
in which nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.em.covariance import collapsed
from mixtura.em.family import Array
from mixtura.em.patterns import Bools, Integers, PatternGroup, group_patterns


@dataclass(frozen=True, eq=False)
class Conditional:
    """The missing entries of a block given the observed ones, under each component.

    Parameters
    ----------
    differences : ndarray of shape (K, d, B)
        x less the component's mean; at missing entries its conditional mean.
    groups : list of PatternGroup
        The patterns of the block.
    factors : list of ndarray of shape (K, P, m, m)
        For each group V, where V' V are the conditional covariances; (1, P, m, m) where they are shared.
    log_determinants : ndarray of shape (K, B)
        log |P_mm|, less than which is the log-determinant of the conditional covariance.
    """

    differences: Array
    groups: list[PatternGroup]
    factors: list[Array]
    log_determinants: Array

    def add_covariances(self, responsibilities: Array, out: Array) -> None:
        """Add the conditional covariances, times responsibilities (K, B), to ``out`` of shape (K, d, d)."""
        d = out.shape[1]
        for group, factors in zip(self.groups, self.factors, strict=True):
            weights = (responsibilities[:, group.rows] * group.counted).sum(axis=2)
            covariances = factors.transpose(0, 1, 3, 2) @ factors
            places = (group.missing[:, :, None] * d + group.missing[:, None, :]).ravel()
            for k, weight in enumerate(weights):
                weighted = covariances[min(k, len(covariances) - 1)] * weight[:, None, None]
                out[k] += np.bincount(places, weighted.ravel(), d * d).reshape(d, d)

    def noise(self, components: Integers, standard: Array) -> Array:
        """Return draws (d, B) of the missing entries about their conditional means, 0 at observed ones.

        Parameters
        ----------
        components : ndarray of shape (B,)
            The component of each row.
        standard : ndarray of shape (d, B)
            Independent standard normal numbers.

        Returns
        -------
        ndarray of shape (d, B)
        """
        out = np.zeros_like(standard)
        for group, factors in zip(self.groups, self.factors, strict=True):
            pattern = np.arange(len(group.rows))[:, None]
            chosen = factors[np.minimum(components[group.rows], len(factors) - 1), pattern]  # (P, n, m, m)
            places = (group.missing[:, None, :], group.rows[:, :, None])
            out[places] = (chosen.transpose(0, 1, 3, 2) @ standard[places][..., None])[..., 0]
        return out


def condition(precisions: Array, differences: Array, missing: Bools) -> Conditional:
    """Complete differences from the means, in place, by their conditional means.

    Parameters
    ----------
    precisions : ndarray of shape (K, d, d) or (1, d, d)
        Of the components, or the one that they share.
    differences : ndarray of shape (K, d, B)
        x less each component's mean, 0 where x is missing.
    missing : ndarray of shape (d, B)
        Where that is.

    Returns
    -------
    Conditional

    Raises
    ------
    InputError
        If a covariance is so close to singular that a part of its inverse is not positive definite.
    """
    pulls = precisions @ differences
    log_determinants = np.zeros((len(differences), differences.shape[2]))
    groups, factors = group_patterns(missing), []
    for group in groups:
        places = (slice(None), group.missing[:, :, None], group.rows[:, None, :])
        parts = precisions[:, group.missing[:, :, None], group.missing[:, None, :]]
        inverse, logs = _invert(parts)
        pull = pulls[places]
        differences[places] = -(inverse.transpose(0, 1, 3, 2) @ (inverse @ pull))
        log_determinants[:, group.rows] = logs[:, :, None]
        factors.append(inverse)
    return Conditional(differences, groups, factors, log_determinants)


def _invert(matrices: Array) -> tuple[Array, Array]:
    """Return inverses of lower Cholesky factors, and log-determinants, of matrices (K, P, m, m)."""
    try:
        factors = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        spectra = np.linalg.eigvalsh(matrices).reshape(len(matrices), -1)
        at = int(spectra.min(axis=1).argmin())
        raise collapsed(at, 1 / float(spectra[at].max())) from None
    *batch, m, _ = matrices.shape
    # Last axis long: substitution runs over all matrices at once.
    lower = np.ascontiguousarray(factors.reshape(-1, m, m).transpose(1, 2, 0))
    inverse = np.zeros_like(lower)
    for i in range(m):
        inverse[i, i] = 1.0
        inverse[i, : i + 1] /= lower[i, i]
        if i + 1 < m:
            inverse[i + 1 :, : i + 1] -= lower[i + 1 :, i, None] * inverse[i, : i + 1]
    logs = -2 * np.log(inverse[np.arange(m), np.arange(m)]).sum(axis=0)
    return np.ascontiguousarray(inverse.transpose(2, 0, 1)).reshape(matrices.shape), logs.reshape(batch)
