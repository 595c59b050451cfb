"""One simulated trial on the terminal and as a figure."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.plots import PLOTS
from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.report.writing import DPI
from bayes_ihlrt.trials.replay_data import replay_data
from bayes_ihlrt.trials.replaying import Replay


def print_replay(console: Console, replay: Replay, *, written: Path | None = None) -> None:
    """Print one trial.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    replay : Replay
        The trial.
    written : Path, optional
        File of the figure, where it was drawn.
    """
    console.print(Text(f"Simulated: no patient is in it. {replay.looks.attrs['title']}", "bold"))
    for place in range(replay.look):
        look = replay.looks.isel(look=place)
        events = int(look["events_control"]) + int(look["events_treated"])
        mean, sd = (float(look[name].isel(target=0)) for name in ("mean", "sd"))
        console.print(
            Text(
                f"look {place + 1}, month {float(look['months']):.1f}: {int(look['enrolled'])} "
                f"patients, {events} {look.attrs['events']}, hazard ratio {np.exp(mean):.2f} "
                f"({np.exp(mean - Z_975 * sd):.2f}-{np.exp(mean + Z_975 * sd):.2f})"
            )
        )
    for rule in replay.trace:
        console.print(Text(str(rule)))
    if written is not None:
        console.print(Text(f"Written: {written}"))


def draw_replay(replay: Replay, out: Path) -> None:
    """Draw one trial.

    Parameters
    ----------
    replay : Replay
        The trial.
    out : Path
        File of the figure.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    try:
        PLOTS["trial_replay"](replay_data(replay)).savefig(out, dpi=DPI)
    except OSError as error:
        problem = f"it cannot be written ({(error.strerror or type(error).__name__).lower()})"
        raise InputError("--out", [Fault(str(out), problem, "Name another file")]) from error
