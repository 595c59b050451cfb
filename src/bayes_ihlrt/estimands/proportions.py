"""Response and adverse events: proportions of two arms, compared by their exact posterior.

With y of n and the prior Beta(a, b) the posterior of a proportion is Beta(a + y, b + n - y). The
arms are independent.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.names import TREATED, UNTREATED_ARM

DRAWS: Final = 20_000
JEFFREYS: Final = (0.5, 0.5)


@dataclass(frozen=True)
class Counts:
    """How many of how many, in both arms.

    Parameters
    ----------
    events, patients : tuple of int
        Treated, then untreated.

    Raises
    ------
    DataError
        When an arm is empty or has more events than patients.

    Examples
    --------
    >>> Counts(events=(12, 15), patients=(20, 60)).shares
    (0.6, 0.25)
    """

    events: tuple[int, int]
    patients: tuple[int, int]

    def __post_init__(self) -> None:
        """Check that the numbers can be proportions."""
        pairs = zip((TREATED, UNTREATED_ARM), self.events, self.patients, strict=True)
        faults = [
            Fault(arm, f"found {y} of {n}", "Give 0 or more events, at most one a patient")
            for arm, y, n in pairs
            if not 0 <= y <= n or n == 0
        ]
        if faults:
            raise DataError("proportions", faults)

    @property
    def shares(self) -> tuple[float, float]:
        """Observed proportions, treated then untreated."""
        (y1, y0), (n1, n0) = self.events, self.patients
        return y1 / n1, y0 / n0

    @property
    def untold(self) -> str:
        """What these numbers cannot tell, and the prior answers in their place; empty if nothing.

        Where nobody, or everybody, is affected in both arms, the posteriors of the arms differ by
        their sizes alone; where nobody is among the untreated, the ratio has no upper limit but the
        prior's.
        """
        if self.shares == (0.0, 0.0):
            return "nobody affected in either arm: these numbers do not say in which it is commoner"
        if self.shares == (1.0, 1.0):
            return (
                "everybody affected in both arms: these numbers do not say in which it is commoner"
            )
        if self.events[1] == 0:
            return "nobody affected among the untreated: how large the ratio is, the prior answers"
        return ""

    @property
    def settles_direction(self) -> bool:
        """Whether the numbers say anything of the direction: some affected, and not all."""
        return self.shares not in {(0.0, 0.0), (1.0, 1.0)}


def compare_proportions(
    counts: Counts,
    *,
    seed: int,
    prior: tuple[float, float] = JEFFREYS,
    draws: int = DRAWS,
) -> xr.Dataset:
    """Return posterior draws of two proportions, their difference and their ratio.

    Parameters
    ----------
    counts : Counts
        How many of how many.
    seed : int
        Seed of the draws.
    prior : tuple of float
        Beta(a, b) of each arm; Jeffreys' Beta(0.5, 0.5) by default.
    draws : int
        Number of draws.

    Returns
    -------
    xarray.Dataset
        ``treated``, ``untreated``, ``difference`` and ``ratio`` (treated over untreated) over
        ``chain`` (1) and ``draw``, to be reduced by `summarise` and `probability`.

    Examples
    --------
    >>> found = compare_proportions(Counts(events=(12, 15), patients=(20, 60)), seed=1)
    >>> float((found["difference"] > 0).mean().round(2))
    1.0
    """
    rng = np.random.default_rng(seed)
    a, b = prior
    treated, untreated = (
        rng.beta(a + y, b + n - y, draws)
        for y, n in zip(counts.events, counts.patients, strict=True)
    )
    values = {
        TREATED: treated,
        UNTREATED_ARM: untreated,
        "difference": treated - untreated,
        "ratio": treated / untreated,
    }
    return xr.Dataset({name: (("chain", "draw"), array[None]) for name, array in values.items()})
