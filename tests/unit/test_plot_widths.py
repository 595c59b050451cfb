"""Figures lay themselves out at the widths of journals: no word leaves them or meets another."""

import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.plots.frame import STAMP
from bayes_ihlrt.plots.saving import save_figure
from figure_cases import made

WIDTHS = (85.0, 120.0, 180.0)
# Boxes of words are larger than their letters: pixels, of 100 an inch.
TOUCH = 4.0
QUICK = {(name, 85.0) for name in ("forest", "gain", "subgroups", "ladder", "survival")}


def drawn(figure, monkeypatch):
    """Return every text that is drawn, and the corners of its box."""
    canvas, found = FigureCanvasAgg(figure), {}
    draw = Text.draw

    def spy(text, renderer, *arguments, **options):
        if text.get_visible() and text.get_text().strip() not in {"", STAMP}:
            found[text] = renderer
        return draw(text, renderer, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", spy)
        canvas.draw()
    return [(text.get_text(), corners(text, renderer)) for text, renderer in found.items()]


def corners(text, renderer):
    box, angle = text.get_window_extent(renderer), text.get_rotation()
    if angle % 90.0 == 0.0:
        return np.array([[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]])
    text.set_rotation(0.0)
    level = text.get_window_extent(renderer)
    text.set_rotation(angle)
    half = 0.5 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    middle = [0.5 * (box.x0 + box.x1), 0.5 * (box.y0 + box.y1)]
    return half * [level.width, level.height] @ np.array([[cos, sin], [-sin, cos]]) + middle


def depth(one, other):
    """Return how deep two boxes reach into each other: the shortest way that parts them."""
    ways = []
    for box in (one, other):
        for first, second in zip(box, np.roll(box, -1, axis=0), strict=True):
            across = np.array([first[1] - second[1], second[0] - first[0]])
            if not across.any():
                return 0.0
            a, b = (points @ (across / np.linalg.norm(across)) for points in (one, other))
            ways.append(min(a.max(), b.max()) - max(a.min(), b.min()))
    return min(ways)


def faults(figure, monkeypatch):
    words, size = drawn(figure, monkeypatch), np.array(figure.bbox.size)
    beyond = [
        text
        for text, box in words
        if (box.min(axis=0) < -TOUCH).any() or (box.max(axis=0) > size + TOUCH).any()
    ]
    crossed = [
        (text, other)
        for i, (text, box) in enumerate(words)
        for other, second in words[:i]
        if depth(box, second) > TOUCH
    ]
    return [*beyond, *crossed]


@pytest.mark.parametrize(
    ("name", "width"),
    [
        pytest.param(
            name, width, marks=[] if name in QUICK and width == WIDTHS[0] else pytest.mark.slow
        )
        for name in PLOTS
        for width in WIDTHS
    ],
)
def test_words_have_room_at_the_widths_of_journals(name, width, tmp_path, monkeypatch):
    figure = PLOTS[name](made(name, synthetic=True), width=width)
    save_figure(figure, tmp_path / "figure.svg", width=width)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width)
    assert faults(figure, monkeypatch) == []


@pytest.mark.parametrize("words", ["an axis that is far too long for its figure", "x " * 40])
def test_words_that_run_into_each_other_are_found(words, monkeypatch):
    figure = Figure(figsize=(2.0, 2.0))
    figure.text(0.1, 0.5, words)
    figure.text(0.1, 0.52, words)
    assert len(faults(figure, monkeypatch)) == 3


def test_a_size_without_room_is_refused(tmp_path):
    figure = PLOTS["ladder"](made("ladder"), width=85.0)
    with pytest.raises(ValueError, match=r"no room in 85 by 30 mm: "):
        save_figure(figure, tmp_path / "ladder.pdf", width=85.0, height=30.0)


def test_numbers_of_rows_stand_below_their_names_in_a_narrow_figure():
    (axes,) = PLOTS["forest"](made("forest"), width=85.0).axes
    assert axes.get_yticklabels()[0].get_text() == "ihlrt, at nlr 3\n0.60 (0.35-1.03)"
    (wide,) = PLOTS["forest"](made("forest")).axes
    assert wide.get_yticklabels()[0].get_text() == "ihlrt, at nlr 3"
