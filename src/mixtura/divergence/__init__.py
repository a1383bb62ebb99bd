"""Divergence between two distributions: closed form, bound, quadrature, Monte Carlo."""
