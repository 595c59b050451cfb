"""Fit one rung of the bias ladder, or tell why it cannot be."""

from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from bayes_ihlrt.analysis.rungs import WEIGHTS, RungPlan
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.designs.transition_rows import Transition
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.estimands.courses import ENDPOINT, strategy_contrasts
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.occupation import EVENT, state_occupation
from bayes_ihlrt.estimands.strategies import UNTREATED, within
from bayes_ihlrt.estimands.summary import summarise
from bayes_ihlrt.estimands.transition_fit import TransitionFit, fit_transitions
from bayes_ihlrt.estimands.transition_spec import StatesSpec
from bayes_ihlrt.inference.adjusted import fit_propensity_adjusted
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.formula import without_terms
from bayes_ihlrt.names import STRATEGY, TIME, Adjustment, DesignKind, Engine
from bayes_ihlrt.propensity.spec import PropensitySpec

type Summary = dict[str, float]


@dataclass(frozen=True, eq=False)
class Rung:
    """One rung of the ladder; where it could not be estimated, `reason` says why.

    Parameters
    ----------
    plan : RungPlan
        Design, adjustment, model and what it rests on.
    log_hr : dict of str to float, or None
        ``mean, sd, median, q2.5, q97.5`` of the treatment's log hazard ratio, averaged over the
        patients' values of the modifier within each draw; None where it could not be estimated,
        like all that follows.
    log_hr_at : dict of float to dict
        The same at values of the modifier.
    rmst_difference : dict of str to float, or None
        Restricted mean time treated minus untreated, months up to the horizon, averaged over the
        patients; of the g-formula treated within the grace period minus never. None where
        covariates change during follow-up.
    person_time : PersonTime or None
        Rows that the rung uses; of the g-formula those of the event.
    ess : tuple of float, or None
        Effective numbers of treated and of untreated at entry; None without weights.
    target : str or None
        Population of the weights.
    posterior : xarray.DataTree or None
        Draws; of the g-formula one node a transition.
    engine : str or None
        What drew them.
    reason : str or None
        Why the rung could not be estimated; None where it was.
    warnings : tuple of str
        What to know before the estimate is believed: covariates that separate the arms.
    """

    plan: RungPlan
    log_hr: Summary | None = None
    log_hr_at: dict[float, Summary] = field(default_factory=dict)
    rmst_difference: Summary | None = None
    person_time: PersonTime | None = None
    ess: tuple[float, float] | None = None
    target: str | None = None
    posterior: xr.DataTree | None = None
    engine: str | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def estimated(self) -> bool:
        """Whether there is an estimate; `reason` says why not."""
        return self.log_hr is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the rung's part of ``result.json``: what is not defined is None, never absent."""
        at = [{"at": value, **summary} for value, summary in self.log_hr_at.items()]
        treated, control = self.ess or (None, None)
        return {
            "rung": self.plan.rung,
            "adjustment": self.plan.adjustment,
            "assumption": self.plan.assumption,
            "log_hr": self.log_hr,
            "log_hr_at": at if self.estimated else None,
            "rmst_difference": self.rmst_difference,
            **_counts(self.person_time),
            "ess_treated": treated,
            "ess_control": control,
            "target": self.target,
            "engine": self.engine,
            "reason": self.reason,
            "warnings": list(self.warnings),
        }


def _counts(rows: PersonTime | None) -> dict[str, float | None]:
    if rows is None:
        return dict.fromkeys(("patients", "events", "person_months", "immortal_months"))
    length = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
    return {
        "patients": len(rows.patients),
        "events": rows.events,
        "person_months": float(length.sum()),
        "immortal_months": rows.provenance.immortal_months,
    }


def fit_rung(spec: AnalysisSpec, cohort: Cohort, plan: RungPlan, *, horizon: float) -> Rung:
    """Fit one rung of the ladder.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification: draws, seed, and the propensity for weighted rungs.
    cohort : Cohort
        The cohort.
    plan : RungPlan
        One of `plan_rungs`.
    horizon : float
        Months up to which survival time is compared.

    Returns
    -------
    Rung
        Effect of treatment with its person-time and draws.

    Raises
    ------
    DataError
        A transition of the g-formula never happens, or a value is not known when it is needed.
    SpecificationError
        The design and the data do not fit together.
    RefusedError
        The design would mislead in these data.
    ConvergenceError
        The draws are not to be trusted.
    """
    if plan.states is not None:
        return _simulated(spec, cohort, plan, plan.states, horizon=horizon)
    changing = _updated(cohort, plan)
    ess, target = None, None
    if plan.adjustment == WEIGHTS and spec.propensity is not None:
        emulation = emulate(cohort, plan.treatment)
        decided = _decided_on(spec.propensity, plan.treatment.design)
        weighted = fit_propensity_adjusted(
            emulation, plan.model, decided, draws=spec.ladder.draws, seed=spec.sampler.seed
        )
        fit, rows = weighted.fit, weighted.fit.person_time
        ess = (weighted.ess_treated, weighted.ess_control)
        target = weighted.analysis.target.value
    else:
        rows = person_time(cohort, plan.treatment, updated=changing)
        fit = fit_shared(plan.model, rows, _settings(spec))
    return Rung(
        plan=plan,
        log_hr=_summary(log_hazard_ratio(fit)),
        log_hr_at=_by_modifier(spec, fit),
        rmst_difference=_months_gained(fit, horizon) if _proportional(plan, changing) else None,
        person_time=rows,
        ess=ess,
        target=target,
        posterior=xr.DataTree(fit.posterior),
        engine=str(fit.tree.attrs["engine"]),
    )


def _simulated(
    spec: AnalysisSpec, cohort: Cohort, plan: RungPlan, states: StatesSpec, *, horizon: float
) -> Rung:
    """Fit the hazards between the states and compare strategies by the g-formula."""
    settings = _settings(spec).model_copy(update={"engine": Engine.LAPLACE})
    # The remedies of the gate speak of [sampler], which the ladder does not read.
    fit = fit_transitions(
        cohort, plan.treatment, spec=states, settings=settings, allow_nonconverged=True
    )
    _check(fit)
    treated = within(spec.ladder.grace)
    months = strategy_contrasts(state_occupation(fit, [horizon], [treated, UNTREATED]))["rmst"]
    event = fit.fits[Transition.EVENT]
    return Rung(
        plan=plan,
        log_hr=_summary(log_hazard_ratio(event)),
        log_hr_at=_by_modifier(spec, event),
        rmst_difference=_summary(
            months.sel({STRATEGY: treated.name, TIME: horizon, ENDPOINT: EVENT}, drop=True)
        ),
        person_time=event.person_time,
        posterior=xr.DataTree.from_dict(
            {kind.value: found.posterior for kind, found in fit.fits.items()}
        ),
        engine=Engine.LAPLACE.value,
    )


def _check(fit: TransitionFit) -> None:
    """Raise where the draws of a transition are not to be trusted."""
    found = [
        f"hazard of '{kind.value}': {'; '.join(part.convergence.failures)}"
        for kind, part in fit.fits.items()
        if part.convergence.failures
    ]
    if found:
        message = (
            f"the posterior is not to be trusted, {', '.join(found)}. Use fewer cuts in [ladder], "
            "fewer terms in the formulas or tighter priors, or raise draws in [ladder] where only "
            "the sample size is too small"
        )
        raise ConvergenceError(message)


def _decided_on(propensity: PropensitySpec, design: DesignKind) -> PropensitySpec:
    """Adjust by weights; leave the time of the decision out where there is one time only."""
    weights = {"adjust": Adjustment.WEIGHTS}
    if design is not DesignKind.LANDMARK:
        return propensity.model_copy(update=weights)
    formula = without_terms(propensity.formula, {"time", "number"})
    return propensity.model_copy(update={**weights, "formula": formula})


def _proportional(plan: RungPlan, changing: tuple[str, ...]) -> bool:
    """Whether survival under treatment from the start follows from the rung's hazard ratio.

    It does not with covariates that change, nor for clones, whose arms are alike until the end of
    the grace period.
    """
    return not changing and plan.treatment.design is not DesignKind.CLONE_CENSOR_WEIGHT


def _settings(spec: AnalysisSpec) -> SamplerSpec:
    return SamplerSpec(draws=-(-spec.ladder.draws // 4), chains=4, seed=spec.sampler.seed)


def _updated(cohort: Cohort, plan: RungPlan) -> tuple[str, ...]:
    """Return the covariates of the rung's formula that change while its rows are followed."""
    if cohort.visits is None or plan.rung not in {"split", "ever-never"}:
        return ()
    return tuple(
        name for name in plan.model.outcome.parsed.columns if name in cohort.visits.updated
    )


def _by_modifier(spec: AnalysisSpec, fit: FittedModel) -> dict[float, Summary]:
    at = spec.estimands.at
    if spec.modifier is None or not at:
        return {}
    values = log_hazard_ratio(fit, at)
    return {value: _summary(values[..., number]) for number, value in enumerate(at)}


def _months_gained(fit: FittedModel, horizon: float) -> Summary:
    always = treated_from(0.0)
    months = rmst(fit, horizon, [always, NEVER])
    gain = months.sel({STRATEGY: always.name}) - months.sel({STRATEGY: NEVER.name})
    return _summary(gain)


def _summary(draws: xr.DataArray) -> Summary:
    return {str(name): float(value) for name, value in summarise(draws).items()}
