"""Standard output that tells when it cannot be written: a full disk, or a reader that has left."""

import io
import os
import sys
from typing import Final, override

from bayes_ihlrt.errors import OutputError

_STDOUT: Final = 1


class _Told(io.TextIOWrapper):
    """Text whose writing fails in words."""

    @override
    def write(self, text: str, /) -> int:
        """Write text."""
        try:
            return super().write(text)
        except OSError as error:
            raise _failed(error) from None

    @override
    def flush(self) -> None:
        """Hand on what was written."""
        try:
            super().flush()
        except OSError as error:
            raise _failed(error) from None


def _failed(error: OSError) -> OutputError:
    # What is left in the buffer has nowhere to go, and would fail again when Python ends.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, _STDOUT)
    os.close(silent)
    return OutputError((error.strerror or type(error).__name__).lower())


def tell_of_output() -> None:
    """Let standard output raise `errors.OutputError` from now on."""
    for number, name in ((_STDOUT, "stdout"), (_STDOUT + 1, "stderr")):
        # Closed by who called: nothing is wanted, and the number must not become that of a file.
        if getattr(sys, name) is None:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, number)
            setattr(sys, name, os.fdopen(number, "w"))
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, _Told):
        encoding, errors, buffered = stream.encoding, stream.errors, stream.line_buffering
        sys.stdout = _Told(stream.detach(), encoding, errors, line_buffering=buffered)
