"""Records: keys that are always there, each with its unit and its words, written and read alike."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.plain import json_text

Number = float | None
"""None where it is not defined, or infinite: JSON has neither."""

MONTHS: Final = "months"
"""The unit of times."""
_AGAIN: Final = "Run the command again"
_LISTED: Final = 8


def key(told: str, *, unit: str = "", alias: str | None = None) -> Any:
    """Return a field of a record.

    Parameters
    ----------
    told : str
        What it holds, in Markdown; it is read by people only.
    unit : str
        What it is counted in, where the words of its type do not say so.
    alias : str, optional
        The key of the file, where that is no name in Python.

    Returns
    -------
    field
        To stand behind the type.

    Examples
    --------
    >>> class Point(Record):
    ...     at: Number = key("when", unit=MONTHS)
    >>> Point.model_fields["at"].description
    'when'
    """
    return Field(alias=alias, description=told, json_schema_extra={"unit": unit})


def optional(told: str) -> Any:
    """Return a field of a record that may be left out.

    Parameters
    ----------
    told : str
        What it holds, and when it is there.

    Returns
    -------
    field
        None where the key is absent.
    """
    return Field(default=None, description=told, json_schema_extra={"unit": ""})


class Record(BaseModel):
    """A JSON object whose keys are known.

    Examples
    --------
    >>> class Point(Record):
    ...     at: Number
    >>> Point.model_validate_json('{"at": 1.5}').at
    1.5
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class JsonFile(Record):
    """A JSON file of a result."""

    version: Literal[1] = key("1", alias="schema")
    not_finite: dict[str, Literal["inf", "-inf"]] | None = optional(
        "the places at which an infinite number stood, such as `follow_up.states[0].median`; left "
        "out where there is none"
    )

    @classmethod
    def text(cls, content: Mapping[str, Any]) -> str:
        """Return the text of the file.

        Parameters
        ----------
        content : mapping
            What it is to hold; see `plain.plain`.

        Returns
        -------
        str
            JSON, with every key that is documented and no other.

        Raises
        ------
        TypeError
            The content has no form in JSON: a fault of the package.

        Warns
        -----
        RuntimeWarning
            The content is not what is documented: a fault of the package, for which no work that is
            done is thrown away.
        """
        found = json_text(content)
        try:
            cls.model_validate_json(found)
        except ValidationError as error:
            told = "; ".join(_problems(error))
            message = f"{cls.__name__} says otherwise: {told}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        return found

    @classmethod
    def read(cls, file: Path, subject: str) -> dict[str, Any]:
        """Return what a file holds, which is what is documented.

        Parameters
        ----------
        file : Path
            The file.
        subject : str
            What asks.

        Returns
        -------
        dict
            Plain data.

        Raises
        ------
        InputError
            With every key that does not fit.
        """
        found = json_object(file, subject)
        cls.check(found, file, subject)
        return found

    @classmethod
    def check(cls, found: Mapping[str, Any], file: Path, subject: str) -> None:
        """Raise where a file holds something else than is documented.

        Parameters
        ----------
        found : mapping
            Its plain data.
        file : Path
            Where they stand.
        subject : str
            What asks.

        Raises
        ------
        InputError
            With every key that does not fit.
        """
        try:
            cls.model_validate(found)
        except ValidationError as error:
            faults = [Fault(f"file {file}", problem, _AGAIN) for problem in _problems(error)]
            raise InputError(subject, faults) from error


class NamedFile(JsonFile):
    """A JSON file that says of what it is."""

    name: str = key("name of the analysis or of the plan")


class RunFile(NamedFile):
    """A JSON file of a run: what ran, and from which seed."""

    versions: dict[str, str] = key(
        "this package and the libraries that the result rests on, of analyses of patients Python "
        "too"
    )
    seed: int = key("seed of all random numbers")


def json_object(file: Path, subject: str) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    file : Path
        The file.
    subject : str
        What asks.

    Returns
    -------
    dict
        Plain data.

    Raises
    ------
    InputError
        The file cannot be read, or holds something else.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fault = Fault(f"file {file}", f"it cannot be read as JSON ({error})", _AGAIN)
        raise InputError(subject, [fault]) from error
    if not isinstance(found, dict):
        raise InputError(subject, [Fault(f"file {file}", "it is not a JSON object", _AGAIN)])
    return found


def writes(
    model: type[JsonFile], content: Callable[[], Mapping[str, Any]]
) -> Callable[[Path], None]:
    """Return what writes a file.

    Parameters
    ----------
    model : type
        What the file holds.
    content : callable
        Returns it as plain data, when the file is written.

    Returns
    -------
    callable
        From the file's path; see `results.files.write_parts`.
    """
    return partial(_write, model, content)


def _write(model: type[JsonFile], content: Callable[[], Mapping[str, Any]], file: Path) -> None:
    file.write_text(f"{model.text(content())}\n", "utf-8")


def _problems(error: ValidationError) -> list[str]:
    """Say what does not fit, by key: what was found, and what every such file holds."""
    told = list(dict.fromkeys(_told(error)))
    more = len(told) - _LISTED
    return told[:_LISTED] + ([f"{more} more keys do not fit"] if more > 0 else [])


def _told(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_url=False, include_context=False):
        place = _dotted(found["loc"])
        if found["type"] == "missing":
            yield f"it lacks '{place}', which every such file has ({_beside(found['input'])})"
        elif found["type"] == "extra_forbidden":
            yield f"its key '{place}' (found: {found['input']!r:.60}) is one that no such file has"
        else:
            wanted = found["msg"].removeprefix("Input ").rstrip(".")
            yield f"'{place}' holds {found['input']!r:.60}, and {wanted}"


def _beside(found: Mapping[str, Any]) -> str:
    """Name the keys that stand where one is missing."""
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return f"found there: {', '.join(list(found)[:_LISTED]) or 'nothing'}{more}"


def _dotted(place: Sequence[str | int]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".")
