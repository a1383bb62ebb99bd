"""Divergence between two distributions: closed form, bound, quadrature, Monte Carlo."""

# The closed forms register themselves when they are imported.
from mixtura.divergence import gaussian as gaussian
