"""Results as plain data, in a line or two, and as a page: the one place where they become JSON.

Every ``to_dict`` may hold what the computation left (NumPy scalars and arrays, enumerations, paths,
dates, labelled arrays); `plain` turns all of it into the types of JSON and names the place of what
it does not know.
"""

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from operator import attrgetter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from bayes_ihlrt._lazy import lazy_module

if TYPE_CHECKING:
    import numpy as np

type Plain = bool | int | float | str | list[Plain] | dict[str, Plain] | None

NOT_FINITE: Final = "not_finite"
"""Key of the places at which infinite numbers stood; JSON has none."""


def plain(content: Mapping[str, Any]) -> dict[str, Plain]:
    """Return a result as the types of JSON.

    What is not a number (NaN, NaT, NA, a masked cell) is not defined and becomes None. An infinite
    number becomes None as well, and is named under ``not_finite``.

    Parameters
    ----------
    content : mapping of str to object
        Text, numbers, None, enumerations, paths, dates, NumPy, pandas and xarray scalars and
        arrays, and mappings and sequences of these.

    Returns
    -------
    dict
        Plain data; with ``not_finite``, a mapping from places to ``"inf"`` or ``"-inf"``, only
        where there is an infinite number.

    Raises
    ------
    TypeError
        A value or a key is of another type; the message names its place.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"changed": np.int64(2), "bounds": np.array([0.5, np.inf]), "gap": np.nan})
    {'changed': 2, 'bounds': [0.5, None], 'gap': None, 'not_finite': {'bounds[1]': 'inf'}}
    """
    infinite: dict[str, Plain] = {}
    found = _mapping(content, "", infinite)
    return {**found, NOT_FINITE: infinite} if infinite else found


def json_text(content: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """Return a result as JSON text.

    Parameters
    ----------
    content : mapping of str to object
        See `plain`.
    indent : int or None
        Spaces of a level; None for text without spaces.

    Returns
    -------
    str
        JSON, without a line break at its end.

    Raises
    ------
    TypeError
        A value or a key has no form in JSON.

    Examples
    --------
    >>> import numpy as np
    >>> json_text({"hazard": np.float32(0.5)}, indent=None)
    '{"hazard":0.5}'
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(plain(content), indent=indent, separators=separators, allow_nan=False)


def _mapping(value: Mapping[Any, Any], place: str, infinite: dict[str, Plain]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for key, item in value.items():
        name = _key(key, place)
        if name in found:
            message = f"{place or 'the result'}: two keys are both written '{name}'"
            raise TypeError(message)
        found[name] = _value(item, f"{place}.{name}" if place else name, infinite)
    return found


def _key(key: object, place: str) -> str:
    found = _scalar(key)
    if isinstance(found, str | int | float) and not isinstance(found, bool):
        return str(found)
    message = f"{place or 'the result'}: a key is neither text nor a number ({key!r:.80})"
    raise TypeError(message)


def _value(value: object, place: str, infinite: dict[str, Plain]) -> Plain:
    # A data set of xarray is a mapping too, and would lose its coordinates.
    if isinstance(value, Mapping) and not hasattr(value, "dims"):
        return _mapping(value, place, infinite)
    items = _items(value)
    if items is not None:
        return [_value(item, f"{place}[{i}]", infinite) for i, item in enumerate(items)]
    found = _scalar(value)
    if isinstance(found, _Unknown):
        message = f"{place}: {type(value).__name__} has no form in JSON ({value!r:.80})"
        raise TypeError(message)
    if isinstance(found, float) and math.isinf(found):
        infinite[place] = str(found)
        return None
    return found


def _items(value: object) -> Iterable[Any] | None:
    """Return the members of a sequence or array; None for a single value."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):
        # A set has no order of its own, and one result is one text.
        return sorted(value)
    import numpy as np

    array = _array(value)
    if array is None or array.ndim == 0:
        return None
    return array.tolist() if isinstance(array, np.ma.MaskedArray) else list(array)


def _array(value: object) -> "np.ndarray[Any, Any] | None":
    """Return the values of an array, which may be one of pandas or xarray, and None for others."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return value
    # pandas and xarray are told by what they offer: they are loaded only where they are used. A
    # table has columns or variables, and no one order of its values.
    single = hasattr(value, "to_numpy") and not hasattr(value, "columns")
    return np.asarray(value.to_numpy()) if single else None  # type: ignore[attr-defined]


class _Unknown:
    """Stands for a value that is none of JSON's."""


def _scalar(value: object) -> bool | int | float | str | _Unknown | None:
    """Return a single value as a type of JSON; what is not a number is None."""
    import numpy as np

    array = _array(value)
    if array is not None:
        return _scalar(array.item()) if array.ndim == 0 else _Unknown()
    if isinstance(value, Enum):
        return _scalar(value.value)
    if isinstance(value, np.timedelta64):
        # An integer by its class, whose unit would be lost.
        return _Unknown()
    for known, written in _written():
        if isinstance(value, known):
            # NaN and NaT are the values that differ from themselves.
            return None if value != value else written(value)  # noqa: PLR0124
    missing = value is None or type(value).__name__ == "NAType"
    return None if missing else _Unknown()


type _Written = tuple[tuple[Any, Callable[[Any], bool | int | float | str]], ...]


@cache
def _written() -> _Written:
    """Return types of single values, and how each is written; the first that fits."""
    # Loaded with the first result: `--help`, which only looks for what a kill left, needs no NumPy.
    import numpy as np

    return (
        ((bool, np.bool_), bool),
        ((int, np.integer), int),
        ((float, np.floating), float),
        (str, str),
        (PurePath, str),
        (np.datetime64, str),
        ((dt.date, dt.time), lambda moment: moment.isoformat()),
    )


def short_repr[T](*said: str) -> Callable[[type[T]], type[T]]:
    """Give a class of results a `repr` of a line or two; their numbers are told by other means.

    Parameters
    ----------
    *said : str
        Attributes that are shown, dotted where they belong to another.

    Returns
    -------
    callable
        Decorates a class.

    Examples
    --------
    >>> @short_repr("real")
    ... class Whole(int):
    ...     pass
    >>> Whole(7)
    Whole(real=7)
    """
    read = {path.rpartition(".")[2]: attrgetter(path) for path in said}

    def shown(self: T) -> str:
        parts = (f"{name}={value(self)!r}" for name, value in read.items())
        return f"{type(self).__name__}({', '.join(parts)})"

    def decorated(cls: type[T]) -> type[T]:
        cls.__repr__ = shown  # type: ignore[method-assign]
        return cls

    return decorated


# The face, which knows every result: it is loaded where a notebook shows one, and never here.
_views: Final = lazy_module("bayes_ihlrt.face.tell")


class Shown:
    """A result whose answer a notebook shows."""

    def _repr_html_(self) -> str:
        found: str = _views.answer_page(self)
        return found
