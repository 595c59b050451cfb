"""Figures of what is predicted for patients left out: influence, comparison, calibration."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.frame import BRIGHT, DARK, GREY, framed_figure

_GOOD_K: Final = 0.7
_NAMED: Final = 3
_MARKERS: Final = ("o", "s", "^", "D")


def plot_influence(data: xr.Dataset) -> Figure:
    """Draw Pareto k of each patient, and how far the treatment's effect moves without the patient.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.examine`.

    Returns
    -------
    matplotlib.figure.Figure
        Patients in the order of the data; the three largest are named.
    """
    shifts = bool(np.isfinite(data["shift"]).any())
    figure = framed_figure(data, width=7.0, height=4.6 if shifts else 3.2)
    grid = figure.subplots(1 + shifts, 1, squeeze=False, sharex=True)[:, 0]
    place, k = np.arange(data.sizes["patient"]), data["k_hat"].to_numpy()
    bad = k > _GOOD_K
    grid[0].plot(place[~bad], k[~bad], ".", color=DARK)
    grid[0].plot(place[bad], k[bad], "x", color=BRIGHT, label="above 0.7")
    grid[0].axhline(_GOOD_K, color=GREY, linestyle="dashed", linewidth=0.8)
    grid[0].set_ylabel("Pareto k")
    values = [k]
    if shifts:
        shift = data["shift"].to_numpy()
        grid[1].vlines(place, 0.0, shift, color=DARK, linewidth=1.0)
        grid[1].axhline(0.0, color=GREY, linewidth=0.8)
        grid[1].set_ylabel("Change of the log hazard\nratio of treatment (SD)")
        values.append(np.abs(np.nan_to_num(shift)))
    for axes, found, shown in zip(grid, values, (k, data["shift"].to_numpy()), strict=False):
        for i in np.argsort(-found)[:_NAMED]:
            label = str(data["patient"].to_numpy()[i])
            axes.annotate(label, (i, shown[i]), (3, 3), textcoords="offset points", fontsize=7)
        axes.margins(y=0.2)
    grid[-1].set_xlabel("Patient, in the order of the data")
    return figure


def plot_hazard_families(data: xr.Dataset) -> Figure:
    """Draw how much better or worse other baseline hazards predict patients left out.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.families.compare_hazards`.

    Returns
    -------
    matplotlib.figure.Figure
        Difference of elpd from the model with two standard errors; stacking weights at the right.
    """
    figure = framed_figure(data, width=7.4, height=1.4 + 0.42 * data.sizes["family"])
    axes = figure.subplots()
    place = np.arange(data.sizes["family"])[::-1]
    difference, se = data["difference"].to_numpy(), data["difference_se"].to_numpy()
    axes.hlines(place, difference - 2.0 * se, difference + 2.0 * se, color=DARK)
    axes.plot(difference, place, "o", color=DARK)
    axes.axvline(0.0, color=GREY, linewidth=0.8, linestyle="dashed")
    names = [str(name) for name in data["family"].to_numpy()]
    axes.set_yticks(place, [f"{names[0]} (the model)", *names[1:]], fontsize=8)
    for y, weight in zip(place, data["weight"].to_numpy(), strict=True):
        axes.annotate(
            f"{weight:.2f}", (1.02, y), xycoords=("axes fraction", "data"), fontsize=8, va="center"
        )
    axes.annotate(
        "stacking weight",
        (1.02, len(place) - 0.45),
        xycoords=("axes fraction", "data"),
        fontsize=8,
        color=GREY,
    )
    axes.set_ylim(-0.6, len(place) - 0.4)
    axes.set_xlabel("elpd less that of the model, two standard errors (right: predicts better)")
    return figure


def plot_risk_calibration(data: xr.Dataset) -> Figure:
    """Draw observed over predicted survival of unseen patients, by group of predicted risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.cross_validation.calibration_data`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a horizon, with the AUC and the Brier score.
    """
    count = data.sizes["horizon"]
    figure = framed_figure(data, width=3.6 * count + 0.6, height=4.2)
    grid = figure.subplots(1, count, squeeze=False, sharey=True)[0]
    for i, axes in enumerate(grid):
        part = data.isel(horizon=i)
        axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linestyle="dashed", linewidth=0.8)
        axes.vlines(part["predicted"], part["low"], part["high"], color=DARK, linewidth=1.2)
        marker = _MARKERS[i % len(_MARKERS)]
        axes.plot(part["predicted"], part["observed"], marker, color=DARK)
        told = f"AUC {float(part['auc']):.2f}, Brier {float(part['brier']):.3f}"
        null = f"({float(part['brier_null']):.3f} without covariates)"
        short = int(part["observed"].isnull().sum())
        missing = f"; {short} group(s) not followed so long" if short else ""
        month = f"{float(part['horizon']):g} months after entry{missing}"
        axes.set_title(f"{month}\n{told}\n{null}", fontsize=8)
        axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0), aspect="equal")
    figure.supxlabel("Predicted survival, mean of the group", fontsize=9)
    grid[0].set_ylabel("Kaplan-Meier survival, 95 % interval")
    return figure
