"""`bayes-ihlrt explore`."""

from typing import Annotated

import typer

from bayes_ihlrt import analysis, explorer
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Seed
from bayes_ihlrt.cli.telling import say, told_plainly


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
        explorer.check_extra()
        plan = analysis.load_plan(source)
        if seed is not None:
            plan = plan.model_copy(update={"seed": seed})
        if any(scenario.posterior is not None for scenario in plan.scenarios):
            say("Fitting the cohort of the design prior ...", err=True)
        session = explorer.open_session(plan, trials)
        explorer.serve(
            session,
            port=port,
            browser=not no_open,
            tell=lambda address: say(f"{address} shows the design; Ctrl+C ends it."),
        )
