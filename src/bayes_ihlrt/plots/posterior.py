"""Figures of draws: prior against posterior, traces and ranks."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayes_ihlrt.plots.frame import BRIGHT, DARK, framed_figure

_CHAIN_STYLES: Final = ("solid", "dashed", "dotted", "dashdot")


def plot_prior_posterior(data: xr.Dataset) -> Figure:
    """Draw prior and posterior density of every top-level parameter.

    Parameters
    ----------
    data : xarray.Dataset
        From `prior_posterior_data`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a parameter; the prior is dashed, the posterior filled.
    """
    names, drawn = data["parameter"].to_numpy(), data.attrs.get("draws", "posterior")
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = framed_figure(data, width=2.9 * columns + 0.6, height=1.9 * rows + 1.0)
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
    figure.legend(handles, labels, frameon=False, fontsize=9, ncols=2, loc="outside upper right")
    figure.supxlabel("Parameter; coefficients are log hazard ratios", fontsize=9)
    figure.supylabel("Density", fontsize=9)
    return figure


def plot_trace(data: xr.Dataset) -> Figure:
    """Draw the trace and the rank histogram of each chain.

    Parameters
    ----------
    data : xarray.Dataset
        From `trace_data`.

    Returns
    -------
    matplotlib.figure.Figure
        One row a parameter. Chains that agree have flat rank histograms.
    """
    names = data["parameter"].to_numpy()
    figure = framed_figure(data, width=8.0, height=1.15 * len(names) + 1.2)
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
    return figure
