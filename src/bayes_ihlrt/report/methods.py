"""The methods paragraph of a report, from the specification: what was done and nothing else.

Marks like ``[@suissa2008]`` name works of ``references.toml``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.draws_naming import draws_name
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.names import (
    Adjustment,
    DesignKind,
    Engine,
)
from bayes_ihlrt.report.methods_checks import check_methods
from bayes_ihlrt.report.methods_model import (
    CLONE_WEIGHTS,
    UNCERTAINTY,
    WEIGHTS,
    hazard_words,
    modifier_words,
)
from bayes_ihlrt.report.methods_plan import plan_methods
from bayes_ihlrt.report.methods_studies import ladder_methods, sensitivity_methods
from bayes_ihlrt.report.outputs import Kind, Output, Results

_DESIGNS: Final = {
    DesignKind.SPLIT: "The treatment {name} was analysed as time-varying: person-time before its "
    "start counted as untreated, person-time after it as treated [@mantel1974]",
    DesignKind.LANDMARK: "Patients still at risk at the landmark were classified by whether {name} "
    "had started by then, and followed from the landmark on [@anderson1983]",
    DesignKind.SEQUENTIAL: "A trial of {name} was emulated at every decision among those eligible "
    "and untreated, and the trials were pooled [@hernan2008; @hernan2016]",
    DesignKind.CLONE_CENSOR_WEIGHT: "Each patient was cloned into the strategies, censored on "
    "deviating from them, and weighted for that censoring [@hernan2018]",
    DesignKind.FIXED: "The treatment {name} was known at time zero",
    DesignKind.EVER_NEVER: "Patients ever treated with {name} were compared with those never "
    "treated, which credits treatment with the time before it (immortal time) [@suissa2008]",
}
_ADJUSTED: Final = {
    Adjustment.COVARIATE: "entered the outcome model as a spline of the logit of the propensity",
    Adjustment.STRATA: "entered the outcome model as fifths of the propensity [@rosenbaum1984]",
    Adjustment.NONE: "described balance and adjusted nothing",
}


def methods_paragraph(results: Results) -> tuple[str, ...]:
    """Return the methods in sentences, with marks for what they cite.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    tuple of str
        One paragraph for each output, and one for the software.
    """
    told = [" ".join(_WRITERS[output.kind](output)) for output in results.outputs]
    return (*told, _software(results))


def _fit(output: Output) -> list[str]:
    spec, result = output.spec, output.result
    return [
        *_design(spec),
        _model(spec),
        *_propensity(spec),
        _computation(spec, result),
        *_estimands(spec, result),
        *check_methods(output),
    ]


def _design(spec: AnalysisSpec) -> list[str]:
    if spec.treatment is None:
        return []
    name = spec.treatment.name
    return [_DESIGNS[spec.treatment.design].format(name=name) + "."]


def _model(spec: AnalysisSpec) -> str:
    told = f"Time to {spec.data.event} (months) was modelled by a Bayesian proportional hazards "
    told += f"model with {hazard_words(spec.outcome.hazard)}"
    told += f" and the linear predictor {spec.outcome.formula or 'of no covariates'}"
    groups = [term.group for term in spec.outcome.groups]
    if groups:
        told += f", with hierarchical effects of {' and '.join(groups)}"
    if spec.modifier is not None:
        told += f"; {spec.modifier.name} entered {modifier_words(spec.modifier)}"
    return told + ". Priors are listed with their sources in the table of priors."


def _propensity(spec: AnalysisSpec) -> list[str]:
    found = spec.propensity
    if found is None:
        return []
    told = "The probability of treatment at a decision was modelled by a regularised logistic "
    told += f"regression on {found.formula or 'a constant'}"
    if found.adjust is Adjustment.WEIGHTS:
        clones = (
            spec.treatment is not None and spec.treatment.design is DesignKind.CLONE_CENSOR_WEIGHT
        )
        told += f" and used as {CLONE_WEIGHTS if clones else WEIGHTS[found.estimand]}"
    else:
        told += f"; it {_ADJUSTED[found.adjust]}"
    if found.trim is not None:
        told += (
            f"; decisions with a propensity outside {found.trim:g} to {1.0 - found.trim:g} were "
            "left out [@crump2009]"
        )
    sentences = [f"{told}."]
    if found.adjust is not Adjustment.NONE:
        sentences.append(
            f"Its uncertainty reached the effect of treatment by {UNCERTAINTY[found.uncertainty]}."
        )
    sentences.append(
        "Balance was judged by standardised mean differences before and after weighting "
        "[@austin2015]."
    )
    return sentences


def _computation(spec: AnalysisSpec, result: Mapping[str, Any]) -> str:
    sampler, engine = spec.sampler, result["diagnostics"]["engine"]
    if engine == Engine.NUTS.value:
        judged = "passed" if result["diagnostics"]["converged"] else "did NOT pass"
        return (
            f"The posterior was sampled by the No-U-Turn sampler [@hoffman2014] with "
            f"{sampler.chains} chains of {sampler.draws:,} draws after {sampler.tune:,} of warm-up "
            f"(seed {sampler.seed}); the chains {judged} the limits on R-hat and effective sample "
            "sizes [@vehtari2021]."
        )
    if engine == Engine.LAPLACE.value:
        return (
            "The posterior was approximated by Laplace's method inside a grid over scales "
            "[@tierney1986; @rue2009] and corrected by Pareto-smoothed importance sampling "
            f"[@vehtari2024], with {sampler.total:,} draws (seed {sampler.seed})."
        )
    return (
        f"{sampler.total:,} draws were taken (seed {sampler.seed}); probabilities made of them are "
        f"{draws_name(engine)} probabilities, not posterior ones."
    )


def _estimands(spec: AnalysisSpec, result: Mapping[str, Any]) -> list[str]:
    horizons = " and ".join(f"{month:g}" for month in spec.estimands.horizons)
    told = (
        f"Survival and restricted mean survival time [@royston2013] at {horizons} months and "
        "median survival were averaged over the patients within each draw"
    )
    if spec.treatment is not None:
        start = f"{spec.estimands.treat_from:g}"
        told += f", with treatment from month {start} and with none"
    drawn = draws_name(result["diagnostics"]["engine"])
    sentences = [
        f"{told}; {drawn} medians and central 95 % intervals are given.",
        "Kaplan-Meier curves [@kaplan1958] are drawn beside the model's.",
    ]
    if result["loo"] is not None and result["loo"]["elpd"] is not None:
        whom = result["loo"].get("predicts")
        of = f" of {whom}" if whom else ""
        sentences.append(
            f"Prediction{of} was judged by leave-one-patient-out cross-validation [@vehtari2017]."
        )
    return sentences


def _software(results: Results) -> str:
    versions = results.first.result["versions"]
    own = versions["bayes-ihlrt"]
    told = f"Analyses were run with bayes-ihlrt {own}"
    if "python" in versions:
        told += f" on Python {versions['python']}"
    if "pymc" in versions:
        told += f", PyMC {versions['pymc']} [@abrilpla2023]"
    if "arviz" in versions:
        told += f" and ArviZ {versions['arviz']} [@kumar2019]"
    return f"{told}."


_WRITERS: Final[Mapping[Kind, Callable[[Output], list[str]]]] = {
    Kind.FIT: _fit,
    Kind.LADDER: ladder_methods,
    Kind.SENSITIVITY: sensitivity_methods,
    Kind.PLAN: plan_methods,
}
