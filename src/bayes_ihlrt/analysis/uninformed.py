"""What the data have to inform: how many parameters, and those about which they hold nothing."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.files.messages import enumerated
from bayes_ihlrt.hazards.smoothing import automatic_cuts
from bayes_ihlrt.model.smoothing import event_times
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.formula import Term
from bayes_ihlrt.spec.parameters import ResolvedPrior


def silent_intervals(spec: AnalysisSpec, rows: PersonTime) -> list[str]:
    """Return which intervals of a piecewise hazard with stated cuts have no time or no event.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification; cuts that it leaves to the data lie between events.
    rows : PersonTime
        Rows of the design.

    Returns
    -------
    list of str
        One sentence for intervals without person-time, one for those without events.
    """
    cuts = spec.outcome.hazard.cuts
    if not cuts:
        return []
    start, stop, event = (
        rows.columns[name].astype(np.float64) for name in ("start", "stop", "event")
    )
    died = stop[event == 1.0]
    months: list[str] = []
    events: list[str] = []
    for low, high in pairwise((0.0, *cuts, np.inf)):
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} on"
        spent = float(np.maximum(np.minimum(stop, high) - np.maximum(start, low), 0.0).sum())
        if spent == 0.0:
            months.append(name)
        elif not ((died > low) & (died <= high)).any():
            events.append(f"{name} ({spent:,.1f} person-months)")
    told = []
    if months:
        told.append(
            f"NOBODY IS FOLLOWED in months {enumerated(months, len(months))}: the hazard there is "
            "the prior's. Leave out cuts beyond the data."
        )
    if events:
        told.append(
            f"NO EVENT in months {enumerated(events, len(events))}: how low the hazard is there "
            "the prior decides. Widen the interval, or leave `cuts` out: they are placed between "
            "events then."
        )
    return told


def count_parameters(
    spec: AnalysisSpec, rows: PersonTime, priors: Mapping[str, ResolvedPrior]
) -> int:
    """Return the number of parameters that the data have to inform.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows with the covariates, for the number of categories.
    priors : mapping of str to ResolvedPrior
        One for each term and parameter.

    Returns
    -------
    int
        Coefficients, baseline and scales; group effects are counted by their scale only, and
        a spline with an unstated number of columns as one.

    Raises
    ------
    SpecificationError
        There are too few event times to place the cuts of a piecewise hazard.
    """
    formula = spec.outcome.parsed
    beside = [name for name in priors if name not in formula.term_names]
    hazard = spec.outcome.hazard
    intervals = 0
    if hazard.family == "piecewise":
        times, events = event_times(rows)
        intervals = len(hazard.cuts or automatic_cuts(times, events=events))
    return len(beside) + intervals + sum(_columns_of(term, rows) for term in formula.terms)


def _columns_of(term: Term, rows: PersonTime) -> int:
    count = 1
    for factor in term:
        name = factor.removeprefix("C(").removesuffix(")")
        if name.isidentifier() and name in rows.columns:
            values = rows.columns[name]
            categories = factor != name or values.dtype == object
            count *= len(set(values.tolist())) - 1 if categories else 1
    return count
