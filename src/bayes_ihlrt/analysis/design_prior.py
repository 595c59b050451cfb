"""The posterior of a fitted cohort as design prior of a trial."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.checking import check_analysis, read_inputs
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.parameters import ANCHOR
from bayes_ihlrt.names import Engine, ModifierTransform
from bayes_ihlrt.trials.design import TrialPlan
from bayes_ihlrt.trials.scenario import PosteriorSpec
from bayes_ihlrt.trials.truth import DesignPrior

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
    SpecificationError
        An analysis has no treatment, or no modifier while the plan has one.
    """
    fitted: dict[tuple[str, str, int], FittedModel] = {}
    found = {}
    for scenario in plan.scenarios:
        named = scenario.posterior
        if named is None:
            continue
        key = (named.analysis, named.data, named.draws)
        if key not in fitted:
            fitted[key] = _fit(named)
        found[scenario.name] = as_design_prior(fitted[key], plan)
    return found


def _fit(named: PosteriorSpec) -> FittedModel:
    spec, cohort = read_inputs(named.analysis, named.data)
    checked = check_analysis(spec, cohort)
    settings = SamplerSpec(
        draws=-(-named.draws // 4), chains=4, seed=spec.sampler.seed, engine=Engine.LAPLACE
    )
    return fit_shared(checked.spec.model, checked.person_time, settings)


def as_design_prior(fit: FittedModel, plan: TrialPlan) -> DesignPrior:
    """Read a fitted cohort as truths of a trial.

    Control is an untreated patient with the cohort's average covariates in an average centre, at
    the plan's reference value of the modifier.

    Parameters
    ----------
    fit : FittedModel
        With a treatment, proportional hazards.
    plan : TrialPlan
        Says at which value the modifier is zero, and what one unit of it is.

    Returns
    -------
    DesignPrior
        One truth for each posterior draw.

    Raises
    ------
    SpecificationError
        The model has no treatment, or no modifier while the plan has one.
    """
    spec, design = fit.prepared.spec, plan.design
    faults = []
    if spec.treatment is None:
        remedy = "Name an analysis with a [treatment]"
        faults.append(Fault("posterior", "its model has no treatment", remedy))
    if design.modifier is not None and spec.modifier is None:
        remedy = "Name an analysis with a [modifier]"
        faults.append(Fault("posterior", "its model has no modifier, and the trial has", remedy))
    if faults or spec.treatment is None:
        raise SpecificationError(plan.name, faults)
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
