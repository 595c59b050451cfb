"""Check a fitted analysis, to see whether its model is to be believed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.fit import FitResult, versions
from bayes_ihlrt.analysis.notes import clock, numbered
from bayes_ihlrt.checks.examination import examine
from bayes_ihlrt.checks.result import ModelChecks
from bayes_ihlrt.cohort.load import load_cohort
from bayes_ihlrt.errors import OPTION, Fault, SpecificationError
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.spec.analysis import AnalysisSpec, file_data
from bayes_ihlrt.spec.external import refuse_external

type Stage = Callable[[str], None]


@short_repr("result", "checks.flagged")
@dataclass(frozen=True, eq=False)
class Diagnosis(Shown):
    """A fitted analysis with its checks.

    Parameters
    ----------
    result : FitResult
        What was checked.
    checks : ModelChecks
        Verdicts and the data of the figures.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")`` and one check by hand:

    >>> from bayes_ihlrt.checks.result import cannot_tell
    >>> verdict = cannot_tell("delayed entry", "Follow-up begins at time zero.")
    >>> found = Diagnosis(result, ModelChecks((verdict,), figures={}, loo=None, centres=None))
    >>> found.checks.flagged, found.to_dict()["converged"]
    ((), True)
    """

    result: FitResult
    checks: ModelChecks

    @property
    def figures(self) -> Mapping[str, xr.Dataset]:
        """Data of the figures by name: title, whether synthetic, where months count from."""
        title = self.result.spec.description or self.result.spec.name
        origin = clock(self.result.checked.person_time)
        about = {"title": title, "synthetic": self.result.synthetic, "clock": origin}
        return {name: data.assign_attrs(about) for name, data in self.checks.figures.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``checks.json``: what is not defined is None, never absent."""
        return {
            "schema": 1,
            "name": self.result.spec.name,
            "versions": versions(),
            "seed": self.result.spec.sampler.seed,
            "data_fingerprint": self.result.checked.cohort.fingerprint,
            "converged": self.result.converged,
            **self.checks.to_dict(),
        }


def diagnose(
    result: FitResult,
    *,
    observed_from: Mapping[str, float] | None = None,
    stage: Stage | None = None,
) -> Diagnosis:
    """Check a fitted analysis.

    Parameters
    ----------
    result : FitResult
        From `run_fit`.
    observed_from : mapping of str to float, optional
        Months at which each patient came under observation, by what the result calls patients,
        where the analysis counts follow-up from an earlier time: see `read_observed_from`.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    Diagnosis
        A verdict for every check (flag, no flag, cannot tell) and what it rests on.

    Raises
    ------
    RefusedError
        The result was fitted with external controls.
    SpecificationError
        `observed_from` lacks patients, or holds a time that is not finite.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``, ``diagnose(result)`` takes
    more than a minute, because other models are fitted; ``diagnose(result).checks.flagged`` names
    what is flagged. Times of observation are asked of every patient before anything is computed:

    >>> diagnose(result, observed_from={"1": 2.0})
    Traceback (most recent call last):
        ...
    bayes_ihlrt.errors.SpecificationError: ...
      - observed_from: no finite value for 79 of 80: 2, ... and 76 more. Give one ...
    """
    refuse_external(result.spec.name, result.spec.external, command="diagnose")
    patients = [str(name) for name in result.checked.person_time.patients]
    weights = None if result.propensity is None else result.propensity.row_weights
    checks = examine(
        result.fit,
        horizons=result.spec.estimands.horizons,
        row_weights=weights,
        observed_from=None
        if observed_from is None
        else np.array([observed_from.get(name, np.nan) for name in patients]),
        centre=result.spec.data.centre,
        patients=result.left_out,
        seed=result.spec.sampler.seed,
        stage=stage,
    )
    return Diagnosis(result, checks)


def read_observed_from(
    spec: AnalysisSpec,
    data: str | Path,
    column: str,
    *,
    identifiers: Identifiers = Identifiers.COHORT,
) -> dict[str, float]:
    """Read when each patient came under observation, from a column that the analysis ignores.

    Parameters
    ----------
    spec : AnalysisSpec
        An analysis that counts follow-up from time zero.
    data : str or Path
        Data file or name of a packaged data set.
    column : str
        Its column that holds the time, in the unit of the specification.
    identifiers : Identifiers
        As for the cohort that was fitted.

    Returns
    -------
    dict of str to float
        Months by patient, by number in the order of the file unless identifiers are kept.

    Raises
    ------
    SpecificationError
        The analysis names an entry, has rows with a start of their own, or its event lies between
        scans.
    DataError
        The column is missing or holds values that cannot be.
    """
    if spec.data.entry is not None or spec.data.start is not None:
        problem = "the specification says itself when each patient is under observation"
        remedy = "Leave it out: entry is honoured already"
        fault = Fault(OPTION, problem, remedy, option="observed_from")
        raise SpecificationError("[data]", [fault])
    if spec.data.interval is not None:
        problem = "the check that reads it compares events with expected events at their times"
        remedy = "Leave it out, and name the column as `entry` in [data]: entry is honoured then"
        fault = Fault(OPTION, problem, remedy, option="observed_from")
        raise SpecificationError("[data] event, between scans", [fault])
    own = file_data(spec.data, spec.treatment, spec.modifier)
    with_entry = own.model_copy(update={"entry": column})
    cohort = load_cohort(data, with_entry, None, covariates=(), identifiers=identifiers)
    columns = numbered(cohort).columns
    months = columns["start"].astype(np.float64).tolist()
    return {str(name): month for name, month in zip(columns["patient"], months, strict=True)}
