"""The command line: `bayes-ihlrt`.

Exit status 0: done. 1: something is wrong with what was given, told in plain words. 2: usage.
3: the chains did not converge. Errors and progress go to standard error, results to standard
output.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.errors import BayesIhlrtError, ConvergenceError

if TYPE_CHECKING:
    from rich.console import Console

    from bayes_ihlrt.analysis import AnalysisSpec
    from bayes_ihlrt.data import Cohort

_FAULT: Final = 1
_NOT_CONVERGED: Final = 3
_INTERRUPTED: Final = 130
_WIDTH: Final = 110

app = typer.Typer(
    help="Bayesian survival models for a treatment that starts during follow-up.",
    epilog="Start with `bayes-ihlrt demo`, then `bayes-ihlrt init my-analysis`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Spec = Annotated[
    str, typer.Argument(metavar="SPEC", help="TOML file, or name of a packaged specification.")
]
Data = Annotated[
    str,
    typer.Option("--data", metavar="CSV|NAME", help="CSV file, or name of a packaged data set."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for results; without it none are written."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed, instead of that of the specification.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no tables.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
AllowNonconverged = Annotated[
    bool,
    typer.Option("--allow-nonconverged", help="Report draws that did not converge, and say so."),
]


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"bayes-ihlrt {version('bayes-ihlrt')}")
        raise typer.Exit


@app.callback()
def common(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Bayesian survival models for a treatment that starts during follow-up."""


@app.command()
def fit(
    spec: Spec,
    data: Data,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    allow_nonconverged: AllowNonconverged = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit an analysis and write its results."""
    with _told_plainly():
        _fit(
            spec,
            data,
            out,
            seed=seed,
            overwrite=overwrite,
            allow_nonconverged=allow_nonconverged,
            quiet=quiet,
            as_json=as_json,
        )


@app.command()
def demo(
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for results [default: demo, replaced]."),
    ] = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit the packaged synthetic cohort."""
    with _told_plainly():
        _fit(
            "primary",
            "ihlrt_synthetic",
            out or Path("demo"),
            seed=seed,
            overwrite=overwrite or out is None,
            allow_nonconverged=False,
            quiet=quiet,
            as_json=as_json,
        )


@app.command()
def ladder(
    spec: Spec,
    data: Data,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare designs on one cohort, from ever against never treated upward."""
    with _told_plainly():
        if out is not None:
            report.check_folder(out, overwrite=overwrite)
        read, cohort = _read(spec, data, seed)
        with report.Stages(quiet=quiet) as stages:
            result = analysis.bias_ladder(read, cohort, stage=stages.tell)
            written = report.write_ladder(result, out) if out is not None else ()
        if as_json:
            _print_json(result.to_dict())
        elif not quiet:
            report.print_ladder(_console(), result, written=written)


@app.command()
def check(
    spec: Spec,
    data: Data,
    *,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check an analysis without fitting it."""
    with _told_plainly():
        checked = analysis.check_analysis(*_read(spec, data, seed))
        if as_json:
            _print_json(checked.to_dict())
        elif not quiet:
            report.print_check(_console(), checked)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the new files.")],
    *,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed to write into the specification.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace these files.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the files that an analysis starts from."""
    with _told_plainly():
        files = analysis.write_templates(folder, seed=seed, overwrite=overwrite)
        if as_json:
            _print_json({"schema": 1, "written": [str(file) for file in files]})
        elif not quiet:
            specification, table, dictionary = files
            typer.echo(
                f"Written: {', '.join(map(str, files))}\n"
                f"Next: fill in {table} as {dictionary} explains, change {specification} to your "
                f"columns, then run\n"
                f"  bayes-ihlrt check {specification} --data {table}"
            )


def main() -> None:
    """Run the command line."""
    app()


def _read(spec: str, data: str, seed: int | None) -> "tuple[AnalysisSpec, Cohort]":
    read, cohort = analysis.read_inputs(spec, data)
    if seed is not None:
        sampler = read.sampler.model_copy(update={"seed": seed})
        read = read.model_copy(update={"sampler": sampler})
    return read, cohort


def _fit(
    spec: str,
    data: str,
    out: Path | None,
    *,
    seed: int | None,
    overwrite: bool,
    allow_nonconverged: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    if out is not None:
        report.check_folder(out, overwrite=overwrite)
    read, cohort = _read(spec, data, seed)
    analysis.check_analysis(read, cohort)
    with report.Stages(quiet=quiet) as stages, warnings.catch_warnings():
        # The printed notes say it.
        warnings.simplefilter("ignore", analysis.SparseEventsWarning)
        warnings.simplefilter("ignore", analysis.SeparationWarning)
        stages.tell("loading the samplers")
        result = analysis.run_fit(
            read,
            cohort,
            allow_nonconverged=allow_nonconverged,
            progress=stages.shows_progress,
            stage=stages.tell,
        )
        written: tuple[Path, ...] = ()
        if out is not None:
            stages.tell("drawing and writing")
            written = report.write_fit(result, out)
    if as_json:
        _print_json(result.to_dict())
    elif not quiet:
        report.print_fit(_console(), result, written=written)


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Tell what the user can mend without a traceback; anything else is a fault of the package."""
    try:
        yield
    except ConvergenceError as error:
        typer.echo(f"Error: {error}.\nNothing was written.", err=True)
        raise typer.Exit(_NOT_CONVERGED) from None
    except BayesIhlrtError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(_FAULT) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted. Nothing was written.", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width if console.is_terminal else _WIDTH, _WIDTH)
    return console


def _print_json(content: dict[str, Any]) -> None:
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")
