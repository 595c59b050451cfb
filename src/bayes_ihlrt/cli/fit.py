"""`bayes-ihlrt fit` and `bayes-ihlrt demo`."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import (
    AllowNonconverged,
    Data,
    Json,
    KeepIdentifiers,
    Out,
    Overwrite,
    Quiet,
    Seed,
    Spec,
)
from bayes_ihlrt.cli.telling import console, print_json, told_plainly

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import AnalysisSpec
    from bayes_ihlrt.data import Cohort


@app.command()
def fit(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    allow_nonconverged: AllowNonconverged = False,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Fit an analysis and write its results."""
    with told_plainly(numbered=not keep_identifiers):
        _fit(
            partial(inputs.read, spec, data, seed, identifiers=inputs.where(keep=keep_identifiers)),
            out,
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
    with told_plainly():
        _fit(
            partial(inputs.read, "primary", "ihlrt_synthetic", seed),
            out or Path("demo"),
            overwrite=overwrite or out is None,
            allow_nonconverged=False,
            quiet=quiet,
            as_json=as_json,
        )


def _fit(
    source: "Callable[[], tuple[AnalysisSpec, Cohort]]",
    out: Path | None,
    *,
    overwrite: bool,
    allow_nonconverged: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    if out is not None:
        report.check_folder(out, overwrite=overwrite)
    read, cohort = source()
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
        print_json(result.to_dict())
    elif not quiet:
        report.print_fit(console(), result, written=written)
