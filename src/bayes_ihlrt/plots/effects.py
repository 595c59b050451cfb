"""Figures of effects: survival by strategy, hazard ratio over the modifier, coefficients."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.plots.frame import (
    COLOURS,
    DARK,
    GREY,
    NARROW,
    STYLES,
    beside_rows,
    finished,
    framed_figure,
    head_of_rows,
    inches,
    legend_above,
    months_since,
    ratio_axis,
    single_axes,
)

_ENTRY: Final = {"treated": " (enters at treatment)"}
_PALE: Final = 0.6
_MOST_DIGITS: Final = 4
_TICKS: Final = tuple(m * 10.0**p for p in range(-4, 5) for m in (1, 2, 3, 5, 7))


def plot_survival(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw survival by strategy with Kaplan-Meier curves and numbers at risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `survival_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval; thin steps are Kaplan-Meier, with a tick for each
        patient whose follow-up ended there without the event.
    """
    figure = framed_figure(data, width=7.0, height=5.2, ax=ax, asked=width)
    states = data["state"].to_numpy()
    axes, table = figure.subplots(2, 1, height_ratios=[6, 0.35 * (len(states) + 1)], sharex=True)
    shared = data[STRATEGY].to_numpy()
    for i, name in enumerate(shared):
        part = data.sel({STRATEGY: name})
        axes.fill_between(
            part[TIME], part["q2.5"], part["q97.5"], color=COLOURS[i], alpha=0.15, linewidth=0
        )
        axes.plot(
            part[TIME],
            part["median"],
            color=COLOURS[i],
            linestyle=STYLES[i],
            label=f"{data.attrs.get('draws', 'posterior')}, {name}",
        )
    for i, state in enumerate(states):
        _observed(axes, data.sel(state=state), i, data.attrs.get("observed", "Kaplan-Meier"))
    axes.set(ylim=(0.0, 1.02), ylabel="Survival probability", xlim=(0.0, data[TIME].max()))
    legend_above(axes)
    axes.set_xlabel(months_since(data))
    axes.tick_params(labelbottom=True)
    axes.xaxis.set_major_locator(FixedLocator(data["risk_time"].to_numpy().tolist()))
    _risk_table(table, data)
    return finished(figure)


def _observed(axes: Axes, part: xr.Dataset, number: int, name: str) -> None:
    """Steps of a state, and a tick where follow-up ended without the event.

    Between scans nobody knows where a curve falls: there it is drawn straight.
    """
    state, steps = str(part["state"].item()), name == "Kaplan-Meier"
    axes.plot(
        part["km_time"],
        part["km"],
        drawstyle="steps-post" if steps else "default",
        color=COLOURS[number] if steps else DARK,
        linestyle=STYLES[number],
        linewidth=0.8,
        alpha=0.8,
        label=f"{name}, {state}{_ENTRY.get(state, '')}",
    )
    axes.plot(
        part["censored_time"],
        part["censored"],
        linestyle="none",
        marker="|",
        markersize=6,
        markeredgewidth=0.8,
        color=COLOURS[number],
        label="_",
    )


def plot_hazard_ratio(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the hazard ratio of treatment over the effect modifier.

    Parameters
    ----------
    data : xarray.Dataset
        From `hazard_ratio_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval, the patients' values as ticks, the reference, and
        in the panel below the probabilities that the hazard is lowered and that treatment gains
        the months that matter, with dots where they pass a level; thin and pale what they were
        before the data.
    """
    figure = framed_figure(data, width=7.0, height=5.8, ax=ax, asked=width)
    axes, below = figure.subplots(2, 1, height_ratios=[3, 2], sharex=True)
    value, drawn = data["value"], data.attrs.get("draws", "posterior")
    axes.fill_between(value, data["q2.5"], data["q97.5"], color=DARK, alpha=0.18, linewidth=0)
    axes.plot(value, data["median"], color=DARK, label=f"{drawn} median and 95 % interval")
    axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dashed", label="no effect")
    for panel in (axes, below):
        panel.axvline(data.attrs["reference"], color=GREY, linewidth=0.8, linestyle="dotted")
    axes.annotate(
        "reference",
        (data.attrs["reference"], 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
    )
    ratio_axis(axes, data, axis="y")
    axes.set_ylabel("Hazard ratio, treated / untreated")
    legend_above(axes)
    _chances(below, data)
    below.plot(
        data["patients"],
        np.zeros(data.sizes["patient"]),
        linestyle="none",
        marker="|",
        markersize=10,
        color="black",
        alpha=0.5,
        clip_on=False,
    )
    if data.attrs["log"]:
        axes.set_xscale("log")
        _plain_log_ticks(below, float(value.min()), float(value.max()))
    below.set_xlabel(f"{data.attrs['label']} (ticks: patients)")
    return finished(figure)


def plot_forest(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw the hazard ratio of every coefficient with its 95 % interval.

    Parameters
    ----------
    data : xarray.Dataset
        From `forest_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Log scale; numbers at the right. Open diamonds below: ratios of hazard ratios.
    """
    data = data.isel(coefficient=np.argsort(data["of_ratios"].to_numpy(), kind="stable"))
    ratios = data["of_ratios"].to_numpy().astype(bool)
    split = bool(ratios.any() and not ratios.all())
    # Ratios of hazard ratios stand below a heading of their own, in the scale of all.
    place = np.arange(len(ratios)) + split * ratios
    count = len(ratios) + split
    narrow = inches(width, 7.0) < NARROW
    axes = single_axes(data, width=7.0, height=1.3 + 0.42 * count, ax=ax, asked=width)
    position = (count - 1 - place).astype(np.float64)
    for rows, mark, fill in ((~ratios, "o", DARK), (ratios, "D", "white")):
        part = data.isel(coefficient=np.flatnonzero(rows))
        axes.hlines(position[rows], part["q2.5"], part["q97.5"], color=DARK, linewidth=1.8)
        axes.plot(
            part["median"],
            position[rows],
            mark,
            color=DARK,
            markerfacecolor=fill,
            markersize=6,
        )
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.set_ylim(-0.6, count - 0.4)
    ratio_axis(axes, data, axis="x")
    axes.set_xlabel("Per unit of the term (log scale), median and 95 % interval")
    told = [
        f"{float(row['median']):.2f} ({float(row['q2.5']):.2f}-{float(row['q97.5']):.2f})"
        for row in (data.isel(coefficient=i) for i in range(len(ratios)))
    ]
    names = [str(label) for label in data["label"].to_numpy()]
    beside_rows(axes, position, names, told, narrow=narrow, size=8.0 if narrow else None)
    for head, rows in (("Hazard ratio", ~ratios), ("Ratio of hazard ratios", ratios)):
        if rows.any():
            top = float(position[rows].max()) + 0.6
            head_of_rows(axes, top, f"{head} (95 %)", narrow=narrow)
    return finished(axes)


def _risk_table(axes: Axes, data: xr.Dataset) -> None:
    states = data["state"].to_numpy()
    axes.set_ylim(-0.5, len(states) + 0.5)
    axes.set_yticks(range(len(states)), [str(state) for state in states[::-1]], fontsize=8)
    axes.tick_params(length=0, pad=16, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.text(0.0, len(states), "Number at risk", fontsize=8, va="center", ha="left")
    for i, state in enumerate(states):
        for time in data["risk_time"].to_numpy():
            count = int(data["at_risk"].sel(state=state, risk_time=time))
            axes.text(time, len(states) - 1 - i, str(count), fontsize=8, ha="center", va="center")


def _chances(axes: Axes, data: xr.Dataset) -> None:
    """Probability of benefit over the modifier, in two senses, and before the data."""
    attrs = data.attrs
    gained = f"P(gain > {attrs['gain']:g} mo of {attrs['horizon']:g})"
    curves = {"prob_benefit": "P(HR < 1)", "prob_gain": gained}
    for number, (name, label) in enumerate(curves.items()):
        colour = COLOURS[number]
        axes.plot(data["value"], data[name], color=colour, linestyle=STYLES[number], label=label)
        axes.plot(
            data["value"],
            data[f"prior_{name}"],
            color=colour,
            linestyle=STYLES[number],
            linewidth=0.8,
            alpha=_PALE,
        )
        own = data["cross_of"].to_numpy() == number
        axes.plot(
            data["cross_at"][own],
            data["cross_level"][own],
            linestyle="none",
            marker="o" if number == 0 else "s",
            color=colour,
            markersize=5,
        )
    for level in attrs["levels"]:
        axes.axhline(level, color=GREY, linewidth=0.6, linestyle="dotted")
    axes.plot([], [], color=GREY, linewidth=0.8, alpha=_PALE, label="thin, pale: before the data")
    axes.set(ylim=(0.0, 1.0), ylabel="Probability", yticks=[0.0, *attrs["levels"]])
    axes.tick_params(axis="y", labelsize=8)
    legend_above(axes, columns=3)


def _plain_log_ticks(axes: Axes, low: float, high: float) -> None:
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low <= tick <= high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def plot_estimates(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw an estimand at each horizon and value of the modifier.

    Parameters
    ----------
    data : xarray.Dataset
        ``median``, ``q2.5`` and ``q97.5`` over ``row``; attributes ``label`` of the axis, whether
        it is a ``ratio`` or another ``contrast``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Median and 95 % interval, their numbers at the right; dashed: no difference.
    """
    rows, narrow = data["row"].to_numpy(), inches(width, 7.0) < NARROW
    axes = single_axes(data, width=7.0, height=1.4 + 0.4 * len(rows), ax=ax, asked=width)
    position = np.arange(len(rows))[::-1].astype(np.float64)
    axes.hlines(position, data["q2.5"], data["q97.5"], color=DARK, linewidth=1.8)
    axes.plot(data["median"], position, "o", color=DARK, markersize=6)
    beside_rows(axes, position, [str(name) for name in rows], _in_numbers(data), narrow=narrow)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    if data.attrs["ratio"]:
        ratio_axis(axes, data, axis="x")
    if data.attrs["contrast"]:
        axes.axvline(float(data.attrs["ratio"]), color=GREY, linewidth=0.8, linestyle="dashed")
    axes.set_xlabel(f"{data.attrs['label']}\nmedian and 95 % interval")
    return finished(axes)


def _in_numbers(data: xr.Dataset) -> list[str]:
    """Median and interval of each row, with as many digits in all of them; differences signed."""
    signed = bool(data.attrs["contrast"]) and not data.attrs["ratio"]
    form = f"{'+' if signed else ''}z.{_digits(data, signed=signed)}f"
    limits = zip(*(data[name].to_numpy() for name in ("median", "q2.5", "q97.5")), strict=True)
    return [f"{m:{form}} ({low:{form}} to {high:{form}})" for m, low, high in limits]


def _digits(data: xr.Dataset, *, signed: bool) -> int:
    """Two decimals, one from 1 on (months), and more where two digits of the smallest need them."""
    if data.attrs["ratio"]:
        return 2
    size = np.abs(data["median"].to_numpy())
    if size.max() >= 1.0:
        return 1
    # A difference may be as near to zero as it likes: its interval says how much is known.
    if signed:
        size = np.abs([data["q2.5"].to_numpy(), data["q97.5"].to_numpy()]).max(keepdims=True)
    least = size[size > 0.0].min(initial=1.0)
    return int(np.clip(1.0 - np.floor(np.log10(least)), 2, _MOST_DIGITS))
