"""Places for what libraries keep, where the user's home cannot be written."""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import Fault, InputError

_FLAGS: Final = "PYTENSOR_FLAGS"


def prepare() -> None:
    """Let libraries keep what they compile for this run alone, where home cannot be written.

    PyTensor refuses to work without a folder, and Matplotlib complains. ``--version`` tells that
    nothing is kept.

    Raises
    ------
    InputError
        There is no place for temporary files either.
    """
    home = Path("~").expanduser()
    if "compiledir" in os.environ.get(_FLAGS, "") or _can_be_written(home):
        return
    try:
        # Made by who needs it; a name that nobody can have taken before.
        place = Path(tempfile.gettempdir()) / f"bayes-ihlrt-{secrets.token_hex(8)}"
    except FileNotFoundError as error:
        problem = "it cannot be written, nor can a folder for temporary files"
        remedy = "Let HOME or TMPDIR name a folder that can be written"
        raise InputError("HOME", [Fault(f"folder {home}", problem, remedy)]) from error
    flags = [*filter(None, [os.environ.get(_FLAGS)]), f"base_compiledir={place / 'pytensor'}"]
    os.environ[_FLAGS] = ",".join(flags)
    os.environ.setdefault("MPLCONFIGDIR", str(place / "matplotlib"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)


def _can_be_written(home: Path) -> bool:
    existing = next(path for path in (home, *home.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
