"""Words for parts of a model that several methods share, and methods of the checks that were run.

Marks name the works that are cited.
"""

from typing import Final

from bayes_ihlrt.checks.result import Status
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.methods.references import unmarked
from bayes_ihlrt.names import (
    EstimandTarget,
    ModifierTransform,
    PropensityUncertainty,
    Smoothing,
)
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.external import Borrowing
from bayes_ihlrt.spec.model import HazardSpec, ModifierSpec
from bayes_ihlrt.spec.states import outcomes_of

_SCORED: Final = {
    "survival": "by treatment state, modifier and period",
    "hazard": "over time",
    "proportional hazards": "by time since the start of treatment",
    "covariates over time": "by covariate and period",
    "interaction": "along further interactions of treatment and modifier",
    "linearity": "along squares of covariates",
}
"""Checks that compare events with expected events, and along what they do."""
_PRIOR: Final = "Survival was simulated from the priors alone."
_POSTERIOR: Final = "Observed survival was set beside survival simulated from the posterior."
_BY_PERIOD: Final = (
    "The effect of treatment was also estimated for each period since the start of treatment."
)
_CENTRES: Final = "Centres were left out one at a time."
_FAMILIES: Final = (
    "Other baseline hazards were compared by leave-one-patient-out cross-validation and by "
    "stacking [@yao2018]."
)
_PREDICTED: Final = (
    "Predictions for patients whom the model had not seen, by cross-validation, were judged by "
    "calibration, and by the Brier score [@graf1999] and the area under the curve [@uno2007], both "
    "weighted for censoring."
)


def check_methods(output: Output) -> list[str]:
    """Return the methods by which a fitted model was checked, in sentences.

    Parameters
    ----------
    output : Output
        What `fit` or `diagnose` wrote.

    Returns
    -------
    list of str
        With marks for what they cite; empty where the model was not checked.
    """
    checks = output.checks
    if not checks:
        return []
    figures = {file.stem for file in output.figures}
    told = [*_scored(output)]
    if "prior_survival" in figures:
        told.append(_PRIOR)
    if "survival_check" in figures:
        told.append(_POSTERIOR)
    if checks["effect_by_period"] is not None:
        told.append(_BY_PERIOD)
    if checks["loo"] is not None:
        told.append(_left_out(grouped=bool(output.spec.outcome.groups)))
    if checks["centres"] is not None:
        told.append(_CENTRES)
    if checks["hazard_families"] is not None:
        told.append(_FAMILIES)
    if "risk_calibration" in figures:
        told.append(_PREDICTED)
    return told


def _scored(output: Output) -> list[str]:
    done = {
        row["check"]
        for row in output.checks["verdicts"]
        if row["verdict"] != Status.CANNOT_TELL.value
    }
    along = [words for check, words in _SCORED.items() if check in done]
    if not along:
        return []
    return [
        f"Events were compared with those that the model expects, {', '.join(along)}, by score "
        "tests of martingale residuals [@andersen1993]."
    ]


def _left_out(*, grouped: bool) -> str:
    inside = ", the effect of their centre integrated out [@merkle2019]" if grouped else ""
    return (
        "Patients were left out one at a time by Pareto-smoothed importance sampling "
        f"[@vehtari2017], or by refitting where that failed{inside}."
    )


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
    told = FAMILIES[hazard.family].told
    if hazard.family == "piecewise":
        tied = "independent" if hazard.smoothing is Smoothing.INDEPENDENT else "random-walk"
        cuts = ", ".join(f"{cut:g}" for cut in hazard.cuts or ())
        at = f"{cuts} months" if cuts else "quantiles of the event times"
        told += f" cut at {at} with a {tied} prior"
    return told


def modifier_words(modifier: ModifierSpec, called: str | None = None) -> str:
    """Return how a modifier enters the linear predictor.

    Parameters
    ----------
    modifier : ModifierSpec
        The modifier.
    called : str, optional
        What it is called; its name by default.

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
        ModifierTransform.LOG2: f"as log2({called or modifier.name} / {modifier.reference:g}), so "
        "that a coefficient is per doubling",
        ModifierTransform.IDENTITY: f"as its difference from {modifier.reference:g}",
        ModifierTransform.STANDARDISE: f"as its difference from {modifier.reference:g} in standard "
        "deviations",
    }[modifier.transform]


def hazards_by_cause(spec: AnalysisSpec) -> list[str]:
    """Return what the hazard of each competing cause is.

    Parameters
    ----------
    spec : AnalysisSpec
        With competing causes.

    Returns
    -------
    list of str
        Sentences, with marks for what they cite.
    """
    causes, labels = ", ".join(spec.data.causes), spec.labels
    told = [
        f"Competing causes ({causes}) were modelled by cause-specific hazards [@prentice1978], a "
        "Bayesian proportional hazards model each, with independent priors; in that of one cause "
        "patients with another are censored."
    ]
    for name, outcome in outcomes_of(spec.data.causes, spec.causes, spec.outcome).items():
        groups = [labels.of(term.group) for term in outcome.groups]
        effects = f", hierarchical effects of {' and '.join(groups)}" if groups else ""
        told.append(
            f"For {name}: {hazard_words(outcome.hazard)}, linear predictor "
            f"{labels.formula(outcome.formula) or 'of no covariates'}{effects}."
        )
    if spec.modifier is not None:
        called = labels.of(spec.modifier.name)
        told.append(f"{called} entered {modifier_words(spec.modifier, called)}.")
    return [*told, "Priors are listed with their sources in the table of priors."]


_BORROWING: Final = {
    Borrowing.POWER: "a power prior [@ibrahim2000], their likelihood to the power {power}",
    Borrowing.COMMENSURATE: "a commensurate prior [@hobbs2011] of their difference in log hazard "
    "(sd {sd})",
    Borrowing.ROBUST_MAP: "a robust mixture [@schmidli2014], their log hazard differing with sd "
    "{sd} (prior probability {alike}) or {vague_sd}, posteriors weighted by marginal likelihoods "
    "found by bridge sampling [@meng1996]",
}


def external_methods(spec: AnalysisSpec) -> list[str]:
    """Return how external controls were borrowed, in sentences.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    list of str
        With marks for what they cite; empty without external controls.
    """
    external = spec.external
    if external is None:
        return []
    stated = external.model_dump(include={"power", "sd", "vague_sd", "alike"})
    weighed = ""
    if external.weight_column is not None:
        weighed = f", each weighted by column {unmarked(external.weight_column)}"
    tails = "" if external.nu is None else f", Student t with {external.nu:g} degrees of freedom"
    how = _BORROWING[external.borrow].format(**stated)
    return [
        f"Untreated patients from elsewhere were analysed as external controls{weighed}, borrowed "
        f"by {how}{tails}. Why they may stand for controls: {unmarked(external.justification)}. "
        "Their worth is the gain in what is known of the log cumulative hazard of the average "
        "patient with an event without treatment (1 / variance, in events). Estimands are averaged "
        "over the cohort's own patients."
    ]
