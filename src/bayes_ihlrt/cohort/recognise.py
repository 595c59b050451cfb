"""What the columns of an unknown file may be: a guess for each role, its reason, and what is open.

Names decide first, in English and German, then what the cells hold. A guess is never used in
silence: `init --from` writes each with its reason, and asks what it could not decide.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.clinical.units import Quantity, units_of
from bayes_ihlrt.cohort.dates import looks_like_dates, read_dates
from bayes_ihlrt.cohort.derived import unit_in_name
from bayes_ihlrt.cohort.given import limit_of
from bayes_ihlrt.files.cells import CellKind, Cells, absent, read_cells, read_labels
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.names import TimeUnit

OPEN: Final = "?"
"""Stands in a specification for what is still to be decided."""

_LEVELS: Final = 12
_NAMES: Final = {
    "patient": r"pat|patient|subj|usubjid|record ?id|case|mrn|study ?id|id|nr|nummer",
    "centre": r"cent(re|er)|site|hospital|clinic|institution|zentrum|klinik",
    "origin": r"(start|begin|date|datum|day) .*(therap\w*|treatment|systemic|study|atezo\w*|c1d1)"
    r"|(therap\w*|systemic|study|treatment|c1d1).*(start|begin|date)|baseline|index|origin|random"
    r"|inclusion|enrol|time ?zero|day ?0|therapiebeginn|beginn|accept",
    "end": r"last|contact|follow ?up|fu|death|died|end|censor|letzter|kontakt|exit",
    "time": r"time|os|pfs|fu|follow ?up|futime|survival|surv|duration|tte|aval|months?|days?|weeks?"
    r"|years?",
    "event": r"status|event|death|dead|died|vital|outcome|cnsr|censor(ed|ing)?|alive|fustat|exitus"
    r"|state",
    "start": r"ihlrt|tace|haic?|tare|sirt|rfa|mwa|ablat\w*|embol\w*|ebrt|sbrt|radio\w*|local|lrt"
    r"|transplant\w*|tx|surgery|operation|resect\w*|treat(ment|ed)?|intervention|wait|switch",
    "not start": r"progress\w*|pd|relapse|recur\w*|death|died|last|contact|birth|geburt|response"
    r"|diagnos\w*|end|stop|follow|fu|random\w*|inclusion",
}
_DEAD: Final = re.compile(
    r"dead|died|death|deceased|exitus|verstorben|tot|gestorben|event|yes|ja|progress\w*", re.I
)
_INVERTED: Final = re.compile(r"cnsr|censor\w*|alive", re.I)
_UNITS: Final = {
    TimeUnit.DAYS: r"days?|d|tage",
    TimeUnit.WEEKS: r"weeks?|wks?|wochen",
    TimeUnit.MONTHS: r"months?|mos?|mon|monate",
    TimeUnit.YEARS: r"years?|yrs?|y|jahre",
}


@dataclass(frozen=True)
class Column:
    """A column of the file, as far as roles are told by it.

    Parameters
    ----------
    name : str
        Its name.
    cells : Cells
        Its cells.
    labels : ndarray of str, shape (rows,)
        Its cells as text; None where missing.
    dates : bool
        Whether it holds calendar dates.
    """

    name: str
    cells: Cells
    labels: NDArray[np.object_]
    dates: bool

    @property
    def words(self) -> str:
        """The name in small letters, with blanks for everything else."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name)
        return " ".join(re.findall(r"[^\W_]+", spaced.casefold()))

    @property
    def known(self) -> int:
        """Number of cells that are not empty."""
        return int((~absent(self.labels)).sum())

    @property
    def complete(self) -> bool:
        """Whether no cell is empty."""
        return self.known == len(self.labels)

    @property
    def levels(self) -> Counter[str]:
        """How often each value occurs."""
        return Counter(value for value in self.labels.tolist() if value is not None)

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers, some perhaps beyond a limit of detection."""
        if self.dates or not self.known:
            return False
        limits = sum(limit_of(text) is not None for text in self.cells.text.tolist())
        return 10 * (int(np.isfinite(self.cells.numbers).sum()) + limits) >= 9 * self.known

    @property
    def limited(self) -> bool:
        """Whether some cells lie beyond a limit of detection."""
        return any(limit_of(text) is not None for text in self.cells.text.tolist())

    def called(self, role: str) -> bool:
        """Whether the name is one of those of a role."""
        return re.search(rf"\b({_NAMES[role]})\b", self.words) is not None


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


@dataclass
class Recognised:
    """What a file may be.

    Parameters
    ----------
    guesses : dict of str to Guess
        By key: patient, origin, time, time_unit, event, event_value, start, centre, modifier.
    covariates : dict of str to str
        Columns that may predict the outcome, with why they are proposed.
    parts : dict of str to str
        Columns of bilirubin and albumin with a unit, from which ALBI is computed.
    limited : bool
        Whether a proposed column has values beyond a limit of detection.
    missing : bool
        Whether a proposed covariate has empty cells.
    order : str or None
        Order of day and month, where it has to be stated: `OPEN`.
    events : int
        Number of events, as far as they are known.
    """

    guesses: dict[str, Guess] = field(default_factory=dict)
    covariates: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    limited: bool = False
    missing: bool = False
    order: str | None = None
    events: int = 0


def columns_of(table: Table) -> list[Column]:
    """Return the columns of a table that hold anything, each name once.

    Parameters
    ----------
    table : Table
        All columns of a file.

    Returns
    -------
    list of Column
        In the order of the file.
    """
    found = []
    for name in table.names:
        if name in table.columns:
            cells = read_cells(table.columns[name])
            labels = read_labels(table.columns[name])
            column = Column(name, cells, labels, looks_like_dates(cells))
            if column.known:
                found.append(column)
    return found


def recognise(table: Table) -> Recognised:
    """Guess what the columns of a file are.

    Parameters
    ----------
    table : Table
        All columns of a file.

    Returns
    -------
    Recognised
        Guesses with reasons, and what is open.

    Examples
    --------
    >>> columns = {"Pat": ["a", "b"], "OS (days)": [310, 95], "Status": ["dead", "alive"],
    ...            "TACE (days)": [40, None], "NLR": [2.1, 4.0]}
    >>> found = recognise(Table("f.csv", tuple(columns), columns, 2)).guesses
    >>> found["time"].value, found["time_unit"].value, found["event_value"].value
    ('OS (days)', 'days', 'dead')
    """
    columns = columns_of(table)
    found = Recognised()
    left = list(columns)

    def take(key: str, guess: Guess) -> Column | None:
        found.guesses[key] = guess
        column = next((each for each in left if each.name == guess.value), None)
        if column is not None:
            left.remove(column)
        return column

    take("patient", _patient(left))
    dated = [column for column in left if column.dates]
    if dated:
        found.order = _order(dated)
        take("origin", _origin(dated))
    take("event", _named(left, "event", _may_be_event, "tells how follow-up ended"))
    event = next((c for c in columns if c.name == found.guesses["event"].value), None)
    if event is not None:
        found.guesses["event_value"] = _event_value(event)
        found.events = event.levels[found.guesses["event_value"].value]
    ends = [c for c in left if c.dates] if dated else [c for c in left if _may_be_time(c)]
    time = take(
        "time",
        _end(ends)
        if dated
        else _named(left, "time", _may_be_time, "is the time to event or last contact"),
    )
    found.guesses["time_unit"] = _unit(time, dated=bool(dated))
    take("start", _start(left, dated=bool(dated)))
    centre = _named(left, "centre", _may_be_centre, "tells where patients were treated")
    if not centre.open:
        take("centre", centre)
    _covariates(left, found)
    return found


def answered(found: Recognised, table: Table, key: str, value: str) -> Recognised:
    """Return what is recognised once a question is answered.

    Parameters
    ----------
    found : Recognised
        What the columns may be.
    table : Table
        All columns of the file.
    key : str
        A role, or ``date_order``.
    value : str
        The answer.

    Returns
    -------
    Recognised
        With what follows from the answer: values of an event, the unit of a time.
    """
    if key == "date_order":
        return replace(found, order=value)
    guesses = {**found.guesses, key: Guess(value, "as answered")}
    columns = {column.name: column for column in columns_of(table)}
    events = found.events
    if key == "event" and value in columns:
        guesses["event_value"] = _event_value(columns[value])
    if key == "time" and value in columns:
        dated = "origin" in guesses
        guesses["time_unit"] = _unit(columns[value], dated=dated)
    event = columns.get(guesses["event"].value)
    if event is not None and "event_value" in guesses:
        events = event.levels[guesses["event_value"].value]
    covariates = {name: kind for name, kind in found.covariates.items() if name != value}
    return replace(found, guesses=guesses, events=events, covariates=covariates)


def _patient(columns: Sequence[Column]) -> Guess:
    unique = [c for c in columns if c.complete and len(c.levels) == c.known and not c.dates]
    whole = [c for c in unique if c.cells.kind is CellKind.TEXT or _whole(c)]
    for column in [c for c in whole if c.called("patient")] + whole[:1]:
        return Guess(column.name, "every row has another value", ())
    named = [c for c in columns if c.complete and c.called("patient")]
    if named:
        return Guess(named[0].name, "by its name; several rows have one value", ())
    choices = tuple(c.name for c in columns if c.complete and not c.dates)
    return Guess(OPEN, "Which column identifies the patient?", choices)


def _whole(column: Column) -> bool:
    numbers = column.cells.numbers
    return column.numeric and bool((numbers == np.round(numbers)).all())


def _named(
    columns: Sequence[Column], role: str, fits: Callable[[Column], bool], what: str
) -> Guess:
    fitting = [c for c in columns if fits(c)]
    named = [c for c in fitting if c.called(role)]
    choices = tuple(c.name for c in named or fitting)
    if len(named) == 1:
        return Guess(named[0].name, f"by its name, {what}")
    return Guess(
        OPEN, f"Which column {what if what.startswith('tells') else f'is {what}'}?", choices
    )


def _may_be_event(column: Column) -> bool:
    return not column.dates and column.known > 0 and 2 <= len(column.levels) <= _LEVELS


def _may_be_centre(column: Column) -> bool:
    return not column.dates and 2 <= len(column.levels) <= max(2, column.known // 2)


def _may_be_time(column: Column) -> bool:
    numbers = column.cells.numbers
    positive = column.numeric and column.complete and bool((numbers >= 0.0).all())
    return positive and len(column.levels) > min(_LEVELS // 4, column.known - 1)


def _days(columns: Sequence[Column]) -> dict[str, NDArray[np.float64]]:
    who = np.array([str(row) for row in range(len(columns[0].labels))], dtype=object)
    return read_dates({c.name: c.cells for c in columns}, None, patient=who)[0]


def _order(columns: Sequence[Column]) -> str | None:
    who = np.array([str(row) for row in range(len(columns[0].labels))], dtype=object)
    faults = read_dates({c.name: c.cells for c in columns}, None, patient=who)[1]
    return OPEN if any("date_order" in fault.remedy for fault in faults) else None


def _origin(columns: Sequence[Column]) -> Guess:
    days = _days(columns)
    full = [c for c in columns if c.complete]
    earliest = np.fmin.reduce([days[c.name] for c in columns])
    first = [c for c in full if np.mean(days[c.name] == earliest) >= 0.9]
    named = [c for c in full if c.called("origin") and not c.called("end")]
    both = [c for c in named if c in first]
    choices = tuple(c.name for c in named or full)
    if len(both) == 1:
        return Guess(both[0].name, "by its name, and the earliest date of nearly every row")
    if len(named) == 1 or (not named and len(first) == 1):
        return Guess((named or first)[0].name, "by its name" if named else "the earliest date")
    return Guess(OPEN, "Which column has the date from which time is counted?", choices)


def _end(columns: Sequence[Column]) -> Guess:
    full = [c for c in columns if c.complete]
    named = [c for c in full if c.called("end")]
    choices = tuple(c.name for c in named or full or columns)
    if len(named) == 1:
        return Guess(named[0].name, "by its name, and every patient has one")
    if len(full) == 1:
        return Guess(full[0].name, "the only other date that every patient has")
    return Guess(OPEN, "Which column has the date of death or last contact?", choices)


def _unit(time: Column | None, *, dated: bool) -> Guess:
    if dated or time is None:
        return Guess(TimeUnit.MONTHS.value, "dates are turned into it")
    for unit, pattern in _UNITS.items():
        if re.search(rf"\b({pattern})\b", time.words):
            return Guess(unit.value, "by the name of the column")
    question = f"In which unit is {time.name}? Its median is {np.median(time.cells.numbers):g}"
    return Guess(OPEN, question, tuple(unit.value for unit in TimeUnit))


def _event_value(column: Column) -> Guess:
    levels = column.levels
    choices = tuple(levels)
    told = ", ".join(f"{value} ({count})" for value, count in levels.most_common())
    if _INVERTED.search(column.words):
        question = f"Which value of {column.name} means the event? Its name speaks of censoring"
        return Guess(OPEN, f"{question} ({told})", choices)
    if set(levels) == {"0", "1"}:
        return Guess("1", f"1 of 0 and 1 ({told})")
    dead = [value for value in levels if _DEAD.fullmatch(value)]
    if len(dead) == 1:
        return Guess(dead[0], f"of {told}")
    return Guess(OPEN, f"Which value of {column.name} means the event? ({told})", choices)


def _start(columns: Sequence[Column], *, dated: bool) -> Guess:
    of_kind = [c for c in columns if (c.dates if dated else c.numeric)]
    partly = [c for c in of_kind if not c.complete]
    named = [c for c in partly if c.called("start") and not c.called("not start")]
    choices = tuple(c.name for c in named or partly or of_kind)
    if len(named) == 1:
        many = f"{named[0].known} of {len(named[0].labels)} rows have one"
        return Guess(named[0].name, f"by its name; {many}")
    return Guess(OPEN, "Which column has the start of the treatment (empty = never)?", choices)


def _covariates(columns: Sequence[Column], found: Recognised) -> None:
    by_quantity = {quantity: _quantity(columns, quantity) for quantity in Quantity}
    modifier = by_quantity[Quantity.NLR]
    if modifier is not None:
        found.guesses["modifier"] = Guess(modifier.name, "the neutrophil-to-lymphocyte ratio")
    for part in (Quantity.ALBUMIN, Quantity.BILIRUBIN):
        column = by_quantity[part]
        if column is not None and unit_in_name(column.name, part) is not None:
            found.parts[part.value] = column.name
    if len(found.parts) < 2 or by_quantity[Quantity.ALBI] is not None:
        found.parts.clear()
    used = {*found.parts.values(), *(guess.value for guess in found.guesses.values())}
    for column in columns:
        enough = 10 * column.known >= 8 * len(column.labels) and len(column.levels) > 1
        category = 2 <= len(column.levels) <= _LEVELS // 2
        usable = column.numeric or category
        if column.name not in used and not column.dates and enough and usable:
            found.covariates[column.name] = "numbers" if column.numeric else "categories"
    asked = {*found.covariates, *found.parts.values()} | ({modifier.name} if modifier else set())
    found.limited = any(c.limited for c in columns if c.name in asked)
    found.missing = any(not c.complete for c in columns if c.name in asked)


def _quantity(columns: Sequence[Column], quantity: Quantity) -> Column | None:
    name = quantity.value.replace("_", " ")
    found = [c for c in columns if c.numeric and re.search(rf"\b{name}\b", c.words)]
    return found[0] if len(found) == 1 and units_of(quantity) else None
