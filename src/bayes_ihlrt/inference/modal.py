"""A propensity model at its mode, every patient counted once: what tables of balance describe."""

import numpy as np

from bayes_ihlrt.inference.engines import propensity_engine
from bayes_ihlrt.inference.weighting import Parameters
from bayes_ihlrt.propensity.prepare import PreparedPropensity


def modal_parameters(prepared: PreparedPropensity) -> Parameters:
    """Return the mode of a propensity model; group scales at their posterior median.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.

    Returns
    -------
    dict of str to ndarray, shape (1, ...)
        One draw, for `logit_propensity` and `WeightedAnalysis.weights`.
    """
    shared = propensity_engine(prepared)
    members = shared.members({"weight": np.ones((1, len(prepared.patients)))})
    start = None
    if shared.engine.density.scales:
        start = np.asarray(shared.engine.centres(members)[0])
    found = shared.engine.modes(members, start=start)
    return {str(name): value.to_numpy() for name, value in found.parameters.items()}
