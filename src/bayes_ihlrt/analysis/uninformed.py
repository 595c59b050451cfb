"""Parameters of the baseline about which the data hold nothing."""

from itertools import pairwise

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.files.messages import enumerated
from bayes_ihlrt.spec.analysis import AnalysisSpec


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
