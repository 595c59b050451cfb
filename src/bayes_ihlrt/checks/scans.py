"""The posterior beside the data where the event lies between two scans.

Nobody knows when a patient stops being at risk between two scans. The estimate without a model
(Turnbull) says how likely each moment is: with y_ik the probability, given what was seen of patient
i, that he or she was still at risk in cell k of a fine grid, the model expects

    M_k = sum_i y_ik e^(eta_ik) [H0(b_k) - H0(b_(k-1))]

events there, and prod_k (1 - d_k / sum_i y_ik) of counts d_k drawn with these means is the curve to
be compared with Turnbull's. Treatment, delayed entry and the end of follow-up are those of the
data. Counts vary as if the cell of each event were known, so that bands are a little too narrow
where scans are far apart.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.calibration.simulate import linear_predictor
from bayes_ihlrt.checks.result import Verdict, cannot_tell
from bayes_ihlrt.checks.risk_sets import thinned
from bayes_ihlrt.checks.terms import by_rows, column, values_of
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.turnbull import of_patients, turnbull
from bayes_ihlrt.names import TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_CELLS: Final = 120
_BAND: Final = (0.025, 0.5, 0.975)
TURNBULL: Final = "Turnbull"
_REASON: Final = (
    "It compares events with expected events at the times at which they happened, which are not "
    "known between scans. Fit the event at the scan that found it to see the check, with events "
    "late by up to the time between scans."
)
_OF_TIMES: Final = (
    *("survival", "hazard", "proportional hazards", "covariates over time", "interaction"),
    *("linearity", "residuals", "delayed entry"),
)


def untold(*checks: str) -> list[Verdict]:
    """Return that checks cannot tell without the times of events.

    Parameters
    ----------
    *checks : str
        Names of checks; by default those of events against expected events.

    Returns
    -------
    list of Verdict
        One each.

    Examples
    --------
    >>> [verdict.status.value for verdict in untold("calibration")]
    ['cannot tell']
    """
    return [cannot_tell(check, _REASON) for check in checks or _OF_TIMES]


def scan_check(fit: FittedModel, *, seed: int) -> xr.Dataset:
    """Return predicted survival beside Turnbull's estimate.

    Parameters
    ----------
    fit : FittedModel
        The posterior of an event between scans.
    seed : int
        Seed of the replicated counts.

    Returns
    -------
    xarray.Dataset
        As `survival_check`, of all patients: ``low, middle, high`` and ``km`` over (stratum, time),
        the latter being Turnbull's estimate; ``events`` and ``patients`` over stratum.
    """
    rows = fit.person_time
    entry, left, right = of_patients(rows)
    end = float(np.where(np.isfinite(right), right, left).max())
    edges = np.linspace(0.0, end, _CELLS + 1)
    observed = turnbull(entry, left, right)
    at_risk = _at_risk(edges, (entry, left, right), observed)
    curves = _replicated(fit, edges, at_risk, np.random.default_rng(seed))
    band = np.quantile(curves, _BAND, axis=0)
    known = edges <= float(observed[TIME].max())
    km = np.interp(edges, observed[TIME].to_numpy(), observed["survival"].to_numpy())
    names = ("low", "middle", "high")
    return xr.Dataset(
        {name: (("stratum", TIME), band[[i]]) for i, name in enumerate(names)}
        | {
            "km": (("stratum", TIME), np.where(known, km, np.nan)[None]),
            "events": ("stratum", [rows.events]),
            "patients": ("stratum", [len(rows.patients)]),
        },
        coords={TIME: edges, "stratum": ["all patients"]},
        attrs={"observed": TURNBULL},
    )


def _at_risk(edges: Floats, seen: tuple[Floats, Floats, Floats], observed: xr.Dataset) -> Floats:
    """Probability that each patient is at risk in the middle of each cell, given what was seen."""
    entry, left, right = (each[:, None] for each in seen)
    alive, times = observed["survival"].to_numpy(), observed[TIME].to_numpy()
    middle = (edges[1:] + edges[:-1]) / 2.0

    def curve(at: Floats) -> Floats:
        return np.asarray(np.interp(at, times, alive), dtype=np.float64)

    until = np.where(np.isfinite(right), right, left)
    spread = np.maximum(curve(left) - curve(until), 1e-300)
    within = np.clip((curve(middle[None]) - curve(until)) / spread, 0.0, 1.0)
    found = np.where(middle <= left, 1.0, np.where(middle <= until, within, 0.0))
    return np.where(middle > entry, found, 0.0)


def _replicated(
    fit: FittedModel, edges: Floats, at_risk: Floats, rng: np.random.Generator
) -> Floats:
    """Replicated survival at the edges, shape (draws, edges)."""
    rows, hazard = fit.person_time, fit.prepared.hazard
    values = thinned(values_of(fit))
    draws = len(next(iter(values.values())))
    eta = np.asarray(linear_predictor(by_rows(fit.prepared, rows), values))
    share = _shares(rows, edges) * at_risk[rows.patient_index]
    expected = np.exp(np.broadcast_to(eta, (draws, rows.n_rows))) @ share
    theta = {name: values[name] for name in hazard.parameters}
    spent = hazard.cumulative_hazard(np, hazard.increment_basis(np, edges[:-1], edges[1:]), theta)
    counts = rng.poisson(expected * spent) / np.maximum(share.sum(axis=0), 1e-9)
    curve = np.cumprod(np.clip(1.0 - counts, 0.0, 1.0), axis=1)
    return np.concatenate([np.ones((draws, 1)), curve], axis=1)


def _shares(rows: PersonTime, edges: Floats) -> Floats:
    """Share of each cell that lies in each row, shape (rows, cells)."""
    start, stop = column(rows, "start")[:, None], column(rows, "stop")[:, None]
    inside = np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1])
    return np.asarray(np.maximum(inside, 0.0) / np.diff(edges))
