"""Figures for a manuscript, drawn again from what a command kept, as a journal asks for them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from bayes_ihlrt.errors import OPTION, Fault, InputError, nearest
from bayes_ihlrt.names import FigureForm
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.plots.saving import save_figure
from bayes_ihlrt.results.drawings import drawings, load_drawing
from bayes_ihlrt.results.outputs import Results
from bayes_ihlrt.storage.claims import replaced


@dataclass(frozen=True)
class Format:
    """How figures are written; see `plots.saving.save_figure`.

    Parameters
    ----------
    forms : tuple of FigureForm
        One file each.
    width, height : float or None
        Millimetres.
    dpi : int or None
        Dots per inch of a PNG.
    """

    forms: tuple[FigureForm, ...] = (FigureForm.PDF,)
    width: float | None = None
    height: float | None = None
    dpi: int | None = None


def write_drawings(
    results: Results,
    out: Path,
    *,
    form: Format,
    names: Collection[str] = (),
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Draw figures of results again and write them.

    Parameters
    ----------
    results : Results
        Outputs that belong together.
    out : Path
        Folder; made if it is not there.
    form : Format
        In what form, and at what size.
    names : collection of str
        Which figures; all of them by default.
    overwrite : bool
        Replace files of these names.

    Returns
    -------
    tuple of Path
        ``<name>.<form>`` each.

    Raises
    ------
    InputError
        There is no such figure, what it draws was not kept, a file exists or cannot be written.
    """
    files = {name: file for output in results.outputs for name, file in drawings(output).items()}
    faults = [
        Fault(f"figure {name}", "there is none of that name", nearest(name, set(files)))
        for name in names
        if name not in files
    ]
    chosen = [name for name in files if not names or name in names]
    written = {out / f"{name}.{kind}": files[name] for name in chosen for kind in form.forms}
    if not overwrite:
        remedy = f"Name another folder, or give {OPTION}"
        faults += [
            Fault(f"file {file}", "it exists", remedy, option="overwrite=True")
            for file in written
            if file.exists()
        ]
    if faults:
        raise InputError("figures", faults)
    # All at once: figures of two results would pass for those of one.
    with replaced(out, subject="figures") as stage:
        narrow = [
            fault
            for file, source in written.items()
            for fault in _draw(source, stage / file.name, form)
        ]
    if narrow:
        raise InputError("figures", narrow)
    return tuple(written)


def _draw(source: Path, file: Path, form: Format) -> Iterator[Fault]:
    """Write one figure; tell where its words have no room."""
    kind, data = load_drawing(source)
    figure = PLOTS[kind](data, width=form.width)
    try:
        save_figure(figure, file, width=form.width, height=form.height, dpi=form.dpi)
    except ValueError as error:
        file.unlink(missing_ok=True)
        remedy = "Ask for a larger width or height; the others are written"
        yield Fault(f"figure {file.stem}", str(error), remedy)
