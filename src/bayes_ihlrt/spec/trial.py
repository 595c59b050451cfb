"""`TrialDesign`: everything about a randomised trial and its analysis that is fixed beforehand.

Who takes part, when, and what they get is part of it, as plain frozen data.
"""

from enum import StrEnum
from math import ceil
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.external import EXTERNAL, Borrowing, ExternalControls
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.spec.prior_sets import with_base
from bayes_ihlrt.spec.rules import (
    ComparatorSpec,
    Count,
    ExtensionSpec,
    Frozen,
    LookSpec,
    Positive,
    extension_problems,
    unresolved,
)
from bayes_ihlrt.spec.scenario import (
    LATER_EFFECT,
    AccrualSpec,
    ModifierPopulation,
    Name,
    TreatmentSpec,
)

MAX_BLOCK: Final = 12
"""Largest block of randomisation; all arrangements of a block are listed."""
MAX_STRATA: Final = 200
CENTRE: Final = "centre"
"""Name under which randomisation is stratified by centre."""


class ArmsSpec(Frozen):
    """Two arms, randomised in permuted blocks."""

    control: Count = Field(default=1, description="Control patients in a unit of allocation.")
    treated: Count = Field(default=1, description="Treated patients in a unit of allocation.")
    block: Count = Field(default=4, description="Patients of a block.")
    stratify_at: Positive | None = Field(
        default=None, description="Separate blocks below and from this value of the modifier on."
    )
    stratify: tuple[Name, ...] = Field(
        default=(),
        description="Separate blocks also by these 0/1 covariates, and by 'centre'.",
    )

    @model_validator(mode="after")
    def _block_holds_units(self) -> Self:
        if self.block % (self.control + self.treated) or self.block > MAX_BLOCK:
            unit = self.control + self.treated
            message = f"block must be a multiple of {unit} and at most {MAX_BLOCK}"
            raise ValueError(f"{message}; found {self.block}")
        return self


class DropoutSpec(Frozen):
    """Loss to follow-up at a constant rate, told as the share lost by a month."""

    control: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        default=0.0, description="Share of the control arm."
    )
    treated: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        default=0.0, description="Share of the treated arm."
    )
    by: Positive = Field(default=12.0, description="Month by which that share is lost.")


class Endpoint(StrEnum):
    """What an event is; the scenarios' hazards are those of this endpoint."""

    OS = "os"
    PFS = "pfs"

    @property
    def label(self) -> str:
        """Its name in full."""
        return "overall survival" if self is Endpoint.OS else "progression-free survival"

    @property
    def events(self) -> str:
        """What its events are called, in the plural."""
        return "deaths" if self is Endpoint.OS else "progressions or deaths"


class Approximation(StrEnum):
    """How the posterior at each look is found."""

    LAPLACE = "laplace"
    """Mode and curvature, then the profile of each quantity: fastest, and exact enough from ten
    events on; audited by NUTS in every run."""
    CORRECTED = "corrected"
    """Importance-weighted draws: for models with group effects or smoothing too."""


class TrialDesign(Frozen):
    """Everything that is fixed before the first patient: the trial and its analysis.

    Times are in months. Two designs that differ only in size see the same patients in the same
    order (common random numbers).

    Parameters
    ----------
    patients : int
        Maximum sample size, both arms.
    max_months : float
        Months after its opening at which the trial ends, whatever has happened.
    max_follow_up : float, optional
        Months for which a patient is followed at most; to the end of the trial without it.
    endpoint : Endpoint
        What an event is, ``"os"`` or ``"pfs"``; the scenarios' hazards are those of this endpoint.
    arms : ArmsSpec
        Allocation of patients to the two arms, in permuted blocks.
    accrual : AccrualSpec
        Patients screened per month.
    dropout : DropoutSpec
        Share of each arm lost to follow-up by a month.
    population : ModifierPopulation
        Distribution of the modifier, on the scale of the data, and who of it is enrolled.
    treatment : TreatmentSpec
        Name of the treated arm's 0/1 term, and when treatment begins.
    modifier : ModifierSpec, optional
        How the model reads the modifier; without it the model has none.
    outcome : OutcomeSpec
        The model that analyses the trial; its formula names treatment and modifier, nothing else.
    priors : dict of str to prior
        Priors of the analysis, by parameter; coefficients are log hazard ratios.
    approximation : Approximation
        How the posterior at each look is found.
    draws : int
        Draws of a corrected posterior; a Laplace posterior has none. Ten of them at least have to
        be expected beyond every threshold.
    looks : tuple of LookSpec
        When the data are looked at and what follows, in order; the last one is final.
    extension : ExtensionSpec, optional
        Size of the trial once a look's `extend` rules held.
    binding_futility : bool
        Whether a met futility rule has to be followed. If not, type I errors are told of a trial
        that never does: the worst case. Calibrated thresholds always are of that.
    report_at : tuple of float
        Values of the modifier, on the scale of the data, at which the log hazard ratio is also
        reported.
    comparators : tuple of ComparatorSpec
        Tests of the arms as assigned that are made on the same simulated trials.
    external : ExternalControls, optional
        Control patients from elsewhere who are analysed with the trial's.
    reasons : dict of str to str
        Why a prior of the analysis is what it is, by its name in `priors`.

    Examples
    --------
    >>> success = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.975}
    >>> design = TrialDesign.model_validate({
    ...     "patients": 100, "accrual": {"rates": [10.0]}, "treatment": {"name": "ihlrt"},
    ...     "outcome": {"formula": "ihlrt"}, "looks": [{"events": 60, "efficacy": [success]}]})
    >>> str(design.looks[0].efficacy[0]), design.max_months
    ('P(hazard ratio < 1) > 0.975', 120.0)
    """

    patients: Annotated[int, Field(ge=10, le=20_000)] = Field(description="Maximum sample size.")
    max_months: Positive = Field(default=120.0, description="Longest duration of the trial.")
    max_follow_up: Positive | None = Field(
        default=None, description="Months for which a patient is followed at most."
    )
    endpoint: Endpoint = Field(default=Endpoint.OS, description="os | pfs.")
    arms: ArmsSpec = Field(default=ArmsSpec(), description="Allocation.")
    accrual: AccrualSpec = Field(description="Arrival of patients who are screened.")
    dropout: DropoutSpec = Field(default=DropoutSpec(), description="Loss to follow-up.")
    population: ModifierPopulation = Field(
        default=ModifierPopulation(), description="Distribution of the modifier; enrichment."
    )
    treatment: TreatmentSpec = Field(description="What the treated arm gets.")
    modifier: ModifierSpec | None = Field(default=None, description="The effect modifier.")
    outcome: OutcomeSpec = Field(description="The model that analyses the trial.")
    priors: Kept[str, AnyPrior] = Field(default_factory=FrozenDict, description="Analysis priors.")
    approximation: Approximation = Field(
        default=Approximation.LAPLACE, description="laplace | corrected."
    )
    draws: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="Draws of a corrected posterior."
    )
    looks: Annotated[tuple[LookSpec, ...], Field(min_length=1)] = Field(
        description="Looks, in order; the last one is final."
    )
    extension: ExtensionSpec | None = Field(
        default=None, description="Size once the trial is enlarged; belongs to extend rules."
    )
    binding_futility: bool = Field(
        default=True,
        description="Whether a met futility rule has to be followed; if not, type I errors are "
        "those of a trial that never does.",
    )
    report_at: tuple[Positive, ...] = Field(
        default=(), description="Values of the modifier at which estimates are also reported."
    )
    external: ExternalControls | None = Field(
        default=None, description="Control patients from elsewhere; none without it."
    )
    comparators: tuple[ComparatorSpec, ...] = Field(
        default=(), description="Tests of the arms as assigned, made on the same trials."
    )
    reasons: Kept[str, str] = Field(
        default_factory=FrozenDict,
        description="Why a prior is what it is, by its name in `priors`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_base(cls, given: Any) -> Any:
        return with_base(given, named=False)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        problems = [*_look_problems(self), *_name_problems(self), *_part_problems(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def reference(self) -> float:
        """Value of the modifier at which the effect is read."""
        return self.population.median if self.modifier is None else self.modifier.reference

    @property
    def most_patients(self) -> int:
        """Sample size of the trial, enlarged where it can be."""
        return self.patients if self.extension is None else self.extension.size(self.patients)

    @property
    def free_futility(self) -> bool:
        """Whether there are futility rules, and they need not be followed."""
        return not self.binding_futility and any(look.futility for look in self.looks)

    @property
    def model(self) -> ModelSpec:
        """The survival model that analyses the trial."""
        later, external = self.treatment.later, self.external
        own = {} if "default" in self.priors else dict.fromkeys(later, LATER_EFFECT)
        further = [*later]
        if external is not None and external.prior is not None:
            further.append(EXTERNAL)
            own[EXTERNAL] = external.prior
        formula = " + ".join([self.outcome.formula, *further])
        return ModelSpec(
            treatment=self.treatment.name,
            modifier=self.modifier,
            outcome=self.outcome.model_copy(update={"formula": formula}),
            priors={**own, **self.priors},
        )


def _look_problems(design: TrialDesign) -> list[str]:
    found = []
    last = design.looks[-1]
    if not last.efficacy:
        found.append("the last look needs efficacy rules")
    if last.futility or last.stop_accrual or last.extend or last.enrich:
        kinds = "futility, stop_accrual, extend or enrich"
        found.append(f"the last look is final: it has no {kinds} rules")
    if any(rule.quantity.of_future for rule in (*last.efficacy, *last.efficacy_enriched)):
        found.append("the last look has no future: predictive rules belong to earlier looks")
    found += _enrichment_problems(design)
    found += extension_problems(design.extension, design.looks, design.patients)
    future = any(rule.quantity.of_future for look in design.looks for rule in look.rules)
    if future and design.approximation is not Approximation.LAPLACE:
        found.append("rules about the future need approximation = 'laplace'")
    draws = design.draws if design.approximation is Approximation.CORRECTED else None
    for number, look in enumerate(design.looks, 1):
        found += [f"look {number}: {told}" for told in unresolved(look, draws)]
        if look.events is not None and look.events > design.patients:
            found.append(f"look {number} waits for {look.events} events of {design.patients}")
        if look.patients is not None and look.patients > design.patients:
            found.append(f"look {number} waits for patient {look.patients} of {design.patients}")
    return found


def _enrichment_problems(design: TrialDesign) -> list[str]:
    found, enriches = [], any(look.enrich for look in design.looks)
    several = len(design.population.switches) > 1
    for number, look in enumerate(design.looks, 1):
        if several and look.enrich and not any(rule.is_by_value for rule in look.enrich):
            found.append(
                f"look {number}: [population] switch_to has several values and no enrich rule "
                "chooses among them: leave out `at` of a rule on hazard-ratio, survival or rmst"
            )
    if several and design.modifier is None:
        found.append("[population] switch_to has several values, and there is no [modifier]")
    if enriches and any(look.stop_accrual for look in design.looks):
        found.append("enrich and stop_accrual rules do not go together: use one of them")
    if not enriches and any(look.efficacy_enriched for look in design.looks):
        found.append("efficacy_enriched rules belong to enrich rules, and there are none")
    if enriches != (design.population.switch_to is not None):
        found.append("enrich rules and [population] switch_to belong together")
    return found


def _name_problems(design: TrialDesign) -> list[str]:
    known = {design.treatment.name, *([design.modifier.name] if design.modifier else [])}
    read = set(design.outcome.parsed.columns)
    found = []
    if strange := sorted(read - known - set(design.population.covariates)):
        found.append(
            f"the formula names {', '.join(strange)}, which no simulated patient has (covariates "
            "are given in [population.covariates])"
        )
    if missing := sorted(known - read):
        found.append(f"the formula lacks {', '.join(missing)}")
    if design.outcome.groups:
        found.append("group effects are not simulated: remove `group`")
    if design.modifier is None:
        at = [rule for look in design.looks for rule in look.rules if rule.at is not None]
        if at or design.report_at:
            found.append("a value of the modifier is asked for, and there is no [modifier]")
    return found


def _part_problems(design: TrialDesign) -> list[str]:
    """Tell what periods, strata, covariates, comparators and reasons do not fit."""
    treatment, population, found = design.treatment, design.population, []
    rules = [rule for look in design.looks for rule in look.rules]
    if not treatment.is_proportional and any(rule.quantity.of_future for rule in rules):
        found.append("rules about the future need an analysis as-assigned and without periods")
    late = sorted({rule.from_month or 0.0 for rule in rules} - {0.0, *treatment.periods})
    if late:
        told = ", ".join(f"{month:g}" for month in late)
        found.append(f"a rule reads from month {told}, which is none of [treatment] periods")
    taken = {treatment.name, *treatment.later, CENTRE}
    taken |= {design.modifier.name, design.modifier.column} if design.modifier else set()
    if twice := sorted(taken & set(population.covariates)):
        found.append(f"{', '.join(twice)} is the name of something else, not of a covariate")
    binary = {name for name, each in population.covariates.items() if each.is_binary}
    strata = binary | ({CENTRE} if population.centres else set())
    if strange := sorted(set(design.arms.stratify) - strata):
        found.append(
            f"randomisation is stratified by {', '.join(strange)}, which is neither a 0/1 covariate"
            " of the population nor its 'centre'"
        )
    elif strata_of(design) > MAX_STRATA:
        found.append(f"{strata_of(design)} strata are too many; {MAX_STRATA} are allowed")
    for each in design.comparators:
        count = len(each.levels(len(design.looks)))
        if count != len(design.looks):
            found.append(f"the {each.name} has {count} levels for {len(design.looks)} looks")
        if each.stratified and strata_of(design) == 1:
            found.append(f"the {each.name} needs strata: [arms] stratify_at or stratify")
    found += _external_problems(design)
    if unknown := sorted(set(design.reasons) - set(design.priors)):
        found.append(f"[reasons] names {', '.join(unknown)}, which [priors] does not state")
    return found


def _external_problems(design: TrialDesign) -> list[str]:
    found, external = [], design.external
    rules = [rule for look in design.looks for rule in look.rules]
    if EXTERNAL in design.population.covariates or EXTERNAL in design.outcome.parsed.columns:
        found.append(f"'{EXTERNAL}' is the term of external controls, which the model adds itself")
    if external is None:
        return found
    if any(rule.quantity.of_future for rule in rules):
        found.append("rules about the future cannot be asked with external controls")
    if external.borrow is Borrowing.ROBUST_MAP:
        if EXTERNAL in design.priors:
            found.append("robust-map has a prior of its own: remove that of 'external'")
        if design.approximation is not Approximation.LAPLACE:
            found.append("robust-map needs approximation = 'laplace'")
    return found


def strata_of(design: TrialDesign) -> int:
    """Return the number of strata of a design's randomisation.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    int
        1 where it is not stratified.
    """
    count = 1 if design.arms.stratify_at is None else 2
    for name in design.arms.stratify:
        count *= (design.population.centres or 1) if name == CENTRE else 2
    return count


def scaled_design(design: TrialDesign, patients: int) -> TrialDesign:
    """Return the design with another sample size, events at looks in proportion.

    Parameters
    ----------
    design : TrialDesign
        The design.
    patients : int
        Sample size.

    Returns
    -------
    TrialDesign
        Validated.
    """
    factor = patients / design.patients
    content = design.model_dump(mode="json", exclude_none=True)
    content["patients"] = patients
    for part in (*content["looks"], content.get("extension", {})):
        for key in {"events", "patients"} & set(part):
            part[key] = max(1, ceil(factor * part[key] - 1e-9))
    return TrialDesign.model_validate(content)
