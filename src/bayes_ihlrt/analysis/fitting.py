"""The pipe: cohort, person-time, posterior, estimands, result."""

from collections.abc import Callable

from bayes_ihlrt.analysis.checking import CheckedAnalysis, CohortSource, check_analysis
from bayes_ihlrt.analysis.estimates import estimate_all
from bayes_ihlrt.analysis.prior_draws import prior_draws
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.analysis.summaries import leave_one_out, parameter_table
from bayes_ihlrt.data.validate import warn_if_sparse
from bayes_ihlrt.inference import sampling
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.gate import check_convergence
from bayes_ihlrt.model.build import build_graph, prepare

type Stage = Callable[[str], None]


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
        The design would mislead and was not acknowledged.
    ConvergenceError
        The draws are not to be trusted.

    Warns
    -----
    SparseEventsWarning
        There are fewer events than parameters.
    """
    checked = check_analysis(spec, data)
    warn_if_sparse(checked.person_time.events, checked.n_parameters)
    fit = fit_checked(
        checked, allow_nonconverged=allow_nonconverged, progress=progress, stage=stage
    )
    return summarise_fit(checked, fit, stage=stage)


def fit_checked(
    checked: CheckedAnalysis,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> FittedModel:
    """Sample the posterior of a checked analysis.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FittedModel
        The posterior.

    Raises
    ------
    SpecificationError
        Specification and data do not fit together.
    ConvergenceError
        The draws are not to be trusted.
    """
    tell = stage or _silent
    sampler = checked.spec.sampler
    tell("building the model")
    prepared = prepare(checked.spec.model, checked.person_time)
    model = build_graph(prepared)
    tell("compiling the model")
    sampling.compile_model(model, sampler)
    tell(sampler.plan)
    tree = sampling.sample(model, sampler, progress=progress)
    found = check_convergence(tree, allow_nonconverged=allow_nonconverged)
    return FittedModel(prepared, checked.person_time, tree, found)


def summarise_fit(
    checked: CheckedAnalysis, fit: FittedModel, *, stage: Stage | None = None
) -> FitResult:
    """Read parameters, estimands and diagnostics from a posterior.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    fit : FittedModel
        The posterior.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FitResult
        The result.
    """
    tell = stage or _silent
    tell("averaging over patients")
    estimates = estimate_all(fit, checked.spec)
    tell("summarising")
    return FitResult(
        checked=checked,
        fit=fit,
        prior=prior_draws(fit.prepared, seed=checked.spec.sampler.seed),
        parameters=parameter_table(fit),
        estimates=estimates,
        loo=leave_one_out(fit),
    )


def _silent(_: str) -> None:
    return None
