"""How simulated trials were made and analysed: the methods of `plan`, from its specification."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.methods.model import hazard_words, modifier_words
from bayes_ihlrt.methods.references import unmarked
from bayes_ihlrt.results.outputs import Output, computed
from bayes_ihlrt.spec.external import Borrowing
from bayes_ihlrt.spec.plan import CurveAxis, TrialPlan
from bayes_ihlrt.spec.rules import Combine, ComparatorTest, LookSpec, Quantity, Rule
from bayes_ihlrt.spec.scenario import Analysed
from bayes_ihlrt.spec.trial import Approximation, TrialDesign
from bayes_ihlrt.trials.marginals import FEW_EVENTS, FEW_FOR_CURVES
from bayes_ihlrt.trials.schedule import enlarged_design

_CURVES: Final = frozenset({Quantity.RMST, Quantity.SURVIVAL})
_FUTURE: Final = {
    Quantity.PREDICTIVE: "Predictive probability of success was found by simulating the remaining "
    "data from the posterior and applying the last look's rule.",
    Quantity.CONDITIONAL_POWER: "Conditional power was found by simulating the remaining data at "
    "the posterior mode, or at the effect that the rule assumes, and applying the last look's "
    "rule.",
}


def plan_methods(output: Output) -> list[str]:
    """Return the methods of a plan, in sentences.

    Parameters
    ----------
    output : Output
        What `plan` wrote.

    Returns
    -------
    list of str
        Simulation, truths, model, approximation, rules, audit; with marks for what they cite.
    """
    plan = output.plan
    return [
        *_simulation(output, plan),
        *_truths(output, plan),
        _model(plan.design),
        *_external(plan.design),
        *_approximations(list(plan.designs.values())),
        *_rules(plan),
        *_tests(plan.design),
        *_audit(output.result["audit"]),
    ]


def interim_methods(output: Output) -> list[str]:
    """Return the methods of an interim analysis, in sentences.

    Parameters
    ----------
    output : Output
        What `interim` wrote.

    Returns
    -------
    list of str
        Model, posterior, rules, continuations; with marks for what they cite.
    """
    design = output.plan.designs[output.result["design"]]
    look = design.looks[output.result["look"] - 1]
    draws = "in the posterior's draws, or its mode at a stated effect (conditional power)"
    come = "" if output.plan.interim.accrual_stopped else ", and patients yet to come,"
    return [
        _model(design).replace("Each simulated trial", "The data of the running trial", 1),
        "The posterior was drawn by the No-U-Turn sampler [@hoffman2014]; rules of the look were "
        f"read from it: {'; '.join(_consequences(look, design))}.",
        "Predictive probabilities of success were found by simulating the follow-up of patients "
        f"without an event{come} from parameters {draws}, and applying the "
        "last look's rule to the whole; posteriors of simulated data were followed along profiles "
        "[@tierney1986].",
    ]


def _simulation(output: Output, plan: TrialPlan) -> list[str]:
    rows = computed(output.result["results"])
    trials = sorted({row["trials"] for row in rows})
    each = " or ".join(f"{number:,}" for number in trials)
    return [
        f"{counted(len(plan.designs), 'design was', 'designs were')} simulated under "
        f"{counted(len(plan.scenarios), 'scenario', 'scenarios')}, {each} trials of each; "
        "operating characteristics are given with their Monte Carlo error [@morris2019].",
        *_curves(plan),
        f"Random numbers of a trial depend on the seed ({output.result['seed']}) and the trial's "
        "number alone, so that all designs see the same patients in the same order (common random "
        "numbers).",
    ]


def _curves(plan: TrialPlan) -> list[str]:
    return [
        f"The plan's own design was also simulated over {curve.over.words}, at "
        f"{', '.join(f'{value:g}' for value in curve.values)}"
        + (", looks that wait for events or patients in proportion." if scaled else ".")
        for curve in plan.curves
        for scaled in [curve.over is CurveAxis.PATIENTS]
    ]


def _truths(output: Output, plan: TrialPlan) -> list[str]:
    drawn = [scenario.name for scenario in plan.scenarios if scenario.is_drawn]
    if not drawn:
        return []
    names = " and ".join(f"'{unmarked(name)}'" for name in drawn)
    told = [
        f"In {names} the truth of each trial was drawn from a design prior, so that success there "
        "is assurance [@ohagan2005]."
    ]
    cohorts = {(prior["data"], bool(prior["synthetic"])) for prior in output.design_priors}
    told += [
        f"The posterior of the cohort {unmarked(str(data))}"
        f"{' (synthetic data)' if synthetic else ''}, drawn by Laplace's method with importance "
        "weights [@tierney1986; @vehtari2024], was a design prior."
        for data, synthetic in sorted(cohorts)
    ]
    return told


def _model(design: TrialDesign) -> str:
    told = (
        f"Each simulated trial was analysed, {_treated_words(design)}, by a Bayesian "
        f"proportional hazards model with {hazard_words(design.outcome.hazard)} and the linear "
        f"predictor {design.outcome.formula or 'of no covariates'}"
    )
    if design.modifier is not None:
        told += f"; {design.modifier.name} entered {modifier_words(design.modifier)}"
    return told + ". Its priors are listed in the table of analysis priors."


def _treated_words(design: TrialDesign) -> str:
    treatment = design.treatment
    as_treated = treatment.analysed is Analysed.TREATED
    told = "patients as assigned to their arms"
    if as_treated:
        told = "a patient of either arm counting as treated from the start of treatment on"
    if treatment.periods:
        months = ", ".join(f"{month:g}" for month in treatment.periods)
        since = "since treatment began" if as_treated else "since randomisation"
        told += f", the hazard ratio of treatment free to change at month {months} {since}"
    return told


def _external(design: TrialDesign) -> list[str]:
    external = design.external
    if external is None:
        return []
    how = {
        Borrowing.POWER: f"by a power prior, their likelihood to the power {external.power} "
        "[@ibrahim2000]",
        Borrowing.COMMENSURATE: "by a commensurate prior of their difference in log hazard "
        "[@hobbs2011]",
        Borrowing.ROBUST_MAP: f"by a robust mixture, their log hazard differing with sd "
        f"{external.sd} (prior probability {external.alike}) or {external.vague_sd}, posteriors "
        "weighted by marginal likelihoods found by Laplace's method [@schmidli2014]",
    }[external.borrow]
    return [f"{external.patients} simulated control patients from elsewhere were borrowed {how}."]


def _tests(design: TrialDesign) -> list[str]:
    if not design.comparators:
        return []
    cited = {ComparatorTest.LOG_RANK: "[@mantel1966]", ComparatorTest.RMST: "[@royston2013]"}
    names = ", ".join(f"{test.name} {cited[test.test]}" for test in design.comparators)
    return [f"On the same simulated trials, arms as assigned, was made: {names}."]


def _approximations(designs: Sequence[TrialDesign]) -> list[str]:
    found = {design.approximation for design in designs}
    draws = " or ".join(f"{number:,}" for number in sorted({design.draws for design in designs}))
    told = {
        Approximation.LAPLACE: "Marginal posteriors at the looks were found along the profile of "
        "each quantity, all other parameters integrated by Laplace's method [@tierney1986]: at "
        f"many points where a log hazard ratio was known no better than from {FEW_EVENTS:g} events"
        f"{_curved(designs)}, elsewhere at the rule's bound [@diciccio1991].",
        Approximation.CORRECTED: "Posteriors at the looks were drawn by Laplace's method inside a "
        "grid over scales [@tierney1986; @rue2009], corrected by Pareto-smoothed importance "
        f"sampling [@vehtari2024], {draws} draws each.",
    }
    return [words for approximation, words in told.items() if approximation in found]


def _curved(designs: Sequence[TrialDesign]) -> str:
    if not _CURVES & _asked(designs):
        return ""
    return (
        f" ({FEW_FOR_CURVES:g} in designs with rules on survival or months, whose differences were "
        "read by the delta method beyond)"
    )


def _asked(designs: Sequence[TrialDesign]) -> set[Quantity]:
    looks = [look for design in designs for look in design.looks]
    return {rule.quantity for look in looks for rule in look.rules}


def _rules(plan: TrialPlan) -> list[str]:
    looks = plan.design.looks
    told = [
        f"{'The only look' if len(looks) == 1 else f'Look {number}'} was {_time(look)}: "
        f"{'; '.join(_consequences(look, plan.design))}."
        for number, look in enumerate(looks, start=1)
    ]
    told += _enlarged(plan.design)
    if plan.variants:
        names = ", ".join(f"'{unmarked(name)}'" for name in plan.variants)
        told.append(
            f"These are the looks of '{unmarked(plan.name)}'; what differs in {names} is in the "
            "specification."
        )
    asked = _asked(list(plan.designs.values()))
    return told + [words for quantity, words in _FUTURE.items() if quantity in asked]


def _enlarged(design: TrialDesign) -> list[str]:
    """What an enlarged trial is; of what is not said the planned number stays."""
    larger = enlarged_design(design)
    if larger is None:
        return []
    last = larger.looks[-1]
    size = (
        f"{larger.patients:,} patients instead of {design.patients:,}"
        if larger.patients != design.patients
        else f"no more patients ({design.patients:,})"
    )
    between = "looks in between stayed as planned, and " if len(design.looks) > 2 else ""
    told = (
        f"An enlarged trial had {size}, and its last look was {_time(last)}; {between}it was not "
        "enlarged again."
    )
    future = any(rule.quantity.of_future for look in design.looks for rule in look.extend)
    if future:
        told += " The rule that enlarges asks for success of the trial as planned."
    return [told]


def _time(look: LookSpec) -> str:
    conditions = []
    if look.events is not None:
        conditions.append(f"{look.events:,} events")
    if look.calendar is not None:
        conditions.append(f"month {look.calendar:g} of the trial")
    if look.min_follow_up is not None:
        whom = "all patients" if look.patients is None else f"the first {look.patients:,} patients"
        conditions.append(f"{look.min_follow_up:g} months of follow-up of {whom}")
    joined = (" and " if look.combine is Combine.ALL else " or ").join(conditions)
    first = ", whichever came first" if look.combine is Combine.ANY and len(conditions) > 1 else ""
    return f"at {joined}{first}"


def _consequences(look: LookSpec, design: TrialDesign) -> list[str]:
    futile = "stop for futility" if design.binding_futility else "futility, which does not bind,"
    lists = {
        "success": look.efficacy,
        "success in a trial that was enriched": look.efficacy_enriched,
        futile: look.futility,
        "accrual stopped, those enrolled followed on": look.stop_accrual,
        "trial enlarged": look.extend,
    }
    told = [f"{name} if {_all(rules)}" for name, rules in lists.items() if rules]
    told += _restricted(look, design)
    return told or ["no rule was asked"]


def _restricted(look: LookSpec, design: TrialDesign) -> list[str]:
    """From which value patients are enrolled further on, and if what."""
    if not look.enrich:
        return []
    values, modifier = design.population.switches, design.modifier
    name = "the modifier" if modifier is None else unmarked(modifier.name)
    if len(values) == 1:
        return [f"enrolment restricted to {name} {values[0]:g} and above if {_all(look.enrich)}"]
    told = [
        str(rule).replace(")", f" at that {name})", 1) if rule.is_by_value else str(rule)
        for rule in look.enrich
    ]
    *fewer, most = (f"{value:g}" for value in values)
    return [
        f"enrolment restricted from the least of {name} {', '.join(fewer)} and {most} on at which, "
        f"and at all of those above, {' and '.join(told)}"
    ]


def _all(rules: Sequence[Rule]) -> str:
    return " and ".join(str(rule) for rule in rules)


def _audit(audit: Mapping[str, Any]) -> list[str]:
    if not audit["fits"]:
        return []
    fits = counted(audit["fits"], "fit", "fits")
    return [
        f"The approximation was checked against the No-U-Turn sampler [@hoffman2014] on {fits} of "
        "the simulated trials, half of each look's drawn near its thresholds, and probabilities of "
        "stopping were corrected by a probit recalibration of the simulated posterior "
        "probabilities on those of the chains."
    ]
