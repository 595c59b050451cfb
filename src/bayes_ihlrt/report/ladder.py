"""A bias ladder on the terminal and in a folder."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.ladder.figure import (
    ladder_data,
    ladder_incomplete,
    ladder_notes,
    ladder_sentences,
    rung_label,
)
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.ladder.rung import Rung, Summary
from bayes_ihlrt.ladder.words import Target, response_sentence, target_of
from bayes_ihlrt.posterior.store import save
from bayes_ihlrt.report.answers import brief_ladder, ladder_answer
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.report.words import modifier_label
from bayes_ihlrt.report.writing import write_figures, write_summary
from bayes_ihlrt.results.files import NOTHING, Parts, write_parts
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import Column, Record, Table, count, estimate, text
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.brief import LadderBriefFile
from bayes_ihlrt.schema.ladder import LadderFile

_SUMMARY: Final = ("median", "q2.5", "q97.5")


def print_ladder(console: Console, result: LadderResult) -> None:
    """Print every table of a bias ladder.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : LadderResult
        The ladder.
    """
    console.print(Text(f"{result.spec.name}: one cohort, every design", style="bold"))
    console.print()
    console.print(_rungs(result))
    for note in ladder_notes(result):
        console.print(Text(note))
    console.print()
    if result.spec.modifier is not None and _modifier_values(result):
        console.print(_by_modifier(result, "Hazard ratio", _ratio_at))
        console.print()
        if result.cause is None:
            console.print(_by_modifier(result, f"Months gained to {result.horizon:g}", _months_at))
            console.print()
    for rung in result.rungs:
        _print_rung(console, rung, result.horizon)
    console.print()
    for sentence in ladder_sentences(result)[len(ladder_incomplete(result)) :]:
        console.print(Text(sentence))
    console.print()


def _print_rung(console: Console, rung: Rung, horizon: float) -> None:
    """Print what a rung rests on, whom it leaves out, and what has to be known of it."""
    console.print(Text(f"{rung_label(rung)}: {rung.plan.assumption}."))
    if rung.estimated:
        console.print(Text(f"  Compares {target_of(rung, horizon).words}."))
    if rung.no_months is not None and not rung.plan.no_months:
        console.print(Text(f"  No months gained: {rung.no_months}."))
    for note in rung.left_out:
        console.print(Text(f"  {note}"))
    if rung.reason is not None:
        console.print(Text(f"Not estimated: {rung.reason}", style="bold"))
    if rung.by_response is not None:
        console.print(Text(f"  {response_sentence(rung)}"))
    for warning in rung.told:
        console.print(Text(warning, style="bold"))
    if rung.warnings and rung.positivity:
        cell = rung.smallest
        console.print(
            Text(
                f"  Fewest patients: {cell.stratum}, {cell.treated} treated and {cell.untreated} "
                "untreated at a decision; every stratum is in 'positivity' of result.json."
            )
        )


def write_ladder(result: LadderResult, out: Path, *, also: Parts = NOTHING) -> tuple[Path, ...]:
    """Write ``result.json``, ``report.json``, draws, specification and figure.

    Parameters
    ----------
    result : LadderResult
        The ladder.
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
        "result.json": writes(LadderFile, result.to_dict),
        "posterior.nc": lambda file: save(result.tree, file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "report.json": writes(LadderBriefFile, lambda: brief_ladder(result)),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, ladder_answer(result))
        ),
        "figures": lambda folder: write_figures(folder, lambda: {"ladder": ladder_data(result)}),
    }
    return write_parts({**parts, **also}, out)


def _rungs(result: LadderResult) -> RichTable:
    months = result.cause is None
    title = "Hazard ratio below 1: better with treatment"
    if months:
        title = (
            f"Hazard ratio below 1, months above 0: better with treatment (to {result.horizon:g})"
        )
    table = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    # Broken by hand: a header wider than its cells would squeeze the names of the rungs.
    heads = (
        "HR (95 %)",
        *(["months\ngained (95 %)"] * months),
        "patients\n/ events",
        "effective\ntreated /\nuntreated",
    )
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for rung in result.rungs:
        table.add_row(
            rung_label(rung),
            "not estimated" if rung.log_hr is None else _ratio(rung.log_hr),
            *([_months(rung)] * months),
            _counts(rung),
            "" if rung.ess is None else f"{rung.ess[0]:,.0f} / {rung.ess[1]:,.0f}",
        )
    return table


def _months(rung: Rung) -> str:
    if rung.rmst_difference is None:
        return "not defined" if rung.estimated else ""
    return _gained(rung.rmst_difference)


def _gained(gained: Summary) -> str:
    return f"{gained['median']:+z.1f} ({gained['q2.5']:+z.1f} to {gained['q97.5']:+z.1f})"


def _by_modifier(result: LadderResult, of: str, cell: Callable[[Rung, float], str]) -> RichTable:
    name = modifier_label(result.spec)
    table = RichTable(title=f"{of} by {name}", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    values = _modifier_values(result)
    for value in values:
        table.add_column(f"{name} {value:g}", justify="right", no_wrap=True)
    for rung in result.rungs:
        table.add_row(rung_label(rung), *(cell(rung, value) for value in values))
    return table


def _modifier_values(result: LadderResult) -> list[float]:
    """Return the values of the modifier at which rungs are read: the same in all of them."""
    return next((list(rung.log_hr_at) for rung in result.rungs if rung.log_hr_at), [])


def _counts(rung: Rung) -> str:
    rows = rung.person_time
    return "" if rows is None else f"{len(rows.patients):,} / {rows.events:,}"


def _ratio_at(rung: Rung, value: float) -> str:
    return _ratio(rung.log_hr_at[value]) if rung.estimated else "not estimated"


def _months_at(rung: Rung, value: float) -> str:
    if value in rung.rmst_at:
        return _gained(rung.rmst_at[value])
    # Weighted survival of clones is that of everybody, whatever the modifier.
    return "not defined" if rung.rmst_difference is not None else _months(rung)


def _ratio(log_hr: Summary) -> str:
    middle, low, high = (float(np.exp(log_hr[name])) for name in ("median", "q2.5", "q97.5"))
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


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
    one_event = output.result["cause"] is None
    records = tuple(
        # Why there are no months of one cause is said once, and not of every rung.
        _rung(label, rung if one_event else {**rung, "no_months": None})
        for label, rung in zip(output.brief["labels"], output.result["rungs"], strict=True)
    )
    months = []
    if one_event:
        label = f"Months gained of {output.result['horizon']:g} (95 % interval)"
        ends = ("months q2.5", "months q97.5")
        months.append(estimate(label, 1, middle="months median", ends=ends))
    columns = (
        text("Design, adjustment", "label"),
        estimate("Hazard ratio (95 % interval)", 2, missing="not estimated"),
        *months,
        count("Patients", "patients", missing=""),
        count("Events", "events", missing=""),
        count("Immortal months", "immortal_months", missing=""),
        Column("Effective treated / untreated", _effective, "ess_treated"),
        text("Compares", "compares"),
        text("Rests on", "rests_on"),
    )
    better = "Hazard ratio below 1, months above 0" if one_event else "Hazard ratio below 1"
    note = f"{better}: better with treatment."
    note = " ".join([note, *output.brief["notes"]])
    title = "One cohort under every design"
    tables = [Table("ladder", title, columns, records, note)]
    modifier = output.spec.modifier
    if modifier is not None and _values_told(output):
        tables.append(_ladder_by_modifier(output, modifier_label(output.spec)))
    return tuple(tables)


def _rung(label: str, rung: Mapping[str, Any]) -> Record:
    months = rung["rmst_difference"] or {}
    ratio = rung["log_hr"] or {}
    told = rung["assumption"] if rung["reason"] is None else f"Not estimated: {rung['reason']}"
    silent = rung["no_months"]
    told = ". ".join(
        part.removesuffix(".")
        for part in (
            *(told, *([] if silent is None else [f"No months gained: {silent}"])),
            *rung["warnings"],
        )
    )
    compares = rung["compares"]
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
    values = _values_told(output)
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


def _values_told(output: Output) -> list[float]:
    """Values of the modifier at which rungs are read: the same in all of them."""
    told = (rung["log_hr_at"] for rung in output.result["rungs"])
    return next(([found["at"] for found in rung] for rung in told if rung), [])


def _effective(record: Record) -> str:
    treated, control = record["ess_treated"], record["ess_control"]
    if treated is None or control is None:
        return ""
    return f"{treated:,.0f} / {control:,.0f}"
