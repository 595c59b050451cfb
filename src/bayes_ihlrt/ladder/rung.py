"""One rung of the bias ladder: what it used, what its draws say, and how it is written."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.notes import left_out, starts_left_out, without_events
from bayes_ihlrt.analysis.propensity import patient_weights
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.contrasts import probability, summarise
from bayes_ihlrt.estimands.curves import Strategy
from bayes_ihlrt.estimands.draws import Asked, at_value, estimate_draws
from bayes_ihlrt.estimands.population import treated_weights
from bayes_ihlrt.ladder.rungs import RungPlan
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.plain import short_repr
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.propensity.comparability import Comparability, Overlap
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.weighted.fit import WeightedFit

type Summary = dict[str, float]


@dataclass(frozen=True)
class Stratum:
    """How many patients were treated at a decision in one stratum of a covariate, and how many not.

    Parameters
    ----------
    stratum : str
        For example ``"response 1"``.
    treated, untreated : int
        Patients with a decision in the stratum at which treatment was, or was not, started.
    """

    stratum: str
    treated: int
    untreated: int


@dataclass(frozen=True)
class ResponsePaths:
    """Months gained by what treatment does to response, and by what it does to the event.

    Parameters
    ----------
    given : dict of str to float
        ``mean, sd, median, q2.5, q97.5`` of the months gained when treatment leaves the hazard of
        response as it is without treatment: it acts on the event alone.
    through : dict of str to float
        The rest of the months gained, draw by draw: what the changed hazard of response adds.
    log_hr_response : dict of str to float, or None
        Treatment's log hazard ratio on response, averaged over the patients' values of the
        modifier; None where treatment is not in that hazard.
    """

    given: Summary
    through: Summary
    log_hr_response: Summary | None


@short_repr("plan.rung", "plan.adjustment", "estimated")
@dataclass(frozen=True, eq=False)
class Rung:
    """One rung of the ladder; where it could not be estimated, `reason` says why.

    Parameters
    ----------
    plan : RungPlan
        Design, adjustment, model and what it rests on.
    log_hr : dict of str to float, or None
        ``mean, sd, median, q2.5, q97.5`` of the treatment's log hazard ratio, averaged over the
        modifier of the patients, or of those whom weights stand for, within each draw; None where
        it could not be estimated, like all that follows.
    log_hr_at : dict of float to dict
        The same at values of the modifier.
    rmst_difference : dict of str to float, or None
        Restricted mean time treated minus untreated, months up to the horizon, averaged over
        the same; of the g-formula and of clones treated within the grace period minus never. None
        where covariates change during follow-up, or clones are not followed so long.
    no_months : str or None
        Why an estimated rung tells no months gained.
    survival : dict of str to dict
        Of clones: share alive at the horizon by strategy.
    rmst_at : dict of float to dict
        The same with everybody's modifier set to a value; empty where it is not defined.
    by_response : ResponsePaths or None
        Of the g-formula: what is gained through response and given response.
    person_time : PersonTime or None
        Rows that the rung uses; of the g-formula those of the event.
    ess : tuple of float, or None
        Effective numbers of treated and of untreated at entry; None without weights.
    target : str or None
        Population of the weights.
    positivity : tuple of Stratum
        Of weighted rungs: patients treated and not, by stratum of what treatment is decided on.
    posterior : xarray.DataTree or None
        Draws; of the g-formula one node a transition.
    engine : str or None
        What drew them.
    failure : Failure or None
        Why the rung could not be estimated, and what to do; None where it was.
    comparability : Comparability or None
        Whether the weighted arms can be compared; None without weights.
    warnings : tuple of str
        What to know before the estimate is believed: covariates that separate the arms.
    """

    plan: RungPlan
    log_hr: Summary | None = None
    log_hr_at: dict[float, Summary] = field(default_factory=dict)
    rmst_difference: Summary | None = None
    no_months: str | None = None
    survival: dict[str, Summary] = field(default_factory=dict)
    rmst_at: dict[float, Summary] = field(default_factory=dict)
    by_response: ResponsePaths | None = None
    person_time: PersonTime | None = None
    ess: tuple[float, float] | None = None
    target: str | None = None
    positivity: tuple[Stratum, ...] = ()
    posterior: xr.DataTree | None = None
    engine: str | None = None
    failure: Failure | None = None
    comparability: Comparability | None = None
    warnings: tuple[str, ...] = ()

    @property
    def estimated(self) -> bool:
        """Whether there is an estimate; `reason` says why not."""
        return self.log_hr is not None

    @property
    def reason(self) -> str | None:
        """Why it could not be estimated and what to do, in sentences; None where it was."""
        return None if self.failure is None else str(self.failure)

    @property
    def overlap(self) -> Overlap:
        """Whether its arms can be compared; good without weights."""
        return Overlap.GOOD if self.comparability is None else self.comparability.overlap

    @property
    def told(self) -> tuple[str, ...]:
        """What has to be known before the estimate is believed, in sentences."""
        first = () if self.comparability is None else (self.comparability.warning,)
        told = (*first, *self.plan.notes, *self.warnings, *self.without_events)
        return tuple(text for text in told if text)

    @property
    def left_out(self) -> list[str]:
        """Whom of its cohort the rung leaves out and why, in sentences."""
        if self.person_time is None:
            return []
        dropped = self.person_time.provenance.dropped
        total = len(dropped) + len(self.person_time.patients)
        return [*left_out(dropped, total=total), *starts_left_out(self.person_time)]

    @property
    def without_events(self) -> list[str]:
        """What follows where nobody had the event in an arm, in sentences."""
        if self.person_time is None:
            return []
        name, weighted = self.plan.treatment.name, self.ess is not None
        return without_events(self.person_time, name, weighted=weighted)

    @property
    def smallest(self) -> Stratum:
        """Stratum with the fewest patients in one arm; of a rung with `positivity`."""
        return min(self.positivity, key=lambda found: min(found.treated, found.untreated))

    def to_dict(self) -> dict[str, Any]:
        """Return the rung's part of ``result.json``: what is not defined is None, never absent."""
        treated, control = self.ess or (None, None)
        # Of clones there are hazard ratios by the modifier and no months.
        lacking = self.rmst_difference is None or (bool(self.log_hr_at) and not self.rmst_at)
        return {
            "rung": self.plan.rung,
            "adjustment": self.plan.adjustment,
            "assumption": self.plan.assumption,
            "log_hr": self.log_hr,
            "log_hr_at": _listed(self.log_hr_at) if self.estimated else None,
            "rmst_difference": self.rmst_difference,
            "no_months": self.no_months,
            "survival": self.survival or None,
            "rmst_at": None if lacking else _listed(self.rmst_at),
            "by_response": None if self.by_response is None else asdict(self.by_response),
            "adjusted_for": list(self.plan.adjusted_for),
            **_counts(self.person_time),
            "ess_treated": treated,
            "ess_control": control,
            "target": self.target,
            "positivity": [asdict(stratum) for stratum in self.positivity] or None,
            "engine": self.engine,
            "reason": self.reason,
            "failed": None if self.failure is None else self.failure.to_dict(),
            "comparability": None if self.comparability is None else self.comparability.to_dict(),
            "warnings": list(self.told),
        }


def chance_of_benefit(rung: Rung) -> float | None:
    """Return the probability that a rung's hazard ratio is below 1.

    Parameters
    ----------
    rung : Rung
        A rung of the ladder.

    Returns
    -------
    float or None
        None where there is no estimate.
    """
    return None if rung.log_hr is None else rung.log_hr["prob_below_0"]


def _listed(at: Mapping[float, Summary]) -> list[dict[str, float]]:
    return [{"at": value, **summary} for value, summary in at.items()]


def _counts(rows: PersonTime | None) -> dict[str, Any]:
    if rows is None:
        names = ("patients", "events", "person_months", "immortal_months", "dropped")
        return dict.fromkeys(names)
    length = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
    return {
        "patients": len(rows.patients),
        "events": rows.events,
        "person_months": float(length.sum()),
        "immortal_months": rows.provenance.immortal_months,
        "dropped": dict(Counter(rows.provenance.dropped.values())),
    }


Floats = NDArray[np.float64]


def modifier_values(spec: AnalysisSpec) -> tuple[float, ...]:
    """Return the values of the modifier at which an effect is read.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of float
        Empty without a modifier.
    """
    return () if spec.modifier is None else spec.estimands.at


def effect_draws(
    fit: FittedModel,
    spec: AnalysisSpec,
    strategies: tuple[Strategy, ...],
    *,
    horizons: tuple[float, ...] = (),
    weights: Floats | None = None,
) -> xr.Dataset:
    """Return draws of what a rung tells: overall, and at values of the modifier.

    Parameters
    ----------
    fit : FittedModel
        Draws.
    spec : AnalysisSpec
        The specification.
    strategies : tuple of Strategy
        Never, and the one that treats; none where survival is told by other means.
    horizons : tuple of float
        Months up to which survival time is compared.
    weights : ndarray, shape (patients,), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    xarray.Dataset
        See `estimands.draws.estimate_draws`.
    """
    return estimate_draws(
        fit, Asked(strategies, (None, *modifier_values(spec)), horizons), weights=weights
    )


def at_values(
    spec: AnalysisSpec, draws: xr.Dataset, read: Callable[[xr.Dataset], xr.DataArray]
) -> dict[float, Summary]:
    """Return summaries by value of the modifier.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    draws : xarray.Dataset
        From `effect_draws`.
    read : callable
        From the draws at one value to those of one quantity.

    Returns
    -------
    dict of float to dict
        Empty without a modifier.
    """
    return {at: summary_of(read(at_value(draws, at))) for at in modifier_values(spec)}


def summary_of(draws: xr.DataArray) -> Summary:
    """Return the summary of draws as plain numbers.

    Parameters
    ----------
    draws : xarray.DataArray
        Dimensions ``chain, draw``.

    Returns
    -------
    dict of str to float
        ``mean, sd, median, q2.5, q97.5``, and ``prob_below_0``: the share of draws below zero.
    """
    found = {str(name): float(value) for name, value in summarise(draws).items()}
    return {**found, "prob_below_0": float(probability(draws < 0.0))}


def target_weights(found: WeightedFit, chance: Floats) -> Floats | None:
    """Return what each patient weighs in the population that a rung's weights stand for.

    Parameters
    ----------
    found : WeightedFit
        The rung.
    chance : ndarray, shape (decisions,)
        Probability of treatment.

    Returns
    -------
    ndarray, shape (patients,), or None
        None where it is everybody.
    """
    match found.analysis.target:
        case EstimandTarget.ATE:
            return None
        case EstimandTarget.ATT:
            return treated_weights(found.fit)
        case target:
            return patient_weights(found.analysis, chance)[target]
