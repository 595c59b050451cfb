"""The pipe of competing causes: one posterior a cause, estimands of all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.cause_estimates import CauseEstimate, Trade, cause_estimates, trades
from bayes_ihlrt.analysis.causes import CheckedCauses, check_causes, merged
from bayes_ihlrt.analysis.check import CheckedAnalysis, CohortSource
from bayes_ihlrt.analysis.fit import FitResult, Stage, fit_checked, run_checked, versions
from bayes_ihlrt.analysis.flexible_baseline import baseline_notes, compare_baselines
from bayes_ihlrt.analysis.notes import FIRST, data_summary
from bayes_ihlrt.analysis.parameters import parameter_table
from bayes_ihlrt.analysis.prior import prior_conflict, prior_draws, prior_fit
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.cohort.read import warn_if_sparse
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.plain import Shown, json_text, short_repr
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import draws_name, naming
from bayes_ihlrt.spec.analysis import AnalysisSpec

_EVERY: Final = 4
"""Of so many draws of the prior one is used for probabilities before the data."""


@short_repr("spec", "checked.person_time", "draws_name", "converged")
@dataclass(frozen=True)
class CausesResult(Shown):
    """A fitted analysis of competing causes.

    Parameters
    ----------
    checked : CheckedCauses
        Specification, cohort, person-time, and the analysis of each cause.
    fits : mapping of str to FittedModel
        The posterior of each cause; draw s of the whole is draw s of each.
    priors : mapping of str to Dataset
        Draws of the priors of each cause.
    parameters : mapping of str to dict
        Summary and diagnostics of each cause's parameters; coefficients are log hazard ratios.
    estimates : tuple of CauseEstimate
        Survival and months of all causes, incidence and months lost by cause, hazard ratios.
    trades : tuple of Trade
        Whether treatment exchanges deaths of one cause for those of another.
    told : tuple of str
        What was found beside the estimates: priors and data that disagree, other baselines.

    Examples
    --------
    `fit` returns one where the event of the specification names its causes; see `run_causes`:

    >>> issubclass(CausesResult, Shown)
    True
    """

    checked: CheckedCauses
    fits: Mapping[str, FittedModel]
    priors: Mapping[str, xr.Dataset]
    parameters: Mapping[str, dict[str, dict[str, float | None]]]
    estimates: tuple[CauseEstimate, ...]
    trades: tuple[Trade, ...]
    told: tuple[str, ...] = ()

    @property
    def spec(self) -> AnalysisSpec:
        """The specification."""
        return self.checked.spec

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated."""
        return bool(self.checked.cohort.attrs.get("synthetic", False))

    @property
    def converged(self) -> bool:
        """Whether the draws of every cause can be trusted."""
        return not any(fit.convergence.failures for fit in self.fits.values())

    @property
    def engine(self) -> str:
        """What drew the posteriors."""
        return next(iter(self.fits.values())).convergence.engine

    @property
    def draws_name(self) -> str:
        """What the draws are: ``"posterior"``."""
        return draws_name(self.engine)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know, most important first."""
        quality = tuple(
            f"{name}: {fit.convergence.note}."
            for name, fit in self.fits.items()
            if fit.convergence.note is not None
        )
        label = tuple(note for note in self.checked.notes if note.startswith(FIRST))
        rest = tuple(note for note in self.checked.notes if not note.startswith(FIRST))
        return (*label, *quality, *self.told, *rest)

    @cached_property
    def tree(self) -> xr.DataTree:
        """Draws of every cause, one group each, with where they came from in the attributes."""
        parts = {}
        for name, fit in self.fits.items():
            for group in fit.tree.groups[1:]:
                parts[f"/{name}{group}"] = fit.tree[group].to_dataset()
            parts[f"/{name}/prior"] = self.priors[name]
        tree = xr.DataTree.from_dict(parts)
        summary = data_summary(self.checked.cohort, self.checked.person_time)
        tree.attrs = {
            "specification": json_text(self.spec.to_dict(), indent=None),
            "versions": json_text(versions(), indent=None),
            "seed": self.spec.sampler.seed,
            "engine": self.engine,
            "causes": ", ".join(self.fits),
            "data": json_text(summary, indent=None),
            "data_fingerprint": self.checked.cohort.fingerprint,
            "synthetic": int(self.synthetic),
        }
        return tree

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``: what is not defined is None, never absent."""
        provenance = self.checked.person_time.provenance
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.checked.cohort, self.checked.person_time),
            "design": {
                "name": provenance.design.value,
                "immortal_months": provenance.immortal_months,
            },
            "causes": [self._cause(name) for name in self.fits],
            "estimands": [each.to_dict() for each in self.estimates],
            "trades": [each.to_dict() for each in self.trades],
            "draws": naming(self.engine),
            "converged": self.converged,
            "notes": list(self.notes),
        }

    def _cause(self, name: str) -> dict[str, Any]:
        part, quality = self.checked.parts[name], self.fits[name].convergence
        outcome = part.spec.outcome
        return {
            "cause": name,
            "events": self.checked.events[name],
            "formula": outcome.formula,
            "group": outcome.group,
            "hazard": outcome.hazard.family,
            "priors": prior_sentence(part.spec, part.priors, part.worths),
            "parameters": self.parameters[name],
            "diagnostics": {
                **quality.numbers,
                "converged": not quality.failures,
                "failures": list(quality.failures),
            },
        }


def run_causes(
    spec: AnalysisSpec,
    data: CohortSource,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> CausesResult:
    """Fit an analysis of competing causes and read its estimands from the posteriors.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification, whose event names its causes.
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
    CausesResult
        Posteriors, parameters, estimands, diagnostics.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        Specification and data do not fit together.
    ConvergenceError
        The draws of a cause are not to be trusted.

    Warns
    -----
    SparseEventsWarning
        There are fewer events of a cause than parameters.

    Examples
    --------
    Months lost to each cause of 40 patients, of whom 20 die of the first and 10 of the second:

    >>> from bayes_ihlrt.spec.read import parse_spec
    >>> spec = parse_spec('''
    ... schema = 2
    ... name = "causes"
    ... [data]
    ... patient = "id"
    ... time = "months"
    ... event = { column = "cause", values = { a = 1, b = 2 } }
    ... [outcome]
    ... formula = ""
    ... hazard = { family = "exponential" }
    ... [sampler]
    ... engine = "laplace"
    ... draws = 200
    ... [estimands]
    ... horizons = [12.0]
    ... ''')
    >>> months = [float(month) for month in range(1, 41)]
    >>> frame = {"id": list(range(40)), "months": months, "cause": [1, 2, 1, 0] * 10}
    >>> result = run_causes(spec, frame)
    >>> lost = [each for each in result.estimates if each.estimate.estimand == "months_lost"]
    >>> [each.cause for each in lost], lost[0].estimate.summary["mean"] > 1.0
    (['a', 'b'], True)
    """
    return run_checked_causes(
        check_causes(spec, data),
        allow_nonconverged=allow_nonconverged,
        progress=progress,
        stage=stage,
    )


def run_checked_causes(
    checked: CheckedCauses,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> CausesResult:
    """Fit a checked analysis of competing causes.

    Parameters
    ----------
    checked : CheckedCauses
        From `check_causes`.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising; the result says so.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    CausesResult
        Posteriors, parameters, estimands, diagnostics.

    Raises
    ------
    ConvergenceError
        The draws of a cause are not to be trusted; every such cause is told.

    Warns
    -----
    SparseEventsWarning
        There are fewer events of a cause than parameters.
    """
    tell = stage or _silent
    fits, failed = {}, {}
    for name, part in checked.parts.items():
        warn_if_sparse(part.person_time.events, part.n_parameters)
        try:
            fits[name] = fit_checked(
                part,
                allow_nonconverged=allow_nonconverged,
                progress=progress,
                stage=partial(_tell_of, tell, name),
            ).fit
        except ConvergenceError as error:
            failed[name] = error
    if failed:
        found = [f"hazard of '{name}': {error.problem}" for name, error in failed.items()]
        first = next(iter(failed.values()))
        raise ConvergenceError("; ".join(found), first.remedy) from first
    return _summarised(checked, MappingProxyType(fits), tell)


def run_either(
    checked: CheckedAnalysis | CheckedCauses,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
    stage: Stage | None = None,
) -> FitResult | CausesResult:
    """Fit a checked analysis, of one event or of competing causes.

    Parameters
    ----------
    checked : CheckedAnalysis or CheckedCauses
        From `check_analysis` or `check_causes`.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising; the result says so.
    progress : bool
        Show the sampler's progress bar.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    FitResult or CausesResult
        As `run_checked` or `run_checked_causes`.

    Raises
    ------
    ConvergenceError
        Draws are not to be trusted.
    """
    allow = allow_nonconverged
    if isinstance(checked, CheckedCauses):
        return run_checked_causes(checked, allow_nonconverged=allow, progress=progress, stage=stage)
    return run_checked(checked, allow_nonconverged=allow, progress=progress, stage=stage)


def _summarised(
    checked: CheckedCauses, fits: Mapping[str, FittedModel], tell: Stage
) -> CausesResult:
    spec = checked.spec
    tell("averaging over patients")
    priors, before = {}, {}
    for name, fit in fits.items():
        seed = checked.parts[name].spec.sampler.seed
        priors[name] = prior_draws(fit.prepared, seed=seed)
        few = priors[name].isel(draw=slice(None, None, _EVERY))
        before[name] = prior_fit(fit, few, seed=seed)
    # Draws of a wide prior spend infinite hazard: nobody is alive, and that is the right answer.
    with np.errstate(over="ignore"):
        parts = {name: part.spec for name, part in checked.parts.items()}
        estimates, months = cause_estimates(fits, before, spec, parts)
        tell("comparing with the priors and a flexible baseline")
        told = {name: _told(checked, name, fits[name], before[name]) for name in fits}
    return CausesResult(
        checked=checked,
        fits=fits,
        priors=MappingProxyType(priors),
        parameters={name: parameter_table(fit) for name, fit in fits.items()},
        estimates=estimates,
        trades=trades(months, spec),
        told=merged(told),
    )


def _told(
    checked: CheckedCauses, name: str, fit: FittedModel, before: FittedModel
) -> tuple[str, ...]:
    """What one cause's hazard alone is to be known for."""
    part = checked.parts[name]
    treatment = None if part.spec.treatment is None else part.spec.treatment.name
    conflict = prior_conflict(before, part.person_time, treatment)
    own = () if conflict is None else (conflict,)
    if treatment not in part.spec.outcome.parsed.columns:
        return own
    return (*baseline_notes(compare_baselines(fit, part.spec)), *own)


def _tell_of(tell: Stage, name: str, what: str) -> None:
    tell(f"{name}: {what}")


def _silent(_: str) -> None:
    return None
