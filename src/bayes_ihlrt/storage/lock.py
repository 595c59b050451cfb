"""Locks that end with the process that holds them, however it ends."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def take_lock(file: Path) -> int | None:
    """Lock a file, which is made if it is not there.

    The system drops the lock when the process ends, so a file that a killed process left is free.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    int or None
        Descriptor to close; None where another process holds the file.

    Raises
    ------
    OSError
        The file cannot be made, or its file system knows no locks.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        if _is_still(descriptor, file):
            return descriptor
        # Its holder removed it between the two calls: what is locked is no longer what others see.
        os.close(descriptor)


def _is_still(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def is_free(file: Path) -> bool:
    """Return whether nobody holds a file.

    Parameters
    ----------
    file : Path
        A file that is there.

    Returns
    -------
    bool
        Whether it may be removed.
    """
    descriptor = take_lock(file)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True
