"""Figures of model checks: what the model predicts beside what was observed.

Predictions are for the patients of the fit or for patients left out. Simulation-based calibration
is drawn as ECDF differences within simultaneous bands.
"""

from typing import Final, Literal

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
    NARROW,
    STYLES,
    beside_rows,
    finished,
    framed_figure,
    inches,
    legend_above,
    months_since,
    panels_across,
    ratio_axis,
    single_axes,
)

_BAND: Final = "0.82"
_COLUMNS: Final = 3


def plot_survival_check(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw Kaplan-Meier survival over what the posterior predicts for the same patients at risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.risk_sets.survival_check`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a stratum.
    """
    count = data.sizes["stratum"]
    columns = min(_COLUMNS, count) if count != 4 else 2
    wide = inches(width, 2.9 * columns + 0.8)
    columns = panels_across(wide, columns)
    rows = -(-count // columns)
    figure = framed_figure(data, width=wide, height=2.3 * rows + 1.0, ax=ax)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    observed = data.attrs.get("observed", "Kaplan-Meier")
    for axes, stratum in zip(grid, data["stratum"].to_numpy(), strict=False):
        part = data.sel(stratum=stratum)
        axes.fill_between(
            part[TIME], part["low"], part["high"], color=_BAND, label="replicated, 95 %"
        )
        axes.plot(part[TIME], part["middle"], color=DARK, linestyle="dashed", label="median")
        axes.plot(
            *(part[TIME], part["km"]), drawstyle=_drawn(observed), color=BRIGHT, label=observed
        )
        told = f"{int(part['patients'])} patients, {int(part['events'])} events"
        axes.set_title(f"{stratum}\n{told}", fontsize=8)
        axes.set(ylim=(0.0, 1.02), xlim=(0.0, float(data[TIME].max())))
    for axes in grid[count:]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    across = panels_across(wide, 3, least=1.6)
    figure.legend(
        handles, labels, frameon=False, fontsize=8, ncols=across, loc="outside lower center"
    )
    for axes in grid[max(count - columns, 0) : count]:
        axes.set_xlabel(months_since(data), fontsize=9)
    figure.supylabel("Survival probability", fontsize=9)
    return finished(figure)


def plot_hazard_check(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw events per month at risk by period over what the posterior predicts.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.risk_sets.hazard_check`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Points are observed.
    """
    axes = single_axes(data, width=6.6, height=4.0, ax=ax, asked=width)
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
    legend_above(axes, columns=3)
    return finished(axes)


def plot_residuals(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw Cox-Snell residuals, and martingale residuals over the modifier.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.risk_sets.residual_check`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Left: the residuals' cumulative hazard beside the diagonal; right: one mark a patient.
    """
    panels = 2 if "modifier" in data else 1
    wide = inches(width, 4.2 * panels + 0.4)
    across = panels_across(wide, panels, least=3.0)
    down = -(-panels // across)
    figure = framed_figure(data, width=wide, height=min(4.0, 0.9 * wide) * down, ax=ax)
    grid = figure.subplots(down, across, squeeze=False).ravel()
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
    legend_above(grid[0])
    if panels == 2:
        _martingale(grid[1], data)
    return finished(figure)


def plot_effect_by_period(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the hazard ratio of treatment in each period since its start.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.families.effect_by_period`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval.
    """
    axes = single_axes(data, width=6.0, height=3.6, ax=ax, asked=width)
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
    return finished(axes)


def plot_prior_survival(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw survival as the priors alone have it, with the Kaplan-Meier curve of all patients.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.prior_curves.prior_survival`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Median and 95 % of prior draws, dotted 99 %; the observed curve with its 99 % interval. The
        verdict on priors compares the latter two.
    """
    axes = single_axes(data, width=6.6, height=4.2, ax=ax, asked=width)
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
        for edge in ("lowest", "highest"):
            axes.plot(part[TIME], part[edge], color=COLOURS[i], linewidth=0.7, linestyle=":")
    observed = data.attrs.get("observed", "Kaplan-Meier")
    drawn = _drawn(observed)
    for edge in ("km_low", "km_high"):
        axes.plot(
            data[TIME], data[edge], color="black", linewidth=0.9, linestyle=":", drawstyle=drawn
        )
    axes.plot(
        *(data[TIME], data["km"]),
        drawstyle=drawn,
        color="black",
        linewidth=1.6,
        label=observed,
    )
    axes.plot([], [], color="grey", linewidth=0.9, linestyle=":", label="99 % of each")
    axes.set(xlabel=months_since(data), ylabel="Survival probability", ylim=(0.0, 1.02))
    axes.set_xlim(0.0, float(data[TIME].max()))
    legend_above(axes)
    return finished(axes)


def _drawn(observed: str) -> Literal["steps-post", "default"]:
    """Kaplan-Meier in steps; between scans nobody knows where a curve falls: straight."""
    return "steps-post" if observed == "Kaplan-Meier" else "default"


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
    legend_above(axes, columns=3)


def plot_calibration(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw ECDF minus uniform of the posterior probabilities below the truth.

    Parameters
    ----------
    data : xarray.Dataset
        ``difference`` by ``panel, line, point`` (NaN where a panel has fewer lines), ``low`` and
        ``high`` by ``band, point``, the narrowest band first; attributes ``title`` and
        ``synthetic``.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel each; lines that leave the widest band are bright, wide and dashed.
    """
    wide = inches(width, 3.0 * min(3, data.sizes["panel"]) + 0.6)
    columns = panels_across(wide, min(3, data.sizes["panel"]))
    rows = -(-data.sizes["panel"] // columns)
    figure = framed_figure(data, width=wide, height=1.75 * rows + 1.1, ax=ax)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    point = data["point"].to_numpy()
    widest = data.isel(band=-1)
    for axes, panel in zip(grid, data["panel"].to_numpy(), strict=False):
        part = data["difference"].sel(panel=panel).dropna("line", how="all")
        outside = ((part < widest["low"]) | (part > widest["high"])).any("point").to_numpy()
        narrow = data.isel(band=0)
        label = str(narrow["band"].item())
        axes.fill_between(point, narrow["low"], narrow["high"], color="0.85", label=label)
        for side in ("low", "high"):
            label = str(widest["band"].item()) if side == "low" else "_"
            axes.plot(point, widest[side], color="black", linewidth=0.9, label=label)
        lines = part.to_numpy()
        axes.plot(point, lines[~outside].T, color=DARK, linewidth=0.4, alpha=0.5)
        axes.plot(point, lines[outside].T, color=BRIGHT, linewidth=1.2, linestyle="dashed")
        axes.set_title(str(panel), fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in grid[data.sizes["panel"] :]:
        axes.set_visible(False)
    reach = 1.15 * float(np.nanmax(np.abs([widest["low"], widest["high"]])))
    reach = max(reach, 1.05 * float(np.nanmax(np.abs(data["difference"]))))
    grid[0].set_ylim(-reach, reach)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=2, loc="outside upper right")
    figure.supxlabel("Posterior probability of a value below the true one", fontsize=9)
    figure.supylabel("ECDF minus uniform", fontsize=9)
    return finished(figure)


_GOOD_K: Final = 0.7
_NAMED: Final = 3
_MARKERS: Final = ("o", "s", "^", "D")


def plot_influence(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw Pareto k of each patient, and how far the treatment's effect moves without the patient.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.examination.examine`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Patients in the order of the data; the three largest are named.
    """
    shifts = bool(np.isfinite(data["shift"]).any())
    figure = framed_figure(data, width=7.0, height=4.6 if shifts else 3.2, ax=ax, asked=width)
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
    return finished(figure)


def plot_hazard_families(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw how much better or worse other baseline hazards predict patients left out.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.families.compare_hazards`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Difference of elpd from the model with two standard errors; stacking weights at the right.
    """
    narrow = inches(width, 7.4) < NARROW
    axes = single_axes(
        data, width=7.4, height=1.4 + 0.42 * data.sizes["family"], ax=ax, asked=width
    )
    place = np.arange(data.sizes["family"], dtype=np.float64)[::-1]
    difference, se = data["difference"].to_numpy(), data["difference_se"].to_numpy()
    axes.hlines(place, difference - 2.0 * se, difference + 2.0 * se, color=DARK)
    axes.plot(difference, place, "o", color=DARK)
    axes.axvline(0.0, color=GREY, linewidth=0.8, linestyle="dashed")
    names = [str(name) for name in data["family"].to_numpy()]
    weights = [f"{weight:.2f}" for weight in data["weight"].to_numpy()]
    names = [f"{names[0]} (the model)", *names[1:]]
    beside_rows(axes, place, names, weights, head="stacking weight", narrow=narrow)
    axes.set_ylim(-0.6, len(place) - 0.4)
    axes.set_xlabel("elpd less that of the model, two standard errors (right: predicts better)")
    return finished(axes)


def plot_risk_calibration(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw observed over predicted survival of unseen patients, by group of predicted risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `checks.calibration.calibration_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a horizon, with the AUC and the Brier score.
    """
    count = data.sizes["horizon"]
    wide = inches(width, 3.6 * count + 0.6)
    across = panels_across(wide, count)
    down = -(-count // across)
    figure = framed_figure(data, width=wide, height=4.2 * down, ax=ax)
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes in grid[count:]:
        axes.set_visible(False)
    for i, axes in enumerate(grid[:count]):
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
    figure.supylabel("Kaplan-Meier survival, 95 % interval", fontsize=9)
    return finished(figure)
