"""Single simulated trials: one shown again, and fits done again by Markov chains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.plots.saving import DPI
from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.storage.claims import replace_file
from bayes_ihlrt.trials.replay import Replay, replay_data


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
    form = out.suffix.removeprefix(".") or "png"
    figure = PLOTS["trial_replay"](replay_data(replay))
    replace_file(out, lambda file: figure.savefig(file, dpi=DPI, format=form))


def audit_sentences(audit: Mapping[str, Any]) -> list[str]:
    """Return what was found by NUTS, and what was not looked at."""
    told = ["No fit was audited by NUTS."]
    if audit["fits"]:
        chains = "all chains converged"
        if audit["not_converged"]:
            chains = f"the chains of {audit['not_converged']} of them DID NOT CONVERGE"
        told = [
            f"Audit: {audit['fits']:,} of {audit['of']:,} fits, drawn at random (1 %, at least 20 "
            "and at most 200, unless --audit says otherwise), redone by NUTS; "
            f"{chains}; probabilities differ by {audit['mean_difference']:.4f} on average and "
            f"{audit['max_difference']:.4f} at most (Monte Carlo error "
            f"{audit['max_difference_mcse']:.4f}); decisions changed in "
            f"{audit['decisions_changed']}."
        ]
    if audit["left_out"]:
        rules = "; ".join(audit["left_out"])
        told.append(f"Not audited, being about data that are yet to come: {rules}.")
    return told


def audit_summary(audit: Mapping[str, Any]) -> list[str]:
    """Return what checking fits against Markov chains changed.

    Parameters
    ----------
    audit : mapping
        ``audit`` of ``result.json``.

    Returns
    -------
    list of str
        That nothing was checked, or what came of it.

    Examples
    --------
    >>> audit_summary({"fits": 0})
    ['No fit was checked against Markov chains.']
    """
    if not audit["fits"]:
        return ["No fit was checked against Markov chains."]
    changed, strayed = audit["decisions_changed"], audit["not_converged"]
    fits = counted(audit["fits"], "fit was", "fits were")
    told = [
        f"{fits} done again by Markov chains, at looks drawn at random; "
        f"{counted(changed, 'decision', 'decisions')} changed."
    ]
    if strayed:
        told.append(
            f"The chains of {counted(strayed, 'fit', 'fits')} did not converge: there the "
            "comparison says nothing."
        )
    if audit["left_out"]:
        told.append(f"The audit does not compare: {'; '.join(audit['left_out'])}.")
    return told
