"""What the slider of a report moves: paths and texts, made beforehand for every position."""

from collections.abc import Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.prior_words import beside_prior
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.report.numbers import interval, number
from bayes_ihlrt.report.outputs import Output
from bayes_ihlrt.report.svg import ratio_chart, survival_chart

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
        "modifier": modifier.name,
        "strategies": curves["strategies"],
        "months": curves["months"],
        "clock": curves.get("clock", "time zero"),
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
        ("survival_at", "Survival at month {:g}", 2),
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
