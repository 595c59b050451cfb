"""`bayes-ihlrt init --from`: a specification from a data file; questions at a terminal only."""

import os
from collections.abc import Sequence
from pathlib import Path

import typer

from bayes_ihlrt.cli.app import say
from bayes_ihlrt.files.readers import read_everything
from bayes_ihlrt.proposal.first_specification import first_specification, open_questions, short_name
from bayes_ihlrt.proposal.recognise import Recognised, answered, recognise
from bayes_ihlrt.proposal.role_guesses import OPEN, Guess
from bayes_ihlrt.spec.catalogue import write_new

_SHOWN = {
    "patient": "patient",
    "origin": "time zero",
    "time": "end of follow-up",
    "event": "event",
    "event_value": "its value",
    "start": "treatment starts",
    "start_unit": "their unit",
    "centre": "centre",
    "modifier": "effect modifier",
    "time_unit": "unit of time",
}
_SCANS = {"time": "event found", "event": "last without"}
"""Of an event between two scans."""
_ASKED = {
    **_SHOWN,
    "event_value": "value of the event",
    "start_unit": "unit of treatment starts",
    "date_order": "order of day and month",
}
"""What is open, where no line above says of what it is."""
_NEEDED = ("patient", "time", "event", "start")
_COLUMNS = (*_NEEDED, "origin", "centre", "modifier")


def start_from(
    folder: Path, source: Path, seed: int | None, *, overwrite: bool, ask: bool
) -> tuple[tuple[Path, ...], str]:
    """Write a specification for a data file.

    Parameters
    ----------
    folder : Path
        Folder of the specification; made if it is not there.
    source : Path
        The data file, which stays where it is.
    seed : int or None
        Seed of the sampler.
    overwrite : bool
        Replace a specification that is there.
    ask : bool
        Whether somebody can answer questions.

    Returns
    -------
    files : tuple of Path
        The specification.
    told : str
        What was recognised, what is open, and the next step.
    """
    table = read_everything(source)
    found = recognise(table)
    if ask:
        found = _asked(found)
    file = Path(os.path.relpath(source.resolve(), folder.resolve())).as_posix()
    name = short_name(source.name.partition(".")[0]).replace("_", "-")
    text = first_specification(found, name=name, file=file, seed=seed)
    files = write_new(folder, {"specification.toml": text}, overwrite=overwrite)
    return files, "\n".join([*table.notes, *_told(found), "", *_next(found, folder)])


def next_step(files: tuple[Path, ...]) -> str:
    """Return what to do with the templates.

    Parameters
    ----------
    files : tuple of Path
        Specification, table and its dictionary.

    Returns
    -------
    str
        The next step.
    """
    specification, table, dictionary = files
    return (
        f"Next: fill in {table} as {dictionary} explains, change {specification} to your columns, "
        f"then run\n  bayes-ihlrt check {specification} --data {table}\n"
        "A data file that is there already is recognised by `bayes-ihlrt init DIR --from FILE`."
    )


def _asked(found: Recognised) -> Recognised:
    while questions := open_questions(found):
        key, guess = next(iter(questions.items()))
        of_file = found.names if key in _COLUMNS else ()
        found = answered(found, key, _answer(guess, of_file))
    return found


def _answer(guess: Guess, of_file: Sequence[str]) -> str:
    say(guess.why)
    for number, choice in enumerate(guess.choices, 1):
        say(f"  {number}  {choice}")
    while True:
        given = str(typer.prompt("Number or name" if guess.choices else "Name")).strip()
        if given in guess.choices or (given in of_file and given != OPEN):
            return given
        if given.isascii() and given.isdigit() and 1 <= int(given) <= len(guess.choices):
            return guess.choices[int(given) - 1]
        asked = f"a number from 1 to {len(guess.choices)}" if guess.choices else ""
        names = "the name of a column of the file" if of_file else ""
        say(f"Give {' or '.join(filter(None, (asked, names)))}.")


def _told(found: Recognised) -> list[str]:
    width = max(map(len, _SHOWN.values()))
    guesses = {key: found.guesses[key] for key in _SHOWN if key in found.guesses}
    shown = _SHOWN | _SCANS if found.scans else _SHOWN
    lines = [
        f"  {shown[key]:{width}}  {guess.value}  ({guess.why})" for key, guess in guesses.items()
    ]
    missing = [_SHOWN[k] for k in _NEEDED if found.guesses[k].open and not found.guesses[k].choices]
    if missing:
        listed = ", ".join(found.names[:12]) + (" and others" if len(found.names) > 12 else "")
        lines += [
            "",
            f"Nothing in the file looks like: {', '.join(missing)}.",
            f"Its columns are read as: {listed}.",
            "If these are no names of columns, give the line that has them: [data] header_line. "
            "One row a patient is needed, with an identifier, the end of follow-up, whether the "
            "event happened, and the start of treatment (empty: never).",
        ]
    return lines


def _next(found: Recognised, folder: Path) -> list[str]:
    questions = open_questions(found)
    first = "Next: read the guesses in the specification"
    if questions:
        listed = ", ".join(_ASKED[key] for key in questions)
        first += f", decide what is open there ({listed})"
    return [f"{first}, then run", f"  bayes-ihlrt check {folder}"]
