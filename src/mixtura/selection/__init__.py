"""How many groups: several K compared on held-out rows, or the components of one fit merged and pruned."""

from mixtura.selection.components import select_components as select_components
from mixtura.selection.merged import Merging as Merging
from mixtura.selection.merging import merge_components as merge_components
from mixtura.selection.pruning import prune_components as prune_components
from mixtura.selection.result import Selection as Selection

__all__ = ["Merging", "Selection", "merge_components", "prune_components", "select_components"]
