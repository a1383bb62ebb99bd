from ._version import __version__ as __version__
from .errors import BinarisedWarning as BinarisedWarning
from .errors import ConstantColumnWarning as ConstantColumnWarning
from .errors import ConvergenceError as ConvergenceError
from .errors import InputError as InputError
from .errors import MixturaError as MixturaError
from .errors import MixturaWarning as MixturaWarning
from .errors import ModelFileError as ModelFileError
from .errors import NumericalWarning as NumericalWarning
from .errors import TrainingError as TrainingError
from .errors import TrainingWarning as TrainingWarning
from .estimators import GMVAE as GMVAE
from .findings import Finding as Finding
from .free_energy import FreeEnergy as FreeEnergy

__all__ = [
    "GMVAE",
    "BinarisedWarning",
    "ConstantColumnWarning",
    "ConvergenceError",
    "Finding",
    "FreeEnergy",
    "InputError",
    "MixturaError",
    "MixturaWarning",
    "ModelFileError",
    "NumericalWarning",
    "TrainingError",
    "TrainingWarning",
    "__version__",
]
