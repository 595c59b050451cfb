"""The model of initiation at the intervals between visits that controls pass untreated."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.emulation import Emulation

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.prepare import PreparedPropensity


def passing_model(
    initiation: "PreparedPropensity", emulation: Emulation
) -> "PreparedPropensity | None":
    """Return the model of initiation, bound to the intervals that controls pass.

    Parameters
    ----------
    initiation : PreparedPropensity
        Bound to the decisions.
    emulation : Emulation
        Person-time, decisions and intervals.

    Returns
    -------
    PreparedPropensity or None
        None where the design has no such intervals.
    """
    table = emulation.passed
    if table is None:
        return None
    fitted = emulation.decisions.columns
    return initiation.rebound({k: _within(v, fitted[k]) for k, v in table.columns.items()})


def _within(values: NDArray[np.generic], fitted: NDArray[np.generic]) -> NDArray[np.generic]:
    """Keep numbers within the range that a model has seen; splines do not go beyond it."""
    if not np.issubdtype(fitted.dtype, np.floating):
        return values
    seen = fitted.astype(np.float64)
    return np.clip(values.astype(np.float64), np.nanmin(seen), np.nanmax(seen))
