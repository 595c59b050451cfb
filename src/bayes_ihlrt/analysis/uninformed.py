"""What the data have to inform, and what they hold nothing about.

How many parameters there are, intervals of the baseline that are silent, and what is asked beyond
the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bayes_ihlrt.analysis.modifier import modifier_splines
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


@dataclass(frozen=True)
class Reach:
    """How far the data of an analysis reach; what is told beyond is the model's word.

    Parameters
    ----------
    last : float
        Month of the last follow-up.
    first : float
        Month of the earliest treated time; infinite where there is none.
    low, high : float
        Lowest and highest value of the modifier; infinite without one.
    """

    last: float
    first: float
    low: float
    high: float

    def holds(self, *, month: float | None, value: float | None, start: float | None) -> bool:
        """Whether the data reach to a month, a value of the modifier and a start of treatment.

        Parameters
        ----------
        month, value, start : float or None
            None where there is no such question.

        Returns
        -------
        bool
            False where one of them is extrapolated.
        """
        early = start is not None and start < self.first < np.inf
        late = month is not None and month > self.last
        return not (early or late) and (value is None or self.low <= value <= self.high)


def reach_of(spec: AnalysisSpec, rows: PersonTime) -> Reach:
    """Return how far the data of an analysis reach.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    Reach
        In months, and on the scale of the modifier's column.
    """
    first, low, high = np.inf, -np.inf, np.inf
    if spec.treatment is not None:
        treated = rows.columns[spec.treatment.name].astype(np.float64) == 1.0
        first = float(rows.columns["start"].astype(np.float64)[treated].min(initial=np.inf))
    if spec.modifier is not None:
        values = rows.columns[spec.modifier.column].astype(np.float64)
        low, high = float(values.min()), float(values.max())
    return Reach(float(rows.exit_time.max()), first, low, high)


def outside_notes(
    spec: AnalysisSpec,
    reach: Reach,
    *,
    months: Sequence[float],
    values: Sequence[float],
    start: float | None,
) -> list[str]:
    """Return which of what is asked lies outside the data, and what its answer rests on.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    reach : Reach
        Of its data.
    months : sequence of float
        Months at which something is told.
    values : sequence of float
        Values of the modifier.
    start : float or None
        Month from which treatment is given; None where that is no question.

    Returns
    -------
    list of str
        One sentence for months, one for the start, one for values, as far as there is cause.
    """
    notes = []
    if beyond := [f"{month:g}" for month in months if month > reach.last]:
        notes.append(
            f"Month {' and '.join(beyond)} lies beyond the last follow-up ({reach.last:.1f} "
            "months): what is said of it is extrapolated by the model."
        )
    if start is not None and start < reach.first < np.inf:
        notes.append(
            f"Treatment from month {start:g} is outside the data: nobody was treated before month "
            f"{reach.first:.3g}; the treated curve before then is extrapolated. Without "
            "`treat_from` treatment begins there."
        )
    outside = [f"{value:g}" for value in values if not reach.low <= value <= reach.high]
    if spec.modifier is not None and outside:
        source = (
            "comes from the prior of the spline, since nobody there informs it"
            if modifier_splines(spec)
            else "is extrapolated by the model"
        )
        notes.append(
            f"{spec.labels.of(spec.modifier.name)} {' and '.join(outside)} lies outside the values "
            f"of the cohort ({reach.low:g} to {reach.high:g}): what is said of it {source}."
        )
    return notes


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
