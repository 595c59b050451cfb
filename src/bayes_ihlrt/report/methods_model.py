"""Words for parts of a model that several methods share, with marks for what they cite."""

from typing import Final

from bayes_ihlrt.model.spec import HazardSpec, ModifierSpec
from bayes_ihlrt.names import (
    EstimandTarget,
    HazardFamily,
    ModifierTransform,
    PropensityUncertainty,
    Smoothing,
)

_HAZARDS: Final = {
    HazardFamily.EXPONENTIAL: "a constant (exponential) baseline hazard [@kalbfleisch2002]",
    HazardFamily.WEIBULL: "a Weibull baseline hazard [@kalbfleisch2002]",
    HazardFamily.GOMPERTZ: "a Gompertz baseline hazard [@kalbfleisch2002]",
    HazardFamily.PIECEWISE: "a piecewise constant baseline hazard [@friedman1982]",
    HazardFamily.MSPLINE: "a baseline hazard of M-splines [@ramsay1988]",
}
WEIGHTS: Final = {
    EstimandTarget.ATO: "overlap weights [@li2018]",
    EstimandTarget.ATT: "weights to the treated [@li2018]",
    EstimandTarget.ATE: "stabilised inverse probability weights [@austin2015]",
    EstimandTarget.ATM: "matching weights [@li2018]",
    EstimandTarget.ENTROPY: "entropy weights [@li2018]",
}
CLONE_WEIGHTS: Final = (
    "inverse probability weights of keeping to the strategy, not stabilised [@austin2015]"
)
UNCERTAINTY: Final = {
    PropensityUncertainty.LINKED_BOOTSTRAP: "a linked Bayesian bootstrap, in which one set of "
    "patient weights serves propensity and outcome model [@stephens2023], widened to the variance "
    "that halving the weight of each patient in turn shows, close to HC2 [@mackinnon1985]",
    PropensityUncertainty.CUT: "cut draws: an outcome posterior for each draw of the propensity "
    "[@plummer2015]",
    PropensityUncertainty.SANDWICH: "a sandwich correction of the weighted posterior "
    "[@williams2021]",
    PropensityUncertainty.PLUGIN: "weights at the mode of the propensity, whose uncertainty was "
    "left out: intervals are not calibrated",
}


def hazard_words(hazard: HazardSpec) -> str:
    """Return a baseline hazard in words.

    Parameters
    ----------
    hazard : HazardSpec
        Family, cut points, smoothing.

    Returns
    -------
    str
        With its article and a mark.

    Examples
    --------
    >>> hazard_words(HazardSpec(family="weibull"))
    'a Weibull baseline hazard [@kalbfleisch2002]'
    """
    told = _HAZARDS[hazard.family]
    if hazard.family is HazardFamily.PIECEWISE:
        tied = "independent" if hazard.smoothing is Smoothing.INDEPENDENT else "random-walk"
        cuts = ", ".join(f"{cut:g}" for cut in hazard.cuts or ())
        at = f"{cuts} months" if cuts else "quantiles of the event times"
        told += f" cut at {at} with a {tied} prior"
    return told


def modifier_words(modifier: ModifierSpec) -> str:
    """Return how a modifier enters the linear predictor.

    Parameters
    ----------
    modifier : ModifierSpec
        The modifier.

    Returns
    -------
    str
        Its transformation and reference.

    Examples
    --------
    >>> modifier_words(ModifierSpec(name="nlr", column="nlr", transform="identity", reference=3.0))
    'as its difference from 3'
    """
    return {
        ModifierTransform.LOG2: f"as log2({modifier.name} / {modifier.reference:g}), so that a "
        "coefficient is per doubling",
        ModifierTransform.IDENTITY: f"as its difference from {modifier.reference:g}",
        ModifierTransform.STANDARDISE: f"as its difference from {modifier.reference:g} in standard "
        "deviations",
    }[modifier.transform]
