"""Floor 7: the command line, `bayes-ihlrt`; one module a command.

Exit status 0: done. 1: something is wrong with what was given, told in plain words. 2: usage.
3: the posterior is not to be trusted. Errors and progress go to standard error, results to standard
output.
"""

from bayes_ihlrt.cli import check, diagnose, explore, fit, init, ladder, plan, report, sensitivity
from bayes_ihlrt.cli.app import app

__all__ = [
    "app",
    "check",
    "diagnose",
    "explore",
    "fit",
    "init",
    "ladder",
    "main",
    "plan",
    "report",
    "sensitivity",
]


def main() -> None:
    """Run the command line."""
    app()
