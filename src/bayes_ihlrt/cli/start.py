"""Where `bayes-ihlrt` begins: signals are looked after before the commands are loaded."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli.interrupts import watch
from bayes_ihlrt.cli.output import tell_of_output

if TYPE_CHECKING:
    from bayes_ihlrt.cli import main as commands
else:
    commands = lazy_module("bayes_ihlrt.cli.main")


def main() -> None:
    """Run the command line."""
    tell_of_output()
    watch()
    commands.main()
