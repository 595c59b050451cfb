"""Figures of many analyses side by side: the studies of sensitivity and the bias ladder."""

import textwrap
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_ihlrt.plots.frame import (
    BRIGHT,
    COLOURS,
    DARK,
    GREY,
    STYLES,
    finished,
    framed_figure,
    legend_above,
    ratio_axis,
    single_axes,
)

_LEVELS: Final = (0.05, 0.2, 0.5, 0.8, 0.95)
_LOG: Final = frozenset({"prior sd", "sceptical events"})
_AXES: Final = {
    "prior mean": "Prior mean (log hazard ratio)",
    "prior sd": "Prior sd (log hazard ratio)",
    "sceptical events": "Events a sceptic's prior is worth",
}


def plot_prior_grid(data: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Draw the hazard ratio under every choice of priors, with its probability of benefit.

    Parameters
    ----------
    data : xarray.Dataset
        From `sensitivity_figures`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval, sorted; the stated priors are marked.
    """
    count = data.sizes["cell"]
    figure = framed_figure(data, width=8.0, height=1.6 + 0.19 * count, ax=ax)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    position = np.arange(count)
    stated = data["stated"].to_numpy().astype(bool)
    for rows, colour, style, size in ((~stated, DARK, "o", 3), (stated, BRIGHT, "D", 6)):
        part = data.isel(cell=np.flatnonzero(rows))
        left.hlines(position[rows], part["q2.5"], part["q97.5"], color=colour, linewidth=1.2)
        left.plot(part["median"], position[rows], style, color=colour, markersize=size)
        right.plot(part["probability"], position[rows], style, color=colour, markersize=size)
    left.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    threshold = float(data.attrs["threshold"])
    for level in (threshold, 1.0 - threshold):
        right.axvline(level, color=GREY, linewidth=0.8, linestyle="dashed")
    ratio_axis(left, data, axis="x")
    left.set_yticks(position, data["label"].to_numpy().tolist(), fontsize=8)
    left.set_ylim(-0.8, count - 0.2)
    left.set_xlabel("Hazard ratio, treated / untreated", fontsize=9)
    right.set_xlabel("P(hazard ratio below 1)\ndashed: thresholds", fontsize=9)
    right.set_xlim(-0.02, 1.02)
    return finished(figure)


def plot_tipping_points(data: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Draw the probability of each statement as the prior of the treatment moves.

    Parameters
    ----------
    data : xarray.Dataset
        The data of `tipping_points`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a path; dashed lines are the thresholds, the dotted one the stated prior.
    """
    paths = [str(path) for path in data["path"].to_numpy()]
    figure = framed_figure(data, width=4.0 * len(paths), height=3.8, ax=ax)
    threshold = float(data.attrs["threshold"])
    stated = {"prior mean": data.attrs["stated_mean"], "prior sd": data.attrs["stated_sd"]}
    panels = np.atleast_1d(figure.subplots(1, len(paths), sharey=True))
    for axes, path in zip(panels, paths, strict=True):
        part = data.sel(path=path)
        for number, statement in enumerate(part["statement"].to_numpy()):
            axes.plot(
                part["value"],
                part["probability"].isel(quantity=number),
                color=COLOURS[number % 2],
                linestyle=STYLES[number % 2],
                label=str(statement),
            )
        for level in (threshold, 1.0 - threshold):
            axes.axhline(level, color=GREY, linewidth=0.8, linestyle="dashed")
        if path in stated:
            axes.axvline(float(stated[path]), color=GREY, linewidth=0.8, linestyle="dotted")
        if path in _LOG:
            axes.set_xscale("log")
        axes.set_xlabel(_AXES[path])
        axes.set_ylim(-0.02, 1.02)
    panels[0].set_ylabel("Posterior probability")
    legend_above(panels[0], columns=1)
    return finished(figure)


def plot_confounding_contour(data: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Draw the probability of benefit with an unmeasured confounder taken off.

    Parameters
    ----------
    data : xarray.Dataset
        The data of `confounding`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.

    Returns
    -------
    matplotlib.figure.Figure
        Contours over the confounder's strength and its share of the untreated; the thick line is
        where the statement stops to hold.
    """
    axes = single_axes(data, width=6.8, height=4.6, ax=ax)
    grid = (data["strength"], data["untreated"], data["probability"].transpose("untreated", ...))
    lines = axes.contour(*grid, levels=list(_LEVELS), colors=GREY, linewidths=0.9)
    axes.clabel(lines, fmt=lambda level: f"P {level:g}", fontsize=7)
    axes.plot(data["strength"], data["contour"], color=BRIGHT, linewidth=2.6)
    threshold, treated = float(data.attrs["threshold"]), float(data.attrs["treated"])
    axes.axhline(treated, color=DARK, linewidth=0.8, linestyle="dotted")
    axes.annotate(
        "as frequent among the treated",
        (axes.get_xlim()[1], treated),
        fontsize=7,
        ha="right",
        va="top",
        color=DARK,
    )
    words = (
        f"thick line: P falls below {threshold:g}"
        if data.attrs["holds"]
        else f"P is below {threshold:g} without any confounder"
    )
    axes.text(0.98, 0.97, words, transform=axes.transAxes, fontsize=8, ha="right", va="top")
    axes.set_xlabel("Hazard ratio of the confounder on the outcome")
    axes.set_ylabel(f"Share of the untreated who have it (treated: {treated:.0%})")
    axes.set_ylim(0.0, 1.0)
    return finished(axes)


def plot_specification_curve(data: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Draw the hazard ratio of every analysis, sorted, above what each of them is.

    Parameters
    ----------
    data : xarray.Dataset
        The data of the structure study.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval; marks below say which choice each analysis makes.
    """
    done = data.isel(analysis=np.flatnonzero(np.isfinite(data["median"].to_numpy())))
    order = np.argsort(done["median"].to_numpy(), kind="stable")
    done = done.isel(analysis=order)
    count, choices = done.sizes["analysis"], done.sizes["choice"]
    figure = framed_figure(
        data, width=max(7.5, 2.5 + 0.3 * count), height=3.2 + 0.17 * choices, ax=ax
    )
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 0.17 * choices])
    position = np.arange(count)
    stated = done["stated"].to_numpy().astype(bool)
    for rows, colour, style in ((~stated, DARK, "o"), (stated, BRIGHT, "D")):
        part = done.isel(analysis=np.flatnonzero(rows))
        top.vlines(position[rows], part["q2.5"], part["q97.5"], color=colour, linewidth=1.4)
        top.plot(position[rows], part["median"], style, color=colour, markersize=5)
    top.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    ratio_axis(top, done, axis="y")
    top.set_ylabel("Hazard ratio\n(below 1: better with treatment)")
    _choices(below, done)
    return finished(figure)


def _choices(axes: Axes, data: xr.Dataset) -> None:
    made = data["made"].transpose("choice", "analysis").to_numpy().astype(bool)
    for row, marks in enumerate(made):
        axes.plot(np.flatnonzero(marks), np.full(marks.sum(), row), "s", color=DARK, markersize=4)
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color="0.94", zorder=0)
    axes.set_yticks(np.arange(len(made)), data["choice"].to_numpy().tolist(), fontsize=7)
    axes.set_ylim(len(made) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_xlabel("Analyses, sorted by hazard ratio (diamond: as stated)")


_NULL: Final = "#f0c9a8"
_COLUMNS: Final = ((0.0, "HR (95 %)"), (0.3, "months (95 %)"), (0.65, "patients, events"))
_WIDTH: Final = 58
_LINES: Final = 3


def plot_ladder(data: xr.Dataset, *, ax: Axes | None = None) -> Figure:
    """Draw the hazard ratio of every rung, most naive first, with what each rests on.

    A rung that was not estimated keeps its line, with the reason.

    Parameters
    ----------
    data : xarray.Dataset
        From `ladder_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.

    Returns
    -------
    matplotlib.figure.Figure
        Log scale; the band of the first rung holds 95 % of cohorts without any effect.
    """
    count = data.sizes["rung"]
    figure = framed_figure(data, width=10.5, height=1.5 + 0.72 * count, ax=ax)
    names, axes, numbers = figure.subplots(1, 3, sharey=True, width_ratios=[3.7, 3.0, 4.1])
    position = np.arange(count)[::-1]
    naive = data["naive"].to_numpy().astype(bool)
    for rows, colour, style in ((naive, BRIGHT, "s"), (~naive, DARK, "o")):
        part = data.isel(rung=np.flatnonzero(rows))
        axes.hlines(position[rows], part["q2.5"], part["q97.5"], color=colour, linewidth=2.0)
        axes.plot(part["median"], position[rows], style, color=colour, markersize=6)
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.set_ylim(-0.7, count - 0.3)
    axes.tick_params(axis="y", length=0, labelleft=False)
    ratio_axis(axes, data, axis="x")
    _null_band(axes, data, position[0])
    for panel in (names, numbers):
        panel.axis("off")
    for i in range(count):
        row = data.isel(rung=i)
        _name(names, row, float(position[i]))
        _numbers(numbers, row, float(position[i]))
    for at, title in _COLUMNS:
        _cell(numbers, at, count - 0.42, title, color=GREY)
    axes.set_xlabel(
        "Hazard ratio, treated / untreated\n(below 1: better with treatment)", fontsize=9
    )
    notes = "\n".join(data.attrs.get("notes", ()))
    figure.supxlabel(notes, fontsize=8, color=GREY, x=0.01, ha="left")
    return finished(figure)


def _null_band(axes: Axes, data: xr.Dataset, row: float) -> None:
    low, high = data.attrs.get("null_low"), data.attrs.get("null_high")
    if low is None or high is None:
        return
    axes.fill_betweenx([row - 0.3, row + 0.3], low, high, color=_NULL, linewidth=0, zorder=0)
    axes.annotate(
        "95 % of cohorts without any effect",
        (float(np.sqrt(low * high)), row - 0.34),
        fontsize=8,
        color=GREY,
        ha="center",
        va="top",
    )


def _cell(axes: Axes, at: float, position: float, words: str, *, color: str = "black") -> None:
    axes.text(
        *(at, position, words),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8,
        color=color,
    )


def _name(axes: Axes, row: xr.Dataset, position: float) -> None:
    """What a rung is, above what it rests on or why it is not there."""
    reason = str(row["reason"].item())
    text = f"Not estimated: {reason}" if reason else str(row["assumption"].item())
    rests = textwrap.fill(textwrap.shorten(text, _LINES * _WIDTH, placeholder=" ..."), _WIDTH)
    for words, above, size, colour in (
        (str(row["label"].item()), True, 9, "black"),
        (rests, False, 8, GREY),
    ):
        axes.text(
            *(1.0, position + (0.06 if above else 0.04), words),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom" if above else "top",
            fontsize=size,
            color=colour,
        )


def _numbers(axes: Axes, row: xr.Dataset, position: float) -> None:
    if str(row["reason"].item()):
        _cell(axes, _COLUMNS[0][0], position, "not estimated")
        return
    ratio = f"{float(row['median']):.2f} ({float(row['q2.5']):.2f}-{float(row['q97.5']):.2f})"
    months = row["months"].to_numpy()
    gained = "-"
    if np.isfinite(months).all():
        gained = f"{months[1]:+.1f} ({months[0]:+.1f} to {months[2]:+.1f})"
    counts = f"{int(row['patients'])}, {int(row['events'])}"
    if float(row["immortal"]) > 0.0:
        counts += f"; {float(row['immortal']):.0f} immortal months"
    for (at, _), text in zip(_COLUMNS, (ratio, gained, counts), strict=True):
        _cell(axes, at, position, text)
