"""What `select_components` returns: a table with a line for each K, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.findings import Finding

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Selection:
    r"""Mixtures of several numbers of components, compared; one entry of an array for each.

    Log-likelihoods are means over the rows, in nats per observation, and more is better. ``bic`` and ``icl``
    are scikit-learn's and less is better; ``bic_per_row`` and ``icl_per_row`` are the same on the scale of
    log-likelihoods, :math:`-\mathrm{BIC} / 2n`. NaN stands where a mixture could not be fitted.

    Parameters
    ----------
    model : ndarray of str, shape (m,)
        The name of the mixture: of its class, or in the mapping that was given.
    n_components : ndarray of int, shape (m,)
        K.
    n_parameters : ndarray of int, shape (m,)
        Free parameters; 0 where all rows could not be fitted.
    log_likelihood : ndarray of shape (m,)
        Mean of log p(x) over the rows that the mixture was fitted to.
    held_out : ndarray of shape (m,)
        Mean of log p(x) over the rows when they were held out.
    held_out_se : ndarray of shape (m,)
        Its standard error.
    behind : ndarray of shape (m,)
        The greatest ``held_out`` less this one.
    behind_se : ndarray of shape (m,)
        The standard error of this difference, from the differences row by row.
    bic : ndarray of shape (m,)
        The Bayesian information criterion,
        :math:`-2 \sum_i w_i \log p(x_i) + \text{n\_parameters} \cdot \log n`.
    icl : ndarray of shape (m,)
        BIC and twice the entropy of the responsibilities.
    converged : ndarray of bool, shape (m,)
        Whether EM met its criterion in every fit.
    reason : ndarray of str, shape (m,)
        Why a mixture could not be fitted; empty where it could.
    chosen_by : mapping of str to int
        For each criterion the number of the line that it picks.
    criterion : str
        The one that chose.
    estimator : MixtureBase or GMVAE
        The mixture that was chosen, fitted to all rows.
    n_rows : float
        n, the sum of the weights where there are some.
    n_folds : int
        Parts that were held out.
    seed : int
        Of the folds, and of the fits where the mixture had none.
    findings : tuple of Finding
        What a person should know before trusting the choice.
    """

    model: NDArray[np.str_]
    n_components: NDArray[np.int64]
    n_parameters: NDArray[np.int64]
    log_likelihood: Array
    held_out: Array
    held_out_se: Array
    behind: Array
    behind_se: Array
    bic: Array
    icl: Array
    converged: NDArray[np.bool_]
    reason: NDArray[np.str_]
    chosen_by: Mapping[str, int]
    criterion: str
    estimator: Any
    n_rows: float
    n_folds: int
    seed: int
    findings: tuple[Finding, ...]

    @property
    def chosen(self) -> int:
        """The number of the line that was chosen."""
        return self.chosen_by[self.criterion]

    @property
    def best(self) -> dict[str, int]:
        """K by each criterion."""
        return {name: int(self.n_components[line]) for name, line in self.chosen_by.items()}

    @property
    def bic_per_row(self) -> Array:
        r""":math:`-\mathrm{BIC} / 2n`, in nats per observation; more is better."""
        return -self.bic / (2 * self.n_rows)

    @property
    def icl_per_row(self) -> Array:
        r""":math:`-\mathrm{ICL} / 2n`, in nats per observation; more is better."""
        return -self.icl / (2 * self.n_rows)

    def table(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the table by name, such as ``pandas.DataFrame`` takes them."""
        names = (
            "model",
            "n_components",
            "n_parameters",
            "log_likelihood",
            "held_out",
            "held_out_se",
            "behind",
            "behind_se",
            "bic",
            "bic_per_row",
            "icl",
            "icl_per_row",
            "converged",
            "reason",
        )
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Any = None) -> Any:
        """Draw held-out log-likelihood with its standard errors, BIC and ICL against K.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a figure of its own is made unless given.

        Returns
        -------
        matplotlib.axes.Axes
            Its figure is ``ax.figure``, and ``ax.figure.savefig("name.svg")`` writes it.
        """
        from mixtura.selection.figure import draw_selection

        return draw_selection(self, ax)

    def __repr__(self) -> str:
        """Return the choice on one line."""
        model, k = self.model[self.chosen], self.n_components[self.chosen]
        return f"Selection({model}, K={k} by {self.criterion}, of {len(self.model)} tried)"

    def __str__(self) -> str:
        """Return the table, the choice and the findings as text."""
        from mixtura.selection.wording import text_of

        return text_of(self)
