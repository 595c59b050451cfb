"""Methods of the ladder and of sensitivity studies: those that were run and no other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.names import DesignKind, Engine, PropensityUncertainty
from bayes_ihlrt.report.methods_model import CLONE_WEIGHTS, UNCERTAINTY, WEIGHTS
from bayes_ihlrt.report.outputs import Output

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


def _grid(rows: Sequence[Mapping[str, Any]], threshold: float) -> list[str]:
    choices = len({row["prior"] for row in rows})
    sceptical = any("sceptical" in row["priors"].values() for row in rows)
    among = ", sceptical ones [@spiegelhalter1994] among them" if sceptical else ""
    engines = {row["engine"] for row in rows}
    return [
        f"The analysis was repeated under {counted(choices, 'choice', 'choices')} of priors"
        f"{among}; a statement counts as settled from a posterior probability of {threshold:g} on.",
        *[words for engine, words in _CELL_ENGINES.items() if engine in engines],
    ]


def _borrowed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    ways = [
        words
        for way, words in _BORROWING.items()
        if any(row["borrowing"].startswith(way) for row in rows)
    ]
    return (
        [f"Patients from elsewhere were borrowed from by {' and by '.join(ways)}."] if ways else []
    )
