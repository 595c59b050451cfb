"""Bayesian survival models for a treatment that starts during follow-up.

Does the treatment prolong survival, and does its effect depend on a biomarker? See the README for a
first analysis. Names load their module on first use: importing the package costs neither PyMC nor
pandas. What is offered stands in ``__init__.pyi``.
"""

import sys
from types import ModuleType

from lazy_loader import attach_stub

_load, __dir__, __all__ = attach_stub(__name__, __file__)


class _Face(ModuleType):
    """The package. Some verbs are called like the room that does the work, and stay the verbs."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set a name; a room that is loaded does not take the place of a verb."""
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> object:
    """Load a public name, or read the installed version."""
    if name == "__version__":
        from importlib.metadata import version

        return version("bayes-ihlrt")
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=sys.modules[__name__])
    return _load(name)
