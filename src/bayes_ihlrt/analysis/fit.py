"""The pipe from a cohort to its result: posterior, estimands, and where they came from.

Draws are called posterior only where they are draws from a posterior. The versions that a result
rests on are read by name: nothing is loaded for them.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.check import CheckedAnalysis, CohortSource, check_analysis
from bayes_ihlrt.analysis.comparability import refuse_few
from bayes_ihlrt.analysis.estimates import (
    OPEN,
    Estimate,
    draws_around,
    estimate_all,
    few_stand_for_all,
    weigher,
)
from bayes_ihlrt.analysis.external import Borrowed, ExternalResult, external_result
from bayes_ihlrt.analysis.flexible_baseline import (
    BaselineComparison,
    baseline_notes,
    compare_baselines,
)
from bayes_ihlrt.analysis.interaction import InteractionResult, describe_interaction
from bayes_ihlrt.analysis.notes import FIRST, analysis_notes, data_summary
from bayes_ihlrt.analysis.parameters import Loo, leave_one_out, parameter_table
from bayes_ihlrt.analysis.prior import prior_conflict, prior_draws, prior_fit
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.analysis.propensity import PropensityResult, clone_months, describe_propensity
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.checks.leave_out import LeaveOut
from bayes_ihlrt.cohort.read import warn_if_sparse
from bayes_ihlrt.errors import OPTION, Fault, RefusedError
from bayes_ihlrt.labels import called
from bayes_ihlrt.names import Adjustment, DesignKind
from bayes_ihlrt.parts import Failure, attempted, known, listed, not_computed
from bayes_ihlrt.plain import Shown, json_text, short_repr
from bayes_ihlrt.posterior import fitted as sampling
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import check_convergence, draws_name, naming
from bayes_ihlrt.propensity.comparability import Overlap
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.weighted.adjusted import fit_propensity_adjusted, prepare_adjusted
from bayes_ihlrt.weighted.robust import draw_external

_LIBRARIES: Final = (
    *("bayes-ihlrt", "pymc", "pytensor", "blackjax", "jax", "arviz", "numpy", "xarray"),
    "formulaic",
)


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries that a result rests on.

    Returns
    -------
    dict of str to str
        By name.

    Examples
    --------
    >>> {"python", "bayes-ihlrt", "pymc"} <= versions().keys()
    True
    """
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def identity(checked: CheckedAnalysis) -> dict[str, object]:
    """Return what draws depend on: where all of it agrees, they are the same draws.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.

    Returns
    -------
    dict of str to object
        ``specification`` and ``versions`` as JSON, ``seed``, ``data_fingerprint``.
    """
    others = checked.external
    return {
        "specification": json_text(checked.spec.to_dict(), indent=None),
        "versions": json_text(versions(), indent=None),
        "seed": checked.spec.sampler.seed,
        "data_fingerprint": checked.cohort.fingerprint,
        **({} if others is None else {"external_fingerprint": others.cohort.fingerprint}),
    }


@short_repr("spec", "fit.person_time", "draws_name", "converged")
@dataclass(frozen=True)
class FitResult(Shown):
    """A fitted analysis.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification, cohort, person-time and notes.
    fit : FittedModel
        The posterior and its convergence.
    prior : xarray.Dataset
        Draws of the priors of top-level parameters.
    parameters : dict of str to dict
        Summary and diagnostics of each parameter; coefficients are log hazard ratios.
    estimates : tuple of Estimate
        Hazard ratios, survival, restricted mean and median survival.
    draws : xarray.Dataset
        Draws of every estimand, from which `estimates` and all that is told of the effect are
        read: see `estimands.draws.estimate_draws`.
    loo : Loo
        Leave-one-patient-out cross-validation.
    left_out : LeaveOut or None
        What it is summed from, for checks of the model; None where it is not defined or could not
        be computed.
    propensity : PropensityResult or None
        Weights, balance and overlap; None without ``[propensity]``.
    interaction : InteractionResult or None
        Whether the effect depends on the modifier; None without a treatment and a modifier.
    baseline : BaselineComparison or None
        The effect under a flexible baseline too; None unless treatment changes during follow-up.
    before : FittedModel or None
        The model with draws of its prior, for probabilities before the data.
    draws_before : xarray.Dataset or None
        As `draws`, before the data.
    prior_note : str or None
        Where observed untreated survival lies outside what the priors expected.
    failures : tuple of Failure
        Parts beside the posterior that could not be computed: the description of a propensity that
        adjusts nothing.
    external : ExternalResult or None
        What external controls change; None without ``[external]``.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> result.converged, result.synthetic
    (True, True)
    >>> sorted(result.parameters["ihlrt"])
    ['ess_bulk', 'ess_tail', 'mcse_mean', 'mean', 'median', 'q2.5', 'q97.5', 'r_hat', 'sd']
    >>> result.to_dict()["data"]["patients"]
    80
    """

    checked: CheckedAnalysis
    fit: FittedModel = field(repr=False)
    prior: xr.Dataset = field(repr=False)
    parameters: dict[str, dict[str, float | None]] = field(repr=False)
    estimates: tuple[Estimate, ...] = field(repr=False)
    draws: xr.Dataset = field(repr=False)
    loo: Loo = field(repr=False)
    left_out: LeaveOut | None = field(default=None, repr=False)
    propensity: PropensityResult | None = field(default=None, repr=False)
    interaction: InteractionResult | None = field(default=None, repr=False)
    baseline: BaselineComparison | None = field(default=None, repr=False)
    before: FittedModel | None = field(default=None, repr=False)
    draws_before: xr.Dataset | None = field(default=None, repr=False)
    prior_note: str | None = field(default=None, repr=False)
    failures: tuple[Failure, ...] = ()
    external: ExternalResult | None = field(default=None, repr=False)

    @property
    def spec(self) -> AnalysisSpec:
        """The specification."""
        return self.checked.spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know, most important first."""
        quality = tuple(f"{note}." for note in (self.fit.convergence.note,) if note is not None)
        baseline = baseline_notes(self.baseline)
        prior = () if self.prior_note is None else (self.prior_note,)
        told = (*not_computed(self.failures), *self.checked.notes)
        # That a result is wrong by design, or of no patient, comes before anything read from it.
        label = tuple(note for note in told if note.startswith(FIRST))
        told = tuple(note for note in told if not note.startswith(FIRST))
        rest = (*few_stand_for_all(self.fit, self.spec), *prior, *told)
        if self.propensity is None:
            return (*label, *baseline, *quality, *rest)
        # Then what no interval shows.
        first, weighting = (*self.propensity.warning, *baseline), self.propensity.notes
        return (*label, *first, *quality, *weighting, *rest)

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated, be it those of external controls."""
        return self.checked.synthetic

    @property
    def comparable(self) -> bool:
        """Whether the arms have enough in common to be compared; True without weights."""
        arms = None if self.propensity is None else self.propensity.comparability
        return arms is None or arms.overlap is not Overlap.FAILED

    @property
    def draws_name(self) -> str:
        """What the draws are: ``"posterior"``, or by the way a weighted analysis made them."""
        return draws_name(self.fit.convergence.engine)

    @property
    def converged(self) -> bool:
        """Whether the draws can be trusted."""
        return not self.fit.convergence.failures

    @cached_property
    def tree(self) -> xr.DataTree:
        """Draws with the specification, versions, seed and data fingerprint in the attributes."""
        tree = self.fit.tree.copy()
        tree["prior"] = xr.DataTree(self.prior)
        told = data_summary(self.checked.cohort, self.checked.person_time)
        about = {"data": json_text(told, indent=None), "synthetic": int(self.synthetic)}
        tree.attrs = {**tree.attrs, **identity(self.checked), **about}
        return tree

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``: what is not defined is None, never absent."""
        made = self.checked.person_time.provenance
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.checked.cohort, self.checked.person_time),
            "design": {"name": made.design.value, "immortal_months": made.immortal_months},
            "priors": prior_sentence(self.spec, self.checked.priors, self.checked.worths),
            "labels": called(self.spec.labels, self.parameters),
            "parameters": self.parameters,
            "estimands": [estimate.to_dict() for estimate in self.estimates],
            "interaction": None if self.interaction is None else self.interaction.to_dict(),
            "draws": naming(self.fit.convergence.engine),
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "diagnostics": self._diagnostics(),
            "loo": self.loo.to_dict(),
            "propensity": None if self.propensity is None else self.propensity.to_dict(),
            "external": None if self.external is None else self.external.to_dict(),
            "notes": list(self.notes),
            "failed": listed(self.failures),
        }

    def _diagnostics(self) -> dict[str, Any]:
        found = self.fit.convergence
        return {**found.numbers, "converged": self.converged, "failures": list(found.failures)}


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
    failures : tuple of Failure
        Parts beside the posterior that could not be computed.
    draws : tuple of xarray.Dataset, optional
        Draws of every estimand after and before the data, where they are there already.
    borrowed : Borrowed, optional
        The posterior of the cohort alone, where `fit` is that with external controls.
    """

    checked: CheckedAnalysis
    fit: FittedModel
    propensity: PropensityResult | None = None
    failures: tuple[Failure, ...] = ()
    draws: tuple[xr.Dataset, xr.Dataset] | None = None
    borrowed: Borrowed | None = None

    @property
    def own(self) -> FittedModel:
        """The posterior of the cohort alone, whose prior knows of no external controls."""
        return self.fit if self.borrowed is None else self.borrowed.alone


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
        Data file, name of a packaged data set, cohort, or columns in memory.
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
    return run_checked(
        check_analysis(spec, data),
        allow_nonconverged=allow_nonconverged,
        progress=progress,
        stage=stage,
    )


def run_checked(
    checked: CheckedAnalysis,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> FitResult:
    """Fit a checked analysis and read its estimands from the posterior.

    Parameters
    ----------
    checked : CheckedAnalysis
        From `check_analysis`.
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
    RefusedError
        The propensity would be used in a way that misleads.
    ConvergenceError
        The draws are not to be trusted.

    Warns
    -----
    SparseEventsWarning
        There are fewer events than parameters.
    """
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
    compiled = compile_model(checked.prepared)
    tell("compiling the model")
    sampling.compile_programs(compiled, sampler)
    tell(sampler.plan)
    tree = sampling.sample(compiled, sampler, progress=progress)
    found = check_convergence(tree, allow_nonconverged=allow_nonconverged)
    fit = FittedModel(checked.prepared, checked.person_time, tree, found)
    if checked.external is not None:
        tell(f"with external controls: {sampler.plan}")
        also = {"allow_nonconverged": allow_nonconverged, "progress": progress}
        drawn = draw_external(checked.external.bound, sampler, **also)
        return FittedAnalysis(checked, drawn.fit, borrowed=Borrowed(checked.external, drawn, fit))
    described = _described(checked, tell=tell)
    # A population that is made of the propensities is lost with them, all else is not.
    if isinstance(described, Failure) and checked.spec.population not in OPEN:
        return FittedAnalysis(checked, fit, None, (described,))
    return FittedAnalysis(checked, fit, known(described))


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
    borrowed, own = fitted.borrowed, fitted.own
    prior = prior_draws(own.prepared, seed=spec.sampler.seed)
    before = prior_fit(own, prior, seed=spec.sampler.seed)
    fewer = prior_fit(own, prior.isel(draw=slice(None, None, 4)), seed=spec.sampler.seed)
    # Draws of a wide prior spend infinite hazard: nobody is alive, and that is the right answer.
    with np.errstate(over="ignore"):
        draws, expected = fitted.draws or draws_around(fit, fewer, spec, weigh)
        estimates = estimate_all(draws, spec, prior=expected)
        others = None if borrowed is None else external_result(borrowed, spec, weigh, expected)
        tell("comparing with the prior")
        treatment = None if spec.treatment is None else spec.treatment.name
        conflict = prior_conflict(fewer, fitted.checked.person_time, treatment)
        interaction = describe_interaction(fit, before, spec, weigh, draws=(draws, expected))
    tell("comparing with a flexible baseline")
    baseline = compare_baselines(fit, spec, again=None if borrowed is None else borrowed.again)
    tell("summarising")
    loo, left = leave_one_out(fit, seed=spec.sampler.seed, borrowed=borrowed is not None)
    lost = (left,) if isinstance(left, Failure) else ()
    return FitResult(
        checked=fitted.checked,
        fit=fit,
        prior=prior,
        parameters=parameter_table(fit),
        estimates=estimates,
        draws=draws,
        loo=loo,
        left_out=left if isinstance(left, LeaveOut) else None,
        propensity=fitted.propensity,
        interaction=interaction,
        baseline=baseline,
        before=fewer,
        draws_before=expected,
        prior_note=conflict,
        failures=(*fitted.failures, *lost),
        external=others,
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
        fault = Fault(OPTION, problem, "Leave it out", option="allow_nonconverged=True")
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


def _described(checked: CheckedAnalysis, *, tell: Stage) -> PropensityResult | Failure | None:
    """Describe a propensity that adjusts nothing."""
    spec, found = checked.spec, checked.propensity
    if found is None or spec.treatment is None:
        return None
    tell("describing balance")
    about, given = (checked.cohort, spec.treatment), (found.emulation, spec.model, found.spec)
    return attempted(
        "propensity",
        lambda: describe_propensity(prepare_adjusted(*given), *about, spec=given[2], ess=None),
    )


def _silent(_: str) -> None:
    return None
