"""What a report says of simulated trials: aim, truths, operating characteristics, audit.

Sentences say what the numbers mean: bias against which truth, and posteriors of few events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.analysis.prior_words import prior_words
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.labels import Labels
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.report.document import Section, embedded
from bayes_ihlrt.report.single_trials import audit_summary
from bayes_ihlrt.report.studies import answer_tables, plan_tables
from bayes_ihlrt.results.outputs import Output, computed
from bayes_ihlrt.results.table import Table, count, estimate, figure, missing_tables, text
from bayes_ihlrt.review.frameworks import framework_tables, told_success
from bayes_ihlrt.review.truths import bias_told
from bayes_ihlrt.spec.model import ModifierSpec, parameter_words
from bayes_ihlrt.spec.parameters import ResolvedPrior, term_priors
from bayes_ihlrt.spec.plan import CurveAxis, TrialPlan
from bayes_ihlrt.spec.scenario import ControlSpec, ScenarioSpec
from bayes_ihlrt.trials.marginals import FEW_EVENTS as WORTH
from bayes_ihlrt.trials.marginals import FEW_FOR_CURVES as FOR_CURVES


def unit_words(modifier: ModifierSpec | None) -> str:
    """Return what a scenario's hazard ratios of the modifier are per (see `EffectSpec`).

    Parameters
    ----------
    modifier : ModifierSpec, optional
        The design's modifier.

    Returns
    -------
    str
        "per doubling of nlr" or "per unit of nlr".

    Examples
    --------
    >>> unit_words(ModifierSpec(name="nlr", column="nlr", transform="log2", reference=3.0))
    'per doubling of nlr'
    """
    name = "the modifier" if modifier is None else modifier.name
    per_unit = modifier is not None and modifier.transform is not ModifierTransform.LOG2
    return f"per unit of {name}" if per_unit else f"per doubling of {name}"


def bias_sentences(
    results: Sequence[Mapping[str, Any]],
    scenarios: Iterable[ScenarioSpec],
    bending: Collection[str] = (),
) -> list[str]:
    """Return how well survival and months are estimated, and where no hazard ratio is true.

    Parameters
    ----------
    results : sequence of mapping
        ``results`` of ``result.json``.
    scenarios : iterable of ScenarioSpec
        Their truths.
    bending : collection of str
        Designs whose analysis lets the hazard ratio change with time.

    Returns
    -------
    list of str
        Which truth bias is against; a sentence a design and scenario that reads more than hazard
        ratios, or whose effect changes with time.
    """
    changing = {one.name for one in scenarios if len(set(one.effect.hr)) > 1}
    told = [
        "bias and cover in the table: of the log hazard ratio at the reference, where trials end, "
        "against the scenario's true one; '-' where no single hazard ratio is true."
    ]
    for row in results:
        others = [
            bias_told(target)
            for target in row["targets"]
            if target["bias"] is not None and not target["target"].startswith("log_hr")
        ]
        where = f"{row['design']} / {row['scenario']}"
        if others:
            told.append(f"{where}: {'; '.join(others)}.")
        if row["scenario"] in changing and row["design"] not in bending:
            told.append(
                f"{where}: the effect changes with time since treatment began, and the rules are "
                "read from a model with proportional hazards, which is wrong there"
                + ("." if others else "; no rule reads months, so its bias on them is not known.")
            )
    return told


def bending_designs(plan: TrialPlan) -> tuple[str, ...]:
    """Return the designs whose analysis lets the hazard ratio change with time."""
    return tuple(name for name, design in plan.designs.items() if design.treatment.periods)


def followed_sentences(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return at which looks posteriors were followed along their profiles.

    Parameters
    ----------
    results : sequence of mapping
        ``results`` of ``result.json``.

    Returns
    -------
    list of str
        Nothing where events were many throughout.

    Examples
    --------
    >>> looks = [{"look": 1, "followed": 1.0}, {"look": 2, "followed": 0.0}]
    >>> followed_sentences([{"design": "small", "scenario": "null", "by_look": looks}])[1]
    '  small / null: look 1 100.0%.'
    """
    told = []
    for row in results:
        looks = [look for look in row["by_look"] if look["followed"]]
        shares = ", ".join(f"look {look['look']} {look['followed']:.1%}" for look in looks)
        told += [f"  {row['design']} / {row['scenario']}: {shares}."] if looks else []
    if not told:
        return []
    return [
        "Few events: posteriors worth fewer than "
        f"{WORTH:g} events ({FOR_CURVES:g} where rules are on survival or months) were followed "
        "along their profiles, of the trials that reached",
        *told,
    ]


_MONTE_CARLO: Final = "In parentheses the 95 % interval of Monte Carlo error."


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
        *missing_tables("plan", output.result),
        *answer_tables(output, "plan-answer", "How often trials succeed"),
        _scenarios(output),
        *_assurance(output),
        *plan_tables(output),
        *_curves(output),
        *framework_tables(
            computed(output.result["results"]), output.plan, output.result["averaged"]
        ),
        _priors(output.plan),
    )
    answered = any(table.name == "plan-answer" for table in tables)
    first = [table for table in tables if not answered or not _is_detail(table.name)]
    shown = [file for file in output.figures if not _is_detail(file.stem)]
    trials = Section(
        "plan",
        "Trial designs, simulated",
        tuple(plan_summary(output)),
        tables=tuple(first),
        figures=embedded(shown),
    )
    details = Section(
        "plan-details",
        "Trial designs in detail",
        tables=tuple(table for table in tables if table not in first),
        figures=embedded(file for file in output.figures if file not in shown),
        folded=True,
    )
    return [*found, trials, details]


_DETAILS: Final = ("looks", "targets", "plan-audit", "plan-priors")
_DETAILS_DRAWN: Final = ("conduct", "convergence", "decisions")


def _is_detail(name: str) -> bool:
    """Whether a table or a figure is folded: what `_answer` does not rest on."""
    return name.startswith((*_DETAILS, *_DETAILS_DRAWN))


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
    rows = computed(output.result["results"])
    designs, scenarios = ({str(row[key]) for row in rows} for key in ("design", "scenario"))
    trials, failed = (sum(row[key] or 0 for row in rows) for key in ("trials", "failed"))
    lost = output.result["failed"]
    told = [f"INCOMPLETE: not computed: {', '.join(one['part'] for one in lost)}."] if lost else []
    told += [part["title"] for part in _answer(output) if "table" in part]
    told += [
        f"{counted(len(designs), 'design', 'designs')} under "
        f"{counted(len(scenarios), 'scenario', 'scenarios')}, {trials:,} simulated trials; "
        f"the analysis of {failed:,} of them failed."
    ]
    curves = [row for curve in output.result["curves"] for row in computed(curve["results"])]
    if curves:
        trials, failed = (sum(row[key] or 0 for row in curves) for key in ("trials", "failed"))
        told.append(
            f"Along curves {trials:,} more trials were simulated; the analysis of {failed:,} of "
            "them failed, and none of their fits was checked against Markov chains."
        )
    told += [
        *_cohorts(output),
        *bias_sentences(rows, output.plan.scenarios, bending_designs(output.plan)),
    ]
    told += followed_sentences(rows)
    return [*told, *audit_summary(output.result["audit"])]


def _answer(output: Output) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = output.brief["summary"]["parts"]
    return found


def _cohorts(output: Output) -> list[str]:
    return [
        f"The truths of scenario '{prior['scenario']}' are the posterior of the cohort "
        f"{prior['data']}" + (", which is synthetic." if prior["synthetic"] else ".")
        for prior in output.design_priors
    ]


def _scenarios(output: Output) -> Table:
    """Truth of every scenario, and what success under it is."""
    rows = computed(output.result["results"])
    records = [
        {
            "scenario": scenario.name,
            "truth": truth_words(scenario, output.plan.design.modifier),
            "success": _success_is(scenario.name, rows),
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


def _success_is(scenario: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What success is under a truth: designs whose rules have other margins may differ in it."""
    means: dict[str, list[str]] = {}
    for row in rows:
        if row["scenario"] == scenario:
            means.setdefault(row["success_is"], []).append(row["design"])
    if len(means) < 2:
        return next(iter(means), "not computed")
    return "; ".join(f"{word} ({', '.join(designs)})" for word, designs in means.items())


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
    return "; ".join([*told, *_further(scenario)])


def _further(scenario: ScenarioSpec) -> list[str]:
    """What else differs between patients, centres and trials."""
    effect, control, pace = scenario.effect, scenario.control, scenario.accrual
    told = [
        f"hazard ratio {ratio:g} per unit of {name}" for name, ratio in effect.covariate_hr.items()
    ]
    if effect.no_effect:
        told.append(f"no effect at all with probability {effect.no_effect:g}")
    if effect.centre_sd:
        told.append(f"sd {effect.centre_sd:g} of the log hazard over centres")
    if effect.external_hr != 1.0:
        told.append(f"drift: hazard ratio {effect.external_hr:g} of external controls")
    if control is not None and control.log_median_sd:
        told.append(f"log control median drawn with sd {control.log_median_sd:g}")
    if pace.ratio != 1.0 or pace.log_sd:
        drawn = f", its log drawn with sd {pace.log_sd:g}" if pace.log_sd else ""
        told.append(f"accrual {pace.ratio:g} times the plan's{drawn}")
    return told


def _control(control: ControlSpec) -> str:
    if control.median is not None:
        weibull = f"Weibull shape {control.shape:g}" if control.shape != 1.0 else "constant hazard"
        return f"median survival under control {control.median:g} months ({weibull})"
    hazards = ", ".join(f"{hazard:g}" for hazard in control.hazards)
    cuts = ", ".join(f"{cut:g}" for cut in control.cuts)
    return f"hazards under control {hazards} per month, cut at {cuts} months"


def _priors(plan: TrialPlan) -> Table:
    """Priors of the analysis of each design; of a variant only where they differ."""
    records: list[dict[str, str]] = []
    seen: list[dict[str, ResolvedPrior]] = []
    for name, design in plan.designs.items():
        found = term_priors(design.model)
        if found not in seen:
            seen.append(found)
            labels = Labels(parameters=parameter_words(design.outcome.hazard))
            records += [
                {
                    "design": name,
                    "parameter": labels.term(parameter),
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
    drawn = {scenario.name for scenario in output.plan.scenarios if scenario.is_drawn}
    records = tuple(
        {
            "design": row["design"],
            "scenario": row["scenario"],
            "trials": row["trials"],
            **told_success(row),
        }
        for row in computed(output.result["results"])
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
        records = tuple({**row, **told_success(row)} for row in computed(curve["results"]))
        if not records:
            continue
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
