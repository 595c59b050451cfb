"""`result.json` of `interim`."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import Cohort, Estimated, Missing


class RunningData(Cohort):
    """The running trial's patients so far."""

    events_control: int = key("events of the control arm")
    events_treated: int = key("events of the treated arm")
    month: float = key("of the data, since the trial opened", unit=MONTHS)
    lost: int = key("patients lost to follow-up")
    completed: int = key("patients who completed `max_follow_up`")


class EstimateNow(Record):
    """What the data say so far, beside the prior."""

    quantity: str = key("`rmst_difference` to a `horizon` or `hazard_ratio`")
    at: Number = key("value of the modifier; `null` without one")
    horizon: Number = key("up to which time counts", unit=MONTHS)
    median: Number = key("posterior median")
    low: Number = key("lower end of the 95 % interval")
    high: Number = key("upper end of the 95 % interval")
    benefit: Number = key("posterior probability of benefit")
    prior_median: Number = key("the median before the data")
    prior_low: Number = key("the lower end before the data")
    prior_high: Number = key("the upper end before the data")
    prior_benefit: Number = key("the probability of benefit before the data")


class RuleNow(Record):
    """A rule of the look, at the data so far."""

    purpose: Literal["efficacy", "futility", "stop_accrual"] = key(
        "`efficacy`, `futility` or `stop_accrual`; a design with rules of enrichment is refused"
    )
    rule: str = key("the rule")
    probability: Number = key("what it is compared with")
    mcse: Number = key("its Monte Carlo standard error")
    engine: Number = key(
        "the same by the engine of simulated trials; `null` for rules about the future"
    )
    met: bool = key("whether it holds")
    close: bool = key("whether the threshold is close")
    binding: bool = key("whether the rule is binding")


class Continuation(Record):
    """A way to go on, and what may come of it."""

    name: str = key("`go on`, `stop accrual` or `enlarge`")
    patients: int = key("at most")
    assumed_hr: Number = key("hazard ratio that is assumed; `null` where it is not")
    at_mode: bool = key(
        "whether parameters are at the mode (conditional power) or drawn from the posterior"
    )
    success: Estimated = key("share that succeed at the last look")
    enrolled: Estimated | None = key("mean at the last look", unit="patients")
    events: Estimated | None = key("mean at the last look", unit="events")
    months: Estimated | None = key("mean there, since the trial opened", unit=MONTHS)


class InterimFile(RunFile):
    """`result.json` of `interim`.

    Written by `bayes-ihlrt interim`, and printed by `--json`.
    """

    design: str = key("name of the design")
    data: RunningData = key("the patients so far")
    look: int = key("number of the look whose rules are asked")
    due: bool = key("whether its time has come")
    estimates: list[EstimateNow] = key("months gained and hazard ratios")
    rules: list[RuleNow] = key("of the look")
    verdict: str = key(
        "`success`, `futility`, `stop accrual`, `go on`; of the last look, once it is due, "
        "`no success`"
    )
    success_now: bool = key("whether the last look's efficacy rules hold today")
    continuations: list[Continuation] = key("by name; empty at the last look, once it is due")
    target: float = key("the probability of success that is wanted")
    needed: int | None = key("the smallest size tried that reaches it; `null` where none does")
    failed: list[Missing] = key("continuations that could not be computed; empty where none is")
    notes: list[str] = key("how the file was read, and what was taken as known")
