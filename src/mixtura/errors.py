"""The one exception family, and the one warning family.

Every message is one line: what was wrong, the value, what to do.
"""

from __future__ import annotations


class MixturaError(Exception):
    """Base of every error that mixtura raises on purpose."""


class InputError(MixturaError, ValueError):
    """The data, a parameter or a file is not what was asked for; the message names the mend."""


class ModelFileError(InputError):
    """A model folder is missing, damaged, or of a version that this mixtura cannot read."""


class TrainingError(MixturaError, RuntimeError):
    """Training could not go on; the last finite state was kept and the message names the term."""


class ConvergenceError(MixturaError, ArithmeticError):
    """A numerical method could not reach an answer to be trusted; the message says where and what to do."""


class CheckError(MixturaError, AssertionError):
    """A numerical check of a written answer failed; the message names the answer and the figure."""


class MixturaWarning(UserWarning):
    """Base of every warning that mixtura gives."""


class ConstantColumnWarning(MixturaWarning):
    """Columns of one value carry no information and were left out of the model."""


class BinarisedWarning(MixturaWarning):
    """Values were turned into 0 and 1 by a threshold, as asked."""


class TrainingWarning(MixturaWarning):
    """Training met something that a person should look at, and went on."""


class NumericalWarning(MixturaWarning):
    """A value was reached by a numerical method whose own error estimate is larger than was asked for."""
