"""A result as one file beside what its command writes, read back as the same result.

It is Python's own form (pickle), and reading it runs what it says. So it is sealed with a key that
lies in the home of the user who saved it (HMAC, RFC 2104), and what another sealed is read only
where the reader says that it is trusted. The seal is looked at before anything is run.
"""

import hashlib
import hmac
import os
import pickle
import secrets
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
    # Without a home to keep a key in, nobody can tell later who sealed it.
    key = _key(make=True) or secrets.token_bytes(_SEAL)
    file.write_bytes(hmac.digest(key, words, hashlib.sha256) + words)


def _key(*, make: bool) -> bytes | None:
    """Key of this user; None where there is none."""
    place = Path(platformdirs.user_data_dir("bayes_ihlrt")) / "seal"
    try:
        if make and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all, and readable by nobody else from its first moment.
            new = place.with_name(f"{place.name}-{os.getpid()}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as at:
                at.write(secrets.token_bytes(_SEAL))
            try:
                os.link(new, place)
            except FileExistsError:
                # Another process was first; its key counts.
                pass
            finally:
                new.unlink()
        return place.read_bytes()
    except OSError:
        return None


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
    key = _key(make=False)
    if not trusted and (key is None or not _sealed(key, seal, words)):
        problem = "it was not saved by you on this machine, and reading it runs what it says"
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
