"""How a finished result takes the place of an earlier one: by renames that any process can end.

A folder is in one of four states, told by what lies in it, and each step to the next is one rename:

1. ``.unfinished``: files are being written. The earlier result is whole.
2. ``.unfinished.whole``: all are written, and will be put in place. Files of the earlier result go
   into ``.unfinished.old``.
3. ``.unfinished.placing``: no file of the earlier result is left in the folder. The new ones go
   where they belong.
4. None of these: the new result is whole.

Whoever opens a folder in state 2 or 3 whose writer is gone ends the work; in state 1 it is undone.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bayes_ihlrt.plain import json_text
from bayes_ihlrt.storage.lock import is_free

MARK: Final = ".unfinished"
"""Begins the names of everything that is not finished."""

LOCK: Final = f"{MARK}.lock"
STAGE: Final = MARK
_WHOLE: Final = f"{MARK}.whole"
_PLACING: Final = f"{MARK}.placing"
_OLD: Final = f"{MARK}.old"
_ORDER: Final = f"{MARK}.json"
"""In a stage: what it takes the place of, and what is put in place last."""
_FORMER: Final = frozenset({"report.html.unfinished"})
"""What versions before 0.2 left."""


def is_leftover(name: str) -> bool:
    """Return whether a name is of something that a writer has not finished.

    Parameters
    ----------
    name : str
        Of a file or a folder.

    Returns
    -------
    bool
        It is no part of a result, and no file of a user.

    Examples
    --------
    >>> is_leftover(".unfinished.lock"), is_leftover("result.json")
    (True, False)
    """
    return name.startswith(MARK) or name in _FORMER


def in_motion(folder: Path) -> bool:
    """Return whether a result is on its way into place.

    Parameters
    ----------
    folder : Path
        Where it belongs.

    Returns
    -------
    bool
        The files that lie in the folder are not one result.
    """
    return any((folder / name).is_dir() for name in (_WHOLE, _PLACING))


def put_in_place(folder: Path, replaces: Iterable[str], last: str | None) -> None:
    """Let what was staged take the place of what was there.

    Parameters
    ----------
    folder : Path
        Holds the stage.
    replaces : iterable of str
        Names in the folder that go, besides those that the stage holds.
    last : str, optional
        What comes last: where it is, all is.

    Raises
    ------
    OSError
        What was there is there again, and the stage is as it was; or the folder is in motion, and
        whoever opens it next goes on.
    """
    stage, whole = folder / STAGE, folder / _WHOLE
    names = sorted({path.name for path in stage.iterdir()} | set(replaces))
    try:
        (stage / _ORDER).write_text(json_text({"replaces": names, "last": last}), "utf-8")
        for path in (*stage.rglob("*"), stage):
            _sync(path)
        stage.rename(whole)
        _sync(folder)
        _put_aside(folder)
    except OSError:
        if whole.is_dir():
            _put_back(folder)
            whole.rename(stage)
        (stage / _ORDER).unlink(missing_ok=True)
        raise
    _place(folder)


def settle(folder: Path) -> None:
    """End what a killed writer had all but done, and undo what it had begun.

    Parameters
    ----------
    folder : Path
        Whose lock this process holds.

    Raises
    ------
    OSError
        What is left cannot be moved or removed.
    """
    if (folder / _WHOLE).is_dir():
        _put_aside(folder)
    if (folder / _PLACING).is_dir():
        _place(folder)
    for path in [path for path in folder.iterdir() if is_leftover(path.name)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK and is_free(path):
            path.unlink(missing_ok=True)


def _order(folder: Path) -> tuple[list[str], str | None]:
    held = json.loads((folder / _ORDER).read_text("utf-8"))
    # A name, no path: nothing outside the folder is ever moved.
    return [name for name in held["replaces"] if Path(name).name == name != ".."], held["last"]


def _put_aside(folder: Path) -> None:
    old = folder / _OLD
    old.mkdir(exist_ok=True)
    for name in _order(folder / _WHOLE)[0]:
        if os.path.lexists(folder / name):
            (folder / name).rename(old / name)
    (folder / _WHOLE).rename(folder / _PLACING)


def _put_back(folder: Path) -> None:
    old = folder / _OLD
    if old.is_dir():
        for path in old.iterdir():
            path.rename(folder / path.name)
        old.rmdir()


def _place(folder: Path) -> None:
    placing = folder / _PLACING
    if (placing / _ORDER).exists():
        last = _order(placing)[1]
        names = [path.name for path in placing.iterdir() if path.name != _ORDER]
        for name in sorted(names, key=lambda name: (name == last, name)):
            (placing / name).rename(folder / name)
    # The result is whole: what cannot be removed now is removed by the next writer, or refused.
    shutil.rmtree(placing, ignore_errors=True)
    shutil.rmtree(folder / _OLD, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlive a loss of power."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
