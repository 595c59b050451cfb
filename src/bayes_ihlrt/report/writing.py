"""Write a result into a folder, whole or not at all."""

from pathlib import Path
from typing import Final

from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.inference.store import save
from bayes_ihlrt.plots import PLOTS
from bayes_ihlrt.report.briefing import brief_fit
from bayes_ihlrt.report.files import staged, write_json

__all__ = ["DPI", "staged", "write_fit"]

DPI: Final = 150


def write_fit(result: FitResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, ``report.json``, draws, specification and figures.

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
        write_json(brief_fit(result), stage / "report.json")
        write_json(result.to_dict(), stage / "result.json")
        names = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    return tuple(out / name for name in names)
