"""The Gaussian closest to a density, in either direction of KL."""
