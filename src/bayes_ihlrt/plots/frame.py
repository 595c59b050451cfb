"""What the figures share: colours that differ in black and white, the frame, ratio axes, files."""

import warnings
from pathlib import Path
from typing import Any, Final

import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogFormatter, NullFormatter, NullLocator

from bayes_ihlrt.escaping import printable
from bayes_ihlrt.names import FigureForm

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


def framed_figure(
    data: xr.Dataset, *, width: float, height: float, ax: Axes | None = None
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
        figure: FigureBase = _LiteralFigure(figsize=(width, height), layout="constrained")
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


def single_axes(data: xr.Dataset, *, width: float, height: float, ax: Axes | None) -> Axes:
    """Return the axes of a figure of one panel, with its title, stamped where data are synthetic.

    Parameters
    ----------
    data : xarray.Dataset
        With attributes ``title`` and ``synthetic``.
    width, height : float
        Inches, of a figure of its own.
    ax : matplotlib.axes.Axes or None
        Axes to draw in; a figure of its own is made without them.

    Returns
    -------
    matplotlib.axes.Axes
        Empty; `ax` where it was given.
    """
    if ax is None:
        found: Axes = framed_figure(data, width=width, height=height).subplots()
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


_STAMP: Final[dict[str, Any]] = {
    "s": "Synthetic data",
    "fontsize": 34,
    "color": "0.5",
    "alpha": 0.18,
    "rotation": 25,
    "ha": "center",
    "va": "center",
}


def _title(data: xr.Dataset) -> str:
    return f"{data.attrs['title']}{' (synthetic data)' if data.attrs['synthetic'] else ''}"


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
        fontsize=7 if narrow else 8,
        loc="lower right" if narrow else "lower left",
        bbox_to_anchor=(1.0, 1.0) if narrow else (0.0, 1.0),
        borderaxespad=0.2,
        ncols=columns,
    )


_MM: Final = 25.4
_NARROW: Final = 0.75
"""Share of its own width below which a figure's legend is set in one column."""
_BEYOND: Final = 0.05
"""Inches by which a line or a letter may pass the edge."""
_NO_ROOM: Final = "constrained_layout not applied"
_FORMATS: Final[dict[str, dict[str, Any]]] = {
    FigureForm.PDF: {"metadata": {"CreationDate": None}},
    FigureForm.SVG: {"metadata": {"Date": None}},
    FigureForm.PNG: {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
}
"""What makes the same figure the same file, by the ending of its name."""
_FONTS: Final[dict[Any, Any]] = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "bayes-ihlrt",
}
"""Letters stay letters: TrueType in PDF, text in SVG."""
DPI: Final = 150


def save_figure(
    figure: Figure,
    file: Path,
    *,
    width: float | None = None,
    height: float | None = None,
    dpi: int | None = None,
) -> None:
    """Write a figure in the form and at the size that a journal asks for.

    Letters keep their size. The same figure gives the same file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it keeps the size that it is given.
    file : Path
        Ends in ``.pdf``, ``.svg`` or ``.png``.
    width : float, optional
        Millimetres; the figure's own by default.
    height : float, optional
        Millimetres; by default the figure's own, or less in proportion where it becomes narrower,
        down to three quarters.
    dpi : int, optional
        Dots per inch of a PNG; 150 by default.

    Raises
    ------
    ValueError
        The ending is another one, or the words have no room at that size.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> figure = Figure(figsize=(4.0, 3.0))
    >>> _ = figure.subplots().plot([0.0, 12.0], [1.0, 0.6])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "survival.pdf"
    ...     save_figure(figure, file, width=85.0)
    ...     file.read_bytes()[:5]
    b'%PDF-'
    """
    kind = file.suffix.removeprefix(".").lower()
    if kind not in _FORMATS:
        message = f"'{file.name}' ends in '{file.suffix}'; allowed: .{', .'.join(_FORMATS)}"
        raise ValueError(message)
    own_width, own_height = figure.get_size_inches()
    share = 1.0 if width is None else width / _MM / own_width
    tall = own_height * max(min(share, 1.0), _NARROW) if height is None else height / _MM
    figure.set_size_inches(own_width * share, tall)
    if share < _NARROW:
        for axes in figure.axes:
            if axes.get_legend() is not None:
                legend_above(axes, columns=1, narrow=True)
    with rc_context(_FONTS):
        if (width is not None or height is not None) and not _has_room(figure):
            wide, high = (f"{_MM * inches:.0f}" for inches in figure.get_size_inches())
            own = f"{_MM * own_width:.0f} by {_MM * own_height:.0f}"
            message = f"its words have no room in {wide} by {high} mm; its own size is {own} mm"
            raise ValueError(message)
        figure.savefig(file, dpi=DPI if dpi is None else dpi, **_FORMATS[kind])


def _has_room(figure: Figure) -> bool:
    """Whether everything that is drawn lies within the figure, and axes have kept a size."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    drawn, (wide, high) = figure.get_tightbbox(), figure.get_size_inches()
    beyond = max(-drawn.x0, -drawn.y0, drawn.x1 - wide, drawn.y1 - high)
    return beyond < _BEYOND and not any(_NO_ROOM in str(one.message) for one in said)


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
