"""A trial plan from file to result: design priors from fitted cohorts, simulation, audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.check import CheckedAnalysis, check_analysis, read_inputs
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError, nearest
from bayes_ihlrt.estimands.population import changing_columns
from bayes_ihlrt.names import Adjustment, DesignKind, Engine, Identifiers, ModifierTransform
from bayes_ihlrt.parts import Failure, attempted, known, listed, missing
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.external import refuse_external
from bayes_ihlrt.spec.formula import parse_formula
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.scenario import PosteriorSpec
from bayes_ihlrt.trials.audit import PlanAudit, audit_plan
from bayes_ihlrt.trials.plan import PlanResult, plan_dict, plan_tasks, run_plan
from bayes_ihlrt.trials.replay import Replay, replay_trial
from bayes_ihlrt.trials.truth import DesignPrior, PriorSource
from bayes_ihlrt.trials.units import FOLDER, Store, open_pool

Floats = NDArray[np.float64]


def design_priors(plan: TrialPlan) -> dict[str, DesignPrior | Failure]:
    """Fit the cohorts that a plan's scenarios name.

    Parameters
    ----------
    plan : TrialPlan
        The plan.

    Returns
    -------
    dict of str to DesignPrior or Failure
        By the scenario's name; a cohort that several scenarios name is fitted once. A posterior
        that is not to be trusted is told as such, and the other scenarios are simulated.

    Raises
    ------
    RefusedError
        The posterior of an analysis cannot be the truth of a trial; see `check_design_prior`.
    """
    wanted = {
        scenario.name: (scenario.posterior.analysis, scenario.posterior.data, scenario.posterior)
        for scenario in plan.scenarios
        if scenario.posterior is not None
    }
    keys = {name: (*each[:2], each[2].draws) for name, each in wanted.items()}
    # Faults of what was given are told before anything is computed.
    checked = {keys[name]: (each[2], _checked(each[2], plan)) for name, each in wanted.items()}
    fitted = {
        key: attempted(f"posterior of {key[1]} by {key[0]}", partial(_fit, *each, plan))
        for key, each in checked.items()
    }
    return {name: fitted[key] for name, key in keys.items()}


def _checked(named: PosteriorSpec, plan: TrialPlan) -> CheckedAnalysis:
    spec, cohort = read_inputs(named.analysis, named.data, identifiers=Identifiers.NOWHERE)
    return check_design_prior(spec, cohort, plan)


def _fit(named: PosteriorSpec, checked: CheckedAnalysis, plan: TrialPlan) -> DesignPrior:
    spec, cohort = checked.spec, checked.cohort
    settings = SamplerSpec(
        draws=-(-named.draws // 4), chains=4, seed=spec.sampler.seed, engine=Engine.LAPLACE
    )
    fit = fit_shared(checked.spec.model, checked.person_time, settings)
    synthetic = bool(cohort.attrs.get("synthetic", False))
    source = PriorSource(named.data, synthetic, cohort.fingerprint)
    return replace(as_design_prior(fit, plan), source=source)


def check_design_prior(spec: AnalysisSpec, cohort: Cohort, plan: TrialPlan) -> CheckedAnalysis:
    """Check that the posterior of an analysis can be the truth of a trial.

    A simulated patient has a modifier that stays as it is, acts on the log hazard along a straight
    line, and is all that patients differ in. The truth comes from the outcome model alone.

    Parameters
    ----------
    spec : AnalysisSpec
        The analysis of the cohort.
    cohort : Cohort
        Its data.
    plan : TrialPlan
        The plan.

    Returns
    -------
    CheckedAnalysis
        What is to be fitted.

    Raises
    ------
    RefusedError
        There is no treatment; no modifier while the plan has one; the effect is adjusted by a
        propensity; external controls are borrowed; the design is ``ever-never``; the modifier acts
        along a curve, or is read on another scale than the plan's; a covariate changes during
        follow-up.
    """
    subject = f"{plan.name}, posterior of {spec.name}"
    faults = [*_missing(spec, plan), *_other_analysis(spec), *_curved(spec, plan)]
    if faults:
        raise RefusedError(subject, faults)
    refuse_external(subject, spec.external, command="plan")
    checked = check_analysis(spec, cohort)
    if changing := changing_columns(checked.spec.model, checked.person_time):
        verb = "changes" if len(changing) == 1 else "change"
        problem = f"{', '.join(changing)} {verb} during follow-up, and nothing does in the trial"
        remedy = "Name an analysis whose covariates are those at the start of follow-up"
        raise RefusedError(subject, [Fault("[outcome] formula", problem, remedy)])
    return checked


def _missing(spec: AnalysisSpec, plan: TrialPlan) -> list[Fault]:
    """What the trial needs and the analysis lacks."""
    faults = []
    if spec.treatment is None:
        faults.append(Fault("[treatment]", "there is none", "Name an analysis with a treatment"))
    if plan.design.modifier is not None and spec.modifier is None:
        problem, remedy = "there is none, and the trial has one", "Name an analysis with a modifier"
        faults.append(Fault("[modifier]", problem, remedy))
    return faults


def _other_analysis(spec: AnalysisSpec) -> list[Fault]:
    """Where the effect of the analysis is another than that of its outcome model."""
    faults = []
    if spec.treatment is not None and spec.treatment.design is DesignKind.EVER_NEVER:
        problem = "'ever-never' counts time before treatment as treated, so its effect is no truth"
        remedy = "Name an analysis with design 'split'"
        faults.append(Fault("[treatment] design", problem, remedy))
    if spec.propensity is not None and spec.propensity.adjust is not Adjustment.NONE:
        problem = (
            f"the effect is adjusted by '{spec.propensity.adjust.value}', and the truth is read "
            "from the outcome model alone"
        )
        remedy = "Name an analysis with adjust = 'none' or without [propensity]"
        faults.append(Fault("[propensity] adjust", problem, remedy))
    return faults


def _curved(spec: AnalysisSpec, plan: TrialPlan) -> list[Fault]:
    """Where the log hazard is no straight line over the trial's modifier."""
    modifier, own = spec.modifier, plan.design.modifier
    faults: list[Fault] = []
    if modifier is None:
        return faults
    names = {modifier.name, modifier.column}
    curves = [
        ":".join(term)
        for term in spec.outcome.parsed.terms
        if (read := [factor for factor in term if names & set(parse_formula(factor).columns)])
        if read != [modifier.name]
    ]
    if curves:
        problem = f"{', '.join(curves)} bends the effect of the modifier, and trials have a line"
        remedy = f"Name an analysis that reads '{modifier.name}' as it is"
        faults.append(Fault("[outcome] formula", problem, remedy))
    scales = [ModifierTransform.LOG2 if own is None else own.transform, modifier.transform]
    if len({scale is ModifierTransform.LOG2 for scale in scales}) > 1:
        problem = f"'{scales[1].value}', and the trial reads the modifier as '{scales[0].value}'"
        remedy = "Use 'log2' in both or in neither"
        faults.append(Fault("[modifier] transform", problem, remedy))
    return faults


def as_design_prior(fit: FittedModel, plan: TrialPlan) -> DesignPrior:
    """Read a fitted cohort as truths of a trial.

    Control is an untreated patient with the cohort's average covariates in an average centre, at
    the plan's reference value of the modifier.

    Parameters
    ----------
    fit : FittedModel
        Of an analysis that `check_design_prior` let through.
    plan : TrialPlan
        Says at which value the modifier is zero, and what one unit of it is.

    Returns
    -------
    DesignPrior
        One truth for each posterior draw.
    """
    design = plan.design
    log2 = design.modifier is None or design.modifier.transform is ModifierTransform.LOG2
    at = design.reference
    above = 2.0 * at if log2 else at + 1.0
    control, treated, higher, both = (
        fit.coefficients @ _average(fit, arm, value)
        for arm, value in ((0.0, at), (1.0, at), (0.0, above), (1.0, above))
    )
    anchor = fit.prepared.hazard.level
    theta: dict[str, Floats] = dict(fit.baseline)
    shift = control if theta[anchor].ndim == 1 else control[:, None]
    theta[anchor] = theta[anchor] + shift
    return DesignPrior(
        fit.prepared.hazard,
        theta,
        modifier=higher - control,
        effect=treated - control,
        interaction=(both - higher) - (treated - control),
    )


def _average(fit: FittedModel, arm: float, value: float) -> Floats:
    """Average row of the design matrix over the cohort's patients."""
    spec, rows = fit.prepared.spec, fit.person_time
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    columns: Mapping[str, NDArray[np.generic]] = {
        name: values[first] for name, values in rows.columns.items()
    }
    changed = dict(columns)
    if spec.treatment is not None:
        changed[spec.treatment] = np.full(len(first), arm)
    if spec.modifier is not None:
        changed[spec.modifier.column] = np.full(len(first), value)
    return np.asarray(fit.prepared.encoder.design(changed).mean(axis=0), dtype=np.float64)


class Progress(Protocol):
    """Shows how far a plan has come."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done of what is running."""
        ...


@short_repr("result", "incomplete")
@dataclass(frozen=True, eq=False)
class TrialPlanResult(Shown):
    """A plan that was run and audited.

    Parameters
    ----------
    result : PlanResult
        Operating characteristics and statistics.
    audit : PlanAudit
        Fits redone by NUTS, and the probabilities of stopping corrected for what they say.
    lost_workers : int
        Workers of a Dask cluster that were lost on the way.

    Examples
    --------
    With the ``plan`` of a small trial, as `load_plan` reads it from a file, and no fit audited:

    >>> found = run_trial_plan(plan, 1024, audited=0, progress=lambda what, done, total: None)
    >>> found.failures, found.result.cell("small", "no effect").found.success.estimate < 0.1
    ((), True)
    """

    result: PlanResult
    audit: PlanAudit
    lost_workers: int = 0

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Parts that could not be computed: of the plan, of its audit."""
        return (*self.result.failures, *self.audit.lost)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What is missing, in a sentence or two; empty where nothing is."""
        lost = list(self.result.lost.values())
        told = missing(lost, len(lost) + len(self.result.cells), "designs under scenarios")
        if further := self.failures[len(lost) :]:
            names = ", ".join(f"'{found.part}'" for found in further)
            told += (f"INCOMPLETE: not computed: {names}; why stands in `failed`.",)
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        names = ("bayes-ihlrt", "pymc", "jax", "blackjax", "numpy")
        versions: Mapping[str, str] = {name: version(name) for name in names}
        return plan_dict(self.result) | {
            "audit": self.audit.to_dict(),
            "versions": dict(versions),
            "failed": listed(self.failures),
            "lost_workers": self.lost_workers,
        }


def run_trial_plan(
    plan: TrialPlan,
    trials: int,
    *,
    out: Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    audited: int | None = None,
    progress: Progress,
) -> TrialPlanResult:
    """Run a plan: fit the cohorts that it names, simulate, audit.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trials : int
        Trials of each design under each scenario.
    out : Path, optional
        Folder in which finished trials are kept, so that a killed run goes on where it was.
    scheduler : str, optional
        Address of a Dask scheduler.
    workers : int, optional
        Units at a time in this process.
    audited : int, optional
        Fits redone by NUTS; 1 %, at least 20 and at most 200, by default.
    progress : callable
        Told what is running and how far it has come.

    Returns
    -------
    TrialPlanResult
        With the audit.

    Raises
    ------
    SpecificationError
        The plan cannot be run as it is.
    MissingExtraError
        The extra ``distributed`` is not installed.
    """
    with open_pool(scheduler, workers=workers) as pool:
        if any(scenario.posterior is not None for scenario in plan.scenarios):
            progress("fitting the cohort of the design prior", 0, 1)
        store = None if out is None else Store(out / FOLDER)
        priors = design_priors(plan)
        result = run_plan(
            plan, trials, design_priors=priors, pool=pool, store=store, stage=progress
        )
    audit = audit_plan(
        result,
        fits=audited,
        progress=lambda done, total: progress("audit by NUTS", done, total),
    )
    return TrialPlanResult(result, audit, lost_workers=pool.lost)


def replay_planned(
    plan: TrialPlan,
    trial: int,
    *,
    scenario: str,
    design: str | None = None,
    stage: Callable[[str], None] | None = None,
) -> Replay:
    """Simulate one trial of a plan again.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trial : int
        Number of the trial.
    scenario : str
        Name of the scenario.
    design : str, optional
        Name of a variant; the plan's own design without it.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    Replay
        The same trial as in any run of the plan.

    Raises
    ------
    SpecificationError
        The plan has no such design or scenario.
    """
    name = plan.name if design is None else design
    faults = []
    scenarios = [one.name for one in plan.scenarios]
    if scenario not in scenarios:
        faults.append(
            Fault(f"scenario '{scenario}'", "there is none", nearest(scenario, scenarios))
        )
    if name not in plan.designs:
        faults.append(Fault(f"design '{name}'", "there is none", nearest(name, plan.designs)))
    if faults:
        raise SpecificationError(plan.name, faults)
    only = tuple(one for one in plan.scenarios if one.name == scenario)
    chosen = plan.model_copy(update={"scenarios": only})
    tell = stage or _silent
    if only[0].posterior is not None:
        tell("fitting the cohort of the design prior")
    priors = {one: known(prior) for one, prior in design_priors(chosen).items()}
    task = plan_tasks(chosen, priors)[name, scenario]
    tell("compiling and simulating the trial")
    return replay_trial(task, trial)


def _silent(_: str) -> None:
    return None
