"""What the slider of a report moves: paths of SVG and texts for every position.

All of them are made beforehand, ready to be shown by a page that computes nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bayes_ihlrt.analysis.figures import round_times
from bayes_ihlrt.analysis.prior_words import beside_prior
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import interval, number

WIDTH: Final = 480
HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 12, 46
_RATIOS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels.

    Parameters
    ----------
    low, high : float
        Ends on the scale of the data.
    first, last : float
        Where these ends lie, in pixels.
    log : bool
        Whether equal ratios are equal lengths.
    """

    low: float
    high: float
    first: float
    last: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value, within the ends of the axis."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.first + (self.last - self.first) * (at - low) / ((high - low) or 1.0)

    def inside(self, values: Sequence[float]) -> list[float]:
        """Return the values that lie on the axis.

        Parameters
        ----------
        values : sequence of float
            Such as ticks.

        Returns
        -------
        list of float
            In the same order.
        """
        return [value for value in values if self.low <= value <= self.high]


def line(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Return the path of a line.

    Parameters
    ----------
    xs, ys : sequence of float
        Pixels.

    Returns
    -------
    str
        Attribute ``d`` of an SVG path.

    Examples
    --------
    >>> line([0.0, 1.5], [2.0, 3.0])
    'M0 2L1.5 3'
    """
    points = [f"{round(x, 1):g} {round(y, 1):g}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(points)


def band(xs: Sequence[float], lower: Sequence[float], upper: Sequence[float]) -> str:
    """Return the path of the area between two lines.

    Parameters
    ----------
    xs, lower, upper : sequence of float
        Pixels.

    Returns
    -------
    str
        A closed path.
    """
    return line([*xs, *reversed(xs)], [*lower, *reversed(upper)]) + "Z"


def survival_chart(curves: Mapping[str, Any]) -> dict[str, Any]:
    """Return the survival curves of every set as paths.

    Parameters
    ----------
    curves : dict
        From `analysis.modifier_curves`.

    Returns
    -------
    dict
        ``x_ticks`` and ``y_ticks`` (place, label), the plot's ``box``, and ``sets``: for each set
        the ``line`` and ``band`` of every strategy.
    """
    months = curves["months"]
    x = Axis(0.0, months[-1], _LEFT, WIDTH - _RIGHT)
    y = Axis(0.0, 1.0, HEIGHT - _BOTTOM, _TOP)
    xs = [x(month) for month in months]
    return {
        **_frame(),
        "x_ticks": [(round(x(m), 1), f"{m:g}") for m in round_times(months[-1])],
        "y_ticks": [(round(y(s), 1), f"{s:g}") for s in (0.0, 0.25, 0.5, 0.75, 1.0)],
        "sets": [
            [_drawn(found["survival"][name], xs, y) for name in curves["strategies"]]
            for found in curves["sets"]
        ],
    }


def ratio_chart(curves: Mapping[str, Any], *, log: bool, reference: float) -> dict[str, Any]:
    """Return the hazard ratio over the modifier as paths, with the place of every value.

    Parameters
    ----------
    curves : dict
        From `analysis.modifier_curves`, with values of a modifier.
    log : bool
        Whether the modifier stands on a log scale.
    reference : float
        Value at which the effect of treatment is read.

    Returns
    -------
    dict
        Ticks, ``line`` and ``band``, the height ``one`` of no effect, the ``reference``, and
        ``points``: pixels of each value's median.
    """
    values = curves["values"]
    rows = [found["hazard_ratio"] for found in curves["sets"] if found["at"] is not None]
    low = max(min(0.9, *(row["q2.5"] for row in rows)) / 1.1, 0.01)
    high = min(max(1.1, *(row["q97.5"] for row in rows)) * 1.1, 100.0)
    x = Axis(values[0], values[-1], _LEFT + 10, WIDTH - _RIGHT - 10, log)
    y = Axis(low, high, HEIGHT - _BOTTOM, _TOP, log=True)
    xs = [x(value) for value in values]
    summary = {name: [row[name] for row in rows] for name in ("median", "q2.5", "q97.5")}
    return {
        **_frame(),
        **_drawn(summary, xs, y),
        "x_ticks": [(round(x(v), 1), f"{v:g}") for v in _spread(values, x)],
        "y_ticks": [(round(y(r), 1), f"{r:g}") for r in y.inside(_RATIOS)],
        "one": round(y(1.0), 1),
        "reference": round(x(reference), 1),
        "points": [
            (round(place, 1), round(y(row["median"]), 1))
            for place, row in zip(xs, rows, strict=True)
        ],
    }


def _frame() -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "box": (_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM),
    }


def _drawn(summary: Mapping[str, Sequence[float]], xs: Sequence[float], y: Axis) -> dict[str, str]:
    place = {name: [y(value) for value in values] for name, values in summary.items()}
    return {
        "line": line(xs, place["median"]),
        "band": band(xs, place["q2.5"], place["q97.5"]),
    }


def _spread(values: Sequence[float], x: Axis) -> list[float]:
    """Values whose labels do not touch."""
    kept: list[float] = []
    for value in values:
        if not kept or x(value) - x(kept[-1]) > 32.0:
            kept.append(value)
    return kept


_OWN: Final = "patients' own values"


def effect_view(output: Output) -> dict[str, Any] | None:
    """Return charts and texts of the effect of treatment at every value of the modifier.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    dict or None
        ``modifier``, ``strategies``, ``months`` and their ``clock``, the charts ``survival`` and
        ``ratio``, and ``positions``: the text of every number at the cohort's own values and at
        each value. None
        without a treatment or a modifier.
    """
    curves, modifier = output.brief["curves"], output.spec.modifier
    if modifier is None or not curves["values"]:
        return None
    log = modifier.transform is ModifierTransform.LOG2
    return {
        "modifier": output.spec.labels.with_unit(modifier.name),
        "strategies": curves["strategies"],
        "months": curves["months"],
        "clock": curves["clock"],
        "survival": survival_chart(curves),
        "ratio": ratio_chart(curves, log=log, reference=modifier.reference),
        "positions": [_position(found, curves["strategies"]) for found in curves["sets"]],
        "curves": [
            [found["survival"][name] for name in curves["strategies"]] for found in curves["sets"]
        ],
    }


def _position(found: Mapping[str, Any], strategies: list[str]) -> dict[str, Any]:
    ratio = found["hazard_ratio"]
    rows = [["Hazard ratio, treated / untreated", _told(ratio, 2), _chance(ratio), "", ""]]
    for name, words, digits in (
        ("survival_at", "Event-free at month {:g}", 2),
        ("rmst", "Event-free months of {:g}", 1),
    ):
        for row in found[name]:
            difference = row["difference"]
            rows.append(
                [
                    words.format(row["horizon"]),
                    _told(difference, digits),
                    _chance(difference),
                    *[_told(row[strategy], digits) for strategy in strategies],
                ]
            )
    return {"at": _OWN if found["at"] is None else f"{found['at']:g}", "rows": rows}


def _told(summary: Mapping[str, float | None], digits: int) -> str:
    middle = number(summary["median"], digits)
    return f"{middle} ({interval(summary['q2.5'], summary['q97.5'], digits=digits)})"


def _chance(summary: Mapping[str, float | None]) -> str:
    after = number(summary["prob_benefit"], 2, missing="not defined")
    return beside_prior(after, summary.get("prior_prob_benefit"))
