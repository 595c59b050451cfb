"""What the cells of a file mean: events by value, codes, dates, limits, computed columns."""

import math
import re
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

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


class EventSpec(BaseModel):
    """An event that is told by the value of a column; every other value is censoring.

    Raises
    ------
    pydantic.ValidationError
        Neither or both of `value` and `values` are given.

    Examples
    --------
    >>> EventSpec(column="Status", value="dead").codes
    ('dead',)
    >>> EventSpec(column="Status", values=[1, 2]).codes
    ('1', '2')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: ColumnName = Field(description="Column that tells how follow-up ended.")
    value: Code | None = Field(default=None, description="Its value where the event happened.")
    values: tuple[Code, ...] = Field(
        default=(), description="Its values where the event happened, if there are several."
    )

    @property
    def codes(self) -> tuple[str, ...]:
        """Values that mean the event, as text."""
        return self.values if self.value is None else (self.value,)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (not self.values):
            raise ValueError(
                "an event by value needs either `value` or `values`, for instance "
                "event = { column = 'Status', value = 'dead' }"
            )
        return self


def _one_or_by_value(value: Any) -> str:
    return "by-value" if isinstance(value, dict | EventSpec) else "column"


Event = Annotated[
    Annotated[ColumnName, Tag("column")] | Annotated[EventSpec, Tag("by-value")],
    Discriminator(_one_or_by_value),
]


def _list_or_table(value: Any) -> str:
    return "by-column" if isinstance(value, dict) else "all"


Codes = Annotated[
    Annotated[tuple[Code, ...], Tag("all")]
    | Annotated[dict[ColumnName, tuple[Code, ...]], Tag("by-column")],
    Discriminator(_list_or_table),
]


def _score_or_comparison(value: Any) -> str:
    return "score" if isinstance(value, dict) else "comparison"


Derived = Annotated[
    Annotated[str, Tag("comparison")] | Annotated[dict[str, ColumnName], Tag("score")],
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
_COMPARISON: Final = re.compile(r"\s*(.+?)\s*(>=|<=|==|!=|>|<)\s*([^<>=!]+?)\s*")


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
    comparison = Comparison(found[1], found[2], found[3].strip("'\""))
    if comparison.number is None and comparison.sign not in {"==", "!="}:
        return None
    return comparison
