"""Months gained by clones: weighted survival of both strategies, reduced to summaries."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import xarray as xr

from bayes_ihlrt.errors import ConvergenceError, SpecificationError
from bayes_ihlrt.estimands.strategies import UNTREATED, within
from bayes_ihlrt.estimands.summary import summarise
from bayes_ihlrt.inference.strategy_survival import strategy_survival
from bayes_ihlrt.inference.weighting import WeightedAnalysis
from bayes_ihlrt.names import STRATEGY

type Summary = dict[str, float]


@dataclass(frozen=True)
class CloneMonths:
    """Survival of clones by strategy over a window that begins at time zero.

    Parameters
    ----------
    treated, control : str
        The strategies, e.g. ``"within month 6"`` and ``"never"``.
    horizon : float
        Months of the window.
    gained : dict of str to float, or None
        ``mean, sd, median, q2.5, q97.5`` of the restricted mean under the one less that under the
        other; None where it is not known.
    survival, months : dict of str to dict
        Share alive at the end of the window, and restricted mean, by strategy.
    reason : str or None
        Why it is not known.
    """

    treated: str
    control: str
    horizon: float
    gained: Summary | None = None
    survival: dict[str, Summary] = field(default_factory=dict)
    months: dict[str, Summary] = field(default_factory=dict)
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """What it says, for a reader."""
        if self.gained is None:
            return f"Survival by strategy is not reported: {self.reason}."
        low, high = self.gained["q2.5"], self.gained["q97.5"]
        numbers = f"{self.gained['median']:+.1f} months (95 % interval {low:+.1f} to {high:+.1f})"
        known = f"in {self.horizon:g} months, by weighted survival of everybody's clones: {numbers}"
        if low <= 0.0 <= high:
            return (
                f"These data do not settle whether treatment {self.treated} gains or costs "
                f"event-free time against {self.control} {known}."
            )
        verb = "gains" if low > 0.0 else "COSTS"
        return f"Treatment {self.treated} {verb} time against {self.control} {known}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def clone_months(
    analysis: WeightedAnalysis, grace: float, horizon: float, *, draws: int, seed: int
) -> CloneMonths:
    """Return the months gained by treatment within the grace period against never.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Clones and the models of their weights.
    grace : float
        Months of grace.
    horizon : float
        Months of the window.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    CloneMonths
        With a reason where a strategy is not followed so long, or the propensity has no mode.
    """
    treated, never = within(grace).name, UNTREATED.name
    empty = CloneMonths(treated, never, horizon)
    try:
        found = strategy_survival(analysis, horizon, names=(never, treated), draws=draws, seed=seed)
    except SpecificationError as error:
        return _without(empty, " ".join(str(fault) for fault in error.faults))
    except ConvergenceError as error:
        return _without(empty, error.problem)
    parts = {
        name: {s: _summary(found[name].sel({STRATEGY: s})) for s in (treated, never)}
        for name in ("survival", "rmst")
    }
    months = found["rmst"]
    return CloneMonths(
        *(treated, never, horizon),
        gained=_summary(months.sel({STRATEGY: treated}) - months.sel({STRATEGY: never})),
        survival=parts["survival"],
        months=parts["rmst"],
    )


def _without(empty: CloneMonths, reason: str) -> CloneMonths:
    return replace(empty, reason=reason.removesuffix("."))


def _summary(draws: xr.DataArray) -> Summary:
    return {str(name): float(value) for name, value in summarise(draws).items()}
