"""What a figure draws, kept beside it, so that it can be drawn again, at another size or by others.

One netCDF file a figure in ``figures/data``. Attributes are one JSON text: netCDF knows only a few
kinds of them.
"""

import json
from pathlib import Path
from typing import Final

import xarray as xr

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.plain import json_text
from bayes_ihlrt.results.outputs import Output

DATA: Final = "data"
"""Folder of the data within that of the figures."""
_ATTRS: Final = "attributes"
_KIND: Final = "kind"


def save_drawing(kind: str, data: xr.Dataset, file: Path) -> None:
    """Write what a figure draws.

    Parameters
    ----------
    kind : str
        Key of the function that draws it, among those of `plots.catalogue`.
    data : xarray.Dataset
        What it draws.
    file : Path
        The netCDF file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> data = xr.Dataset({"x": ("line", [1.0])}, attrs={"title": "T", "synthetic": True})
    >>> with TemporaryDirectory() as folder:
    ...     save_drawing("forest", data, Path(folder) / "x.nc")
    ...     kind, found = load_drawing(Path(folder) / "x.nc")
    >>> kind, found.identical(data)
    ('forest', True)
    """
    kept = data.drop_attrs()
    kept.attrs = {_KIND: kind, _ATTRS: json_text(data.attrs, indent=None)}
    kept.to_netcdf(file, engine="netcdf4")


def load_drawing(file: Path) -> tuple[str, xr.Dataset]:
    """Read what a figure draws.

    Parameters
    ----------
    file : Path
        Written by `save_drawing`.

    Returns
    -------
    kind : str
        Key of the function that draws it.
    data : xarray.Dataset
        What it draws.
    """
    found = xr.load_dataset(file, engine="netcdf4")
    kind, attrs = found.attrs[_KIND], json.loads(found.attrs[_ATTRS])
    return kind, found.drop_attrs().assign_attrs(attrs)


def drawings(output: Output) -> dict[str, Path]:
    """Return the data files of the figures of an output, by the name of the figure.

    Parameters
    ----------
    output : Output
        What a command wrote.

    Returns
    -------
    dict of str to Path
        In the order of the names.

    Raises
    ------
    InputError
        A figure has none.
    """
    folder = output.folder / "figures" / DATA
    found = {figure.stem: folder / f"{figure.stem}.nc" for figure in output.figures}
    faults = [
        Fault(
            f"figure {output.folder / 'figures' / name}.png",
            f"there is no {file}, which would hold what it draws",
            "Run the command again, or take away a figure that no command drew",
        )
        for name, file in found.items()
        if not file.is_file()
    ]
    if faults:
        raise InputError("figures", faults)
    return found
