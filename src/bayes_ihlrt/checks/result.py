"""What a check concludes (flag, no flag, cannot tell), and what those of one model found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import xarray as xr

from bayes_ihlrt.checks.leave_out import LeaveOut
from bayes_ihlrt.parts import Failure, listed

type Number = float | int | str | None
type Numbers = Mapping[str, Number]


class Status(StrEnum):
    """What a check concludes."""

    FLAG = "flag"
    """Something is wrong, or would have to be a rare coincidence."""
    NO_FLAG = "no flag"
    """Nothing was found, by a check that would have found a gross fault."""
    CANNOT_TELL = "cannot tell"
    """The check does not apply, or has too little data to find a gross fault."""


@dataclass(frozen=True)
class Verdict:
    """The conclusion of one check.

    Parameters
    ----------
    check : str
        Name of the check.
    status : Status
        Flag, no flag or cannot tell.
    reason : str
        Why, in a sentence or two.
    numbers : mapping of str to number, text or None
        What the verdict rests on.
    failure : Failure or None
        Why the check could not be computed, where that is why it cannot tell.
    """

    check: str
    status: Status
    reason: str
    numbers: Numbers = field(default_factory=dict)
    failure: Failure | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; numbers that are not finite are None."""
        return {
            "check": self.check,
            "verdict": self.status.value,
            "reason": self.reason,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
            "failed": None if self.failure is None else self.failure.to_dict(),
        }


def cannot_tell(check: str, reason: str) -> Verdict:
    """Return the verdict of a check that does not apply.

    Parameters
    ----------
    check : str
        Name of the check.
    reason : str
        Why, in a sentence.

    Returns
    -------
    Verdict
        Without numbers.

    Examples
    --------
    >>> cannot_tell("centres", "The model has no groups.").to_dict()["verdict"]
    'cannot tell'
    """
    return Verdict(check, Status.CANNOT_TELL, reason)


def not_computed(check: str, failure: Failure) -> Verdict:
    """Return the verdict of a check that could not be computed.

    Parameters
    ----------
    check : str
        Name of the check.
    failure : Failure
        What it ran into.

    Returns
    -------
    Verdict
        It cannot tell.

    Examples
    --------
    >>> not_computed("centres", Failure("centres", "no mode was found")).reason
    'NOT COMPUTED: no mode was found.'
    """
    return Verdict(check, Status.CANNOT_TELL, f"NOT COMPUTED: {failure}", failure=failure)


def _plain(value: Number) -> Number:
    if value is None or isinstance(value, str | int):
        return value
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class ModelChecks:
    """The checks of one fitted model.

    Parameters
    ----------
    verdicts : tuple of Verdict
        One a check.
    figures : mapping of str to xarray.Dataset
        What each figure shows, by its name.
    loo : LeaveOut or None
        Leave-one-patient-out, the centre's effect integrated out; None where draws are no posterior
        given single patients.
    centres : LeaveOut or None
        Leave-one-centre-out; None also without groups.
    failures : tuple of Failure
        Checks, figures and hazard families that could not be computed.
    """

    verdicts: tuple[Verdict, ...]
    figures: Mapping[str, xr.Dataset]
    loo: LeaveOut | None
    centres: LeaveOut | None
    failures: tuple[Failure, ...] = ()

    @property
    def flagged(self) -> tuple[str, ...]:
        """Names of the checks that raise a flag."""
        return tuple(found.check for found in self.verdicts if found.status is Status.FLAG)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What is missing, in one sentence; empty where nothing is."""
        if not self.failures:
            return ()
        names = ", ".join(f"'{found.part}'" for found in self.failures)
        return (f"INCOMPLETE: not computed: {names}; why, and what to do, stands with each.",)

    def verdict(self, check: str) -> Verdict:
        """Return the verdict of a check.

        Parameters
        ----------
        check : str
            Its name.

        Returns
        -------
        Verdict
            What it found.

        Raises
        ------
        KeyError
            There is no such check.
        """
        return {found.check: found for found in self.verdicts}[check]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what is not defined is None, never absent."""
        return {
            "flagged": list(self.flagged),
            "verdicts": [found.to_dict() for found in self.verdicts],
            "loo": None if self.loo is None else self.loo.to_dict(),
            "centres": None if self.centres is None else self.centres.to_dict(),
            "hazard_families": _families(_table(self.figures.get("hazard_families"), "family")),
            "effect_by_period": _table(self.figures.get("effect_by_period"), "period"),
            "failed": listed(self.failures),
        }


def _families(rows: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Say of each family why it was not fitted, as of every part that could not be computed."""
    if rows is None:
        return None
    told = []
    for row in rows:
        parts = {name: row.pop(name, "") for name in ("reason", "remedy")}
        told.append({**row, "failed": parts if parts["reason"] else None})
    return told


def _table(data: xr.Dataset | None, dim: str) -> list[dict[str, Any]] | None:
    if data is None:
        return None
    rows: list[dict[str, Any]] = []
    for label in data[dim].to_numpy():
        row = data.sel({dim: label})
        numbers = {str(name): value.item() for name, value in row.data_vars.items()}
        finite = {name: value if value == value else None for name, value in numbers.items()}  # noqa: PLR0124
        rows.append({dim: str(label), **finite})
    return rows
