"""The specification that `init --from` writes: each guess with its reason, and what is open."""

import re
from typing import Final

from bayes_ihlrt.cohort.recognise import OPEN, Guess, Recognised

_EVENTS_A_TERM: Final = 10
_BASELINE: Final = (
    *("albi", "afp_high", "age", "ecog", "ps", "child_pugh", "bclc", "crp"),
    *("sex", "gender", "female", "male", "etiology", "aetiology", "cirrhosis"),
)
"""Covariates that are known at time zero by their names, the first to be proposed first."""
_AFP: Final = re.compile(r"\bafp\b.*[(\[]\s*(ng/ml|[u\xb5\u03bc]g/l)\s*[)\]]", re.IGNORECASE)
_NOT_A_NAME: Final = frozenset(
    {
        *("date", "datum", "start", "begin", "of", "first", "time", "the", "at", "to", "no", "nr"),
        *("months", "month", "days", "day", "weeks", "years"),
    }
)


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
    bare = re.sub(r"[(\[][^()\[\]]*[)\]]", " ", column).strip() or column
    word = "_".join(re.findall(r"[a-z0-9]+", bare.casefold()))
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

    def lines(self, name: str, file: str, seed: int | None) -> list[str]:
        open_ = [key for key, guess in self.found.guesses.items() if guess.open]
        head = ["# Written from the data file: a guess for each role, with its reason."]
        if open_ or self.found.order is not None:
            head.append('# Lines with "?" are open: nothing can be fitted before they are decided.')
        start = self.found.guesses["start"]
        treatment = "treated" if start.open else treatment_name(start.value)
        self.terms = self._terms(treatment)
        lines = [*head, "schema = 2", f"name = {quoted(name)}", "", "[data]"]
        lines += [f"file = {quoted(file)}", *self._data()]
        if self.aliases:
            pairs = (f"{short} = {quoted(column)}" for short, column in self.aliases.items())
            lines += ["# Short names for the formula.", f"aliases = {{ {', '.join(pairs)} }}"]
        if self.derived:
            lines += ["", "[data.derived]", *self.derived]
        lines += ["", "[treatment]", f"name = {quoted(treatment)}"]
        lines += self._role("start", "start")
        lines += ["# Time before the first treatment counts as untreated.", 'design = "split"']
        if "modifier" in self.found.guesses:
            lines += ["", "[modifier]", 'name = "nlr"', 'column = "nlr"']
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
        lines = [line for key in ("patient", "origin", "time") for line in self._role(key, key)]
        if self.found.order is not None:
            lines.append("# Dates such as 03/04/2021: day-month-year or month-day-year?")
            lines.append(f"date_order = {quoted(self.found.order)}")
        event, value = guesses["event"], guesses.get("event_value")
        if value is None or (value.value == "1" and not value.open):
            lines += [*_reason(event), f"event = {quoted(event.value)}"]
        else:
            lines += [*_reason(event), *_reason(value)]
            pair = f"column = {quoted(event.value)}, value = {quoted(value.value)}"
            lines.append(f"event = {{ {pair} }}")
        lines += self._role("centre", "centre")
        if not (guesses["time_unit"].value == "months" and "origin" in guesses):
            lines += self._role("time_unit", "time_unit")
        if self.found.limited:
            lines.append(
                "# For values below the limit of detection: half of it, limit, limit/sqrt2."
            )
            lines.append('below_limit = "half"')
        if self.found.missing:
            lines.append("# Patients who lack a covariate are left out, and listed; false refuses.")
            lines.append("drop_missing = true")
        return lines

    def _terms(self, treatment: str) -> list[str]:
        terms = [treatment]
        if "modifier" in self.found.guesses:
            terms = [f"{treatment} * nlr"]
            self._alias("nlr", self.found.guesses["modifier"].value)
        room = max(1, self.found.events // _EVENTS_A_TERM) - (
            3 if len(terms[0]) > len(treatment) else 1
        )
        for short, column in self._proposed()[: max(room, 0)]:
            terms.append(short)
            if short == "albi" and column is None:
                parts = (f"{part} = {quoted(name)}" for part, name in self.found.parts.items())
                self.derived.append(f"albi = {{ {', '.join(parts)} }}")
            elif short == "afp_high" and column is not None:
                self.derived.append(f"afp_high = {quoted(f'{column} >= 400')}")
            elif column is not None:
                self._alias(short, column)
        return terms

    def _alias(self, short: str, column: str) -> None:
        if short != column:
            self.aliases[short] = column

    def _proposed(self) -> list[tuple[str, str | None]]:
        """Covariates known at time zero, by their names in the formula."""
        named: dict[str, str | None] = {"albi": None} if self.found.parts else {}
        for column in self.found.covariates:
            short = "afp_high" if _AFP.search(column) else short_name(column)
            named.setdefault(short, column)
        return [(short, named[short]) for short in _BASELINE if short in named]

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


def _reason(guess: Guess) -> list[str]:
    if not guess.open:
        return [_comment(guess.why)]
    listed = ", ".join(guess.choices[:12])
    return [_comment(f"OPEN: {guess.why}" + (f" One of: {listed}" if listed else ""))]


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
