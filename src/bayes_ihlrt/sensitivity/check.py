"""What every sensitivity study returns: numbers, a table, and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

type Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class CheckResult:
    """The outcome of one sensitivity study.

    Parameters
    ----------
    name : str
        Which study, such as ``"grid"`` or ``"tipping"``.
    rows : tuple of mapping
        The table of ``result.json``: what is not defined is None, never absent.
    data : xarray.Dataset
        The same numbers with dimensions and labels, for figures and for further work.
    sentences : tuple of str
        What the study says, in plain words, most important first.
    stable : bool or None
        Whether the conclusion is the same throughout; None where the study cannot tell.
    """

    name: str
    rows: tuple[Row, ...]
    data: xr.Dataset
    sentences: tuple[str, ...]
    stable: bool | None = None

    def to_list(self) -> list[dict[str, Any]]:
        """Return the table as plain data."""
        return [dict(row) for row in self.rows]
