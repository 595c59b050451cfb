"""Every figure by its name, with the function that draws it.

Readable in black and white (line styles and shades differ), units on every axis, and "Synthetic
data" across every figure whose data were simulated. The datasets are those of
`bayes_ihlrt.analysis.figures` and, for comparability, of `bayes_ihlrt.propensity`.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import xarray as xr
from matplotlib.axes import Axes
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
from bayes_ihlrt.plots.cohort import plot_flow, plot_swimmer, plot_treatment_starts
from bayes_ihlrt.plots.effects import (
    plot_estimates,
    plot_forest,
    plot_hazard_ratio,
    plot_survival,
)
from bayes_ihlrt.plots.gain import plot_gain, plot_prior_posterior, plot_subgroups, plot_trace
from bayes_ihlrt.plots.ladder import plot_ladder
from bayes_ihlrt.plots.propensity import plot_connect_s, plot_love, plot_overlap, plot_weight_sums
from bayes_ihlrt.plots.studies import (
    plot_confounding_contour,
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


class Plot(Protocol):
    """A function that draws one dataset."""

    def __call__(
        self, data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
    ) -> Figure:
        """Draw, in `ax` or in a figure of its own, which has that width in millimetres."""


PLOTS: Final[Mapping[str, Plot]] = {
    "survival": plot_survival,
    "incidence": plot_incidence,
    "hazard_ratio": plot_hazard_ratio,
    "forest": plot_forest,
    "estimates": plot_estimates,
    "gain": plot_gain,
    "subgroups": plot_subgroups,
    "prior_posterior": plot_prior_posterior,
    "trace": plot_trace,
    "flow": plot_flow,
    "treatment_starts": plot_treatment_starts,
    "swimmer": plot_swimmer,
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


def draw_figure(
    name: str, data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw a figure, of its own or where you have room for it.

    Parameters
    ----------
    name : str
        A key of `PLOTS`, such as ``"survival"``.
    data : xarray.Dataset
        What it draws: of a result by ``figure_data(result)[name]``.
    ax : matplotlib.axes.Axes, optional
        Where to draw. A figure of several panels takes the place of these axes, which are then
        part of a grid, as those of `matplotlib.pyplot.subplots` are.
    width : float, optional
        Millimetres of a figure of its own, which lays its panels and numbers out for it. Give
        `save_figure` the same width, which makes room for its words.

    Returns
    -------
    matplotlib.figure.Figure
        To be written by `save_figure`, as PDF, SVG or PNG at a journal's size.

    Raises
    ------
    ValueError
        There is no figure of that name.

    Examples
    --------
    >>> curve = {"estimate": 0.5, "low": 0.4, "high": 0.6}
    >>> data = xr.Dataset(
    ...     {key: (("cell", "trials"), [[value] * 2]) for key, value in curve.items()},
    ...     coords={"cell": ["fixed"], "trials": [1.0, 2.0]},
    ...     attrs={"title": "Power", "synthetic": True})
    >>> [axes.get_xlabel() for axes in draw_figure("trial_convergence", data).axes]
    ['Simulated trials']
    """
    if name not in PLOTS:
        message = f"there is no figure '{name}'; allowed: {', '.join(PLOTS)}"
        raise ValueError(message)
    return PLOTS[name](data, ax=ax, width=width)
