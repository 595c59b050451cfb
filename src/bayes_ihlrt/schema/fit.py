"""`result.json` of `fit` and `demo`."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import (
    Cohort,
    Comparability,
    Design,
    Diagnostics,
    Draws,
    Estimand,
    Missing,
    Parameter,
    SignedSummary,
    Summary,
)


class RatioPerStep(Summary):
    """Interaction as a ratio of hazard ratios."""

    step: str = key(
        "of the modifier, to which the ratio refers: a doubling only where the model is a straight "
        "line in its logarithm, else `high` against `low`"
    )
    prob_below_1: Number = key("probability that treatment helps more at the higher value")
    prior_prob_below_1: Number = key("the same before the data")


class Additive(Record):
    """Interaction on the scale of hazards.

    It is recoded so that the stratum with the lowest hazard is the reference.
    """

    reference: dict[str, str] = key("the reference stratum, by exposure")
    prob_reference: Number = key("how probable it is that this stratum has the lowest hazard")
    reri: Summary = key("relative excess risk due to interaction")
    ap: Summary = key("attributable proportion")
    synergy: Summary = key("synergy index; without numbers unless it is defined in every draw")
    prob_reri_above_0: Number = key(
        "probability that `reri` is above 0; `null` for the `reason` beside it where the reference "
        "is known with a probability below 0.95"
    )
    prior_prob_reri_above_0: Number = key("the same before the data")
    reason: str | None = key("why there is no probability; `null` where there is one")


class MoreGain(Summary):
    """How much more treatment gains at one value of the modifier than at another."""

    prob_above_0: Number = key("probability that it gains more at `high`")
    prior_prob_above_0: Number = key("the same before the data")


class MoreGains(Record):
    """Interaction on the scales that count patients and months."""

    survival: MoreGain | None = key(
        "how much more treatment gains in survival at `high` than at `low`; `null` where "
        "covariates change"
    )
    rmst: MoreGain | None = key("the same in restricted mean survival time", unit=MONTHS)


class Statement(Record):
    """A statement on the interaction, and how probable it is.

    None depends on the modifier's reference. Where the modifier is no straight line in the model,
    `hazard-ratio-turns` says how probable it is that the hazard ratio both falls and rises by a
    factor 1.25 or more, from the 5 % to the 95 % quantile of the cohort or wider, to hold `low` and
    `high`.
    """

    name: str = key("what it is called")
    words: str = key("what it says, with the values compared")
    prior: Number = key("its probability before the data")
    posterior: Number = key(
        "its probability given the data; of a weighted analysis of the kind that `draws` names"
    )


class Crossing(Record):
    """Where a probability passes a level."""

    probability: Literal["prob_benefit", "prob_gain"] = key(
        "`prob_benefit` (hazard ratio below 1) or `prob_gain` (more than `gain` months gained)"
    )
    level: float = key("the level")
    at: float | None = key(
        "value of the modifier, which is solved for, not read from a grid; `null` where the level "
        "is not passed"
    )
    above: Literal["higher", "lower", "everywhere", "nowhere"] = key(
        "where the probability is above the level: at `higher` or `lower` values than `at`; "
        "`everywhere` or `nowhere` where `at` is `null`"
    )


class Interaction(Record):
    """Whether the effect of treatment depends on the modifier.

    It compares the lowest and the highest value of `[estimands] at`.
    """

    low: float = key(
        "the lower value of the modifier; the cohort's quartiles where fewer than two are given"
    )
    high: float = key("the higher value")
    horizon: float = key("the last horizon, up to which time counts", unit=MONTHS)
    gain: float = key("the gain that matters", unit=MONTHS)
    multiplicative: RatioPerStep = key("ratio of hazard ratios per step of the modifier")
    additive: Additive = key("excess risks, recoded")
    contrasts: MoreGains = key("how much more treatment gains at `high` than at `low`")
    statements: list[Statement] = key("statements with prior and posterior probability")
    searched: list[float] = key(
        "lowest and highest value of the modifier in the cohort, between which crossings are "
        "looked for"
    )
    crossings: list[Crossing] = key("where probabilities pass each level")


class UnderBaseline(Record):
    """The effect of treatment under one baseline hazard."""

    hazard: str = key("what the baseline is called")
    log_hr: Summary = key("log hazard ratio at the modifier's reference")
    rmst_difference: Summary | None = key("gained up to `horizon`", unit=MONTHS)


class Baselines(Record):
    """The effect of treatment under the chosen and under a flexible baseline hazard."""

    chosen: UnderBaseline = key("as the specification says")
    flexible: UnderBaseline | None = key("under a flexible baseline")
    horizon: float = key("up to which survival time is compared", unit=MONTHS)
    difference: Number = key("mean log hazard ratio under the chosen minus under the flexible one")
    differs: bool = key(
        "whether they differ by more than 0.1 or half a posterior standard deviation"
    )
    reason: str | None = key("why there is no flexible estimate; `null` where there is one")


class LeaveOneOut(Record):
    """Leave-one-patient-out cross-validation.

    `checks.json` has the same numbers, and leave-one-centre-out. All are `null` where a large
    piecewise model was reduced to sufficient statistics, where patients have several histories, and
    of an analysis that a propensity adjusts.
    """

    elpd: Number = key("expected log predictive density")
    se: Number = key("its standard error")
    p_loo: Number = key("effective number of parameters")
    bad_k: int | None = key(
        "patients with a Pareto k above 0.7, without each of whom the model was fitted again",
        alias="k_above_0.7",
    )
    largest_k: Number = key("largest Pareto k")
    note: str | None = key("why numbers are missing or not to be trusted")
    predicts: str | None = key(
        "whom it predicts, with groups: a further patient of a centre that is known from its "
        "others, not of a new one: the centre's effect is integrated out given its other patients"
    )


class Difference(Record):
    """Standardised mean difference of a covariate, treated minus untreated."""

    subset: str = key("`all`, thirds of the modifier, or a trial")
    covariate: str = key("what it is called")
    unweighted: Number = key("before weighting; `null` where an arm has too few to tell")
    weighted: Number = key("after weighting")


class ArmSize(Record):
    """How large an arm is within a subset."""

    subset: str = key("as in `balance`")
    arm: str = key("`treated` or `control`")
    rows: Number = key("decisions", unit="decisions")
    patients: Number = key("their patients", unit="patients")
    ess: Number = key("effective number of patients", unit="patients")
    max_weight: Number = key("largest weight of a patient")


class Overlap(Record):
    """Propensities of an arm."""

    arm: str = key("`treated` or `control`")
    decisions: int = key("decisions of the arm")
    beyond: Number = key("share of them whose propensity is beyond all those of the other arm")


class CloneMonths(Record):
    """Weighted survival by strategy, of clones."""

    treated: str = key("the strategy that treats")
    control: str = key("the one that does not")
    horizon: float = key("length of the window", unit=MONTHS)
    gained: SignedSummary | None = key("gained by treatment", unit=MONTHS)
    survival: dict[str, SignedSummary] = key("share without the event at its end, by strategy")
    months: dict[str, SignedSummary] = key("restricted mean, by strategy", unit=MONTHS)
    reason: str | None = key("why it is not known; `null` where it is")


class Propensity(Record):
    """The model of treatment initiation, and what its weights do.

    At the mode of the propensities, with every patient counted once. The first keys repeat
    `[propensity]`.
    """

    formula: str = key("what treatment is decided on")
    group: str = key("group effects")
    adjust: str = key("how propensities are used")
    estimand: str = key("population of the balancing weights")
    uncertainty: str = key("how their uncertainty reaches the effect")
    trim: Number = key("propensities outside `trim` to 1 - `trim` are left out")
    acknowledge_poor_overlap: bool = key("whether weights were fitted in spite of poor overlap")
    target: str = key("population of the weights; of clones always `ate`")
    ess_treated: Number = key(
        "effective number of treated patients, (sum v)² / sum v² with v a patient's average "
        "weight; `null` where nothing is weighted",
        unit="patients",
    )
    ess_control: Number = key("the same of untreated patients", unit="patients")
    comparability: Comparability | None = key(
        "whether the weighted arms can be compared; `null` where nothing is weighted"
    )
    trimmed: list[str] = key("patients who lost follow-up by `trim`")
    separated: list[str] = key("columns that tell some treated from the others without error")
    strategies: CloneMonths | None = key("of clones, weighted survival by strategy")
    balance: list[Difference] = key(
        "standardised mean differences at the decisions that follow-up begins at; of clones among "
        "those followed at the end of the grace period"
    )
    sizes: list[ArmSize] = key("sizes of the arms in each subset")
    balance_by_trial: list[Difference] = key(
        "`balance` within each trial of a sequential design in which somebody starts and somebody "
        "waits; empty for other designs"
    )
    sizes_by_trial: list[ArmSize] = key("sizes of the arms in each of these trials")
    overlap: list[Overlap] = key("propensities by arm")


class External(Record):
    """External controls that the fit borrows, and the answer without them."""

    borrow: str = key("how: `power`, `commensurate` or `robust-map`")
    power: Number = key("share of a patient that each counts as; `null` where it is another way")
    sd: Number = key(
        "scale of the difference between their log hazard and the cohort's; of `robust-map` that "
        "of the narrow component; `null` under `power`"
    )
    nu: Number = key("degrees of freedom of that difference; `null` where it is normal")
    vague_sd: Number = key("of `robust-map`, standard deviation of the wide component; else `null`")
    alike: Number = key("of `robust-map`, probability of the narrow component; else `null`")
    patients: int = key("external controls")
    dropped: dict[str, int] = key("patients of their file who are left out, for each reason")
    events: int = key("their events")
    months: float = key("their time at risk", unit="person-months")
    weighted_events: float = key("their events after weight and power")
    justification: str = key("why they may be borrowed, as the specification says")
    fingerprint: str = key("SHA-256 of their cohort")
    synthetic: bool = key("whether they were simulated")
    worth: Number = key(
        "the events without treatment that they are worth: what is known of the log cumulative "
        "hazard without treatment of the average patient with such an event (1 / variance) with "
        "them less that without; below 0 where less is known with them"
    )
    worth_mcse: Number = key(
        "its Monte Carlo standard error, under `robust-map` given `alike_after`: within two of "
        "them `worth` cannot be told from 0"
    )
    control_events: Number = key("the cohort's own events without treatment")
    alike_after: Number = key(
        "of `robust-map`, probability of the narrow component after the data; else `null`"
    )
    log_hazard_difference: Summary | None = key(
        "theirs less the cohort's log hazard; `null` under `power`"
    )
    without: list[Estimand] = key("all `estimands` without them")


class FitFile(RunFile):
    """`result.json` of `fit`.

    Written by `bayes-ihlrt fit` and `demo`, and printed by `--json`.
    """

    data: Cohort = key("the data that were read")
    design: Design = key("how they became person-time")
    priors: str = key(
        "one line on the priors of treatment, interaction and baseline, with the [events that they "
        "are worth](howto/priors.md) and where each comes from; a conflict with the observed "
        "untreated survival is among `notes`"
    )
    labels: dict[str, str] = key(
        "what columns and parameters are called before people, by name, as `[data] labels` says, "
        "and the baseline's parameters in words. Everywhere else in this file parameters and "
        "columns go by their names, in sentences and in the tables of balance and subgroups by "
        "their labels"
    )
    parameters: dict[str, Parameter] = key(
        "by name. Coefficients are log hazard ratios under the names of the design matrix; "
        "elements of a vector are named like `log_hazard[3-6]` or `centre_effect[centre-1]`"
    )
    estimands: list[Estimand] = key("one of each strategy, contrast, horizon and modifier value")
    interaction: Interaction | None = key(
        "whether the effect depends on the modifier; `null` without a treatment and a modifier"
    )
    draws: Draws = key("what the draws are")
    baseline: Baselines | None = key(
        "the treatment under the chosen and under a flexible baseline hazard; `null` unless "
        "treatment changes during follow-up"
    )
    diagnostics: Diagnostics = key("whether the draws can be trusted")
    loo: LeaveOneOut = key("leave-one-patient-out cross-validation")
    propensity: Propensity | None = key("`null` without a `[propensity]` table")
    external: External | None = key("`null` without an `[external]` table")
    notes: list[str] = key("what a reader has to know first, in sentences")
    failed: list[Missing] = key(
        "parts beside the posterior that could not be computed: `propensity`, where it adjusts "
        "nothing; empty where nothing is missing"
    )
