"""What the figure of competing causes shows, as a dataset: model, Aalen-Johansen, the naive."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.cause_estimates import cause_weights
from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.estimates import strategies
from bayes_ihlrt.analysis.figures import treatment_states
from bayes_ihlrt.analysis.notes import clock
from bayes_ihlrt.estimands.causes import cause_populations, cumulative_incidence
from bayes_ihlrt.estimands.contrasts import summarise
from bayes_ihlrt.estimands.product_limit import aalen_johansen, kaplan_meier
from bayes_ihlrt.names import CAUSE, TIME

Floats = NDArray[np.float64]
_TIMES: Final = 49


def cause_figure_data(result: CausesResult) -> dict[str, xr.Dataset]:
    """Return the data of every figure of competing causes.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    dict of str to xarray.Dataset
        ``incidence``; attributes tell the title and whether the data are synthetic.
    """
    title = "Cumulative incidence by cause"
    about = {"title": title, "synthetic": result.synthetic, "draws": result.draws_name}
    return {"incidence": incidence_data(result).assign_attrs(about)}


def incidence_data(result: CausesResult) -> xr.Dataset:
    """Return cumulative incidence by cause, as modelled and as counted.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5`` over (strategy, event_cause, time); ``counted`` (Aalen-Johansen)
        and ``naive`` (one minus Kaplan-Meier, other causes censored) over (state, event_cause,
        step) at ``step_time`` over (state, step), NaN beyond the last. Time in months since the
        attribute ``clock``.
    """
    rows = result.checked.person_time
    times = np.linspace(0.0, float(rows.exit_time.max()), _TIMES)
    weights = cause_weights(result.fits, result.spec)
    people = next(cause_populations(result.fits, weights=weights))
    compared = strategies(result.spec)
    found = cumulative_incidence(result.fits, times[1:], compared, populations=people)
    summary = summarise(found["incidence"])[["median", "q2.5", "q97.5"]]
    # At time zero nobody has died, in every draw.
    summary = summary.reindex({TIME: times}, fill_value=0.0)
    states = treatment_states(result.spec, rows)
    steps, counted, naive = [], [], []
    for mask in states.values():
        at, told = _counted(result, mask)
        steps.append(at)
        counted.append(told[0])
        naive.append(told[1])
    longest = max(len(at) for at in steps)
    padded = {
        "step_time": (("state", "step"), _padded(steps, longest)),
        "counted": (("state", CAUSE, "step"), _padded(counted, longest)),
        "naive": (("state", CAUSE, "step"), _padded(naive, longest)),
    }
    return summary.assign(padded).assign_coords(state=list(states)).assign_attrs(clock=clock(rows))


def _counted(result: CausesResult, mask: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Event times of one state, with Aalen-Johansen and the naive of each cause at them."""
    rows = result.checked.person_time.columns
    start, stop = (rows[name][mask].astype(np.float64) for name in ("start", "stop"))
    parts = [part.person_time.columns["event"][mask] for part in result.checked.parts.values()]
    own = [part.astype(np.float64) for part in parts]
    cause = np.asarray(sum(n * part for n, part in enumerate(own, start=1)), dtype=np.intp)
    curve = aalen_johansen(start, stop, cause)
    first, last = (start.min(), stop.max()) if len(start) else (np.nan, np.nan)
    at = np.array([first, *curve[TIME].to_numpy()[1:], last])
    # A cause of which nobody of this state died has no number in the estimate.
    incidence = curve["incidence"].reindex({CAUSE: range(1, len(own) + 1)}, fill_value=0.0)
    alone = [kaplan_meier(start, stop, part) for part in own]
    naive = [
        1.0 - part["survival"].sel({TIME: curve[TIME]}, method="ffill").to_numpy() for part in alone
    ]
    told = np.stack([incidence.to_numpy(), np.stack(naive)])
    return at, np.concatenate([told, told[..., -1:]], axis=-1)


def _padded(parts: list[Floats], length: int) -> Floats:
    short = [length - part.shape[-1] for part in parts]
    return np.array(
        [
            np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, more)], constant_values=np.nan)
            for part, more in zip(parts, short, strict=True)
        ]
    )
