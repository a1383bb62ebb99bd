"""The Gaussian closest to a density, in either direction of KL."""

from mixtura.projection.alpha import AlphaPath as AlphaPath
from mixtura.projection.alpha import alpha_path as alpha_path
from mixtura.projection.notation import parse_mixture as parse_mixture
from mixtura.projection.closest import project as project
from mixtura.projection.result import Projection as Projection
from mixtura.projection.result import StationaryPoint as StationaryPoint

__all__ = ["AlphaPath", "Projection", "StationaryPoint", "alpha_path", "parse_mixture", "project"]
