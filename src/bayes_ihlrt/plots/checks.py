"""Figures of model checks: what the model predicts beside what was observed."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.plots.frame import (
    BRIGHT,
    COLOURS,
    DARK,
    GREY,
    STYLES,
    framed_figure,
    months_since,
    ratio_axis,
)

_BAND: Final = "0.82"
_COLUMNS: Final = 3


def plot_survival_check(data: xr.Dataset) -> Figure:
    """Draw Kaplan-Meier survival over what the posterior predicts for the same patients at risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.risk_sets.survival_check`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a stratum.
    """
    count = data.sizes["stratum"]
    columns = min(_COLUMNS, count) if count != 4 else 2
    rows = -(-count // columns)
    figure = framed_figure(data, width=2.9 * columns + 0.8, height=2.3 * rows + 1.0)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, stratum in zip(grid, data["stratum"].to_numpy(), strict=False):
        part = data.sel(stratum=stratum)
        axes.fill_between(
            part[TIME], part["low"], part["high"], color=_BAND, label="replicated, 95 %"
        )
        axes.plot(part[TIME], part["middle"], color=DARK, linestyle="dashed", label="median")
        axes.step(part[TIME], part["km"], where="post", color=BRIGHT, label="Kaplan-Meier")
        told = f"{int(part['patients'])} patients, {int(part['events'])} events"
        axes.set_title(f"{stratum}\n{told}", fontsize=8)
        axes.set(ylim=(0.0, 1.02), xlim=(0.0, float(data[TIME].max())))
    for axes in grid[count:]:
        axes.set_visible(False)
    grid[0].legend(frameon=False, fontsize=7, loc="lower left")
    figure.supxlabel(months_since(data), fontsize=9)
    figure.supylabel("Survival probability", fontsize=9)
    return figure


def plot_hazard_check(data: xr.Dataset) -> Figure:
    """Draw events per month at risk by period over what the posterior predicts.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.risk_sets.hazard_check`.

    Returns
    -------
    matplotlib.figure.Figure
        Points are observed.
    """
    figure = framed_figure(data, width=6.6, height=4.0)
    axes = figure.subplots()
    begin, end = data["begin"].to_numpy(), data["end"].to_numpy()
    for i, (low, high) in enumerate(zip(data["low"], data["high"], strict=True)):
        label = "replicated, 95 %" if i == 0 else "_"
        axes.fill_between([begin[i], end[i]], low, high, color=_BAND, linewidth=0.6, label=label)
    axes.hlines(
        data["middle"], begin, end, color=DARK, linestyle="dashed", label="replicated, median"
    )
    middle = 0.5 * (begin + end)
    axes.plot(middle, data["observed"], "o", color=BRIGHT, label="observed")
    for x, y, events in zip(middle, data["observed"], data["events"], strict=True):
        axes.annotate(
            f"{int(events)}", (x, float(y)), (0, 6), textcoords="offset points", fontsize=7
        )
    axes.set(xlim=(0.0, end.max()), xlabel=f"{months_since(data)} (numbers: events)")
    axes.set_ylabel("Events per person-month")
    axes.set_ylim(0.0, 1.25 * float(max(data["high"].max(), data["observed"].max())))
    axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=3)
    return figure


def plot_residuals(data: xr.Dataset) -> Figure:
    """Draw Cox-Snell residuals, and martingale residuals over the modifier.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.residuals.residual_check`.

    Returns
    -------
    matplotlib.figure.Figure
        Left: the residuals' cumulative hazard beside the diagonal; right: one mark a patient.
    """
    panels = 2 if "modifier" in data else 1
    figure = framed_figure(data, width=4.2 * panels + 0.4, height=4.0)
    grid = figure.subplots(1, panels, squeeze=False)[0]
    reach = float(max(data["residual"].max(), data["cumulative"].max())) * 1.05
    grid[0].plot([0.0, reach], [0.0, reach], color=GREY, linestyle="dashed", label="unit hazard")
    grid[0].step(
        np.append(0.0, data["residual"]),
        np.append(0.0, data["cumulative"]),
        where="post",
        color=DARK,
        label="Nelson-Aalen",
    )
    grid[0].set(xlabel="Cox-Snell residual (cumulative hazard)", ylabel="Its cumulative hazard")
    grid[0].set(xlim=(0.0, reach), ylim=(0.0, reach))
    grid[0].legend(frameon=False, fontsize=8)
    if panels == 2:
        _martingale(grid[1], data)
    return figure


def plot_effect_by_period(data: xr.Dataset) -> Figure:
    """Draw the hazard ratio of treatment in each period since its start.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.periods.effect_by_period`.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval.
    """
    figure = framed_figure(data, width=6.0, height=3.6)
    axes = figure.subplots()
    place = np.arange(data.sizes["period"])
    axes.vlines(place, data["q2.5"], data["q97.5"], color=DARK, linewidth=2.0)
    axes.plot(place, data["median"], "o", color=DARK)
    axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    labels = [
        f"{str(label).removesuffix(' since start')}\n{int(events)} events"
        for label, events in zip(data["period"].to_numpy(), data["events"], strict=True)
    ]
    axes.set_xticks(place, labels, fontsize=8)
    axes.set_xlim(-0.6, len(place) - 0.4)
    ratio_axis(axes, data, axis="y")
    axes.set(xlabel="Time since start of treatment", ylabel="Hazard ratio, treated / untreated")
    return figure


def plot_prior_survival(data: xr.Dataset) -> Figure:
    """Draw survival as the priors alone have it, with the Kaplan-Meier curve of all patients.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.prior_survival.prior_survival`.

    Returns
    -------
    matplotlib.figure.Figure
        Median and 95 % of prior draws.
    """
    figure = framed_figure(data, width=6.6, height=4.2)
    axes = figure.subplots()
    for i, name in enumerate(data[STRATEGY].to_numpy()):
        part = data.sel({STRATEGY: name})
        axes.fill_between(
            part[TIME], part["low"], part["high"], color=COLOURS[i], alpha=0.14, linewidth=0
        )
        axes.plot(
            part[TIME],
            part["middle"],
            color=COLOURS[i],
            linestyle=STYLES[i],
            label=f"prior, {name}",
        )
    axes.step(
        data[TIME], data["km"], where="post", color="black", linewidth=1.6, label="Kaplan-Meier"
    )
    axes.set(xlabel=months_since(data), ylabel="Survival probability", ylim=(0.0, 1.02))
    axes.set_xlim(0.0, float(data[TIME].max()))
    axes.legend(frameon=False, fontsize=8)
    return figure


def _martingale(axes: Axes, data: xr.Dataset) -> None:
    died = data["event"].to_numpy() == 1.0
    x, y = data["modifier"].to_numpy(), data["martingale"].to_numpy()
    axes.plot(x[died], y[died], "x", color=BRIGHT, markersize=4, label="event")
    axes.plot(x[~died], y[~died], "o", color=DARK, markersize=3, fillstyle="none", label="censored")
    at = data["group_modifier"]
    axes.vlines(at, data["group_low"], data["group_high"], color="black", linewidth=1.4)
    axes.plot(at, data["group_mean"], "s", color="black", markersize=5, label="mean, 95 %")
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.set(xlabel=str(data.attrs["modifier"]), ylabel="Martingale residual (events)")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
