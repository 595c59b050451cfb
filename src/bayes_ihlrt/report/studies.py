"""Tables of the ladder, of sensitivity and of trial designs; a study on a page and in a folder."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.ladder.words import Target
from bayes_ihlrt.posterior.store import save
from bayes_ihlrt.report.files import Parts, write_json, write_parts
from bayes_ihlrt.report.outputs import Output, computed
from bayes_ihlrt.report.table import (
    Column,
    Record,
    Table,
    count,
    estimate,
    facts_table,
    plain_table,
    significant,
    text,
)
from bayes_ihlrt.report.writing import write_figures
from bayes_ihlrt.sensitivity.decisions import Row
from bayes_ihlrt.sensitivity.figures import sensitivity_figures
from bayes_ihlrt.sensitivity.study import TITLES, SensitivityResult

_SUMMARY: Final = ("median", "q2.5", "q97.5")
_BOUNDED: Final = ("estimate", "high", "low", "mcse")
_SENSITIVITY: Final = {
    "grid": "Results under other priors",
    "power_scaling": "Power-scaling of priors and likelihood",
    "tipping": "Tipping points: the prior that changes the decision",
    "evidence": "Published effects as priors",
    "external": "Patients from elsewhere",
    "structure": "Other hazards, covariates, designs and populations",
}
_BIAS: Final = {
    "grid": "Confounders by strength and prevalence",
    "latent": "A latent confounder in the model",
    "negative_control": "Negative control",
}
_NO_ROOM: Final = frozenset({"priors", "specification", "failed"})
_FIRST: Final = ("analysis", "prior", "statement", "decision", "probability")
_AUDIT: Final = "Check of the batched engine against Markov chains"
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
        text("Compares", "compares"),
        text("Rests on", "rests_on"),
    )
    note = "Hazard ratio below 1, months above 0: better with treatment."
    note = " ".join([note, *output.brief.get("notes", ())])
    title = "One cohort under every design"
    tables = [Table("ladder", title, columns, records, note)]
    modifier = output.spec.modifier
    if modifier is not None and _modifier_values(output):
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
        The grid of priors, power-scaling, tipping points, published effects, unmeasured
        confounding, patients from elsewhere, structure, audit; those that were run.
    """
    result = output.result
    confounding = result.get("confounding") or {}
    parts = [(name, title, result.get(name)) for name, title in _SENSITIVITY.items()]
    for name, title in _BIAS.items():
        parts.append((f"confounding-{name}", title, confounding.get(name)))
    tables = [
        plain_table(
            name.replace("_", "-"), title, rows, interactive=True, first=_FIRST, hidden=_NO_ROOM
        )
        for name, title, rows in parts
        if rows
    ]
    for name, title in (
        ("confounding", "Unmeasured confounding"),
        ("audit", f"{_AUDIT}, under other priors"),
    ):
        if result.get(name):
            tables.append(facts_table(f"sensitivity-{name}", title, result[name]))
    return tuple(tables)


def plan_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of simulated trial designs.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    tuple of Table
        Operating characteristics, the same by look and by target, and the audit; those that were
        run.
    """
    rows = computed(output.result["results"])
    tables = [_operating("designs", "Operating characteristics of the designs", rows)]
    for key, name, title in (
        ("by_look", "looks", "Operating characteristics by look"),
        ("targets", "targets", "How well effects are estimated where trials ended"),
    ):
        parts = [
            {"design": row["design"], "scenario": row["scenario"], **part}
            for row in rows
            for part in row.get(key) or ()
        ]
        if parts:
            tables.append(_operating(name, title, parts))
    if output.result["audit"]["fits"]:
        tables.append(
            facts_table("plan-audit", f"{_AUDIT}, of simulated trials", output.result["audit"])
        )
    return tuple(tables)


def _rung(label: str, rung: Mapping[str, Any]) -> Record:
    months = rung["rmst_difference"] or {}
    ratio = rung["log_hr"] or {}
    told = rung["assumption"] if rung["reason"] is None else f"Not estimated: {rung['reason']}"
    silent = rung.get("no_months")
    told = ". ".join(
        part.removesuffix(".")
        for part in (
            *(told, *([] if silent is None else [f"No months gained: {silent}"])),
            *rung.get("warnings", ()),
        )
    )
    compares = rung.get("compares")
    kept = ("patients", "events", "person_months", "immortal_months", "ess_treated", "ess_control")
    return {
        "label": label,
        "rung": rung["rung"],
        "adjustment": rung["adjustment"],
        **{part: math.exp(ratio[part]) if ratio else None for part in _SUMMARY},
        **{f"months {part}": months.get(part) for part in _SUMMARY},
        **{name: rung[name] for name in kept},
        "compares": "" if compares is None else _compared(compares),
        "rests_on": told,
    }


def _compared(target: Mapping[str, str]) -> str:
    """Return what a rung compares, in one line."""
    return Target(**target).words


def _ladder_by_modifier(output: Output, modifier: str) -> Table:
    values = _modifier_values(output)
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


def _modifier_values(output: Output) -> list[float]:
    """Return the values of the modifier at which rungs are read: the same in all of them."""
    told = (rung["log_hr_at"] for rung in output.result["rungs"])
    return next(([found["at"] for found in rung] for rung in told if rung), [])


def _effective(record: Record) -> str:
    treated, control = record["ess_treated"], record["ess_control"]
    if treated is None or control is None:
        return ""
    return f"{treated:,.0f} / {control:,.0f}"


def _operating(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A column a characteristic: the estimate with its Monte Carlo interval."""
    named = dict.fromkeys(key for row in rows for key in row)
    # Lists are tables of their own.
    keys = [key for key in named if not any(isinstance(row.get(key), list) for row in rows)]
    records: list[dict[str, Any]] = []
    columns: dict[str, Column] = {}
    for row in rows:
        record: dict[str, Any] = {}
        for key in keys:
            value = row.get(key)
            if isinstance(value, Mapping) and "estimate" in value:
                record |= {f"{key} {part}": value.get(part) for part in _BOUNDED}
                columns[key] = _bounded(key)
            else:
                record[key] = _counted(value) if isinstance(value, Mapping) else value
                columns.setdefault(key, _single(key, rows))
        records.append(record)
    full = {key: None for record in records for key in record}
    filled = tuple({**full, **record} for record in records)
    note = "In parentheses the 95 % interval of Monte Carlo error, where there is one."
    shown = tuple(columns[key] for key in keys)
    return Table(name, title, shown, filled, note, interactive=True)


def _counted(found: Mapping[str, Any]) -> str:
    """Counts by name as text, such as causes of failure."""
    return ", ".join(f"{name} {significant(value)}" for name, value in found.items()) or "none"


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


def print_sensitivity(
    console: Console, result: SensitivityResult, *, written: Iterable[Path] = ()
) -> None:
    """Print what a conclusion depends on.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : SensitivityResult
        The study.
    written : iterable of Path
        Files that were written.
    """
    if result.synthetic:
        console.print(Text("Synthetic data: no patient is in them.", style="bold"))
    console.print(Text(f"{result.spec.name}: what the conclusion depends on", style="bold"))
    console.print()
    first = len(result.incomplete)
    for number, sentence in enumerate(result.summary):
        console.print(Text(sentence, style="bold red" if number < first else "bold"))
    console.print()
    for name, check in result.checks.items():
        console.print(Text(TITLES[name], style="bold"))
        if name == "grid":
            console.print(_grid(result))
        for sentence in check.said:
            console.print(Text(f"- {sentence}"))
        console.print()
    for name, failure in result.failed.items():
        console.print(Text(TITLES[name], style="bold"))
        console.print(Text(f"- NOT COMPUTED: {failure}"))
        console.print()
    files = [str(path) for path in written]
    told = (
        "Written: " + ", ".join(files) if files else "Nothing was written: name a folder (--out)."
    )
    console.print(Text(told))


def write_sensitivity(result: SensitivityResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, the numbers, the specification and the figures.

    Parameters
    ----------
    result : SensitivityResult
        The study.
    out : Path
        Folder; made if it is not there.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    parts: Parts = {
        "result.json": lambda file: write_json(result.to_dict(), file),
        "posterior.nc": lambda file: save(result.tree, file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "figures": lambda folder: write_figures(folder, lambda: sensitivity_figures(result)),
    }
    return write_parts(parts, out)


def _grid(result: SensitivityResult) -> RichTable:
    """Priors of the treatment, everything else as stated, in a small table."""
    data = result.checks["grid"].data
    treatment = "" if result.spec.treatment is None else result.spec.treatment.name
    cells = [
        row
        for row in result.checks["grid"].rows
        if set(row["priors"]) <= {treatment} and row["failed"] is None
    ]
    labels = list(dict.fromkeys(row["prior"] for row in cells))
    table = RichTable(box=None, pad_edge=False)
    table.add_column(f"prior of {treatment}")
    shown = [label for label in data["quantity"].to_numpy() if _is_main(str(label))]
    for label in shown:
        table.add_column(str(label), justify="right", no_wrap=True)
    for prior in labels:
        here = {_key(row): row for row in cells if row["prior"] == prior}
        table.add_row(
            prior.removeprefix(f"{treatment} "),
            *(
                f"{here[str(label)]['median']:+.2f}, P {here[str(label)]['probability']:.2f}"
                for label in shown
            ),
        )
    return table


def _cell(row: Row) -> str:
    return f"{row['median']:+.2f}, P {row['probability']:.2f}"


def _is_main(label: str) -> bool:
    return label.startswith(("log_hazard_ratio", "rmst_difference"))


def _key(row: Row) -> str:
    estimand, at = row["estimand"], row["at"]
    return str(estimand) if at is None else f"{estimand} at {at:g}"
