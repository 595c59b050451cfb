"""`result.json` of `ladder`."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import (
    Cohort,
    Comparability,
    Missing,
    Reason,
    ShortSummary,
    SignedSummary,
)


class EffectAtValue(SignedSummary):
    """An effect at a value of the modifier."""

    at: float = key("the value")


class ResponsePaths(Record):
    """Gained by what treatment does to response, and by what it does to the event."""

    given: SignedSummary = key(
        "gained when treatment leaves the hazard of response as it is: it acts on the event alone",
        unit=MONTHS,
    )
    through: SignedSummary = key(
        "the rest, draw by draw: what the changed hazard of response adds", unit=MONTHS
    )
    log_hr_response: SignedSummary | None = key(
        "treatment's log hazard ratio on response; `null` where treatment is not in that hazard"
    )


class Positivity(Record):
    """Patients with a decision in a stratum of what treatment is decided on."""

    stratum: str = key("levels, or thirds of numbers")
    treated: int = key("at which treatment was started")
    untreated: int = key("at which it was not")


class Compares(Record):
    """What a rung compares."""

    treated: str = key("the strategy that treats")
    control: str = key("the one that does not")
    population: str = key("who is averaged over")
    window: str = key(
        "months over which survival time is compared; of one cause of several from when follow-up "
        "counts"
    )


class Rung(Record):
    """A design with an adjustment.

    Months count from time zero, in landmark rungs from the landmark, in sequential trials from the
    decision.
    """

    rung: str = key(
        "design: `ever-never`, `landmark-3` (its month), `split`, `sequential`, "
        "`clone-censor-weight` or `g-formula`"
    )
    adjustment: str = key("`none`, `covariates` or `weights`")
    assumption: str = key("what the rung rests on, in one sentence")
    log_hr: SignedSummary | None = key(
        "log hazard ratio of treatment, averaged over the patients' values of the modifier within "
        "each draw. Of the g-formula it is that of the event given response, and no contrast of "
        "the strategies"
    )
    log_hr_at: list[EffectAtValue] | None = key("the same at values of the modifier")
    rmst_difference: SignedSummary | None = key(
        "gained up to `horizon`; `null` where covariates change during follow-up and of one cause "
        "of several. Of clones it is that of weighted survival",
        unit=MONTHS,
    )
    no_months: str | None = key("why there are no months; `null` where there are")
    survival: dict[str, SignedSummary] | None = key(
        "of clones, weighted survival at the horizon by strategy"
    )
    rmst_at: list[EffectAtValue] | None = key(
        "`rmst_difference` with everybody's modifier set to a value; `null` where that is, and of "
        "clones",
        unit=MONTHS,
    )
    by_response: ResponsePaths | None = key("of the g-formula")
    adjusted_for: list[str] = key(
        "covariates and groups that the rung holds or weighs by, the modifier first"
    )
    patients: int | None = key("what the rung uses")
    events: int | None = key("what the rung uses")
    person_months: Number = key("what the rung uses", unit="person-months")
    immortal_months: Number = key("untreated time counted as treated", unit="person-months")
    dropped: dict[str, int] | None = key("patients whom the rung leaves out, for each reason")
    ess_treated: Number = key("of weighted rungs: effective number of treated", unit="patients")
    ess_control: Number = key("and of untreated", unit="patients")
    target: str | None = key("of weighted rungs: population")
    positivity: list[Positivity] | None = key("of weighted rungs")
    engine: str | None = key(
        "what drew the rung: `laplace`, `nuts` or `linked-bootstrap`; of the g-formula what drew "
        "its transitions"
    )
    reason: str | None = key(
        "why the rung could not be estimated, and what to do, in sentences: its estimates are then "
        "`null`; `null` where it was"
    )
    failed: Reason | None = key("the same in two parts; `null` where the rung was estimated")
    comparability: Comparability | None = key(
        "whether the weighted arms can be compared; `null` without weights"
    )
    warnings: list[str] = key(
        "what to know before the estimate is believed: arms that cannot be compared, covariates "
        "that separate the arms, an arm without events"
    )
    compares: Compares | None = key("what it compares; `null` where it was not estimated")


class NullSimulation(Record):
    """The naive contrast in cohorts like this one, in which treatment does nothing."""

    replicates: int = key("simulated cohorts in which it was estimated")
    without_mode: int = key(
        "simulated cohorts in which no estimate was found, which are in no other number"
    )
    tail: Literal["low", "high"] = key(
        "the side of the median of `log_hr` on which the observed one lies"
    )
    prob_as_extreme: Number = key(
        "share of replicates at least as low, or as high, as observed, by `tail`"
    )
    observed_log_hr: Number = key("posterior mode of the naive contrast")
    log_hr: ShortSummary = key("the same over the replicates")


class OneCause(Record):
    """The one of several causes whose hazard ratios are compared (`--cause`)."""

    name: str = key("what it is called")
    events: int = key("events of it")
    others: dict[str, int] = key("by cause, the patients whose follow-up another one ended")


class LadderFile(RunFile):
    """`result.json` of `ladder`.

    Written by `bayes-ihlrt ladder`, and printed by `--json`.
    """

    data: Cohort = key("as of `fit`, for the first rung")
    cause: OneCause | None = key("of several causes the one compared; `null` of one event")
    notes: list[str] = key("patients whom every rung leaves out, with the reason")
    horizon: Number = key(
        "up to which survival time is compared; `null` of one cause of several", unit=MONTHS
    )
    rungs: list[Rung] = key("every rung, most naive first")
    null_simulation: NullSimulation | None = key(
        "`null` with delayed entry, and where `failed` says why"
    )
    failed: list[Missing] = key(
        "parts that could not be computed: rungs as `rung, adjustment`, and `null simulation`; "
        "empty where nothing is missing"
    )
