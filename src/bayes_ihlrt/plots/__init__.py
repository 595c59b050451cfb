"""Leaf: a dataset in, a figure out; nothing is computed here.

Readable in black and white (line styles and shades differ), units on every axis, and "Synthetic
data" across every figure whose data were simulated. The datasets are those of
`bayes_ihlrt.analysis.figure_data` and, for comparability, of `bayes_ihlrt.propensity`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.balance import (
    plot_connect_s,
    plot_love,
    plot_overlap,
    plot_weight_sums,
)
from bayes_ihlrt.plots.effects import plot_forest, plot_hazard_ratio, plot_survival
from bayes_ihlrt.plots.gain import plot_gain, plot_subgroups
from bayes_ihlrt.plots.ladder import plot_ladder
from bayes_ihlrt.plots.posterior import plot_prior_posterior, plot_trace

__all__ = [
    "PLOTS",
    "plot_connect_s",
    "plot_forest",
    "plot_gain",
    "plot_hazard_ratio",
    "plot_ladder",
    "plot_love",
    "plot_overlap",
    "plot_prior_posterior",
    "plot_subgroups",
    "plot_survival",
    "plot_trace",
    "plot_weight_sums",
]

PLOTS: Final[Mapping[str, Callable[[xr.Dataset], Figure]]] = {
    "survival": plot_survival,
    "hazard_ratio": plot_hazard_ratio,
    "forest": plot_forest,
    "gain": plot_gain,
    "subgroups": plot_subgroups,
    "prior_posterior": plot_prior_posterior,
    "trace": plot_trace,
    "ladder": plot_ladder,
    "love": plot_love,
    "connect_s": plot_connect_s,
    "overlap": plot_overlap,
    "weight_sums": plot_weight_sums,
}
"""The function that draws each dataset, by the name of the figure."""
