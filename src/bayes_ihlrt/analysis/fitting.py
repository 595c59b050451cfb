"""The pipe: cohort, person-time, posterior, estimands, result."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayes_ihlrt.analysis.checking import CheckedAnalysis, CohortSource, check_analysis
from bayes_ihlrt.analysis.clone_months import clone_months
from bayes_ihlrt.analysis.comparability import refuse_few
from bayes_ihlrt.analysis.estimates import estimate_all
from bayes_ihlrt.analysis.flexible_baseline import compare_baselines
from bayes_ihlrt.analysis.interaction_result import describe_interaction
from bayes_ihlrt.analysis.notes import analysis_notes
from bayes_ihlrt.analysis.populations import weigher
from bayes_ihlrt.analysis.prior_draws import prior_draws
from bayes_ihlrt.analysis.prior_fit import prior_fit
from bayes_ihlrt.analysis.prior_predictive import prior_conflict
from bayes_ihlrt.analysis.propensity_description import describe_propensity
from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.analysis.summaries import leave_one_out, parameter_table
from bayes_ihlrt.data.validate import warn_if_sparse
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.inference import sampling
from bayes_ihlrt.inference.adjusted import fit_propensity_adjusted, prepare_adjusted
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.gate import check_convergence
from bayes_ihlrt.model.build import build_graph, prepare
from bayes_ihlrt.names import Adjustment, DesignKind

type Stage = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class FittedAnalysis:
    """A checked analysis with its posterior.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data, as they were fitted: without the rows that were trimmed.
    fit : FittedModel
        The posterior.
    propensity : PropensityResult or None
        Weights, balance and overlap; None without ``[propensity]``.
    """

    checked: CheckedAnalysis
    fit: FittedModel
    propensity: PropensityResult | None = None


def run_fit(
    spec: AnalysisSpec,
    data: CohortSource,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> FitResult:
    """Fit an analysis and read its estimands from the posterior.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    data : str, Path, Cohort, DataFrame or mapping
        CSV file, name of a packaged data set, cohort, or columns in memory.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising; the result says so.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FitResult
        Posterior, parameters, estimands, diagnostics.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        Specification and data do not fit together.
    RefusedError
        The design would mislead and was not acknowledged, or needs weights and has none.
    ConvergenceError
        The draws are not to be trusted.

    Warns
    -----
    SparseEventsWarning
        There are fewer events than parameters.
    SeparationWarning
        Covariates tell some treated patients from the others without error.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> result.converged
    True
    >>> -1.5 < result.parameters["ihlrt"]["mean"] < 0.5
    True
    """
    checked = check_analysis(spec, data)
    warn_if_sparse(checked.person_time.events, checked.n_parameters)
    fitted = fit_checked(
        checked, allow_nonconverged=allow_nonconverged, progress=progress, stage=stage
    )
    return summarise_fit(fitted, stage=stage)


def fit_checked(
    checked: CheckedAnalysis,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> FittedAnalysis:
    """Draw from the posterior of a checked analysis.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising; not of an analysis that a propensity
        adjusts.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FittedAnalysis
        The posterior.

    Raises
    ------
    SpecificationError
        Specification and data do not fit together.
    RefusedError
        The propensity would be used in a way that misleads.
    ConvergenceError
        The draws are not to be trusted.
    """
    tell = stage or _silent
    propensity = checked.spec.propensity
    if propensity is not None and propensity.adjust is not Adjustment.NONE:
        return _fit_adjusted(checked, allow_nonconverged=allow_nonconverged, tell=tell)
    sampler = checked.spec.sampler
    tell("building the model")
    prepared = prepare(checked.spec.model, checked.person_time)
    model = build_graph(prepared)
    tell("compiling the model")
    sampling.compile_model(model, sampler)
    tell(sampler.plan)
    tree = sampling.sample(model, sampler, progress=progress)
    found = check_convergence(tree, allow_nonconverged=allow_nonconverged)
    fit = FittedModel(prepared, checked.person_time, tree, found)
    return FittedAnalysis(checked, fit, _described(checked, tell=tell))


def summarise_fit(fitted: FittedAnalysis, *, stage: Stage | None = None) -> FitResult:
    """Read parameters, estimands and diagnostics from a posterior.

    Parameters
    ----------
    fitted : FittedAnalysis
        The posterior.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FitResult
        The result.
    """
    tell, fit, spec = stage or _silent, fitted.fit, fitted.checked.spec
    tell("averaging over patients")
    weigh = weigher(spec, fitted.propensity)
    prior = prior_draws(fit.prepared, seed=spec.sampler.seed)
    before = prior_fit(fit, prior, seed=spec.sampler.seed)
    fewer = prior_fit(fit, prior.isel(draw=slice(None, None, 4)), seed=spec.sampler.seed)
    # Draws of a wide prior spend infinite hazard: nobody is alive, and that is the right answer.
    with np.errstate(over="ignore"):
        estimates = estimate_all(fit, spec, weights=weigh(fit), prior=(fewer, weigh(fewer)))
        tell("comparing with the prior")
        treatment = None if spec.treatment is None else spec.treatment.name
        conflict = prior_conflict(fewer, fitted.checked.person_time, treatment)
        interaction = describe_interaction(fit, before, spec, weigh, fewer=fewer)
    tell("comparing with a flexible baseline")
    baseline = compare_baselines(fit, spec)
    tell("summarising")
    return FitResult(
        checked=fitted.checked,
        fit=fit,
        prior=prior,
        parameters=parameter_table(fit),
        estimates=estimates,
        loo=leave_one_out(fit),
        propensity=fitted.propensity,
        interaction=interaction,
        baseline=baseline,
        before=fewer,
        prior_note=conflict,
    )


def _fit_adjusted(
    checked: CheckedAnalysis, *, allow_nonconverged: bool, tell: Stage
) -> FittedAnalysis:
    """Fit an analysis that the propensity adjusts."""
    spec, found = checked.spec, checked.propensity
    if found is None or spec.treatment is None:
        message = "a propensity is checked with its treatment"
        raise AssertionError(message)
    if allow_nonconverged:
        problem = "the draws of an analysis that a propensity adjusts cannot be had unchecked"
        fault = Fault("--allow-nonconverged", problem, "Leave it out")
        raise RefusedError("fit", [fault])
    tell(f"{found.spec.uncertainty.value}, {spec.sampler.total:,} draws")
    weighted = fit_propensity_adjusted(
        found.emulation, spec.model, found.spec, draws=spec.sampler.total, seed=spec.sampler.seed
    )
    tell("describing balance")
    ess = (weighted.ess_treated, weighted.ess_control)
    described = describe_propensity(
        weighted.analysis,
        checked.cohort,
        spec.treatment,
        spec=found.spec,
        ess=ess if found.spec.adjust is Adjustment.WEIGHTS else None,
    )
    if described.comparability is not None:
        refuse_few(described.comparability, found.spec)
    if spec.treatment.design is DesignKind.CLONE_CENSOR_WEIGHT:
        tell("survival by strategy")
        months = clone_months(
            *(weighted.analysis, float(spec.treatment.grace or 0.0), max(spec.estimands.horizons)),
            draws=spec.sampler.total,
            seed=spec.sampler.seed,
        )
        described = replace(described, strategies=months)
    return FittedAnalysis(_as_fitted(checked, weighted.fit), weighted.fit, described)


def _as_fitted(checked: CheckedAnalysis, fit: FittedModel) -> CheckedAnalysis:
    """Return the analysis with the rows that were fitted, and what is to be known of them."""
    rows, found = fit.person_time, checked.propensity
    notes = analysis_notes(checked.spec, checked.cohort, rows, n_parameters=checked.n_parameters)
    notes += () if found is None else found.notes
    return replace(checked, person_time=rows, notes=notes)


def _described(checked: CheckedAnalysis, *, tell: Stage) -> PropensityResult | None:
    """Describe a propensity that adjusts nothing."""
    spec, found = checked.spec, checked.propensity
    if found is None or spec.treatment is None:
        return None
    tell("describing balance")
    analysis = prepare_adjusted(found.emulation, spec.model, found.spec)
    return describe_propensity(analysis, checked.cohort, spec.treatment, spec=found.spec, ess=None)


def _silent(_: str) -> None:
    return None
