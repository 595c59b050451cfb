"""A bias ladder on the terminal and in a folder."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
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
from bayes_ihlrt.ladder.words import response_sentence, target_of
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.posterior.store import save
from bayes_ihlrt.report.files import Parts, write_json, write_parts
from bayes_ihlrt.report.narrative import brief_ladder
from bayes_ihlrt.report.writing import DPI


def print_ladder(console: Console, result: LadderResult, *, written: Iterable[Path] = ()) -> None:
    """Print a bias ladder.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : LadderResult
        The ladder.
    written : iterable of Path
        Files that were written.
    """
    if result.synthetic:
        console.print(Text("Synthetic data: no patient is in them.", style="bold"))
    console.print(Text(f"{result.spec.name}: one cohort, every design", style="bold"))
    for line in ladder_incomplete(result):
        console.print(Text(line, style="bold red"))
    console.print()
    console.print(_rungs(result))
    for note in ladder_notes(result):
        console.print(Text(note))
    console.print()
    if result.spec.modifier is not None and _modifier_values(result):
        console.print(_by_modifier(result, "Hazard ratio", _ratio_at))
        console.print()
        console.print(_by_modifier(result, f"Months gained to {result.horizon:g}", _months_at))
        console.print()
    for rung in result.rungs:
        _print_rung(console, rung, result.horizon)
    console.print()
    told = ladder_sentences(result)[len(ladder_incomplete(result)) :]
    for sentence in (*result.notes, *told):
        console.print(Text(sentence, style="bold" if "do not settle" in sentence else ""))
    console.print()
    files = [str(path) for path in written]
    written_to = (
        "Written: " + ", ".join(files) if files else "Nothing was written: name a folder (--out)."
    )
    console.print(Text(written_to))


def _print_rung(console: Console, rung: Rung, horizon: float) -> None:
    """Print what a rung rests on, whom it leaves out, and what has to be known of it."""
    console.print(Text(f"{rung_label(rung)}: {rung.plan.assumption}."))
    if rung.estimated:
        console.print(Text(f"  Compares {target_of(rung, horizon).words}."))
    if rung.no_months is not None:
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


def write_ladder(result: LadderResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, ``report.json``, draws, specification and figure.

    Parameters
    ----------
    result : LadderResult
        The ladder.
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
        "report.json": lambda file: write_json(brief_ladder(result), file),
        "figures/ladder.png": lambda file: PLOTS["ladder"](ladder_data(result)).savefig(
            file, dpi=DPI, bbox_inches="tight"
        ),
    }
    return write_parts(parts, out)


def _rungs(result: LadderResult) -> Table:
    title = f"Hazard ratio below 1, months above 0: better with treatment (to {result.horizon:g})"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    # Broken by hand: a header wider than its cells would squeeze the names of the rungs.
    heads = (
        "HR (95 %)",
        "months\ngained (95 %)",
        "patients\n/ events",
        "effective\ntreated /\nuntreated",
    )
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for rung in result.rungs:
        table.add_row(
            rung_label(rung),
            "not estimated" if rung.log_hr is None else _ratio(rung.log_hr),
            _months(rung),
            _counts(rung),
            "" if rung.ess is None else f"{rung.ess[0]:,.0f} / {rung.ess[1]:,.0f}",
        )
    return table


def _months(rung: Rung) -> str:
    if rung.rmst_difference is None:
        return "not defined" if rung.estimated else ""
    return _gained(rung.rmst_difference)


def _gained(gained: Summary) -> str:
    return f"{gained['median']:+.1f} ({gained['q2.5']:+.1f} to {gained['q97.5']:+.1f})"


def _by_modifier(result: LadderResult, of: str, cell: Callable[[Rung, float], str]) -> Table:
    name = result.spec.modifier.name if result.spec.modifier is not None else ""
    table = Table(title=f"{of} by {name}", title_justify="left", box=None, pad_edge=False)
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
