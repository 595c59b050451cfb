"""The command line, `bayes-ihlrt`: every command on one application.

Exit status 0: done. 1: something is wrong with what was given, or output cannot be written, told in
plain words. 2: usage. 3: nothing that was asked for is to be trusted, and nothing was written, or a
plan's audit failed, which is written; a study that lacks a part ends with 0 and says INCOMPLETE
first. 130: interrupted (Ctrl+C), 143:
terminated (SIGTERM), both at once. Errors and progress go to standard error, results to standard
output.
"""

import os
import sys

from bayes_ihlrt.cli import analyse, init, protocol, report, studies, trials
from bayes_ihlrt.cli.app import app, say, tell_error
from bayes_ihlrt.cli.interrupts import INTERRUPTED, wait_if_ending, watch, what_was_written
from bayes_ihlrt.cli.output import tell_of_output
from bayes_ihlrt.cli.surroundings import prepare
from bayes_ihlrt.errors import InputError, OutputError

COMMANDS = (analyse, init, protocol, studies, trials, report)
"""Modules whose import puts their commands on the application."""


def main() -> None:
    """Run the command line."""
    tell_of_output()
    watch()
    try:
        prepare()
        _run()
    except InputError as error:
        tell_error(error)
        sys.exit(1)
    except OutputError as error:
        say(f"Error: {error}. {what_was_written()}", err=True)
        sys.exit(1)
    finally:
        wait_if_ending()


def _run() -> None:
    try:
        app()
    except SystemExit as leaving:
        sys.stdout.flush()
        if leaving.code == INTERRUPTED:
            # Leaving in the usual way would wait for chains and compilations in other threads.
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
