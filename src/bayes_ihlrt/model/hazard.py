"""The baseline hazard that a specification names, with its cuts or knots."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.hazards.exponential import Exponential
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.model.smoothing import automatic_cuts, automatic_knots
from bayes_ihlrt.names import HazardFamily
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
    match spec.family:
        case HazardFamily.EXPONENTIAL:
            return Exponential()
        case HazardFamily.WEIBULL:
            return Weibull()
        case HazardFamily.GOMPERTZ:
            return Gompertz()
        case HazardFamily.PIECEWISE:
            return Piecewise(cuts=spec.cuts or automatic_cuts(event_times, events=events))
        case HazardFamily.MSPLINE:
            knots = spec.knots or automatic_knots(event_times, events=events)
            return MSpline.from_event_times(event_times, n_knots=knots)
