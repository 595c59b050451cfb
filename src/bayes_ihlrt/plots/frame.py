"""What the figures share: colours that differ in black and white, the frame, ratio axes."""

from typing import Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogFormatter, NullFormatter, NullLocator

from bayes_ihlrt.escaping import printable

DARK: Final = "#16324f"
BRIGHT: Final = "#c8553d"
GREY: Final = "#6b6b6b"
COLOURS: Final = (DARK, BRIGHT)
STYLES: Final = ("solid", (0, (5, 1.5)))
_RATIOS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)


class _ToldFormatter(FuncFormatter):
    """Labels of ticks, which are names where an axis has names, with what is not seen told."""

    def __init__(self, labels: FuncFormatter) -> None:
        super().__init__(lambda value, position: printable(labels(value, position), keep="\n"))


class _LiteralFigure(Figure):
    """A figure in which a dollar sign of a name is one: no text of it is mathematics."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw, with what is not seen told and nothing parsed."""
        powers: set[Text] = set()
        for axes in self.axes:
            for axis in (axes.xaxis, axes.yaxis):
                # Asking for the labels makes them, so that they are found below.
                labels = axis.get_ticklabels(which="both")
                formatter = axis.get_major_formatter()
                if isinstance(formatter, LogFormatter):
                    powers |= set(labels)
                elif type(formatter) is FuncFormatter:
                    axis.set_major_formatter(_ToldFormatter(formatter))
        for text in set(self.findobj(Text)) - powers:
            text.set_parse_math(False)
            text.set_text(printable(text.get_text(), keep="\n"))
        super().draw(renderer)


def framed_figure(data: xr.Dataset, *, width: float, height: float) -> Figure:
    """Return an empty figure with its title, stamped where the data are synthetic.

    Parameters
    ----------
    data : xarray.Dataset
        With attributes ``title`` and ``synthetic``.
    width, height : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
        Without axes.
    """
    figure = _LiteralFigure(figsize=(width, height), layout="constrained")
    title = str(data.attrs["title"])
    if data.attrs["synthetic"]:
        title += " (synthetic data)"
        figure.text(
            0.5,
            0.5,
            "Synthetic data",
            fontsize=34,
            color="0.5",
            alpha=0.18,
            rotation=25,
            ha="center",
            va="center",
            in_layout=False,
        )
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


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
    target.set_major_locator(FixedLocator([tick for tick in _RATIOS if low <= tick <= high]))
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
