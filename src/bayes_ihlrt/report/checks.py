"""The checks of a model on the terminal and in a folder."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.checks.result import Status
from bayes_ihlrt.report.narrative import fit_summary
from bayes_ihlrt.report.terminal import print_fit, print_summary
from bayes_ihlrt.report.writing import fit_parts, write_figures, write_summary
from bayes_ihlrt.results.files import Parts, write_json, write_parts

_STYLES: Final = {Status.FLAG: "bold red", Status.NO_FLAG: "", Status.CANNOT_TELL: "dim"}


def print_diagnosis(
    console: Console,
    diagnosis: Diagnosis,
    *,
    written: Iterable[Path] | None = (),
    tables: bool = False,
) -> None:
    """Print the verdict of every check.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    diagnosis : Diagnosis
        What was found.
    written : iterable of Path or None
        Files that were written; None says nothing of them.
    tables : bool
        Print the tables of the fit first.
    """
    if tables:
        print_fit(console, diagnosis.result)
    result, checks = diagnosis.result, diagnosis.checks
    if result.synthetic:
        console.print(Text("Synthetic data: no patient is in them.", style="bold"))
    console.print(Text(f"{result.spec.name}: is the model to be believed?", style="bold"))
    for line in checks.incomplete:
        console.print(Text(line, style="bold red"))
    console.print(Text(result.fit.convergence.verdict))
    console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why")
    for found in checks.verdicts:
        style = _STYLES[found.status]
        table.add_row(found.check, Text(found.status.value, style=style), found.reason)
    console.print(table)
    console.print()
    console.print(Text(_conclusion(diagnosis), style="bold"))
    if written is None:
        return
    files = [str(path) for path in written]
    told = (
        f"Written: {', '.join(files)}" if files else "Nothing was written: name a folder (--out)."
    )
    console.print(Text(told))


def write_diagnosis(diagnosis: Diagnosis, out: Path) -> tuple[Path, ...]:
    """Write what `write_fit` writes, ``checks.json`` and the figures of the checks.

    Parameters
    ----------
    diagnosis : Diagnosis
        What was found.
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
    result = diagnosis.result
    parts: Parts = {
        **fit_parts(result),
        "summary.txt": lambda file: write_summary(file, partial(_summary, diagnosis)),
        "checks.json": lambda file: write_json(diagnosis.to_dict(), file),
        "figures": lambda folder: write_figures(
            folder, lambda: figure_data(result), lambda: diagnosis.figures
        ),
    }
    return write_parts(parts, out)


def _summary(diagnosis: Diagnosis, console: Console) -> None:
    print_summary(console, fit_summary(diagnosis.result))
    print_diagnosis(console, diagnosis, written=None)


def _conclusion(diagnosis: Diagnosis) -> str:
    flagged = diagnosis.checks.flagged
    if flagged:
        return f"Flagged: {', '.join(flagged)}. Read these figures before the estimates."
    return (
        "No check raises a flag. That is no proof: see which checks could not tell, and remember "
        "that no check sees unmeasured confounding."
    )
