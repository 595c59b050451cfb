"""What a check concludes: flag, no flag, or that it cannot tell, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

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
    """

    check: str
    status: Status
    reason: str
    numbers: Numbers = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; numbers that are not finite are None."""
        return {
            "check": self.check,
            "verdict": self.status.value,
            "reason": self.reason,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
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


def _plain(value: Number) -> Number:
    if value is None or isinstance(value, str | int):
        return value
    return float(value) if np.isfinite(value) else None
