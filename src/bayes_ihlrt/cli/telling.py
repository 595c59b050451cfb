"""What a command tells: results on standard output, faults in plain words, exit statuses."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from bayes_ihlrt import report as reports
from bayes_ihlrt.errors import BayesIhlrtError, ConvergenceError
from bayes_ihlrt.escaping import printable

if TYPE_CHECKING:
    from rich.console import Console

_FAULT: Final = 1
_NOT_CONVERGED: Final = 3
_INTERRUPTED: Final = 130
_WIDTH: Final = 110
_NUMBERED: Final = (
    "Patients are numbered in the order of the data file; `bayes-ihlrt check` names them."
)


@contextmanager
def told_plainly(*, numbered: bool = False) -> Iterator[None]:
    """Tell what the user can mend without a traceback; anything else is a fault of the package.

    Parameters
    ----------
    numbered : bool
        Whether patients of a data file are numbers in what is told.
    """
    try:
        yield
    except ConvergenceError as error:
        say(f"Error: {error}.\nNothing was written.", err=True)
        raise typer.Exit(_NOT_CONVERGED) from None
    except BayesIhlrtError as error:
        say(f"Error: {error}", err=True)
        if numbered and re.search(r"\bpatients? \d", str(error)):
            say(_NUMBERED, err=True)
        raise typer.Exit(_FAULT) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted. Nothing was written.", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def say(text: str, *, err: bool = False) -> None:
    """Tell lines of text; of names and paths, what would command the terminal is told."""
    typer.echo(printable(text, keep="\n"), err=err)


def console() -> "Console":
    """Return a console on standard output, wide enough for every table."""
    found = reports.PlainConsole()
    found.width = max(found.width if found.is_terminal else _WIDTH, _WIDTH)
    return found


def print_json(content: dict[str, Any]) -> None:
    """Print JSON, and nothing else, on standard output."""
    sys.stdout.write(f"{reports.json_text(content)}\n")
