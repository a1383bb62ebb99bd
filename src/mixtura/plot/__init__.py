"""Figures: arrays in, plotly figures out, one file per kind of figure.

plotly is imported inside the functions, when a figure is drawn.
"""

from mixtura.plot.bars import doubt_by_group as doubt_by_group
from mixtura.plot.bars import group_sizes as group_sizes
from mixtura.plot.bars import probability_histogram as probability_histogram
from mixtura.plot.curves import late_range as late_range
from mixtura.plot.curves import term_curves as term_curves
from mixtura.plot.heat_map import heat_map as heat_map
from mixtura.plot.latent_map import latent_map as latent_map
from mixtura.plot.palette import group_colour as group_colour
from mixtura.plot.palette import group_symbol as group_symbol
from mixtura.plot.theme import literal as literal
from mixtura.plot.theme import template as template

__all__ = [
    "doubt_by_group",
    "group_colour",
    "group_sizes",
    "group_symbol",
    "heat_map",
    "late_range",
    "latent_map",
    "literal",
    "probability_histogram",
    "template",
    "term_curves",
]
