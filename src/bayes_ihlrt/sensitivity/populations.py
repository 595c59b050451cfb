"""Other populations: patients left out by their centre or by an extreme value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.sensitivity.cells import PriorCell

CENTRE: Final = "centre"
_CENTRAL: Final = (0.05, 0.95)


@dataclass(frozen=True)
class Exclusion:
    """Patients who are left out.

    Parameters
    ----------
    column : str
        Column of the person-time, read in each patient's first row.
    equals : str or None
        They have this value; None for `outside`.
    outside : tuple of float or None
        Or they lie outside these limits.
    """

    column: str
    equals: str | None = None
    outside: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """What the population is called."""
        if self.outside is None:
            return f"without {self.column} {self.equals}"
        return f"{self.column} {self.outside[0]:.3g} to {self.outside[1]:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        outside = None if self.outside is None else list(self.outside)
        return {"column": self.column, "equals": self.equals, "outside": outside}

    def kept(self, person_time: PersonTime) -> NDArray[np.bool_]:
        """Return who stays, shape (patients,)."""
        first = np.flatnonzero(np.diff(person_time.patient_index, prepend=-1))
        values = person_time.columns[self.column][first]
        if self.outside is None:
            return np.asarray(values.astype(str) != self.equals)
        low, high = self.outside
        numbers = values.astype(np.float64)
        return np.asarray((numbers >= low) & (numbers <= high))


def from_dict(plain: Mapping[str, Any]) -> Exclusion:
    """Return the exclusion that `Exclusion.to_dict` described.

    Parameters
    ----------
    plain : mapping
        ``column``, ``equals`` and ``outside``.

    Returns
    -------
    Exclusion
        The same.

    Examples
    --------
    >>> from_dict({"column": "nlr", "equals": None, "outside": [1.0, 9.0]}).name
    'nlr 1 to 9'
    """
    outside = plain["outside"]
    limits = None if outside is None else (float(outside[0]), float(outside[1]))
    return Exclusion(plain["column"], plain["equals"], limits)


def exclusions(prepared: PreparedModel, person_time: PersonTime) -> tuple[Exclusion, ...]:
    """Return the populations to try: without each centre, and without extremes of the modifier.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    person_time : PersonTime
        Its rows.

    Returns
    -------
    tuple of Exclusion
        Centres in alphabetical order where there are at least three, then the central 90 % of the
        modifier.
    """
    found = []
    if CENTRE in person_time.columns:
        centres = sorted(set(person_time.columns[CENTRE].astype(str).tolist()))
        found += [Exclusion(CENTRE, equals=name) for name in centres if len(centres) > 2]
    modifier = prepared.spec.modifier
    if modifier is not None:
        first = np.flatnonzero(np.diff(person_time.patient_index, prepend=-1))
        values = person_time.columns[modifier.column][first].astype(np.float64)
        low, high = np.quantile(values, _CENTRAL)
        found.append(Exclusion(modifier.column, outside=(float(low), float(high))))
    return tuple(found)


def population_cell(prepared: PreparedModel, rows: PersonTime, exclusion: Exclusion) -> PriorCell:
    """Return a cell in which the patients who are left out weigh nothing.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    rows : PersonTime
        Its rows.
    exclusion : Exclusion
        Who is left out.

    Returns
    -------
    PriorCell
        The stated priors.
    """
    weight = np.asarray(prepared.arrays.data["weight"], dtype=np.float64)
    return PriorCell(exclusion.name, weight=weight * exclusion.kept(rows))


def remaining(person_time: PersonTime, exclusion: Exclusion) -> PersonTime:
    """Return the rows of those who stay, to average over.

    Parameters
    ----------
    person_time : PersonTime
        All rows.
    exclusion : Exclusion
        Who is left out.

    Returns
    -------
    PersonTime
        With the provenance of all rows.
    """
    rows = exclusion.kept(person_time)[person_time.patient_index]
    columns = {name: values[rows] for name, values in person_time.columns.items()}
    return PersonTime(columns, person_time.provenance)
