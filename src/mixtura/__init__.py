"""Mixtures by the free energy: the public names, each imported when it is first used.

Examples
--------
>>> import mixtura
>>> mixtura.FreeEnergy({"reconstruction": -1.0}, {"cluster": 0.5, "conditional_prior": 0.25}).bound
-1.75
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
