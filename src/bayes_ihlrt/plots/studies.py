"""Figures of many analyses side by side: the studies of sensitivity."""

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
    inches,
    legend_above,
    panels_across,
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


def plot_prior_grid(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the hazard ratio under every choice of priors, with its probability of benefit.

    Parameters
    ----------
    data : xarray.Dataset
        From `sensitivity_figures`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior median and 95 % interval, sorted; the stated priors are marked.
    """
    count = data.sizes["cell"]
    figure = framed_figure(data, width=8.0, height=1.6 + 0.19 * count, ax=ax, asked=width)
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


def plot_tipping_points(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the probability of each statement as the prior of the treatment moves.

    Parameters
    ----------
    data : xarray.Dataset
        The data of `tipping_points`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a path; dashed lines are the thresholds, the dotted one the stated prior.
    """
    paths = [str(path) for path in data["path"].to_numpy()]
    wide = inches(width, 4.0 * len(paths))
    across = panels_across(wide, len(paths), least=2.4)
    down = -(-len(paths) // across)
    figure = framed_figure(data, width=wide, height=1.2 + 2.6 * down, ax=ax)
    threshold = float(data.attrs["threshold"])
    stated = {"prior mean": data.attrs["stated_mean"], "prior sd": data.attrs["stated_sd"]}
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes in panels[len(paths) :]:
        axes.set_visible(False)
    for axes, path in zip(panels, paths, strict=False):
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
    for axes in panels[::across]:
        axes.set_ylabel("Posterior probability")
    legend_above(panels[0], columns=1)
    return finished(figure)


def plot_confounding_contour(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the probability of benefit with an unmeasured confounder taken off.

    Parameters
    ----------
    data : xarray.Dataset
        The data of `confounding`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Contours over the confounder's strength and its share of the untreated; the thick line is
        where the statement stops to hold.
    """
    axes = single_axes(data, width=6.8, height=4.6, ax=ax, asked=width)
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


def plot_specification_curve(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the hazard ratio of every analysis, sorted, above what each of them is.

    Parameters
    ----------
    data : xarray.Dataset
        The data of the structure study.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

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
        data, width=max(7.5, 2.5 + 0.3 * count), height=3.2 + 0.17 * choices, ax=ax, asked=width
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
