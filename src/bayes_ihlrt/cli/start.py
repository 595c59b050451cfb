"""Where `bayes-ihlrt` begins: signals are looked after before anything else is loaded.

Loading this module is the first step of a command; nothing else loads it.
"""

# ruff: noqa: E402 - loading the rest takes as long as an impatient user

# `signal` itself loads enumerations, which takes longer than all of this.
import _signal  # type: ignore[import-not-found]
import gc
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def _end(number: int, frame: "FrameType | None") -> None:
    """End at once, while there is nothing yet that could have been written."""
    del frame
    word = b"Interrupted" if number == _signal.SIGINT else b"Terminated"
    os.write(2, word + b". Nothing was written.\n")
    os._exit(128 + number)


for _number, _before in (
    (_signal.SIGINT, _signal.default_int_handler),
    (_signal.SIGTERM, _signal.SIG_DFL),
):
    # What runs in the background of a script is told to ignore Ctrl+C, and does.
    if _signal.getsignal(_number) is _before:
        _signal.signal(_number, _end)

# Loading and tracing make a million objects that stay. Looking for garbage among them as often as
# Python does took 2.2 of 36 s of processor time of a fit; this rarely, 0.5 of 31. Of the command
# line alone: a program that uses the package has its own settings.
gc.set_threshold(50_000, 10, 10)

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


if __name__ == "__main__":
    main()
