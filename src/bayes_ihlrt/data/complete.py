"""Complete cases: patients with a missing covariate are left out where the analysis asks for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bayes_ihlrt.data.cells import absent, read_cells
from bayes_ihlrt.data.identifiers import patient_labels
from bayes_ihlrt.data.schema import DataSpec
from bayes_ihlrt.data.table import Table


def complete_cases(
    table: Table, data: DataSpec, *, covariates: Sequence[str]
) -> tuple[Table, dict[str, str]]:
    """Leave out the patients who lack a covariate, if the specification says so.

    A patient is left out with all rows. Where nobody would remain, or rows have no patient, nothing
    is left out: validation then tells what is missing.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns, and `drop_missing`.
    covariates : sequence of str
        Columns in which nothing may be missing.

    Returns
    -------
    table : Table
        The rows that remain.
    dropped : dict of str to str
        Patients who were left out, with the covariates that they lack.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="t", event="d", drop_missing=True)
    >>> table = Table("t", ("id", "nlr"), {"id": ["a", "b"], "nlr": [None, 2.0]}, 2)
    >>> complete_cases(table, data, covariates=["nlr"])[1]
    {'a': 'nlr is missing'}
    """
    if not data.drop_missing or data.patient not in table.columns:
        return table, {}
    patient = patient_labels(table, data.patient)
    lacking: dict[str, list[str]] = {}
    for name in covariates:
        if name in table.columns:
            missing = read_cells(table.columns[name]).missing
            for who in dict.fromkeys(patient[missing].tolist()):
                lacking.setdefault(who, []).append(name)
    keep = np.array([who not in lacking for who in patient.tolist()], dtype=bool)
    if absent(patient).any() or keep.all() or not keep.any():
        return table, {}
    columns = {name: _rows(values, keep) for name, values in table.columns.items()}
    dropped = {
        who: f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
        for who, names in lacking.items()
    }
    return replace(table, columns=columns, n_rows=int(keep.sum())), dropped


def _rows(values: object, keep: NDArray[np.bool_]) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        # Not by `pyarrow.array`, which imports pandas.
        bits = pa.py_buffer(np.packbits(keep, bitorder="little"))
        return values.filter(pa.Array.from_buffers(pa.bool_(), len(keep), [None, bits]))
    return np.asarray(values, dtype=object)[keep]
