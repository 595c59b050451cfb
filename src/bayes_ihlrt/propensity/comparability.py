"""Whether weighted arms can be compared, and whom the weights of each target stand for.

Inverse probability weights exist for everybody in the data even where only one arm has such
patients; a few patients then stand for all of them, and numbers look as if they were known. So the
arms are judged by their effective numbers and by what is left out of balance.

References
----------
Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018;113:390-400, doi 10.1080/01621459.2016.1260466.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.names import EstimandTarget

FEW: Final = 20.0
"""Effective patients of an arm below which it is told that they are few."""
TENTH: Final = 0.1
"""Share of an arm below which its effective number is told."""
TOO_FEW: Final = 10.0
"""Effective patients of an arm below which a fit needs `acknowledge_poor_overlap`."""
UNBALANCED: Final = 0.1
STRONGLY_UNBALANCED: Final = 0.25
ACKNOWLEDGE: Final = "acknowledge_poor_overlap = true"
_NAMED: Final = 3
WHO: Final = {
    EstimandTarget.ATO: "those who might as well have been treated as not (overlap, ato)",
    EstimandTarget.ATT: "the treated (att)",
    EstimandTarget.ATE: "everybody (ate)",
    EstimandTarget.ATM: "those whom one-to-one matching would keep (atm)",
    EstimandTarget.ENTROPY: "everybody, the more the more open the decision was (entropy)",
}
"""Whom the weights of each target stand for."""
_ARMS: Final = ("treated", "untreated")


class Overlap(StrEnum):
    """How far treated and untreated can be compared after weighting."""

    GOOD = "good"
    POOR = "poor"
    """An arm is worth fewer than 20 patients or a tenth of itself, or a difference is above 0.1."""
    FAILED = "failed"
    """An arm is worth fewer than 10 patients, or a difference is above 0.25."""


@dataclass(frozen=True)
class Comparability:
    """Effective numbers of weighted arms, and covariates that are not balanced.

    Parameters
    ----------
    target : EstimandTarget
        Population of the weights.
    clones : bool
        Whether the design has clones, which stand for everybody.
    patients : tuple of int
        Treated and untreated patients who contribute time.
    ess : tuple of float
        Effective numbers of treated and of untreated patients.
    unbalanced : tuple of (str, float)
        Covariates with a standardised mean difference above 0.1 after weighting, largest first.
    alternatives : tuple of (EstimandTarget, float, float)
        Populations in which the arms can be compared better, with the effective numbers of
        treated and of untreated patients that they have.
    """

    target: EstimandTarget
    clones: bool
    patients: tuple[int, int]
    ess: tuple[float, float]
    unbalanced: tuple[tuple[str, float], ...] = ()
    alternatives: tuple[tuple[EstimandTarget, float, float], ...] = ()

    @property
    def overlap(self) -> Overlap:
        """The verdict."""
        worst = max((abs(value) for _, value in self.unbalanced), default=0.0)
        if self.too_few or worst > STRONGLY_UNBALANCED:
            return Overlap.FAILED
        return Overlap.POOR if self._small or worst > UNBALANCED else Overlap.GOOD

    @property
    def too_few(self) -> bool:
        """Whether an arm is worth so few patients that a fit has to be asked for."""
        return min(self.ess) < TOO_FEW

    @property
    def _small(self) -> list[int]:
        return [
            arm
            for arm in (0, 1)
            if self.ess[arm] < FEW or self.ess[arm] < TENTH * self.patients[arm]
        ]

    @property
    def problem(self) -> str:
        """What is wrong, in words for a sentence; empty where nothing is."""
        parts = [
            f"the {_ARMS[arm]} are worth {self.ess[arm]:.1f} of {self.patients[arm]:,} patients"
            for arm in self._small
        ]
        if self.unbalanced:
            named = ", ".join(f"{name} {value:+z.2f}" for name, value in self.unbalanced[:_NAMED])
            more = len(self.unbalanced) - _NAMED
            others = f" and {more} more" if more > 0 else ""
            parts.append(
                f"treated and untreated still differ in {named}{others} (standardised mean "
                f"differences; balanced below {UNBALANCED:g})"
            )
        return " and ".join(parts)

    @property
    def remedy(self) -> str:
        """What to do, in one sentence without its stop."""
        if self.clones:
            return (
                "Use design 'sequential' with estimand 'ato' (those who might as well have been "
                "treated as not) or 'att' (the treated): clones stand for everybody"
            )
        told = [
            f'estimand = "{target.value}" (effectively {treated:,.0f} treated, {control:,.0f} '
            "untreated)"
            for target, treated, control in self.alternatives
        ]
        if told:
            return f"Set {' or '.join(told)} in [propensity]"
        others = " and ".join(t.value for t in (EstimandTarget.ATO, EstimandTarget.ATT))
        return (
            f"The populations {others} are no better here: use fewer terms in the formula of "
            "[propensity], or more patients"
        )

    @property
    def warning(self) -> str:
        """The first line of a result; empty where the arms can be compared."""
        if self.overlap is Overlap.GOOD:
            return ""
        head = "NO OVERLAP" if self.overlap is Overlap.FAILED else "POOR OVERLAP"
        return (
            f"{head}: weighted to {WHO[self.target]}, {self.problem}. Intervals do not allow for "
            f"this. {self.remedy}."
        )

    @property
    def conclusion(self) -> str:
        """What it means for the conclusion; empty where the arms can be compared."""
        if self.overlap is Overlap.GOOD:
            return ""
        who, told = WHO[self.target], self.problem
        if self.overlap is Overlap.FAILED:
            return (
                f"These data do not settle what treatment does in {who}: {told}. The numbers below "
                f"describe few or unlike patients. {self.remedy}."
            )
        return f"To be read with care: weighted to {who}, {told}. {self.remedy}."

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        return {
            "overlap": self.overlap.value,
            "problem": self.problem or None,
            "remedy": self.remedy if self.problem else None,
            "unbalanced": [{"covariate": n, "smd": _plain(v)} for n, v in self.unbalanced],
            "alternatives": [
                {"estimand": target.value, "ess_treated": treated, "ess_control": control}
                for target, treated, control in self.alternatives
            ],
        }


def _plain(value: float) -> float | None:
    """Return a number that JSON holds: a covariate that only one arm has differs infinitely."""
    return value if abs(value) < float("inf") else None


Floats = NDArray[np.float64]

TILTED: Final = (EstimandTarget.ATO, EstimandTarget.ATM, EstimandTarget.ENTROPY)
"""Populations in which a decision counts by its propensity alone."""


def tilt(target: EstimandTarget, propensity: Floats) -> Floats:
    """Return h(e), what a decision with that propensity counts in a population.

    Parameters
    ----------
    target : EstimandTarget
        ``ato`` e (1 - e); ``atm`` min(e, 1 - e); ``entropy`` -[e log e + (1 - e) log(1 - e)];
        ``att`` e; ``ate`` 1.
    propensity : ndarray
        Probabilities of treatment.

    Returns
    -------
    ndarray
        Of the same shape.

    Examples
    --------
    >>> tilt(EstimandTarget.ATO, np.array([0.1, 0.5])).round(2).tolist()
    [0.09, 0.25]
    """
    e, other = propensity, 1.0 - propensity
    match target:
        case EstimandTarget.ATO:
            return np.asarray(e * other)
        case EstimandTarget.ATM:
            return np.asarray(np.minimum(e, other))
        case EstimandTarget.ENTROPY:
            return -(_x_log_x(e) + _x_log_x(other))
        case EstimandTarget.ATT:
            return np.asarray(e)
        case EstimandTarget.ATE:
            return np.ones_like(e)


def _x_log_x(x: Floats) -> Floats:
    return np.asarray(x * np.log(np.where(x > 0.0, x, 1.0)), dtype=np.float64)
