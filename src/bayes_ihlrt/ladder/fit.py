"""Fit one rung of the bias ladder, or tell why it cannot be."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.comparability import judge
from bayes_ihlrt.analysis.propensity import clone_months
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.errors import ConvergenceError, SpecificationError
from bayes_ihlrt.estimands.curves import NEVER, treated_from
from bayes_ihlrt.estimands.draws import at_value, gained
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.ladder.rung import (
    ResponsePaths,
    Rung,
    Stratum,
    at_values,
    effect_draws,
    modifier_values,
    summary_of,
    target_weights,
)
from bayes_ihlrt.ladder.rungs import WEIGHTS, RungPlan
from bayes_ihlrt.ladder.states import OF_DECISIONS
from bayes_ihlrt.multistate.courses import ENDPOINT, strategy_contrasts
from bayes_ihlrt.multistate.fit import TransitionFit, fit_shared_transitions
from bayes_ihlrt.multistate.occupation import EVENT, state_occupation
from bayes_ihlrt.multistate.states import UNTREATED, within
from bayes_ihlrt.names import HORIZON, STRATEGY, TIME, Adjustment, DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared
from bayes_ihlrt.propensity.clock import without_clock
from bayes_ihlrt.propensity.overlap import positivity_table
from bayes_ihlrt.propensity.point import point_propensity
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.formula import parse_formula, parse_group
from bayes_ihlrt.spec.ladder import grace_months
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.states import StatesSpec, Transition
from bayes_ihlrt.weighted.adjusted import fit_propensity_adjusted
from bayes_ihlrt.weighted.analysis import WeightedAnalysis

Floats = NDArray[np.float64]
_REMEDY: Final = (
    "Raise draws in [ladder] where only the sample size is too small, state tighter priors, or use "
    "fewer terms in the formulas"
)
_OF_STATES: Final = (
    "Use fewer cuts in [ladder], fewer terms in the formulas or tighter priors, or raise draws in "
    "[ladder] where only the sample size is too small"
)


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
    if plan.refused is not None:
        raise SpecificationError("ladder", [plan.refused])
    if plan.states is not None:
        return _simulated(spec, cohort, plan, plan.states, horizon=horizon)
    if plan.adjustment == WEIGHTS and spec.propensity is not None:
        return _weighted(spec, cohort, plan, spec.propensity, horizon=horizon)
    changing = _updated(cohort, plan)
    rows = person_time(cohort, plan.treatment, updated=changing)
    with _remedies_of_the_ladder():
        fit = fit_shared(plan.model, rows, _settings(spec))
    return _estimated(spec, plan, fit, horizon=horizon)


def _weighted(
    spec: AnalysisSpec, cohort: Cohort, plan: RungPlan, given: PropensitySpec, *, horizon: float
) -> Rung:
    """Fit the outcome to person-time that the propensity weights."""
    decided = _decided_on(given, plan.treatment.design)
    found = fit_propensity_adjusted(
        emulate(cohort, plan.treatment),
        plan.model,
        decided,
        draws=spec.ladder.draws,
        seed=spec.sampler.seed,
    )
    analysis = found.analysis
    chance = point_propensity(analysis.initiation)
    passed = None
    if analysis.passing is not None:
        passed = point_propensity(analysis.initiation, at=analysis.passing)
    who = target_weights(found, chance)
    rung = _estimated(spec, plan, found.fit, horizon=horizon, weights=who)
    if plan.grace is not None and not plan.no_months:
        rung = _with_clone_months(spec, rung, analysis, plan.grace, horizon)
    return replace(
        rung,
        ess=(found.ess_treated, found.ess_control),
        target=found.analysis.target.value,
        positivity=_positivity(spec, found.analysis.emulation, decided),
        comparability=judge(
            found.analysis.emulation,
            found.row_weights,
            spec=decided,
            model=plan.model,
            grace=plan.treatment.grace,
            chances=(chance, passed),
        ),
    )


def _with_clone_months(
    spec: AnalysisSpec, rung: Rung, analysis: WeightedAnalysis, grace: float, horizon: float
) -> Rung:
    """Add survival by strategy, of which no hazard ratio between clones tells."""
    found = clone_months(analysis, grace, horizon, draws=spec.ladder.draws, seed=spec.sampler.seed)
    return replace(
        rung,
        rmst_difference=found.gained,
        no_months=found.reason,
        survival=found.survival,
    )


def _estimated(
    spec: AnalysisSpec,
    plan: RungPlan,
    fit: FittedModel,
    *,
    horizon: float,
    weights: Floats | None = None,
) -> Rung:
    """Read a fit; no months where survival does not follow from its hazard ratio."""
    reason = plan.no_months or undefined_survival(fit)
    compared = NEVER, treated_from(plan.treat_from)
    draws = effect_draws(fit, spec, compared, horizons=(horizon,), weights=weights)
    return Rung(
        plan=plan,
        log_hr=summary_of(_log_hr(at_value(draws, None))),
        log_hr_at=at_values(spec, draws, _log_hr),
        rmst_difference=None if reason else summary_of(_months(at_value(draws, None))),
        no_months=reason or None,
        rmst_at={} if reason else at_values(spec, draws, _months),
        person_time=fit.person_time,
        posterior=xr.DataTree(fit.posterior),
        engine=str(fit.tree.attrs["engine"]),
    )


def _simulated(
    spec: AnalysisSpec, cohort: Cohort, plan: RungPlan, states: StatesSpec, *, horizon: float
) -> Rung:
    """Fit the hazards between the states and compare strategies by the g-formula."""
    with _remedies_of_the_ladder(_OF_STATES):
        fit = fit_shared_transitions(cohort, plan.treatment, spec=states, settings=_settings(spec))
    grace = grace_months(spec.ladder, plan.treatment)
    event = fit.fits[Transition.EVENT]
    total = _months_simulated(fit, grace, horizon)
    draws = effect_draws(event, spec, ())
    return Rung(
        plan=plan,
        log_hr=summary_of(_log_hr(at_value(draws, None))),
        log_hr_at=at_values(spec, draws, _log_hr),
        rmst_difference=summary_of(total),
        rmst_at={
            value: summary_of(_months_simulated(fit, grace, horizon, value))
            for value in modifier_values(spec)
        },
        by_response=_paths(fit, total, grace, horizon),
        person_time=event.person_time,
        posterior=xr.DataTree.from_dict(
            {kind.value: found.posterior for kind, found in fit.fits.items()}
        ),
        engine=", ".join(sorted({str(part.tree.attrs["engine"]) for part in fit.fits.values()})),
    )


def _log_hr(draws: xr.Dataset) -> xr.DataArray:
    return draws["log_hazard_ratio"]


def _months(draws: xr.Dataset) -> xr.DataArray:
    return gained(draws["rmst"].isel({HORIZON: 0}, drop=True))


@contextmanager
def _remedies_of_the_ladder(remedy: str = _REMEDY) -> Iterator[None]:
    """Say what helps here: the engines speak of [sampler], which the ladder does not read."""
    try:
        yield
    except ConvergenceError as error:
        raise ConvergenceError(error.problem, remedy) from error


def _positivity(
    spec: AnalysisSpec, emulation: Emulation, decided: PropensitySpec
) -> tuple[Stratum, ...]:
    """Count patients by what treatment is decided on, time apart."""
    decisions = emulation.decisions
    names = [n for n in parse_formula(decided.formula).columns if n not in OF_DECISIONS]
    names += [term.group for term in parse_group(decided.group)]
    if spec.modifier is not None:
        names = [spec.modifier.column if name == spec.modifier.name else name for name in names]
    if not names:
        return ()
    table = positivity_table(decisions.columns, decisions.initiated, covariates=names)
    counts = table["patients"].to_numpy()
    return tuple(
        Stratum(str(label), int(treated), int(untreated))
        for label, (treated, untreated) in zip(table["stratum"].to_numpy(), counts, strict=True)
    )


def _decided_on(propensity: PropensitySpec, design: DesignKind) -> PropensitySpec:
    """Adjust by weights; leave the time of the decision out where there is one time only."""
    weighing = propensity.model_copy(update={"adjust": Adjustment.WEIGHTS})
    return without_clock(weighing, OF_DECISIONS) if design is DesignKind.LANDMARK else weighing


def _settings(spec: AnalysisSpec) -> SamplerSpec:
    return SamplerSpec(draws=-(-spec.ladder.draws // 4), chains=4, seed=spec.sampler.seed)


def _updated(cohort: Cohort, plan: RungPlan) -> tuple[str, ...]:
    """Return the covariates of the rung's formula that change while its rows are followed."""
    if cohort.visits is None or plan.rung not in {"split", "ever-never"}:
        return ()
    return tuple(
        name for name in plan.model.outcome.parsed.columns if name in cohort.visits.updated
    )


def _months_simulated(
    fit: TransitionFit,
    grace: float,
    horizon: float,
    modifier_at: float | None = None,
    unaffected: Collection[Transition] = (),
) -> xr.DataArray:
    treated = within(grace)
    found = state_occupation(
        fit, [horizon], [treated, UNTREATED], modifier_at=modifier_at, unaffected=unaffected
    )
    chosen = {STRATEGY: treated.name, TIME: horizon, ENDPOINT: EVENT}
    return strategy_contrasts(found)["rmst"].sel(chosen, drop=True)


def _paths(
    fit: TransitionFit, total: xr.DataArray, grace: float, horizon: float
) -> ResponsePaths | None:
    """Part what is gained into what goes through response and what does not."""
    if Transition.RESPONSE not in fit.fits:
        return None
    response = fit.fits[Transition.RESPONSE]
    acts = fit.data.treatment in response.prepared.spec.outcome.parsed.columns
    given = total
    if acts:
        given = _months_simulated(fit, grace, horizon, unaffected=(Transition.RESPONSE,))
    return ResponsePaths(
        given=summary_of(given),
        through=summary_of(total - given),
        log_hr_response=summary_of(log_hazard_ratio(response)) if acts else None,
    )
