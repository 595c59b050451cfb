"""The methods paragraph of a report, from the specification: what was done and nothing else.

Marks like ``[@suissa2008]`` name works of ``references.toml``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.names import (
    Adjustment,
    DesignKind,
    Engine,
    EstimandTarget,
    HazardFamily,
    ModifierTransform,
    PropensityUncertainty,
    Smoothing,
)
from bayes_ihlrt.report.inputs import Kind, Output, Results

_HAZARDS: Final = {
    HazardFamily.EXPONENTIAL: "a constant (exponential) baseline hazard [@kalbfleisch2002]",
    HazardFamily.WEIBULL: "a Weibull baseline hazard [@kalbfleisch2002]",
    HazardFamily.GOMPERTZ: "a Gompertz baseline hazard [@kalbfleisch2002]",
    HazardFamily.PIECEWISE: "a piecewise constant baseline hazard [@friedman1982]",
    HazardFamily.MSPLINE: "a baseline hazard of M-splines [@ramsay1988]",
}
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
_TARGETS: Final = {
    EstimandTarget.ATO: "overlap weights [@li2018]",
    EstimandTarget.ATT: "weights to the treated [@li2018]",
    EstimandTarget.ATE: "inverse probability weights, stabilised except for clones [@austin2015]",
    EstimandTarget.ATM: "matching weights [@li2018]",
    EstimandTarget.ENTROPY: "entropy weights [@li2018]",
}
_ADJUSTED: Final = {
    Adjustment.COVARIATE: "entered the outcome model as a spline of the logit of the propensity",
    Adjustment.STRATA: "entered the outcome model as fifths of the propensity [@rosenbaum1984]",
    Adjustment.NONE: "described balance and adjusted nothing",
}
_UNCERTAINTY: Final = {
    PropensityUncertainty.LINKED_BOOTSTRAP: "a linked Bayesian bootstrap, in which one set of "
    "patient weights serves propensity and outcome model [@stephens2023]",
    PropensityUncertainty.CUT: "cut draws: an outcome posterior for each draw of the propensity "
    "[@plummer2015]",
    PropensityUncertainty.SANDWICH: "a sandwich correction of the weighted posterior "
    "[@williams2021]",
    PropensityUncertainty.PLUGIN: "weights at the mode of the propensity, whose uncertainty was "
    "left out: intervals are not calibrated",
}
_RUNG_ENGINES: Final = {
    Engine.LAPLACE.value: "Rungs without weights were drawn by Laplace's method inside a grid over "
    "scales [@tierney1986; @rue2009], corrected by Pareto-smoothed importance sampling "
    "[@vehtari2024].",
    Engine.NUTS.value: "Rungs that this did not fit were drawn by the No-U-Turn sampler "
    "[@hoffman2014].",
    PropensityUncertainty.LINKED_BOOTSTRAP.value: "Rungs that a propensity adjusts were drawn by "
    + _UNCERTAINTY[PropensityUncertainty.LINKED_BOOTSTRAP]
    + ".",
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
    ]


def _design(spec: AnalysisSpec) -> list[str]:
    if spec.treatment is None:
        return []
    name = spec.treatment.name
    return [_DESIGNS[spec.treatment.design].format(name=name) + "."]


def _model(spec: AnalysisSpec) -> str:
    hazard = spec.outcome.hazard
    told = f"Time to {spec.data.event} (months) was modelled by a Bayesian proportional hazards "
    told += f"model with {_HAZARDS[hazard.family]}"
    if hazard.family is HazardFamily.PIECEWISE:
        tied = "independent" if hazard.smoothing is Smoothing.INDEPENDENT else "random-walk"
        cuts = ", ".join(f"{cut:g}" for cut in hazard.cuts or ())
        told += f" cut at {cuts} months with a {tied} prior"
    told += f" and the linear predictor {spec.outcome.formula or 'of no covariates'}"
    groups = [term.group for term in spec.outcome.groups]
    if groups:
        told += f", with hierarchical effects of {' and '.join(groups)}"
    if spec.modifier is not None:
        told += f"; {spec.modifier.name} entered {_transform(spec)}"
    return told + ". Priors are listed with their sources in the table of priors."


def _transform(spec: AnalysisSpec) -> str:
    modifier = spec.modifier
    if modifier is None:
        return ""
    return {
        ModifierTransform.LOG2: f"as log2({modifier.name} / {modifier.reference:g}), so that a "
        "coefficient is per doubling",
        ModifierTransform.IDENTITY: f"as its difference from {modifier.reference:g}",
        ModifierTransform.STANDARDISE: f"as its difference from {modifier.reference:g} in standard "
        "deviations",
    }[modifier.transform]


def _propensity(spec: AnalysisSpec) -> list[str]:
    found = spec.propensity
    if found is None:
        return []
    told = "The probability of treatment at a decision was modelled by a regularised logistic "
    told += f"regression on {found.formula or 'a constant'}"
    if found.adjust is Adjustment.WEIGHTS:
        told += f" and used as {_TARGETS[found.estimand]}"
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
            f"Its uncertainty reached the effect of treatment by {_UNCERTAINTY[found.uncertainty]}."
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
    return f"{sampler.total:,} draws were taken (seed {sampler.seed})."


def _estimands(spec: AnalysisSpec, result: Mapping[str, Any]) -> list[str]:
    horizons = " and ".join(f"{month:g}" for month in spec.estimands.horizons)
    told = (
        f"Survival and restricted mean survival time [@royston2013] at {horizons} months and "
        "median survival were averaged over the patients within each draw"
    )
    if spec.treatment is not None:
        start = f"{spec.estimands.treat_from:g}"
        told += f", with treatment from month {start} and with none"
    sentences = [
        f"{told}; posterior medians and central 95 % intervals are given.",
        "Kaplan-Meier curves [@kaplan1958] are drawn beside the model's.",
    ]
    if result["loo"] is not None and result["loo"]["elpd"] is not None:
        sentences.append(
            "Prediction was judged by leave-one-patient-out cross-validation [@vehtari2017]."
        )
    return sentences


def _ladder(output: Output) -> list[str]:
    rungs = output.result["rungs"]
    designs = {rung["rung"].partition("-")[0]: rung["rung"] for rung in rungs}
    cites = {
        "ever": "ever against never treated [@suissa2008]",
        "landmark": "landmarks [@anderson1983]",
        "split": "treatment as time-varying [@mantel1974]",
        "sequential": "sequential trials [@hernan2008]",
        "clone": "clones, censored and weighted [@hernan2018]",
        "g": "the g-formula [@robins1986]",
    }
    named = "; ".join(cites[key] for key in designs)
    told = [
        f"To show immortal time bias, one cohort was analysed under {len(rungs)} combinations of "
        f"design and adjustment: {named}."
    ]
    propensity = output.spec.propensity
    if propensity is not None and any(rung["adjustment"] == "weights" for rung in rungs):
        told.append(f"Weighted rungs use {_TARGETS[propensity.estimand]}.")
    engines = {rung["engine"] for rung in rungs}
    told += [words for engine, words in _RUNG_ENGINES.items() if engine in engines]
    null = output.result["null_simulation"]
    if null is not None:
        told.append(
            f"The naive contrast was repeated on {null['replicates']:,} simulated cohorts in which "
            "treatment does nothing."
        )
    return told


def _sensitivity(output: Output) -> list[str]:
    result = output.result
    told = [f"The analysis was repeated under {_different(result['grid'], 'prior')} priors."]
    if result.get("power_scaling"):
        told.append("Priors and likelihood were power-scaled [@kallioinen2024].")
    if result.get("tipping"):
        told.append("Tipping points say how sceptical a prior has to be to change the decision.")
    if (result.get("confounding") or {}).get("e_value"):
        told.append("Unmeasured confounding was judged by E-values [@vanderweele2017].")
    return told


def _plan(output: Output) -> list[str]:
    rows, audit = output.result["results"], output.result.get("audit") or {}
    told = [
        f"{counted(_different(rows, 'design'), 'design was', 'designs were')} simulated under "
        f"{counted(_different(rows, 'scenario'), 'scenario', 'scenarios')}; operating "
        "characteristics are given with their Monte Carlo error [@morris2019]."
    ]
    if audit.get("fits"):
        told.append(
            f"The batched approximation was checked against Markov chains on {audit['fits']} of "
            "the simulated trials."
        )
    return told


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


def _different(rows: list[Mapping[str, Any]], key: str) -> int:
    return len({str(row.get(key)) for row in rows})


_WRITERS: Final[Mapping[Kind, Callable[[Output], list[str]]]] = {
    Kind.FIT: _fit,
    Kind.LADDER: _ladder,
    Kind.SENSITIVITY: _sensitivity,
    Kind.PLAN: _plan,
}
