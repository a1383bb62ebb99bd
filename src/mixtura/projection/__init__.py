"""The Gaussian closest to a density, in either direction of KL.

Nothing is imported here, so that the command can read a text without loading PyTorch.
"""
