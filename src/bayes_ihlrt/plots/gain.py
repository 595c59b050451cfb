"""Figures of one posterior: months gained, subgroups, prior against posterior, traces and ranks."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayes_ihlrt.plots.frame import (
    BRIGHT,
    DARK,
    GREY,
    NARROW,
    beside_rows,
    finished,
    framed_figure,
    head_of_rows,
    inches,
    legend_above,
    panels_across,
    ratio_axis,
    single_axes,
)

_SHADES: Final = (BRIGHT, "0.75", DARK)
_HATCHES: Final = ("////", "", "")


def plot_gain(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw the posterior density of the months gained, cut into decision regions.

    Parameters
    ----------
    data : xarray.Dataset
        From `gain_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a setting; the probability of each region is written in its panel.
    """
    settings = data["setting"].to_numpy()
    figure = framed_figure(data, width=7.0, height=1.1 + 1.35 * len(settings), ax=ax, asked=width)
    grid = figure.subplots(len(settings), 1, sharex=True, squeeze=False).ravel()
    gain, horizon = float(data.attrs["gain"]), float(data.attrs["horizon"])
    for axes, setting in zip(grid, settings, strict=True):
        part = data.sel(setting=setting)
        _regions(axes, part, gain)
        chance = part["probability"].to_numpy()
        words = (
            f"harm {chance[0]:.2f}\n0 to {gain:g} months {chance[1]:.2f}\n"
            f"> {gain:g} months {chance[2]:.2f}"
        )
        axes.text(0.99, 0.95, words, transform=axes.transAxes, ha="right", va="top", fontsize=8)
        axes.set_title(str(setting), fontsize=9, loc="left")
        axes.set_yticks([])
        axes.set_ylim(bottom=0.0)
    grid[-1].set_xlabel(
        f"Event-free months gained of {horizon:g}: {data.attrs['treated']} less never", fontsize=9
    )
    drawn = str(data.attrs.get("draws", "posterior")).capitalize()
    figure.supylabel(f"{drawn} density", fontsize=9)
    return finished(figure)


def plot_subgroups(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the hazard ratio in each subgroup, as the model shrinks it and by itself.

    Parameters
    ----------
    data : xarray.Dataset
        From `subgroup_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Filled dots: the model's posterior median and 95 % interval; open squares: events per
        month of the subgroup alone, treated over untreated, without a model. Numbers: the model's
        hazard ratio, and the probability that it is below 1, before the data in brackets.
    """
    count = data.sizes["subgroup"]
    axes = single_axes(data, width=7.5, height=1.5 + 0.5 * count, ax=ax, asked=width)
    position = np.arange(count)[::-1].astype(np.float64)
    axes.hlines(position - 0.2, data["low"], data["high"], color=GREY, linewidth=0.9)
    axes.plot(
        data["ratio"],
        position - 0.2,
        "s",
        color=GREY,
        markerfacecolor="white",
        markersize=5,
        label="rates of the subgroup alone",
    )
    axes.hlines(position + 0.1, data["q2.5"], data["q97.5"], color=DARK, linewidth=1.8)
    axes.plot(data["median"], position + 0.1, "o", color=DARK, markersize=6, label="model")
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.axvline(float(data.attrs["overall"]), color=DARK, linewidth=0.8, linestyle="dotted")
    axes.set_ylim(-0.7, count - 0.3)
    ratio_axis(axes, _widest(data), axis="x")
    axes.set_xlabel(
        "Hazard ratio, treated / untreated (log scale), median and 95 % interval\n"
        "(patients; events treated + untreated); dotted: all patients",
        fontsize=9,
    )
    legend_above(axes)
    narrow = inches(width, 7.5) < NARROW
    beside_rows(axes, position, _subgroup_labels(data), _subgroup_numbers(data), narrow=narrow)
    head_of_rows(axes, count - 0.4, "HR (95 %)  P(HR < 1) (before data)", narrow=narrow)
    return finished(axes)


def _regions(axes: Axes, part: xr.Dataset, gain: float) -> None:
    x, height = part["x"].to_numpy(), part["density"].to_numpy()
    edges = (-np.inf, 0.0, gain, np.inf)
    for number, shade in enumerate(_SHADES):
        low, high = max(edges[number], x[0]), min(edges[number + 1], x[-1])
        if not low < high:
            continue
        inside = np.unique([low, *x[(x > low) & (x < high)], high])
        axes.fill_between(
            inside,
            np.interp(inside, x, height),
            color=shade,
            alpha=0.45,
            hatch=_HATCHES[number],
            edgecolor="white",
            linewidth=0.0,
        )
    axes.plot(x, height, color="black", linewidth=0.9)
    for edge in (0.0, gain):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle="dashed" if edge else "solid")


def _subgroup_labels(data: xr.Dataset) -> list[str]:
    names = ("subgroup", "patients", "events_treated", "events_untreated")
    columns = (data[name].to_numpy() for name in names)
    return [
        f"{name}  ({int(n)}; {int(d1)}+{int(d0)})" for name, n, d1, d0 in zip(*columns, strict=True)
    ]


def _widest(data: xr.Dataset) -> xr.Dataset:
    """What the axis shows: intervals of small subgroups run out of the picture, dots do not."""
    return data.assign(
        {
            "q2.5": np.fmin(data["q2.5"], np.fmax(data["low"], 0.1)),
            "q97.5": np.fmax(data["q97.5"], np.fmin(data["high"], 5.0)),
        }
    )


def _subgroup_numbers(data: xr.Dataset) -> list[str]:
    words = []
    for name in data["subgroup"].to_numpy():
        row = data.sel(subgroup=name)
        text = (
            f"{float(row['median']):.2f} ({float(row['q2.5']):.2f}-{float(row['q97.5']):.2f})  "
            f"P {float(row['prob_benefit']):.2f}"
        )
        before = float(row["prior_prob_benefit"])
        text += f" ({before:.2f})" if np.isfinite(before) else ""
        words.append(text)
    return words


_CHAIN_STYLES: Final = ("solid", "dashed", "dotted", "dashdot")


def plot_prior_posterior(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw prior and posterior density of every top-level parameter.

    Parameters
    ----------
    data : xarray.Dataset
        From `prior_posterior_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a parameter; the prior is dashed, the posterior filled.
    """
    names, drawn = data["parameter"].to_numpy(), data.attrs.get("draws", "posterior")
    wide = inches(width, 2.9 * min(3, len(names)) + 0.6)
    columns = panels_across(wide, min(3, len(names)), least=1.6)
    rows = -(-len(names) // columns)
    figure = framed_figure(data, width=wide, height=1.9 * rows + 1.0, ax=ax)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(grid, names, strict=False):
        part = data.sel(parameter=name)
        prior, posterior = part.sel(source="prior"), part.sel(source="posterior")
        axes.fill_between(posterior["x"], posterior["density"], color=DARK, alpha=0.25)
        axes.plot(posterior["x"], posterior["density"], color=DARK, label=drawn)
        axes.plot(prior["x"], prior["density"], color=BRIGHT, linestyle="dashed", label="prior")
        axes.set_title(str(name), fontsize=9)
        axes.set_xlim(float(part["low"]), float(part["high"]))
        axes.set_ylim(bottom=0.0)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.tick_params(labelsize=8)
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    told = "Parameter; coefficients are log hazard ratios"
    keep: dict[str, Any] = {"frameon": False, "fontsize": 9, "ncols": 2}
    # Beside the title there is room in a wide figure only.
    if wide > NARROW:
        figure.legend(handles, labels, loc="outside upper right", **keep)
        figure.supxlabel(told, fontsize=9)
    else:
        keep |= {"title": told, "title_fontsize": 9}
        figure.legend(handles, labels, loc="outside lower center", **keep)
    figure.supylabel("Density", fontsize=9)
    return finished(figure)


def plot_trace(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw the trace and the rank histogram of each chain.

    Parameters
    ----------
    data : xarray.Dataset
        From `trace_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One row a parameter. Chains that agree have flat rank histograms.
    """
    names = data["parameter"].to_numpy()
    figure = framed_figure(data, width=8.0, height=1.15 * len(names) + 1.2, ax=ax, asked=width)
    grid = figure.subplots(len(names), 2, squeeze=False, sharex="col")
    chains = data["chain"].to_numpy()
    shades = [str(0.15 + 0.5 * i / max(1, len(chains) - 1)) for i in range(len(chains))]
    edges = np.linspace(0.0, 1.0, data.sizes["bin"] + 1)
    for (trace, rank), name in zip(grid, names, strict=True):
        part = data.sel(parameter=name)
        for i, chain in enumerate(chains):
            style = _CHAIN_STYLES[i % len(_CHAIN_STYLES)]
            one = part.sel(chain=chain)
            trace.plot(one["draw"], one["draws"], color=shades[i], linewidth=0.3)
            rank.stairs(one["ranks"] * data.sizes["bin"], edges, color=shades[i], linestyle=style)
        trace.set_ylabel(str(name), fontsize=8, rotation=0, ha="right", va="center")
        rank.axhline(1.0, color=BRIGHT, linewidth=0.8)
        rank.set(ylim=(0.0, 2.0), yticks=[0.0, 1.0, 2.0])
        for axes in (trace, rank):
            axes.tick_params(labelsize=7)
    grid[-1, 0].set_xlabel("Draw", fontsize=9)
    grid[-1, 1].set_xlabel("Rank among all draws (0 lowest, 1 highest)", fontsize=9)
    grid[0, 0].set_title("Draws by chain", fontsize=9)
    grid[0, 1].set_title("Density of ranks by chain (1: chains agree)", fontsize=9)
    return finished(figure)
