"""Values that may be no values: codes for "missing", outliers, other units, other spellings.

Nothing here refuses: what is possible and unlikely is told with its patients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.clinical.units import PLAUSIBLE, Quantity, units_of
from bayes_ihlrt.files.cells import number_labels
from bayes_ihlrt.files.messages import LISTED, cells, counted, enumerated, shown

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

CODES: Final = frozenset(
    float(sign * code)
    for code in (
        *(9, 77, 88, 98, 99, 777, 888, 998, 999, 7777, 8888, 9998, 9999, 77777, 88888, 99999),
        *(999999, 99.9, 999.9, 9999.9, 9.99, 99.99, 999.99),
    )
    for sign in (1, -1)
) | {-1.0, -7.0, -8.0}
"""Numbers that are in use for "not known", "not applicable" or "refused"."""
_FEWEST: Final = 5
_LARGE: Final = 77.0
_OLDEST: Final = 120.0


@dataclass(frozen=True)
class Column:
    """Numbers of one column, each with its patient.

    Parameters
    ----------
    name : str
        As in the data file.
    values : ndarray of float, shape (n,)
        One for each patient and different value; none missing.
    patient : ndarray of str, shape (n,)
        Whose.
    """

    name: str
    values: Floats
    patient: NDArray[np.object_]

    def told(self, marked: Flags) -> str:
        """Return the marked values with their patients."""
        rows = np.flatnonzero(marked)
        return cells(map(shown, self.values[rows[:LISTED]]), self.patient[rows])

    def range(self, marked: Flags) -> str:
        """Return the smallest and the largest marked value."""
        own = self.values[marked]
        return f"{shown(own.min())} to {shown(own.max())}"


def once_a_patient(name: str, values: NDArray[Any], patient: NDArray[np.object_]) -> Column:
    """Return a column with each value of a patient once, and without what is not finite.

    Parameters
    ----------
    name : str
        As in the data file.
    values : ndarray of float, shape (rows,)
        Numbers.
    patient : ndarray of str, shape (rows,)
        Patient of each row; rows of a patient are together.

    Returns
    -------
    Column
        In the order of the rows.
    """
    numbers = values.astype(np.float64)
    new = np.append(True, (patient[1:] != patient[:-1]) | (numbers[1:] != numbers[:-1]))
    kept = np.flatnonzero(new & np.isfinite(numbers))
    return Column(name, numbers[kept], patient[kept])


def outlying(values: Floats, *, codes_only: bool = False) -> Flags:
    """Return which values lie so far outside the rest that they may be codes or slips.

    The rest is measured by quartiles: on the scale of the data and, where nothing is negative, on
    that of its logarithm too, since laboratory values are skewed. A number that is in use as a code
    needs less distance than another, and less again where it is repeated.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite.
    codes_only : bool
        Mark nothing but codes: times have long tails of their own.

    Returns
    -------
    ndarray of bool, shape (n,)
        Marked values; all False for fewer than five.

    Examples
    --------
    >>> albi = np.array([-2.2, -2.6, 999.0, -1.9, -2.1, -9.0, -2.8, -1.7])
    >>> albi[outlying(albi)].tolist()
    [999.0, -9.0]
    """
    left = np.ones(len(values), dtype=bool)
    if len(values) < _FEWEST:
        return ~left
    while True:
        rest = values[left]
        found = [v for v in (rest.min(), rest.max()) if _outside(v, rest, codes_only=codes_only)]
        if not found or np.ptp(rest) == 0.0:
            return ~left
        left &= ~np.isin(values, found)


def _outside(value: float, given: Floats, *, codes_only: bool) -> bool:
    rest, count = given[given != value], int(np.sum(given == value))
    if len(rest) < _FEWEST - 1 or count > len(rest):
        return False
    few = len(np.unique(rest))
    if few <= 5 and np.all(rest == np.round(rest)):
        return _code_of_category(value, rest, few, count=count)
    if value in CODES and value < 0.0 <= rest.min() and (value <= -7.0 or few > 5):
        return True
    spread = float(np.subtract(*np.quantile(rest, [0.75, 0.25]))) / 1.349
    linear = abs(value - float(np.median(rest))) / spread if spread > 0.0 else 0.0
    if value == 0.0:
        return bool(linear > 5.0 and rest.min() > 0.0 and not codes_only)
    skewed = _skewed(value, rest)
    if value in CODES:
        gap = max(value - rest.max(), rest.min() - value)
        repeated = count > 1 and abs(value) >= _LARGE and gap >= 0.2 * np.ptp(rest)
        # Small codes are ages and counts as well.
        far = linear > (5.0 if abs(value) >= 100.0 or value < 0.0 else 8.0)
        return bool(repeated or (far and (skewed is None or skewed > 3.5)))
    if codes_only or len(rest) < 10:
        return False
    # Quartiles of few values are uncertain themselves.
    unsure = 1.0 + 10.0 / len(rest)
    if skewed is None:
        return linear > 20.0 * unsure
    return linear > 10.0 * unsure and skewed > 7.0 * unsure


def _code_of_category(value: float, rest: Floats, few: int, *, count: int) -> bool:
    """Whether a code stands among the whole numbers of a few categories or grades."""
    gap = max(value - rest.max(), rest.min() - value)
    if value not in CODES or gap < max(3.0, float(np.ptp(rest))):
        return False
    if abs(value) >= _LARGE or value < 0.0:
        return True
    return few <= 2 or (few == 3 and count > 1)


def _skewed(value: float, rest: Floats) -> float | None:
    """Return the distance on the scale of logarithms; None where values may be negative."""
    if rest.min() < 0.0 or value < 0.0:
        return None
    scale: Callable[[Any], Any] = np.log
    if rest.min() == 0.0 or value == 0.0:
        middle = float(np.median(rest[rest > 0.0])) if (rest > 0.0).any() else 1.0
        scale = lambda x: np.arcsinh(x / middle)  # noqa: E731 - the two are used alike
    own = scale(rest)
    spread = float(np.subtract(*np.quantile(own, [0.75, 0.25]))) / 1.349
    return abs(float(scale(value)) - float(np.median(own))) / spread if spread > 0.0 else 0.0


def code_note(column: Column, *, codes_only: bool = False) -> tuple[list[str], Flags]:
    """Return what is told of values far outside the rest, and which they are.

    Parameters
    ----------
    column : Column
        The column.
    codes_only : bool
        As in `outlying`.

    Returns
    -------
    notes : list of str
        One sentence or none.
    marked : ndarray of bool, shape (n,)
        The values.
    """
    marked = outlying(column.values, codes_only=codes_only)
    if not marked.any():
        return [], marked
    word = "value lies" if marked.sum() == 1 else "values lie"
    return [
        f"FAR OUTSIDE THE REST: {int(marked.sum())} {word} far outside the rest of {column.name} "
        f"({column.range(~marked)}): {column.told(marked)}. A code for 'not known' read as a value "
        "ruins every estimate: leave such cells empty, and correct slips."
    ], marked


def range_note(column: Column, told: Flags) -> list[str]:
    """Return what is told of a column with a known name, whose unit is not declared.

    Parameters
    ----------
    column : Column
        The column.
    told : ndarray of bool, shape (n,)
        Values of which something was said already.

    Returns
    -------
    list of str
        Values that no patient has in any unit, or values that need two units; one sentence or none.
    """
    name, rest = column.name.lower(), ~told
    if name == "age":
        return _implausible(column, rest & (column.values > _OLDEST), f"above {_OLDEST:g} years")
    if name not in list(Quantity):
        return []
    quantity = Quantity(name)
    inside = {
        unit: (column.values >= PLAUSIBLE[quantity, unit][0])
        & (column.values <= PLAUSIBLE[quantity, unit][1])
        for unit in units_of(quantity)
    }
    anywhere = np.any(list(inside.values()), axis=0)
    ranges = [
        f"{PLAUSIBLE[quantity, unit][0]:g} to {PLAUSIBLE[quantity, unit][1]:g}"
        + ("" if unit.value == "1" else f" {unit.value}")
        for unit in inside
    ]
    if (rest & ~anywhere).any():
        return _implausible(column, rest & ~anywhere, f"outside {' and '.join(ranges)}")
    best = max(inside, key=lambda unit: int(inside[unit].sum()))
    odd = rest & ~inside[best]
    if not odd.any():
        return []
    return [
        f"TWO UNITS? No one unit suits every value of {column.name} ({', '.join(ranges)}): "
        f"{column.told(odd)} would be in another unit than the rest ({best.value}). Convert them, "
        "and declare the unit in [data] units."
    ]


def _implausible(column: Column, wrong: Flags, words: str) -> list[str]:
    if not wrong.any():
        return []
    verb = "value is" if wrong.sum() == 1 else "values are"
    return [
        f"IMPLAUSIBLE: {int(wrong.sum())} of {len(wrong)} {verb} {words}, where no patient has "
        f"{column.name}: {column.told(wrong)}. Correct them, leave them empty, or rename the "
        "column if it holds something else, such as a logarithm."
    ]


_RATIOS: Final[Mapping[str, tuple[float, ...]]] = {
    "time": (30.4375, 12.0, 365.25, 7.0, 4.348),
    "value": (10.0, 17.1, 100.0, 1000.0, 88.4),
}


def two_groups(values: Floats, kind: str) -> tuple[Flags, float] | None:
    """Return which of positive values would be in a larger number's unit, and the ratio of units.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One a patient.
    kind : str
        ``"time"`` or ``"value"``, for the ratios that units have.

    Returns
    -------
    tuple or None
        None unless a wide gap parts the values in two, whose medians differ by such a ratio.
    """
    if len(values) < 20 or values.min() <= 0.0 or len(np.unique(values)) < 8:
        return None
    ordered = np.sort(np.log(values))
    least = max(3, int(np.ceil(0.1 * len(values))))
    gaps = np.diff(ordered)[least - 1 : len(values) - least]
    place = int(np.argmax(gaps)) + least
    low, high = ordered[:place], ordered[place:]
    # Within one unit neighbours are closer than the halves are apart, by far.
    inner = max(float(np.ptp(low)), float(np.ptp(high)))
    if ordered[place] - ordered[place - 1] < max(np.log(3.0), 0.75 * inner):
        return None
    ratio = float(np.exp(np.median(high) - np.median(low)))
    # Early deaths are a tenth of the others' time, so that only far units are told by times alone.
    least_ratio = 20.0 if kind == "time" else 1.0
    near = [
        known
        for known in _RATIOS[kind]
        if known > least_ratio and abs(np.log(ratio / known)) < np.log(1.3)
    ]
    if not near:
        return None
    return values > np.exp((ordered[place] + ordered[place - 1]) / 2.0), near[0]


def unit_note(column: Column, kind: str) -> list[str]:
    """Return that a column may hold two units.

    Parameters
    ----------
    column : Column
        One value a patient.
    kind : str
        ``"time"`` or ``"value"``.

    Returns
    -------
    list of str
        One sentence or none.
    """
    found = two_groups(column.values, kind)
    if found is None:
        return []
    larger, ratio = found
    fewer = larger if larger.sum() <= (~larger).sum() else ~larger
    return [
        f"TWO UNITS? {column.name} falls in two groups, {column.range(~larger)} and "
        f"{column.range(larger)}, about {ratio:g} times apart, as two units are: "
        f"{column.told(fewer)}. Bring all patients to one unit."
    ]


def centre_unit_note(column: Column, centre: NDArray[np.object_], kind: str) -> list[str]:
    """Return that some centres may give a column in another unit.

    Parameters
    ----------
    column : Column
        One value a patient.
    centre : ndarray of str, shape (n,)
        The patient's centre.
    kind : str
        ``"time"`` or ``"value"``.

    Returns
    -------
    list of str
        One sentence or none.
    """
    number = number_labels(centre)
    # One sort, whatever the number of centres.
    rows = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    of_centre = [column.values[own] for own in rows]
    logs = {
        name: np.log(values)
        for name, values in zip(dict.fromkeys(centre.tolist()), of_centre, strict=True)
        if len(values) >= _FEWEST and (values > 0.0).all()
    }
    if len(logs) < 2:
        return []
    medians = {name: float(np.median(values)) for name, values in logs.items()}
    ordered = sorted(logs, key=medians.__getitem__)
    steps = np.diff([medians[name] for name in ordered])
    place = int(np.argmax(steps)) + 1
    low, high = (np.concatenate([logs[name] for name in part]) for part in _parts(ordered, place))
    ratio = float(np.exp(np.median(high) - np.median(low)))
    near = [known for known in _RATIOS[kind] if abs(np.log(ratio / known)) < np.log(1.6)]
    if not near or np.quantile(high, 0.15) <= np.quantile(low, 0.85):
        return []
    fewer = min(_parts(ordered, place), key=len)
    return [
        f"TWO UNITS? The median of {column.name} is {np.exp(np.median(low)):.3g} in "
        f"{place} of {len(ordered)} centres and {np.exp(np.median(high)):.3g} in the "
        f"others ({enumerated(fewer, len(fewer))}), about {near[0]:g} times apart, as two units "
        "are. Bring all centres to one unit."
    ]


def _parts(names: list[str], place: int) -> tuple[list[str], list[str]]:
    return names[:place], names[place:]


def spelling_note(name: str, labels: NDArray[np.object_]) -> list[str]:
    """Return categories that differ by upper and lower case alone.

    Parameters
    ----------
    name : str
        The column.
    labels : ndarray of str, shape (rows,)
        Its categories.

    Returns
    -------
    list of str
        One sentence or none.

    Examples
    --------
    >>> spelling_note("bclc", np.array(["B", "b", "C"], dtype=object))
    ["SPELLING: 'B' and 'b' are two categories of bclc. If they are one, spell them alike."]
    """
    alike: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels.tolist()):
        if isinstance(label, str):
            alike.setdefault("".join(label.casefold().split()), []).append(label)
    told = [
        " and ".join(f"'{one}'" for one in several)
        for several in alike.values()
        if len(several) > 1
    ]
    if not told:
        return []
    one = "they are one" if len(told) == 1 else "they mean the same"
    return [
        f"SPELLING: {enumerated(told, len(told))} are two categories of {name}. If {one}, spell "
        "them alike."
    ]


def zero_starts(start: Floats, column: str) -> list[str]:
    """Return that 0 may stand for "never treated".

    Parameters
    ----------
    start : ndarray of float, shape (patients,)
        Months; infinite for never.
    column : str
        Name of the column.

    Returns
    -------
    list of str
        One sentence or none: there is none where cells are empty as well.
    """
    none, later = int(np.sum(start == 0.0)), int(np.sum(np.isfinite(start) & (start > 0.0)))
    if none < 2 or not later or not np.isfinite(start).all():
        return []
    return [
        f"0 FOR NEVER? {counted(none, 'treatment starts', 'treatments start')} at 0 in {column}, "
        f"{later} later, and no cell is empty. Those of 0 count as treated from time zero on; "
        "leave the cells of patients who were never treated empty."
    ]
