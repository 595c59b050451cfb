"""Write a result into a folder, whole or not at all."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import xarray as xr
from rich.console import Console

from bayes_ihlrt.analysis.cause_figures import cause_figure_data
from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.plots.saving import save_figure
from bayes_ihlrt.posterior.store import save
from bayes_ihlrt.report.causes import brief_causes, cause_summary
from bayes_ihlrt.report.narrative import brief_fit, fit_summary
from bayes_ihlrt.report.terminal import as_text, print_summary
from bayes_ihlrt.results.drawings import DATA, save_drawing
from bayes_ihlrt.results.files import NOTHING, Parts, write_each, write_parts
from bayes_ihlrt.results.shared import estimate_tree
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.brief import CausesBriefFile, FitBriefFile
from bayes_ihlrt.schema.causes import CausesFile
from bayes_ihlrt.schema.fit import FitFile


def fit_parts(result: FitResult, *, swimmer: bool = False) -> dict[str, Callable[[Path], object]]:
    """Return what writes each part of a fitted analysis.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.
    swimmer : bool
        Draw every patient's own course as well.

    Returns
    -------
    dict of str to callable
        See `results.files.write_parts`.
    """
    return {
        "result.json": writes(FitFile, result.to_dict),
        "posterior.nc": lambda file: save(result.tree, file),
        "estimates.nc": lambda file: save(estimate_tree(result), file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "report.json": writes(FitBriefFile, lambda: brief_fit(result)),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, fit_summary(result))
        ),
        "figures": lambda folder: write_figures(
            folder, lambda: figure_data(result, swimmer=swimmer)
        ),
    }


def cause_parts(result: CausesResult) -> dict[str, Callable[[Path], object]]:
    """Return what writes each part of a fitted analysis of competing causes.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    dict of str to callable
        See `results.files.write_parts`.
    """
    return {
        "result.json": writes(CausesFile, result.to_dict),
        "posterior.nc": lambda file: save(result.tree, file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "report.json": writes(CausesBriefFile, lambda: brief_causes(result)),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, cause_summary(result))
        ),
        "figures": lambda folder: write_figures(folder, lambda: cause_figure_data(result)),
    }


def write_summary(file: Path, tell: Callable[[Console], None]) -> None:
    """Write what a command tells on the terminal.

    Parameters
    ----------
    file : Path
        ``summary.txt``.
    tell : callable
        Prints on the console that it is given.
    """
    file.write_text(as_text(tell), "utf-8")


def write_figures(folder: Path, *sources: Callable[[], Mapping[str, xr.Dataset]]) -> None:
    """Draw figures into a folder, also where one before them fails.

    Parameters
    ----------
    folder : Path
        Where they go.
    *sources : callable
        Return the data of figures, by the name of the plot.
    """
    with ExitStack() as stack:
        for source in reversed(sources):
            stack.callback(_draw_all, folder, source)


def _draw_all(folder: Path, source: Callable[[], Mapping[str, xr.Dataset]]) -> None:
    write_each(figure_parts({name: (name, data) for name, data in source().items()}), folder)


def figure_parts(figures: Mapping[str, tuple[str, xr.Dataset]]) -> Parts:
    """Return what writes figures, and beside them what they draw.

    Parameters
    ----------
    figures : mapping of str to tuple
        By the name of the figure: key of the function that draws it, and what it draws.

    Returns
    -------
    dict of str to callable
        See `results.files.write_parts`; paths are within the folder of the figures.
    """
    parts: dict[str, Callable[[Path], object]] = {}
    for name, (kind, data) in figures.items():
        parts[f"{name}.png"] = partial(_draw, kind, data)
        parts[f"{DATA}/{name}.nc"] = partial(save_drawing, kind, data)
    return parts


def _draw(kind: str, data: xr.Dataset, file: Path) -> None:
    save_figure(PLOTS[kind](data), file)


def write_fit(
    result: FitResult | CausesResult, out: Path, *, swimmer: bool = False, also: Parts = NOTHING
) -> tuple[Path, ...]:
    """Write ``result.json``, ``report.json``, draws, specification and figures.

    Parameters
    ----------
    result : FitResult or CausesResult
        A fitted analysis.
    out : Path
        Folder; made if it is not there. Files of an earlier result are replaced: see
        `results.files.check_folder`.
    swimmer : bool
        Draw every patient's own course as well: it tells single patients' months.
    also : mapping of str to callable
        What else is written with it; see `results.files.write_parts`.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    if isinstance(result, CausesResult):
        return write_parts({**cause_parts(result), **also}, out)
    return write_parts({**fit_parts(result, swimmer=swimmer), **also}, out)
