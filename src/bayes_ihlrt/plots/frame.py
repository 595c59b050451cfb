"""What the figures share: colours that differ in black and white, the frame, ratio axes, files."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from bayes_ihlrt.escaping import printable

DARK: Final = "#16324f"
BRIGHT: Final = "#c8553d"
GREY: Final = "#6b6b6b"
COLOURS: Final = (DARK, BRIGHT)
STYLES: Final = ("solid", (0, (5, 1.5)))
_RATIOS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
_FEW_RATIOS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_FAR: Final = 15.0
"""Ratio of the ends of an axis from which the labels of all ratios would run into each other."""


class _ToldFormatter(FuncFormatter):
    """Labels of ticks, which are names where an axis has names, with what is not seen told."""

    def __init__(self, labels: FuncFormatter) -> None:
        super().__init__(lambda value, position: printable(labels(value, position), keep="\n"))


def _literal(axes: list[Axes], texts: set[Text]) -> None:
    """Let a dollar sign of a name be one, and tell what is not seen: nothing is mathematics."""
    powers: set[Text] = set()
    for one in axes:
        for axis in (one.xaxis, one.yaxis):
            # Asking for the labels makes them.
            labels = set(axis.get_ticklabels(which="both"))
            formatter = axis.get_major_formatter()
            if isinstance(formatter, LogFormatter):
                powers |= labels
            elif type(formatter) is FuncFormatter:
                axis.set_major_formatter(_ToldFormatter(formatter))
            texts |= labels
    for text in texts - powers:
        text.set_parse_math(False)
        # Matplotlib measures what it wraps as mathematics all the same.
        if text.get_wrap() and "$" in text.get_text():
            text.set_wrap(False)
        text.set_text(printable(text.get_text(), keep="\n"))


class _LiteralFigure(Figure):
    """A figure in which a dollar sign of a name is one: no text of it is mathematics."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw, with what is not seen told and nothing parsed."""
        _literal(self.axes, set(self.findobj(Text)))
        super().draw(renderer)


MM: Final = 25.4
_SHORTEST: Final = 0.75
"""Share of its height that a narrower figure keeps."""
NARROW: Final = 5.2
"""Inches below which numbers no longer stand beside a panel, but below the names of its rows."""


def inches(width: float | None, own: float) -> float:
    """Return the width of a figure in inches.

    Parameters
    ----------
    width : float or None
        Millimetres that are asked for.
    own : float
        Inches where nothing is.

    Returns
    -------
    float
        Inches.

    Examples
    --------
    >>> inches(None, 7.0), inches(127.0, 7.0)
    (7.0, 5.0)
    """
    return own if width is None else width / MM


def panels_across(wide: float, most: int, *, least: float = 2.2) -> int:
    """Return how many panels have room beside each other.

    Parameters
    ----------
    wide : float
        Inches.
    most : int
        Panels in a row where there is room.
    least : float
        Inches that a panel needs.

    Returns
    -------
    int
        One at least.

    Examples
    --------
    >>> panels_across(3.3, 3), panels_across(7.0, 3)
    (1, 3)
    """
    return max(1, min(most, int(wide / least)))


def framed_figure(
    data: xr.Dataset,
    *,
    width: float,
    height: float,
    ax: Axes | None = None,
    asked: float | None = None,
) -> FigureBase:
    """Return an empty figure with its title, stamped where the data are synthetic.

    Parameters
    ----------
    data : xarray.Dataset
        With attributes ``title`` and ``synthetic``.
    width, height : float
        Inches.
    ax : matplotlib.axes.Axes, optional
        Axes whose place it takes, as a part of their figure.
    asked : float, optional
        Millimetres of a figure of its own, which is lower in proportion where it is narrower.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.figure.SubFigure
        Without axes.

    Raises
    ------
    ValueError
        `ax` is no part of a grid, so that its place cannot be divided.
    """
    if ax is None:
        wide = inches(asked, width)
        tall = height * max(min(wide / width, 1.0), _SHORTEST)
        figure: FigureBase = _LiteralFigure(figsize=(wide, tall), layout="constrained")
    else:
        place, whole = ax.get_subplotspec(), ax.get_figure()
        if place is None or whole is None:
            message = (
                "these axes are no part of a grid, and the figure has several panels: take axes of "
                "`subplots` or of a GridSpec"
            )
            raise ValueError(message)
        ax.remove()
        figure = whole.add_subfigure(place)
    if data.attrs["synthetic"]:
        figure.text(0.5, 0.5, in_layout=False, **_STAMP)
    figure.suptitle(_title(data), fontsize=10, x=0.01, ha="left", wrap=True)
    return figure


def single_axes(
    data: xr.Dataset, *, width: float, height: float, ax: Axes | None, asked: float | None = None
) -> Axes:
    """Return the axes of a figure of one panel, with its title, stamped where data are synthetic.

    Parameters
    ----------
    data : xarray.Dataset
        With attributes ``title`` and ``synthetic``.
    width, height : float
        Inches, of a figure of its own.
    ax : matplotlib.axes.Axes or None
        Axes to draw in; a figure of its own is made without them.
    asked : float, optional
        Millimetres of a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        Empty; `ax` where it was given.
    """
    if ax is None:
        found: Axes = framed_figure(data, width=width, height=height, asked=asked).subplots()
        return found
    ax.set_title(_title(data), fontsize=10, loc="left")
    if data.attrs["synthetic"]:
        ax.text(0.5, 0.5, transform=ax.transAxes, clip_on=True, **_STAMP)
    return ax


def finished(part: Axes | FigureBase) -> Figure:
    """Return the figure that something was drawn in.

    Parameters
    ----------
    part : matplotlib.axes.Axes, or a figure or part of one
        Where it was drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Names in it are text, never mathematics.
    """
    figure = part.get_figure(root=True)
    if not isinstance(figure, Figure):
        message = "what was drawn is in no figure"
        raise TypeError(message)
    if not isinstance(figure, _LiteralFigure):
        axes = part.findobj(Axes)
        _literal(axes, set(part.findobj(Text)))
    return figure


STAMP: Final = "Synthetic data"
"""What is written across figures whose data were simulated; it may cross words."""
_STAMP: Final[dict[str, Any]] = {
    "s": STAMP,
    "fontsize": 34,
    "color": "0.5",
    "alpha": 0.18,
    "rotation": 25,
    "ha": "center",
    "va": "center",
}


def _title(data: xr.Dataset) -> str:
    return f"{data.attrs['title']}{' (synthetic data)' if data.attrs['synthetic'] else ''}"


LEGEND_NARROW: Final = 7.0
"""Points of the letters of a legend that has the room to the left of its axes only."""


def legend_above(axes: Axes, *, columns: int = 2, narrow: bool = False) -> None:
    """Put the legend between title and axes, where it covers nothing.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Changed.
    columns : int
        Columns of the legend.
    narrow : bool
        Let it end with the axes, as there is room to the left of them only.
    """
    axes.legend(
        frameon=False,
        fontsize=LEGEND_NARROW if narrow else 8,
        loc="lower right" if narrow else "lower left",
        bbox_to_anchor=(1.0, 1.0) if narrow else (0.0, 1.0),
        borderaxespad=0.2,
        ncols=columns,
    )


def beside_rows(
    axes: Axes,
    position: NDArray[np.float64],
    names: Sequence[str],
    numbers: Sequence[str],
    *,
    head: str = "",
    narrow: bool = False,
    size: float | None = 8.0,
) -> None:
    """Name the rows of a panel, with a number for each at the right, or below its name.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Changed.
    position : ndarray, shape (row,)
        Where the rows are.
    names, numbers : sequence of str
        Of each row.
    head : str
        What the numbers are; nothing where they say so themselves.
    narrow : bool
        There is no room at the right.
    size : float or None
        Points of the letters of the names; None is the style's own.
    """
    if narrow:
        names = [f"{name}\n{number}" for name, number in zip(names, numbers, strict=True)]
    else:
        for place, number in zip(position, numbers, strict=True):
            axes.annotate(*(number, (1.02, place)), xycoords=_BESIDE, va="center", fontsize=8)
    axes.set_yticks(position, list(names), fontsize=size)
    if head:
        head_of_rows(axes, float(position.max()) + 0.6, head, narrow=narrow)


def head_of_rows(axes: Axes, top: float, words: str, *, narrow: bool) -> None:
    """Write a heading over the numbers of rows.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Changed.
    top : float
        Where, on the scale of the rows.
    words : str
        The heading.
    narrow : bool
        The numbers stand below the names, at the left.
    """
    at, side = (-0.03, "right") if narrow else (1.02, "left")
    axes.annotate(
        *(words, (at, top)), xycoords=_BESIDE, va="center", ha=side, fontsize=8, color=GREY
    )


_BESIDE: Final = ("axes fraction", "data")


def ratio_axis(axes: Axes, data: xr.Dataset, *, axis: str) -> None:
    """Give an axis a log scale with plain numbers, wide enough for the intervals and for 1.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Changed.
    data : xarray.Dataset
        With ``q2.5`` and ``q97.5`` on the ratio scale.
    axis : str
        ``"x"`` or ``"y"``.
    """
    low = min(float(data["q2.5"].min()), 0.9) / 1.1
    high = max(float(data["q97.5"].max()), 1.1) * 1.1
    low, high = max(low, 0.01), min(high, 100.0)
    target = axes.xaxis if axis == "x" else axes.yaxis
    if axis == "x":
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
    ticks = _RATIOS if high / low < _FAR else _FEW_RATIOS
    target.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    target.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    target.set_minor_locator(NullLocator())
    target.set_minor_formatter(NullFormatter())


def months_since(data: xr.Dataset) -> str:
    """Return the label of an axis of time.

    Parameters
    ----------
    data : xarray.Dataset
        Its attribute ``clock`` says from where months count; time zero where there is none.

    Returns
    -------
    str
        For example ``"Months since the landmark"``.

    Examples
    --------
    >>> months_since(xr.Dataset(attrs={"clock": "the landmark"})), months_since(xr.Dataset())
    ('Months since the landmark', 'Months since time zero')
    """
    return f"Months since {data.attrs.get('clock', 'time zero')}"
