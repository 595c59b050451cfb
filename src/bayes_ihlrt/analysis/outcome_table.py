"""Response and adverse events by treatment: Bayesian risk differences and ratios."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.clinical import Response
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.estimands.proportions import Counts, compare_proportions
from bayes_ihlrt.estimands.summary import probability, summarise
from bayes_ihlrt.names import TREATED, UNTREATED_ARM

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
_RATES: Final[Mapping[str, frozenset[str]]] = {
    "ORR": frozenset({Response.COMPLETE, Response.PARTIAL}),
    "DCR": frozenset({Response.COMPLETE, Response.PARTIAL, Response.STABLE}),
}
NOT_EVALUABLE: Final = "NE"
BEST: Final = (
    "Best response is the best of all scans: it conditions on the future, and treatment itself may "
    "bring it about. It is described here and cannot be adjusted for, or adjusted."
)
INITIAL: Final = (
    "Initial response precedes on-demand treatment: a difference tells who was chosen for it."
)
LONGER: Final = (
    "Counted by patient, ever against never treated: whoever was treated was also followed until "
    "treatment, so that there was more time for an event."
)


SAME_PRIOR: Final = 0.5
"""Prior probability that a proportion is higher in the treated: both arms have one prior."""


@dataclass(frozen=True)
class ProportionRow:
    """One proportion in both arms.

    Parameters
    ----------
    name : str
        For example ``"ORR"``.
    counts : Counts
        How many of how many, treated and untreated.
    difference, ratio : dict of str to float
        ``median, q2.5, q97.5`` of treated less untreated, and of treated over untreated. The ratio
        is NaN where it would be the prior's alone: nobody affected among the untreated, or
        everybody or nobody in both arms.
    prob_higher : float or None
        Posterior probability that the proportion is higher in the treated; None where nobody, or
        everybody, is affected in both arms: it would tell the sizes of the arms and the prior.
    """

    name: str
    counts: Counts
    difference: dict[str, float]
    ratio: dict[str, float]
    prob_higher: float | None

    @property
    def note(self) -> str:
        """What the counts cannot tell; empty where they tell all."""
        return self.counts.untold

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with one level."""
        both = {"difference": self.difference, "ratio": self.ratio}
        summaries = {f"{kind} {k}": v for kind, part in both.items() for k, v in part.items()}
        (y1, y0), (n1, n0) = self.counts.events, self.counts.patients
        return {
            TREATED: f"{y1}/{n1} ({100.0 * y1 / n1:.0f} %)",
            UNTREATED_ARM: f"{y0}/{n0} ({100.0 * y0 / n0:.0f} %)",
            **summaries,
            "P(higher if treated)": self.prob_higher,
            "prior P(higher if treated)": None if self.prob_higher is None else SAME_PRIOR,
            "note": self.note,
        }


@dataclass(frozen=True)
class ProportionTable:
    """Proportions by treatment.

    Parameters
    ----------
    title : str
        What they are.
    rows : tuple of ProportionRow
        One line a proportion.
    note : str
        What has to be known before anything is read from it.
    """

    title: str
    rows: tuple[ProportionRow, ...]
    note: str

    @property
    def frame(self) -> "pd.DataFrame":
        """The table as a data frame."""
        import pandas as pd

        return pd.DataFrame(
            [row.to_dict() for row in self.rows], index=[row.name for row in self.rows]
        )


def response_table(
    response: Sequence[str], treated: ArrayLike, *, best: bool, seed: int
) -> ProportionTable:
    """Compare objective response and disease control by treatment.

    ORR counts complete and partial responses, DCR stable disease as well; patients whose response
    could not be evaluated count as having neither.

    Parameters
    ----------
    response : sequence of str
        Response of each patient by RECIST 1.1: ``CR``, ``PR``, ``SD``, ``PD``, or ``NE``.
    treated : array_like, shape (patients,)
        0/1 or bool: ever treated.
    best : bool
        Whether it is the best response of all scans, or the initial one.
    seed : int
        Seed of the draws.

    Returns
    -------
    ProportionTable
        ``ORR`` and ``DCR``, with a note of what the comparison can show.

    Raises
    ------
    DataError
        A response is unknown, lengths differ, or an arm has nobody.

    References
    ----------
    Eisenhauer EA, et al. Eur J Cancer 2009;45:228-247, doi 10.1016/j.ejca.2008.10.026.

    Examples
    --------
    >>> found = response_table(["PR", "SD", "PD", "NE"], [1, 1, 0, 0], best=False, seed=1)
    >>> [(row.name, row.counts.events) for row in found.rows]
    [('ORR', (1, 0)), ('DCR', (2, 0))]
    """
    words = np.asarray([str(word) for word in response], dtype=object)
    allowed = [*Response, NOT_EVALUABLE]
    faults = [
        Fault(f"response '{word}'", "it is no response", f"Allowed: {', '.join(allowed)}")
        for word in sorted(set(words.tolist()) - set(allowed))
    ]
    if faults:
        raise DataError("response", faults)
    reached = {name: np.isin(words, list(counted)) for name, counted in _RATES.items()}
    title = "Best response" if best else "Initial response"
    return _table(title, reached, treated, note=BEST if best else INITIAL, seed=seed)


def adverse_event_table(
    events: Mapping[str, ArrayLike], treated: ArrayLike, *, seed: int
) -> ProportionTable:
    """Compare the share of patients with adverse events by treatment.

    Parameters
    ----------
    events : mapping of str to array_like, shape (patients,)
        By kind of event, 1 for patients who had it.
    treated : array_like, shape (patients,)
        0/1 or bool: ever treated.
    seed : int
        Seed of the draws.

    Returns
    -------
    ProportionTable
        One line a kind.

    Raises
    ------
    DataError
        A flag is not 0 or 1, lengths differ, or an arm has nobody.

    Examples
    --------
    >>> found = adverse_event_table({"severe": [1, 0, 0, 0]}, [1, 1, 0, 0], seed=1)
    >>> found.rows[0].counts.shares
    (0.5, 0.0)
    """
    flags = {name: _flags(f"adverse event '{name}'", values) for name, values in events.items()}
    return _table("Adverse events", flags, treated, note=LONGER, seed=seed)


def _flags(name: str, values: ArrayLike) -> Bools:
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isin(numbers, [0.0, 1.0]).all():
        fault = Fault(name, "found values other than 0 and 1", "Give 0 or 1 for each patient")
        raise DataError("proportions", [fault])
    return np.asarray(numbers == 1.0)


def _table(
    title: str, flags: Mapping[str, Bools], treated: ArrayLike, *, note: str, seed: int
) -> ProportionTable:
    arm = _flags("treated", treated)
    lengths = {name: len(flag) for name, flag in flags.items() if len(flag) != len(arm)}
    if lengths:
        faults = [
            Fault(name, f"{n} patients, and treatment of {len(arm)}", "Give one value a patient")
            for name, n in lengths.items()
        ]
        raise DataError(title.lower(), faults)
    rows = []
    for number, (name, flag) in enumerate(flags.items()):
        counts = Counts(
            events=(int(flag[arm].sum()), int(flag[~arm].sum())),
            patients=(int(arm.sum()), int((~arm).sum())),
        )
        draws = compare_proportions(counts, seed=seed + number)
        higher = float(probability(draws["difference"] > 0.0))
        difference, ratio = (_short(draws[kind]) for kind in ("difference", "ratio"))
        if counts.untold:
            ratio = dict.fromkeys(ratio, math.nan)
        told = higher if counts.settles_direction else None
        rows.append(ProportionRow(name, counts, difference, ratio, told))
    return ProportionTable(title, tuple(rows), note)


def _short(draws: xr.DataArray) -> dict[str, float]:
    found = summarise(draws)
    return {name: float(found[name]) for name in ("median", "q2.5", "q97.5")}
