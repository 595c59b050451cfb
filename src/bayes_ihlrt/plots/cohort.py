"""Figures of the patients: when treatment started, what a design made of them, their courses."""

import textwrap
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from bayes_ihlrt.names import TIME
from bayes_ihlrt.plots.frame import (
    BRIGHT,
    COLOURS,
    DARK,
    GREY,
    STYLES,
    finished,
    framed_figure,
    legend_above,
    single_axes,
)

_ENDS: Final = ("treatment started", "event before any treatment")
_LETTERS: Final = 26
_BOX: Final[dict[str, Any]] = {
    "boxstyle": "square,pad=0.5",
    "facecolor": "white",
    "edgecolor": DARK,
}
_ARROW: Final[dict[str, Any]] = {"arrowstyle": "-|>", "color": DARK, "linewidth": 0.9}
_MIDDLE: Final = 0.31
_RIGHT: Final = 0.8


def plot_treatment_starts(
    data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None
) -> Figure:
    """Draw the cumulative incidence of starting treatment, with those who can still start.

    Parameters
    ----------
    data : xarray.Dataset
        From `analysis.follow_up.treatment_starts_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Steps of the share treated and of the share with the event before any treatment.
    """
    figure = framed_figure(data, width=6.0, height=3.9, ax=ax, asked=width)
    axes, table = figure.subplots(2, 1, height_ratios=[6, 0.7], sharex=True)
    for number, (end, label) in enumerate(zip(data["end"].to_numpy(), _ENDS, strict=True)):
        axes.step(
            data[TIME],
            data["incidence"].sel(end=end),
            where="post",
            color=COLOURS[1 - number],
            linestyle=STYLES[number],
            label=label,
        )
    axes.set(xlim=(0.0, float(data[TIME].max())), ylim=(0.0, 1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("Cumulative incidence")
    axes.set_xlabel("Months since time zero")
    axes.tick_params(labelbottom=True)
    axes.xaxis.set_major_locator(FixedLocator(data["risk_time"].to_numpy().tolist()))
    legend_above(axes)
    table.set(ylim=(-0.5, 0.5), yticks=[0.0])
    table.set_yticklabels(["untreated,\nfollowed"], fontsize=8)
    table.tick_params(length=0, pad=16, labelbottom=False)
    table.spines[:].set_visible(False)
    for time, count in zip(data["risk_time"].to_numpy(), data["at_risk"].to_numpy(), strict=True):
        table.text(time, 0.0, str(int(count)), fontsize=8, ha="center", va="center")
    return finished(figure)


def plot_flow(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw what a design made of the patients, from the data to how each arm ended.

    Parameters
    ----------
    data : xarray.Dataset
        From `analysis.follow_up.flow_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Boxes of counts, joined by arrows.
    """
    attrs, arms = data.attrs, data["arm"].to_numpy().tolist()
    left_out = [textwrap.fill(line, _LETTERS + 3) for line in attrs["left_out"]]
    axes = single_axes(
        data, width=5.4, height=3.7 + 0.2 * max(0, len(left_out) - 2), ax=ax, asked=width
    )
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    axes.axis("off")
    middle = _MIDDLE if left_out else 0.5
    first = _box(axes, middle, 0.93, f"Patients in the data\n{attrs['assessed']:,}")
    second = _box(axes, middle, 0.63, f"Analysed\n{attrs['analysed']:,}")
    axes.annotate("", (middle, 0.63), (middle, 0.93), arrowprops=_between(first, second))
    if left_out:
        away = _box(axes, _RIGHT, 0.78, "\n".join(["Left out", *left_out]))
        axes.annotate("", (_RIGHT, 0.78), (middle, 0.78), arrowprops={**_ARROW, "patchB": away})
    places = [0.5] if len(arms) == 1 else [0.24, 0.77]
    for number, place in enumerate(places):
        box = _box(axes, place, 0.2, _arm(data.isel(arm=number)))
        axes.annotate("", (place, 0.2), (middle, 0.63), arrowprops=_between(second, box))
    return finished(axes)


def _between(first: object, second: object) -> dict[str, Any]:
    return {**_ARROW, "patchA": first, "patchB": second}


def _box(axes: Axes, x: float, y: float, words: str) -> Any:
    text = axes.text(x, y, words, fontsize=8, ha="center", va="center", bbox=_BOX, zorder=3)
    return text.get_bbox_patch()


def _arm(row: xr.Dataset) -> str:
    counts = {name: int(row[name]) for name in ("follow_ups", "events", "censored", "ended")}
    lines = [
        str(row["arm"].item()),
        f"{counts['follow_ups']:,} {row.attrs['unit']}",
        f"{counts['events']:,} with the event",
    ]
    if counts["censored"]:
        lines.append(f"{counts['censored']:,} {row.attrs['why']}")
    lines.append(f"{counts['ended']:,} followed to the end without it")
    return "\n".join(textwrap.fill(line, _LETTERS) for line in lines)


def plot_swimmer(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw every patient's own course: untreated and treated time, and how it ends.

    Parameters
    ----------
    data : xarray.Dataset
        From `analysis.follow_up.swimmer_data`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One line a patient, numbered by length of follow-up and not identified.
    """
    count = data.sizes["line"]
    axes = single_axes(data, width=6.5, height=max(3.6, 1.6 + 0.085 * count), ax=ax, asked=width)
    place, end = data["line"].to_numpy(), data["end"].to_numpy()
    begin, died = data["treated_from"].to_numpy(), data["event"].to_numpy() == 1.0
    treated = np.isfinite(begin)
    until = np.where(treated, begin, end)
    axes.hlines(place, data["entry"], until, color=GREY, linewidth=1.2, label="untreated")
    axes.hlines(
        place[treated], begin[treated], end[treated], color=BRIGHT, linewidth=2.4, label="treated"
    )
    marks = (
        (treated, begin, ">", BRIGHT, "treatment starts"),
        (died, end, "x", "black", "event"),
        (~died, end, "|", DARK, "end of follow-up without it"),
    )
    for own, at, mark, colour, label in marks:
        axes.plot(
            at[own], place[own], mark, color=colour, markersize=4, linestyle="none", label=label
        )
    axes.set(xlim=(0.0, float(end.max()) * 1.02), ylim=(count + 0.8, 0.2))
    axes.set_xlabel("Months since time zero")
    of = int(data.attrs["of"])
    drawn = "" if of == count else f" ({count} of {of:,}: one in {-(-of // count)})"
    axes.set_ylabel(f"Patients, by length of follow-up{drawn}")
    legend_above(axes, columns=3)
    return finished(axes)
