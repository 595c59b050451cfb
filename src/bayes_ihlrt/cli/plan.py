"""`bayes-ihlrt plan`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Json, Out, Quiet, Seed
from bayes_ihlrt.cli.telling import console, print_json, told_plainly

Plan = Annotated[
    str, typer.Argument(metavar="PLAN", help="TOML file, or name of a packaged trial plan.")
]
_TRIALS: Final = "Trials of each design, and of each value of a curve, under each scenario."
_AUDIT: Final = "Fits redone by NUTS [default: 1 %, at least 20 and at most 200]."


@app.command()
def plan(
    source: Plan,
    *,
    trials: Annotated[int, typer.Option("--trials", min=2, help=_TRIALS)] = 10_000,
    out: Out = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler, e.g. tcp://host:8786"),
    ] = None,
    audited: Annotated[
        int | None,
        typer.Option("--audit", min=0, help=_AUDIT),
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Simulate a randomised trial; given again, a killed run goes on where it was."""
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


@app.command("replay-trial")
def replay_trial(
    source: Plan,
    trial: Annotated[int, typer.Argument(min=0, help="Number of the trial, from 0.")],
    *,
    scenario: Annotated[str, typer.Option("--scenario", help="Name of the scenario.")],
    design: Annotated[
        str | None, typer.Option("--design", help="Name of a variant; the plan's own without it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PNG", help="Figure; none without it.")
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Show one simulated trial: its looks, posteriors and decisions."""
    with told_plainly():
        read = analysis.load_plan(source)
        if seed is not None:
            read = read.model_copy(update={"seed": seed})
        with report.Stages(quiet=quiet) as stages:
            found = analysis.replay_planned(
                read, trial, scenario=scenario, design=design, stage=stages.tell
            )
            if out is not None:
                report.draw_replay(found, out)
        if not quiet:
            report.print_replay(console(), found, written=out)
