"""Methods of a report, from the specification: what was done and nothing else.

Of the ladder and of sensitivity studies, those that were run are told and no other. Marks like
``[@suissa2008]`` name works of ``references.toml``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.estimands.curves import NEVER, treated_from
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.methods.model import (
    CLONE_WEIGHTS,
    UNCERTAINTY,
    WEIGHTS,
    check_methods,
    external_methods,
    hazard_words,
    hazards_by_cause,
    modifier_words,
)
from bayes_ihlrt.methods.plan import interim_methods, plan_methods
from bayes_ihlrt.methods.references import unmarked
from bayes_ihlrt.names import Adjustment, DesignKind, Engine, PropensityUncertainty
from bayes_ihlrt.posterior.quality import draws_name
from bayes_ihlrt.results.outputs import Kind, Output, Results
from bayes_ihlrt.spec.analysis import AnalysisSpec

_CLONES: Final = DesignKind.CLONE_CENSOR_WEIGHT.value
_RUNG_ENGINES: Final = {
    Engine.LAPLACE.value: "Rungs without weights were drawn by Laplace's method inside a grid over "
    "scales [@tierney1986; @rue2009], corrected by Pareto-smoothed importance sampling "
    "[@vehtari2024].",
    Engine.NUTS.value: "Rungs that this did not fit were drawn by the No-U-Turn sampler "
    "[@hoffman2014].",
    PropensityUncertainty.LINKED_BOOTSTRAP.value: "Rungs that a propensity adjusts were drawn by "
    + UNCERTAINTY[PropensityUncertainty.LINKED_BOOTSTRAP]
    + ".",
}
_CELL_ENGINES: Final = {
    Engine.LAPLACE.value: "Posteriors were drawn by Laplace's method inside a grid over scales "
    "[@tierney1986; @rue2009], corrected by Pareto-smoothed importance sampling [@vehtari2024].",
    Engine.NUTS.value: "Posteriors that this did not fit were drawn by the No-U-Turn sampler "
    "[@hoffman2014].",
}
_STUDIES: Final = {
    "power_scaling": "Priors and likelihood were power-scaled [@kallioinen2024].",
    "tipping": "Tipping points say how far the prior of the treatment has to move in mean, in "
    "standard deviation or in strength until the decision changes; every step is a refit.",
    "evidence": "Published effects, discounted for differences between studies "
    "[@neuenschwander2010] and for bias, served as prior of the treatment, alone and in a robust "
    "mixture with a vague prior [@schmidli2014]; what a prior is worth is told in events "
    "[@neuenschwander2020].",
    "structure": "The same question was asked under other baseline hazards, covariates, designs "
    "and populations and the answers set side by side [@steegen2016; @simonsohn2020].",
}
"""Parts of a sensitivity study, by their key of the result, each in one sentence."""
_BIAS: Final = {
    "e_value": "Unmeasured confounding was judged by E-values [@vanderweele2017].",
    "grid": "The bias of unmeasured binary confounders of several strengths and prevalences was "
    "taken off the effect [@lin1998].",
    "bias_prior": "The same was done with a prior on the confounder's strength and prevalences.",
    "latent": "A latent binary confounder of treatment and outcome was put into the model, with "
    "priors of several widths on what it does [@mccandless2007].",
    "negative_control": "An outcome that treatment cannot change (negative control) was analysed "
    "in the same way, and its effect taken off [@lipsitch2010].",
}
"""The same, of unmeasured confounding."""
_BORROWING: Final = {
    "power prior": "power priors [@ibrahim2000]",
    "commensurate prior": "commensurate priors [@hobbs2011]",
}


def ladder_methods(output: Output) -> list[str]:
    """Return the methods of a bias ladder, in sentences.

    Parameters
    ----------
    output : Output
        What `ladder` wrote.

    Returns
    -------
    list of str
        Designs, weights, engines; with marks for what they cite.
    """
    rungs = [rung for rung in output.result["rungs"] if rung["reason"] is None]
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
    weighted = {rung["rung"] for rung in rungs if rung["adjustment"] == "weights"}
    if propensity is not None and weighted - {_CLONES}:
        told.append(f"Weighted rungs use {WEIGHTS[propensity.estimand]}.")
    if _CLONES in weighted:
        told.append(f"Clones use {CLONE_WEIGHTS}.")
    engines = {rung["engine"] for rung in rungs}
    told += [words for engine, words in _RUNG_ENGINES.items() if engine in engines]
    null = output.result["null_simulation"]
    if null is not None:
        told.append(
            f"The naive contrast was repeated on {null['replicates']:,} simulated cohorts in which "
            "treatment does nothing."
        )
    return told


def sensitivity_methods(output: Output) -> list[str]:
    """Return the methods of a sensitivity study, in sentences.

    Parameters
    ----------
    output : Output
        What `sensitivity` wrote.

    Returns
    -------
    list of str
        One or two for each part that was run; with marks for what they cite.
    """
    result = output.result
    confounding: Mapping[str, Any] = result["confounding"]
    told = _grid(result["grid"], result["threshold"])
    told += [words for part, words in _STUDIES.items() if result[part]]
    told += [words for part, words in _BIAS.items() if confounding[part]]
    told += _borrowed(result["external"] or ())
    audit = result["audit"]
    if audit is not None:
        told.append(
            f"The approximation was checked against the No-U-Turn sampler [@hoffman2014] under "
            f"{counted(audit['fits'], 'choice', 'choices')} of priors."
        )
    return told


def _grid(asked: Sequence[Mapping[str, Any]] | None, threshold: float) -> list[str]:
    rows = [row for row in asked or () if row.get("failed") is None]
    if not rows:
        return []
    choices = len({row["prior"] for row in rows})
    sceptical = any("sceptical" in row["priors"].values() for row in rows)
    among = ", sceptical ones [@spiegelhalter1994] among them" if sceptical else ""
    engines = {row["engine"] for row in rows}
    return [
        f"The analysis was repeated under {counted(choices, 'choice', 'choices')} of priors"
        f"{among}; a statement is called probable from a posterior probability of {threshold:g} "
        "on.",
        *[words for engine, words in _CELL_ENGINES.items() if engine in engines],
    ]


def _borrowed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    ways = [
        words
        for way, words in _BORROWING.items()
        if any(row["borrowing"].startswith(way) and not row.get("failed") for row in rows)
    ]
    told = f"Patients from elsewhere were borrowed from by {' and by '.join(ways)}."
    return [told] if ways else []


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
        *(*_propensity(spec), *external_methods(spec)),
        _computation(spec, output.engine, converged=result["diagnostics"]["converged"]),
        *_estimands(spec, result),
        *check_methods(output),
    ]


def _causes(output: Output) -> list[str]:
    spec, result = output.spec, output.result
    horizons = " and ".join(f"{month:g}" for month in spec.estimands.horizons)
    told = (
        f"Cumulative incidence and months lost by cause [@andersen2013], survival and restricted "
        f"mean survival time [@royston2013] at {horizons} months were computed from all hazards "
        "together within each draw, by quadrature, and averaged over the patients"
    )
    if spec.treatment is not None:
        told += f", with treatment from month {spec.treat_from:g} and with none"
    return [
        *_design(spec),
        *hazards_by_cause(spec),
        _computation(spec, output.engine, converged=result["converged"]),
        f"{told}; {draws_name(output.engine)} medians and central 95 % intervals are given.",
        "Aalen-Johansen estimates [@aalen1978] are drawn beside the model's; one minus "
        "Kaplan-Meier [@kaplan1958] is shown as what it is, the incidence in a world without the "
        "other causes.",
    ]


def _design(spec: AnalysisSpec) -> list[str]:
    if spec.treatment is None:
        return []
    name = spec.labels.of(spec.treatment.name)
    return [_DESIGNS[spec.treatment.design].format(name=name) + "."]


def _model(spec: AnalysisSpec) -> str:
    labels = spec.labels
    told = f"Time to {labels.of(spec.data.event_column)} (months) was modelled by a Bayesian "
    told += f"proportional hazards model with {hazard_words(spec.outcome.hazard)}"
    told += (
        f" and the linear predictor {labels.formula(spec.outcome.formula) or 'of no covariates'}"
    )
    groups = [labels.of(term.group) for term in spec.outcome.groups]
    if groups:
        told += f", with hierarchical effects of {' and '.join(groups)}"
    if spec.modifier is not None:
        called = labels.of(spec.modifier.name)
        told += f"; {called} entered {modifier_words(spec.modifier, called)}"
    if spec.data.interval is not None:
        told += ". The event was known to lie between two scans and entered so [@sun2006]: the "
        told += "chance of reaching the last scan without it less that of reaching the next"
    told += ". Priors are listed with their sources in the table of priors, those of log hazard "
    told += "ratios with the number of events that they are worth [@morita2008; @schoenfeld1983]."
    words = spec.prior_justification
    # The authors' words are theirs, marks and all.
    return told if words is None else f"{told} Justification of the priors: {unmarked(words)}"


def _propensity(spec: AnalysisSpec) -> list[str]:
    found = spec.propensity
    if found is None:
        return []
    told = "The probability of treatment at a decision was modelled by a regularised logistic "
    told += f"regression on {spec.labels.formula(found.formula) or 'a constant'}"
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


def _computation(spec: AnalysisSpec, engine: str, *, converged: bool) -> str:
    sampler = spec.sampler
    if engine == Engine.NUTS.value:
        judged = "passed" if converged else "did NOT pass"
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


def _drawn_beside(spec: AnalysisSpec) -> str:
    if spec.data.interval is not None:
        return "Turnbull's estimate [@turnbull1976] is drawn beside the model's curves."
    return "Kaplan-Meier curves [@kaplan1958] are drawn beside the model's."


def _estimands(spec: AnalysisSpec, result: Mapping[str, Any]) -> list[str]:
    horizons = " and ".join(f"{month:g}" for month in spec.estimands.horizons)
    told = (
        f"Survival and restricted mean survival time [@royston2013] at {horizons} months and "
        "median survival were averaged over the patients within each draw"
    )
    if spec.treatment is not None:
        strategies = (row["strategy"] for row in result["estimands"])
        treated = next(name for name in strategies if name not in {None, NEVER.name})
        told += f", with treatment {treated}"
        if spec.estimands.treat_from is None and treated != treated_from(0.0).name:
            told += ", the earliest observed start,"
        told += " and with none"
    drawn = draws_name(result["diagnostics"]["engine"])
    sentences = [
        f"{told}; {drawn} medians and central 95 % intervals are given.",
        _drawn_beside(spec),
    ]
    if result["loo"] is not None and result["loo"]["elpd"] is not None:
        whom = result["loo"]["predicts"]
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
    Kind.CAUSES: _causes,
    Kind.LADDER: ladder_methods,
    Kind.SENSITIVITY: sensitivity_methods,
    Kind.PLAN: plan_methods,
    Kind.INTERIM: interim_methods,
}
