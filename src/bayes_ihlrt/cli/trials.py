"""`plan`, `interim`, `replay-plan`, `replay-trial`, `explore`: trials, simulated or running."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli.app import (
    NOT_TRUSTED,
    Json,
    Out,
    Overwrite,
    Quiet,
    Seed,
    Tables,
    app,
    console,
    print_json,
    say,
    tell_answer,
    tell_incomplete,
    told_plainly,
)

if TYPE_CHECKING:
    from bayes_ihlrt.explorer import app as explorer_app
    from bayes_ihlrt.explorer import session as explorer_session
    from bayes_ihlrt.interim import monitor as interim_monitor
    from bayes_ihlrt.interim import words as interim_words
    from bayes_ihlrt.report import plan_table as report_plan_table
    from bayes_ihlrt.report import single_trials as report_single_trials
    from bayes_ihlrt.report import terminal as report_terminal
    from bayes_ihlrt.results import files as results_files
    from bayes_ihlrt.review import archive as review_archive
    from bayes_ihlrt.spec import read as spec_read
    from bayes_ihlrt.trials import run as trials_run
else:
    explorer_app = lazy_module("bayes_ihlrt.explorer.app")
    explorer_session = lazy_module("bayes_ihlrt.explorer.session")
    interim_monitor = lazy_module("bayes_ihlrt.interim.monitor")
    interim_words = lazy_module("bayes_ihlrt.interim.words")
    report_plan_table = lazy_module("bayes_ihlrt.report.plan_table")
    report_single_trials = lazy_module("bayes_ihlrt.report.single_trials")
    report_terminal = lazy_module("bayes_ihlrt.report.terminal")
    results_files = lazy_module("bayes_ihlrt.results.files")
    review_archive = lazy_module("bayes_ihlrt.review.archive")
    spec_read = lazy_module("bayes_ihlrt.spec.read")
    trials_run = lazy_module("bayes_ihlrt.trials.run")


Plan = Annotated[
    str, typer.Argument(metavar="PLAN", help="TOML file, or name of a packaged trial plan.")
]
_TRIALS: Final = "Trials of each design, and of each value of a curve, under each scenario."
_AUDIT: Final = "Fits redone by NUTS, 0 for none [default: 1 %, at least 20 and at most 200]."


@app.command()
def plan(  # noqa: PLR0913 - one an option of the command line
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
    tables: Tables = False,
    as_json: Json = False,
) -> None:
    """Simulate a randomised trial; given again, a killed run goes on where it was."""
    with told_plainly():
        read = spec_read.load_plan(source)
        if seed is not None:
            read = read.model_copy(update={"seed": seed})
        with (
            report_plan_table.claimed_plan(out, read),
            report_terminal.TrialProgress(quiet=quiet) as progress,
        ):
            found = trials_run.run_trial_plan(
                read, trials, out=out, scheduler=scheduler, audited=audited, progress=progress
            )
            written = report_plan_table.write_plan(found, out) if out is not None else ()
        tell_incomplete(found.incomplete, silent=as_json or quiet)
        if as_json:
            print_json(found.to_dict())
        elif not quiet:
            every = partial(report_plan_table.print_plan, found=found) if tables else None
            tell_answer(report_plan_table.plan_answer(found), every, written, out)
        if found.audit.verdict == "failed":
            raise typer.Exit(NOT_TRUSTED)


_LOOK: Final = "Number of the look [default: the last that is due, or else the first]."
_MONTH: Final = "Months from opening to the day of the data [default: the last with news]."
_TARGET: Final = "Probability of success that more patients are to reach."


@app.command()
def interim(  # noqa: PLR0913 - one an option of the command line
    source: Plan,
    *,
    data: Annotated[
        str, typer.Option("--data", metavar="FILE", help="Patients of the trial so far.")
    ],
    out: Out = None,
    design: Annotated[
        str | None, typer.Option("--design", help="Name of a variant; the plan's own without it.")
    ] = None,
    look: Annotated[int | None, typer.Option("--look", min=1, help=_LOOK)] = None,
    month: Annotated[float | None, typer.Option("--month", min=0.0, help=_MONTH)] = None,
    draws: Annotated[
        int, typer.Option("--draws", min=256, max=100_000, help="Continuations of each kind.")
    ] = 2_000,
    target: Annotated[float, typer.Option("--target", min=0.0, max=1.0, help=_TARGET)] = 0.8,
    overwrite: Overwrite = False,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tell how a running trial stands: rule, predictive probability, what may come of it."""
    with told_plainly():
        read = spec_read.load_plan(source)
        if seed is not None:
            read = read.model_copy(update={"seed": seed})
        with (
            results_files.claimed_out(out, overwrite=overwrite, holding=results_files.OF_A_PLAN),
            report_terminal.Stages(quiet=quiet) as stages,
        ):
            settings = interim_monitor.Settings(design, look, month, draws, target)
            found = interim_monitor.run_interim(read, data, settings, stage=stages.tell)
            written = report_single_trials.write_interim(found, out) if out is not None else ()
        tell_incomplete(found.incomplete, silent=as_json or quiet)
        if as_json:
            print_json(found.to_dict())
        elif not quiet:
            # The answer holds every number: there are no more tables to print.
            tell_answer(interim_words.interim_answer(found), lambda _: None, written, out)


@app.command("replay-plan")
def replay_plan(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `plan` wrote.")],
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Simulate every trial again; read them otherwise.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tell every number of a plan again from its folder, without any data, and compare."""
    with told_plainly():
        with report_terminal.TrialProgress(quiet=quiet) as progress:
            found = review_archive.replay_plan(folder, again=again, stage=progress)
        if as_json:
            print_json(found.to_dict())
        elif not quiet:
            for sentence in found.sentences:
                say(sentence)
    if found.different:
        raise typer.Exit(1)


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
        read = spec_read.load_plan(source)
        if seed is not None:
            read = read.model_copy(update={"seed": seed})
        with report_terminal.Stages(quiet=quiet) as stages:
            found = trials_run.replay_planned(
                read, trial, scenario=scenario, design=design, stage=stages.tell
            )
            if out is not None:
                report_single_trials.draw_replay(found, out)
        if not quiet:
            report_single_trials.print_replay(console(), found, written=out)


@app.command()
def explore(
    source: Annotated[
        str, typer.Argument(metavar="DESIGN", help="TOML file, or name of a packaged trial plan.")
    ],
    *,
    trials: Annotated[
        int, typer.Option("--trials", min=2, help="Trials of each simulation.")
    ] = 2_048,
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65_535, help="Port of 127.0.0.1 [default: a free one]."),
    ] = 0,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Do not open the page in the browser.")
    ] = False,
    seed: Seed = None,
) -> None:
    """Open a page of this machine on which a trial design is moved and simulated."""
    with told_plainly():
        explorer_app.check_extra()
        plan = spec_read.load_plan(source)
        if seed is not None:
            plan = plan.model_copy(update={"seed": seed})
        if any(scenario.posterior is not None for scenario in plan.scenarios):
            say("Fitting the cohort of the design prior ...", err=True)
        session = explorer_session.open_session(plan, trials)
        explorer_app.serve(
            session,
            port=port,
            browser=not no_open,
            tell=lambda address: say(f"{address} shows the design; Ctrl+C ends it."),
        )
