"""Check that a folder may be written before anything slow begins."""

import os
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import Fault, InputError

MANIFEST: Final = "manifest.json"
"""Fingerprints of all files of a result."""

KEPT: Final = ".unfinished"
"""Ends the name of a folder with what could be written of a result, where writing failed."""

REPORT: Final = "report.html"

RESULT_FILES: Final = frozenset(
    {"result.json", "posterior.nc", "specification.toml", "figures", "report.json"}
    | {"checks.json", MANIFEST}
)
"""What a command writes."""

DERIVED_FILES: Final = frozenset({REPORT, "exports"})
"""What is made of a result, and says nothing true of the next one."""


def check_folder(out: Path, *, overwrite: bool) -> None:
    """Raise when results cannot be written to a folder.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    overwrite : bool
        Results of an earlier fit may be replaced; other files are never touched.

    Raises
    ------
    InputError
        It is a file, holds files, or cannot be written to.
    """
    if out.exists() and not out.is_dir():
        raise _fault(out, "it is a file", "Name a folder")
    held = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if held and not overwrite:
        found = ", ".join(sorted(held)[:5]) + (", ..." if len(held) > 5 else "")
        remedy = "Name another folder, or add --overwrite to replace earlier results"
        raise _fault(out, f"it is not empty ({found})", remedy)
    if foreign := sorted(held - RESULT_FILES - DERIVED_FILES):
        problem = f"it holds files that are no results: {', '.join(foreign[:5])}"
        raise _fault(out, problem, "Name another folder; --overwrite replaces results only")
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise _fault(out, f"'{existing}' cannot be written to", "Name another folder")


def _fault(out: Path, problem: str, remedy: str) -> InputError:
    return InputError("--out", [Fault(f"folder {out}", problem, remedy)])
