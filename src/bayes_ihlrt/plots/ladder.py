"""Figure of the bias ladder: the hazard ratio of every rung, with what it rests on."""

import textwrap
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayes_ihlrt.plots.frame import (
    BRIGHT,
    DARK,
    GREY,
    finished,
    framed_figure,
    inches,
    ratio_axis,
)

_NULL: Final = "#f0c9a8"
_COLUMNS: Final = ((0.0, "HR (95 %)"), (0.3, "months (95 %)"), (0.65, "patients, events"))
_MONTHS: Final = 1
_LETTERS: Final = 58
"""In a line of what a rung rests on."""
_LINES: Final = 3
_BESIDE: Final = 9.0
"""Inches from which numbers stand at the right of the intervals; else below the rung's name."""
_WITH_REASONS: Final = 5.5
"""Inches from which a rung tells what it rests on."""
_LETTER: Final = 0.064
"""Inches of a letter of 8 points, on average; what is wider is wrapped."""
_LINE: Final = 8.0 * 1.3 / 72.0
"""Inches of a line of 8 points."""
_WORDS: Final = 0.58
"""Share of the width for words where numbers stand below names."""


def plot_ladder(data: xr.Dataset, *, ax: Axes | None = None, width: float | None = None) -> Figure:
    """Draw the hazard ratio of every rung, most naive first, with what each rests on.

    A rung that was not estimated keeps its line, with the reason.

    Parameters
    ----------
    data : xarray.Dataset
        From `ladder_data`.
    ax : matplotlib.axes.Axes, optional
        Axes of a grid whose place the panels take; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Log scale; the band of the first rung holds 95 % of cohorts without any effect. Below
        230 mm numbers stand under the names of rungs, and below 140 mm what a rung rests on is
        left to the table.
    """
    wide = inches(width, 10.5)
    if wide < _BESIDE:
        return _stacked(data, wide, ax)
    count = data.sizes["rung"]
    figure = framed_figure(data, width=wide, height=1.5 + 0.72 * count, ax=ax)
    columns = _columns(data)
    names, axes, numbers = figure.subplots(1, 3, sharey=True, width_ratios=[3.7, 3.0, 4.1])
    position = np.arange(count)[::-1].astype(np.float64)
    _intervals(axes, data, position)
    axes.set_ylim(-0.7, count - 0.3)
    for panel in (names, numbers):
        panel.axis("off")
    for i in range(count):
        row = data.isel(rung=i)
        _name(names, row, float(position[i]))
        _numbers(numbers, row, float(position[i]), columns)
    for _, at, title in columns:
        _cell(numbers, at, count - 0.42, title, color=GREY)
    notes = "\n".join(data.attrs.get("notes", ()))
    figure.supxlabel(notes, fontsize=8, color=GREY, x=0.01, ha="left")
    return finished(figure)


def _stacked(data: xr.Dataset, wide: float, ax: Axes | None) -> Figure:
    """Draw the ladder with numbers, and where there is room what rungs rest on, below names."""
    letters, reasons = int(_WORDS * wide / _LETTER), wide >= _WITH_REASONS
    shown = [place for place, _, _ in _columns(data)]
    blocks = [
        _block(data.isel(rung=i), letters, shown, reasons=reasons) for i in range(len(data["rung"]))
    ]
    lines = max(len(name) + len(told) for name, told in blocks)
    count, tall = len(blocks), (lines + 0.8) * _LINE
    figure = framed_figure(data, width=wide, height=1.8 + tall * count, ax=ax)
    names, axes = figure.subplots(1, 2, sharey=True, width_ratios=[_WORDS, 1.0 - _WORDS])
    names.axis("off")
    position = np.arange(count)[::-1].astype(np.float64)
    _intervals(axes, data, position)
    axes.set_ylim(-0.5, count - 0.5)
    for (name, told), place in zip(blocks, position, strict=True):
        for words, above, colour in ((name, 0, "black"), (told, len(name), GREY)):
            names.annotate(
                *("\n".join(words), (0.0, place + 0.45)),
                xycoords=("axes fraction", "data"),
                xytext=(0.0, -72.0 * _LINE * above),
                textcoords="offset points",
                va="top",
                fontsize=8,
                color=colour,
            )
    notes = [*data.attrs.get("notes", ())]
    if not reasons:
        notes.append("What each rung rests on is in the table of the ladder.")
    below = "\n".join(textwrap.fill(note, int(0.88 * wide / _LETTER)) for note in notes)
    figure.supxlabel(below, fontsize=8, color=GREY, x=0.01, ha="left")
    return finished(figure)


def _block(
    row: xr.Dataset, letters: int, shown: list[int], *, reasons: bool
) -> tuple[list[str], list[str]]:
    """Lines of a rung: its name; its numbers and what it rests on, or why it is not there."""
    reason = str(row["reason"].item())
    if reason:
        told = [f"Not estimated: {reason}"]
    else:
        ratio, gained, counts = _told(row)
        months = "months gained: not told" if gained == "-" else f"months gained {gained}"
        words = [f"hazard ratio {ratio}", months, f"patients, events {counts}"]
        told = [words[place] for place in shown]
        told += [str(row["assumption"].item())] * reasons
    lines = [line for words in told for line in textwrap.wrap(words, letters)]
    return textwrap.wrap(str(row["label"].item()), letters), lines


def _intervals(axes: Axes, data: xr.Dataset, position: NDArray[np.float64]) -> None:
    naive = data["naive"].to_numpy().astype(bool)
    for rows, colour, style in ((naive, BRIGHT, "s"), (~naive, DARK, "o")):
        part = data.isel(rung=np.flatnonzero(rows))
        axes.hlines(position[rows], part["q2.5"], part["q97.5"], color=colour, linewidth=2.0)
        axes.plot(part["median"], position[rows], style, color=colour, markersize=6)
    axes.axvline(1.0, color=GREY, linewidth=0.8, linestyle="dashed")
    axes.tick_params(axis="y", length=0, labelleft=False)
    ratio_axis(axes, data, axis="x")
    _null_band(axes, data, float(position[0]))
    axes.set_xlabel(
        "Hazard ratio, treated / untreated\n(below 1: better with treatment)", fontsize=9
    )


def _null_band(axes: Axes, data: xr.Dataset, row: float) -> None:
    low, high = data.attrs.get("null_low"), data.attrs.get("null_high")
    if low is None or high is None:
        return
    axes.fill_betweenx([row - 0.3, row + 0.3], low, high, color=_NULL, linewidth=0, zorder=0)
    axes.annotate(
        "95 % of cohorts\nwithout any effect",
        (float(np.sqrt(low * high)), row - 0.34),
        fontsize=8,
        color=GREY,
        ha="center",
        va="top",
    )


def _cell(axes: Axes, at: float, position: float, words: str, *, color: str = "black") -> None:
    axes.text(
        *(at, position, words),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8,
        color=color,
    )


def _name(axes: Axes, row: xr.Dataset, position: float) -> None:
    """What a rung is, above what it rests on or why it is not there."""
    reason = str(row["reason"].item())
    text = f"Not estimated: {reason}" if reason else str(row["assumption"].item())
    cut = textwrap.shorten(text, _LINES * (_LETTERS - 2), placeholder=" ...")
    for words, above, size, colour in (
        (str(row["label"].item()), True, 9, "black"),
        (textwrap.fill(cut, _LETTERS), False, 8, GREY),
    ):
        axes.text(
            *(1.0, position + (0.06 if above else 0.04), words),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom" if above else "top",
            fontsize=size,
            color=colour,
        )


def _columns(data: xr.Dataset) -> list[tuple[int, float, str]]:
    """Return number, place and head of the columns; no months where no rung may tell any."""
    rest = not np.isfinite(data["months"].to_numpy()).any()
    return [(i, at, head) for i, (at, head) in enumerate(_COLUMNS) if not (rest and i == _MONTHS)]


def _numbers(
    axes: Axes, row: xr.Dataset, position: float, columns: list[tuple[int, float, str]]
) -> None:
    if str(row["reason"].item()):
        _cell(axes, _COLUMNS[0][0], position, "not estimated")
        return
    for place, at, _ in columns:
        _cell(axes, at, position, _told(row)[place])


def _told(row: xr.Dataset) -> tuple[str, str, str]:
    """Hazard ratio, months gained, and on whom a rung rests, in words."""
    ratio = f"{float(row['median']):.2f} ({float(row['q2.5']):.2f}-{float(row['q97.5']):.2f})"
    months, gained = row["months"].to_numpy(), "-"
    if np.isfinite(months).all():
        gained = f"{months[1]:+z.1f} ({months[0]:+z.1f} to {months[2]:+z.1f})"
    counts = f"{int(row['patients'])}, {int(row['events'])}"
    if float(row["immortal"]) > 0.0:
        counts += f"; {float(row['immortal']):.0f} immortal months"
    return ratio, gained, counts
