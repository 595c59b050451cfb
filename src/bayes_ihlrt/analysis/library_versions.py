"""Versions of what a result rests on; loads nothing but names."""

import platform
from importlib.metadata import version
from typing import Final

_LIBRARIES: Final = (
    *("bayes-ihlrt", "pymc", "pytensor", "nutpie", "jax", "arviz", "numpy", "xarray"),
    "formulaic",
)


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries that a result rests on.

    Returns
    -------
    dict of str to str
        By name.

    Examples
    --------
    >>> {"python", "bayes-ihlrt", "pymc"} <= versions().keys()
    True
    """
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
