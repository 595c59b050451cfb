"""The data sets that come with the package, each with its source and licence.

========================  =========  ==========================================================
name                      real?      what it is
========================  =========  ==========================================================
heart                     real       Stanford heart transplants, start-stop rows, in days
hepatocellular            real       resected hepatocellular carcinoma, in months
ihlrt_synthetic           synthetic  drawn from a model with known truth; no patient is in it
ihlrt_synthetic_findings  synthetic  response by RECIST and adverse events of the same patients
========================  =========  ==========================================================
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.csv as pacsv
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bayes_ihlrt.data.cells import MISSING_WORDS, CellKind, read_cells
from bayes_ihlrt.errors import DataError, Fault, nearest
from bayes_ihlrt.names import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

type Attribute = str | bool | int | float

_FILES: Final = Path(__file__).parent / "files"


class Description(BaseModel):
    """Where a packaged data set comes from and what its columns mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="What the data are, in one line.")
    source: str = Field(description="Where the file was taken from.")
    licence: str = Field(description="Terms under which it may be passed on.")
    citation: str = Field(description="Publication to cite.")
    doi: str | None = Field(description="DOI of the publication, if it has one.")
    synthetic: bool = Field(description="Whether the data were simulated: no patient is in them.")
    time_unit: TimeUnit = Field(description="Unit of the time columns.")
    columns: dict[str, str] = Field(description="Meaning of each column.")


def names() -> tuple[str, ...]:
    """Return the names of the packaged data sets.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> "heart" in names()
    True
    """
    return tuple(sorted(file.stem for file in _FILES.glob("*.csv")))


def csv_path(name: str) -> Path:
    """Return the CSV file of a packaged data set.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        There is no data set of this name.

    Examples
    --------
    >>> csv_path("heart").name
    'heart.csv'
    """
    if name not in names():
        fault = Fault(
            "the name", f"no packaged data set is called '{name}'", nearest(name, names())
        )
        raise DataError("packaged data", [fault])
    return _FILES / f"{name}.csv"


def describe(name: str) -> Description:
    """Return the source, licence and columns of a packaged data set.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    Description
        What is known of the data.

    Raises
    ------
    DataError
        There is no data set of this name.

    Examples
    --------
    >>> describe("heart").time_unit.value, describe("heart").synthetic
    ('days', False)
    """
    return Description(**tomllib.loads(csv_path(name).with_suffix(".toml").read_text("utf-8")))


def columns(name: str) -> Mapping[str, NDArray[Any]]:
    """Return the columns of a packaged data set as it is in its file.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    mapping of str to ndarray, shape (rows,)
        Read-only; float64 with NaN where missing, or text with None where missing.

    Raises
    ------
    DataError
        There is no data set of this name.

    Examples
    --------
    >>> columns("heart")["stop"][:3].tolist()
    [50.0, 6.0, 1.0]
    """
    options = pacsv.ConvertOptions(null_values=list(MISSING_WORDS), strings_can_be_null=True)
    table = pacsv.read_csv(csv_path(name), convert_options=options)
    found = {}
    for column in table.column_names:
        cells = read_cells(table.column(column))
        numeric = cells.kind is CellKind.NUMBER
        values: NDArray[Any] = np.array(cells.numbers if numeric else cells.text)
        values.flags.writeable = False
        found[column] = values
    return MappingProxyType(found)


def load(name: str) -> "pd.DataFrame":
    """Return a packaged data set as a pandas DataFrame, its source and licence in ``attrs``.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    DataFrame
        The file's rows and columns, in the file's time unit.

    Raises
    ------
    DataError
        There is no data set of this name.

    Examples
    --------
    >>> load("hepatocellular").shape
    (227, 49)
    """
    import pandas as pd

    frame = pd.DataFrame({column: values.copy() for column, values in columns(name).items()})
    about = describe(name)
    frame.attrs.update(
        {
            "name": name,
            **about.model_dump(mode="json", exclude={"columns"}),
            "columns": about.columns,
        }
    )
    return frame


def find_data(source: str | Path) -> tuple[Path, dict[str, Attribute]]:
    """Return where data lie and what is known of them.

    Parameters
    ----------
    source : str or Path
        Path of a CSV file, or one of `names()`.

    Returns
    -------
    path : Path
        The file.
    attrs : dict of str to str or bool
        Its name; of a packaged data set also title, source, licence and whether synthetic.

    Raises
    ------
    DataError
        There is neither.
    """
    if isinstance(source, str) and source in names():
        about = describe(source)
        return csv_path(source), {
            "name": source,
            "title": about.title,
            "source": about.source,
            "licence": about.licence,
            "synthetic": about.synthetic,
        }
    path = Path(source)
    if path.exists():
        return path, {"name": path.name}
    hint = nearest(str(source), names())
    remedy = f"Check the path of the CSV file, or name a packaged data set. {hint}"
    raise DataError(path.name, [Fault("the file", "it does not exist", remedy)])
