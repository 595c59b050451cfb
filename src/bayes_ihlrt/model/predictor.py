"""Which linear predictor a formula belongs to: where its faults lie, which names it may not use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault


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


_PREFIXES: Final = ("sd_", "exp_", "precision_")
"""How the names of scales and of parameters on another scale begin."""


def name_faults(
    predictor: Predictor, columns: Iterable[str], groups: Iterable[tuple[str, str | None]]
) -> list[Fault]:
    """Return which names of a formula the graph gives itself.

    Parameters
    ----------
    predictor : Predictor
        The linear predictor.
    columns : iterable of str
        Names that the formula reads.
    groups : iterable of tuple of str
        Each group effect's column, and that of its slope or None.

    Returns
    -------
    list of Fault
        One for each name.
    """
    grouped = dict(groups)
    own = (*_PREFIXES, *(f"{group}_effect" for group in grouped))
    taken = predictor.reserved | grouped.keys()
    wrong = {
        name: f"{predictor.table} formula"
        for name in columns
        if name in taken or name.startswith(own)
    }
    wrong |= {
        name: f"{predictor.table} group"
        for group, slope in grouped.items()
        for name in (group, slope, f"{group}_{slope}")
        if name is not None and (name in predictor.reserved or name.startswith(own))
    }
    return [
        Fault(place, f"'{name}' is a name that the model uses itself", "Rename the column")
        for name, place in wrong.items()
    ]


OUTCOME: Final = Predictor(
    table="[outcome]",
    level="the baseline hazard",
    reserved=frozenset(
        {
            *("basis", "chain", "covariate", "draw", "hyperparameter", "interval", "patient"),
            *("pattern", "step", "centre_points", "exit_time", "hyperparameters", "row_index"),
            *("rows", "time", "weight", "log_hazard", "log_rate", "log_scale", "log_shape"),
            *("log_weights", "slope", "smoothing_sd", "log_hazard_centred", "log_rate_centred"),
            *("log_scale_centred", "slope_scaled", "walk_step", "design_centre"),
            "log_hazard_contrast",
            *(
                "design_reference",
                "log_hazard_deviation",
                "time_centre",
                "hazard_basis",
                "interval_share",
            ),
        }
    ),
)
