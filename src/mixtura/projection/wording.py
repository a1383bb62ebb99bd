"""Numbers and Gaussians in words: as many digits as say something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from torch.distributions import Distribution

from mixtura.divergence.parametrisation import as_gaussian
from mixtura.errors import InputError

_EPSILON = 2.0**-52


def rounded(value: float, scale: float | None = None, digits: int = 3) -> str:
    """Return a number with the digits that matter beside a scale.

    Parameters
    ----------
    value : float
        A finite number.
    scale : float, optional
        The size beside which it is seen, such as the standard deviation of which it is the mean; its own
        size unless given.
    digits : int
        How many digits a number of the size of the scale has.

    Examples
    --------
    >>> rounded(2.98964, 1.016), rounded(3e-17, 1.0), rounded(123456.789, 1000.0), rounded(4.02569e-7)
    ('2.99', '0', '123460', '4.03e-7')
    """
    reference = abs(value) if scale is None else scale
    if value == 0 or reference == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    place = math.floor(math.log10(reference)) - digits + 1  # of the last digit that is kept
    kept = math.floor(math.log10(abs(value))) - place + 1
    if kept < 1:  # less than the last digit: that or nothing
        return _decimal(f"{math.copysign(10.0**place, value):.1g}") if 2 * abs(value) >= 10.0**place else "0"
    return _decimal(f"{value:.{min(kept, 17)}g}")


def with_error(value: float, error: float) -> str:
    """Return a value with three digits, and with its error where that can be seen in them.

    Examples
    --------
    >>> with_error(0.402569, 1e-15), with_error(0.402569, 0.0123), with_error(0.402569, 0.0078)
    ('0.403', '0.403 ± 0.012', '0.403 ± 0.008')
    """
    if abs(value) < 1e-13 and error < 1e-13:
        return "0"
    if error <= 1e-3 * abs(value):
        return rounded(value)
    digits = 2 if f"{error:e}".startswith("1") else 1
    return f"{rounded(value, error, digits)} ± {rounded(error, None, digits)}"


def format_number(value: float, places: float = 4) -> str:
    """Return the shortest decimal, or simple fraction, that equals a number up to a few last places.

    Parameters
    ----------
    value : float
        A finite number.
    places : float
        How many units of the last binary place it may be off.

    Examples
    --------
    >>> format_number(1 / 3), format_number(0.1 + 0.2), format_number(-2.0), format_number(1e-12)
    ('1/3', '0.3', '-2', '1e-12')
    """
    near = places * _EPSILON * abs(value)
    text = next(
        (text for digits in range(1, 17) if abs(float(text := f"{value:.{digits}g}") - value) <= near),
        repr(value),
    )
    if len(text) > 8 and abs(value) < 1e6:
        for below in range(3, 100):
            above = round(value * below)
            if above and abs(above / below - value) <= near:
                return f"{above}/{below}"
    return _decimal(text)


def gaussian_text(mean: float, scale: float) -> str:
    """Return a Gaussian on the line as N(mean, sd²), in which both can be read.

    Examples
    --------
    >>> gaussian_text(2.98964, 1.01595), gaussian_text(-1.0, 3e-9)
    ('N(2.99, 1.02²)', 'N(-1, (3e-9)²)')
    """
    spread = rounded(scale)
    spread = f"({spread})" if "e" in spread else spread
    return f"N({rounded(mean, scale)}, {spread}²)"


def mean_and_covariance(distribution: Distribution) -> tuple[Any, Any]:
    """Return the mean (d,) and the covariance (d, d) of a Gaussian as NumPy arrays.

    Raises
    ------
    InputError
        If it is none.
    """
    gaussian = as_gaussian(distribution)
    if gaussian is None:
        raise InputError(
            f"{type(distribution).__name__} is no Gaussian; only Gaussians have a mean and a covariance here"
        )
    mean, factor = gaussian.dense()
    return mean.detach().reshape(-1).numpy(), (factor @ factor.mT).detach().numpy()


def describe_gaussian(distribution: Distribution) -> str:
    """Return a Gaussian in words, with the digits that matter.

    Examples
    --------
    >>> from mixtura.projection.notation import parse_mixture
    >>> describe_gaussian(parse_mixture("N(1, 9)"))
    'N(1, 3²)'
    >>> describe_gaussian(parse_mixture("N([0, 1], [[1, 0.6], [0.6, 4]])"))
    'mean (0, 1), sd (1, 2), corr 0.3'
    """
    mean, covariance = mean_and_covariance(distribution)
    scale = np.sqrt(np.diagonal(covariance))
    if not distribution.event_shape:
        return gaussian_text(float(mean[0]), float(scale[0]))
    words = f"mean {row_text(mean, scale)}, sd {row_text(scale)}"
    if len(mean) == 2 and covariance[0, 1] != 0:
        words += f", corr {rounded(float(covariance[0, 1] / scale.prod()), 1.0, 3)}"
    return words


def row_text(values: Sequence[float], scales: Sequence[float] | None = None, digits: int = 3) -> str:
    """Return the entries of a vector in brackets, the first four where there are many.

    Examples
    --------
    >>> row_text([1.0, 2.34567])
    '(1, 2.35)'
    """
    sizes = [None] * len(values) if scales is None else [float(scale) for scale in scales]
    words = [rounded(float(value), size, digits) for value, size in zip(values[:4], sizes[:4], strict=True)]
    return f"({', '.join(words)}{', ...' if len(values) > 4 else ''})"


def _decimal(text: str) -> str:
    """Return a number as print has it: no exponent where that is short, no superfluous character in one."""
    plain = format(Decimal(text), "f")
    mantissa, _, exponent = text.partition("e")
    short = f"{mantissa}e{int(exponent)}" if exponent else plain
    return plain if len(plain) <= max(7, len(short)) else short
