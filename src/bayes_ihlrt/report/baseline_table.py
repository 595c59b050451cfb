"""The treatment under the chosen and a flexible baseline hazard: tables and sentences."""

import math
from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table as RichTable

from bayes_ihlrt.analysis.flexible_baseline import BaselineComparison
from bayes_ihlrt.report.numbers import interval, number
from bayes_ihlrt.report.table_model import Table, estimate, text

_UNDEFINED: Final = "not defined"
_SUMMARY: Final = ("median", "q2.5", "q97.5")
_LIMITS: Final = ("q2.5", "median", "q97.5")


def baseline_panel(found: BaselineComparison) -> RichTable:
    """Return the table of the treatment's effect by baseline hazard.

    Parameters
    ----------
    found : BaselineComparison
        Of a result.

    Returns
    -------
    rich.table.Table
        One row a baseline.
    """
    months = f"Months gained of {found.horizon:g}"
    title = "Treatment by baseline hazard"
    table = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("HR", "95 %", months, "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [(f"chosen: {found.chosen.hazard}", found.chosen)]
    if found.flexible is not None and found.flexible is not found.chosen:
        rows.append((f"flexible: {found.flexible.hazard}", found.flexible))
    for name, part in rows:
        ratio = {key: math.exp(value) for key, value in part.log_hr.items()}
        gain = part.rmst_difference or {}
        table.add_row(
            name,
            number(ratio["median"], 2),
            interval(ratio["q2.5"], ratio["q97.5"], digits=2),
            number(gain.get("median"), 2, missing=_UNDEFINED),
            interval(gain.get("q2.5"), gain.get("q97.5"), digits=2),
        )
    return table


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
