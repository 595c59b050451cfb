"""`report.json`: what a report says of a result beyond the numbers of `result.json`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bayes_ihlrt.schema.base import MONTHS, NamedFile, Number, Record, key, optional
from bayes_ihlrt.schema.parts import ShortSummary


class AnswerNumber(Record):
    """The number of an answer, as it is printed."""

    value: str = key("with its sign")
    unit: str = key("what it counts")
    interval: str = key("its 95 % interval")


class AnswerTable(Record):
    """The table of an answer, as it is printed."""

    head: list[str] = key("headings")
    rows: list[list[str]] = key("cells, row by row")


class AnswerPart(Record):
    """A part of an answer."""

    title: str = key("the question, with its verdict")
    told: list[str] = key("sentences")
    table: AnswerTable | None = optional("left out where the part has none")


class Answer(Record):
    """The answer of a command, as it is printed and in `summary.txt`."""

    first: list[str] = key("what comes before any number, and on how little it rests")
    number: AnswerNumber | None = key("months gained; `null` where they are not defined")
    parts: list[AnswerPart] = key("questions with their verdicts")


class PriorWords(Record):
    """A prior in words."""

    parameter: str = key("what it is called before people")
    prior: str = key("its distribution")
    worth: str | None = key("events that it is worth; `null` where that is not defined")
    source: str = key("where it comes from")


class CausePriorWords(PriorWords):
    """A prior of one cause in words."""

    cause: str = key("which")


class State(Record):
    """Follow-up in a state of treatment."""

    patients: float = key("patients in it", unit="patients")
    events: float = key("their events in it", unit="events")
    months: float = key("their time in it", unit="person-months")


class Course(Record):
    """A survival curve."""

    median: list[Number] = key("median at each of `months`")
    low: list[Number] = key("2.5 % quantile at each", alias="q2.5")
    high: list[Number] = key("97.5 % quantile at each", alias="q97.5")


class Gain(ShortSummary):
    """An effect with the probability that it is a benefit."""

    prob_benefit: Number = key("probability of benefit")
    prior_prob_benefit: Number = key("the same before the data")


class GainAtHorizon(ShortSummary):
    """A difference with the probability that it is a benefit."""

    prob_benefit: Number = key("probability of benefit")
    prior_prob_benefit: Number = optional(
        "the same before the data; left out where strategies do not differ by then"
    )


class QuantityAtHorizon(Record):
    """A quantity of each strategy, and of their difference."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[
        str, Annotated[ShortSummary, key("of the strategy of that name, one of `strategies`")]
    ] = Field(init=False)

    horizon: float = key("up to which it is told", unit=MONTHS)
    difference: GainAtHorizon = key("treated less never")


class EffectAtModifier(Record):
    """What treatment does at a value of the modifier."""

    at: Number = key("everybody's modifier set to this value; `null`: the patients' own values")
    survival: dict[str, Course] = key("by strategy")
    hazard_ratio: Gain = key("of treatment")
    survival_at: list[QuantityAtHorizon] = key("survival by horizon")
    rmst: list[QuantityAtHorizon] = key("restricted mean survival time by horizon", unit=MONTHS)


class Curves(Record):
    """Survival, restricted mean and hazard ratio at several values of the modifier.

    They are made of all draws.
    """

    months: list[float] = key("of the curves", unit=MONTHS)
    clock: str = key("where months count from")
    population: str = key("who is averaged over")
    strategies: list[str] = key("that are compared")
    horizons: list[float] = key("of the specification", unit=MONTHS)
    values: list[float] = key("of the modifier; empty without one, or without a treatment")
    sets: list[EffectAtModifier] = key("first of the population's own values, then of each value")


class Characteristic(Record):
    """A covariate, or a level of one, at time zero."""

    name: str = key("what it is called")
    total: str = key("in everybody, as it is printed")
    treated: str = key("in the treated")
    untreated: str = key("in the untreated")
    missing: int = key("patients without it")
    smd: Number = key("standardised mean difference, treated minus untreated")


class TableOne(Record):
    """The patients at time zero by treatment."""

    arms: list[str] = key("what treated and untreated are called")
    patients: list[int] = key("how many they are")
    rows: list[Characteristic] = key("covariates")
    left_out: int = key("patients left out of the data for a missing value")
    note: str = key("what to know when reading it")


class FollowUpState(ShortSummary):
    """Length of follow-up, by reverse Kaplan-Meier: `median` and interval in months."""

    state: str = key("whose")
    since: str = key("from when it counts")
    patients: int = key("how many they are")
    events: int = key("their events")
    months: float = key("their follow-up", unit="person-months")


class Starts(Record):
    """When treatment started, and what became of the others."""

    name: str = key("what treatment is called")
    patients: int = key("in all")
    started: int = key("who started it under observation")
    before: int = key("who had started it before")
    event: int = key("never treated, who had the event")
    ended: int = key("never treated, whose follow-up ended without it")
    months: list[float] | None = key("quartiles of the start; `null` without one", unit=MONTHS)


class Lost(Record):
    """Patients for a reason."""

    reason: str = key("the reason")
    patients: int = key("how many they are")


class FlowArm(Record):
    """An arm of the design."""

    arm: str = key("what it is called")
    follow_ups: int = key("follow-ups, of which a patient may have several")
    patients: int = key("patients")
    events: int = key("that ended with the event")
    censored: int = key("that the design censored")
    ended: int = key("that ended without the event")


class Flow(Record):
    """What the design made of the patients."""

    design: str = key("as in `[treatment] design`")
    assessed: int = key("patients in the data")
    left_out: list[Lost] = key("who was left out and why")
    analysed: int = key("who was not")
    unit: str = key("what arms are counted in")
    arms: list[FlowArm] = key("untreated first")
    why: str = key("for what the design censors; empty where it does not")
    shortened: list[Lost] = key("whose follow-up was shortened and why")


class FollowUp(Record):
    """How patients were followed."""

    states: list[FollowUpState] = key("follow-up by state of treatment, or by arm")
    by: Literal["arm", "state"] = key("which of them")
    starts: Starts | None = key("of treatment; `null` without one")
    flow: Flow = key("from the data to the ends of the arms")


class AnsweredFile(NamedFile):
    """A `report.json`: what a report says of a result beyond its numbers."""

    summary: Answer = key("the answer")


class BriefFile(AnsweredFile):
    """`report.json` of `sensitivity`, `plan` and `interim`.

    What a report says of them beyond the numbers.
    """

    of: Literal["sensitivity", "plan", "interim"] = key("the command")


class LadderBriefFile(AnsweredFile):
    """`report.json` of `ladder`."""

    of: Literal["ladder"] = key("the command")
    sentences: list[str] = key("what the ladder says")
    labels: list[str] = key("what its rungs are called, in their order")
    notes: list[str] = key("what stands under their table")


class FittedBriefFile(AnsweredFile):
    """A `report.json` of a fit, of one event or of causes."""

    headline: str = key("patients, events and models in one line")
    sentences: list[str] = key("what the analysis says")
    references: dict[str, str] = key("level with which a category is compared, by category")
    treated: State | None = key("`null` without a treatment")
    untreated: State | None = key("`null` without a treatment")
    table_one: TableOne | None = key(
        "`null` without a treatment or covariates, or where an arm has nobody"
    )


class FitBriefFile(FittedBriefFile):
    """`report.json` of `fit`."""

    of: Literal["fit"] = key("the command")
    convergence: str = key("whether the draws can be trusted")
    loo: str = key("what cross-validation says")
    priors: list[PriorWords] = key("every prior")
    units: dict[str, str] = key("step that a coefficient's hazard ratio refers to, by coefficient")
    curves: Curves = key("what treatment does over the modifier")
    follow_up: FollowUp = key("how patients were followed")


class CausesBriefFile(FittedBriefFile):
    """`report.json` of `fit` with competing causes."""

    of: Literal["fit-causes"] = key("the command, and of what")
    convergence: list[str] = key("whether the draws of each cause can be trusted")
    priors: list[CausePriorWords] = key("every prior")
    units: dict[str, dict[str, str]] = key("as of one event, by cause")
