"""Figures of comparability: balance, overlap of propensities, sums of weights."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.plots.frame import (
    BRIGHT,
    COLOURS,
    DARK,
    GREY,
    NARROW,
    STYLES,
    finished,
    framed_figure,
    inches,
    legend_above,
    panels_across,
    single_axes,
)

_BEYOND: Final = 1.0
"""Differences larger than this are drawn at the edge, as arrows."""
_SAMPLES: Final = (
    ("unweighted", "white", BRIGHT, "before weighting"),
    ("weighted", DARK, DARK, "after weighting"),
)
_GREYS: Final = ("#ffffff", "#d9d9d9", "#8f8f8f", "#4a4a4a", "#000000")
_STEPS: Final = (0.0, 0.1, 0.15, 0.2, 0.25, 10.0)


def plot_love(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw standardised mean differences before and after weighting, one panel a subset.

    Parameters
    ----------
    data : xarray.Dataset
        From `balance_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Treated minus control; a covariate counts as balanced between the dashed lines.
    """
    subsets, covariates = data["subset"].to_numpy(), data["covariate"].to_numpy()
    wide = inches(width, max(7.0, 2.2 + 1.9 * min(4, len(subsets))))
    columns = panels_across(wide, min(4, len(subsets)), least=1.7)
    rows = -(-len(subsets) // columns)
    figure = framed_figure(
        data,
        width=wide,
        height=rows * (1.1 + 0.26 * len(covariates)) + 1.2,
        ax=ax,
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    largest = float(np.nanmax(np.abs(data["smd"].where(np.isfinite(data["smd"]))), initial=0.0))
    limit = min(_BEYOND, max(0.3, 1.1 * largest))
    for axes, name in zip(grid.ravel(), subsets, strict=False):
        _love_panel(axes, data.sel(subset=name), limit=limit)
        axes.set_title(str(name), fontsize=9)
    for axes in grid.ravel()[len(subsets) :]:
        axes.set_visible(False)
    grid[0, 0].set_yticks(range(len(covariates)), [str(c) for c in covariates[::-1]], fontsize=8)
    for axes in grid[-1, : len(subsets) - columns * (rows - 1)]:
        axes.set_xlabel("Standardised mean difference", fontsize=8)
    entries: dict[str, Artist] = {}
    for axes in grid.ravel():
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(
        list(entries.values()),
        list(entries),
        frameon=False,
        fontsize=8,
        ncols=panels_across(wide, 4, least=1.7),
        loc="outside lower center",
    )
    return finished(figure)


def plot_overlap(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw the propensities of the treated upwards and of the controls downwards.

    Parameters
    ----------
    data : xarray.Dataset
        From `overlap_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Outlines before weighting, filled after weighting.
    """
    axes = single_axes(data, width=7.0, height=4.2, ax=ax, asked=width)
    narrow = inches(width, 7.0) < NARROW
    edges = data["edge"].to_numpy()
    highest = 1.15 * float(data["share"].max())
    for arm, sign, colour in (("treated", 1.0, BRIGHT), ("control", -1.0, DARK)):
        part = data["share"].sel(arm=arm)
        axes.stairs(
            sign * part.sel(sample="weighted"),
            edges,
            fill=True,
            color=colour,
            alpha=0.35,
            label=f"{arm}, weighted",
        )
        axes.stairs(
            sign * part.sel(sample="unweighted"),
            edges,
            color=colour,
            linewidth=1.4,
            label=f"{arm}, as observed",
        )
        note, place = _overlap_note(data, arm, narrow=narrow), (0.985, sign * 0.82 * highest)
        axes.text(*place, note, ha="right", va="center", fontsize=8)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set(xlim=(0.0, 1.0), ylim=(-highest, highest))
    axes.set_xlabel("Probability of treatment (propensity)")
    axes.set_ylabel("Share of the arm\n(controls below, treated above)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
    legend_above(axes)
    return finished(axes)


def plot_connect_s(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw balance after weighting for every subset and covariate, with what weighting costs.

    Parameters
    ----------
    data : xarray.Dataset
        From `balance_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Darker is worse; at the right patients, effective sample sizes and variance inflation.

    References
    ----------
    Yang S, et al. Stat Med 2021, doi 10.1002/sim.9029.
    """
    subsets, covariates = data["subset"].to_numpy(), data["covariate"].to_numpy()
    weighted = data["smd"].sel(sample="weighted").transpose("subset", "covariate")
    values = np.abs(weighted.to_numpy())
    figure = framed_figure(
        data,
        width=4.9 + 0.5 * len(covariates),
        height=2.8 + 0.34 * len(subsets),
        ax=ax,
        asked=width,
    )
    axes, table = figure.subplots(1, 2, width_ratios=[len(covariates), 5], sharey=True)
    _shaded_matrix(axes, values)
    labels = [str(covariate) for covariate in covariates]
    axes.set_xticks(range(len(covariates)), labels, rotation=35, fontsize=8, ha="right")
    axes.set_yticks(range(len(subsets)), [str(subset) for subset in subsets], fontsize=8)
    axes.set_xlim(-0.6, len(covariates) - 0.4)
    axes.set_ylim(len(subsets) - 0.4, -0.6)
    for panel in (axes, table):
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    _cost_table(table, data)
    figure.supxlabel(
        "Shade: absolute standardised mean difference after weighting (white: balanced; cross: too "
        "few patients to tell)",
        fontsize=8,
        x=0.01,
        ha="left",
        wrap=True,
    )
    return finished(figure)


def plot_weight_sums(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the sum of weights over time under each strategy beside those naturally at risk.

    Parameters
    ----------
    data : xarray.Dataset
        From `weight_sum_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The coloured lines should lie on the black one; the ratio is below.
    """
    figure = framed_figure(data, width=7.0, height=5.0, ax=ax, asked=width)
    axes, below = figure.subplots(2, 1, height_ratios=[3, 1.3], sharex=True)
    axes.step(data[TIME], data["at_risk"], where="post", color="black", label="naturally at risk")
    for i, name in enumerate(data[STRATEGY].to_numpy()):
        part = data.sel({STRATEGY: name})
        colour, style = COLOURS[i % len(COLOURS)], STYLES[i % len(STYLES)]
        axes.step(
            part[TIME],
            part["weight_sum"],
            where="post",
            color=colour,
            linestyle=style,
            label=f"sum of weights, {name}",
        )
        axes.step(
            part[TIME],
            part["unweighted"],
            where="post",
            color=colour,
            linestyle=style,
            linewidth=0.8,
            alpha=0.6,
            label=f"patients followed, {name}",
        )
        below.step(part[TIME], part["ratio"], where="post", color=colour, linestyle=style)
    axes.set(ylabel="Patients", xlim=(float(data[TIME].min()), float(data[TIME].max())))
    axes.set_ylim(bottom=0.0)
    legend_above(axes)
    below.axhline(1.0, color="black", linewidth=0.8)
    below.set_ylabel("Sum of weights\n/ at risk")
    below.set_xlabel("Months since time zero")
    return finished(figure)


def _love_panel(axes: Axes, data: xr.Dataset, *, limit: float) -> None:
    balanced = float(data.attrs["balanced"])
    count = data.sizes["covariate"]
    position = np.arange(count)[::-1]
    axes.axvspan(
        -balanced,
        balanced,
        color=GREY,
        alpha=0.1,
        linewidth=0,
        label=f"balanced (below {balanced:g})",
    )
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    for edge in (-balanced, balanced):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle="dashed")
    for sample, fill, outline, label in _SAMPLES:
        value = data["smd"].sel(sample=sample).to_numpy()
        look: dict[str, Any] = {
            "linestyle": "none",
            "markerfacecolor": fill,
            "markeredgecolor": outline,
        }
        near = np.abs(value) <= limit
        axes.plot(value[near], position[near], marker="o", markersize=6, label=label, **look)
        for side, arrow in ((1.0, ">"), (-1.0, "<")):
            far = side * value > limit
            if far.any():
                at = np.full(far.sum(), side * limit)
                axes.plot(at, position[far], marker=arrow, label="beyond the axis", **look)
    axes.set(xlim=(-1.08 * limit, 1.08 * limit), ylim=(-0.6, count - 0.4))
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)


def _overlap_note(data: xr.Dataset, arm: str, *, narrow: bool) -> str:
    beyond = float(data["beyond"].sel(arm=arm))
    rows = int(data["rows"].sel(arm=arm))
    between = ",\n" if narrow else ", "
    return f"{arm}: {rows} decisions{between}{beyond:.0%} beyond the other arm"


def _shaded_matrix(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draw one circle a difference, darker where it is larger, and the scale below."""
    shades = ListedColormap(list(_GREYS))
    norm = BoundaryNorm(_STEPS, shades.N)
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            if np.isnan(value):
                axes.plot(column, row, marker="x", color=GREY)
            else:
                shade = shades(norm(min(value, 9.0)))
                axes.plot(column, row, "o", markersize=13, color=shade, markeredgecolor="black")
    bar = axes.figure.colorbar(
        ScalarMappable(norm, shades), ax=axes, location="bottom", shrink=0.9, aspect=30
    )
    bar.set_ticks([0.0, 0.1, 0.15, 0.2, 0.25], labels=["0", "0.1", "0.15", "0.2", "0.25"])
    bar.ax.tick_params(labelsize=8)


def _cost_table(axes: Axes, data: xr.Dataset) -> None:
    """Write patients, effective sample sizes and variance inflation beside the matrix."""
    heads = ("Patients", "Effective\nsample size", "Variance\ninflation")
    axes.set_xticks(range(3), heads, fontsize=8)
    axes.xaxis.tick_top()
    axes.set_xlim(-0.6, 2.6)
    axes.tick_params(labelleft=False)
    for i, name in enumerate(data["subset"].to_numpy()):
        part = data.sel(subset=name)
        patients, size = part["patients"].to_numpy(), part["ess"].to_numpy()
        inflation = float(part["variance_inflation"])
        texts = (
            f"{patients[0]:.0f} / {patients[1]:.0f}",
            f"{size[0]:.1f} / {size[1]:.1f}",
            f"{inflation:.2f}" if np.isfinite(inflation) else "-",
        )
        for column, text in enumerate(texts):
            axes.text(column, i, text, fontsize=8, ha="center", va="center")
    axes.set_xlabel("treated / control", fontsize=8)
