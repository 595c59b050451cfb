"""The application that every command joins: its version, shared options and what it tells.

A command tells results on standard output, faults in plain words, and by its exit status how it
ended. When a user presses Tab, the shell offers the packaged names, files and folders that begin as
typed.
"""

import ast
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli.interrupts import INTERRUPTED, what_was_written
from bayes_ihlrt.errors import BayesIhlrtError, ConvergenceError, InputError, OutputError
from bayes_ihlrt.escaping import printable
from bayes_ihlrt.storage.claims import begin

if TYPE_CHECKING:
    from rich.console import Console

    from bayes_ihlrt import plain
    from bayes_ihlrt.analysis import fit as analysis_fit
    from bayes_ihlrt.batch import program_cache
    from bayes_ihlrt.cohort import datasets as cohort_datasets
    from bayes_ihlrt.report import terminal as report_terminal
    from bayes_ihlrt.results import table as report_table
    from bayes_ihlrt.spec import catalogue as spec_catalogue
else:
    analysis_fit = lazy_module("bayes_ihlrt.analysis.fit")
    cohort_datasets = lazy_module("bayes_ihlrt.cohort.datasets")
    program_cache = lazy_module("bayes_ihlrt.batch.program_cache")
    plain = lazy_module("bayes_ihlrt.plain")
    report_table = lazy_module("bayes_ihlrt.results.table")
    report_terminal = lazy_module("bayes_ihlrt.report.terminal")
    spec_catalogue = lazy_module("bayes_ihlrt.spec.catalogue")


app = typer.Typer(
    help="Bayesian survival models for a treatment that starts during follow-up.",
    epilog="Start with `bayes-ihlrt demo`, then `bayes-ihlrt init my-analysis`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        found = analysis_fit.versions()
        own = found.pop("bayes-ihlrt")
        libraries = "\n".join(f"  {name} {number}" for name, number in found.items())
        kept = program_cache.program_folder()
        typer.echo(f"bayes-ihlrt {own}\n{libraries}\ncompiled programs: {kept}")
        raise typer.Exit


@app.callback()
def common(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print versions and stop."
        ),
    ] = False,
) -> None:
    """Bayesian survival models for a treatment that starts during follow-up."""


def specifications(incomplete: str) -> list[str]:
    """Return the specifications that begin as typed: packaged ones, then files.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Names, TOML files and folders.
    """
    return _offered(incomplete, spec_catalogue.packaged_specifications(), (".toml",))


_DATA_FILES: Final = (
    *(".csv", ".tsv", ".txt", ".gz", ".xlsx", ".parquet"),
    *(".sas7bdat", ".xpt", ".dta", ".sav"),
)


def data_sets(incomplete: str) -> list[str]:
    """Return the data sets that begin as typed: packaged ones, then files.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Names, Data files and folders.
    """
    return _offered(incomplete, cohort_datasets.packaged_data(), _DATA_FILES)


def folders(incomplete: str) -> list[str]:
    """Return the folders that begin as typed.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Folders.
    """
    return _offered(incomplete, (), ())


def _offered(incomplete: str, names: tuple[str, ...], suffixes: tuple[str, ...]) -> list[str]:
    """Names and paths; a folder ends in a slash, so that the next Tab goes into it."""
    found = [name for name in names if name.startswith(incomplete)]
    typed, _, start = incomplete.rpartition("/")
    folder = Path(typed or ("/" if incomplete.startswith("/") else "."))
    if not folder.is_dir():
        return found
    before = f"{typed}/" if "/" in incomplete else ""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(start) or path.name.startswith("."):
            continue
        if path.is_dir():
            found.append(f"{before}{path.name}/")
        elif path.name.lower().endswith(suffixes):
            found.append(f"{before}{path.name}")
    return found


Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="TOML file, its folder, or name of a packaged specification.",
        autocompletion=specifications,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE|NAME",
        help="Data file, or name of a packaged data set [default: `file` of the specification].",
        autocompletion=data_sets,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for results; without it none are written."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed, instead of that of the specification.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no tables.")]
Tables = Annotated[
    bool, typer.Option("--tables", help="Print every table, not only what is most important.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
KeepIdentifiers = Annotated[
    bool,
    typer.Option(
        "--keep-identifiers",
        help="Call patients by the identifiers of the data file, in what is written as well; "
        "without it they are numbered in the order of the file.",
    ),
]
AllowNonconverged = Annotated[
    bool,
    typer.Option("--allow-nonconverged", help="Report draws that did not converge, and say so."),
]


_FAULT: Final = 1
NOT_TRUSTED: Final = 3
_WIDTH: Final = 110
NOT_WRITTEN: Final = "Nothing was written: name a folder with --out."
_NUMBERED: Final = (
    "Patients are numbered in the order of the data file; `bayes-ihlrt check` names them."
)


@contextmanager
def told_plainly(*, numbered: bool = False) -> Iterator[None]:
    """Tell what the user can mend without a traceback; anything else is a fault of the package.

    Parameters
    ----------
    numbered : bool
        Whether patients of a data file are numbers in what is told.
    """
    begin()
    try:
        yield
    except ConvergenceError as error:
        say(f"Error: {error}.\nNothing was written.", err=True)
        raise typer.Exit(NOT_TRUSTED) from None
    except OutputError as error:
        say(f"Error: {error}. {what_was_written()}", err=True)
        raise typer.Exit(_FAULT) from None
    except BayesIhlrtError as error:
        tell_error(error)
        if numbered and re.search(r"\bpatients? \d", str(error)):
            say(_NUMBERED, err=True)
        raise typer.Exit(_FAULT) from None
    except KeyboardInterrupt:
        say(f"Interrupted. {what_was_written()}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def flag(option: str) -> str:
    """Return what is written on the command line for an option.

    Parameters
    ----------
    option : str
        As it is said in Python, e.g. ``"overwrite=True"``; see `errors.Fault`.

    Returns
    -------
    str
        For example ``"--overwrite"``.

    Examples
    --------
    >>> flag("keep_identifiers=True"), flag("month"), flag("cause='liver failure'")
    ('--keep-identifiers', '--month', "--cause 'liver failure'")
    """
    name, _, value = option.partition("=")
    told = f"--{name.replace('_', '-')}"
    if value in {"", "True"}:
        return told
    return f"{told} {shlex.quote(str(ast.literal_eval(value)))}"


def tell_error(error: BayesIhlrtError) -> None:
    """Tell on standard error what is wrong, options as they are written on the command line."""
    told = error.said(flag) if isinstance(error, InputError) else str(error)
    say(f"Error: {told}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """Tell lines of text; of names and paths, what would command the terminal is told."""
    typer.echo(printable(text, keep="\n"), err=err)


def tell_incomplete(lines: Iterable[str], *, silent: bool) -> None:
    """Tell on standard error what a result lacks, where no table on standard output says so.

    Parameters
    ----------
    lines : iterable of str
        First lines of a result of which parts are missing.
    silent : bool
        Whether no table is printed.
    """
    if silent:
        for line in lines:
            say(line, err=True)


def console(*, tables: bool = True) -> "Console":
    """Return a console on standard output, wide enough for every table.

    Parameters
    ----------
    tables : bool
        Whether wide ones are printed; sentences keep to the width of a terminal.
    """
    found = report_table.PlainConsole()
    if not found.is_terminal:
        found.width = _WIDTH
    elif tables:
        found.width = max(found.width, _WIDTH)
    return found


def tell_answer(
    answer: Mapping[str, Any],
    tables: "Callable[[Console], None] | None",
    written: Sequence[Path],
    out: Path | None,
) -> None:
    """Print an answer, every number where that was asked for, and where the files are.

    Parameters
    ----------
    answer : mapping
        Of `report.narrative.fit_summary` or `report.answers`.
    tables : callable or None
        Prints every number.
    written : sequence of Path
        Files that were written.
    out : Path or None
        Their folder.
    """
    report_terminal.print_summary(console(tables=False), answer)
    if tables is not None:
        tables(console())
    tell_written(written, out, tables=tables is not None)


def tell_written(
    written: Sequence[Path], out: Path | None, *, page: bool = False, tables: bool = False
) -> None:
    """Print where the files of a result are, and what comes next.

    Parameters
    ----------
    written : sequence of Path
        Files that were written; none without a folder.
    out : Path or None
        Their folder.
    page : bool
        Whether the report is among them.
    tables : bool
        Whether every number was printed already.
    """
    if out is None:
        lines = [NOT_WRITTEN]
    else:
        page_made = f"`bayes-ihlrt report {out}` makes a page of it"
        next_ = f"open {out / 'report.html'}" if page else page_made
        rest = "" if tables else "; `--tables` prints every number"
        lines = [f"Written: {len(written)} files in {out}", f"Next: {next_}{rest}."]
    report_terminal.print_lines(console(tables=False), lines)


def print_json(content: dict[str, Any]) -> None:
    """Print JSON, and nothing else, on standard output."""
    sys.stdout.write(f"{plain.json_text(content)}\n")
