"""Mappings that nobody changes: in specifications, and in results as Python writes them.

Frozen specifications stay what was checked, down to the priors and labels in them.
"""

import copyreg
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Any, Never, TypeVar

from pydantic import AfterValidator


class FrozenDict(dict[Any, Any]):
    """A dictionary that is read only; `|` makes another one.

    Examples
    --------
    >>> kept = FrozenDict(nlr=1)
    >>> kept | {"albi": 2}
    {'nlr': 1, 'albi': 2}
    >>> kept["nlr"] = 3
    Traceback (most recent call last):
    TypeError: a specification is frozen: make another, for instance by `with_prior`
    """

    def _refuse(self, *_: object, **__: object) -> Never:
        message = "a specification is frozen: make another, for instance by `with_prior`"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type["FrozenDict"], tuple[dict[Any, Any]]]:
        return FrozenDict, (dict(self),)


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
Kept = Annotated[dict[_Key, _Value], AfterValidator(FrozenDict)]
"""A table of a specification: ``Kept[str, AnyPrior]``."""


def view(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that is read only, as results hold them.

    Parameters
    ----------
    content : dict
        What it holds.

    Returns
    -------
    mappingproxy
        A view of it.
    """
    return MappingProxyType(content)


def _parts(kept: MappingProxyType[Any, Any]) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
    return view, (dict(kept),)


# Python itself does not write it.
copyreg.pickle(MappingProxyType, _parts)
