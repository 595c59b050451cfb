"""Leaf: a dataset in, a figure out; nothing is computed here.

Readable in black and white (line styles and shades differ), units on every axis, and "Synthetic
data" across every figure whose data were simulated. The datasets are those of
`bayes_ihlrt.analysis.figure_data`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.effects import plot_forest, plot_hazard_ratio, plot_survival
from bayes_ihlrt.plots.posterior import plot_prior_posterior, plot_trace

__all__ = [
    "PLOTS",
    "plot_forest",
    "plot_hazard_ratio",
    "plot_prior_posterior",
    "plot_survival",
    "plot_trace",
]

PLOTS: Final[Mapping[str, Callable[[xr.Dataset], Figure]]] = {
    "survival": plot_survival,
    "hazard_ratio": plot_hazard_ratio,
    "forest": plot_forest,
    "prior_posterior": plot_prior_posterior,
    "trace": plot_trace,
}
"""The function that draws each dataset of `figure_data`."""
