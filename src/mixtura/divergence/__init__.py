"""Divergence between two distributions: closed form, bound, quadrature, Monte Carlo."""

# The closed forms register themselves when they are imported.
from mixtura.divergence import composed as composed
from mixtura.divergence import discrete as discrete
from mixtura.divergence import gaussian as gaussian
from mixtura.divergence import gaussian_power as gaussian_power
