"""Figure of competing causes: cumulative incidence of each by strategy."""

from typing import Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bayes_ihlrt.names import CAUSE, STRATEGY, TIME
from bayes_ihlrt.plots.frame import (
    COLOURS,
    GREY,
    STYLES,
    finished,
    framed_figure,
    inches,
    months_since,
    panels_across,
)

_ACROSS: Final = 2
_ENTRY: Final = {"treated": " (enters at treatment)"}


def plot_incidence(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw cumulative incidence by cause and strategy, with what is counted beside the model.

    Parameters
    ----------
    data : xarray.Dataset
        From `incidence_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a cause, on one scale: posterior median and 95 % interval, Aalen-Johansen in thin
        steps, and dotted what one minus Kaplan-Meier would say.
    """
    causes = [str(name) for name in data[CAUSE].to_numpy()]
    wide = inches(width, 7.6)
    across = panels_across(wide, _ACROSS)
    down = -(-len(causes) // across)
    figure = framed_figure(data, width=wide, height=1.1 + 3.1 * down, ax=ax)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, cause in zip(panels, causes, strict=False):
        _panel(panel, data.sel({CAUSE: cause}))
        panel.set_title(cause, fontsize=10)
        panel.set_xlabel(months_since(data))
        panel.tick_params(labelbottom=True)
    for panel in panels[len(causes) :]:
        panel.set_visible(False)
    top = float(max(data["q97.5"].max(), data["naive"].max()))
    panels[0].set(ylim=(0.0, min(1.0, 1.05 * top)), xlim=(0.0, float(data[TIME].max())))
    panels[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for row in range(down):
        panels[row * across].set_ylabel("Cumulative incidence")
    handles, labels = panels[0].get_legend_handles_labels()
    columns = panels_across(wide, 2, least=2.6)
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=8,
    )
    return finished(figure)


def _panel(axes: Axes, data: xr.Dataset) -> None:
    drawn = data.attrs.get("draws", "posterior")
    for i, name in enumerate(data[STRATEGY].to_numpy()):
        part = data.sel({STRATEGY: name})
        colour, style = COLOURS[i], STYLES[i]
        axes.fill_between(
            part[TIME], part["q2.5"], part["q97.5"], color=colour, alpha=0.15, linewidth=0
        )
        label = f"{drawn}, {name}"
        axes.plot(part[TIME], part["median"], color=colour, linestyle=style, label=label)
    states = [str(state) for state in data["state"].to_numpy()]
    for i, state in enumerate(states):
        part = data.sel(state=state)
        axes.step(
            part["step_time"],
            part["counted"],
            where="post",
            color=COLOURS[i],
            linestyle=STYLES[i],
            linewidth=0.8,
            alpha=0.8,
            label=f"Aalen-Johansen, {state}{_ENTRY.get(state, '')}",
        )
    for i, state in enumerate(states):
        part = data.sel(state=state)
        axes.step(
            part["step_time"],
            part["naive"],
            where="post",
            color=COLOURS[i] if len(states) > 1 else GREY,
            linestyle="dotted",
            linewidth=0.9,
            label=f"1 - Kaplan-Meier, {state}: too high",
        )
