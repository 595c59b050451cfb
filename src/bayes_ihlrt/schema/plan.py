"""`result.json` of `plan`."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import Estimated, Missing, Reason


class DesignPrior(Record):
    """A scenario whose truth is the posterior of a cohort."""

    scenario: str = key("which")
    data: str | None = key("the cohort; `null` where draws were given without it")
    synthetic: bool | None = key("whether it was simulated")
    fingerprint: str | None = key("SHA-256 of the cohort")


class Target(Record):
    """A quantity that is read from the posterior, where each trial ended."""

    target: str = key(
        "what it is: log hazard ratios are named `log_hr`, at a value of the modifier `log_hr[5]`, "
        "of a later period of treatment `log_hr_from_3`"
    )
    truth: Number = key(
        "its true value; `null` where no one number is true. It is the effect of assignment, "
        "crossover included, or as treated that of treatment as planned against never"
    )
    estimate: Estimated | None = key("mean of the posterior means")
    bias: Estimated | None = key("posterior mean minus truth")
    rmse: Estimated | None = key("root of the mean squared error")
    coverage: Estimated | None = key("share of 95 % intervals that hold the truth")


class Look(Record):
    """What happens at one look, over all trials."""

    look: int = key("its number, from 1")
    reached: Estimated = key("share of all trials that get there")
    success: Estimated = key("share of all trials that succeed there")
    futility: Estimated = key(
        "share of all trials that stop there for futility, if its rules are followed"
    )
    months: Estimated | None = key("mean of those that get there", unit=MONTHS)
    enrolled: Estimated | None = key("mean of those that get there", unit="patients")
    events: Estimated | None = key("mean of those that get there", unit="events")
    followed: Number = key(
        "share of those that get there whose posterior was followed along its profile, events "
        "being few"
    )


class ShownAt(Record):
    """What is shown of patients with one value of the modifier."""

    at: float = key("the value, of `report_at`")
    threshold: float = key("of the last look's first efficacy rule on a hazard ratio")
    shown: Estimated = key(
        "share of trials that end with P(hazard ratio < 1) above it at that value; whatever the "
        "trial itself decided"
    )


class ComparedTest(Record):
    """What a test without a model finds in the same trials."""

    test: str = key("its name, of `comparators`")
    levels: list[float] = key("one-sided level at each look, 0 for none")
    rejects: Estimated = key("share of all trials in which it rejects at one of its looks")
    by_look: list[Estimated] = key("share in which it rejects first at each look")
    alike: Estimated = key("share with the same conclusion as the rules")
    without: int = key("trials without an answer, which count as no rejection")


class NoEffect(Record):
    """How often nothing is there.

    Futility rules are followed, whether they bind or not.
    """

    statement: str = key(
        "what a success claims: by every efficacy rule of the last look, in a trial that was "
        "enriched by those of `efficacy_enriched`"
    )
    before: Estimated = key(
        "probability that one of its parts is false of the truth, before the trial"
    )
    after_success: Estimated | None = key("after a success; `null` where no trial is such")
    after_failure: Estimated | None = key("after none; `null` where no trial is such")


class Borrowed(Record):
    """What external controls bring."""

    patients: int = key("how many they are")
    worth: Estimated | None = key(
        "control events that they are worth, 1 / (1 / (1 / sd² - 1 / s²) - 1 / d1) - d0 of the log "
        "hazard ratio with a prior of sd s",
        unit="events",
    )
    beyond: int = key(
        "trials in which they are worth more than any number (the log hazard ratio is known better "
        "than the treated arm tells), which are not in the mean"
    )
    without: int = key("trials of which it is not known, which are not in the mean")


class Branch(Record):
    """What becomes of the trials that a rule changed in one way, or of the others.

    Futility rules are followed, whether they bind or not.
    """

    extended: bool = key("whether these trials were enlarged")
    switch: float | None = key(
        "value of the modifier from which they enrolled after an enrichment; `null` where they "
        "were not enriched"
    )
    share: Estimated = key("of all trials")
    success: Estimated | None = key(
        "share of these trials that succeed; `null` where there are none"
    )
    expected_n: Estimated | None = key("mean where these trials end", unit="patients")
    expected_events: Estimated | None = key("mean where these trials end", unit="events")
    expected_months: Estimated | None = key("mean where these trials end", unit=MONTHS)


class Characteristics(Record):
    """Operating characteristics of one design under one scenario.

    All numbers are `null` where `not_computed` says why.
    """

    design: str | None = key("its name; `null` where a value of a curve could not be computed")
    scenario: str = key("its name")
    trials: int | None = key("trials simulated")
    failed: int | None = key("trials with a failed fit at a look that they reached")
    causes: dict[str, int] | None = key("failed fits by cause")
    not_computed: Reason | None = key(
        "why a design under a scenario, or a scenario of a curve, could not be computed; `null` "
        "where it was"
    )
    success: Estimated | None = key("share of trials that succeed")
    success_is: str | None = key(
        "what that is: `type I error` where one of the last look's efficacy rules claims what is "
        "false of the truth (with a margin of 1.3, under a hazard ratio of 1.3), else `power` "
        "where the truth is fixed; `assurance` where it is drawn. `type I error or power, by "
        "enrichment`: false by `efficacy` and not by `efficacy_enriched`, or the other way round"
    )
    success_told: Estimated | None = key(
        "what is told wherever success is: `success_without_futility` for a type I error of a "
        "design with `binding_futility = false`, else `success`"
    )
    success_without_futility: Estimated | None = key("the same if futility rules are ignored")
    futility: Estimated | None = key(
        "share of trials that stop for futility, if its rules are followed"
    )
    enriched: Estimated | None = key("share of trials that are enriched")
    accrual_stopped: Estimated | None = key("share of trials whose accrual is stopped")
    extended: Estimated | None = key("share of trials that are enlarged")
    expected_n: Estimated | None = key("mean where trials end", unit="patients")
    expected_events: Estimated | None = key("mean where trials end", unit="events")
    expected_months: Estimated | None = key("mean where trials end", unit=MONTHS)
    targets: list[Target] | None = key("of each quantity read from the posterior")
    bias: Estimated | None = key("of the first target, the log hazard ratio at the reference")
    coverage: Estimated | None = key("of the first target")
    by_look: list[Look] | None = key("looks in order")
    at_values: list[ShownAt] | None = key("for each value of `report_at`")
    compared: list[ComparedTest] | None = key("one for each of `comparators`")
    no_effect: NoEffect | None = key("`null` where the truth gives the rule no single value")
    borrowed: Borrowed | None = key("`null` without external controls")


class DesignCharacteristics(Characteristics):
    """Operating characteristics, what an event is, and what comes of changing trials."""

    endpoint: Literal["os", "pfs"] | None = key("`os` or `pfs`: what an event is")
    branches: list[Branch] | None = key(
        "trials that were enlarged, or enriched from each of `switch_to`, and the others last; "
        "none where no rule does either"
    )


class CurveCharacteristics(Characteristics):
    """Operating characteristics at a value of a curve; the endpoint is the plan's."""

    value: int | float | None = key("where on the axis")


class Curve(Record):
    """Operating characteristics along an axis."""

    over: str = key("`patients`, `enrol-from`, `switch-to` or `drift`")
    label: str = key("the axis in words")
    results: list[CurveCharacteristics] = key("by scenario, then by value")


class AveragedDesign(Record):
    """Success of a design averaged over scenarios by their `weight`."""

    design: str = key("its name")
    success: Estimated = key(
        "probability of success; futility rules are followed, whether they bind or not"
    )
    no_effect: NoEffect | None = key("over all of them")


class AuditedRule(Record):
    """How far a rule of a look is off at its threshold."""

    design: str = key("its name")
    scenario: str = key("its name")
    look: int = key("number of the look")
    rule: str = key("the rule")
    fits: int = key("fits that were redone with chains to be trusted")
    shift: Number = key(
        "at its threshold; positive where the simulated posterior is too sure of the statement",
        unit="standard normal deviates",
    )
    se: Number = key("its standard error")
    gross: int = key("fits that are off by more than 0.05 and five errors")
    off: bool = key("whether the rule is off beyond chance")


class CorrectedShare(Record):
    """A probability of stopping, as simulated and by what chains say."""

    design: str = key("its name")
    scenario: str = key("its name")
    ending: str = key("`success`, `futility` or `success without futility`")
    look: int | None = key("number of the look; `null` for all together")
    simulated: Estimated = key("as simulated")
    corrected: Estimated = key("corrected for what the chains say")
    told: bool = key("whether this is what is told as the design's success under the scenario")


class Audit(Record):
    """Fits redone by NUTS.

    They are shared out evenly among the looks of every design under every scenario, half of each
    look's near a threshold (half a standard normal deviate), the rest weighted by distance.
    Differences are `null` without an audit. Where an audit failed, `plan` ends with status 3.
    """

    verdict: Literal["passed", "passed in part", "failed", "cannot tell", "not done"] = key(
        "`passed`; `passed in part`: some rules have fewer than three fits; `failed`: some rule is "
        "off beyond chance; `cannot tell`: no rule has three fits, or half of the chains or more "
        "are not to be trusted; `not done`"
    )
    fits: int = key("fits that were redone")
    near: int = key("of them near a threshold")
    of: int = key(
        "fits that succeeded at looks that trials reached, of which those were chosen (1 %, at "
        "least 20 and at most 200, unless another number was asked for)"
    )
    max_difference: Number = key("largest difference of a rule's probability")
    max_difference_mcse: Number = key("its Monte Carlo error")
    mean_difference: Number = key("mean difference")
    max_mean_in_sd: Number = key(
        "largest difference of a posterior mean", unit="posterior standard deviations"
    )
    decisions_changed: int = key("fits with another decision")
    not_converged: int = key("fits whose chains are not to be trusted")
    left_out: list[str] = key(
        "rules about data that are yet to come, which no posterior of one look can check"
    )
    without: list[str] = key("rules of which no fit was redone")
    rules: list[AuditedRule] = key("each rule of a look of a design under a scenario")
    corrected: list[CorrectedShare] = key("each probability of stopping, twice")


class PlanFile(RunFile):
    """`result.json` of `plan`.

    Written by `bayes-ihlrt plan`, and printed by `--json`.
    """

    design_priors: list[DesignPrior] = key(
        "of each scenario whose truth is a cohort's posterior; empty without such scenarios"
    )
    results: list[DesignCharacteristics] = key("by design, then by scenario")
    averaged: list[AveragedDesign] = key(
        "of each design, where every scenario has a `weight`; else empty"
    )
    curves: list[Curve] = key("empty where the plan asks for none")
    audit: Audit = key("fits redone by NUTS")
    failed: list[Missing] = key(
        "designs under scenarios, scenarios of curves, audited fits that could not be computed; "
        "empty where nothing is missing. What is wrong with a cohort that a scenario names is told "
        "before anything is simulated, with status 1"
    )
    lost_workers: int = key(
        "workers of a Dask cluster that were lost on the way; what they had not "
        "finished ran again on others, with the same trials"
    )
    seconds: float = key("wall time, compilation included", unit="seconds")
    trials_per_second: float = key("trials read from an earlier run do not count")
