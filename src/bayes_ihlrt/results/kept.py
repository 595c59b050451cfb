"""A result as one file beside what its command writes, read back as the same result.

It is Python's own form (pickle), and reading it runs what it says. So it is sealed with a key that
lies in the home of the user who saved it (HMAC, RFC 2104), and what another sealed is read only
where the reader says that it is trusted. The seal is looked at before anything is run.
"""

import contextlib
import hashlib
import hmac
import os
import pickle
import secrets
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import platformdirs

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.results.files import KEPT
from bayes_ihlrt.results.outputs import check_manifest

_AGAIN: Final = "Run the analysis again, and `save` it"
_SEAL: Final = hashlib.sha256().digest_size


class UnsealedWarning(UserWarning):
    """A saved result has no seal that this user could know again."""


def keeping(result: object) -> dict[str, Callable[[Path], object]]:
    """Return what writes a result so that `read_kept` reads it back.

    Parameters
    ----------
    result : object
        What a verb returned.

    Returns
    -------
    dict of str to callable
        See `results.files.write_parts`.
    """
    return {KEPT: lambda file: _write(result, file)}


def _write(result: object, file: Path) -> None:
    words = version("bayes-ihlrt").encode() + b"\n" + pickle.dumps(result)
    key = _key() or _new_key()
    # Without a key that is kept, nobody can tell later who sealed it: `save` says so.
    seal = secrets.token_bytes(_SEAL) if key is None else hmac.digest(key, words, hashlib.sha256)
    file.write_bytes(seal + words)


def warn_if_unsealed() -> None:
    """Warn where this user can keep no key, before a result is saved.

    Warns
    -----
    UnsealedWarning
        Where the folder of a user's data cannot be written.
    """
    if (_key() or _new_key()) is None:
        warnings.warn(
            f"no key could be kept in {_place().parent}, so that `load` cannot tell later that you "
            "saved it: say load(..., trusted=True), or set XDG_DATA_HOME to a folder that you may "
            "write, and save it again",
            UnsealedWarning,
            stacklevel=3,
        )


def _place() -> Path:
    return Path(platformdirs.user_data_dir("bayes_ihlrt")) / "seal"


def _key() -> bytes | None:
    """Key of this user; None where there is none, or not a whole one."""
    try:
        found = _place().read_bytes()
    except OSError:
        return None
    return found if len(found) == _SEAL else None


def _new_key() -> bytes | None:
    """Keep a new key; None where that is not possible."""
    place = _place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Readable by nobody else from its first moment; what a killed process left has another
        # name.
        number, name = tempfile.mkstemp(prefix=f"{place.name}-", dir=place.parent)
    except OSError:
        return None
    new = Path(name)
    try:
        with os.fdopen(number, "wb") as at:
            at.write(secrets.token_bytes(_SEAL))
        _put(new, place)
    except OSError:
        return None
    finally:
        new.unlink(missing_ok=True)
    return _key()


def _put(new: Path, place: Path) -> None:
    """Put a key into its place, whole; another process's, if it was first, counts."""
    with contextlib.suppress(OSError):
        # Fails where there is a file, or on file systems that have no links.
        os.link(new, place)
    if _key() is None:
        new.replace(place)


def read_kept(folder: Path, *, trusted: bool = False) -> Any:
    """Read a result that was saved.

    Parameters
    ----------
    folder : Path
        That `save` wrote.
    trusted : bool
        Also what another user, or another machine, sealed.

    Returns
    -------
    object
        The same result.

    Raises
    ------
    InputError
        There is none, a file is not the one that was written, another sealed it, or another
        version wrote it.
    """
    file = folder / KEPT
    if not file.is_file():
        problem = f"it has no saved result ({KEPT}): a command wrote it, or nobody"
        remedy = "Name a folder that `save` wrote; `report` reads those of commands"
        raise InputError("load", [Fault(f"folder {folder}", problem, remedy)])
    check_manifest(folder, "load")
    held = file.read_bytes()
    seal, words = held[:_SEAL], held[_SEAL:]
    key = _key()
    if not trusted and (key is None or not _sealed(key, seal, words)):
        problem = (
            "it cannot be told that you saved it on this machine, and reading it runs what it says"
        )
        remedy = (
            "If you know who wrote it, say load(..., trusted=True); `report` reads it either way"
        )
        raise InputError("load", [Fault(f"file {file}", problem, remedy)])
    wrote, _, result = words.partition(b"\n")
    if wrote != (own := version("bayes-ihlrt")).encode():
        problem = f"version {wrote.decode(errors='replace')} of the package wrote it"
        raise InputError("load", [Fault(f"file {file}", f"{problem}, and this is {own}", _AGAIN)])
    try:
        return pickle.loads(result)
    except (AttributeError, ImportError, TypeError, pickle.UnpicklingError) as error:
        problem = f"other versions of libraries wrote it ({error})"
        raise InputError("load", [Fault(f"file {file}", problem, _AGAIN)]) from error


def _sealed(key: bytes, seal: bytes, words: bytes) -> bool:
    return hmac.compare_digest(seal, hmac.digest(key, words, hashlib.sha256))
