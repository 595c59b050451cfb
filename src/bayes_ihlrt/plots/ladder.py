"""Figure of the bias ladder: the same cohort under every design."""

import textwrap
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayes_ihlrt.plots.frame import BRIGHT, DARK, GREY, framed_figure, ratio_axis

_NULL: Final = "#f0c9a8"
_COLUMNS: Final = ((1.02, "HR (95 %)"), (1.30, "months gained (95 %)"), (1.62, "patients, events"))
_WIDTH: Final = 62
_LINES: Final = 3


def plot_ladder(data: xr.Dataset) -> Figure:
    """Draw the hazard ratio of every rung, most naive first, with what each rests on.

    A rung that was not estimated keeps its line, with the reason.

    Parameters
    ----------
    data : xarray.Dataset
        From `ladder_data`.

    Returns
    -------
    matplotlib.figure.Figure
        Log scale; the band of the first rung holds 95 % of cohorts without any effect.
    """
    count = data.sizes["rung"]
    figure = framed_figure(data, width=11.5, height=1.5 + 0.62 * count)
    axes = figure.subplots()
    position = np.arange(count)[::-1]
    naive = data["naive"].to_numpy().astype(bool)
    for rows, colour, style in ((naive, BRIGHT, "s"), (~naive, DARK, "o")):
        part = data.isel(rung=np.flatnonzero(rows))
        axes.hlines(position[rows], part["q2.5"], part["q97.5"], color=colour, linewidth=2.0)
        axes.plot(part["median"], position[rows], style, color=colour, markersize=6)
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.set_ylim(-0.7, count - 0.3)
    axes.set_yticks(position, [""] * count)
    axes.tick_params(axis="y", length=0)
    ratio_axis(axes, data, axis="x")
    _null_band(axes, data, position[0])
    for i in range(count):
        _labels(axes, data.isel(rung=i), float(position[i]))
    for at, title in _COLUMNS:
        axes.annotate(
            title,
            (at, count - 0.42),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            color=GREY,
            va="bottom",
        )
    axes.set_xlabel("Hazard ratio, treated / untreated (below 1: better with treatment)")
    axes.annotate(
        "\n".join(data.attrs.get("notes", ())),
        (1.0, 0.0),
        xycoords="axes fraction",
        xytext=(0.0, -42.0),
        textcoords="offset points",
        fontsize=7,
        color=GREY,
        ha="center",
        va="top",
    )
    return figure


def _null_band(axes: Axes, data: xr.Dataset, row: float) -> None:
    low, high = data.attrs.get("null_low"), data.attrs.get("null_high")
    if low is None or high is None:
        return
    axes.fill_betweenx([row - 0.3, row + 0.3], low, high, color=_NULL, linewidth=0, zorder=0)
    axes.annotate(
        "95 % of cohorts without any effect",
        (float(np.sqrt(low * high)), row - 0.34),
        fontsize=7,
        color=GREY,
        ha="center",
        va="top",
    )


def _labels(axes: Axes, row: xr.Dataset, position: float) -> None:
    place = ("axes fraction", "data")
    axes.annotate(
        str(row["label"].item()),
        (-0.02, position + 0.06),
        xycoords=place,
        ha="right",
        va="bottom",
        fontsize=9,
    )
    reason = str(row["reason"].item())
    text = f"Not estimated: {reason}" if reason else str(row["assumption"].item())
    axes.annotate(
        textwrap.fill(textwrap.shorten(text, _LINES * _WIDTH, placeholder=" ..."), _WIDTH),
        (-0.02, position + 0.04),
        xycoords=place,
        ha="right",
        va="top",
        fontsize=6.5,
        color=GREY,
    )
    if reason:
        axes.annotate(
            "not estimated", (_COLUMNS[0][0], position), xycoords=place, va="center", fontsize=8
        )
        return
    ratio = f"{float(row['median']):.2f} ({float(row['q2.5']):.2f}-{float(row['q97.5']):.2f})"
    months = row["months"].to_numpy()
    gained = "-"
    if np.isfinite(months).all():
        gained = f"{months[1]:+.1f} ({months[0]:+.1f} to {months[2]:+.1f})"
    counts = f"{int(row['patients'])}, {int(row['events'])}"
    if float(row["immortal"]) > 0.0:
        counts += f"; {float(row['immortal']):.0f} immortal months"
    for (at, _), text in zip(_COLUMNS, (ratio, gained, counts), strict=True):
        axes.annotate(text, (at, position), xycoords=place, va="center", fontsize=8)
