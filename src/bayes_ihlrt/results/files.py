"""Folders of results: written whole or not at all, and told apart from those of another run.

Whether a folder may be written is checked before anything slow begins.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bayes_ihlrt.errors import OPTION, Fault, InputError
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.others import ManifestFile
from bayes_ihlrt.storage.claims import claimed, replaced
from bayes_ihlrt.storage.placing import is_leftover

MANIFEST: Final = "manifest.json"
"""Fingerprints of all files of a result."""

REPORT: Final = "report.html"
KEPT: Final = "result.pickle"
"""The result itself, where Python saved it."""

RESULT_FILES: Final = frozenset(
    {"result.json", "posterior.nc", "specification.toml", "figures", "report.json"}
    | {"checks.json", "summary.txt", "estimates.nc", MANIFEST, KEPT}
)
"""What a command writes."""

DERIVED_FILES: Final = frozenset({REPORT, "exports"})
"""What is made of a result, and says nothing true of the next one."""


@dataclass(frozen=True)
class Holding:
    """What a folder may hold that a command writes anew.

    Parameters
    ----------
    names : frozenset of str
        Files and folders that may be replaced.
    what : str
        What they are.
    beside : frozenset of str
        What may lie there whether or not anything may be replaced.
    """

    names: frozenset[str]
    what: str
    beside: frozenset[str] = frozenset()


RESULTS: Final = Holding(RESULT_FILES | DERIVED_FILES, "results")
OF_A_PLAN: Final = Holding(RESULTS.names | {"plan.toml"}, "results")


def check_folder(out: Path, *, overwrite: bool, holding: Holding = RESULTS) -> None:
    """Raise when results cannot be written to a folder.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    overwrite : bool
        Results of an earlier fit may be replaced; other files are never touched.
    holding : Holding
        What may be replaced.

    Raises
    ------
    InputError
        It is a file, holds files, or cannot be written to.
    """
    if out.exists() and not out.is_dir():
        raise _refused(out, "it is a file", "Name a folder")
    held = held_names(out) - holding.beside
    if held and not overwrite:
        found = ", ".join(sorted(held)[:5]) + (", ..." if len(held) > 5 else "")
        remedy = f"Name another folder, or give {OPTION} to replace earlier {holding.what}"
        raise _refused(out, f"it is not empty ({found})", remedy, option="overwrite=True")
    if foreign := sorted(held - holding.names):
        problem = f"it holds files that are no {holding.what}: {', '.join(foreign[:5])}"
        raise _refused(out, problem, f"Name another folder: {holding.what} alone are replaced")
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise _refused(out, f"'{existing}' cannot be written to", "Name another folder")


def check_file(file: Path, subject: str, *, overwrite: bool) -> None:
    """Raise when there is a file that must not be replaced.

    Parameters
    ----------
    file : Path
        To be written.
    subject : str
        What faults are of.
    overwrite : bool
        It may be replaced.

    Raises
    ------
    InputError
        It exists.
    """
    if file.exists() and not overwrite:
        remedy = f"Name another file, or give {OPTION}"
        fault = Fault(f"file {file}", "it exists", remedy, option="overwrite=True")
        raise InputError(subject, [fault])


def held_names(out: Path) -> set[str]:
    """Return what a folder holds, without what a killed writer left.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.

    Returns
    -------
    set of str
        Names.
    """
    found = (path.name for path in out.iterdir()) if out.is_dir() else ()
    return {name for name in found if not is_leftover(name)}


@contextmanager
def claimed_out(out: Path | None, *, overwrite: bool, holding: Holding = RESULTS) -> Iterator[None]:
    """Be the only writer of a folder for results, from before the work until it is written.

    Parameters
    ----------
    out : Path or None
        The folder; None where nothing is written.
    overwrite : bool
        See `check_folder`.
    holding : Holding
        What may be replaced.

    Yields
    ------
    None
        Nothing is in the folder that must not be replaced.

    Raises
    ------
    InputError
        See `check_folder`; or another command writes to it.
    """
    if out is None:
        yield
        return
    check_folder(out, overwrite=overwrite, holding=holding)
    with claimed(out):
        # A run that was killed may have left a whole result, which is in its place now.
        check_folder(out, overwrite=overwrite, holding=holding)
        yield


def _refused(out: Path, problem: str, remedy: str, *, option: str = "") -> InputError:
    return InputError("output", [Fault(f"folder {out}", problem, remedy, option=option)])


type Parts = Mapping[str, Callable[[Path], object]]
"""What writes each file, or each folder of files, of a result, by its path in the folder."""

NOTHING: Final[Parts] = MappingProxyType({})


def write_parts(parts: Parts, out: Path) -> tuple[Path, ...]:
    """Write a result into a folder, whole or not at all.

    Where one part cannot be written the others are, and are kept beside the folder: see `staged`.

    Parameters
    ----------
    parts : mapping of str to callable
        Given a path, writes the file or fills the folder.
    out : Path
        Folder; made if it is not there. Files of an earlier result are replaced.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    with staged(out) as stage:
        write_each(parts, stage)
        names = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    return tuple(out / name for name in names)


def write_each(parts: Parts, folder: Path) -> None:
    """Write every part, also where one before it fails; what failed is raised at the end.

    Parameters
    ----------
    parts : mapping of str to callable
        Given a path, writes the file or fills the folder.
    folder : Path
        Where the parts go.
    """
    with ExitStack() as stack:
        # The stack runs every callback, also after one has failed, and raises then.
        for name, write in reversed(list(parts.items())):
            stack.callback(_write_part, write, folder / name)


def _write_part(write: Callable[[Path], object], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(path)
    except BaseException:
        # Half a file is none; the whole ones in half a folder stay.
        if path.is_file():
            path.unlink()
        raise


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a folder to write to, and move its files into place when all are written.

    Where writing fails, what was written so far is kept in a folder ``<out>.unfinished``, and the
    exception names it.

    Parameters
    ----------
    out : Path
        The folder that the files will be in.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    InputError
        Another command writes to the folder, or it cannot be written.
    """
    # What this result does not write would pass for its own.
    former = RESULT_FILES | DERIVED_FILES
    with replaced(out, former, last="result.json", keep=True) as stage:
        yield stage
        _seal(stage)


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _seal(stage: Path) -> None:
    files = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    # A result may have been written into the stage of a larger one, and sealed there.
    files = [file for file in files if file != Path(MANIFEST)]
    sums = {file.as_posix(): checksum(stage / file) for file in files}
    writes(ManifestFile, lambda: {"schema": 1, "sha256": sums})(stage / MANIFEST)
