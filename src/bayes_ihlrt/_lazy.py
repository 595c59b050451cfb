"""Names and modules that load on first use, so that an import stays fast."""

import sys
from importlib import import_module
from types import ModuleType

# Not that of `typing`: this is loaded before a command looks after Ctrl+C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(
    package: str, names: "Mapping[str, str]", *, modules: "Mapping[str, str] | None" = None
) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Return the `__getattr__` and `__dir__` of a package whose names load on first use.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : mapping of str to str
        Public name to the module that defines it.
    modules : mapping of str to str, optional
        Public name to the module that it stands for.

    Returns
    -------
    tuple of callable
        The module-level `__getattr__` and `__dir__`.
    """
    submodules = modules or {}

    def load(name: str) -> object:
        if name in submodules:
            value: object = import_module(submodules[name])
        elif name in names:
            value = getattr(import_module(names[name]), name)
        else:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[package])
        setattr(sys.modules[package], name, value)
        return value

    def public() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *submodules})

    return load, public


class _Lazy(ModuleType):
    """Stands for a module until one of its names is asked for.

    It is not among `sys.modules`: libraries that look through those ask every module for names.
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
