"""The specification that `init --from` writes: each guess with its reason, and what is open."""

import re
from collections.abc import Iterator
from itertools import chain, count
from typing import Final

from bayes_ihlrt.clinical.column_names import (
    DEAD_WORD,
    LATER,
    LIVING_WORD,
    NO_WORD,
    NOT_WORD,
    PROGRESSED,
    ColumnName,
    has,
)
from bayes_ihlrt.labels import is_label, said_twice
from bayes_ihlrt.proposal.recognise import Recognised
from bayes_ihlrt.proposal.role_guesses import OPEN, Column, Guess

_EVENTS_A_TERM: Final = 10
_ONE_EVENT: Final = 2
"""Values of a column that tells of one event: that it happened, and that it did not."""
_BASELINE: Final = (
    *("albi", "afp_high", "age", "ecog", "ps", "child_pugh", "bclc", "crp"),
    *("sex", "gender", "female", "male", "etiology", "aetiology", "cirrhosis"),
)
"""Covariates that are known at time zero by their names, the first to be proposed first."""
_ALSO_CALLED: Final = {"alter": "age", "edad": "age", "geschlecht": "sex", "sexe": "sex"}
_AFP: Final = re.compile(r"\bafp\b.*[(\[]\s*(ng/ml|[u\xb5\u03bc]g/l)\s*[)\]]", re.IGNORECASE)
_NOT_A_NAME: Final = frozenset(
    {
        *("date", "datum", "start", "begin", "of", "first", "time", "the", "at", "to", "no", "nr"),
        *("months", "month", "days", "day", "weeks", "years", "am", "der", "des", "von"),
        *("beginn", "erste", "monate", "tage", "zeit", "mo", "since", "from", "baseline"),
    }
)


_CAUSE: Final = re.compile(r"[A-Za-z][\w -]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BRACKETS: Final = re.compile(r"[(\[][^()\[\]]*[)\]]")


def short_name(column: str) -> str:
    """Return a word for formulas: letters, digits and single underscores.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str
        Without units in brackets.

    Examples
    --------
    >>> short_name("Child-Pugh"), short_name("AFP (ng/mL)"), short_name("23.Rad")
    ('child_pugh', 'afp', 'x23_rad')
    """
    return _one_word(_BRACKETS.sub(" ", column).strip() or column)


def _one_word(text: str) -> str:
    word = "_".join(re.findall(r"[a-z0-9]+", text.casefold()))
    return word if word[:1].isalpha() else f"x{word}"


def treatment_name(column: str) -> str:
    """Return what the treatment is called, from the column with its start.

    Parameters
    ----------
    column : str
        Name of the column.

    Returns
    -------
    str
        ``treated`` where the name says nothing but a time.

    Examples
    --------
    >>> treatment_name("IHLRT date"), treatment_name("Start (days)")
    ('ihlrt', 'treated')
    """
    words = [word for word in short_name(column).split("_") if word not in _NOT_A_NAME]
    return "_".join(words) or "treated"


def _treatment_label(column: str) -> str:
    """What people call the treatment; empty where the column's name says nothing but a time."""
    words = re.findall(r"[^\W_]+", _BRACKETS.sub(" ", column))
    return " ".join(word for word in words if word.casefold() not in _NOT_A_NAME)


def first_specification(found: Recognised, *, name: str, file: str, seed: int | None) -> str:
    """Return a specification in TOML.

    Parameters
    ----------
    found : Recognised
        What the columns may be.
    name : str
        Name of the analysis.
    file : str
        Data file, relative to the specification.
    seed : int or None
        Seed of the sampler.

    Returns
    -------
    str
        Comments give each guess's reason; what is open stands as "?".
    """
    return "\n".join(_Writer(found).lines(name, file, seed)) + "\n"


class _Writer:
    def __init__(self, found: Recognised) -> None:
        self.found = found
        self.aliases: dict[str, str] = {}
        self.derived: list[str] = []
        self.terms: list[str] = []
        self.modifier = "nlr"
        self.taken = set(found.names)
        """Names that no short name may have."""

    def _fresh(self, short: str, column: str = "") -> str:
        """A short name that neither the file nor the formula has yet, else one with the unit."""
        longer = _one_word(column)
        names = (short, longer) if longer.startswith(short) else (short,)
        name = next(n for n in chain(names, _numbered(short)) if n not in self.taken)
        self.taken.add(name)
        return name

    def lines(self, name: str, file: str, seed: int | None) -> list[str]:
        open_ = [key for key, guess in self.found.guesses.items() if guess.open]
        head = ["# Written from the data file: a guess for each role, with its reason."]
        if open_ or self.found.order is not None:
            head.append('# Lines with "?" are open: nothing can be fitted before they are decided.')
        start = self.found.guesses["start"]
        treatment = "treated" if start.open else treatment_name(start.value)
        treatment = treatment if treatment == start.value else self._fresh(treatment)
        self.terms = self._terms(treatment)
        lines = [*head, "schema = 2", f"name = {quoted(name)}", "", "[data]"]
        lines += [f"file = {quoted(file)}", *self._data()]
        if self.aliases:
            pairs = (f"{short} = {quoted(column)}" for short, column in self.aliases.items())
            lines += ["# Short names for the formula.", f"aliases = {{ {', '.join(pairs)} }}"]
        lines += self._labels(treatment)
        if self.derived:
            lines += ["", "[data.derived]", *self.derived]
        lines += ["", "[treatment]", f"name = {quoted(treatment)}"]
        lines += self._role("start", "start")
        lines += ["# Time before the first treatment counts as untreated.", 'design = "split"']
        if "modifier" in self.found.guesses:
            modifier = quoted(self.modifier)
            lines += ["", "[modifier]", f"name = {modifier}", f"column = {modifier}"]
            lines += ["# The effect of treatment per doubling, read at the reference."]
            lines += ['transform = "log2"', "reference = 3.0"]
        lines += ["", "[outcome]", *self._unused(), f"formula = {quoted(' + '.join(self.terms))}"]
        if "centre" in self.found.guesses:
            lines.append('group = "(1 | centre)"')
        if "modifier" in self.found.guesses:
            lines += [
                "",
                "[estimands]",
                "# Months, and values of the modifier, at which is looked.",
            ]
            lines += ["horizons = [12.0, 24.0]", "at = [2.0, 3.0, 5.0]"]
        lines += [] if seed is None else ["", "[sampler]", f"seed = {seed}"]
        return lines

    def _role(self, key: str, line: str) -> list[str]:
        guess = self.found.guesses.get(key)
        return [] if guess is None else [*_reason(guess), f"{line} = {quoted(guess.value)}"]

    def _data(self) -> list[str]:
        guesses = self.found.guesses
        roles = ("patient", "origin") if self.found.scans else ("patient", "origin", "time")
        lines = [line for key in roles for line in self._role(key, key)]
        if self.found.order is not None:
            lines.append("# Dates such as 03/04/2021: day-month-year or month-day-year?")
            lines.append(f"date_order = {quoted(self.found.order)}")
        event, value = guesses["event"], guesses.get("event_value")
        if self.found.scans:
            lines += [*_reason(event), *_reason(guesses["time"])]
            pair = f"left = {quoted(event.value)}, right = {quoted(guesses['time'].value)}"
            lines += [f"event = {{ {pair} }}"]
        elif value is None or (value.value == "1" and not value.open):
            lines += [*_reason(event), f"event = {quoted(event.value)}"]
        else:
            lines += [*_reason(event), *_reason(value)]
            pair = f"column = {quoted(event.value)}, value = {quoted(value.value)}"
            lines.append(f"event = {{ {pair} }}")
            lines += _causes(event.value, value)
        lines += self._role("centre", "centre")
        if self.found.centres:
            listed = ", ".join(self.found.centres)
            lines.append(_comment(f"No centre: is it {listed}? Then add centre, and a group."))
        dated = guesses["time_unit"].why.startswith("dates")
        if not dated:
            lines += self._role("time_unit", "time_unit")
        unit, start = guesses.get("start_unit"), guesses["start"]
        if unit is not None:
            pair = f"{quoted(start.value)} = {quoted(unit.value)}"
            lines += [*_reason(unit), f"units = {{ {pair} }}"]
        if self.found.limited:
            lines.append(
                "# For values below the limit of detection: half of it, limit, limit/sqrt2."
            )
            lines.append('below_limit = "half"')
        if self.found.missing:
            lines.append("# Patients who lack a covariate are left out, and listed; false refuses.")
            lines.append("drop_missing = true")
        return lines

    def _labels(self, treatment: str) -> list[str]:
        """What people read in the place of names, as the file's headers have it."""
        guesses = self.found.guesses
        told = dict(self.aliases)
        if not guesses["start"].open:
            told[treatment] = _treatment_label(guesses["start"].value)
        if "centre" in guesses:
            told["centre"] = guesses["centre"].value
        scan = guesses["time"].value if self.found.scans else ""
        if scan and has(ColumnName(scan).words, PROGRESSED):
            told[scan] = "progression"
        told = {name: " ".join(text.split()) for name, text in told.items()}
        fit = {n: t for n, t in told.items() if n != t and is_label(t)}
        others = {*self.found.names} - {*self.aliases.values(), fit.get("centre")}
        fit = {n: t for n, t in fit.items() if t not in others and not said_twice({n: t, **fit})}
        pairs = ", ".join(f"{_key(name)} = {quoted(text)}" for name, text in fit.items())
        return ["# What people read.", f"labels = {{ {pairs} }}"] if fit else []

    def _terms(self, treatment: str) -> list[str]:
        terms = [treatment]
        if "modifier" in self.found.guesses:
            self.modifier = self._alias("nlr", self.found.guesses["modifier"].value)
            terms = [f"{treatment} * {self.modifier}"]
        room = max(1, self.found.events // _EVENTS_A_TERM) - (
            3 if len(terms[0]) > len(treatment) else 1
        )
        for short, column in self._proposed()[: max(room, 0)]:
            if column is None:
                parts = (f"{part} = {quoted(name)}" for part, name in self.found.parts.items())
                terms.append(self._fresh(short))
                self.derived.append(f"{terms[-1]} = {{ {', '.join(parts)} }}")
            elif short == "afp_high" and _AFP.search(column):
                terms.append(self._fresh(short))
                self.derived.append(f"{terms[-1]} = {quoted(f'{column} >= 400')}")
            else:
                terms.append(self._alias(short, column))
        return terms

    def _alias(self, short: str, column: str) -> str:
        """The name of a column in the formula."""
        if short == column:
            return short
        name = self._fresh(short, column)
        self.aliases[name] = column
        return name

    def _proposed(self) -> list[tuple[str, str | None]]:
        """Covariates known at time zero, by their names in the formula; none that two may be."""
        named: dict[str, list[str | None]] = {"albi": [None]} if self.found.parts else {}
        columns = {column.name: column for column in self.found.columns}
        for name in self.found.covariates:
            words = columns[name].words
            afp = bool(_AFP.search(name)) and _either_side(columns[name])
            short = "afp_high" if afp else short_name(name)
            short = _ALSO_CALLED.get(short, short)
            onset = afp or short in _ALSO_CALLED.values()
            onset = onset or columns[name].at_onset(short_name(name).replace("_", " "))
            if onset and not LATER.search(words):
                named.setdefault(short, []).append(name)
        return [(s, named[s][0]) for s in _BASELINE if len(named.get(s, ())) == 1]

    def _unused(self) -> list[str]:
        used = {*self.aliases.values(), *(c for c in self.found.covariates if self._derives(c))}
        used |= {c for c in self.found.covariates if c in " + ".join(self.terms).split(" + ")}
        rest = [c for c in self.found.covariates if c not in used]
        if not rest:
            return []
        listed = ", ".join(rest[:12]) + (" and others" if len(rest) > 12 else "")
        told = f"Not used: {listed}. Add what was known at time zero, a term for 10 events."
        return [_comment(told)]

    def _derives(self, column: str) -> bool:
        return any(quoted(column)[1:-1] in line for line in self.derived)


def _either_side(afp: Column) -> bool:
    """Whether AFP is known at time zero, and some have 400 and some have not."""
    numbers = afp.cells.numbers
    return afp.at_onset("afp") and bool((numbers >= 400.0).any() and (numbers < 400.0).any())


def _numbered(short: str) -> Iterator[str]:
    return (f"{short}_{number}" for number in count(2))


def _reason(guess: Guess) -> list[str]:
    if not guess.open:
        return [_comment(guess.why)]
    listed = ", ".join(guess.choices[:12])
    return [_comment(f"OPEN: {guess.why}" + (f" One of: {listed}" if listed else ""))]


def _causes(column: str, value: Guess) -> list[str]:
    """How several values are named as competing causes, where no one of them is the event."""
    if not value.open or len(value.choices) <= _ONE_EVENT:
        return []
    censored = [choice for choice in value.choices if _is_censoring(choice)]
    others = sorted(choice for choice in value.choices if choice not in censored)
    if len(others) < _ONE_EVENT:
        return []
    names = _cause_names(others)
    named = ", ".join(f"{n} = {quoted(c)}" for n, c in zip(names, others, strict=True))
    without = ", ".join(quoted(choice) for choice in sorted(censored) or [OPEN])
    told = (
        f"event = {{ column = {quoted(column)}, values = {{ {named} }}, censored = [{without}] }}"
    )
    return [
        _comment(f"Or, if they are competing causes, name each, and which is censoring: {told}")
    ]


def _is_censoring(value: str) -> bool:
    """Whether a value says by its own word that no event was seen."""
    negated = NOT_WORD.match(value)
    # "no event" is none; "non-hepatic death" is a cause.
    if negated is not None and DEAD_WORD.fullmatch(value[negated.end() :].strip(" -_")):
        return True
    return bool(LIVING_WORD.match(value) or NO_WORD.fullmatch(value))


def _cause_names(values: list[str]) -> list[str]:
    """Keys of causes: the values themselves where they are words, else numbered."""
    if not all(_CAUSE.fullmatch(value) for value in values):
        return [f"cause_{number}" for number in range(1, len(values) + 1)]
    return [_key(value) for value in values]


def _key(name: str) -> str:
    """Return a key as TOML writes it."""
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def _comment(text: str) -> str:
    """One line, whatever the file's names hold."""
    return "# " + " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def quoted(text: str) -> str:
    r"""Return a text as TOML writes it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Between double quotes.

    Examples
    --------
    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    plain = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", plain)
    return f'"{plain}"'


def open_questions(found: Recognised) -> dict[str, Guess]:
    """Return what is open, by key.

    Parameters
    ----------
    found : Recognised
        What the columns may be.

    Returns
    -------
    dict of str to Guess
        In the order of the specification.
    """
    questions = {key: guess for key, guess in found.guesses.items() if guess.open}
    if found.order == OPEN:
        why = "Are dates such as 03/04/2021 written day first or month first?"
        questions["date_order"] = Guess(OPEN, why, ("day-month-year", "month-day-year"))
    return questions
