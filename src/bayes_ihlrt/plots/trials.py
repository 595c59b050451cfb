"""Figures of simulated trials, of many together and of a single one."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from bayes_ihlrt.plots.frame import (
    BRIGHT,
    DARK,
    GREY,
    NARROW,
    finished,
    framed_figure,
    inches,
    legend_above,
    ratio_axis,
    single_axes,
)

_LINES: Final = ("solid", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)))
_MARKS: Final = ("o", "s", "^", "D", "v")
_SHADES: Final = ("#16324f", "#c8553d", "#6b6b6b", "#3f8f8b", "#b58a2b")


def _look(number: int) -> dict[str, Any]:
    """Shade, line and mark of one of many lines: no two of the first 25 are alike."""
    turn = number + number // len(_SHADES)
    return {
        "color": _SHADES[number % len(_SHADES)],
        "linestyle": _LINES[turn % len(_LINES)],
        "marker": _MARKS[turn % len(_MARKS)],
    }


_VERDICTS: Final = {
    "success": (DARK, ""),
    "futility": (BRIGHT, "///"),
    "inconclusive": ("#d9d9d9", ""),
}


def plot_trial_success(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the share of successful trials with its Monte Carlo interval.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.success_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        By hazard ratio where scenarios differ in it alone, else by scenario.
    """
    axes = single_axes(data, width=7.5, height=3.8, ax=ax, asked=width)
    by_effect = "hr" in data.coords
    places = data["hr"].to_numpy() if by_effect else np.arange(data.sizes["scenario"])
    order = np.argsort(places)
    for number, design in enumerate(data["design"].to_numpy().tolist()):
        row = data.sel(design=design).isel(scenario=order)
        middle = row["estimate"].to_numpy()
        error = [middle - row["low"].to_numpy(), row["high"].to_numpy() - middle]
        shift = 0.0 if by_effect else 0.08 * number
        axes.errorbar(
            places[order] + shift,
            middle,
            error,
            **{**_look(number), **({} if by_effect else {"linestyle": "none"})},
            markersize=5,
            capsize=3,
            label=design,
        )
    if by_effect:
        axes.set_xlabel("True hazard ratio (below 1: better with treatment)")
    else:
        axes.set_xticks(places, [str(name) for name in data["scenario"].to_numpy()], fontsize=8)
        axes.margins(x=0.15)
    axes.axhline(0.025, color=GREY, linewidth=0.8, linestyle="dotted")
    axes.annotate("2.5 %", (0.0, 0.03), xycoords=("axes fraction", "data"), fontsize=7, color=GREY)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("Trials that succeed")
    legend_above(axes)
    return finished(axes)


def plot_trial_curves(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw operating characteristics along an axis, with bands of Monte Carlo error.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.curve_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One line for each of ``line``.
    """
    axes = single_axes(data, width=7.0, height=3.8, ax=ax, asked=width)
    x = data["x"].to_numpy()
    for number, line in enumerate(data["line"].to_numpy().tolist()):
        row, look = data.sel(line=line), _look(number)
        axes.fill_between(x, row["low"], row["high"], color=look["color"], alpha=0.2, linewidth=0)
        axes.plot(x, row["estimate"], **look, markersize=4, label=line)
    axes.set_xlabel(str(data.attrs["label"]))
    axes.set_ylabel("Trials that succeed")
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    legend_above(axes)
    return finished(axes)


def plot_trial_stopping(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw at which look trials end, and how.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.stopping_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One bar for each look of each design under each scenario.
    """
    cells, looks = data["cell"].to_numpy().tolist(), data["look"].to_numpy().tolist()
    axes = single_axes(
        data, width=8.0, height=1.2 + 0.26 * len(cells) * (len(looks) + 1), ax=ax, asked=width
    )
    labels, place = [], 0.0
    for cell in cells:
        for look in looks:
            left = 0.0
            for verdict, (colour, hatch) in _VERDICTS.items():
                width = float(data["share"].sel(cell=cell, look=look, verdict=verdict))
                axes.barh(
                    place,
                    width,
                    left=left,
                    color=colour,
                    hatch=hatch,
                    edgecolor="white",
                    height=0.8,
                )
                left += width
            labels.append((place, f"{cell}, look {look}"))
            place -= 1.0
        place -= 0.6
    for verdict, (colour, hatch) in _VERDICTS.items():
        axes.barh(np.nan, 0.0, color=colour, hatch=hatch, edgecolor="white", label=verdict)
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], fontsize=7)
    axes.set_xlim(0.0, 1.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("Share of all trials that end there")
    legend_above(axes, columns=3)
    return finished(axes)


def plot_trial_convergence(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw how the share of successes settles as trials are added.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.convergence_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        With Wilson bands; the axis of trials is logarithmic.
    """
    axes = single_axes(data, width=7.5, height=3.8, ax=ax, asked=width)
    for number, cell in enumerate(data["cell"].to_numpy().tolist()):
        row, look = data.sel(cell=cell), _look(number)
        axes.fill_between(
            data["trials"], row["low"], row["high"], color=look["color"], alpha=0.15, linewidth=0
        )
        spread = max(1, data.sizes["trials"] // 8)
        axes.plot(
            data["trials"], row["estimate"], **look, markersize=4, markevery=spread, label=cell
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("Simulated trials")
    axes.set_ylabel("Trials that succeed, 95 % band")
    legend_above(axes)
    return finished(axes)


def plot_trial_conduct(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw patients enrolled and events over calendar time, with the looks.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.conduct_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Medians and 90 % ranges over trials.
    """
    axes = single_axes(data, width=7.0, height=3.8, ax=ax, asked=width)
    month = data["month"].to_numpy()
    for name, label, colour, style in (
        ("enrolled", "enrolled", DARK, "solid"),
        ("events", data.attrs["events"], BRIGHT, (0, (5, 1.5))),
    ):
        rows = data[name]
        axes.fill_between(
            month,
            rows.sel(quantile=0.05),
            rows.sel(quantile=0.95),
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(month, rows.sel(quantile=0.5), color=colour, linestyle=style, label=label)
    for look, at in zip(data["look"].to_numpy(), data["look_month"].to_numpy(), strict=True):
        axes.axvline(float(at), color=GREY, linewidth=0.8, linestyle="dotted")
        axes.annotate(
            f"look {look}",
            (float(at), 1.0),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="right",
            va="top",
            fontsize=7,
            color=GREY,
        )
    axes.set_xlim(0.0)
    axes.set_ylim(0.0)
    axes.set_xlabel("Months since the trial opened")
    axes.set_ylabel(f"Patients, {data.attrs['events']} (median, 90 % of trials)")
    legend_above(axes)
    return finished(axes)


def plot_trial_decisions(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw which hazard ratios lead to which decision, and where trials lie.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.figures.decision_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        By number of events.
    """
    axes = single_axes(data, width=7.0, height=3.8, ax=ax, asked=width)
    events = data["events"].to_numpy()
    middle = data["hazard_ratio"].sel(quantile=0.5).to_numpy()
    low, high = (data["hazard_ratio"].sel(quantile=q).to_numpy() for q in (0.05, 0.95))
    axes.errorbar(
        events,
        middle,
        [middle - low, high - middle],
        color=GREY,
        marker="o",
        capsize=3,
        linestyle="none",
        label="posterior mean, 90 % of trials",
    )
    for name, colour, mark, text in (
        ("success_below", DARK, "v", "success below"),
        ("futility_above", BRIGHT, "^", "futility above"),
    ):
        if np.isfinite(data[name].to_numpy()).any():
            axes.plot(events, data[name], color=colour, marker=mark, linestyle="dashed", label=text)
    axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dotted")
    axes.set_xlabel(f"{data.attrs['events'].capitalize()} at the look (mean)")
    axes.set_ylabel("Hazard ratio, treated / control")
    legend_above(axes)
    return finished(axes)


def plot_trial_replay(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw every patient's follow-up over calendar time and the hazard ratio at each look.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.replay.replay_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Left the patients, a dot for an event; right the posterior at each look.
    """
    figure, left, right = _replay_panels(data, ax, width)
    place = np.arange(data.sizes["patient"])
    for arm, colour, style, name in (
        (0.0, GREY, "dotted", "control"),
        (1.0, DARK, "solid", "treated"),
    ):
        own = data["arm"].to_numpy() == arm
        start, end = data["arrival"].to_numpy()[own], data["end"].to_numpy()[own]
        left.hlines(
            place[own], start, end, color=colour, linewidth=0.8, linestyle=style, label=name
        )
    died = data["observed"].to_numpy() == 1.0
    left.plot(
        data["end"].to_numpy()[died],
        place[died],
        ".",
        color=BRIGHT,
        markersize=3,
        label=data.attrs["events"],
    )
    for month in data["months"].to_numpy():
        left.axvline(float(month), color="black", linewidth=0.9, linestyle="dashed")
    left.set_xlim(0.0)
    left.set_xlabel("Months since the trial opened")
    left.set_ylabel("Patients, by enrolment")
    legend_above(left, columns=3)
    middle = data["median"].to_numpy()
    error = [middle - data["q2.5"].to_numpy(), data["q97.5"].to_numpy() - middle]
    right.errorbar(data["look"], middle, error, color=DARK, marker="o", capsize=3, linestyle="none")
    ratio_axis(right, data, axis="y")
    right.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dotted")
    right.set_xticks(data["look"].to_numpy())
    right.margins(x=0.3)
    right.set_xlabel("Look")
    right.set_ylabel("Hazard ratio, treated / control (95 %)")
    return finished(figure)


def _replay_panels(
    data: xr.Dataset, ax: Axes | None, width: float | None
) -> tuple[FigureBase, Axes, Axes]:
    """Patients and looks, beside each other where there is room."""
    beside = inches(width, 9.0) >= NARROW
    height = (4.6 if beside else 8.0) + 0.14 * len(data.attrs["trace"])
    figure = framed_figure(data, width=9.0, height=height, ax=ax, asked=width)
    if beside:
        left, right = figure.subplots(1, 2, width_ratios=[2.0, 1.0])
    else:
        left, right = figure.subplots(2, 1, height_ratios=[2.0, 1.0])
    told = "\n".join(data.attrs["trace"])
    figure.supxlabel(told, fontsize=7, x=0.01, ha="left", wrap=True)
    return figure, left, right
