"""Bayesian survival models for a treatment that starts during follow-up.

Does the treatment prolong survival, and does its effect depend on a biomarker? See the README for a
first analysis. Names load their module on first use: importing the package costs neither PyMC nor
pandas. What is offered stands in ``__init__.pyi``.
"""

import sys

# Not that of `typing`, nor the stub's reader, before they are needed: they take longer than all
# else until a command looks after Ctrl+C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_attached: "list[tuple[Callable[[str], object], Callable[[], list[str]], list[str]]]" = []


class _Face(type(sys)):  # type: ignore[misc]
    """The package. Some verbs are called like the room that does the work, and stay the verbs."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set a name; a room that is loaded is found by `__getattr__`, after the verbs."""
        if not isinstance(value, type(sys)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def _face() -> "tuple[Callable[[str], object], Callable[[], list[str]], list[str]]":
    """Read the stub, once."""
    if not _attached:
        from lazy_loader import attach_stub

        _attached.append(attach_stub(__name__, __file__))
    return _attached[0]


def __getattr__(name: str) -> object:
    """Load a public name, find a room that is loaded, or read the installed version."""
    if name == "__version__":
        from importlib.metadata import version

        return version("bayes-ihlrt")
    load, _, names = _face()
    if name == "__all__":
        return names
    if name in names:
        return load(name)
    if f"{__name__}.{name}" in sys.modules:
        return sys.modules[f"{__name__}.{name}"]
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message, name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    """List the public names, and what every module has."""
    return sorted({*vars(sys.modules[__name__]), *_face()[1]()})
