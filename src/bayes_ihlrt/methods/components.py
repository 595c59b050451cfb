"""What each component of a target trial is, and how an analysis emulates it, in words.

Of the outcome the number of events and months of everybody is told, of treatment who starts it and
when; nothing tells the outcome by treatment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.analysis.notes import left_out
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.analysis.prior_worth import EQUAL_ARMS, prior_worths
from bayes_ihlrt.cohort.starts import FollowUp, follow_up
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.methods.model import CLONE_WEIGHTS, WEIGHTS, hazard_words, modifier_words
from bayes_ihlrt.methods.references import unmarked
from bayes_ihlrt.names import Adjustment, Crossover, DesignKind
from bayes_ihlrt.spec.analysis import AnalysisSpec, covariates, weighted_to
from bayes_ihlrt.spec.data_file import EventSpec, IntervalSpec
from bayes_ihlrt.spec.propensity import decided_on
from bayes_ihlrt.spec.treatment import TreatmentSpec


@dataclass(frozen=True)
class Component:
    """A component of the target trial.

    Parameters
    ----------
    component : str
        Which.
    trial : str
        What the target trial would do.
    here : str
        How this analysis emulates it.
    assumption : str
        What has to hold for the two to agree.
    """

    component: str
    trial: str
    here: str
    assumption: str


@dataclass(frozen=True)
class _Facts:
    """What components are written from."""

    checked: CheckedAnalysis
    treatment: TreatmentSpec
    known: FollowUp

    @property
    def spec(self) -> AnalysisSpec:
        return self.checked.spec

    @property
    def name(self) -> str:
        return self.called(self.treatment.name)

    @property
    def design(self) -> DesignKind:
        return self.treatment.design

    @property
    def landmarks(self) -> str:
        return " or ".join(f"{month:g}" for month in self.treatment.landmarks)

    @property
    def moment(self) -> str:
        """When patients of the trial are assigned."""
        return {
            DesignKind.LANDMARK: f"month {self.landmarks} after time zero",
            DesignKind.SEQUENTIAL: "a decision on treatment",
        }.get(self.design, "time zero")

    @property
    def weighted(self) -> bool:
        return weighted_to(self.spec.propensity) is not None

    @property
    def confounders(self) -> str:
        """What is adjusted for, in the outcome model or by the propensity."""
        spec = self.spec
        read = covariates(spec.treatment, spec.modifier, spec.outcome)
        groups = [term.group for term in spec.outcome.groups]
        if spec.propensity is not None and spec.propensity.adjust is not Adjustment.NONE:
            read += decided_on(spec.propensity, spec.modifier)
        return _listed(self.called(name) for name in dict.fromkeys([*read, *groups]))

    def called(self, name: str) -> str:
        """What a column is called before people."""
        return unmarked(self.spec.labels.of(name))


def components_of(checked: CheckedAnalysis, treatment: TreatmentSpec) -> tuple[Component, ...]:
    """Return the components of the target trial that an analysis emulates.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data that belong together.
    treatment : TreatmentSpec
        Its treatment.

    Returns
    -------
    tuple of Component
        Eligibility, strategies, assignment, time zero, outcome, follow-up, contrast, analysis.
    """
    known = follow_up(checked.cohort.columns, treatment.name)
    facts = _Facts(checked, treatment, known)
    parts = (_eligibility, _strategies, _assignment, _time_zero, _outcome, _end, _contrast, _plan)
    return tuple(part(facts) for part in parts)


def _listed(names: Iterable[str]) -> str:
    *first, last = [*names] or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


def _months(horizons: Iterable[float]) -> str:
    return _listed(f"{month:g}" for month in horizons)


def _eligibility(facts: _Facts) -> Component:
    checked, treated = facts.checked, f"not yet treated with {facts.name}"
    who = {
        DesignKind.LANDMARK: f"still at risk at {facts.moment}",
        DesignKind.SEQUENTIAL: f"at risk and {treated} at {facts.moment}",
        DesignKind.FIXED: "at time zero",
    }.get(facts.design, f"{treated} at time zero")
    cohort, rows = checked.cohort, checked.person_time
    total = cohort.n_patients + len(cohort.dropped)
    # Why a design leaves patients out may tell who was treated, and how it ended.
    beside = cohort.n_patients - len(rows.patients)
    here = [
        f"{len(rows.patients):,} of {counted(total, 'patient', 'patients')} of "
        f"{unmarked(str(cohort.attrs.get('name') or 'the data'))}.",
        *map(unmarked, left_out(cohort.dropped, total=total)),
        *([f"{beside:,} more were not at risk and eligible at {facts.moment}."] if beside else []),
    ]
    if facts.spec.visits is not None and facts.spec.visits.eligible is not None:
        here.append(f"Who could be treated: column {unmarked(facts.spec.visits.eligible)}.")
    holds = f"Nobody is let in or left out for what happens after {facts.moment}"
    if cohort.dropped:
        holds += "; those who lack a value would have fared as the others"
    return Component(
        "Eligibility",
        f"Patients who meet the entry criteria of the study (the authors state them), {who}.",
        " ".join(here),
        f"{holds}.",
    )


def _strategies(facts: _Facts) -> Component:
    name, treatment = facts.name, facts.treatment
    later = ", whatever comes later"
    ignored = treatment.crossover is Crossover.IGNORE
    trial = {
        DesignKind.SPLIT: f"(1) Start {name} in month {facts.spec.treat_from:g}. "
        f"(2) Never start {name}.",
        DesignKind.LANDMARK: f"(1) {name} by month {facts.landmarks}. "
        f"(2) No {name} by then{later}.",
        DesignKind.SEQUENTIAL: f"(1) Start {name} at the decision. (2) Do not start it then"
        f"{later if ignored else ' nor later'}.",
        DesignKind.CLONE_CENSOR_WEIGHT: f"(1) Start {name} within {treatment.grace or 0.0:g} "
        f"months of time zero. (2) Never start {name}.",
        DesignKind.FIXED: f"(1) {name} from time zero. (2) No {name}.",
        DesignKind.EVER_NEVER: f"None: no trial can assign patients to {name} that they will have "
        "lived to receive.",
    }[facts.design]
    start = facts.known.treated_from[np.isfinite(facts.known.treated_from)]
    here = [f"{_started(facts, start)} {_read_as(facts)}"]
    if treatment.treats_ties and treatment.start is not None:
        here.append("A start on the last day of follow-up counts as treatment given.")
    holds = [f"Consistency: however and whenever {name} was given, it is the {name} of the trial."]
    earliest = float(start.min()) if len(start) else 0.0
    if facts.design is DesignKind.SPLIT and earliest > facts.spec.treat_from:
        holds.append(f"Nobody started before month {earliest:.3g}: until then it is extrapolated.")
    return Component("Treatment strategies", trial, " ".join(here), " ".join(holds))


def _started(facts: _Facts, start: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    told = f"{len(start):,} of {counted(len(facts.known.patients), 'patient', 'patients')}"
    if facts.design is DesignKind.FIXED or not len(start):
        return f"{told} {'has' if len(start) == 1 else 'have'} {facts.name}."
    low, middle, high = np.quantile(start, (0.0, 0.5, 1.0))
    when = f"months {low:.3g} to {high:.3g} (median {middle:.3g})"
    return f"{told} {'starts' if len(start) == 1 else 'start'} {facts.name}, in {when}."


def _read_as(facts: _Facts) -> str:
    """How a design makes strategies of starts."""
    story, propensity = facts.checked.person_time.provenance, facts.checked.propensity
    if facts.design is DesignKind.SEQUENTIAL and propensity is not None:
        found = propensity.emulation.decisions
        return (
            f"Each of {counted(found.n_rows, 'decision', 'decisions')} begins a trial of those "
            f"untreated then; at {int(found.initiated.sum()):,} treatment starts."
        )
    arms = (int(arm["patients"]) for arm in (story.treated, story.untreated))
    return {
        DesignKind.SPLIT: "Months before the start count as untreated, those after it as treated.",
        DesignKind.LANDMARK: "Patients are classified by whether it had started by the landmark: "
        "{:,} had, {:,} had not.".format(*arms),
        DesignKind.CLONE_CENSOR_WEIGHT: "Each patient stands in both strategies, as a clone, until "
        "the clone's strategy is left.",
        DesignKind.FIXED: f"Column {unmarked(str(facts.treatment.column))} is taken as it stands.",
        DesignKind.EVER_NEVER: "Who is ever treated counts as treated from time zero on.",
    }[facts.design]


def _assignment(facts: _Facts) -> Component:
    name, spec = facts.name, facts.spec
    here = [f"Not random: {name} was given as it was decided in practice."]
    if facts.design is DesignKind.FIXED:
        here = [f"As column {unmarked(str(facts.treatment.column))} has it, random or not."]
    read = covariates(spec.treatment, spec.modifier, spec.outcome)
    changing = () if spec.visits is None else spec.visits.updated
    known = [
        facts.called(column) + (" (as last known)" if column in changing else "")
        for column in dict.fromkeys([*read, *(term.group for term in spec.outcome.groups)])
    ]
    here.append(f"The outcome model adjusts for {_listed(known)}.")
    propensity = spec.propensity
    if propensity is not None:
        on = unmarked(spec.labels.formula(propensity.formula) or "a constant")
        clones = facts.design is DesignKind.CLONE_CENSOR_WEIGHT
        use = {
            Adjustment.WEIGHTS: CLONE_WEIGHTS if clones else WEIGHTS[propensity.estimand],
            Adjustment.COVARIATE: "a spline of the propensity in the outcome model",
            Adjustment.STRATA: "fifths of the propensity in the outcome model",
            Adjustment.NONE: "nothing: balance is described only",
        }[propensity.adjust]
        here.append(f"The chance of starting is modelled on {on} and used for {use}.")
    return Component(
        "Assignment",
        f"At random at {facts.moment}; patients and physicians know the strategy.",
        " ".join(here),
        f"Exchangeability: given {facts.confounders}, whether and when {name} starts does not "
        "depend on how the patient would fare with or without it; no data can show that. "
        "Positivity: patients of every such kind had a chance of either strategy.",
    )


def _time_zero(facts: _Facts) -> Component:
    data = facts.spec.data
    clock = unmarked(data.follow_up_columns[0])
    here = f"Months count from where column {clock} does (the authors say what that is)"
    if data.origin is not None:
        here = f"Months count from the date in column {unmarked(data.origin)}"
    here += {
        DesignKind.LANDMARK: f"; follow-up begins at {facts.moment}",
        DesignKind.SEQUENTIAL: "; follow-up of each trial begins at its decision",
    }.get(facts.design, "")
    late = int((facts.known.entry > 0.0).sum())
    if late:
        here += f"; {counted(late, 'patient comes', 'patients come')} under observation later"
    holds = {
        DesignKind.SPLIT: f"No month that had to be lived through to receive {facts.name} counts "
        "as treated. Starting it in the month of the strategy does what starting it later did.",
        DesignKind.EVER_NEVER: "FAILS: treated patients could not die before their treatment "
        "(immortal time); the contrast favours treatment by design.",
        DesignKind.CLONE_CENSOR_WEIGHT: "Eligibility, assignment and follow-up begin together; "
        "months before the start belong to both strategies.",
    }.get(facts.design, "Eligibility, assignment and follow-up begin together.")
    if late:
        holds += " Who enters late is like the others who lived as long."
    return Component(
        "Start of follow-up (time zero)", f"At assignment: {facts.moment}.", f"{here}.", holds
    )


def _outcome(facts: _Facts) -> Component:
    event, events = facts.spec.data.event, facts.checked.cohort.events
    column = unmarked(facts.spec.data.event_column)
    told = f"Column {column}"
    if isinstance(event, EventSpec):
        told += f" ({_listed(unmarked(str(code)) for code in event.codes)})"
    if isinstance(event, IntervalSpec):
        told = f"Between the scans of columns {unmarked(event.left)} and {column}"
    return Component(
        "Outcome",
        f"Time to the first {facts.called(facts.spec.data.event_column)}, looked for alike under "
        "both strategies.",
        f"{told}: {counted(events, 'event', 'events')} in all.",
        "Events are found and dated as well under one strategy as under the other. Another event "
        "that rules this one out counts as censoring.",
    )


def _end(facts: _Facts) -> Component:
    longest = float(facts.known.end.max())
    horizons = facts.spec.estimands.horizons
    leaves = {
        DesignKind.CLONE_CENSOR_WEIGHT: " A clone leaves when its strategy is left.",
    }
    if facts.treatment.crossover is not Crossover.IGNORE:
        leaves[DesignKind.SEQUENTIAL] = " Controls leave when their own treatment starts."
    holds = f"Who leaves follow-up would have fared as those who stay, given {facts.confounders}."
    if beyond := [month for month in horizons if month > longest]:
        holds += f" Month {_months(beyond)} lies beyond follow-up and is extrapolated."
    return Component(
        "End of follow-up",
        f"The event, loss to follow-up or the end of study; read at months {_months(horizons)}.",
        f"{facts.checked.cohort.months:,.0f} person-months in all, the longest {longest:.3g} "
        f"months.{leaves.get(facts.design, '')}",
        holds,
    )


def _contrast(facts: _Facts) -> Component:
    spec = facts.spec
    ignored = facts.treatment.crossover is Crossover.IGNORE
    assigned = {DesignKind.LANDMARK, DesignKind.FIXED}
    assigned |= {DesignKind.SEQUENTIAL} if ignored else set()
    effect = (
        "of assignment (intention to treat)"
        if facts.design in assigned
        else ("of keeping to the strategy (per protocol)")
    )
    if facts.design is DesignKind.EVER_NEVER:
        effect = "of nothing that could be assigned"
    horizons = _months(spec.estimands.horizons)
    here = [f"The same, averaged over {spec.population.words}."]
    if spec.modifier is not None and spec.estimands.at:
        values = _months(spec.estimands.at)
        here.append(
            f"Also with {facts.called(spec.modifier.name)} set to {values}, on which nobody "
            "intervenes."
        )
    return Component(
        "Causal contrast (estimand)",
        f"The effect {effect}: event-free months within {horizons} and survival at these months, "
        "as differences; the hazard ratio.",
        " ".join(here),
        "The patients averaged over are those whom the question is about. The hazard ratio is "
        "conditional on the covariates and not collapsible: months come first.",
    )


def _plan(facts: _Facts) -> Component:
    spec, checked = facts.spec, facts.checked
    worths = prior_worths(spec, checked.cohort, share=EQUAL_ARMS)
    model = f"Bayesian proportional hazards with {hazard_words(spec.outcome.hazard)} and the "
    formula = spec.labels.formula(spec.outcome.formula)
    model += f"linear predictor {unmarked(formula or 'of no covariates')}"
    if spec.modifier is not None:
        called = facts.called(spec.modifier.name)
        model += f"; {called} enters {modifier_words(spec.modifier, called)}"
    here = [f"{model}.", unmarked(prior_sentence(spec, checked.priors, worths))]
    if worths:
        here.append("Events are those of a trial with two arms of equal size.")
    if spec.prior_justification is not None:
        here.append(f"Justification of the priors: {unmarked(spec.prior_justification)}")
    here.append(f"Computed by {spec.sampler.plan}, seed {spec.sampler.seed}.")
    return Component(
        "Analysis plan",
        "The same model in patients as assigned, without what decided treatment in practice.",
        " ".join(here),
        "The hazard has the stated shape, and treatment multiplies it by what the linear "
        "predictor says (`bayes-ihlrt diagnose` checks both). What the priors say holds before "
        "the data (`bayes-ihlrt sensitivity` changes them).",
    )
