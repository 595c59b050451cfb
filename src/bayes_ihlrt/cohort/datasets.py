"""The data sets that come with the package, with source and licence, and fingerprints of any data.

========================  =========  ==========================================================
name                      real?      what it is
========================  =========  ==========================================================
heart                     real       Stanford heart transplants, start-stop rows, in days
hepatocellular            real       resected hepatocellular carcinoma, in months
ihlrt_synthetic           synthetic  drawn from a model with known truth; no patient is in it
ihlrt_synthetic_findings  synthetic  response by RECIST and adverse events of the same patients
========================  =========  ==========================================================

A fingerprint tells whether two results were computed from the same values, on every platform.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.csv as pacsv
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bayes_ihlrt.cohort.identifiers import canonical_labels
from bayes_ihlrt.cohort.visits import Visits
from bayes_ihlrt.errors import OPTION, DataError, Fault, nearest
from bayes_ihlrt.files.cells import MISSING_WORDS, CellKind, read_cells, sorting_rows
from bayes_ihlrt.names import LAST_FREE, TimeUnit

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
        Path of a data file, or one of `names()`.

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
    if isinstance(source, Path) and path.name in names():
        remedy = f"'{path.name}' is a packaged data set and no file: leave `file` out of [data], "
        remedy += f"and give {OPTION}"
        fault = Fault("the file", "it does not exist", remedy, option=f"data={path.name!r}")
        raise DataError(path.name, [fault])
    hint = nearest(str(source), names())
    remedy = f"Check the path of the data file, or name a packaged data set. {hint}"
    raise DataError(path.name, [Fault("the file", "it does not exist", remedy)])


def digest(
    columns: Mapping[str, NDArray[Any]], *, names: Iterable[str], also: Iterable[str] = ()
) -> str:
    """Return the SHA-256 of columns, whatever the order of rows and columns.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``patient`` and ``start``, by which rows are sorted.
    names : iterable of str
        Columns that count.
    also : iterable of str
        Further text that counts, in this order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    order = sorting_rows(columns["patient"], columns["start"])
    found = hashlib.sha256()
    for name in sorted(names):
        values = columns[name][order]
        found.update(f"{name}\0{len(values)}\0".encode())
        if values.dtype == object:
            found.update("\0".join(values.tolist()).encode())
        else:
            # Adding 0.0 makes -0.0 and 0.0, which are the same time, the same bytes.
            found.update((values + 0.0).astype("<f8").tobytes())
    for text in also:
        found.update(text.encode())
    return found.hexdigest()


def follow_up_fingerprint(columns: Mapping[str, NDArray[np.generic]]) -> str:
    """Return the SHA-256 of who was followed, for how long, and with what event.

    Analyses of one cohort that read different covariates have different fingerprints and the same
    one here. Rows that do not begin or end follow-up do not count, nor does what patients are
    called.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Of a cohort: ``patient``, ``start``, ``stop`` (months), ``event``; of an event between scans
        ``last_free`` too.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    order = sorting_rows(columns["patient"], columns["start"])
    patient = columns["patient"][order]
    first = np.append(True, patient[1:] != patient[:-1])
    last = np.append(first[1:], True)
    whole: dict[str, NDArray[Any]] = {
        "patient": patient[first].astype(object),
        "start": columns["start"][order][first],
        "stop": columns["stop"][order][last],
        "event": columns["event"][order][last],
    }
    if LAST_FREE in columns:
        whole[LAST_FREE] = columns[LAST_FREE][order][last]
    (labels,) = canonical_labels(whole)
    return digest({**whole, "patient": labels}, names=whole)


def cohort_fingerprint(columns: Mapping[str, NDArray[Any]], visits: Visits | None) -> str:
    """Return the SHA-256 of all that is known of the patients of a cohort.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Of a cohort.
    visits : Visits or None
        Its visits.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if visits is None:
        (labels,) = canonical_labels(columns)
        return digest({**columns, "patient": labels}, names=columns)
    labels, seen = canonical_labels(columns, visits.columns)
    also = visits.relabelled(seen).fingerprint
    return digest({**columns, "patient": labels}, names=columns, also=(also,))


def packaged_data() -> tuple[str, ...]:
    """Return the names of the packaged data sets.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> "ihlrt_synthetic" in packaged_data()
    True
    """
    return names()
