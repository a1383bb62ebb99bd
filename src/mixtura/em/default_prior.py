"""A weak prior on Gaussian components, read off the data."""

from __future__ import annotations

import numpy as np

from mixtura.em.covariance import Layout
from mixtura.em.origin import column_means
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import Source

# How many observations the prior mean is worth.
_KAPPA = 0.01


def default_prior(source: Source, layout: Layout, n_components: int) -> NormalInverseWishart:
    r"""Return a prior that keeps every covariance from collapsing, and hardly moves those that do not.

    Its mean is that of the data, worth a hundredth of an observation, with

    .. math::

        \nu = d + 2, \qquad \Psi = \mathrm{diag}(s_1^2, \dots, s_d^2) / K^{2/d}

    from the variances of the columns. A column of one value gets the variance 1 instead.

    Parameters
    ----------
    source : Source
        The observations; NaN is missing.
    layout : Layout
        Of the covariances.
    n_components : int
        K.

    Returns
    -------
    NormalInverseWishart

    References
    ----------
    .. [1] C. Fraley and A. Raftery, Bayesian regularization for normal mixture estimation and model-based
       clustering, Journal of Classification 24, 2007. There the scale is the whole covariance matrix, which
       collinear columns make singular.

    Examples
    --------
    >>> from mixtura.em.covariance import Matrices
    >>> from mixtura.em.source import ArraySource
    >>> prior = default_prior(ArraySource(np.array([[0.0, 7.0], [2.0, 7.0]])), Matrices(), 1)
    >>> prior.mean.tolist(), prior.scale.tolist()
    ([1.0, 7.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    d = source.n_features
    means = column_means(source)
    squares, totals = np.zeros(d), np.zeros(d)
    for block, weights in source.blocks():
        known = ~np.isnan(block)
        each = np.ones(block.shape[1]) if weights is None else weights
        squares += np.where(known, block - means[:, None], 0.0) ** 2 @ each
        totals += known @ each
    variances = squares / np.where(totals > 0, totals, 1.0)
    scale = np.where(variances > 0, variances, 1.0) / n_components ** (2 / d)
    diagonal = layout.add_to_diagonal(layout.zeros(1, d), scale)[0]
    return NormalInverseWishart(means, _KAPPA, d + 2.0, diagonal)
