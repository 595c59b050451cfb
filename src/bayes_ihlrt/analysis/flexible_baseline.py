"""The treatment under a flexible baseline hazard, beside the one that the specification chooses.

Where treatment starts during follow-up, the treated are seen later than the untreated, and what a
baseline hazard cannot bend to is credited to treatment: a wrong baseline is confounding by time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.contrasts import summarise
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.draws import gained
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.names import Engine
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.model import FLEXIBLE, ModelSpec, hazard_label, is_flexible, with_hazard
from bayes_ihlrt.spec.sampler import SamplerSpec

type Summary = dict[str, float]
type Again = Callable[[ModelSpec, SamplerSpec], FittedModel]
LIMIT: Final = 0.1
"""Difference of log hazard ratios from which a result says that its baseline decides."""
SHARE_OF_SD: Final = 0.5
"""The same as a share of the posterior standard deviation."""


@dataclass(frozen=True)
class UnderBaseline:
    """The effect of treatment under one baseline hazard.

    Parameters
    ----------
    hazard : str
        What the baseline is called.
    log_hr : dict of str to float
        ``mean, sd, median, q2.5, q97.5`` of the log hazard ratio, at the modifier's reference.
    rmst_difference : dict of str to float, or None
        Months gained up to the horizon; None where survival is not defined.
    """

    hazard: str
    log_hr: Summary
    rmst_difference: Summary | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "hazard": self.hazard,
            "log_hr": self.log_hr,
            "rmst_difference": self.rmst_difference,
        }


@dataclass(frozen=True)
class BaselineComparison:
    """The effect of treatment under the chosen and under a flexible baseline.

    Parameters
    ----------
    chosen : UnderBaseline
        As the specification says.
    flexible : UnderBaseline or None
        Under a flexible baseline; `chosen` itself where it is one; None where `reason` says why.
    horizon : float
        Months up to which survival time is compared.
    reason : str or None
        Why there is no estimate under a flexible baseline.

    Examples
    --------
    >>> weibull = UnderBaseline("weibull", {"mean": -0.4, "sd": 0.3}, None)
    >>> piecewise = UnderBaseline("piecewise", {"mean": -0.1, "sd": 0.3}, None)
    >>> BaselineComparison(weibull, piecewise, 24.0).differs
    True
    """

    chosen: UnderBaseline
    flexible: UnderBaseline | None
    horizon: float
    reason: str | None = None

    @property
    def difference(self) -> float | None:
        """Mean log hazard ratio under the chosen baseline minus that under the flexible one."""
        if self.flexible is None:
            return None
        return self.chosen.log_hr["mean"] - self.flexible.log_hr["mean"]

    @property
    def differs(self) -> bool:
        """Whether they differ by more than 0.1 or by more than half a posterior sd."""
        if self.difference is None:
            return False
        limit = min(LIMIT, SHARE_OF_SD * self.chosen.log_hr["sd"])
        return abs(self.difference) > limit

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        return {
            "chosen": self.chosen.to_dict(),
            "flexible": None if self.flexible is None else self.flexible.to_dict(),
            "horizon": self.horizon,
            "difference": self.difference,
            "differs": self.differs,
            "reason": self.reason,
        }


def changes_during_follow_up(rows: PersonTime, treatment: str) -> bool:
    """Return whether somebody's treatment is not the same in all rows of a history.

    Parameters
    ----------
    rows : PersonTime
        Rows.
    treatment : str
        Its column.

    Returns
    -------
    bool
        False for trials and clones, whose treatment is that of their time zero.
    """
    values = np.asarray(rows.columns[treatment], dtype=np.float64)
    if rows.overlapping:
        return False
    same = rows.patient_index[1:] == rows.patient_index[:-1]
    return bool(np.any(same & (values[1:] != values[:-1])))


def compare_baselines(
    fit: FittedModel, spec: AnalysisSpec, *, again: Again | None = None
) -> BaselineComparison | None:
    """Estimate the effect of treatment under a flexible baseline too.

    Parameters
    ----------
    fit : FittedModel
        The analysis as stated.
    spec : AnalysisSpec
        Its specification.
    again : callable, optional
        Fits another model to what was fitted, where that is more than the rows of `fit`.

    Returns
    -------
    BaselineComparison or None
        None without a treatment that changes during follow-up.
    """
    if spec.treatment is None or fit.prepared.spec.treatment is None:
        return None
    if not changes_during_follow_up(fit.person_time, spec.treatment.name):
        return None
    stated, horizon = fit.prepared.spec.outcome.hazard, spec.estimands.horizons[-1]
    chosen = _under(fit, spec, hazard_label(stated))
    if is_flexible(stated):
        return BaselineComparison(chosen, chosen, horizon)
    model = with_hazard(fit.prepared.spec, FLEXIBLE)
    settings = SamplerSpec(engine=Engine.LAPLACE, seed=spec.sampler.seed)

    def shared(model: ModelSpec, settings: SamplerSpec) -> FittedModel:
        return fit_shared(model, fit.person_time, settings, fall_back=False)

    other = attempted("flexible baseline", lambda: (again or shared)(model, settings))
    if isinstance(other, Failure):
        return BaselineComparison(chosen, None, horizon, reason=str(other).removesuffix("."))
    pieces = other.prepared.hazard.shapes["log_hazard"][0]
    label = f"{FLEXIBLE.family}, {pieces} intervals"
    return BaselineComparison(chosen, _under(other, spec, label), horizon)


def baseline_notes(found: BaselineComparison | None) -> tuple[str, ...]:
    """Return what to know first where the baseline decides the effect of treatment.

    Parameters
    ----------
    found : BaselineComparison or None
        From `compare_baselines`.

    Returns
    -------
    tuple of str
        One sentence, or none.

    Examples
    --------
    >>> weibull = UnderBaseline("weibull", {"mean": -0.4, "sd": 0.3, "median": -0.4}, None)
    >>> other = UnderBaseline("piecewise", {"mean": -0.1, "sd": 0.3, "median": -0.1}, None)
    >>> baseline_notes(BaselineComparison(weibull, other, 24.0))[0][:58]
    'THE BASELINE HAZARD DECIDES: the hazard ratio of treatment'
    """
    if found is None or found.flexible is None or not found.differs:
        return ()
    chosen, flexible = (np.exp(part.log_hr["median"]) for part in (found.chosen, found.flexible))
    return (
        f"THE BASELINE HAZARD DECIDES: the hazard ratio of treatment is {chosen:.2f} under the "
        f"chosen baseline ({found.chosen.hazard}) and {flexible:.2f} under a flexible one "
        f"({found.flexible.hazard}). What a baseline cannot bend to is credited to a treatment "
        "that starts late: trust the flexible one.",
    )


def _under(fit: FittedModel, spec: AnalysisSpec, label: str) -> UnderBaseline:
    if spec.modifier is None:
        ratio = log_hazard_ratio(fit)
    else:
        ratio = log_hazard_ratio(fit, [spec.modifier.reference])[..., 0]
    gain = None
    if not undefined_survival(fit):
        months = rmst(fit, spec.estimands.horizons[-1], [NEVER, treated_from(spec.treat_from)])
        gain = {str(name): float(value) for name, value in summarise(gained(months)).items()}
    log_hr = {str(name): float(value) for name, value in summarise(ratio).items()}
    return UnderBaseline(label, log_hr, gain)
