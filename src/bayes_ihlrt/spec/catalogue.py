"""Files of the package: specifications, trial plans, and templates that a new analysis starts from.

They are found from a checkout as from an installation.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import OPTION, Fault, InputError, SpecificationError, nearest
from bayes_ihlrt.storage.claims import claimed, finish, replaced

_PACKAGE: Final = Path(__file__).parents[1]
_PLACES: Final = (_PACKAGE / "models", _PACKAGE.parents[1] / "models")
"""Inside an installed package, and at the top of a checkout."""
_PLANS: Final = "trials"
_EVERY_KEY: Final = "every_key.toml"
_FILES: Final = ("specification.toml", "cohort_template.csv", "data_dictionary.md")


def packaged_specifications() -> tuple[str, ...]:
    """Return the names of the packaged specifications, plans of trials apart.

    Returns
    -------
    tuple of str
        In alphabetical order; those in a folder as ``"folder/name"``.

    Examples
    --------
    >>> "primary" in packaged_specifications()
    True
    """
    folder = _folder()
    files = (file.relative_to(folder).with_suffix("") for file in folder.rglob("*.toml"))
    return tuple(sorted(file.as_posix() for file in files if file.parts[0] != _PLANS))


def find_specification(source: str | Path) -> Path:
    """Return the file of a specification.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file or of a folder with ``specification.toml``, or the name of a packaged
        specification.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SpecificationError
        There is no such file and no packaged specification of this name.

    Examples
    --------
    >>> find_specification("heart").name
    'heart.toml'
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        finish(path, "the specification")
    if (path / _FILES[0]).is_file():
        return path / _FILES[0]
    if str(source) in packaged_specifications():
        return _folder() / f"{source}.toml"
    problem = f"it has no {_FILES[0]}" if path.is_dir() else "it does not exist"
    hint = nearest(path.stem, packaged_specifications())
    remedy = f"Check the path of the TOML file, or name a packaged specification. {hint}"
    raise SpecificationError(path.name or str(path), [Fault("the file", problem, remedy)])


def packaged_plans() -> tuple[str, ...]:
    """Return the names of the packaged trial plans, in alphabetical order."""
    return tuple(sorted(file.stem for file in (_folder() / _PLANS).glob("*.toml")))


def find_plan(source: str | Path) -> Path:
    """Return the file of a trial plan.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a packaged plan.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SpecificationError
        There is no such file and no packaged plan of this name.
    """
    path = Path(source)
    if path.is_file():
        return path
    if str(source) in packaged_plans():
        return _folder() / _PLANS / f"{source}.toml"
    problem = "it is a folder" if path.is_dir() else "it does not exist"
    hint = nearest(path.stem, packaged_plans())
    remedy = f"Check the path of the TOML file, or name a packaged plan. {hint}"
    raise SpecificationError(path.name or str(path), [Fault("the file", problem, remedy)])


def _folder() -> Path:
    return next(place for place in _PLACES if place.is_dir())


_FOLDER: Final = Path(__file__).parents[1] / "templates"


def write_templates(
    folder: Path, *, seed: int | None = None, overwrite: bool = False, every_key: bool = False
) -> tuple[Path, ...]:
    """Write a specification, an empty cohort table and its data dictionary.

    Parameters
    ----------
    folder : Path
        Folder; made if it is not there.
    seed : int, optional
        Seed of the sampler in the specification.
    overwrite : bool
        Replace files of these names.
    every_key : bool
        Write every key that a specification can have, explained, instead of what one needs.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InputError
        One of the files is there already, or the folder cannot be written; nothing is written.
    """
    texts = {name: (_FOLDER / name).read_text("utf-8") for name in _FILES}
    if every_key:
        texts[_FILES[0]] = (_FOLDER / _EVERY_KEY).read_text("utf-8")
    if seed is not None:
        texts[_FILES[0]] = _seeded(texts[_FILES[0]], seed)
    return write_new(folder, texts, overwrite=overwrite)


def write_new(folder: Path, texts: Mapping[str, str], *, overwrite: bool) -> tuple[Path, ...]:
    """Write files that an analysis starts from.

    Parameters
    ----------
    folder : Path
        Folder; made if it is not there.
    texts : mapping of str to str
        Text by name of the file.
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
    files = tuple(folder / name for name in texts)
    _check_new(files, folder, overwrite=overwrite)
    with claimed(folder, "init"):
        _check_new(files, folder, overwrite=overwrite)
        with replaced(folder, last=_FILES[0], subject="init") as stage:
            for name, text in texts.items():
                (stage / name).write_text(text, "utf-8")
    return files


def _check_new(files: tuple[Path, ...], folder: Path, *, overwrite: bool) -> None:
    there = [file.name for file in files if file.exists()]
    if there and not overwrite:
        problem = f"it already holds {', '.join(there)}"
        remedy = f"Name another folder, or give {OPTION} to replace them"
        fault = Fault(f"folder {folder}", problem, remedy, option="overwrite=True")
        raise InputError("init", [fault])


def _seeded(text: str, seed: int) -> str:
    if re.search(r"(?m)^seed = \d+$", text):
        return re.sub(r"(?m)^seed = \d+$", f"seed = {seed}", text)
    return f"{text.rstrip()}\n\n[sampler]\nseed = {seed}\n"
