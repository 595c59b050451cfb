"""What decisions count in the populations that propensities make.

References
----------
Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018;113:390-400, doi 10.1080/01621459.2016.1260466.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.names import EstimandTarget

Floats = NDArray[np.float64]

TILTED: Final = (EstimandTarget.ATO, EstimandTarget.ATM, EstimandTarget.ENTROPY)
"""Populations in which a decision counts by its propensity alone."""


def tilt(target: EstimandTarget, propensity: Floats) -> Floats:
    """Return h(e), what a decision with that propensity counts in a population.

    Parameters
    ----------
    target : EstimandTarget
        ``ato`` e (1 - e); ``atm`` min(e, 1 - e); ``entropy`` -[e log e + (1 - e) log(1 - e)];
        ``att`` e; ``ate`` 1.
    propensity : ndarray
        Probabilities of treatment.

    Returns
    -------
    ndarray
        Of the same shape.

    Examples
    --------
    >>> tilt(EstimandTarget.ATO, np.array([0.1, 0.5])).round(2).tolist()
    [0.09, 0.25]
    """
    e, other = propensity, 1.0 - propensity
    match target:
        case EstimandTarget.ATO:
            return np.asarray(e * other)
        case EstimandTarget.ATM:
            return np.asarray(np.minimum(e, other))
        case EstimandTarget.ENTROPY:
            return -(_x_log_x(e) + _x_log_x(other))
        case EstimandTarget.ATT:
            return np.asarray(e)
        case EstimandTarget.ATE:
            return np.ones_like(e)


def _x_log_x(x: Floats) -> Floats:
    return np.asarray(x * np.log(np.where(x > 0.0, x, 1.0)), dtype=np.float64)
