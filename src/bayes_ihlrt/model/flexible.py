"""A model under another baseline hazard, and the flexible one that stands beside a chosen one."""

from typing import Final

from bayes_ihlrt.model.prior_domains import DEVIATION_NAME
from bayes_ihlrt.model.spec import HazardSpec, ModelSpec
from bayes_ihlrt.names import HazardFamily, Smoothing

FLEXIBLE: Final = HazardSpec(family=HazardFamily.PIECEWISE)
"""Piecewise, cut at quantiles of the event times, a random walk about a Weibull."""

_PARAMETERS: Final = {
    HazardFamily.EXPONENTIAL: frozenset({"log_rate"}),
    HazardFamily.WEIBULL: frozenset({"log_rate", "log_shape"}),
    HazardFamily.GOMPERTZ: frozenset({"log_rate", "slope"}),
    HazardFamily.PIECEWISE: frozenset({"log_hazard", DEVIATION_NAME, "log_shape", "smoothing_sd"}),
    HazardFamily.MSPLINE: frozenset({"log_scale", "log_weights", "log_shape", "smoothing_sd"}),
}
_ALL: Final = frozenset().union(*_PARAMETERS.values())
_LEVELS: Final = frozenset({"log_rate"})


def is_flexible(hazard: HazardSpec) -> bool:
    """Return whether a baseline can bend where the events are: cuts placed by their times.

    Parameters
    ----------
    hazard : HazardSpec
        Family and options.

    Returns
    -------
    bool
        False where the cuts or the number of knots are given: they may be too few.

    Examples
    --------
    >>> is_flexible(HazardSpec(family="mspline")), is_flexible(HazardSpec())
    (True, False)
    """
    placed = hazard.cuts is None and hazard.knots is None
    bends = hazard.family in {HazardFamily.PIECEWISE, HazardFamily.MSPLINE}
    return bends and placed and hazard.smoothing is not Smoothing.INDEPENDENT


def with_hazard(spec: ModelSpec, hazard: HazardSpec) -> ModelSpec:
    """Return a model with another baseline hazard.

    Priors of parameters that the new family does not have are left out; that of ``baseline`` stays.
    A stated log rate is left out with another family, whose rate at the same shape is another.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    hazard : HazardSpec
        Its new hazard.

    Returns
    -------
    ModelSpec
        The model.

    Examples
    --------
    >>> with_hazard(ModelSpec(), HazardSpec(family="gompertz")).outcome.hazard.family.value
    'gompertz'
    """
    gone = _ALL - _PARAMETERS[hazard.family]
    if hazard.family is not spec.outcome.hazard.family:
        gone |= _LEVELS
    outcome = spec.outcome.model_copy(update={"hazard": hazard})
    priors = {name: prior for name, prior in spec.priors.items() if name not in gone}
    return spec.model_copy(update={"outcome": outcome, "priors": priors})
