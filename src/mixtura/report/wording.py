"""Numbers as people read them."""

from __future__ import annotations

import math

NOTHING = "–"
MINUS = "−"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def count(value: float | None) -> str:
    """Return a whole number with separators.

    Examples
    --------
    >>> count(60000)
    '60,000'
    """
    return f"{value:,.0f}" if value is not None and math.isfinite(value) else NOTHING


def number(value: float | None, digits: int = 4, *, trim: bool = True) -> str:
    """Return a number to some significant digits, with powers of ten only where it is huge or tiny.

    Trailing zeros are cut unless ``trim`` is false, which keeps a column of numbers even.

    Examples
    --------
    >>> number(12345.678), number(-0.00123456), number(1.5e30), number(3.0), number(None)
    ('12,346', '−0.001235', '1.5 × 10^30', '3', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        trimmed = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{trimmed} × 10^{int(exponent)}".replace("-", MINUS)
    decimals = 0 if value == int(value) else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if trim and "." in text else text
    return text.replace("-", MINUS)


def nats(value: float | None, decimals: int = 2) -> str:
    """Return a value in nats with fixed decimals, so that the terms of a sum line up.

    Examples
    --------
    >>> nats(-1234.5), nats(float("nan"))
    ('−1,234.50', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 1e9:
        return number(value)
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", MINUS)


def with_error(value: float | None, error: float | None) -> str:
    """Return an estimate and its standard error, both to the second digit of the error.

    Examples
    --------
    >>> with_error(-102.3456, 0.0213), with_error(-102.3456, None)
    ('−102.346 ± 0.021', '−102.35')
    """
    if value is None or error is None or not _finite(value) or not _finite(error) or error <= 0:
        return nats(value)
    decimals = min(max(1 - math.floor(math.log10(error)), 0), 6)
    return f"{nats(value, decimals)} ± {nats(error, decimals)}"


def percent(share: float | None) -> str:
    """Return a share in percent; what is not quite none or all is never rounded to it.

    Examples
    --------
    >>> percent(0.1234), percent(0.0001), percent(0.99999), percent(1)
    ('12.3%', '<0.1%', '>99.9%', '100%')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    if share in (0, 1):
        return f"{share:.0%}"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def duration(seconds: float | None) -> str:
    """Return a time in the two largest units that matter.

    Examples
    --------
    >>> duration(0.234), duration(42.3), duration(272), duration(7300)
    ('0.23 s', '42 s', '4 min 32 s', '2 h 1 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(megabytes: float | None) -> str:
    """Return an amount of memory.

    Examples
    --------
    >>> memory(512.3), memory(2048)
    ('512 MB', '2.0 GB')
    """
    if megabytes is None or not math.isfinite(megabytes):
        return NOTHING
    return f"{megabytes:,.0f} MB" if megabytes < 1024 else f"{megabytes / 1024:,.1f} GB"
