"""`result.json` of `fit` of competing causes."""

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import Cohort, Design, Diagnostics, Draws, Estimand, Parameter


class Cause(Record):
    """One cause of the event, an analysis of its own."""

    cause: str = key("what it is called")
    events: int = key("events of this cause")
    formula: str = key("covariates")
    group: str = key("group effects; empty without")
    hazard: str = key("baseline hazard")
    priors: str = key("its priors in one line")
    parameters: dict[str, Parameter] = key("by name, as of one event")
    diagnostics: Diagnostics = key("whether its draws can be trusted")


class CauseEstimand(Estimand):
    """One posterior quantity, of one cause or of all of them.

    `rmst` and `survival` are of all causes; `months_lost`, `cumulative_incidence`, `hazard_ratio`
    (cause-specific) and `one_minus_kaplan_meier` (what would be if nobody died of another cause) of
    one. Of deaths and months lost `prob_benefit` is the probability of fewer.
    """

    cause: str | None = key("which; `null`: all of them together")


class Trade(Record):
    """Whether treatment exchanges deaths of one cause for deaths of another."""

    fewer: str = key("the cause of which treatment loses fewer months")
    more: str = key("the cause of which it loses more")
    horizon: float = key("since time zero", unit=MONTHS)
    at: Number = key("everybody's modifier set to this value; `null`: the patients' own values")
    probability: Number = key(
        "that treatment loses fewer months to the one *and* more to the other"
    )
    prior_probability: Number = key("the same before the data")


class CausesFile(RunFile):
    """`result.json` of `fit` with competing causes.

    Written by `bayes-ihlrt fit` where the event names its causes. It has no `parameters`,
    `interaction`, `baseline`, `diagnostics`, `loo` and `propensity`.
    """

    data: Cohort = key("the data that were read")
    design: Design = key("how they became person-time")
    causes: list[Cause] = key("one of each cause")
    estimands: list[CauseEstimand] = key(
        "one of each cause, strategy, contrast, horizon and modifier value"
    )
    trades: list[Trade] = key("one of each pair of causes, horizon and modifier value")
    draws: Draws = key("what the draws are")
    converged: bool = key("whether the draws of every cause can be trusted")
    notes: list[str] = key("what a reader has to know first, in sentences")
