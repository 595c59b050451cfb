"""Columns of an unknown file, and how one of them is chosen for a role: or a question is asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.clinical.column_names import (
    CODED_NAME,
    DEAD_WORD,
    DEATHLIKE,
    DIES,
    EVENT,
    INVERTED,
    NO_WORD,
    NOT_WORD,
    ONLY_DEATH,
    PROGRESS_WORD,
    PROGRESSED,
    SURVIVED,
    UNKNOWN_WORD,
    YES_WORD,
    ColumnName,
    Role,
    has,
)
from bayes_ihlrt.cohort.dates import looks_like_dates
from bayes_ihlrt.cohort.given import limit_of
from bayes_ihlrt.files.cells import CellKind, Cells, read_cells, read_labels
from bayes_ihlrt.files.table import Table

OPEN: Final = "?"
"""Stands in a specification for what is still to be decided."""

_LEVELS: Final = 12
_SEEN: Final = 400
"""Cells by which a column is told to hold dates."""
_MANY: Final = 50
"""So many values are no categories."""


@dataclass(frozen=True, eq=False)
class Column(ColumnName):
    """A column of the file, as far as roles are told by it.

    Parameters
    ----------
    name : str
        Its name.
    cells : Cells
        Its cells.
    raw : array-like
        The column as it was given.
    """

    cells: Cells
    raw: Any

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """Its cells as text; None where missing."""
        return read_labels(self.raw)

    @cached_property
    def known(self) -> int:
        """Number of cells that are not empty."""
        return int((~self.cells.missing).sum())

    @property
    def complete(self) -> bool:
        """Whether no cell is empty."""
        return self.known == len(self.cells.missing)

    @cached_property
    def distinct(self) -> int:
        """Number of values that differ."""
        if self.cells.kind is CellKind.NUMBER:
            return len(np.unique(self.cells.numbers[~self.cells.missing]))
        return len({*self.labels.tolist()} - {None})

    @cached_property
    def varied(self) -> int:
        """Number of values that differ; where there are many, of some hundred cells."""
        seen = len({*(self._some.text if len(self.cells.text) else self._some.numbers).tolist()})
        return seen if seen > _MANY else self.distinct

    @cached_property
    def _some(self) -> Cells:
        """Some hundred of the cells that are not empty, from all over the column."""
        there = np.flatnonzero(~self.cells.missing)
        if len(there) > _SEEN:
            there = there[np.linspace(0, len(there) - 1, _SEEN).astype(np.intp)]
        text = self.cells.text
        return Cells(self.cells.kind, self.cells.numbers[there], text[there] if len(text) else text)

    @cached_property
    def dates(self) -> bool:
        """Whether it holds calendar dates; some hundred cells tell."""
        return looks_like_dates(self._some)

    @cached_property
    def limited(self) -> bool:
        """Whether some cells lie beyond a limit of detection."""
        return self._limits > 0

    @cached_property
    def _limits(self) -> int:
        if self.cells.kind is not CellKind.TEXT:
            return 0
        signs = ("<", ">", "\u2264", "\u2265")
        texts = (text for text in self.cells.text.tolist() if text and text.startswith(signs))
        return sum(limit_of(text) is not None for text in texts)

    @cached_property
    def numeric(self) -> bool:
        """Whether it holds numbers, some perhaps beyond a limit of detection."""
        enough = int(np.isfinite(self.cells.numbers).sum()) + self._limits
        return bool(self.known) and 10 * enough >= 9 * self.known and not self.dates


def levels_of(column: Column) -> Counter[str]:
    """Return how often each value of a column occurs.

    Parameters
    ----------
    column : Column
        The column.

    Returns
    -------
    Counter of str
        By value.
    """
    counts = Counter(column.labels.tolist())
    del counts[None]
    return counts


def columns_of(table: Table) -> list[Column]:
    """Return the columns of a table that hold anything, each name once.

    Parameters
    ----------
    table : Table
        All columns of a file.

    Returns
    -------
    list of Column
        In the order of the file; none is called "?", which means open.
    """
    found = []
    for name in table.names:
        if name in table.columns and name.strip() not in {"", OPEN}:
            column = Column(name, read_cells(table.columns[name]), table.columns[name])
            if not column.cells.missing.all():
                found.append(column)
    return found


@dataclass(frozen=True)
class Guess:
    """What a role may be.

    Parameters
    ----------
    value : str
        A column's name, a value or a unit; `OPEN` where it could not be decided.
    why : str
        The reason, or the question.
    choices : tuple of str
        What else it may be.
    """

    value: str
    why: str
    choices: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is to be decided."""
        return self.value == OPEN


def chosen(named: Sequence[Column], fitting: Sequence[Column], role: Role, what: str) -> Guess:
    """Return the one column that is named for a role, if nothing of it is in doubt.

    Parameters
    ----------
    named : sequence of Column
        Every column that may be meant.
    fitting : sequence of Column
        Columns whose cells are of the role's kind.
    role : Role
        Its words.
    what : str
        What such a column does, for instance "tells how follow-up ended".

    Returns
    -------
    Guess
        Open where two may be meant, or a word of the name is not understood.
    """
    if len(named) == 1 and named[0] in fitting and named[0].surely(role):
        return Guess(named[0].name, f"by its name, {what}")
    return left_open(f"Which column {what}?", [c for c in named if c in fitting] or fitting, what)


def left_open(question: str, choices: Sequence[Column], what: str) -> Guess:
    """Return a question.

    Parameters
    ----------
    question : str
        The question.
    choices : sequence of Column
        Columns among which to choose.
    what : str
        What such a column does; told where there is none.

    Returns
    -------
    Guess
        Open.
    """
    if not choices:
        question = f"No column of the file {what}, by its name and cells. Which one does?"
    return Guess(OPEN, question, tuple(c.name for c in choices))


def event_column(columns: Sequence[Column], time: Column | None) -> Guess:
    """Return the column that tells how follow-up ended, in accord with the column of times.

    Parameters
    ----------
    columns : sequence of Column
        Columns that have no other role.
    time : Column or None
        The end of follow-up; None where it is open.

    Returns
    -------
    Guess
        Open where it may be another event than the one that the times tell.
    """
    of_survival = time is not None and not has(time.words, PROGRESSED)
    fitting = [c for c in columns if _may_be_event(c)]
    named = [c for c in fitting if c.may_be(EVENT)]
    survival = [c for c in named if not has(c.words, PROGRESSED)]
    if time is not None and of_survival and (time.dates or has(time.words, SURVIVED)):
        named = survival
    plain = [c for c in named if not c.may_be(INVERTED)]
    if len(plain) == 1 and plain[0].may_be(DIES):
        named = plain
    guess = chosen(named, [c for c in fitting if c.complete], EVENT, "tells how follow-up ended")
    if guess.open:
        return guess
    (column,) = named
    progressed = has(column.words, PROGRESSED)
    dies = column.may_be(DIES) and not has(column.words, r"event|ereignis|evenement|evento")
    if (progressed and (time is None or of_survival)) or (
        time is not None and not of_survival and (dies or has(column.words, "os"))
    ):
        subject = "the time" if time is None else time.name
        question = f"Is {column.name} the event of {subject}? Which column tells the event?"
        return Guess(OPEN, question, tuple(c.name for c in fitting))
    return guess


def _may_be_event(column: Column) -> bool:
    return not column.dates and 2 <= column.varied <= _LEVELS


def event_value(column: Column, time: str, *, sure: bool) -> Guess:
    """Return the value that means the event: by its own word, or by the name of the column.

    Parameters
    ----------
    column : Column
        Column that tells how follow-up ended.
    time : str
        Words of the column of times, or of all that may be it.
    sure : bool
        Whether the column of times is decided.

    Returns
    -------
    Guess
        Open, with counts, where no word says it.
    """
    levels = [value for value in levels_of(column) if value != OPEN]
    told = ", ".join(f"{value} ({count})" for value, count in levels_of(column).most_common())
    asked = Guess(OPEN, f"Which value of {column.name} means the event? ({told})", tuple(levels))
    of_progress = has(time, PROGRESSED)
    unknown = [value for value in levels_of(column) if UNKNOWN_WORD.fullmatch(value)]
    if unknown or (of_progress and not sure):
        return asked
    coded = [code for code, word in CODED_NAME.findall(column.name) if DEAD_WORD.fullmatch(word)]
    if coded and not of_progress:
        return Guess(coded[0], f"by the column's name, of {told}") if coded[0] in levels else asked
    if column.may_be(INVERTED):
        return replace(asked, why=f"{asked.why} Its name speaks of censoring or of no event")
    named = column.may_be(DIES) or (of_progress and has(column.words, PROGRESSED))
    if named and len(levels) == 2:
        yes = [value for value in levels if YES_WORD.fullmatch(value)]
        no = [value for value in levels if NO_WORD.fullmatch(value)]
        if len(yes) == len(no) == 1:
            return Guess(yes[0], f"of {told}")
    return _by_its_word(levels, told, of_progress=of_progress) or asked


def _by_its_word(levels: Sequence[str], told: str, *, of_progress: bool) -> Guess | None:
    like = [v for v in levels if DEATHLIKE.search(v) and not NOT_WORD.match(v)]
    words = [v for v in like if DEAD_WORD.fullmatch(v)]
    if of_progress:
        progress = [v for v in levels if PROGRESS_WORD.search(v) and not NOT_WORD.match(v)]
        words += [v for v in progress if PROGRESS_WORD.fullmatch(v)]
        # Deaths alone are not the event of a time to progression.
        words = [] if all(ONLY_DEATH.fullmatch(v) for v in like) and not progress else words
        like += progress
    return Guess(words[0], f"of {told}") if len(words) == len(like) == 1 else None
