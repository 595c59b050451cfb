"""A data file: how it is written, and what its cells mean where that is not plain."""

import codecs
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from bayes_ihlrt.frozen import Kept

OPEN: Final = "?"
"""Stands in a specification for what is still to be decided."""

SEPARATORS: Final = {",": ",", ";": ";", "tab": "\t", "|": "|"}
"""What stands between columns, by what a specification calls it."""

# These are text encodings to Python, and no file has them.
_NO_FILE: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape"})
_NO_FILE_EITHER: Final = frozenset({"raw-unicode-escape", "utf-7"})


def _known_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "1;2".encode(name)
    except (LookupError, UnicodeError, ValueError):
        known = False
    else:
        known = found.name not in _NO_FILE | _NO_FILE_EITHER
    if not known:
        raise ValueError(
            f"'{name}' is no encoding of text; write for instance 'utf-8', 'utf-16', "
            f"'windows-1252', 'latin-1' or 'mac-roman'"
        )
    return name


Separator = Annotated[
    Literal[",", ";", "tab", "|"] | None,
    Field(description="What stands between the columns of the data file; else recognised."),
]
Decimal = Annotated[
    Literal[".", ","] | None,
    Field(description="Decimal mark of the numbers of the data file; else recognised."),
]
Encoding = Annotated[
    Annotated[str, AfterValidator(_known_encoding)] | None,
    Field(description="Encoding of the data file's letters, e.g. 'windows-1252'; else recognised."),
]
Sheet = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(
        description="Sheet of a spreadsheet that holds the data; else the only one that has the "
        "columns."
    ),
]
HeaderLine = Annotated[
    Annotated[int, Field(ge=1)] | None,
    Field(description="Line of the data file with the column names, the first being 1."),
]
Parameter = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(
        description="PARAMCD of the rows to read from a CDISC data set of times to events (ADTTE), "
        "e.g. 'OS'."
    ),
]


@dataclass(frozen=True)
class FileForm:
    """How a file is written, as far as the user says.

    Parameters
    ----------
    separator : str or None
        The character between columns.
    decimal : str or None
        The decimal mark.
    encoding : str or None
        The encoding of letters.
    sheet : str or None
        Sheet of a spreadsheet.
    header_line : int or None
        Line with the column names, from 1.
    binding : bool
        Whether this is said of the very file; else it decides only where the file itself does not.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_line: int | None = None
    binding: bool = True

    @property
    def of_another_file(self) -> "FileForm":
        """The form that a file which comes with this one may be presumed to have."""
        return FileForm(self.separator, self.decimal, self.encoding, binding=False)


ColumnName = Annotated[str, Field(min_length=1)]


def _as_text(value: Any) -> Any:
    """Codes are compared as text: 2, 2.0 and "2" are one code."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return value.strip() if isinstance(value, str) else value


Code = Annotated[str, BeforeValidator(_as_text)]


class DateOrder(StrEnum):
    """Order of day and month where a date is written in numbers."""

    DAY_FIRST = "day-month-year"
    MONTH_FIRST = "month-day-year"


class BelowLimit(StrEnum):
    """Number that stands for a value below the limit of detection, such as ``<2.0``."""

    HALF = "half"
    LIMIT = "limit"
    ROOT_TWO = "limit/sqrt2"

    @property
    def share(self) -> float:
        """Share of the limit that stands for the value."""
        return {"half": 0.5, "limit": 1.0, "limit/sqrt2": math.sqrt(0.5)}[self.value]


def _as_codes(value: Any) -> Any:
    """One code may be written without brackets."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


CauseName = Annotated[str, Field(pattern=r"^[A-Za-z][\w -]*$")]
CauseCodes = Annotated[
    tuple[Code, ...],
    Field(min_length=1),
    BeforeValidator(_as_codes, json_schema_input_type=Code | list[Code]),
]


def _list_or_causes(value: Any) -> str:
    return "of-causes" if isinstance(value, dict) else "of-one-event"


EventCodes = Annotated[
    Annotated[tuple[Code, ...], Tag("of-one-event")]
    | Annotated[Kept[CauseName, CauseCodes], Tag("of-causes")],
    Discriminator(_list_or_causes),
]


class EventSpec(BaseModel):
    """An event that is told by the value of a column, or several that compete.

    Of one event every other value is censoring. Of competing causes, values that are neither a
    cause nor censoring are faults.

    Raises
    ------
    pydantic.ValidationError
        Neither or both of `value` and `values` are given; there is one cause alone; a value means
        two things.

    Examples
    --------
    >>> EventSpec(column="Status", value="dead").codes
    ('dead',)
    >>> EventSpec(column="Status", values=[1, 2]).codes
    ('1', '2')
    >>> dict(EventSpec(column="cause", values={"tumour": 1, "liver": [2, 3]}).causes)
    {'tumour': ('1',), 'liver': ('2', '3')}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: ColumnName = Field(description="Column that tells how follow-up ended.")
    value: Code | None = Field(default=None, description="Its value where the event happened.")
    values: EventCodes = Field(
        default=(),
        description="Its values where the event happened, if there are several; or those of each "
        "competing cause by its name: { tumour = 1, liver = 2 }.",
    )
    censored: tuple[Code, ...] = Field(
        default=(),
        description="Of competing causes: its values where follow-up ended without any of them; "
        "0 if left out. '' is an empty cell.",
    )

    @property
    def causes(self) -> Mapping[str, tuple[str, ...]]:
        """Values of each competing cause, by its name; empty where there is one event."""
        return self.values if isinstance(self.values, dict) else {}

    @property
    def codes(self) -> tuple[str, ...]:
        """Values that mean the event, whatever its cause, as text."""
        if self.value is not None:
            return (self.value,)
        if isinstance(self.values, dict):
            return tuple(code for codes in self.values.values() for code in codes)
        return self.values

    @property
    def without_event(self) -> tuple[str, ...]:
        """Of competing causes: values that mean censoring, as text."""
        return self.censored or ("0",)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (not self.values):
            raise ValueError(
                "an event by value needs either `value` or `values`, for instance "
                "event = { column = 'Status', value = 'dead' }"
            )
        return self

    @model_validator(mode="after")
    def _several_causes(self) -> Self:
        if not self.causes:
            if self.censored:
                raise ValueError(
                    "`censored` goes with causes; of one event every other value is censoring: "
                    "leave it out"
                )
            return self
        if len(self.causes) == 1:
            (name,) = self.causes
            raise ValueError(
                f"causes compete where there are two or more; found '{name}' alone: name the "
                "others, or write `value` for the one event"
            )
        meanings = Counter((*self.codes, *self.without_event))
        twice = [f"'{code}'" for code, count in meanings.items() if count > 1]
        if twice:
            raise ValueError(
                f"each value means one cause or censoring; found twice: {', '.join(twice)}"
            )
        return self


class IntervalSpec(BaseModel):
    """An event that is looked for at scans: it happened after one and by the next.

    Raises
    ------
    pydantic.ValidationError
        One of both ends is missing, they are one column, or keys of an event by value stand beside.

    Examples
    --------
    >>> IntervalSpec(left="last_scan_free", right="scan_with_progression").right
    'scan_with_progression'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: ColumnName = Field(
        description="Column with the time of the last scan without the event; 0 or empty where "
        "none was made before it was found."
    )
    right: ColumnName = Field(
        description="Column with the time of the scan that found the event; empty where none did. "
        "The same as `left` where the time is known exactly."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, given: Any) -> Any:
        other = [key for key in EventSpec.model_fields if isinstance(given, dict) and key in given]
        if other:
            found = " and ".join(f"`{key}`" for key in other)
            raise ValueError(
                "an event between scans (`left`, `right`) and one by the values of a column do not "
                f"go together, competing causes neither; found {found} too: remove it, or "
                "`left` and `right`"
            )
        return given

    @model_validator(mode="after")
    def _two_columns(self) -> Self:
        if self.left == self.right:
            raise ValueError(
                f"`left` and `right` both name the column '{self.left}': name the last scan "
                "without the event and the first with it; for one time write `time` and `event`"
            )
        return self


def _one_or_by_value(value: Any) -> str:
    if isinstance(value, IntervalSpec) or (
        isinstance(value, dict) and {"left", "right"} & {*value}
    ):
        return "between-scans"
    return "by-value" if isinstance(value, dict | EventSpec) else "column"


EVENT_FORMS: Final[Mapping[str, type[BaseModel]]] = {
    "by-value": EventSpec,
    "between-scans": IntervalSpec,
}
"""What an event that is a table may be, by its tag."""

Event = Annotated[
    Annotated[ColumnName, Tag("column")]
    | Annotated[EventSpec, Tag("by-value")]
    | Annotated[IntervalSpec, Tag("between-scans")],
    Discriminator(_one_or_by_value),
]


def _list_or_table(value: Any) -> str:
    return "by-column" if isinstance(value, dict) else "all"


Codes = Annotated[
    Annotated[tuple[Code, ...], Tag("all")]
    | Annotated[Kept[ColumnName, tuple[Code, ...]], Tag("by-column")],
    Discriminator(_list_or_table),
]


def _score_or_comparison(value: Any) -> str:
    return "score" if isinstance(value, dict) else "comparison"


Derived = Annotated[
    Annotated[str, Tag("comparison")] | Annotated[Kept[str, ColumnName], Tag("score")],
    Discriminator(_score_or_comparison),
]


class Comparison(NamedTuple):
    """A column that is 1 where another compares so with a value, else 0."""

    column: str
    sign: str
    value: str

    @property
    def number(self) -> float | None:
        """The value as a number; None where it is a word."""
        return float(self.value) if _NUMBER.fullmatch(self.value) else None


_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMPARISON: Final = re.compile(
    r"\s*(.+?)\s*(>=|<=|==|!=|>|<)\s*(?:'([^']*)'|\"([^\"]*)\"|([^<>=!]+?))\s*"
)


def parse_comparison(text: str) -> Comparison | None:
    """Return what a text such as ``"AFP (ng/mL) >= 400"`` compares; None where it is no comparison.

    Parameters
    ----------
    text : str
        A column, one of ``>= > <= < == !=``, and a number or a word.

    Returns
    -------
    Comparison or None
        Words are compared by ``==`` and ``!=`` only.

    Examples
    --------
    >>> parse_comparison("AFP (ng/mL) >= 400")
    Comparison(column='AFP (ng/mL)', sign='>=', value='400')
    >>> parse_comparison("Sex > f") is None
    True
    """
    found = _COMPARISON.fullmatch(text)
    if found is None:
        return None
    value = next(each for each in found.groups()[2:] if each is not None)
    comparison = Comparison(found[1], found[2], value.strip())
    if comparison.number is None and comparison.sign not in {"==", "!="}:
        return None
    return comparison
