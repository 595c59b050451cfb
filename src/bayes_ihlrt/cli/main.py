"""The command line, `bayes-ihlrt`: every command on one application.

Exit status 0: done. 1: something is wrong with what was given, told in plain words. 2: usage.
3: nothing that was asked for is to be trusted, and nothing was written; a study that lacks a part
ends with 0 and says INCOMPLETE first, so that a pipeline keeps what was computed and asks `failed`
of result.json what is missing. 130: interrupted, at once. Errors and progress go to standard
error, results to standard output.
"""

import os
import sys

from bayes_ihlrt.cli import analyse, report, studies, trials
from bayes_ihlrt.cli.app import INTERRUPTED, app

COMMANDS = (analyse, studies, trials, report)
"""Modules whose import puts their commands on the application."""


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            # Leaving in the usual way would wait for chains and compilations in other threads.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
