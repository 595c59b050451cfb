"""The commands as verbs: check, fit, ladder, sensitivity, diagnose, plan.

Each takes what its command takes, from Python or from files, and tells the same faults.
"""

from collections.abc import Mapping
from numbers import Integral
from pathlib import Path

from bayes_ihlrt.analysis import diagnose as model_checks
from bayes_ihlrt.analysis.cause_fit import CausesResult, run_either
from bayes_ihlrt.analysis.causes import CheckedCauses, check_causes
from bayes_ihlrt.analysis.check import (
    CheckedAnalysis,
    CohortSource,
    check_analysis,
    read_cohort,
    read_inputs,
)
from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.notes import numbered
from bayes_ihlrt.analysis.prior_worth import justification_faults, with_scales
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import Fault, InputError, RefusedError, SpecificationError
from bayes_ihlrt.ladder.run import LadderResult, bias_ladder
from bayes_ihlrt.sensitivity.study import SensitivityResult, sensitivity_study
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.read import load_plan, load_spec
from bayes_ihlrt.trials.run import TrialPlanResult, run_trial_plan

type Specified = AnalysisSpec | str | Path
"""A specification, the path of its TOML file, or the name of a packaged one."""


def check(
    spec: Specified, data: CohortSource, *, seed: int | None = None
) -> CheckedAnalysis | CheckedCauses:
    """Check an analysis and its data without fitting.

    Parameters
    ----------
    spec : AnalysisSpec, str or Path
        From `analysis` or `load`; path of a TOML file; or name of a packaged specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    seed : int, optional
        Instead of the specification's.

    Returns
    -------
    CheckedAnalysis or CheckedCauses
        Person-time in months, priors with the events they are worth, notes.

    Raises
    ------
    SpecificationError
        With every fault of the specification, and of the data where they can be known.
    DataError
        With every fault of the data.
    RefusedError
        The design would mislead, or an informative prior has no justification.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> bi.check("heart", "heart").n_parameters
    6
    """
    found, cohort = _inputs("check", spec, data, seed)
    return check_causes(found, cohort) if found.data.causes else check_analysis(found, cohort)


def fit(
    spec: Specified,
    data: CohortSource,
    *,
    seed: int | None = None,
    allow_nonconverged: bool = False,
    progress: bool = False,
) -> FitResult | CausesResult:
    """Fit an analysis.

    Parameters
    ----------
    spec : AnalysisSpec, str or Path
        From `analysis` or `load`; path of a TOML file; or name of a packaged specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    seed : int, optional
        Instead of the specification's.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising; the result says so.
    progress : bool
        Show the sampler's progress bar.

    Returns
    -------
    FitResult or CausesResult
        The posterior with its estimands: coefficients are log hazard ratios, times months. Of
        competing causes where the event names them.

    Raises
    ------
    SpecificationError, DataError, RefusedError
        As `check`.
    ConvergenceError
        The draws are not to be trusted.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> result.converged
    True
    >>> import bayes_ihlrt as bi
    >>> bi.fit("primry", "ihlrt_synthetic")
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: primry: 1 fault
      - the file: it does not exist. Check the path of the TOML file, or name a packaged ...
    """
    checked = check(spec, data, seed=seed)
    return run_either(checked, allow_nonconverged=allow_nonconverged, progress=progress)


def ladder(
    spec: Specified, data: CohortSource, *, cause: str | None = None, seed: int | None = None
) -> LadderResult:
    """Compare designs on one cohort, from ever against never treated upward.

    Parameters
    ----------
    spec : AnalysisSpec, str or Path
        From `analysis` or `load`; path of a TOML file; or name of a packaged specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    cause : str, optional
        Of competing causes the one whose hazard ratios are compared, the others being censored.
    seed : int, optional
        Instead of the specification's.

    Returns
    -------
    LadderResult
        Rungs side by side: log hazard ratios and months gained.

    Raises
    ------
    SpecificationError, DataError, RefusedError
        As `check`.
    BayesIhlrtError
        No rung could be estimated.

    Examples
    --------
    With ``ladder``, a `bi.ladder` of the heart transplants without covariates:

    >>> [rung.plan.rung for rung in ladder.rungs]
    ['ever-never', 'landmark-3', 'split']
    """
    return bias_ladder(*_inputs("ladder", spec, data, seed), cause=cause)


def sensitivity(
    spec: Specified, data: CohortSource, *, seed: int | None = None
) -> SensitivityResult:
    """Tell what the conclusion depends on: priors, confounding, structure.

    Parameters
    ----------
    spec : AnalysisSpec, str or Path
        From `analysis` or `load`; path of a TOML file; or name of a packaged specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    seed : int, optional
        Instead of the specification's.

    Returns
    -------
    SensitivityResult
        Studies by name.

    Raises
    ------
    SpecificationError, DataError, RefusedError
        As `check`.

    Examples
    --------
    ``bi.sensitivity("sensitivity/primary", "ihlrt_synthetic")`` takes minutes. Faults are told at
    once:

    >>> import bayes_ihlrt as bi
    >>> bi.sensitivity("sensitivity/primary", "ihlrt_synthetic", seed=-1)
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: sensitivity: 1 fault
      - seed: it is -1. Give a whole number, 0 or more.
    """
    return sensitivity_study(*_inputs("sensitivity", spec, data, seed))


def diagnose(fit: FitResult, *, observed_from: Mapping[str, float] | None = None) -> Diagnosis:
    """Check a fitted model: predictions, residuals, influence, other hazards.

    Parameters
    ----------
    fit : FitResult
        From `fit`.
    observed_from : mapping of str to float, optional
        Months at which each patient came under observation, by what the result calls patients,
        where the analysis counts follow-up from an earlier time.

    Returns
    -------
    Diagnosis
        A verdict for every check (flag, no flag, cannot tell) and what it rests on.

    Raises
    ------
    InputError
        It is no fit of one event.
    SpecificationError
        `observed_from` lacks patients, or holds a time that is not finite.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> bi.diagnose("primary")
    Traceback (most recent call last):
    bayes_ihlrt.errors.InputError: diagnose: 1 fault
      - the first argument: it is of type str. Give what `fit` returned for one event.
    """
    if not isinstance(fit, FitResult):
        raise _wrong(
            "diagnose", "the first argument", fit, "Give what `fit` returned for one event"
        )
    return model_checks.diagnose(fit, observed_from=observed_from)


def plan(
    source: TrialPlan | str | Path,
    *,
    trials: int = 10_000,
    seed: int | None = None,
    out: str | Path | None = None,
    scheduler: str | None = None,
    audit: int | None = None,
) -> TrialPlanResult:
    """Simulate a randomised trial: every design of a plan under every scenario.

    Parameters
    ----------
    source : TrialPlan, str or Path
        From `load`; path of a TOML file; or name of a packaged plan.
    trials : int
        Trials of each design, and of each value of a curve, under each scenario.
    seed : int, optional
        Instead of the plan's.
    out : str or Path, optional
        Folder in which finished trials are kept: given again, a killed run goes on where it was.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``"tcp://host:8786"``.
    audit : int, optional
        Fits redone by NUTS; 1 %, at least 20 and at most 200, by default.

    Returns
    -------
    TrialPlanResult
        Success, stopping, months and patients with Monte Carlo error.

    Raises
    ------
    SpecificationError
        With every fault of the plan.
    RefusedError
        The posterior of an analysis cannot be the truth of a trial.

    Examples
    --------
    ``bi.plan("fixed_os", trials=2_000)`` takes half a minute. Faults are told at once:

    >>> import bayes_ihlrt as bi
    >>> bi.plan("fixed_os", trials=1)
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: fixed-os: 1 fault
      - trials: it is 1. Give a whole number, 2 or more.
    """
    if isinstance(source, TrialPlan):
        found = source
    elif isinstance(source, str | Path):
        found = load_plan(source)
    else:
        raise _wrong("plan", "the first argument", source, "Give a plan, its path or its name")
    faults = [*_whole("trials", trials, 2), *_whole("seed", seed, 0), *_whole("audit", audit, 0)]
    if faults:
        raise SpecificationError(found.name, faults)
    if seed is not None:
        found = found.model_copy(update={"seed": int(seed)})
    place = None if out is None else Path(out)
    redone = None if audit is None else int(audit)
    return run_trial_plan(
        found, int(trials), out=place, scheduler=scheduler, audited=redone, progress=_silent
    )


def _inputs(
    verb: str, spec: object, data: CohortSource, seed: int | None
) -> tuple[AnalysisSpec, Cohort]:
    """Read what a verb was given, as its command does."""
    if not isinstance(spec, AnalysisSpec | str | Path):
        remedy = "Give what `analysis` returned, a TOML file, or the name of a packaged one"
        raise _wrong(verb, "the specification", spec, remedy)
    if faults := _whole("seed", seed, 0):
        raise SpecificationError(verb, faults)
    if isinstance(spec, str | Path) and isinstance(data, str | Path):
        # Faults of both files are told at once.
        found, cohort = read_inputs(spec, data)
        # Where the file lies is no part of an analysis.
        found = found.model_copy(update={"data": found.data.model_copy(update={"file": None})})
    else:
        found = spec if isinstance(spec, AnalysisSpec) else load_spec(spec)
        cohort = read_cohort(found, data)
        if faults := justification_faults(with_scales(found, cohort), cohort):
            raise RefusedError(found.name, faults)
    if seed is not None:
        sampler = found.sampler.model_copy(update={"seed": int(seed)})
        found = found.model_copy(update={"sampler": sampler})
    # Faults are told by now: results know patients by their numbers.
    return found, numbered(cohort)


def _whole(name: str, value: object, least: int) -> list[Fault]:
    """Tell what is no whole number, or too small."""
    # A whole number of NumPy is one; truth, which Python counts among them, is none.
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if value is None or (whole and value >= least):  # type: ignore[operator]
        return []
    return [Fault(name, f"it is {value!r}", f"Give a whole number, {least} or more")]


def _wrong(verb: str, what: str, value: object, remedy: str) -> InputError:
    return InputError(verb, [Fault(what, f"it is of type {type(value).__name__}", remedy)])


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total
