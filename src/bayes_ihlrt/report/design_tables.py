"""Tables of the ladder, of sensitivity and of trial designs, from what the commands wrote."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.report.inputs import Output
from bayes_ihlrt.report.table_model import (
    Column,
    Record,
    Table,
    count,
    estimate,
    plain_table,
    significant,
    text,
)

_SUMMARY: Final = ("median", "q2.5", "q97.5")
_BOUNDED: Final = frozenset({"estimate", "mcse", "low", "high"})
_LABELS: Final = {
    "expected_n": "expected patients",
    "expected_events": "expected events",
    "expected_months": "expected months",
}


def ladder_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of a bias ladder.

    Parameters
    ----------
    output : Output
        What `ladder` wrote.

    Returns
    -------
    tuple of Table
        Rungs, and hazard ratios by the modifier where there is one.
    """
    horizon = output.result["horizon"]
    records = tuple(
        _rung(label, rung)
        for label, rung in zip(output.brief["labels"], output.result["rungs"], strict=True)
    )
    columns = (
        text("Design, adjustment", "label"),
        estimate("Hazard ratio (95 % interval)", 2, missing="not estimated"),
        estimate(
            f"Months gained of {horizon:g} (95 % interval)",
            1,
            middle="months median",
            ends=("months q2.5", "months q97.5"),
        ),
        count("Patients", "patients", missing=""),
        count("Events", "events", missing=""),
        count("Immortal months", "immortal_months", missing=""),
        Column("Effective treated / untreated", _effective, "ess_treated"),
        text("Rests on", "rests_on"),
    )
    note = "Hazard ratio below 1, months above 0: better with treatment."
    title = "One cohort under every design"
    tables = [Table("ladder", title, columns, records, note)]
    modifier = output.spec.modifier
    if modifier is not None and output.result["rungs"][0]["log_hr_at"]:
        tables.append(_ladder_by_modifier(output, modifier.name))
    return tuple(tables)


def sensitivity_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of a sensitivity analysis.

    Parameters
    ----------
    output : Output
        What `sensitivity` wrote.

    Returns
    -------
    tuple of Table
        The grid of priors, power-scaling, tipping points, unmeasured confounding, audit; those
        that were run.
    """
    result = output.result
    parts = (
        ("prior-grid", "Results under other priors", result["grid"], True),
        ("power-scaling", "Power-scaling of priors and likelihood", result.get("power_scaling"), 0),
        (
            "tipping",
            "Tipping points: the prior that changes the decision",
            result.get("tipping"),
            0,
        ),
        ("confounding", "Unmeasured confounding", _listed(result.get("confounding")), 0),
        ("sensitivity-audit", "Check of the batched engine", _listed(result.get("audit")), 0),
    )
    return tuple(
        plain_table(name, title, records, interactive=bool(interactive))
        for name, title, records, interactive in parts
        if records
    )


def plan_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of simulated trial designs.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    tuple of Table
        Operating characteristics, the same by look, and the audit; those that were run.
    """
    rows: list[Mapping[str, Any]] = output.result["results"]
    looks = [
        {"design": row["design"], "scenario": row["scenario"], **look}
        for row in rows
        for look in row.get("by_look") or ()
    ]
    tables = [_operating("designs", "Operating characteristics of the designs", rows)]
    if looks:
        tables.append(_operating("looks", "Operating characteristics by look", looks))
    audit = _listed(output.result.get("audit"))
    if audit:
        title = "Check of the batched engine against Markov chains"
        tables.append(plain_table("plan-audit", title, audit))
    return tuple(tables)


def _rung(label: str, rung: Mapping[str, Any]) -> Record:
    months = rung["rmst_difference"] or {}
    ratio = rung["log_hr"] or {}
    told = rung["assumption"] if rung["reason"] is None else f"Not estimated: {rung['reason']}"
    kept = ("patients", "events", "person_months", "immortal_months", "ess_treated", "ess_control")
    return {
        "label": label,
        "rung": rung["rung"],
        "adjustment": rung["adjustment"],
        **{part: math.exp(ratio[part]) if ratio else None for part in _SUMMARY},
        **{f"months {part}": months.get(part) for part in _SUMMARY},
        **{name: rung[name] for name in kept},
        "rests_on": told,
    }


def _ladder_by_modifier(output: Output, modifier: str) -> Table:
    values = [found["at"] for found in output.result["rungs"][0]["log_hr_at"]]
    records, tidy = [], []
    for label, rung in zip(output.brief["labels"], output.result["rungs"], strict=True):
        record: dict[str, Any] = {"label": label}
        known = {found["at"]: found for found in rung["log_hr_at"] or ()}
        for value in values:
            log_hr = known.get(value)
            ratio = {p: None if log_hr is None else math.exp(log_hr[p]) for p in _SUMMARY}
            record |= {f"{value:g} {part}": ratio[part] for part in _SUMMARY}
            tidy.append({"label": label, "at": value, **ratio})
        records.append(record)
    columns = [text("Design, adjustment", "label")]
    for value in values:
        middle, low, high = (f"{value:g} {part}" for part in _SUMMARY)
        label = f"{modifier} {value:g}: hazard ratio (95 % interval)"
        columns.append(estimate(label, 2, middle=middle, ends=(low, high), missing="not estimated"))
    title = f"Hazard ratio by {modifier} under every design"
    return Table("ladder-by-modifier", title, tuple(columns), tuple(records), tidy=tuple(tidy))


def _effective(record: Record) -> str:
    treated, control = record["ess_treated"], record["ess_control"]
    if treated is None or control is None:
        return ""
    return f"{treated:,.0f} / {control:,.0f}"


def _operating(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A column a characteristic: the estimate with its Monte Carlo interval."""
    keys = [key for key in dict.fromkeys(k for row in rows for k in row) if key != "by_look"]
    records: list[dict[str, Any]] = []
    columns: dict[str, Column] = {}
    for row in rows:
        record: dict[str, Any] = {}
        for key in keys:
            value = row.get(key)
            if isinstance(value, Mapping) and set(value) <= _BOUNDED:
                record |= {f"{key} {part}": value.get(part) for part in sorted(_BOUNDED)}
                columns[key] = _bounded(key)
            else:
                record[key] = value
                columns.setdefault(key, _single(key, rows))
        records.append(record)
    full = {key: None for record in records for key in record}
    filled = tuple({**full, **record} for record in records)
    note = "In parentheses the 95 % interval of Monte Carlo error, where there is one."
    shown = tuple(columns[key] for key in keys)
    return Table(name, title, shown, filled, note, interactive=True)


def _bounded(key: str) -> Column:
    def show(record: Record) -> str:
        middle, low, high = (record[f"{key} {part}"] for part in ("estimate", "low", "high"))
        if low is None or high is None:
            error = record[f"{key} mcse"]
            return significant(middle) + ("" if error is None else f" (error {significant(error)})")
        return f"{significant(middle)} ({significant(low)} to {significant(high)})"

    return Column(_label(key), show, f"{key} estimate")


def _single(key: str, rows: Sequence[Mapping[str, Any]]) -> Column:
    known = [row.get(key) for row in rows if row.get(key) is not None]
    numeric = bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )
    return Column(_label(key), lambda record: significant(record[key]), key, numeric)


def _label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " "))


def _listed(found: Any) -> list[Mapping[str, Any]]:
    """Records of a mapping of mappings, one a row; of a flat mapping one row."""
    if not found:
        return []
    if isinstance(found, list):
        return found
    if all(isinstance(value, Mapping) for value in found.values()):
        return [{"analysis": name, **value} for name, value in found.items()]
    return [found]
