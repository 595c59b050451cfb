"""`bayes-ihlrt plan`."""

from typing import Annotated

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Json, Out, Quiet, Seed
from bayes_ihlrt.cli.telling import console, print_json, told_plainly

Plan = Annotated[
    str, typer.Argument(metavar="PLAN", help="TOML file, or name of a packaged trial plan.")
]


@app.command()
def plan(
    source: Plan,
    *,
    trials: Annotated[
        int, typer.Option("--trials", min=2, help="Trials of each design under each scenario.")
    ] = 10_000,
    out: Out = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler, e.g. tcp://host:8786"),
    ] = None,
    audited: Annotated[
        int | None,
        typer.Option("--audit", min=0, help="Fits redone by NUTS [default: 1 %, at least 20]."),
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Simulate a randomised trial: how often it succeeds, how long it takes.

    A run that was killed goes on where it was when the same command is given again, and so does one
    that is asked for more trials.
    """
    with told_plainly():
        read = analysis.load_plan(source)
        if seed is not None:
            read = read.model_copy(update={"seed": seed})
        if out is not None:
            report.check_plan_folder(out, read)
        with report.TrialProgress(quiet=quiet) as progress:
            found = analysis.run_trial_plan(
                read,
                trials,
                out=out,
                scheduler=scheduler,
                audited=audited,
                progress=progress,
            )
            written = report.write_plan(found, out) if out is not None else ()
        if as_json:
            print_json(found.to_dict())
        elif not quiet:
            report.print_plan(console(), found, written=written)
