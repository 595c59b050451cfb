"""`bayes-ihlrt report`, `show`, `export` and `figures`: what is made of written results."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli import app as completing
from bayes_ihlrt.cli.app import (
    Json,
    KeepIdentifiers,
    Overwrite,
    Quiet,
    app,
    print_json,
    say,
    told_plainly,
)
from bayes_ihlrt.names import FigureForm
from bayes_ihlrt.storage.claims import claimed

if TYPE_CHECKING:
    from bayes_ihlrt.report import html as report_html
    from bayes_ihlrt.report import journal as report_journal
    from bayes_ihlrt.report import manuscript as report_manuscript
    from bayes_ihlrt.report import terminal as report_terminal
    from bayes_ihlrt.results import outputs as report_outputs
else:
    report_html = lazy_module("bayes_ihlrt.report.html")
    report_journal = lazy_module("bayes_ihlrt.report.journal")
    report_manuscript = lazy_module("bayes_ihlrt.report.manuscript")
    report_outputs = lazy_module("bayes_ihlrt.results.outputs")
    report_terminal = lazy_module("bayes_ihlrt.report.terminal")


Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="Folder with the output of a command, or with folders that have one.",
        autocompletion=completing.folders,
    ),
]


@app.command()
def report(
    folder: Folder,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="HTML file [default: DIR/report.html]."),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Write what was found into one HTML file that needs no network."""
    with told_plainly():
        with _held(folder, out), report_terminal.Stages(quiet=quiet) as stages:
            stages.tell("reading and laying out")
            results = report_outputs.read_results(folder, keep_identifiers=keep_identifiers)
            file = report_html.write_report(
                results, out or folder / "report.html", overwrite=overwrite
            )
        _tell([file], quiet=quiet, as_json=as_json)


@app.command()
def show(folder: Folder, *, keep_identifiers: KeepIdentifiers = False) -> None:
    """Tell again what commands told, most important first."""
    with told_plainly():
        results = report_outputs.read_results(folder, keep_identifiers=keep_identifiers)
        say("\n\n".join(report_outputs.summaries(results)))


@app.command()
def export(
    folder: Folder,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the files [default: DIR/exports]."),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Write the tables as CSV, Word and LaTeX, and the methods with their references."""
    with told_plainly():
        with _held(folder, out), report_terminal.Stages(quiet=quiet) as stages:
            stages.tell("reading and writing")
            results = report_outputs.read_results(folder, keep_identifiers=keep_identifiers)
            files = report_manuscript.write_exports(
                results, out or folder / "exports", overwrite=overwrite
            )
        _tell(files, quiet=quiet, as_json=as_json)


Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="A figure to write; repeat for more [all]."),
]
Forms = Annotated[
    list[FigureForm] | None,
    typer.Option("--format", help="What to write; repeat for more [default: pdf]."),
]
Width = Annotated[
    float | None,
    typer.Option("--width", min=40, max=500, metavar="MM", help="Width in millimetres."),
]
Height = Annotated[
    float | None,
    typer.Option("--height", min=30, max=700, metavar="MM", help="Height in millimetres."),
]
Dpi = Annotated[
    int | None,
    typer.Option("--dpi", min=72, max=1200, help="Dots per inch of a PNG [default: 150]."),
]
Place = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder for the files [default: DIR/exports/figures]."
    ),
]


@app.command()
def figures(  # noqa: PLR0913 - one an option of the command line
    folder: Folder,
    *,
    only: Only = None,
    form: Forms = None,
    width: Width = None,
    height: Height = None,
    dpi: Dpi = None,
    out: Place = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Draw figures again as PDF, SVG or PNG, at the size that a journal asks for."""
    with told_plainly():
        with _held(folder, out), report_terminal.Stages(quiet=quiet) as stages:
            stages.tell("reading and drawing")
            results = report_outputs.read_results(folder, keep_identifiers=keep_identifiers)
            asked = tuple(form or (FigureForm.PDF,))
            files = report_journal.write_drawings(
                results,
                out or folder / "exports" / "figures",
                form=report_journal.Format(asked, width=width, height=height, dpi=dpi),
                names=only or (),
                overwrite=overwrite,
            )
        _tell(files, quiet=quiet, as_json=as_json)


def _held(folder: Path, out: Path | None) -> AbstractContextManager[None]:
    """Let no result take the place of the one that is read while what is made of it joins it."""
    return nullcontext() if out is not None or not folder.is_dir() else claimed(folder, "DIR")


def _tell(files: "list[Path] | tuple[Path, ...]", *, quiet: bool, as_json: bool) -> None:
    if as_json:
        print_json({"schema": 1, "written": [str(file) for file in files]})
    elif not quiet:
        say(f"Written: {', '.join(map(str, files))}")
