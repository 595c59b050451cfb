"""What a report says of simulated trials: aim, truths, operating characteristics, audit."""

from collections.abc import Mapping
from typing import Any, Final

from bayes_ihlrt.analysis.prior_names import term_priors
from bayes_ihlrt.analysis.prior_words import prior_words
from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.model.parameters import ResolvedPrior
from bayes_ihlrt.model.spec import ModifierSpec
from bayes_ihlrt.report.design_tables import plan_tables
from bayes_ihlrt.report.document import Section, embedded
from bayes_ihlrt.report.outputs import Output
from bayes_ihlrt.report.plan_words import bias_sentences, corrected_sentences, unit_words
from bayes_ihlrt.report.table_model import Table, count, estimate, figure, text
from bayes_ihlrt.trials.curve_spec import CurveAxis
from bayes_ihlrt.trials.plan_spec import TrialPlan
from bayes_ihlrt.trials.scenario import ControlSpec, ScenarioSpec

_MONTE_CARLO: Final = "In parentheses the 95 % interval of Monte Carlo error."


def is_drawn(scenario: ScenarioSpec) -> bool:
    """Return whether the truth differs from trial to trial, so that success is assurance.

    Parameters
    ----------
    scenario : ScenarioSpec
        A scenario of a plan.

    Returns
    -------
    bool
        Whether it is a posterior, or has a standard deviation over trials.

    Examples
    --------
    >>> truth = {"name": "unsure", "control": {"median": 19.2}, "effect": {"log_hr_sd": 0.2}}
    >>> is_drawn(ScenarioSpec.model_validate(truth))
    True
    """
    effect = scenario.effect
    return scenario.posterior is not None or effect.log_hr_sd > 0.0 or effect.interaction_sd > 0.0


def plan_sections(output: Output) -> list[Section]:
    """Return the sections of a plan.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    list of Section
        The aim where the plan states one, and the simulated trials.
    """
    aim = output.plan.description
    found = [Section("plan-aim", "Aim of the simulation", (aim,))] if aim else []
    tables = (
        _scenarios(output),
        *_assurance(output),
        *plan_tables(output),
        *_curves(output),
        _priors(output.plan),
    )
    trials = Section(
        "plan",
        "Trial designs, simulated",
        tuple(plan_summary(output)),
        tables=tables,
        figures=embedded(output.figures),
    )
    return [*found, trials]


def plan_summary(output: Output) -> list[str]:
    """Return what a plan found, in sentences.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    list of str
        Counts of trials, the cohorts that truths come from, the audit.
    """
    rows: list[Mapping[str, Any]] = output.result["results"]
    designs, scenarios = ({str(row[key]) for row in rows} for key in ("design", "scenario"))
    trials, failed = (sum(row[key] or 0 for row in rows) for key in ("trials", "failed"))
    told = [
        f"{counted(len(designs), 'design', 'designs')} under "
        f"{counted(len(scenarios), 'scenario', 'scenarios')}, {trials:,} simulated trials; "
        f"the analysis of {failed:,} of them failed."
    ]
    curves = [row for curve in output.result["curves"] for row in curve["results"]]
    if curves:
        trials, failed = (sum(row[key] or 0 for row in curves) for key in ("trials", "failed"))
        told.append(
            f"Along curves {trials:,} more trials were simulated; the analysis of {failed:,} of "
            "them failed, and none of their fits was checked against Markov chains."
        )
    told += [*_cohorts(output), *bias_sentences(rows, output.plan.scenarios)]
    told += corrected_sentences(output.result.get("corrected_looks", ()))
    return [*told, *_audit(output.result["audit"])]


def _cohorts(output: Output) -> list[str]:
    return [
        f"The truths of scenario '{prior['scenario']}' are the posterior of the cohort "
        f"{prior['data']}" + (", which is synthetic." if prior["synthetic"] else ".")
        for prior in output.design_priors
    ]


def _audit(audit: Mapping[str, Any]) -> list[str]:
    if not audit["fits"]:
        return ["No fit was checked against Markov chains."]
    changed, strayed = audit["decisions_changed"], audit["not_converged"]
    fits = counted(audit["fits"], "fit was", "fits were")
    told = [
        f"{fits} done again by Markov chains, at looks drawn at random; "
        f"{counted(changed, 'decision', 'decisions')} changed."
    ]
    if strayed:
        told.append(
            f"The chains of {counted(strayed, 'fit', 'fits')} did not converge: there the "
            "comparison says nothing."
        )
    if audit["left_out"]:
        told.append(f"The audit does not compare: {'; '.join(audit['left_out'])}.")
    return told


def _scenarios(output: Output) -> Table:
    """Truth of every scenario, and what success under it is."""
    records = [
        {
            "scenario": scenario.name,
            "truth": truth_words(scenario, output.plan.design.modifier),
            "success": _meaning(scenario),
        }
        for scenario in output.plan.scenarios
    ]
    columns = (
        text("Scenario", "scenario"),
        text("Truth", "truth"),
        text("Success is", "success"),
    )
    title = "Scenarios: the truths under which trials were simulated"
    return Table("plan-scenarios", title, columns, tuple(records))


def truth_words(scenario: ScenarioSpec, modifier: ModifierSpec | None = None) -> str:
    """Return the truth of a scenario in words.

    Parameters
    ----------
    scenario : ScenarioSpec
        A scenario of a plan.
    modifier : ModifierSpec, optional
        The design's modifier: hazard ratios are per unit of it on the scale of the model.

    Returns
    -------
    str
        Survival under control and hazard ratios; or the analysis and the cohort.

    Examples
    --------
    >>> truth = {"name": "late", "control": {"median": 19.2, "shape": 1.1},
    ...          "effect": {"hr": [1.0, 0.7], "cuts": [3.0], "log_hr_sd": 0.2}}
    >>> truth_words(ScenarioSpec.model_validate(truth))
    'median survival under control 19.2 months (Weibull shape 1.1); hazard ratio 1, from month 3 of
    treatment 0.7, its log drawn with sd 0.2'
    """
    posterior = scenario.posterior
    if posterior is not None:
        ratio = "" if posterior.ratio == 1.0 else f", hazard ratios times {posterior.ratio:g}"
        return f"a posterior draw of {posterior.analysis} on {posterior.data}{ratio}"
    effect, control = scenario.effect, scenario.control
    told = [] if control is None else [_control(control)]
    steps = [f"{effect.hr[0]:g}"]
    steps += [
        f"from month {cut:g} of treatment {ratio:g}"
        for cut, ratio in zip(effect.cuts, effect.hr[1:], strict=True)
    ]
    drawn = f", its log drawn with sd {effect.log_hr_sd:g}" if effect.log_hr_sd else ""
    told.append(f"hazard ratio {', '.join(steps)}{drawn}")
    if effect.interaction_hr != 1.0 or effect.interaction_sd:
        drawn = (
            f", its log drawn with sd {effect.interaction_sd:g}" if effect.interaction_sd else ""
        )
        told.append(f"times {effect.interaction_hr:g} {unit_words(modifier)}{drawn}")
    if effect.modifier_hr != 1.0:
        told.append(f"prognosis: hazard ratio {effect.modifier_hr:g} {unit_words(modifier)}")
    return "; ".join(told)


def _control(control: ControlSpec) -> str:
    if control.median is not None:
        weibull = f"Weibull shape {control.shape:g}" if control.shape != 1.0 else "constant hazard"
        return f"median survival under control {control.median:g} months ({weibull})"
    hazards = ", ".join(f"{hazard:g}" for hazard in control.hazards)
    cuts = ", ".join(f"{cut:g}" for cut in control.cuts)
    return f"hazards under control {hazards} per month, cut at {cuts} months"


def _meaning(scenario: ScenarioSpec) -> str:
    if is_drawn(scenario):
        return "assurance"
    return "type I error" if scenario.is_null else "power"


def _priors(plan: TrialPlan) -> Table:
    """Priors of the analysis of each design; of a variant only where they differ."""
    records: list[dict[str, str]] = []
    seen: list[dict[str, ResolvedPrior]] = []
    for name, design in plan.designs.items():
        found = term_priors(design.model)
        if found not in seen:
            seen.append(found)
            records += [
                {
                    "design": name,
                    "parameter": parameter,
                    "prior": prior_words(stated.prior),
                    "source": stated.source,
                }
                for parameter, stated in found.items()
            ]
    columns = (
        text("Design", "design"),
        text("Parameter", "parameter"),
        text("Prior", "prior"),
        text("From", "source"),
    )
    note = "Coefficients are log hazard ratios."
    if len(seen) < len(plan.designs):
        note += " A design that is not listed has the priors of another."
    return Table("plan-priors", "Analysis priors", columns, tuple(records), note)


def _assurance(output: Output) -> list[Table]:
    """Success averaged over a design prior, where a scenario has one."""
    drawn = {scenario.name for scenario in output.plan.scenarios if is_drawn(scenario)}
    records = tuple(
        {
            "design": row["design"],
            "scenario": row["scenario"],
            "trials": row["trials"],
            **row["success"],
        }
        for row in output.result["results"]
        if row["scenario"] in drawn
    )
    if not records:
        return []
    columns = (
        text("Design", "design"),
        text("Scenario", "scenario"),
        estimate("Assurance", 3, middle="estimate", ends=("low", "high")),
        count("Trials", "trials"),
    )
    title = "Assurance: probability of success, averaged over the design prior"
    return [Table("plan-assurance", title, columns, records, _MONTE_CARLO)]


def _curves(output: Output) -> list[Table]:
    """Success over a number of the design, one table for each curve."""
    tables = []
    for position, curve in enumerate(output.result["curves"], 1):
        records = tuple({**row, **row["success"]} for row in curve["results"])
        whole = all(record["value"] == int(record["value"]) for record in records)
        columns = (
            text("Scenario", "scenario"),
            figure(curve["label"], "value", 0 if whole else 2),
            estimate("Success", 3, middle="estimate", ends=("low", "high")),
            count("Trials", "trials"),
        )
        title = f"Success over {CurveAxis(curve['over']).words}"
        note = f"The plan's own design, all else unchanged. {_MONTE_CARLO}"
        tables.append(Table(f"plan-curve-{position}", title, columns, records, note))
    return tables
