"""The baseline hazard that a specification names, with its cuts or knots."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.spec.model import HazardSpec


def make_hazard(
    spec: HazardSpec, event_times: NDArray[np.float64], *, events: int | None = None
) -> Hazard:
    """Return the hazard that a specification names.

    Parameters
    ----------
    spec : HazardSpec
        Family and its options.
    event_times : ndarray
        Observed event times in months, at whose quantiles cuts and knots lie.
    events : int, optional
        Number of different events, where a patient's event stands in several rows; more of them
        make more intervals or knots.

    Returns
    -------
    Hazard
        Ready to be evaluated.
    """
    return FAMILIES[spec.family].placed(spec, event_times, events)
