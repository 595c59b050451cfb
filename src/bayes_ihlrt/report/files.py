"""Write a folder whole or not at all, and tell its files apart from those of another run."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.report.folder import DERIVED_FILES, MANIFEST, RESULT_FILES


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a folder beside the files to be, and move it into place when all is written.

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
        The folder cannot be written.
    """
    try:
        beside = out if out.is_dir() else out.parent
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=beside) as name:
            stage = Path(name)
            yield stage
            _move(stage, out)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        fault = Fault(f"folder {out}", f"it cannot be written ({reason})", "Name another folder")
        raise InputError("--out", [fault]) from error


def write_json(content: dict[str, Any], file: Path) -> None:
    """Write plain data as JSON text; what is not a number is refused.

    Parameters
    ----------
    content : dict
        Plain data.
    file : Path
        File to write.

    Raises
    ------
    ValueError
        A number is infinite or not a number.
    """
    file.write_text(f"{json.dumps(content, indent=2, allow_nan=False)}\n", "utf-8")


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


def _move(stage: Path, out: Path) -> None:
    files = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    # A result may have been written into the stage of a larger one, and sealed there.
    files = [file for file in files if file != Path(MANIFEST)]
    sums = {file.as_posix(): checksum(stage / file) for file in files}
    write_json({"schema": 1, "sha256": sums}, stage / MANIFEST)
    _clear(out)
    for folder in {(out / file).parent for file in files}:
        folder.mkdir(parents=True, exist_ok=True)
    # result.json comes last: where it is, all is.
    for file in sorted([*files, Path(MANIFEST)], key=lambda file: file.name == "result.json"):
        (stage / file).replace(out / file)


def _clear(out: Path) -> None:
    """Remove an earlier result: what this one does not write would pass for its own."""
    for name in sorted(RESULT_FILES | DERIVED_FILES):
        old = out / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
