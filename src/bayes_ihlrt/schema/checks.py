"""`checks.json` of `diagnose`."""

from typing import Literal

from bayes_ihlrt.schema.base import MONTHS, Number, Record, RunFile, key
from bayes_ihlrt.schema.parts import Missing, Reason, ShortSummary


class Verdict(Record):
    """The conclusion of one check."""

    check: str = key("what is checked")
    verdict: Literal["flag", "no flag", "cannot tell"] = key(
        "`flag`: something is wrong, or would have to be a rare coincidence; `no flag`: nothing "
        "was found, by a check that would have found a gross fault; `cannot tell`: it does not "
        "apply, or has too little data to find a gross fault"
    )
    reason: str = key("why, in a sentence or two")
    numbers: dict[str, bool | int | float | str | None] = key("what the verdict rests on, by name")
    failed: Reason | None = key("why it could not be computed; `null` where it was")


class UnitLeftOut(Record):
    """A patient or a centre that was left out."""

    left_out: str = key("which")
    k_hat: Number = key("Pareto k-hat of the importance weights, before refitting")
    elpd: Number = key("log predictive density, given all others")
    refitted: bool = key("whether the model was fitted again, k-hat being above 0.7")


class LeftOut(Record):
    """Cross-validation by leaving out."""

    elpd: Number = key("expected log predictive density, summed")
    se: Number = key("its standard error; `null` of a single one")
    left_out: int = key("how many were left out, one by one")
    bad_k: int = key("of how many k-hat was above 0.7", alias="k_above_0.7")
    refitted: int = key("without how many the model was fitted again")
    unreliable: list[str] = key("those whose new fit is not to be trusted either")
    largest_k: list[UnitLeftOut] = key("the ten with the largest k-hat")


class HazardFamily(Record):
    """A baseline hazard that was tried, the model's own first."""

    family: str = key("which")
    elpd: Number = key("expected log predictive density under it")
    difference: Number = key("less that of the model")
    difference_se: Number = key("standard error of the difference, of paired terms")
    unreliable: Number = key("whose share is not to be trusted", unit="patients")
    weight: Number = key("weight in stacking; 0 where it could not be fitted")
    failed: Reason | None = key("why it could not be fitted; `null` where it was")


class PeriodEffect(ShortSummary):
    """The hazard ratio of treatment in a period since it started.

    At the modifier's reference and the reference level of all else that treatment interacts with.
    """

    period: str = key("since the start of treatment", unit=MONTHS)
    prob_benefit: Number = key("probability that it is below 1")
    prior_prob_benefit: Number = key("the same before the data")
    events: Number = key("of treated patients in the period", unit="events")


class ChecksFile(RunFile):
    """`checks.json` of `diagnose`.

    It lies beside the `result.json`, `report.json` and draws of the same fit; `bayes-ihlrt diagnose
    --json` prints it.
    """

    data_fingerprint: str = key("SHA-256 of the cohort, as in `result.json`")
    converged: bool = key("whether the draws can be trusted")
    flagged: list[str] = key("checks that raise a flag")
    verdicts: list[Verdict] = key("one of each check")
    loo: LeftOut | None = key(
        "leave-one-patient-out, the centre's effect integrated out; `null` where draws are no "
        "posterior given single patients"
    )
    centres: LeftOut | None = key("leave-one-centre-out; `null` also without groups")
    hazard_families: list[HazardFamily] | None = key(
        "the model under other baseline hazards; `null` where they were not compared"
    )
    effect_by_period: list[PeriodEffect] | None = key(
        "the effect by time since treatment started; `null` where it was not asked"
    )
    failed: list[Missing] = key("checks, figures and hazard families that could not be computed")
