"""Modules that load on first use, so that a command answers at once."""

from importlib import import_module
from types import ModuleType


class _Lazy(ModuleType):
    """Stands for a module until one of its names is asked for.

    It is not among `sys.modules`, as those of `lazy_loader.load` are: libraries that look through
    those ask every module for names.
    """

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self.__name__), name)


def lazy_module(name: str) -> ModuleType:
    """Return a stand-in for a module, which is imported when one of its names is asked for.

    Parameters
    ----------
    name : str
        Dotted, in full.

    Returns
    -------
    module
        Every name is looked up in the module itself, each time.
    """
    return _Lazy(name)
