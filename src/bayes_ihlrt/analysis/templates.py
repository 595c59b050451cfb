"""The files that a new analysis starts from."""

import re
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import Fault, InputError

_FILES: Final = ("specification.toml", "cohort_template.csv", "data_dictionary.md")
_FOLDER: Final = Path(__file__).parents[1] / "templates"


def write_templates(
    folder: Path, *, seed: int | None = None, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write a commented specification, an empty cohort table and its data dictionary.

    Parameters
    ----------
    folder : Path
        Folder; made if it is not there.
    seed : int, optional
        Seed of the sampler in the specification.
    overwrite : bool
        Replace files of these names.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InputError
        One of the files is there already, or the folder cannot be written; nothing is written.
    """
    files = tuple(folder / name for name in _FILES)
    there = [file.name for file in files if file.exists()]
    if there and not overwrite:
        problem = f"it already holds {', '.join(there)}"
        remedy = "Name another folder, or add --overwrite to replace them"
        raise InputError("init", [Fault(f"folder {folder}", problem, remedy)])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            text = (_FOLDER / file.name).read_text("utf-8")
            file.write_text(text if seed is None else _seeded(text, seed), "utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        fault = Fault(f"folder {folder}", f"it cannot be written ({reason})", "Name another folder")
        raise InputError("init", [fault]) from error
    return files


def _seeded(text: str, seed: int) -> str:
    return re.sub(r"(?m)^seed = \d+$", f"seed = {seed}", text)
