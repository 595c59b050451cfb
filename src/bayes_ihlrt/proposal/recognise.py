"""What the columns of an unknown file may be: a guess for each role, its reason, and what is open.

A role is decided only where one column's name means it, every word of the name is understood, and
no second column may be meant. All else is a question. A guess is never used in silence:
`init --from` writes each with its reason, and asks what it could not decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.column_names import (
    CENTRE,
    END,
    LATER,
    ORIGIN,
    PROGRESSED,
    START,
    SURVIVED,
    TIME,
    TO_DEATH,
    UNIT_ONLY,
    Role,
    has,
)
from bayes_ihlrt.clinical.units import Quantity, units_of
from bayes_ihlrt.cohort.dates import read_dates
from bayes_ihlrt.cohort.derived import unit_in_name
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.names import TimeUnit
from bayes_ihlrt.proposal.patients import patient_column
from bayes_ihlrt.proposal.role_guesses import (
    OPEN,
    Column,
    Guess,
    chosen,
    columns_of,
    event_column,
    event_value,
    left_open,
    levels_of,
)
from bayes_ihlrt.proposal.scans import either_event, scan_pair

_LEVELS: Final = 12


@dataclass
class Recognised:
    """What a file may be.

    Parameters
    ----------
    guesses : dict of str to Guess
        By key: patient, origin, time, time_unit, event, event_value, start, start_unit, centre,
        modifier.
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
    names : tuple of str
        Every column of the file.
    columns : list of Column
        Those that hold anything.
    answers : dict of str to str
        What somebody answered, by key.
    centres : tuple of str
        What may be the centre, where that is not decided.
    scans : bool
        Whether the event lies between two scans: ``time`` found it, ``event`` is the last without.
    """

    guesses: dict[str, Guess] = field(default_factory=dict)
    covariates: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    limited: bool = False
    missing: bool = False
    order: str | None = None
    events: int = 0
    names: tuple[str, ...] = ()
    columns: list[Column] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    centres: tuple[str, ...] = ()
    scans: bool = False


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
    return _Roles(columns_of(table), table.names, {}).recognised()


def answered(found: Recognised, key: str, value: str) -> Recognised:
    """Return what is recognised once a question is answered.

    Parameters
    ----------
    found : Recognised
        What the columns may be.
    key : str
        A role, or ``date_order``.
    value : str
        The answer.

    Returns
    -------
    Recognised
        With what follows from all answers: values of an event, units of times.
    """
    return _Roles(found.columns, found.names, {**found.answers, key: value}).recognised()


class _Roles:
    """Goes through the roles; a column that has one is not asked for another."""

    def __init__(
        self, columns: list[Column], names: tuple[str, ...], answers: Mapping[str, str]
    ) -> None:
        self.found = Recognised(names=names, columns=columns, answers=dict(answers))
        self.left = list(columns)
        for key in ("patient", "time", "origin", "event", "start", "centre"):
            self._remove(answers.get(key, OPEN))

    def recognised(self) -> Recognised:
        found, guesses = self.found, self.found.guesses
        patient = self._take("patient", patient_column(self.left))
        origin = self._take("origin", _origin(self.left))
        end, asked = self._ends()
        time = self._take("time", end)
        event = self._take("event", asked or event_column(self.left, time))
        start = self._take("start", _start(self.left))
        if found.scans and time is not None:
            found.events = time.known
        elif event is not None:
            ends = guesses["time"].choices if time is None else (time.name,)
            words = " ".join(c.words for c in found.columns if c.name in ends)
            self._take("event_value", event_value(event, words, sure=time is not None))
            found.events = levels_of(event)[guesses["event_value"].value]
        if time is not None and time.dates and "time" not in found.answers:
            self._doubt_end(time, {c.name for c in (patient, origin, start) if c is not None})
            time = self._column("time")
        dated = any(self._dated(key) for key in ("time", "start"))
        if not dated:
            del guesses["origin"]
            self.left += [] if origin is None else [origin]
        elif origin is not None and time is not None and not time.dates:
            why = f"{guesses['origin'].why}; {time.name} has to be counted from this date too"
            guesses["origin"] = Guess(origin.name, why)
        self._units(time, start)
        centre = _decided(self.left, CENTRE, _may_be_centre, "tells where patients were treated")
        if not centre.open or "centre" in found.answers:
            self._take("centre", centre)
        else:
            found.centres = tuple(
                c.name for c in self.left if c.may_be(CENTRE) and _may_be_centre(c)
            )
        found.order = self.found.answers.get("date_order", self._order())
        _covariates(self.left, found)
        found.guesses = {key: guesses[key] for key in _KEYS if key in guesses}
        return found

    def _ends(self) -> tuple[Guess, Guess | None]:
        """The column of times, and of the event where scans are meant, or may be."""
        answers = self.found.answers
        given = {answers[key] for key in ("time", "event") if key in answers}
        pair = scan_pair([c for c in self.found.columns if c in self.left or c.name in given])
        scans = {guess.value for guess in pair or ()}
        rest = [c for c in self.left if c.name not in scans]
        time = _time(rest)
        if pair is None or not given <= scans:
            return time, None
        sure = next((c for c in rest if c.name == time.value), None)
        asked = None if given else either_event(pair, time, event_column(rest, sure), rest)
        if asked is None:
            self.found.scans = True
            return pair[1], pair[0]
        self.left = rest
        return asked

    def _take(self, key: str, guess: Guess) -> Column | None:
        if key in self.found.answers:
            guess = Guess(self.found.answers[key], "as answered")
        self.found.guesses[key] = guess
        self._remove(guess.value)
        return self._column(key)

    def _remove(self, name: str) -> None:
        self.left = [column for column in self.left if column.name != name]

    def _column(self, key: str) -> Column | None:
        name = self.found.guesses[key].value
        return next((column for column in self.found.columns if column.name == name), None)

    def _dated(self, key: str) -> bool:
        """Whether a role is one of dates, or may be."""
        guess = self.found.guesses[key]
        names = guess.choices if guess.open else (guess.value,)
        return any(c.dates for c in self.found.columns if c.name in names)

    def _doubt_end(self, time: Column, taken: set[str]) -> None:
        """Ask where another date is there exactly for whoever had the event."""
        event, value = self._column("event"), self.found.guesses.get("event_value")
        if event is None or value is None or value.open:
            return
        happened = event.labels == value.value
        for other in self.found.columns:
            if other.name in {time.name, *taken} or not other.dates:
                continue
            there = ~other.cells.missing
            if (there == happened).all() and (other.labels != time.labels)[there].any():
                why = f"{other.name} is there exactly where the event is: {_ONE_END}"
                self.found.guesses["time"] = Guess(OPEN, why, (time.name, other.name))
                return

    def _units(self, time: Column | None, start: Column | None) -> None:
        guesses = self.found.guesses
        self._take("time_unit", _unit(time, start))
        if start is None or start.dates or (time is None and start.unit is None):
            return
        unit = guesses["time_unit"]
        asked_both = time is not None and not time.dates and time.unit is None
        if start.unit is not None and start.unit.value != unit.value:
            self._take("start_unit", Guess(start.unit.value, "by the name of its column"))
        elif start.unit is None and not asked_both:
            question = f"In which unit is {start.name}? Its median is {_median(start)}"
            self._take("start_unit", Guess(OPEN, question, _ALL_UNITS))

    def _order(self) -> str | None:
        """Whether the order of day and month has to be stated for the dates that are read."""
        names = {self.found.guesses[key].value for key in ("time", "origin", "start")
                 if key in self.found.guesses}  # fmt: skip
        dated = {c.name: c.cells for c in self.found.columns if c.name in names and c.dates}
        if not dated:
            return None
        rows = len(next(iter(dated.values())).missing)
        who = np.full(rows, "", dtype=object)
        faults = read_dates(dated, None, patient=who)[1]
        return OPEN if any("date_order" in fault.remedy for fault in faults) else None


_KEYS: Final = (
    *("patient", "origin", "time", "time_unit", "event", "event_value", "start", "start_unit"),
    *("centre", "modifier"),
)
_ALL_UNITS: Final = tuple(unit.value for unit in TimeUnit)
_ONE_END: Final = (
    "follow-up needs one column with the date of death where there is one, and else of last "
    "contact. Which column has it?"
)


def _decided(
    columns: Sequence[Column], role: Role, fits: Callable[[Column], bool], what: str
) -> Guess:
    named = [c for c in columns if c.may_be(role) and fits(c)]
    return chosen(named, named, role, what)


def _origin(columns: Sequence[Column]) -> Guess:
    nearly = [c for c in columns if c.dates and 10 * c.known >= 9 * len(c.cells.missing)]
    named = [c for c in nearly if c.may_be(ORIGIN) and not c.may_be(START)] or [
        c for c in nearly if c.may_be(ORIGIN)
    ]
    full = [c for c in nearly if c.complete]
    return chosen(named, full, ORIGIN, "has the date from which time is counted")


def _time(columns: Sequence[Column]) -> Guess:
    """Dates of the end of follow-up, or durations; the better name comes first."""
    numbers = [c for c in columns if c.numeric and c.varied > min(3, c.known - 1)]
    spans = [c for c in numbers if c.may_be(TIME)]
    told = [c for c in spans if has(c.words, f"{SURVIVED}|{TO_DEATH}")]
    told += [c for c in spans if told and c not in told and has(c.words, PROGRESSED)]
    ends = [c for c in columns if c.dates and c.may_be(END)]
    if ends:
        named, role = [*ends, *spans], END
    else:
        named = told or spans
        role = TIME if named else UNIT_ONLY
        named = named or [c for c in numbers if c.surely(UNIT_ONLY)]
    fitting = [c for c in columns if c.complete and (c.dates or c in numbers)]
    fitting = [c for c in fitting if c.dates or bool((c.cells.numbers >= 0.0).all())]
    if not [c for c in named if c in fitting]:
        likely = [c for c in fitting if c.dates or not has(c.words, "age|alter|edad|eta")]
        return left_open("Which column is the time to event or last contact?", likely, _IS_TIME)
    guess = chosen(named, fitting, role, _IS_TIME)
    if guess.open and ends:
        return _death_or_contact(ends, spans, guess)
    return guess


_IS_TIME: Final = "has the end of follow-up: event or last contact"


def _death_or_contact(ends: Sequence[Column], spans: Sequence[Column], guess: Guess) -> Guess:
    full = [c for c in ends if c.complete and c.distinct > 1]
    partly = [c for c in ends if not c.complete]
    if len(full) == 1 and not spans and full[0].surely(END):
        last = full[0].labels
        if not any((c.labels != last)[~c.cells.missing].any() for c in partly):
            return Guess(full[0].name, "by its name; dates of death are in it too")
    if partly:
        counts = ", ".join(f"{c.name} is known in {c.known} rows" for c in partly)
        return Guess(OPEN, f"{counts}: {_ONE_END}", guess.choices)
    return guess


def _median(column: Column) -> str:
    return f"{np.nanmedian(column.cells.numbers):g}"


def _unit(time: Column | None, start: Column | None) -> Guess:
    if time is None:
        return Guess(OPEN, "In which unit is time? (months where it is a date)", _ALL_UNITS)
    if time.dates:
        return Guess(TimeUnit.MONTHS.value, "dates are turned into it")
    if time.unit is not None:
        return Guess(time.unit.value, "by the name of the column")
    asked = time.name
    if start is not None and not start.dates and start.unit is None:
        asked = f"{time.name}, and {start.name} with it"
    question = f"In which unit is {asked}? Its median is {_median(time)}"
    return Guess(OPEN, question, _ALL_UNITS)


def _may_be_centre(column: Column) -> bool:
    return not column.dates and 2 <= column.distinct <= max(2, column.known // 2)


def _start(columns: Sequence[Column]) -> Guess:
    typed = [c for c in columns if c.dates or (c.numeric and not (c.complete and c.unit is None))]
    named = [c for c in typed if c.may_be(START) and not (c.complete and c.may_be(ORIGIN))]
    if any(c.dates for c in named):
        named = [c for c in named if c.dates or c.unit is not None]
    partly = [c for c in typed if not c.complete]
    sure = [c for c in partly if c.dates or c.unit is not None or has(c.words, _WHEN)]
    what = "has the start of the treatment (empty = never)"
    guess = chosen(named, sure, START, what)
    if not guess.open:
        many = f"{named[0].known} of {len(named[0].labels)} rows have one"
        return Guess(guess.value, f"by its name; {many}")
    return left_open(guess.why, [c for c in named if c in partly] or named or partly, what)


_WHEN: Final = r"start\w*|begin\w*|beginn|day|tag|date|time|zeit"


def _covariates(columns: Sequence[Column], found: Recognised) -> None:
    by_quantity = {quantity: _quantity(columns, quantity) for quantity in Quantity}
    modifier = by_quantity[Quantity.NLR]
    if modifier is not None and not (modifier.cells.numbers <= 0.0).any():
        found.guesses["modifier"] = Guess(modifier.name, "the neutrophil-to-lymphocyte ratio")
    for part in (Quantity.ALBUMIN, Quantity.BILIRUBIN):
        column = by_quantity[part]
        if column is not None and unit_in_name(column.name, part) is not None:
            found.parts[part.value] = column.name
    if len(found.parts) < 2 or by_quantity[Quantity.ALBI] is not None:
        found.parts.clear()
    asked_of = {name for guess in found.guesses.values() if guess.open for name in guess.choices}
    used = {*found.parts.values(), *(guess.value for guess in found.guesses.values()), *asked_of}
    for column in columns:
        enough = 10 * column.known >= 8 * len(column.cells.missing) and column.varied > 1
        usable = enough and not column.dates and column.name not in used
        if usable and (column.numeric or column.varied <= _LEVELS // 2):
            found.covariates[column.name] = "numbers" if column.numeric else "categories"
    asked = {*found.covariates, *found.parts.values()} | ({modifier.name} if modifier else set())
    found.limited = any(c.limited for c in columns if c.name in asked)
    found.missing = any(not c.complete for c in columns if c.name in asked)


def _quantity(columns: Sequence[Column], quantity: Quantity) -> Column | None:
    """The one column of a quantity, known at time zero by its name."""
    name = quantity.value.replace("_", " ")
    found = [c for c in columns if has(c.words, name) and not LATER.search(c.words) and c.numeric]
    sure = len(found) == 1 and units_of(quantity) and found[0].at_onset(name)
    return found[0] if sure else None
