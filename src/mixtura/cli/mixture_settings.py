"""The options that fits of classical mixtures share, and the settings of an estimator that they stand for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from mixtura.cli.options import number, whole
from mixtura.errors import InputError

Family = Annotated[
    Literal["auto", "gaussian", "bernoulli", "categorical", "poisson", "mixed"],
    typer.Option(
        help="What a group is; auto: numbers gaussian, 0 and 1 bernoulli, text categorical, several of these "
        "mixed."
    ),
]
ColumnsAs = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="NAME=FAMILY",
        show_default=False,
        help="The family of one column of a mixed table; may be given often.",
    ),
]
Seed = Annotated[int, typer.Option(parser=whole, metavar="N", help="Same seed, same machine: same result.")]
Starts = Annotated[
    int, typer.Option(parser=whole, metavar="N", help="How many starts of a fit; the best end is kept.")
]
MaxIter = Annotated[int, typer.Option(parser=whole, metavar="N", help="The most iterations from a start.")]
RegCovar = Annotated[
    float | None,
    typer.Option(
        parser=number,
        metavar="V",
        show_default=False,
        help="Added to every variance of a Gaussian, in units of the data squared; unless given, 1e-6.",
    ),
]
Binarise = Annotated[
    float | None,
    typer.Option(
        parser=number,
        metavar="T",
        show_default=False,
        help="For bernoulli: turn values above T into 1 and all others into 0.",
    ),
]
Fractions = Annotated[
    bool,
    typer.Option(
        "--fractions",
        help="For poisson: take numbers between whole ones too, as expected counts are; log p(x) is then a "
        "quasi-likelihood.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", show_default=False, help="The column that says how often each row counts."
    ),
]

_COVARIANCE = {"gaussian": "full", "mixed": "diag"}
_REG_COVAR = 1e-6


def check_settings(
    components: int, seed: int, starts: int, max_iter: int, tol: float, reg_covar: float | None
) -> None:
    """Refuse numbers out of range before anything is read.

    Raises
    ------
    InputError
        Naming the option, the value and the range.

    Examples
    --------
    >>> check_settings(3, 0, 0, 100, 1e-5, None)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --starts 0 is less than 1; give 1 or more
    """
    if components < 1:
        raise InputError(f"--components {components} is less than 1; ask for one group or more")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")
    for name, value in (("starts", starts), ("max-iter", max_iter)):
        if value < 1:
            raise InputError(f"--{name} {value} is less than 1; give 1 or more")
    for name, size in (("tol", tol), ("reg-covar", reg_covar)):
        if size is not None and size < 0:
            raise InputError(f"--{name} {size:g} is negative; give 0 or more")


def family_asked(family: str, binarise: float | None, *, fractions: bool) -> str:
    """Return the family that was asked for, by an option that only one has where it was left open.

    Examples
    --------
    >>> family_asked("auto", 0.5, fractions=False), family_asked("auto", None, fractions=True)
    ('bernoulli', 'poisson')
    """
    if family != "auto":
        return family
    if binarise is not None:
        return "bernoulli"
    return "poisson" if fractions else "auto"


def family_settings(
    family: str,
    covariance: str | None,
    reg_covar: float | None,
    acceleration: str,
    binarise: float | None,
    *,
    fractions: bool = False,
) -> dict[str, Any]:
    """Return the settings of an estimator that only some families have.

    Parameters
    ----------
    family : str
        As it was chosen or inferred.
    covariance, reg_covar, acceleration, binarise
        As they were asked for; None and "none" where they were not.
    fractions : bool
        Whether it was asked for.

    Raises
    ------
    InputError
        If one is asked for that the family does not have.

    Examples
    --------
    >>> family_settings("mixed", None, None, "none", None)
    {'covariance_type': 'diag', 'reg_covar': 1e-06, 'handle_unknown': 'missing'}
    """
    settings: dict[str, Any] = {}
    for name, value in (("--covariance", covariance), ("--reg-covar", reg_covar)):
        if value is not None and family not in _COVARIANCE:
            raise InputError(f"{name} is for Gaussians, and the family is {family}; leave it out")
    if family in _COVARIANCE:
        settings["covariance_type"] = covariance or _COVARIANCE[family]
        settings["reg_covar"] = _REG_COVAR if reg_covar is None else reg_covar
    if binarise is not None:
        if family != "bernoulli":
            raise InputError(
                f"--binarise {binarise:g} needs --family bernoulli, and the family is {family}; leave it out"
            )
        settings["binarise"] = binarise
    if fractions:
        if family != "poisson":
            raise InputError(f"--fractions needs --family poisson, and the family is {family}; leave it out")
        settings["fractions"] = True
    if acceleration != "none":
        settings["acceleration"] = acceleration
    if family in ("categorical", "mixed"):
        # New rows may hold other categories; the verbs say how many did.
        settings["handle_unknown"] = "missing"
    return settings
