"""Figures: arrays in, plotly figures (for the page) or matplotlib axes (for files) out, one file per kind.

plotly and matplotlib are imported inside the functions, when a figure is drawn.
"""

from mixtura.plot.alpha_path import PathBranch as PathBranch
from mixtura.plot.alpha_path import PathMark as PathMark
from mixtura.plot.alpha_path import draw_alpha_path as draw_alpha_path
from mixtura.plot.bars import doubt_by_group as doubt_by_group
from mixtura.plot.bars import group_sizes as group_sizes
from mixtura.plot.bars import probability_histogram as probability_histogram
from mixtura.plot.contours import Ellipses as Ellipses
from mixtura.plot.contours import draw_contours as draw_contours
from mixtura.plot.curves import late_range as late_range
from mixtura.plot.curves import term_curves as term_curves
from mixtura.plot.densities import Curve as Curve
from mixtura.plot.densities import draw_densities as draw_densities
from mixtura.plot.free_energy_path import draw_free_energy_path as draw_free_energy_path
from mixtura.plot.heat_map import heat_map as heat_map
from mixtura.plot.latent_map import latent_map as latent_map
from mixtura.plot.palette import group_colour as group_colour
from mixtura.plot.palette import group_symbol as group_symbol
from mixtura.plot.paper import new_figure as new_figure
from mixtura.plot.paper import paper_look as paper_look
from mixtura.plot.paper import save_figure as save_figure
from mixtura.plot.theme import literal as literal
from mixtura.plot.theme import template as template

__all__ = [
    "Curve",
    "Ellipses",
    "PathBranch",
    "PathMark",
    "doubt_by_group",
    "draw_alpha_path",
    "draw_contours",
    "draw_densities",
    "draw_free_energy_path",
    "group_colour",
    "group_sizes",
    "group_symbol",
    "heat_map",
    "late_range",
    "latent_map",
    "literal",
    "new_figure",
    "paper_look",
    "probability_histogram",
    "save_figure",
    "template",
    "term_curves",
]
