"""Which linear predictor a formula belongs to: where its faults lie, which names it may not use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray


class Rows(Protocol):
    """Rows that covariates are encoded from, sorted by patient."""

    @property
    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Columns by name, shape (rows,)."""
        ...

    @property
    def patient_index(self) -> NDArray[np.intp]:
        """Each row's patient, numbered from 0."""
        ...


@dataclass(frozen=True)
class Predictor:
    """The linear predictor that a formula makes.

    Parameters
    ----------
    table : str
        Table of the specification, for messages, e.g. ``"[outcome]"``.
    level : str
        What stands for the constant column, e.g. ``"the baseline hazard"``.
    reserved : frozenset of str
        Dimensions, data and parameters of the graph, which no column's coefficient may shadow.
    """

    table: str
    level: str
    reserved: frozenset[str]


OUTCOME: Final = Predictor(
    table="[outcome]",
    level="the baseline hazard",
    reserved=frozenset(
        {
            *("basis", "chain", "covariate", "draw", "hyperparameter", "interval", "patient"),
            *("pattern", "step", "centre_points", "exit_time", "hyperparameters", "row_index"),
            *("rows", "time", "weight", "log_hazard", "log_rate", "log_scale", "log_shape"),
            *("log_hazard_deviation", "log_weights", "slope", "smoothing_sd"),
        }
    ),
)
