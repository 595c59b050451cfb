"""Every figure by its name, with the function that draws it.

Readable in black and white (line styles and shades differ), units on every axis, and "Synthetic
data" across every figure whose data were simulated. The datasets are those of
`bayes_ihlrt.analysis.figures` and, for comparability, of `bayes_ihlrt.propensity`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.causes import plot_incidence
from bayes_ihlrt.plots.checks import (
    plot_effect_by_period,
    plot_hazard_check,
    plot_hazard_families,
    plot_influence,
    plot_prior_survival,
    plot_residuals,
    plot_risk_calibration,
    plot_survival_check,
)
from bayes_ihlrt.plots.effects import plot_forest, plot_hazard_ratio, plot_survival
from bayes_ihlrt.plots.gain import plot_gain, plot_prior_posterior, plot_subgroups, plot_trace
from bayes_ihlrt.plots.propensity import plot_connect_s, plot_love, plot_overlap, plot_weight_sums
from bayes_ihlrt.plots.studies import (
    plot_confounding_contour,
    plot_ladder,
    plot_prior_grid,
    plot_specification_curve,
    plot_tipping_points,
)
from bayes_ihlrt.plots.trials import (
    plot_trial_conduct,
    plot_trial_convergence,
    plot_trial_curves,
    plot_trial_decisions,
    plot_trial_replay,
    plot_trial_stopping,
    plot_trial_success,
)

PLOTS: Final[Mapping[str, Callable[[xr.Dataset], Figure]]] = {
    "survival": plot_survival,
    "incidence": plot_incidence,
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
    "effect_by_period": plot_effect_by_period,
    "hazard_check": plot_hazard_check,
    "hazard_families": plot_hazard_families,
    "influence": plot_influence,
    "prior_survival": plot_prior_survival,
    "residuals": plot_residuals,
    "risk_calibration": plot_risk_calibration,
    "survival_check": plot_survival_check,
    "prior_grid": plot_prior_grid,
    "tipping_points": plot_tipping_points,
    "confounding_contour": plot_confounding_contour,
    "specification_curve": plot_specification_curve,
    "trial_success": plot_trial_success,
    "trial_curves": plot_trial_curves,
    "trial_stopping": plot_trial_stopping,
    "trial_convergence": plot_trial_convergence,
    "trial_conduct": plot_trial_conduct,
    "trial_decisions": plot_trial_decisions,
    "trial_replay": plot_trial_replay,
}
"""The function that draws each dataset, by the name of the figure."""
