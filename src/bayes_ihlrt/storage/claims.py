"""Who may write where: one writer a folder, whose unfinished work goes when it ends."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.storage.lock import take_lock
from bayes_ihlrt.storage.placing import LOCK, MARK, STAGE, in_motion, put_in_place, settle

_PATIENCE: Final = 5.0
"""Seconds that a reader waits for a writer that puts its files in place, which takes none."""
_TRIES: Final = 50


@dataclass(frozen=True)
class _Claim:
    folder: Path
    descriptor: int
    made: tuple[Path, ...]
    thread: int


_CLAIMS: Final[dict[Path, _Claim]] = {}
_FILES: Final[set[Path]] = set()
_PLACED: Final[list[Path]] = []
_PLACING: Final = threading.RLock()
"""Held while files are put in place, and for good by whoever ends the process."""


@contextmanager
def claimed(folder: Path, subject: str = "output") -> Iterator[None]:
    """Be the only writer of a folder; what killed writers left in it is ended or removed.

    Parameters
    ----------
    folder : Path
        Made if it is not there, and removed again if it stays empty.
    subject : str
        What faults are of.

    Yields
    ------
    None
        The same thread may claim the folder again.

    Raises
    ------
    InputError
        Another writer has it, or it cannot be written to.
    """
    known = _CLAIMS.get(folder.resolve())
    if known is not None and known.thread == threading.get_ident():
        yield
        return
    claim = _claim(folder, subject)
    try:
        try:
            with _PLACING:
                settle(folder)
        except OSError as error:
            raise unwritable(subject, f"folder {folder}", error) from error
        yield
    finally:
        _release(claim)


def _claim(folder: Path, subject: str) -> _Claim:
    try:
        for _ in range(_TRIES):
            made = _make(folder)
            try:
                descriptor = take_lock(folder / LOCK)
            except FileNotFoundError:
                # A writer that ended removed the folder that it had made.
                continue
            except OSError:
                _unmake(made)
                raise
            if descriptor is None:
                raise busy(subject, f"folder {folder}", "folder")
            claim = _Claim(folder.resolve(), descriptor, made, threading.get_ident())
            _CLAIMS[claim.folder] = claim
            return claim
    except OSError as error:
        raise unwritable(subject, f"folder {folder}", error) from error
    raise busy(subject, f"folder {folder}", "folder")


def _make(folder: Path) -> tuple[Path, ...]:
    """Make a folder, and return what had to be made, innermost first."""
    whole = folder.absolute()
    missing = tuple(path for path in (whole, *whole.parents) if not path.exists())
    whole.mkdir(parents=True, exist_ok=True)
    return missing


def _unmake(made: Iterable[Path]) -> None:
    """Remove folders that were made, as far as they are empty."""
    with suppress(OSError):
        for path in made:
            path.rmdir()


def _release(claim: _Claim) -> None:
    _CLAIMS.pop(claim.folder, None)
    # The lock ends with its descriptor; a file that cannot be removed is known for what it is.
    with suppress(OSError):
        (claim.folder / LOCK).unlink()
    os.close(claim.descriptor)
    _unmake(claim.made)


def finish(folder: Path, subject: str) -> None:
    """Put in place what a killed writer had finished, so that a folder can be read.

    Parameters
    ----------
    folder : Path
        A folder of results.
    subject : str
        What faults are of.

    Raises
    ------
    InputError
        Its files cannot be moved, or a writer that lives does not end.
    """
    until = time.monotonic() + _PATIENCE
    while in_motion(folder):
        try:
            with claimed(folder, subject):
                return
        except InputError as error:
            if isinstance(error.__cause__, OSError):
                reason = _reason(error.__cause__)
                problem = "a command was cut off while its files were put in place, and they "
                problem += f"cannot be moved now ({reason})"
                remedy = "Read it once as a user who may write there"
                raise InputError(subject, [Fault(f"folder {folder}", problem, remedy)]) from error
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def replaced(
    folder: Path,
    replaces: Iterable[str] = (),
    *,
    last: str | None = None,
    keep: bool = False,
    subject: str = "output",
) -> Iterator[Path]:
    """Give a stage to write to, which takes the place of what was there when all is written.

    At every moment, also where the process is killed, the folder holds the earlier files or the new
    ones for whoever calls `finish` first.

    Parameters
    ----------
    folder : Path
        Where the files will be; made if it is not there.
    replaces : iterable of str
        Names in the folder that go, besides those that are written.
    last : str, optional
        What comes last: where it is, all is.
    keep : bool
        Where writing fails, keep what was written in ``<folder>.unfinished``; the exception names
        it.
    subject : str
        What faults are of.

    Yields
    ------
    Path
        The stage, an empty folder.

    Raises
    ------
    InputError
        Another writer has the folder, or it cannot be written.
    """
    with claimed(folder, subject):
        stage = folder / STAGE
        try:
            stage.mkdir()
            yield stage
            with _PLACING:
                put_in_place(folder, replaces, last)
                _PLACED.append(folder)
        except OSError as error:
            if in_motion(folder):
                kept = "What was written is whole, and the next command on the folder moves it"
            else:
                kept = _keep(stage, folder) if keep else ""
            raise unwritable(subject, f"folder {folder}", error, kept=kept) from error
        except Exception as error:
            if keep:
                error.add_note(_keep(stage, folder))
            raise
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _keep(stage: Path, folder: Path) -> str:
    """Put what was written where a user finds it, and say where."""
    if not any(path.is_file() for path in stage.rglob("*")):
        return "Nothing was written."
    whole = folder.absolute()
    numbers = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (whole.with_name(f"{whole.name}{MARK}{number}") for number in numbers)
    kept = next(path for path in names if not path.exists())
    try:
        stage.rename(kept)
    except OSError as error:
        return f"Nothing could be kept ({_reason(error)})."
    return f"What could be written is kept in {kept}."


def replace_file(file: Path, write: Callable[[Path], object], subject: str = "output") -> None:
    """Write one file, whole or not at all.

    Parameters
    ----------
    file : Path
        Replaced if it is there. The folder is made if it is not.
    write : callable
        Writes to the path that it is given.
    subject : str
        What faults are of.

    Raises
    ------
    InputError
        Another writer has the file, or it cannot be written.
    """
    unfinished = file.with_name(f"{MARK}-{file.name}")
    made: tuple[Path, ...] = ()
    try:
        made = _make(file.parent)
        # What a killed writer left is free, and written anew.
        descriptor = take_lock(unfinished)
        if descriptor is None:
            raise busy(subject, f"file {file}", "file")
        _FILES.add(unfinished)
        try:
            write(unfinished)
            os.fsync(descriptor)
            with _PLACING:
                unfinished.replace(file)
                _PLACED.append(file)
        finally:
            _FILES.discard(unfinished)
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            os.close(descriptor)
    except OSError as error:
        raise unwritable(subject, f"file {file}", error) from error
    finally:
        _unmake(made)


def abandon(patience: float) -> None:
    """Remove all that this process has begun; nothing is put in place any more. The process ends.

    Parameters
    ----------
    patience : float
        Seconds that files on their way into place have to get there.
    """
    if _PLACING.acquire(timeout=patience):
        for claim in tuple(_CLAIMS.values()):
            shutil.rmtree(claim.folder / STAGE, ignore_errors=True)
            with suppress(OSError):
                (claim.folder / LOCK).unlink()
            _unmake(claim.made)
        for file in tuple(_FILES):
            with suppress(OSError):
                file.unlink()


def placed() -> tuple[Path, ...]:
    """Return what this process has put in place."""
    return tuple(dict.fromkeys(_PLACED))


def begin() -> None:
    """Forget what was put in place before: a command tells what it has written itself."""
    _PLACED.clear()


def busy(subject: str, where: str, what: str) -> InputError:
    """Return the fault of a second writer."""
    remedy = f"Wait until that has ended, or name another {what}"
    return InputError(subject, [Fault(where, "another command is writing to it", remedy)])


def unwritable(subject: str, where: str, error: OSError, *, kept: str = "") -> InputError:
    """Return the fault of what cannot be written, with the system's reason."""
    what = where.partition(" ")[0]
    remedy = " ".join(filter(None, [f"Name another {what}.", kept])).removesuffix(".")
    fault = Fault(where, f"it cannot be written ({_reason(error)})", remedy)
    return InputError(subject, [fault])


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
