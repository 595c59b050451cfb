"""Write a result into a folder, whole or not at all."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bayes_ihlrt.analysis.figure_data import figure_data
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.inference.store import save
from bayes_ihlrt.plots import PLOTS

DPI: Final = 150


def write_fit(result: FitResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, the draws, the specification and the figures.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.
    out : Path
        Folder; made if it is not there. Files of an earlier result are replaced: see
        `report.folder.check_folder`.

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
        save(result.tree, stage / "posterior.nc")
        (stage / "specification.toml").write_text(result.spec.to_toml(), "utf-8")
        (stage / "figures").mkdir()
        for name, data in figure_data(result).items():
            file = stage / "figures" / f"{name}.png"
            PLOTS[name](data).savefig(file, dpi=DPI, pil_kwargs={"compress_level": 3})
        text = json.dumps(result.to_dict(), indent=2, allow_nan=False)
        (stage / "result.json").write_text(f"{text}\n", "utf-8")
        names = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    return tuple(out / name for name in names)


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


def _move(stage: Path, out: Path) -> None:
    shutil.rmtree(out / "figures", ignore_errors=True)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    files = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    # result.json comes last: where it is, all is.
    for file in sorted(files, key=lambda file: file.name == "result.json"):
        (stage / file).replace(out / file)
