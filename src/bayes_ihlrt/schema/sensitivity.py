"""`result.json` of `sensitivity`."""

from bayes_ihlrt.schema.base import Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import Cohort, Missing, Reason, Summary


class Answered(Summary):
    """A quantity with the answer to a question.

    Hazard ratios are those at the reference of the modifier where `at` says nothing else;
    `log_hazard_ratio` and `interaction` are log hazard ratios, `rmst_difference` and
    `rmst_interaction` months. All are `null` where a choice could not be computed.
    """

    statement: str | None = key("what is asked")
    probability: Number = key("posterior probability of the statement")
    decision: str | None = key(
        "`yes` where it is at least `threshold`, `no` where it is at most one minus it, else "
        "`cannot tell`"
    )


class AnsweredEstimand(Answered):
    """An answered quantity by name."""

    estimand: str | None = key("what it is")
    at: Number = key("value of the modifier; `null`: its reference, or the patients' own values")


class PriorChoice(AnsweredEstimand):
    """The analysis under one choice of priors."""

    prior: str = key("what the choice is called")
    priors: dict[str, str] | None = key("names by parameter that differ from the stated ones")
    mcse: Number = key("Monte Carlo standard error of `probability`")
    k_hat: Number = key("Pareto k-hat of the approximation")
    engine: str | None = key("what drew")
    failed: Reason | None = key("why it could not be computed; `null` in all other rows")


class PowerScaling(Record):
    """A prior, or the likelihood, raised to powers around one."""

    component: str = key("a parameter, `all priors` or `likelihood`")
    estimand: str | None = key("what is looked at")
    at: Number = key("value of the modifier")
    sensitivity: Number = key(
        "cumulative Jensen-Shannon distance per doubling of the power; 0.05 is much"
    )
    k_hat: Number = key("largest Pareto k of the weights")
    refitted: bool | None = key("whether the model was fitted again")
    diagnosis: str | None = key("what that means; `null` of the likelihood")
    failed: Reason | None = key("why it could not be computed; `null` in all other rows")


class TippingPoint(Record):
    """Where a decision changes as the prior moves.

    `value` is `null` where nothing between `from` and `to` changes it; so is then what follows it.
    """

    path: str = key("`prior mean`, `prior sd` or `sceptical events`")
    quantity: str = key("what is looked at")
    statement: str = key("what is asked")
    start: Number = key("where the path begins", alias="from")
    end: Number = key("where it ends", alias="to")
    decision: str = key("the decision that begins or ends there")
    probability: Number = key("of the statement, at which it does")
    value: Number = key("where the probability is crossed")
    mcse: Number = key("its Monte Carlo error")
    falling: bool | None = key("whether the probability falls along the path")
    prior_hr: Number = key("the prior there: its median hazard ratio")
    prior_hr_low: Number = key("lower end of its 95 % interval")
    prior_hr_high: Number = key("upper end of its 95 % interval")
    prior_events: Number = key("what it is worth", unit="events")


class Evidence(AnsweredEstimand):
    """The analysis with published effects as prior."""

    prior: str = key("`published` or `robust mixture`")
    prior_events: Number = key("what the prior is worth", unit="events")
    published_weight: Number = key("weight of the published part after the data")


class Shifted(Record):
    """The hazard ratio with a bias taken off."""

    hazard_ratio: Number = key("median")
    low: Number = key("2.5 % quantile", alias="q2.5")
    high: Number = key("97.5 % quantile", alias="q97.5")
    probability: Number = key("that it is below 1")
    mcse: Number = key("Monte Carlo standard error of `probability`")
    decision: str = key("the answer, as above")


class BiasShifted(Shifted):
    """The hazard ratio with the bias of the bias prior taken off."""

    median_factor: Number = key("observed over true hazard ratio, median of the prior")


class Confounder(Shifted):
    """The hazard ratio with one confounder taken off."""

    strength: Number = key("hazard ratio of the confounder on the outcome")
    treated: Number = key("share of the treated who have it")
    untreated: Number = key("share of the untreated who have it")


class EValue(Record):
    """E-value of the hazard ratio."""

    median: Number = key("of the median")
    interval: Number = key("of the 95 % limit nearer 1; 1 where the interval includes 1")
    mean: Number = key("posterior mean")
    low: Number = key("posterior 2.5 % quantile", alias="q2.5")
    high: Number = key("posterior 97.5 % quantile", alias="q97.5")
    common: bool = key("whether the event is common, so that risk ratios are approximated")


class LatentConfounder(AnsweredEstimand):
    """The analysis with a latent confounder in the model."""

    prior: str = key("the bias prior")
    outcome_hr: Number = key("prior median of its hazard ratio on the outcome")
    outcome_sd: Number = key("prior standard deviation of its logarithm")
    initiation_hr: Number = key("prior median of its hazard ratio on the start of treatment")
    initiation_sd: Number = key("prior standard deviation of its logarithm")
    k_hat: Number = key("Pareto k-hat of the approximation")
    engine: str | None = key("what drew")
    failed: Reason | None = key("why it could not be computed; `null` in all other rows")


class NegativeControl(Shifted):
    """An outcome on which treatment has no effect, and the hazard ratio with its own taken off."""

    control: str = key("its columns")
    control_hazard_ratio: Number = key("hazard ratio of the control outcome, where none should be")
    control_low: Number = key("its 2.5 % quantile", alias="control_q2.5")
    control_high: Number = key("its 97.5 % quantile", alias="control_q97.5")
    control_no_effect: Number = key("probability that it is hardly any")


class Confounding(Record):
    """What an unmeasured confounder would have to be."""

    e_value: EValue | None = key("E-values")
    bias_prior: BiasShifted | None = key("effect with the bias of the bias prior taken off")
    tipping_factor: Number = key(
        "observed over true hazard ratio at which the statement stops to hold; `null` where it "
        "does not hold"
    )
    grid: list[Confounder] | None = key("by strength and share of the untreated")
    latent: list[LatentConfounder] | None = key("by bias prior")
    negative_control: list[NegativeControl] | None = key("the effect on a control outcome")


class Borrowing(AnsweredEstimand):
    """The analysis with patients from elsewhere."""

    borrowing: str = key("how they are borrowed from")
    failed: Reason | None = key("why it could not be computed; `null` in all other rows")


class Exclusion(Record):
    """Whom an analysis leaves out."""

    column: str = key("the column that tells")
    equals: str | None = key("the level that is left out")
    outside: list[float] | None = key("numbers outside which patients are left out")


class OtherAnalysis(Answered):
    """The analysis with another structure."""

    analysis: str = key("what it is called")
    choices: dict[str, str] = key("hazard, covariates, design and population")
    specification: str = key(
        "the whole specification as TOML, with which "
        "`bayes_ihlrt.sensitivity.structure.reproduce` runs it again"
    )
    exclusion: Exclusion | None = key("whom it leaves out")
    quantity: str | None = key("what is looked at")
    mcse: Number = key("Monte Carlo standard error of `probability`")
    changed: bool | None = key(
        "whether the answer differs from the stated one by more than two Monte Carlo errors"
    )
    reason: str | None = key("why it could not be estimated; `null` where it was")
    failed: Reason | None = key("the same in two parts")


class GridAudit(Record):
    """Corners of the grid refitted by NUTS.

    `fits` is 0 and the differences are `null` where NUTS had drawn every corner already.
    """

    fits: int = key("refitted corners")
    priors: list[str] = key("their choices of priors")
    max_difference: Number = key(
        "largest difference of a posterior mean", unit="posterior standard deviations"
    )
    mcse: Number = key("its Monte Carlo error")
    parameter: str | None = key("of which parameter")
    prior: str | None = key("under which priors")
    max_probability_difference: Number = key(
        "largest difference of the probability of a hazard ratio below 1"
    )
    decisions_changed: int | None = key(
        "decisions about the treatment's hazard ratio that changed beyond Monte Carlo error"
    )
    not_converged: int = key("fits whose chains did not converge")


class SensitivityFile(RunFile):
    """`result.json` of `sensitivity`.

    Written by `bayes-ihlrt sensitivity`, and printed by `--json`. A study that was not done, or
    could not be, is `null`, never absent; `failed` tells the two apart. A choice within a study
    that could not be computed (a choice of priors, a way of borrowing, a bias prior, an analysis)
    keeps a row without numbers, with what is wrong in its own `failed`.
    """

    data: Cohort = key("as of `fit`")
    threshold: float = key("posterior probability from which a statement holds")
    summary: list[str] = key("what the conclusion depends on, in sentences")
    grid: list[PriorChoice] | None = key("by choice of priors and estimand")
    power_scaling: list[PowerScaling] | None = key("by component and estimand")
    tipping: list[TippingPoint] | None = key("by path, quantity and decision")
    evidence: list[Evidence] | None = key("by prior and estimand")
    confounding: Confounding = key("unmeasured confounding")
    external: list[Borrowing] | None = key(
        "by borrowing and estimand; all other parts are of the cohort alone"
    )
    external_synthetic: bool | None = key(
        "whether external controls were simulated; `null` without them"
    )
    structure: list[OtherAnalysis] | None = key("by analysis and quantity")
    audit: GridAudit | None = key("how good the approximation of `grid` is")
    failed: list[Missing] = key(
        "studies, and choices as `study: choice`, that could not be computed; empty where nothing "
        "is missing"
    )
