"""Save a result as one netCDF file and read it back equal."""

from pathlib import Path

import xarray as xr

from bayes_ihlrt.storage.placing import MARK


def save(tree: xr.DataTree, path: Path) -> None:
    """Write a DataTree to one netCDF file, whole or not at all.

    Parameters
    ----------
    tree : xarray.DataTree
        The result.
    path : pathlib.Path
        File to write; an existing file is replaced.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> tree = xr.DataTree(xr.Dataset({"ihlrt": (("chain", "draw"), [[-0.3, -0.2]])}))
    >>> with TemporaryDirectory() as folder:
    ...     save(tree, Path(folder) / "posterior.nc")
    ...     print([path.name for path in Path(folder).iterdir()])
    ['posterior.nc']
    """
    unfinished = path.with_name(f"{MARK}-{path.name}")
    tree.to_netcdf(unfinished, engine="netcdf4")
    unfinished.replace(path)


def load(path: Path) -> xr.DataTree:
    """Read a DataTree into memory.

    Parameters
    ----------
    path : pathlib.Path
        A file written by `save`.

    Returns
    -------
    xarray.DataTree
        Equal to what was saved; the file is closed again.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> tree = xr.DataTree(xr.Dataset({"ihlrt": (("chain", "draw"), [[-0.3, -0.2]])}))
    >>> with TemporaryDirectory() as folder:
    ...     save(tree, Path(folder) / "posterior.nc")
    ...     load(Path(folder) / "posterior.nc").equals(tree)
    True
    """
    return xr.load_datatree(path, engine="netcdf4")
