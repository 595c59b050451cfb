"""`bayes-ihlrt fit` and `bayes-ihlrt demo`."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import AllowNonconverged, Data, Json, Out, Overwrite, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly


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
    with told_plainly():
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
    with told_plainly():
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
    read, cohort = inputs.read(spec, data, seed)
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
