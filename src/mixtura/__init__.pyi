from ._version import __version__ as __version__
from .divergence import gaussian_kl as gaussian_kl
from .divergence import gaussian_mixture as gaussian_mixture
from .divergence import kl as kl
from .errors import BinarisedWarning as BinarisedWarning
from .errors import CheckError as CheckError
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
from .estimators import VAE as VAE
from .estimators import BernoulliMixture as BernoulliMixture
from .estimators import CategoricalMixture as CategoricalMixture
from .estimators import GaussianMixture as GaussianMixture
from .estimators import MixedMixture as MixedMixture
from .estimators import PoissonMixture as PoissonMixture
from .findings import Finding as Finding
from .free_energy import FreeEnergy as FreeEnergy
from .projection.alpha import alpha_path as alpha_path
from .projection.closest import project as project
from .selection import merge_components as merge_components
from .selection import prune_components as prune_components
from .selection import select_components as select_components

__all__ = [
    "GMVAE",
    "VAE",
    "BernoulliMixture",
    "BinarisedWarning",
    "CategoricalMixture",
    "CheckError",
    "ConstantColumnWarning",
    "ConvergenceError",
    "Finding",
    "FreeEnergy",
    "GaussianMixture",
    "InputError",
    "MixedMixture",
    "MixturaError",
    "MixturaWarning",
    "ModelFileError",
    "NumericalWarning",
    "PoissonMixture",
    "TrainingError",
    "TrainingWarning",
    "__version__",
    "alpha_path",
    "gaussian_kl",
    "gaussian_mixture",
    "kl",
    "merge_components",
    "project",
    "prune_components",
    "select_components",
]
