"""How many groups: mixtures of several K compared by held-out log-likelihood, BIC and ICL."""

from mixtura.selection.components import select_components as select_components
from mixtura.selection.result import Selection as Selection

__all__ = ["Selection", "select_components"]
