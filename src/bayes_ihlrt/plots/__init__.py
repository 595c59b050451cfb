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
from bayes_ihlrt.plots.ladder import plot_ladder
from bayes_ihlrt.plots.posterior import plot_prior_posterior, plot_trace
from bayes_ihlrt.plots.trial_replay import plot_trial_replay
from bayes_ihlrt.plots.trials import (
    plot_trial_conduct,
    plot_trial_convergence,
    plot_trial_curves,
    plot_trial_decisions,
    plot_trial_stopping,
    plot_trial_success,
)

__all__ = [
    "PLOTS",
    "plot_connect_s",
    "plot_forest",
    "plot_hazard_ratio",
    "plot_ladder",
    "plot_love",
    "plot_overlap",
    "plot_prior_posterior",
    "plot_survival",
    "plot_trace",
    "plot_trial_conduct",
    "plot_trial_convergence",
    "plot_trial_curves",
    "plot_trial_decisions",
    "plot_trial_replay",
    "plot_trial_stopping",
    "plot_trial_success",
    "plot_weight_sums",
]

PLOTS: Final[Mapping[str, Callable[[xr.Dataset], Figure]]] = {
    "survival": plot_survival,
    "hazard_ratio": plot_hazard_ratio,
    "forest": plot_forest,
    "prior_posterior": plot_prior_posterior,
    "trace": plot_trace,
    "ladder": plot_ladder,
    "love": plot_love,
    "connect_s": plot_connect_s,
    "overlap": plot_overlap,
    "weight_sums": plot_weight_sums,
    "trial_success": plot_trial_success,
    "trial_curves": plot_trial_curves,
    "trial_stopping": plot_trial_stopping,
    "trial_convergence": plot_trial_convergence,
    "trial_conduct": plot_trial_conduct,
    "trial_decisions": plot_trial_decisions,
    "trial_replay": plot_trial_replay,
}
"""The function that draws each dataset, by the name of the figure."""
