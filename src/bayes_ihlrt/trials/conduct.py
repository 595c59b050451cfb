"""Who takes part in a trial, when, and what they get, as plain frozen data."""

from enum import StrEnum
from math import log
from statistics import NormalDist
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from bayes_ihlrt.trials.rules import Count, Frozen, Positive, Probability
from bayes_ihlrt.trials.scenario import NonNegative

MAX_BLOCK: Final = 12
"""Largest block of randomisation; all arrangements of a block are listed."""
_FEWEST: Final = 1e-3
"""Smallest share of those screened that may be enrolled: all who are screened are simulated."""


class Pattern(StrEnum):
    """How patients arrive."""

    POISSON = "poisson"
    """At random, with the given rate."""
    EVEN = "even"
    """At even distances, as design software without simulation assumes."""


class TreatmentStart(StrEnum):
    """When treatment begins in the treated arm."""

    RANDOMISATION = "randomisation"
    ON_DEMAND = "on-demand"


class ArmsSpec(Frozen):
    """Two arms, randomised in permuted blocks."""

    control: Count = Field(default=1, description="Control patients in a unit of allocation.")
    treated: Count = Field(default=1, description="Treated patients in a unit of allocation.")
    block: Count = Field(default=4, description="Patients of a block.")
    stratify_at: Positive | None = Field(
        default=None, description="Separate blocks below and from this value of the modifier on."
    )

    @model_validator(mode="after")
    def _block_holds_units(self) -> Self:
        if self.block % (self.control + self.treated) or self.block > MAX_BLOCK:
            unit = self.control + self.treated
            message = f"block must be a multiple of {unit} and at most {MAX_BLOCK}"
            raise ValueError(f"{message}; found {self.block}")
        return self


class AccrualSpec(Frozen):
    """Patients who arrive per month, constant between cut points."""

    rates: tuple[Positive, ...] = Field(description="Patients per month, by period.")
    cuts: tuple[Positive, ...] = Field(default=(), description="Months at which the rate changes.")
    pattern: Pattern = Field(default=Pattern.POISSON, description="poisson | even.")

    @model_validator(mode="after")
    def _cuts_fit(self) -> Self:
        if len(self.rates) != len(self.cuts) + 1 or list(self.cuts) != sorted(set(self.cuts)):
            message = "rates needs one more value than cuts, and cuts increase"
            raise ValueError(message)
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


class ModifierPopulation(Frozen):
    """Distribution of the modifier among patients who are screened: log-normal."""

    median: Positive = Field(default=3.0, description="Median.")
    log_sd: NonNegative = Field(default=0.6, description="Standard deviation of the natural log.")
    enrol_from: Positive | None = Field(default=None, description="Enrol only from this value on.")
    switch_to: Positive | None = Field(
        default=None, description="Value from which patients are enrolled after an enrichment."
    )

    @model_validator(mode="after")
    def _finds_patients(self) -> Self:
        for name in ("enrol_from", "switch_to"):
            least = getattr(self, name)
            if least is None or self.log_sd == 0.0:
                continue
            share = 1.0 - NormalDist(log(self.median), self.log_sd).cdf(log(least))
            if share < _FEWEST:
                message = (
                    f"{name} = {least:g} would enrol fewer than 1 of {1.0 / _FEWEST:,.0f} who are "
                    "screened"
                )
                raise ValueError(message)
        return self


class TreatmentSpec(Frozen):
    """The treatment of the treated arm; the analysis compares arms as assigned."""

    name: str = Field(description="Name of the arm's 0/1 term in the formula.")
    start: TreatmentStart = Field(
        default=TreatmentStart.RANDOMISATION, description="randomisation | on-demand."
    )
    share: Probability = Field(default=1.0, description="On demand: share that ever gets it.")
    median_months: Positive | None = Field(
        default=None, description="On demand: median time to it among those, exponential."
    )
    after: NonNegative = Field(default=0.0, description="On demand: earliest month.")

    @model_validator(mode="after")
    def _on_demand_has_a_time(self) -> Self:
        on_demand = self.start is TreatmentStart.ON_DEMAND
        if on_demand != (self.median_months is not None):
            message = "median_months belongs to start = 'on-demand', which needs it"
            raise ValueError(message)
        if not on_demand and (self.share != 1.0 or self.after):
            message = "share and after belong to start = 'on-demand'"
            raise ValueError(message)
        return self
