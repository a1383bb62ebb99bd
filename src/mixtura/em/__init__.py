"""Expectation-maximisation: exact q, theta in closed form, for the classical mixtures."""
