"""The posterior beside the data where the event lies between two scans.

Nobody knows when a patient stops being at risk between two scans. What the data leave open there is
filled in by the model: with y_ik the probability, given the scans of patient i, of still being at
risk in cell k of a fine grid, and c_ik that of an event in it, the observed curve is

    prod_k (1 - sum_i c_ik / sum_i y_ik),

Kaplan-Meier where times are known, and the model's own course within an interval, of which the data
say nothing. The model expects

    M_k = sum_i y_ik e^(eta_ik) [H0(b_k) - H0(b_(k-1))]

events. Counts drawn with these means are seen through scans too: each replicated event is put
between two scans of a patient whose scans enclose it (drawn by one over the probability of an event
between them, that long intervals are no more frequent than among scans), and spread there as the
observed ones are. Treatment, delayed entry and the end of follow-up are those of the data.
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
from bayes_ihlrt.estimands.turnbull import of_patients
from bayes_ihlrt.names import TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_CELLS: Final = 120
_LEAST: Final = 1e-12
_BAND: Final = (0.025, 0.5, 0.975)
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
    """Return predicted survival beside what was observed at scans.

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
        the latter being the observed curve with the model's course between scans; ``events`` and
        ``patients`` over stratum.
    """
    rows = fit.person_time
    _, left, right = of_patients(rows)
    edges = np.linspace(0.0, float(np.where(np.isfinite(right), right, left).max()), _CELLS + 1)
    work = _Cells(fit, edges)
    observed = _curve(work.found.sum(axis=0), work.at_risk)
    counts = _seen_through_scans(work, np.random.default_rng(seed))
    band = np.quantile(_curve(counts, work.at_risk), _BAND, axis=0)
    names = ("low", "middle", "high")
    return xr.Dataset(
        {name: (("stratum", TIME), band[[i]]) for i, name in enumerate(names)}
        | {
            "km": (("stratum", TIME), observed[None]),
            "events": ("stratum", [rows.events]),
            "patients": ("stratum", [len(rows.patients)]),
        },
        coords={TIME: edges, "stratum": ["all patients"]},
        attrs={"observed": "observed, between scans as the model has it"},
    )


class _Cells:
    """What is known of events and of who is at risk in the cells of a grid."""

    def __init__(self, fit: FittedModel, edges: Floats) -> None:
        rows, hazard = fit.person_time, fit.prepared.hazard
        values = thinned(values_of(fit))
        draws = len(next(iter(values.values())))
        eta = np.asarray(linear_predictor(by_rows(fit.prepared, rows), values))
        risk = np.exp(np.broadcast_to(eta, (draws, rows.n_rows)))
        theta = {name: values[name] for name in hazard.parameters}
        basis = hazard.increment_basis(np, edges[:-1], edges[1:])
        spent = np.broadcast_to(hazard.cumulative_hazard(np, basis, theta), (draws, len(edges) - 1))
        share = _shares(rows, edges)
        hazard_of = share * (risk.T @ spent / draws)
        between = np.asarray(rows.uncertain)
        index, patients = rows.patient_index, len(rows.patients)
        lived = np.zeros((patients, len(edges) - 1))
        np.add.at(lived, index[between], hazard_of[between])
        after = np.cumsum(lived, axis=1)
        total = after[:, -1]
        known = np.maximum(-np.expm1(-total), _LEAST)[:, None]
        passed = np.exp(-(after - lived)) - np.exp(-after)
        left = (np.exp(-(after - lived / 2.0)) - np.exp(-total)[:, None]) / known
        self.found = np.where((total > 0.0)[:, None], passed / known, 0.0)
        """Probability of each patient's event in each cell, given the scans; rows are 0 without."""
        exact = np.flatnonzero((column(rows, "event") == 1.0) & ~between)
        cell = np.searchsorted(edges, column(rows, "stop")[exact]) - 1
        self.found[index[exact], np.clip(cell, 0, len(edges) - 2)] = 1.0
        with_risk = share * np.where(between[:, None], left[index], 1.0)
        self.at_risk = np.asarray(with_risk.sum(axis=0))
        self.expected = (risk @ with_risk) * spent
        """Events of each draw in each cell, shape (draws, cells)."""
        own = np.flatnonzero(self.found.sum(axis=1) > 0.0)
        before = np.zeros((patients, len(edges) - 1))
        np.add.at(before, index, hazard_of)
        upto = np.cumsum(before, axis=1)
        chance = np.exp(-(upto - before)) - np.exp(-upto)
        self.found_in = self.found[own]
        mass = np.where(self.found_in > 0.0, chance[own], 0.0).sum(axis=1)
        self.weight = (self.found_in > 0.0) / np.maximum(mass, _LEAST)[:, None]
        """How often scans of a patient with the event stand for those around a cell."""


def _curve(counts: Floats, at_risk: Floats) -> Floats:
    """Survival at the edges from counts, shape (..., cells)."""
    fallen = np.clip(1.0 - counts / np.maximum(at_risk, 1e-9), 0.0, 1.0)
    curve = np.cumprod(fallen, axis=-1)
    return np.concatenate([np.ones((*curve.shape[:-1], 1)), curve], axis=-1)


def _seen_through_scans(work: _Cells, rng: np.random.Generator) -> Floats:
    """Counts replicated from the posterior, each spread between scans, shape (draws, cells)."""
    counts = rng.poisson(work.expected)
    spread = np.zeros(counts.shape)
    for cell in range(counts.shape[1]):
        weight, draw = work.weight[:, cell], np.repeat(np.arange(len(counts)), counts[:, cell])
        if not weight.any():
            spread[:, cell] += counts[:, cell]
            continue
        whose = rng.choice(len(weight), size=len(draw), p=weight / weight.sum())
        np.add.at(spread, draw, work.found_in[whose])
    return spread


def _shares(rows: PersonTime, edges: Floats) -> Floats:
    """Share of each cell that lies in each row, shape (rows, cells)."""
    start, stop = column(rows, "start")[:, None], column(rows, "stop")[:, None]
    inside = np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1])
    return np.asarray(np.maximum(inside, 0.0) / np.diff(edges))
