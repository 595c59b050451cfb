"""Records that stand in the files of several commands."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, key


class Summary(Record):
    """Summary of draws."""

    mean: Number = key("mean of the draws")
    sd: Number = key("their standard deviation")
    median: Number = key("their median")
    low: Number = key("their 2.5 % quantile", alias="q2.5")
    high: Number = key("their 97.5 % quantile", alias="q97.5")


class ShortSummary(Record):
    """Median and 95 % interval of draws."""

    median: Number = key("median of the draws")
    low: Number = key("their 2.5 % quantile", alias="q2.5")
    high: Number = key("their 97.5 % quantile", alias="q97.5")


class SignedSummary(Summary):
    """Summary of draws of a log hazard ratio or of a difference."""

    prob_below_0: Number = key("probability that it is below 0")


class Estimated(Record):
    """A number with its Monte Carlo error."""

    estimate: Number = key("the number")
    mcse: Number = key("its Monte Carlo standard error")
    low: Number = key("lower end of the 95 % interval (Wilson's for a share)")
    high: Number = key("upper end of the 95 % interval")


class Reason(Record):
    """Why a part could not be computed."""

    reason: str = key("what is wrong, and what was found")
    remedy: str = key("what to do; empty where nothing is known")


class Missing(Reason):
    """A part that could not be computed."""

    part: str = key("what it is called")


class Cohort(Record):
    """The data that were read."""

    patients: int = key("patients that are analysed")
    rows: int = key("rows of person-time")
    events: int = key("events")
    months: float = key("time at risk", unit="person-months")
    fingerprint: str = key(
        "SHA-256 of the cohort, whatever the order of rows and columns and whatever patients are "
        "called"
    )
    follow_up: str = key(
        "the same of patients, times and events alone: equal for analyses that read other "
        "covariates of the same patients"
    )
    name: str | None = key("of the file or of the packaged data set; `null` for data in memory")
    synthetic: bool = key("whether the data were simulated")
    patient_labels: Literal["numbers", "identifiers"] = key(
        "what patients are called here, in `checks.json` and in the draws: `numbers` in the order "
        "of the data file, or `identifiers` where these are kept"
    )
    dropped: dict[str, str] = key("patients left out, with the reason")


class Design(Record):
    """How the cohort became person-time."""

    name: str = key("as in `[treatment] design`")
    immortal_months: float = key(
        "untreated time counted as treated (0 but for `ever-never`)", unit="person-months"
    )


class Parameter(Summary):
    """One parameter of a model."""

    ess_bulk: Number = key("bulk effective sample size; `null` without chains", unit="draws")
    ess_tail: Number = key("tail effective sample size; `null` without chains", unit="draws")
    r_hat: Number = key("rank-normalised split R-hat; `null` without chains")
    mcse_mean: Number = key("Monte Carlo standard error of the mean")


class Diagnostics(Record):
    """Whether draws can be trusted."""

    engine: str = key(
        "`nuts`; `laplace`, an approximation without chains; of an analysis that a propensity "
        "adjusts the `uncertainty` (`linked-bootstrap`, `cut`, `sandwich`, `plugin`)"
    )
    converged: bool = key("whether the draws can be trusted")
    failures: list[str] = key("what is wrong with them, in words")
    r_hat: Number = key("of `nuts` the worst R-hat")
    worst: str | None = key("the parameter that has it")
    ess_bulk: Number = key("of `nuts` the smallest bulk effective sample size", unit="draws")
    ess_tail: Number = key("of `nuts` the smallest tail effective sample size", unit="draws")
    divergences: int | None = key("of `nuts` the divergent transitions")
    k_hat: Number = key(
        "of `laplace`, and of analyses that a propensity adjusts, the Pareto k-hat of the "
        "importance weights"
    )
    ess: Number = key("the effective sample size of the weighted draws", unit="draws")


DrawsKind = Literal[
    "posterior", "bootstrap", "cut-distribution", "sandwich-corrected", "uncalibrated"
]


class Draws(Record):
    """What the draws are."""

    kind: DrawsKind = key(
        "`posterior`; of a weighted analysis `bootstrap`, `cut-distribution`, `sandwich-corrected` "
        "or `uncalibrated`"
    )
    probability: str = key("what every probability of the file is to be called")


class Unbalanced(Record):
    """A covariate in which weighted arms differ."""

    covariate: str = key("what it is called")
    smd: Number = key("standardised mean difference after weighting, treated minus untreated")


class OtherPopulation(Record):
    """A population with better overlap."""

    estimand: str = key("as `[propensity] estimand` writes it")
    ess_treated: float = key("effective number of the treated", unit="patients")
    ess_control: float = key("effective number of the untreated", unit="patients")


class Comparability(Record):
    """Whether weighted arms can be compared."""

    overlap: Literal["good", "poor", "failed"] = key(
        "`good`, `poor` (an arm is worth fewer than 20 patients or a tenth of itself, or a "
        "covariate differs by more than 0.1 after weighting) or `failed` (fewer than 10, or 0.25)"
    )
    problem: str | None = key("what is wrong, in words")
    remedy: str | None = key("what to do, in words")
    unbalanced: list[Unbalanced] = key("covariates that differ")
    alternatives: list[OtherPopulation] = key("populations with better overlap")


class Estimand(Summary):
    """One posterior quantity.

    Averages over patients are taken within each draw, summaries over draws last.

    `number_needed_to_treat` is 1 over the difference in survival at its `median` and its limits:
    `q2.5` belongs to the upper limit of the difference, negative numbers harm, and limits of
    different signs mean an interval that runs through infinity. It has no `mean` and no `sd`. Where
    covariates of the model change during follow-up, all estimands but hazard ratios are `null`:
    survival then needs a model of the change.
    """

    estimand: str = key(
        "`hazard_ratio`, `survival`, `rmst` (months), `median_survival` (months), "
        "`survival_quantile_0.25` and the like (months), or `number_needed_to_treat`"
    )
    strategy: str | None = key(
        "`never`, `from month 1.9`; `as observed` without a treatment; `null` for a contrast"
    )
    contrast: str | None = key(
        "`from month 1.9 - never`, `treated / untreated`; `null` for one strategy"
    )
    horizon: Number = key("since time zero; `null` where the estimand has none", unit=MONTHS)
    at: Number = key("everybody's modifier set to this value; `null`: the patients' own values")
    population: str = key("who is averaged over, hazard ratios included")
    prob_benefit: Number = key(
        "the probability that treatment is better, of contrasts only; of what kind it is, `draws` "
        "says"
    )
    prior_prob_benefit: Number = key("the same before the data (ties count half)")
