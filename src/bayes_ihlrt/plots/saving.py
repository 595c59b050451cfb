"""Files of figures, at the width asked for: words are wrapped, and heights grow, until all fit."""

import textwrap
import warnings
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator
from matplotlib.transforms import Bbox

from bayes_ihlrt.names import FigureForm
from bayes_ihlrt.plots.frame import LEGEND_NARROW, MM, STAMP, legend_above

_SHORTEST: Final = 0.75
"""Share of its height that a figure keeps which becomes narrower."""
_BEYOND: Final = 3.0
"""Points by which a line or a letter may pass the edge."""
_TOUCH: Final = 0.8
"""Points by which the boxes of two words may share ground: boxes are larger than letters."""
_NAMES: Final = 0.42
"""Share of the width that names of rows may take."""
_TALLER: Final = 1.1
_TRIES: Final = 16
_FEWEST: Final = 5
"""Letters below which nothing is wrapped."""
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
        The figure; it keeps the size that it is given, and its words their lines.
    file : Path
        Ends in ``.pdf``, ``.svg`` or ``.png``.
    width : float, optional
        Millimetres; the figure's own by default. Names, labels and legends are wrapped for it.
    height : float, optional
        Millimetres; by default the figure's own, less in proportion where it becomes narrower,
        down to three quarters, and more where its words need it.
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
    share = 1.0 if width is None else width / MM / own_width
    tall = own_height * max(min(share, 1.0), _SHORTEST) if height is None else height / MM
    figure.set_size_inches(own_width * share, tall)
    with rc_context(_FONTS):
        if width is not None or height is not None:
            _make_room(figure, grow=height is None)
        figure.savefig(file, dpi=DPI if dpi is None else dpi, **_FORMATS[kind])


def _make_room(figure: Figure, *, grow: bool) -> None:
    """Lay the words of a figure out in its width."""
    own_wide, own_high = figure.get_size_inches()
    fault: str | None = None
    for _ in range(_TRIES):
        fault = _crowded(figure)
        seen = [axes for axes in figure.axes if axes.get_visible()]
        wrapped = [_wrap(axes, figure) for axes in seen]
        if any(wrapped):
            continue
        if fault is None:
            return
        # Once legends and names have left axes their width.
        thinned = [_thin(axes.xaxis) for axes in seen]
        if any(thinned):
            continue
        if not grow:
            break
        wide, high = figure.get_size_inches()
        figure.set_size_inches(wide, high * _TALLER)
    size = f"{MM * own_wide:.0f} by {MM * own_high:.0f} mm"
    message = f"its words have no room in {size}: {fault or 'they are never settled'}"
    raise ValueError(message)


class _Reader(RendererAgg):
    """A renderer that keeps which lines of words are drawn and where, and draws none."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(*figure.bbox.size, figure.dpi)  # type: ignore[no-untyped-call]
        self.read: list[tuple[str, Bbox]] = []

    def draw_text(
        self,
        gc: Any,  # noqa: ARG002
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,  # noqa: FBT002
        mtext: Text | None = None,  # noqa: ARG002
    ) -> None:
        """Keep a line of words; what leans has no box."""
        if s.strip() and s != STAMP and angle % 90.0 == 0.0:
            measured = self.get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call]
            long, tall, deep = measured
            foot = self.height - y
            upright = x - tall + deep, foot, x + deep, foot + long
            level = x, foot - deep, x + long, foot - deep + tall
            self.read.append((s, Bbox.from_extents(*(upright if angle % 180.0 else level))))


def _crowded(figure: Figure) -> str | None:
    """Draw it, and say which words leave the figure or run into each other."""
    # Twice, as words are measured in the layout of the drawing before.
    _fault(figure)
    return _fault(figure)


def _fault(figure: Figure) -> str | None:
    reader = _Reader(figure)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure.draw(reader)
    if any(_NO_ROOM in str(one.message) for one in said):
        return "nothing is left for the axes"
    drawn, (wide, high) = figure.get_tightbbox(reader), figure.get_size_inches()
    if 72.0 * max(-drawn.x0, -drawn.y0, drawn.x1 - wide, drawn.y1 - high) > _BEYOND:
        return "something leaves it"
    for (words, box), (other, second) in combinations(reader.read, 2):
        if _shared(box, second) > _TOUCH * figure.dpi / 72.0:
            return f"'{words}' and '{other}' run into each other"
    return None


def _shared(one: Bbox, other: Bbox) -> float:
    """How deep two boxes reach into each other, in pixels."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(min(wide, high))


def _wrap(axes: Axes, figure: Figure) -> bool:
    """Wrap what is too wide of one panel; say whether anything was."""
    wide, high = figure.bbox.size
    box, place = axes.get_window_extent(), axes.get_subplotspec()
    down, across = (1, 1) if place is None else place.get_gridspec().get_geometry()
    named = max(1, len(axes.get_xticks()))
    found = [
        _beneath(axes, box, wide, across),
        _fold(axes.yaxis.label, 1.1 * box.height if down > 1 else 0.8 * high),
        _fold(axes.title, 1.05 * box.width if across > 1 else wide - box.x0),
        _names(axes.yaxis, _NAMES * wide / across),
        _names(axes.xaxis, 0.95 * box.width / named),
        _legend(axes, box),
    ]
    return any(found)


def _beneath(axes: Axes, box: Bbox, wide: float, across: int) -> bool:
    """Give the label below a panel its room; to the left of it where no other panel stands."""
    label = axes.xaxis.label
    middle = 0.5 * (box.x0 + box.x1)
    room = 1.96 * min(middle, wide - middle)
    if across > 1:
        return _fold(label, min(1.1 * box.width, room))
    if label.get_horizontalalignment() == "center" and label.get_window_extent().width > room:
        label.set(x=1.0, ha="right")
        return True
    return _fold(label, room if label.get_horizontalalignment() == "center" else box.x1)


def _fold(text: Text, room: float) -> bool:
    """Wrap a text at blanks, so that it is as long as the room at most."""
    words, box = text.get_text(), text.get_window_extent()
    length = box.height if text.get_rotation() % 180.0 == 90.0 else box.width
    letters = max(map(len, words.split("\n")))
    if not words.strip() or length <= room or (fewer := int(letters * room / length)) < _FEWEST:
        return False
    text.set_text(_folded(words, fewer))
    return text.get_text() != words


def _folded(words: str, letters: int) -> str:
    lines = words.split("\n")
    return "\n".join(textwrap.fill(line, letters, break_long_words=False) for line in lines)


def _names(axis: Axis, room: float) -> bool:
    """Wrap the names of an axis that has names."""
    labels = axis.get_ticklabels()
    if not isinstance(axis.get_major_locator(), FixedLocator) or not labels:
        return False
    folded = [_fold(label, room) for label in labels if label.get_visible()]
    if not any(folded):
        return False
    axis.set_ticks(axis.get_majorticklocs(), [label.get_text() for label in labels])
    return True


def _thin(axis: Axis) -> bool:
    """Leave out every second of numbers that run into each other, and never one."""
    ticks = axis.get_majorticklocs()
    # Labels of a shared axis that are not drawn have no place.
    labels = [label for label in axis.get_ticklabels() if label.get_text() and label.get_visible()]
    numbers = [label for label in labels if label.get_text().replace(".", "").isdigit()]
    if not isinstance(axis.get_major_locator(), FixedLocator) or len(numbers) != len(ticks):
        return False
    boxes = [label.get_window_extent() for label in numbers]
    if not any(_shared(*pair) > 0.0 for pair in pairwise(boxes)):
        return False
    first = int(np.argmin(np.abs(ticks - 1.0))) % 2
    axis.set_major_locator(FixedLocator(list(ticks[first::2])))
    return True


def _legend(axes: Axes, box: Bbox) -> bool:
    """Give a legend that is wider than its panel fewer columns, then the room to the left of it."""
    legend = axes.get_legend()
    if legend is None:
        return False
    texts = legend.get_texts()
    long, size = legend.get_window_extent().width, texts[0].get_fontsize()
    moved = size == LEGEND_NARROW
    if long <= (box.x1 if moved else 1.05 * box.width):
        return False
    columns = len({round(text.get_window_extent().x0) for text in texts})
    if columns > 1:
        legend_above(axes, columns=columns - 1)
        return True
    if moved:
        letters = max(len(text.get_text()) for text in texts)
        handles, labels = axes.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            handle.set_label(_folded(label, int(0.85 * letters)))
    legend_above(axes, columns=1, narrow=True)
    return True
