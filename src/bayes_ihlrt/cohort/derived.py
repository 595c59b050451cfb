"""Columns that are computed from others: comparisons and clinical scores."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.clinical.columns import compute_score, score_inputs, score_words, scores_known
from bayes_ihlrt.clinical.units import Quantity, Unit, units_of
from bayes_ihlrt.cohort.given import (
    BELOW_LIMIT,
    Given,
    few,
    limit_of,
    values_found,
    within_limits,
)
from bayes_ihlrt.cohort.rules import implausible_values
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.cells import CellKind, Cells, absent, read_labels
from bayes_ihlrt.files.messages import LISTED, are, cells, share
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import Comparison, parse_comparison

type Floats = NDArray[np.float64]

_UNIT: Final = re.compile(r"[(\[]([^()\[\]]+)[)\]]\s*$")
_MICRO: Final = {0xB5: "u", 0x3BC: "u"}
"""Both letters by which files write "micro"."""
_SIGNS: Final[Mapping[str, Callable[[Floats, float], NDArray[np.bool_]]]] = MappingProxyType(
    {
        ">=": lambda values, limit: values >= limit,
        "<=": lambda values, limit: values <= limit,
        ">": lambda values, limit: values > limit,
        "<": lambda values, limit: values < limit,
        "==": lambda values, limit: values == limit,
        "!=": lambda values, limit: values != limit,
    }
)


def parts_of(data: DataSpec, name: str) -> tuple[str, ...] | None:
    """Return the columns from which a column is computed; None where it is not computed.

    Parameters
    ----------
    data : DataSpec
        With the rules in `derived`.
    name : str
        A column of the analysis.

    Returns
    -------
    tuple of str or None
        Names as the rules write them.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="t", event="d", derived={"old": "Age >= 70"})
    >>> parts_of(data, "old"), parts_of(data, "age")
    (('Age',), None)
    """
    rule = data.derived.get(name)
    if rule is None:
        return None
    if isinstance(rule, str):
        comparison = parse_comparison(rule)
        return () if comparison is None else (comparison.column,)
    return tuple(rule.values())


def computed_column(given: Given, name: str) -> Cells | None:
    """Compute a column by its rule.

    Parameters
    ----------
    given : Given
        The file; faults and what was done are noted in it.
    name : str
        A column of `derived`.

    Returns
    -------
    Cells or None
        None where it cannot be computed.
    """
    if name in given.table.names:
        problem = "it is computed by `derived`, and the file has a column of this name"
        remedy = "Choose another name for the computed column, or use the file's"
        given.faults.append(Fault(f"column {name}", problem, remedy))
        return None
    rule = given.data.derived[name]
    if not isinstance(rule, str):
        return _score(given, name, rule)
    comparison = parse_comparison(rule)
    raw = None if comparison is None else given.raw(comparison.column, f"a part of {name}")
    if comparison is None or raw is None:
        return None
    found = given.cells(comparison.column, raw)
    made = _compared(given, name, found, comparison)
    if made is None:
        return None
    counts = f"{int((made == 1.0).sum())} yes, {int((made == 0.0).sum())} no"
    unknown = int(np.isnan(made).sum())
    given.notes.append(f"{name} is {rule}: {counts}{f', {unknown} not known' if unknown else ''}")
    return _number_cells(made)


def _number_cells(values: Floats) -> Cells:
    return Cells(CellKind.NUMBER, values, np.empty(0, dtype=object))


def _compared(given: Given, name: str, found: Cells, rule: Comparison) -> Floats | None:
    source, compare, number = given.source(rule.column), _SIGNS[rule.sign], rule.number
    words = found.kind is not CellKind.NUMBER and bool(np.isnan(found.numbers).all())
    limits = any(limit_of(cell) is not None for cell in found.text.tolist())
    if number is None or (words and not limits):
        text = found.text if len(found.text) else read_labels(found.numbers)
        known = ~absent(text)
        seen = tuple(dict.fromkeys(text[known].tolist()))
        if rule.value not in seen:
            problem = f"{name} compares it with '{rule.value}', which no row has; found "
            problem += values_found(seen)
            hint = nearest(rule.value, seen) if few(seen) else "Check the column and the value"
            fault = Fault(f"column {source}", problem, hint)
            given.faults.append(fault)
            return None
        equal = np.array([value == rule.value for value in text.tolist()], dtype=np.float64)
        return np.where(known, compare(equal, 1.0), np.nan)
    low, high = _bounds(found)
    unread = np.isnan(low) & ~found.missing
    low_side, high_side = compare(low, number), compare(high, number)
    undecided = (low_side != high_side) & ~np.isnan(low)
    if rule.sign in {"==", "!="}:
        undecided |= (low <= number) & (number <= high) & (low != high)
    wrong = False
    for rows, what, remedy in (
        (unread, "no number", "Write plain numbers, or name the code in [data] missing"),
        (
            undecided,
            f"on either side of {rule.value}",
            "Choose a limit for the category that the laboratory can tell",
        ),
    ):
        where = np.flatnonzero(rows)
        if len(where):
            texts = [f"'{found.text[row]}'" for row in where[:LISTED]]
            problem = f"{share(len(where), len(low), 'value')} {are(len(where))} {what}: "
            problem += cells(iter(texts), given.patient[where])
            given.faults.append(Fault(f"column {source}", problem, remedy))
            wrong = True
    return None if wrong else np.where(np.isnan(low), np.nan, low_side)


def _bounds(found: Cells) -> tuple[Floats, Floats]:
    """Between what each value lies: itself, or what a limit of detection leaves open."""
    low, high = found.numbers.copy(), found.numbers.copy()
    for row in np.flatnonzero(found.unreadable):
        limit = limit_of(found.text[row])
        if limit is not None and limit.below:
            strict = found.text[row].startswith("<") and "=" not in found.text[row]
            low[row] = -np.inf
            high[row] = np.nextafter(limit.value, -np.inf) if strict else limit.value
        elif limit is not None:
            strict = found.text[row].startswith(">") and "=" not in found.text[row]
            low[row] = np.nextafter(limit.value, np.inf) if strict else limit.value
            high[row] = np.inf
    return low, high


def _score(given: Given, name: str, rule: Mapping[str, str]) -> Cells | None:
    place, inputs = f"[data] derived, {name}", score_inputs(name)
    if not inputs:
        problem = "it is no score that can be computed"
        given.faults.append(Fault(place, problem, nearest(name, scores_known())))
        return None
    if set(inputs) != set(rule):
        problem = f"it is computed from {', '.join(inputs)}; found {', '.join(rule) or 'nothing'}"
        remedy = f"Name the columns of {', '.join(inputs)}, and no others"
        given.faults.append(Fault(place, problem, remedy))
        return None
    before = len(given.faults)
    parts = {part: found for part in inputs if (found := _part(given, name, part, rule[part]))}
    if len(given.faults) > before or len(parts) < len(inputs):
        return None
    values = {part: values for part, (values, _) in parts.items()}
    units = {part: unit for part, (_, unit) in parts.items() if unit is not None}
    made = compute_score(name, values, units)
    told = (
        f"{given.source(rule[part])}{f' in {units[part]}' if units.get(part, '1') != '1' else ''}"
        for part in inputs
    )
    given.notes.append(f"{name} is computed from {' and '.join(told)}")
    if made.dtype == object:
        return Cells(CellKind.CATEGORY, np.full(len(made), np.nan), made.astype(object))
    return _number_cells(made.astype(np.float64))


def _part(given: Given, name: str, part: str, column: str) -> tuple[Any, str | None] | None:
    """Values of an input of a score, and their unit; None where the file has no such column."""
    raw = given.raw(column, f"a part of {name}")
    if raw is None:
        return None
    found = given.cells(column, raw)
    if part not in list(Quantity):
        return _words(given, part, column, found), None
    found = within_limits(given, column, found)
    _note_unread(given, column, found)
    what, source = Quantity(part), given.source(column)
    unit = _unit(given, what, column)
    if unit is not None:
        given.faults += implausible_values(
            found.numbers, given.patient, what, Unit(unit), column=source
        )
    return found.numbers, unit


def _words(given: Given, part: str, column: str, found: Cells) -> NDArray[np.object_]:
    """Words of a score's input, of which it has a closed set."""
    known = score_words(part)
    rows = np.array([text is not None and text not in known for text in found.text.tolist()])
    wrong = np.flatnonzero(rows)
    if len(wrong):
        texts = [f"'{found.text[row]}'" for row in wrong[:LISTED]]
        problem = f"{share(len(wrong), len(found.text), 'value')} {are(len(wrong))} no word of "
        problem += f"{part}: {cells(iter(texts), given.patient[wrong])}"
        fault = Fault(f"column {given.source(column)}", problem, f"Allowed: {', '.join(known)}")
        given.faults.append(fault)
    return found.text


def _note_unread(given: Given, name: str, found: Cells) -> None:
    """Note the cells of a column of numbers that hold none."""
    rows = np.flatnonzero(found.unreadable)
    if len(rows):
        texts = [f"'{found.text[row]}'" for row in rows[:LISTED]]
        problem = f"{share(len(rows), len(found.numbers), 'value')} {are(len(rows))} no number"
        problem += f": {cells(iter(texts), given.patient[rows])}"
        remedy = "Write plain numbers, or name the code in [data] missing"
        if any(limit_of(found.text[row]) is not None for row in rows):
            remedy = f"{BELOW_LIMIT}; name codes for what is not known in missing"
        given.faults.append(Fault(f"column {given.source(name)}", problem, remedy))


def _unit(given: Given, quantity: Quantity, column: str) -> str | None:
    """The unit of a part of a score: declared, or written in the column's name."""
    allowed, source = units_of(quantity), given.source(column)
    if len(allowed) == 1:
        return str(allowed[0])
    declared = given.data.units.get(column, given.data.units.get(source))
    written = unit_in_name(source, quantity)
    if declared in list(allowed) and written in {None, declared}:
        return declared
    if declared is None and written is not None:
        return written
    if declared in list(allowed):
        problem = f"its name says {written}, and `units` says {declared}"
        remedy = "Correct the unit, or rename the column"
        given.faults.append(Fault(f"column {source}", problem, remedy))
        return None
    problem = "its unit is not declared, nor written in brackets in the column's name"
    if declared is not None:
        problem = f"'{declared}' is not a unit of {quantity}"
    remedy = f'Write units = {{ "{column}" = ... }} in [data] with one of {", ".join(allowed)}'
    given.faults.append(Fault(f"column {source}", problem, remedy))
    return None


def unit_in_name(column: str, quantity: Quantity) -> str | None:
    """Return the unit that a column's name ends with in brackets, as the quantity writes it.

    Parameters
    ----------
    column : str
        Name of the column.
    quantity : Quantity
        What it holds.

    Returns
    -------
    str or None
        None where there is none, or none that the quantity has.

    Examples
    --------
    >>> unit_in_name("Bilirubin (umol/l)", Quantity.BILIRUBIN)
    'umol/L'
    """
    found = _UNIT.search(column)
    if found is None:
        return None
    written = found[1].strip().translate(_MICRO).casefold()
    return next((str(u) for u in units_of(quantity) if str(u).casefold() == written), None)
