"""The bias ladder: one cohort under every design, from the naive contrast upward.

References
----------
Suissa S. Immortal time bias in pharmacoepidemiology. Am J Epidemiol 2008;167:492-499,
doi 10.1093/aje/kwm324.
Hernan MA, Robins JM. Using big data to emulate a target trial. Am J Epidemiol 2016;183:758-764,
doi 10.1093/aje/kwv254.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import xarray as xr

from bayes_ihlrt.analysis.checking import CohortSource, data_summary, read_cohort
from bayes_ihlrt.analysis.null_simulation import NullSimulation, simulate_naive
from bayes_ihlrt.analysis.result import versions
from bayes_ihlrt.analysis.rungs import WEIGHTS, RungPlan, crude_model, plan_rungs
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.summary import summarise
from bayes_ihlrt.inference.bootstrap import linked_bootstrap
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.inference.weighting import prepare_weighted
from bayes_ihlrt.model.spec import ModelSpec
from bayes_ihlrt.names import STRATEGY

type Summary = dict[str, float]
type Stage = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Rung:
    """One rung of the ladder.

    Parameters
    ----------
    plan : RungPlan
        Design, adjustment, model and what it rests on.
    log_hr : dict of str to float
        ``mean, sd, median, q2.5, q97.5`` of the treatment's log hazard ratio, averaged over the
        patients' values of the modifier within each draw.
    log_hr_at : dict of float to dict
        The same at values of the modifier.
    rmst_difference : dict of str to float, or None
        Restricted mean time treated minus untreated, months up to the horizon, averaged over the
        patients; None where covariates change during follow-up.
    person_time : PersonTime
        Rows that the rung uses.
    ess : tuple of float, or None
        Effective numbers of treated and of untreated at entry; None without weights.
    target : str or None
        Population of the weights.
    posterior : xarray.Dataset
        Draws.
    engine : str
        What drew them.
    """

    plan: RungPlan
    log_hr: Summary
    log_hr_at: dict[float, Summary]
    rmst_difference: Summary | None
    person_time: PersonTime
    ess: tuple[float, float] | None
    target: str | None
    posterior: xr.Dataset
    engine: str

    def to_dict(self) -> dict[str, Any]:
        """Return the rung's part of ``result.json``: what is not defined is None, never absent."""
        rows = self.person_time
        length = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
        treated, control = self.ess or (None, None)
        return {
            "rung": self.plan.rung,
            "adjustment": self.plan.adjustment,
            "assumption": self.plan.assumption,
            "log_hr": self.log_hr,
            "log_hr_at": [{"at": at, **summary} for at, summary in self.log_hr_at.items()],
            "rmst_difference": self.rmst_difference,
            "patients": len(rows.patients),
            "events": rows.events,
            "person_months": float(length.sum()),
            "immortal_months": rows.provenance.immortal_months,
            "ess_treated": treated,
            "ess_control": control,
            "target": self.target,
            "engine": self.engine,
        }


@dataclass(frozen=True, eq=False)
class LadderResult:
    """The bias ladder of a cohort.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The data.
    rungs : tuple of Rung
        Most naive first.
    null : NullSimulation or None
        What the naive rung shows without an effect; None with delayed entry.
    horizon : float
        Months of the restricted mean times.
    """

    spec: AnalysisSpec
    cohort: Cohort
    rungs: tuple[Rung, ...]
    null: NullSimulation | None
    horizon: float

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated."""
        return bool(self.cohort.attrs.get("synthetic", False))

    @property
    def tree(self) -> xr.DataTree:
        """Draws of every rung, one group each."""
        groups = {
            f"{rung.plan.rung}, {rung.plan.adjustment}": rung.posterior for rung in self.rungs
        }
        return xr.DataTree.from_dict(groups)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``."""
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.cohort, self.rungs[0].person_time),
            "horizon": self.horizon,
            "rungs": [rung.to_dict() for rung in self.rungs],
            "null_simulation": None if self.null is None else self.null.to_dict(),
        }


def bias_ladder(
    spec: AnalysisSpec, data: CohortSource, *, stage: Stage | None = None
) -> LadderResult:
    """Run every design and adjustment that a specification and its data allow on one cohort.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment; ``[propensity]`` adds weighted rungs, ``[visits]`` the sequential trials
        and the clones.
    data : str, Path, Cohort, DataFrame or mapping
        CSV file, name of a packaged data set, cohort, or columns in memory.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    LadderResult
        Rungs side by side, and the naive rung's null simulation.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        A design and the data do not fit together.
    ConvergenceError
        The draws of a rung are not to be trusted.
    """
    tell = stage or _silent
    cohort = read_cohort(spec, data)
    plans = plan_rungs(spec, cohort)
    horizon = spec.ladder.horizon or spec.estimands.horizons[-1]
    rungs = []
    for number, plan in enumerate(plans, start=1):
        tell(f"rung {number} of {len(plans)}: {plan.rung}, adjustment {plan.adjustment}")
        rungs.append(fit_rung(spec, cohort, plan, horizon=horizon))
    tell(f"{spec.ladder.null_replicates:,} cohorts without an effect")
    null = simulate_naive(
        cohort,
        _treatment_only(crude_model(spec)),
        replicates=spec.ladder.null_replicates,
        seed=spec.sampler.seed,
    )
    return LadderResult(spec, cohort, tuple(rungs), null, horizon)


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
    SpecificationError
        The design and the data do not fit together.
    ConvergenceError
        The draws are not to be trusted.
    """
    draws = spec.ladder.draws
    changing = _updated(cohort, plan)
    ess, target = None, None
    if plan.adjustment == WEIGHTS and spec.propensity is not None:
        emulation = emulate(cohort, plan.treatment)
        analysis = prepare_weighted(emulation, plan.model, spec.propensity)
        weighted = linked_bootstrap(analysis, draws=draws, seed=spec.sampler.seed)
        fit, rows = weighted.fit, emulation.person_time
        ess, target = (weighted.ess_treated, weighted.ess_control), analysis.target.value
    else:
        rows = person_time(cohort, plan.treatment, updated=changing)
        settings = SamplerSpec(draws=-(-draws // 4), chains=4, seed=spec.sampler.seed)
        fit = fit_shared(plan.model, rows, settings)
    at = () if spec.modifier is None else spec.estimands.at
    return Rung(
        plan=plan,
        log_hr=_summary(log_hazard_ratio(fit)),
        log_hr_at=_by_modifier(fit, at),
        rmst_difference=None if changing else _months_gained(fit, horizon),
        person_time=rows,
        ess=ess,
        target=target,
        posterior=fit.posterior,
        engine=str(fit.tree.attrs["engine"]),
    )


def _updated(cohort: Cohort, plan: RungPlan) -> tuple[str, ...]:
    """Return the covariates of the rung's formula that change while its rows are followed."""
    if cohort.visits is None or plan.rung not in {"split", "ever-never"}:
        return ()
    return tuple(
        name for name in plan.model.outcome.parsed.columns if name in cohort.visits.updated
    )


def _by_modifier(fit: FittedModel, at: tuple[float, ...]) -> dict[float, Summary]:
    if not at:
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


def _treatment_only(model: ModelSpec) -> ModelSpec:
    """Return the crude model without the modifier."""
    name = str(model.treatment)
    modifier = "" if model.modifier is None else model.modifier.name
    priors = {k: v for k, v in model.priors.items() if modifier not in k.split(":")}
    outcome = model.outcome.model_copy(update={"formula": name})
    return ModelSpec(treatment=name, outcome=outcome, priors=priors)


def _silent(_: str) -> None:
    return None
