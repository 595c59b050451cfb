"""A result as one file beside what its command writes, read back as the same result.

It is Python's own form (pickle): reading it runs what it says, so that only what one wrote oneself,
or trusts, is read.
"""

import pickle
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.results.files import KEPT
from bayes_ihlrt.results.outputs import check_manifest

_AGAIN: Final = "Run the analysis again, and `save` it"


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
    with file.open("wb") as stream:
        pickle.dump(version("bayes-ihlrt"), stream)
        pickle.dump(result, stream)


def read_kept(folder: Path) -> Any:
    """Read a result that was saved.

    Parameters
    ----------
    folder : Path
        That `save` wrote.

    Returns
    -------
    object
        The same result.

    Raises
    ------
    InputError
        There is none, a file is not the one that was written, or another version wrote it.
    """
    file = folder / KEPT
    if not file.is_file():
        problem = f"it has no saved result ({KEPT}): a command wrote it, or nobody"
        remedy = "Name a folder that `save` wrote; `report` reads those of commands"
        raise InputError("load", [Fault(f"folder {folder}", problem, remedy)])
    check_manifest(folder, "load")
    own = version("bayes-ihlrt")
    with file.open("rb") as stream:
        wrote = pickle.load(stream)
        if wrote != own:
            problem = f"version {wrote} of the package wrote it, and this is {own}"
            raise InputError("load", [Fault(f"file {file}", problem, _AGAIN)])
        try:
            return pickle.load(stream)
        except (AttributeError, ImportError, TypeError, pickle.UnpicklingError) as error:
            problem = f"other versions of libraries wrote it ({error})"
            raise InputError("load", [Fault(f"file {file}", problem, _AGAIN)]) from error
