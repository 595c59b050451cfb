"""Tables of the ladder, of sensitivity and of trial designs; a study on a page and in a folder."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from bayes_ihlrt.posterior.store import save
from bayes_ihlrt.report.answers import brief_sensitivity, sensitivity_answer
from bayes_ihlrt.report.plain_words import in_words
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.report.writing import write_figures, write_summary
from bayes_ihlrt.results.files import NOTHING, Parts, write_parts
from bayes_ihlrt.results.outputs import Output, computed
from bayes_ihlrt.results.table import (
    Column,
    Record,
    Table,
    facts_table,
    figure,
    plain_table,
    significant,
    text,
)
from bayes_ihlrt.review.truths import target_told
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.brief import BriefFile
from bayes_ihlrt.schema.sensitivity import SensitivityFile
from bayes_ihlrt.sensitivity.figures import sensitivity_figures
from bayes_ihlrt.sensitivity.study import TITLES, SensitivityResult
from bayes_ihlrt.verdicts import Decision

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
_AUDIT_RULES: Final = (
    "Rules against Markov chains at their thresholds (shift in standard normal deviates, positive "
    "where the simulated posterior is too sure of the statement)"
)
_NOT: Final = "not enriched"
_LABELS: Final = {
    "expected_n": "expected patients",
    "expected_events": "expected events",
    "expected_months": "expected months",
    "success_told": "success, as told elsewhere",
    "told": "told as success",
    "extended": "enlarged",
}


_ANSWERED: Final = frozenset({"grid", "structure"})


def answer_tables(output: Output, name: str, title: str) -> tuple[Table, ...]:
    """Return the small table of an output's answer.

    Parameters
    ----------
    output : Output
        What a command wrote.
    name, title : str
        Of the table.

    Returns
    -------
    tuple of Table
        One; none where no part of the answer has a table.
    """
    for part in output.brief["summary"]["parts"]:
        if "table" in part:
            head, rows = part["table"]["head"], part["table"]["rows"]
            columns = tuple(text(label, str(place)) for place, label in enumerate(head))
            records = ({str(place): cell for place, cell in enumerate(row)} for row in rows)
            return (Table(name, title, columns, tuple(records)),)
    return ()


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
    result, called = output.result, output.spec.labels.term
    confounding = result["confounding"]
    reference = None if output.spec.modifier is None else output.spec.modifier.reference
    tables = []
    for name, key, head in (("grid", "prior", "Prior"), ("structure", "analysis", "Analysis")):
        if result[name]:
            tables.append(_answers(name, key, head, result[name], reference))
    listed = {name: title for name, title in _SENSITIVITY.items() if name not in _ANSWERED}
    parts = [(name, title, result[name]) for name, title in listed.items()]
    for name, title in _BIAS.items():
        parts.append((f"confounding-{name}", title, confounding[name]))
    for name, title, rows in parts:
        if rows:
            anchor = name.replace("_", "-")
            plain = plain_table(
                anchor, title, rows, interactive=True, first=_FIRST, hidden=_NO_ROOM
            )
            tables.append(in_words(plain, called))
    for name, title in (
        ("confounding", "Unmeasured confounding"),
        ("audit", f"{_AUDIT}, under other priors"),
    ):
        if result[name]:
            tables.append(in_words(facts_table(f"sensitivity-{name}", title, result[name]), called))
    return tuple(tables)


def _answers(
    name: str, key: str, head: str, rows: Sequence[Mapping[str, Any]], reference: float | None
) -> Table:
    """The main two quantities of every alternative; all of them are in the CSV file."""
    title = _SENSITIVITY[name]
    every = plain_table(name, title, rows, first=_FIRST, hidden=_NO_ROOM)
    # Priors are changed one at a time here: what several do together is read in the file.
    single = [row for row in rows if len(row.get("priors") or ()) <= 1]
    records = []
    for label in dict.fromkeys(row[key] for row in single):
        here = [row for row in single if row[key] == label]
        ratio = next((row for row in here if _of_ratio(row, reference)), None)
        months = next((row for row in here if _quantity(row).startswith("rmst_difference")), None)
        reason = next((row["reason"] for row in here if row.get("reason")), None)
        records.append(
            {
                "label": label,
                "ratio": _middle(ratio, math.exp, 2),
                "lower": None if ratio is None else ratio["probability"],
                "months": _middle(months, float, 1),
                "more": None if months is None else months["probability"],
                "answer": reason or (None if ratio is None else _told(ratio["decision"])),
            }
        )
    said = next((row for row in rows if _quantity(row).startswith("rmst_difference")), None)
    gain = "gain" if said is None else said["statement"]
    place = "" if reference is None else f" at {reference:g}"
    columns = (
        text(head, "label"),
        text(f"Hazard ratio{place} (95 % interval)", "ratio"),
        figure("P(below 1)", "lower", 2, missing=""),
        text("Months gained (95 % interval)", "months"),
        figure(f"P({gain})", "more", 2, missing=""),
        text("Hazard ratio below 1?", "answer"),
    )
    note = f"{len(rows)} rows, with every quantity and combination, are in the CSV of `export`."
    return Table(name, title, columns, tuple(records), note, tidy=every.observations)


def _told(decision: str | None) -> str | None:
    return None if decision is None else Decision(decision).words


def _quantity(row: Mapping[str, Any]) -> str:
    return str(row.get("quantity") or row["estimand"])


def _of_ratio(row: Mapping[str, Any], reference: float | None) -> bool:
    if not _quantity(row).startswith("log_hazard_ratio"):
        return False
    stated = row.get("at")
    return stated is None or reference is None or stated == reference


def _middle(
    row: Mapping[str, Any] | None, scale: Callable[[float], float], digits: int
) -> str | None:
    if row is None or row.get("median") is None:
        return None
    middle, low, high = (f"{scale(row[part]):.{digits}f}" for part in ("median", "q2.5", "q97.5"))
    return f"{middle} ({low} to {high})"


def plan_tables(output: Output) -> tuple[Table, ...]:
    """Return the tables of simulated trial designs.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    tuple of Table
        Operating characteristics, the same by look, by target and by whether trials were enlarged
        or enriched, and the audit; those that were run.
    """
    rows = computed(output.result["results"])
    free = [name for name, design in output.plan.designs.items() if design.free_futility]
    how = f"Futility rules do not bind in {', '.join(free)}, and are followed here." if free else ""
    title = "Operating characteristics of the designs"
    tables = [_operating("designs", title, rows, also=how)]
    for key, name, title in (
        ("by_look", "looks", "Operating characteristics by look"),
        ("targets", "targets", "How well effects are estimated where trials ended"),
    ):
        parts = [
            {"design": row["design"], "scenario": row["scenario"], **part}
            for row in rows
            for part in row[key] or ()
        ]
        if parts:
            tables.append(_operating(name, title, parts, also=how))
    for way in ("enlarged", "enriched"):
        if parts := [part for row in rows for part in _branches(row, way)]:
            title = f"Trials that were {way}, and the others"
            tables.append(_operating(way, title, parts, also=how))
    return (*tables, *_audit_tables(output.result["audit"]))


def _branches(row: Mapping[str, Any], way: str) -> list[dict[str, Any]]:
    """Trials of a design under a scenario that were changed in a way, and the others."""
    found, parts = [], row.get("branches") or ()
    if (way == "enlarged") != any(branch["extended"] for branch in parts):
        return []
    for branch in parts:
        told = {"enlarged": "yes" if branch["extended"] else "no"}
        if way == "enriched":
            told = {"enrolled from": _NOT if branch["switch"] is None else f"{branch['switch']:g}"}
        means = {
            name: value for name, value in branch.items() if name not in {"extended", "switch"}
        }
        found.append({"design": row["design"], "scenario": row["scenario"], **told, **means})
    return found


def _audit_tables(audit: Mapping[str, Any]) -> list[Table]:
    """What chains say: in all, of each rule at its threshold, of each probability of stopping."""
    if not audit["fits"]:
        return []
    facts = {name: value for name, value in audit.items() if name not in {"rules", "corrected"}}
    tables = [facts_table("plan-audit", f"{_AUDIT}, of simulated trials", facts)]
    if audit["rules"]:
        tables.append(plain_table("plan-audit-rules", _AUDIT_RULES, audit["rules"]))
    if audit["corrected"]:
        title = "Probabilities of stopping, corrected for what Markov chains say"
        tables.append(_operating("plan-corrected", title, audit["corrected"]))
    return tables


def _operating(
    name: str, title: str, rows: Sequence[Mapping[str, Any]], *, also: str = ""
) -> Table:
    """A column a characteristic: the estimate with its Monte Carlo interval."""
    named = dict.fromkeys(key for row in rows for key in row)
    # Lists are tables of their own, and so is what a reviewer asks.
    listed = {key for key in named if any(isinstance(row.get(key), list) for row in rows)}
    keys = [key for key in named if key not in {*listed, "no_effect", "borrowed"}]
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
    note = f"{note} {also}".rstrip()
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
    if key == "target":
        return Column(_label(key), lambda record: target_told(record[key])[0], key, numeric=False)
    return Column(_label(key), lambda record: significant(record[key]), key, numeric)


def _label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " "))


def print_sensitivity(console: Console, result: SensitivityResult) -> None:
    """Print what each part of a sensitivity study says.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : SensitivityResult
        The study.
    """
    for name, check in result.checks.items():
        console.print(Text(TITLES[name], style="bold"))
        for sentence in check.said:
            console.print(Text(f"- {sentence}"))
        console.print()


def write_sensitivity(
    result: SensitivityResult, out: Path, *, also: Parts = NOTHING
) -> tuple[Path, ...]:
    """Write ``result.json``, the numbers, the specification and the figures.

    Parameters
    ----------
    result : SensitivityResult
        The study.
    out : Path
        Folder; made if it is not there.
    also : mapping of str to callable
        What else is written with it; see `results.files.write_parts`.

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
        "result.json": writes(SensitivityFile, result.to_dict),
        "posterior.nc": lambda file: save(result.tree, file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "report.json": writes(BriefFile, lambda: brief_sensitivity(result)),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, sensitivity_answer(result))
        ),
        "figures": lambda folder: write_figures(folder, lambda: sensitivity_figures(result)),
    }
    return write_parts({**parts, **also}, out)
