"""The treatment's effect in words: baseline hazards, modifier, numbers needed to treat, balance.

References
----------
Altman DG. Confidence intervals for the number needed to treat. BMJ 1998;317:1309-1312,
doi 10.1136/bmj.317.7168.1309.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.analysis.flexible_baseline import BaselineComparison
from bayes_ihlrt.names import in_months
from bayes_ihlrt.results.table import (
    Column,
    Record,
    Table,
    estimate,
    facts_table,
    figure,
    interval,
    own_values,
    text,
)

_SUMMARY: Final = ("median", "q2.5", "q97.5")


def flexible_sentences(found: BaselineComparison | None) -> tuple[str, ...]:
    """Return the effect under a flexible baseline, where treatment changes during follow-up.

    Parameters
    ----------
    found : BaselineComparison or None
        Of a result.

    Returns
    -------
    tuple of str
        One sentence; none where the chosen baseline is the flexible one.
    """
    if found is None:
        return ()
    if found.flexible is None:
        return (
            "The effect under a flexible baseline hazard could not be estimated, so nothing shows "
            f"whether the {found.chosen.hazard} baseline decides it: {found.reason}",
        )
    if found.flexible is found.chosen:
        return ()
    low, middle, high = (
        math.exp(found.flexible.log_hr[key]) for key in ("q2.5", "median", "q97.5")
    )
    numbers = f"{middle:.2f} (95 % interval {low:.2f} to {high:.2f})"
    if found.differs:
        return (
            f"Under a flexible baseline hazard ({found.flexible.hazard}) the hazard ratio is "
            f"{numbers}, against {math.exp(found.chosen.log_hr['median']):.2f} under the chosen "
            f"{found.chosen.hazard} baseline: the shape of the hazard decides, and what follows "
            "rests on the chosen one.",
        )
    return (
        f"Under a flexible baseline hazard ({found.flexible.hazard}) it is much the same: hazard "
        f"ratio {numbers}.",
    )


def baseline_table(found: Mapping[str, Any]) -> Table:
    """Return the table of a report.

    Parameters
    ----------
    found : mapping
        ``baseline`` of ``result.json``.

    Returns
    -------
    Table
        One row a baseline: hazard ratio and months gained.
    """
    parts = {"chosen": found["chosen"]}
    if found["flexible"] is not None and found["flexible"] != found["chosen"]:
        parts["flexible"] = found["flexible"]
    rows = []
    for role, part in parts.items():
        gain = part["rmst_difference"] or {}
        row: dict[str, Any] = {"baseline": f"{role}: {part['hazard']}"}
        row |= {f"hr_{key}": math.exp(part["log_hr"][key]) for key in _SUMMARY}
        row |= {f"gain_{key}": gain.get(key) for key in _SUMMARY}
        rows.append(row)
    months = f"Months gained of {found['horizon']:g} (95 % interval)"
    columns = (
        text("Baseline hazard", "baseline"),
        estimate("Hazard ratio (95 % interval)", 2, middle="hr_median", ends=_ends("hr")),
        estimate(months, 2, middle="gain_median", ends=_ends("gain")),
    )
    return Table("baseline", "Treatment by baseline hazard", columns, tuple(rows))


def _ends(name: str) -> tuple[str, str]:
    return f"{name}_q2.5", f"{name}_q97.5"


NEEDED: Final = "number_needed_to_treat"
_MANY: Final = "infinitely many"


def needed_table(rows: Sequence[Record], modifier: str) -> Table:
    """Return the table of numbers needed to treat.

    Parameters
    ----------
    rows : sequence of mapping
        Estimands of ``result.json`` named ``number_needed_to_treat``.
    modifier : str
        Name of the effect modifier; empty for none.

    Returns
    -------
    Table
        One row for each month and value of the modifier.
    """
    columns = [figure("Event-free at month", "horizon", 0)]
    if modifier:
        columns.append(
            Column(
                modifier,
                lambda row: (
                    own_values(row["population"]) if row["at"] is None else f"{row['at']:g}"
                ),
                "at",
            )
        )
    columns.append(
        Column("Patients treated for one more to be event-free (95 %)", _words, "median")
    )
    note = (
        "One over the difference in survival. To harm: for one fewer to be event-free. Where the "
        "difference may be of either sign, the interval runs through infinitely many."
    )
    return Table("needed", "Number needed to treat", tuple(columns), tuple(rows), note)


def needed_words(middle: float | None, low: float | None, high: float | None) -> str:
    """Return a number needed to treat with its interval.

    Parameters
    ----------
    middle : float or None
        One over the median difference; None where that is 0.
    low, high : float or None
        One over the upper and the lower limit of the difference.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> needed_words(9.2, 5.1, 40.0)
    '9 to benefit (5 to 40)'
    >>> needed_words(9.2, 5.1, -30.0)
    '9 to benefit (5 to benefit, through infinitely many, to 30 to harm)'
    >>> needed_words(-10.0, -20.0, -5.0)
    '10 to harm (5 to 20)'
    """
    ends = [value for value in (low, high) if value is not None]
    if len(ends) == 2 and ends[0] * ends[1] > 0.0:
        least, most = sorted(abs(value) for value in ends)
        return f"{_told(middle)} ({least:,.0f} to {most:,.0f})"
    return f"{_told(middle)} ({_told(low)}, through {_MANY}, to {_told(high)})"


def _words(record: Record) -> str:
    return needed_words(record["median"], record["q2.5"], record["q97.5"])


def _told(value: float | None) -> str:
    if value is None:
        return _MANY
    return f"{abs(value):,.0f} to {'benefit' if value > 0.0 else 'harm'}"


def interaction_tables(found: Mapping[str, Any], modifier: str, drawn: str) -> list[Table]:
    """Return whether the effect depends on the modifier, on every scale.

    Parameters
    ----------
    found : mapping
        ``interaction`` of ``result.json``; empty where the analysis tells none.
    modifier : str
        Name of the modifier.
    drawn : str
        What draws are called.

    Returns
    -------
    list of Table
        Measures, statements, and where probabilities pass a level.
    """
    if not found:
        return []
    tables = [_measures(found, modifier, drawn)]
    statements = tuple(found["statements"])
    if statements:
        said = (
            text("Statement", "words"),
            figure(f"P({drawn})", "posterior", 2),
            figure("P(prior)", "prior", 2),
        )
        title = "Statements, with their probability given the data and before them"
        tables.append(Table("interaction-statements", title, said, statements))
    if found["crossings"]:
        tables.append(_crossings(found, modifier))
    return tables


def _measures(found: Mapping[str, Any], modifier: str, drawn: str) -> Table:
    low, high, horizon = f"{found['low']:g}", f"{found['high']:g}", f"{found['horizon']:g}"
    additive, contrasts = found["additive"], found["contrasts"]
    ratio = found["multiplicative"]
    step = ratio["step"]
    pair = f"{step} of {modifier}" if step.startswith("per") else f"{modifier} {step}"
    rows = [
        _measure(f"Ratio of hazard ratios, {pair}", "below 1", ratio, "below_1"),
        *(
            _measure(f"{label}, {modifier} {high} less {low}", "above 0", contrasts[key], "above_0")
            for key, label in (
                ("rmst", f"Difference in months gained within {horizon}"),
                ("survival", f"Difference in survival gained at month {horizon}"),
            )
            if contrasts[key]
        ),
        *(
            _measure(label, told, additive[key], name, within=additive)
            for key, label, told, name in (
                ("reri", "Relative excess risk (RERI)", "above 0", "reri_above_0"),
                ("ap", "Attributable proportion", "", ""),
                ("synergy", "Synergy index", "", ""),
            )
        ),
    ]
    columns = (
        text("Measure", "measure"),
        Column("Median (95 % interval)", _middle, "median"),
        text("Direction", "direction"),
        figure(f"P({drawn})", "after", 2, missing=""),
        figure("P(prior)", "before", 2, missing=""),
    )
    note = f"Not told of RERI: {additive['reason']}." if additive["reason"] else ""
    title = f"Does the effect depend on {modifier}?"
    every = facts_table("interaction", title, found).records
    return Table("interaction", title, columns, tuple(rows), note, tidy=every)


def _measure(
    label: str, told: str, summary: Mapping[str, Any], name: str, *, within: Record | None = None
) -> dict[str, Any]:
    chances = summary if within is None else within
    return {
        "measure": label,
        "direction": told,
        "after": chances.get(f"prob_{name}"),
        "before": chances.get(f"prior_prob_{name}"),
        **{key: summary[key] for key in ("median", "q2.5", "q97.5")},
    }


def _middle(row: Record) -> str:
    if row["median"] is None:
        return "not defined"
    limits = interval(row["q2.5"], row["q97.5"], digits=2, missing="not defined")
    return f"{row['median']:.2f} ({limits})"


def _crossings(found: Mapping[str, Any], modifier: str) -> Table:
    """Where over the modifier a probability passes a level, in words."""
    low, high = found["searched"]
    gain = f"a gain of more than {in_months(found['gain'])} within {found['horizon']:g}"
    what = {"prob_benefit": "a lower hazard", "prob_gain": gain}
    way = {"higher": f"at {modifier} above", "lower": f"at {modifier} below"}
    rows = [
        {
            "of": what[each["probability"]],
            "level": each["level"],
            "where": each["above"]
            if each["at"] is None
            else f"{way[each['above']]} {each['at']:.3g}",
        }
        for each in found["crossings"]
    ]
    columns = (
        text("Probability of", "of"),
        figure("reaches", "level", 2),
        text("Where", "where"),
    )
    note = f"Among the {modifier} of the cohort, {low:.3g} to {high:.3g}."
    title = "Where the probability of benefit passes a level"
    return Table("interaction-crossings", title, columns, tuple(rows), note)
