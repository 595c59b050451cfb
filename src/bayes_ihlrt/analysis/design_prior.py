"""The posterior of a fitted cohort as design prior of a trial."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.checking import CheckedAnalysis, check_analysis, read_inputs
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.estimands.population import changing_columns
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.formula import parse_formula
from bayes_ihlrt.model.parameters import ANCHOR
from bayes_ihlrt.names import Adjustment, DesignKind, Engine, Identifiers, ModifierTransform
from bayes_ihlrt.trials.plan_spec import TrialPlan
from bayes_ihlrt.trials.scenario import PosteriorSpec
from bayes_ihlrt.trials.truth import DesignPrior, PriorSource

Floats = NDArray[np.float64]


def design_priors(plan: TrialPlan) -> dict[str, DesignPrior]:
    """Fit the cohorts that a plan's scenarios name.

    Parameters
    ----------
    plan : TrialPlan
        The plan.

    Returns
    -------
    dict of str to DesignPrior
        By the scenario's name; a cohort that several scenarios name is fitted once.

    Raises
    ------
    RefusedError
        The posterior of an analysis cannot be the truth of a trial; see `check_design_prior`.
    """
    fitted: dict[tuple[str, str, int], DesignPrior] = {}
    found = {}
    for scenario in plan.scenarios:
        named = scenario.posterior
        if named is None:
            continue
        key = (named.analysis, named.data, named.draws)
        if key not in fitted:
            fitted[key] = _fit(named, plan)
        found[scenario.name] = fitted[key]
    return found


def _fit(named: PosteriorSpec, plan: TrialPlan) -> DesignPrior:
    spec, cohort = read_inputs(named.analysis, named.data, identifiers=Identifiers.NOWHERE)
    checked = check_design_prior(spec, cohort, plan)
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
        propensity; the design is ``ever-never``; the modifier acts along a curve, or is read on
        another scale than the plan's; a covariate changes during follow-up.
    """
    subject = f"{plan.name}, posterior of {spec.name}"
    faults = [*_missing(spec, plan), *_other_analysis(spec), *_curved(spec, plan)]
    if faults:
        raise RefusedError(subject, faults)
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
    spec, design = fit.prepared.spec, plan.design
    log2 = design.modifier is None or design.modifier.transform is ModifierTransform.LOG2
    at = design.reference
    above = 2.0 * at if log2 else at + 1.0
    control, treated, higher, both = (
        fit.coefficients @ _average(fit, arm, value)
        for arm, value in ((0.0, at), (1.0, at), (0.0, above), (1.0, above))
    )
    anchor = ANCHOR[spec.outcome.hazard.family]
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
