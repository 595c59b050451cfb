"""A negative control: an outcome that treatment cannot change, analysed in the same way.

A hazard ratio other than 1 there is bias, and as far as the same confounding acts on both outcomes
it is the bias of the analysis: log HR - log HR(control) is the effect with it taken off.

References
----------
Lipsitch M, Tchetgen Tchetgen E, Cohen T. Negative controls: a tool for detecting confounding and
bias in observational studies. Epidemiology 2010;21:383-388, doi 10.1097/EDE.0b013e3181d61eeb.
"""

from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.check import CheckedAnalysis, CohortSource, check_analysis, read_cohort
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.sensitivity.cells import PriorCell, fit_cells
from bayes_ihlrt.sensitivity.confounding import Effect, describe
from bayes_ihlrt.sensitivity.decisions import CheckResult
from bayes_ihlrt.sensitivity.priors import flat_prior
from bayes_ihlrt.sensitivity.quantities import EQUIVALENCE, Wanted, as_fit, read_quantities
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.sensitivity import NegativeControlSpec
from bayes_ihlrt.verdicts import Decision

_NO_EFFECT: Final = EQUIVALENCE


def checked_control(
    spec: AnalysisSpec, control: NegativeControlSpec, source: CohortSource
) -> CheckedAnalysis:
    """Check the data of a negative control, before anything is fitted.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    control : NegativeControlSpec
        Its outcome.
    source : str, Path, Cohort, DataFrame or mapping
        Its data.

    Returns
    -------
    CheckedAnalysis
        Patients are called by numbers.

    Raises
    ------
    DataError
        With every fault of the data.
    """
    columns = {"time": control.time, "event": control.event}
    changed = spec.model_copy(update={"data": spec.data.model_copy(update=columns)})
    return check_analysis(changed, read_cohort(changed, source, identifiers=Identifiers.NOWHERE))


def negative_control(
    spec: AnalysisSpec, control: NegativeControlSpec, source: CohortSource, *, effect: Effect
) -> CheckResult:
    """Analyse an outcome that treatment cannot change, and take its effect off.

    The control's own prior of treatment is flat: what it shows is to come from its data.

    Parameters
    ----------
    spec : AnalysisSpec
        The analysis.
    control : NegativeControlSpec
        Columns of the control outcome.
    source : str, Path, Cohort, DataFrame or mapping
        Data that hold them.
    effect : Effect
        The analysis' own effect.

    Returns
    -------
    CheckResult
        One row: the control's hazard ratio, P(between 0.8 and 1.25), and the effect with it taken
        off, the two posteriors being treated as independent.

    Raises
    ------
    DataError
        The control's data are at fault.
    ConvergenceError
        Its posterior is not to be trusted.
    """
    checked = checked_control(spec, control, source)
    prepared = prepare(checked.spec.model, checked.person_time)
    cell = PriorCell("control", {str(prepared.spec.treatment): flat_prior()})
    size = len(effect.draws)
    fits = fit_cells(prepared, [cell], draws=size, seed=spec.sampler.seed + 1)
    fit = as_fit(prepared, checked.person_time, fits.draws)
    found = read_quantities(fit, Wanted(mitigation=False))[0].values[0]
    picked = resample(fits.weights, draws=size, seed=spec.sampler.seed + 1)[0]
    draws = found[picked]
    low, high = np.log(_NO_EFFECT)
    none = float(((draws > low) & (draws < high)).mean())
    off = describe(effect, draws)
    row = {
        "control": f"{control.time}, {control.event}",
        "control_hazard_ratio": float(np.exp(np.median(draws))),
        "control_q2.5": float(np.exp(np.quantile(draws, 0.025))),
        "control_q97.5": float(np.exp(np.quantile(draws, 0.975))),
        "control_no_effect": none,
        **off,
    }
    words = (
        f"Control outcome {control.event}: hazard ratio {row['control_hazard_ratio']:.2f} "
        f"({row['control_q2.5']:.2f} to {row['control_q97.5']:.2f}) where there should be none, "
        f"P({_NO_EFFECT[0]:g} to {_NO_EFFECT[1]:g}) {none:.2f}.",
        f"With it taken off, the hazard ratio is {off['hazard_ratio']:.2f} ({off['q2.5']:.2f} to "
        f"{off['q97.5']:.2f}) and P(below 1) {off['probability']:.2f}: "
        f"'{Decision(off['decision']).words}'.",
        *checked.cohort.notes,
    )
    data = xr.Dataset({"control": ("draw", draws), "effect": ("draw", effect.draws)})
    return CheckResult("negative_control", (row,), data, words, None)
