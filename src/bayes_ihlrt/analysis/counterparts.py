"""Every result line of the motivating study beside its Bayesian counterpart.

Tajiri et al. 2026 (doi 10.3390/cancers18061021): 80 patients under atezolizumab and bevacizumab, 20
of them with on-demand IHLRT. Its patients are not public; the counterparts are those of whatever
cohort is given, for example the synthetic one.
"""

import math
from typing import TYPE_CHECKING, Final

from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.patients import SAME_PRIOR, ProportionTable, TableOne
from bayes_ihlrt.analysis.prior_words import beside_prior
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.population import undefined_survival

if TYPE_CHECKING:
    import pandas as pd


type Line = tuple[str, str, str, str]

_PUBLISHED: Final = {
    "baseline": "comparable",
    "Initial response": "better with IHLRT",
    "Best response": "better with IHLRT",
    "Adverse events": "comparable",
    "progression-free": "PFS 16.2 and 8.4 months, p = 0.019",
    "overall": "medians of overall survival: not known to us",
    "ihlrt": "1 / HR 1.62, p = 0.03",
    "response": "1 / HR 3.13, p < 0.01",
    "albi": "1 / HR 2.17 (hepatic reserve), p = 0.02",
    "nlr": "1 / HR 0.58 (high NLR), p = 0.03",
    "interaction": "IHLRT appeared to mitigate a high NLR",
}
_TERMS: Final = ("ihlrt", "response", "albi", "nlr")


def published_counterparts(
    baseline: TableOne,
    outcomes: tuple[ProportionTable, ...],
    *,
    os: FitResult,
    pfs: FitResult,
    survival: FitResult,
) -> "pd.DataFrame":
    """Return the lines of the published study and what a cohort says in their place.

    Parameters
    ----------
    baseline : TableOne
        Patients at time zero.
    outcomes : tuple of ProportionTable
        Response, initial and best, and adverse events.
    os : FitResult
        Overall survival with response as a covariate that changes: ``published_os``.
    pfs : FitResult
        Progression-free survival: ``published_pfs``.
    survival : FitResult
        Overall survival for its medians: ``primary``. Where response changes during follow-up there
        is no survival curve, because nobody knows who would respond: `os` has none.

    Returns
    -------
    DataFrame
        Columns ``line``, ``published``, ``here`` and ``how``, one row a line.

    Raises
    ------
    SpecificationError
        The analysis of overall survival lacks a term, or one of the other two has no medians;
        every fault is listed.

    Examples
    --------
    The lines come from ``published_counterparts(baseline, outcomes, os=os, pfs=pfs,
    survival=survival)`` with ``os = run_fit(load_spec("published_os"), "ihlrt_synthetic")``,
    ``pfs`` of ``published_pfs`` and ``survival`` of ``primary``. An analysis whose formula lacks a
    factor of the study, such as ``result`` of ``primary``, has no line to set beside it and is
    refused:

    >>> from bayes_ihlrt.analysis.patients import table_one
    >>> baseline = table_one(result.checked.cohort, "ihlrt", covariates=["nlr", "albi"])
    >>> published_counterparts(baseline, (), os=result, pfs=result, survival=result)
    Traceback (most recent call last):
        ...
    bayes_ihlrt.errors.SpecificationError: ...'os-weibull-ihlrt-nlr' has no response...
    """
    import pandas as pd

    faults = [*_missing_terms(os), *_missing_medians(pfs=pfs, survival=survival)]
    if faults:
        raise SpecificationError("published counterparts", faults)
    lines = [_baseline(baseline)]
    lines += [line for table in outcomes for line in _proportions(table)]
    lines += [*_medians(pfs, "progression-free"), *_medians(survival, "overall")]
    lines += [*(_ratio(os, name) for name in _TERMS), *_interaction(os)]
    return pd.DataFrame(lines, columns=["line", "published", "here", "how"])


def _baseline(table: TableOne) -> Line:
    here = f"largest SMD {table.largest_smd:.2f} (below 0.1 is balanced)"
    return "Patients at baseline", _PUBLISHED["baseline"], here, table.note


def _proportions(table: ProportionTable) -> list[Line]:
    lines = []
    for row in table.rows:
        gap = {name: 100.0 * value for name, value in row.difference.items()}
        one, zero = (100.0 * share for share in row.counts.shares)
        here = (
            f"{one:.0f} % and {zero:.0f} %; difference {gap['median']:.0f} points (95 % "
            f"{gap['q2.5']:.0f} to {gap['q97.5']:.0f})"
        )
        told = None
        if row.prob_higher is not None:
            chance = beside_prior(f"{row.prob_higher:.2f}", SAME_PRIOR)
            told = f"P(higher if treated) {chance}"
        here = "; ".join(part for part in (here, told, row.note) if part)
        lines.append((f"{table.title}: {row.name}", _PUBLISHED[table.title], here, table.note))
    return lines


def _missing_terms(os: FitResult) -> list[Fault]:
    missing = [name for name in _TERMS if name not in os.parameters]
    if not missing:
        return []
    problem = f"the formula of '{os.spec.name}' has no {', '.join(missing)}"
    return [Fault("os", problem, "Fit the specification `published_os`")]


def _missing_medians(**results: FitResult) -> list[Fault]:
    remedy = "Fit an analysis without covariates that change after treatment starts"
    return [
        Fault(name, f"'{result.spec.name}' gives no median survival", remedy)
        for name, result in results.items()
        if not _median_rows(result) or undefined_survival(result.fit)
    ]


def _median_rows(result: FitResult) -> list[Estimate]:
    return [e for e in result.estimates if (e.estimand, e.at) == ("median_survival", None)]


def _medians(result: FitResult, kind: str) -> list[Line]:
    how = "the same patients under both strategies; time before treatment counts as untreated"
    return [
        (
            f"Median {kind} survival, {found.strategy or found.contrast}",
            _PUBLISHED[kind],
            _months(found.summary),
            how,
        )
        for found in _median_rows(result)
    ]


def _months(summary: dict[str, float | None]) -> str:
    middle, low, high = (
        "not reached" if summary[name] is None else f"{summary[name]:.1f}"
        for name in ("median", "q2.5", "q97.5")
    )
    return f"{middle} months (95 % {low} to {high})"


def _ratio(result: FitResult, name: str) -> Line:
    row = result.parameters[name]
    middle, low, high = (
        math.exp(value) if value is not None else math.nan
        for value in (row["median"], row["q2.5"], row["q97.5"])
    )
    here = (
        f"HR {middle:.2f} (95 % {low:.2f} to {high:.2f}); 1 / HR {1 / middle:.2f} "
        f"({1 / high:.2f} to {1 / low:.2f})"
    )
    how = "all factors together; treatment and response count from the month they begin"
    return f"Overall survival: {name}", _PUBLISHED[name], here, how


def _interaction(result: FitResult) -> list[Line]:
    if result.interaction is None:
        return []
    return [
        (
            f"Interaction: {each.words}",
            _PUBLISHED["interaction"],
            f"probability {_chance(each.posterior)}",
            f"prior probability {_chance(each.prior)}",
        )
        for each in result.interaction.statements
    ]


def _chance(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
