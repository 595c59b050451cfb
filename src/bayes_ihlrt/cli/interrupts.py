"""Ctrl+C and SIGTERM end a command at once, whatever it computes.

Python calls handlers of signals between two steps of the main thread, so a compilation of many
seconds would be waited for. The system tells of a signal through a pipe as well; the thread that
reads from it removes what is not finished and ends the process. For the command line alone: a
program that uses the package has its own handlers.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

from bayes_ihlrt.escaping import printable
from bayes_ihlrt.storage.claims import abandon, placed

if sys.platform != "win32":
    import termios

INTERRUPTED: Final = 130
TERMINATED: Final = 143
_ENDINGS: Final = {
    int(signal.SIGINT): ("Interrupted", INTERRUPTED),
    int(signal.SIGTERM): ("Terminated", TERMINATED),
}
_FLUSHING: Final = 0.3
_PLACING: Final = 1.0
"""Seconds that output and files on their way have to get where they belong."""
_LISTED: Final = 6
"""Files of a folder that are named one by one."""
_SHOW_CURSOR: Final = b"\r\x1b[2K\x1b[?25h"
_ending = threading.Event()
_watching = threading.Event()


def watch() -> None:
    """End this process at the first SIGINT or SIGTERM from now on."""
    if _watching.is_set():
        return
    _watching.set()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Before the handlers, which do nothing: a signal in between would be lost.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _ENDINGS:
        # What runs in the background of a script is told to ignore Ctrl+C, and does.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _left_to_the_watcher)
    # Started before a prompt changes how the terminal answers to keys.
    threading.Thread(target=_watch, args=(reading, _terminal()), daemon=True).start()


def wait_if_ending() -> None:
    """Wait for the end, where it has begun: nothing else may tell how the command ended."""
    if _ending.is_set():
        time.sleep(10 * (_FLUSHING + _PLACING))


def _left_to_the_watcher(number: int, frame: FrameType | None) -> None:
    del number, frame


def _watch(reading: int, terminal: list[Any] | None) -> None:
    while True:
        number = os.read(reading, 1)[0]
        if number in _ENDINGS:
            _end(number, terminal)


def _end(number: int, terminal: list[Any] | None) -> None:
    _ending.set()
    words, status = _ENDINGS[number]
    try:
        # The main thread may hold the stream, and wait for a reader that does not read.
        flushing = threading.Thread(target=sys.stdout.flush, daemon=True)
        flushing.start()
        flushing.join(_FLUSHING)
        # The main thread goes on for a moment, and finds that its files are gone.
        errors = os.dup(2)
        silent = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(silent, stream)
        abandon(_PLACING)
        told = f"{words}. {what_was_written()}\n".encode(errors="backslashreplace")
        _restore(terminal)
        os.write(errors, (_SHOW_CURSOR if os.isatty(errors) else b"") + told)
    finally:
        os._exit(status)


def what_was_written() -> str:
    """Return a sentence on what this process has put in place."""
    if not placed():
        return "Nothing was written."
    folders: dict[Path, list[Path]] = {}
    for path in placed():
        folders.setdefault(path.parent, []).append(path)
    told = [
        str(path)
        for folder, paths in folders.items()
        for path in (paths if len(paths) <= _LISTED else [f"{len(paths):,} files in {folder}"])
    ]
    return f"Written before: {printable(', '.join(told))}."


def _terminal() -> list[Any] | None:
    """Return how the terminal answers to keys; None where there is none."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        return None
    return termios.tcgetattr(sys.stdin.fileno())


def _restore(terminal: list[Any] | None) -> None:
    if sys.platform != "win32" and terminal is not None:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, terminal)
