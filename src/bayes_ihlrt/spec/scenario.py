"""Truth of a simulated trial, as plain frozen data: what patients get and how they would fare."""

from enum import StrEnum
from itertools import pairwise
from math import log
from statistics import NormalDist
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.rules import Frozen, Positive, Probability

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Several = Annotated[tuple[Positive, ...], Field(min_length=2, max_length=8)]
_FEWEST: Final = 1e-3
"""Smallest share of those screened that may be enrolled: all who are screened are simulated."""


class Pattern(StrEnum):
    """How patients arrive."""

    POISSON = "poisson"
    """At random, with the given rate."""
    EVEN = "even"
    """At even distances, as design software without simulation assumes."""


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


class CrossoverSpec(Frozen):
    """Control patients who get the treatment during follow-up.

    Examples
    --------
    >>> CrossoverSpec(share=0.3, median_months=6.0).after
    0.0
    """

    share: Probability = Field(description="Share of controls who ever get it.")
    median_months: Positive = Field(
        description="Median time to it among those, exponential, after `after`."
    )
    after: NonNegative = Field(default=0.0, description="Earliest month.")


class Analysed(StrEnum):
    """What the treatment's term is in the model that analyses the trial."""

    ASSIGNED = "as-assigned"
    """The arm: what assignment does, late starts and crossover included."""
    TREATED = "as-treated"
    """1 from the start of treatment on, in either arm: what treatment does."""


class TreatmentStart(StrEnum):
    """When treatment begins in the treated arm."""

    RANDOMISATION = "randomisation"
    ON_DEMAND = "on-demand"


LATER_EFFECT: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.5)
"""Of the log ratio of a later period's hazard ratio to the one before: favours no change."""


class TreatmentSpec(Frozen):
    """The treatment: when the arms get it, and how the trial's own analysis reads it.

    ``periods`` lets the analysis see an effect that begins late or wanes: months since
    randomisation (as assigned) or since treatment began (as treated) at which its hazard ratio
    may change. The model then has a term ``<name>_from_<month>`` for each, the log of the ratio to
    the hazard ratio before, with prior Normal(0, 0.5) unless ``priors`` states another.

    Examples
    --------
    >>> TreatmentSpec(name="ihlrt", periods=[3.0]).later
    {'ihlrt_from_3': 3.0}
    """

    name: str = Field(description="Name of the arm's 0/1 term in the formula.")
    start: TreatmentStart = Field(
        default=TreatmentStart.RANDOMISATION, description="randomisation | on-demand."
    )
    share: Probability = Field(default=1.0, description="On demand: share that ever gets it.")
    median_months: Positive | None = Field(
        default=None, description="On demand: median time to it among those, exponential."
    )
    after: NonNegative = Field(default=0.0, description="On demand: earliest month.")
    crossover: CrossoverSpec | None = Field(
        default=None, description="Controls who get it during follow-up; nobody without it."
    )
    analysed: Analysed = Field(
        default=Analysed.ASSIGNED, description="as-assigned | as-treated (time-varying)."
    )
    periods: tuple[Positive, ...] = Field(
        default=(), description="Months at which the analysis lets the hazard ratio change."
    )

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

    @model_validator(mode="after")
    def _analysis_fits(self) -> Self:
        if list(self.periods) != sorted(set(self.periods)):
            message = f"periods need to increase; found {list(self.periods)}"
            raise ValueError(message)
        same = self.start is TreatmentStart.RANDOMISATION and self.crossover is None
        if self.analysed is Analysed.TREATED and same:
            message = "as-treated is as-assigned where treatment starts at randomisation and no "
            raise ValueError(f"{message}control crosses over: leave out `analysed`")
        return self

    @property
    def later(self) -> dict[str, float]:
        """Terms of the analysis for later periods, with the month from which each is 1."""
        return {f"{self.name}_from_{month:g}".replace(".", "_"): month for month in self.periods}

    @property
    def is_proportional(self) -> bool:
        """Whether the analysis needs one row a patient: the arm, with one hazard ratio."""
        return self.analysed is Analysed.ASSIGNED and not self.periods


class CovariateSpec(Frozen):
    """A prognostic covariate of the simulated patients: normal, or 0/1 with a prevalence.

    Examples
    --------
    >>> CovariateSpec(prevalence=0.4, correlation=0.3).is_binary
    True
    """

    mean: float = Field(default=0.0, description="Mean.")
    sd: Positive | None = Field(default=None, description="Standard deviation, of a normal one.")
    prevalence: Share | None = Field(default=None, description="Share with 1, of a 0/1 one.")
    correlation: Annotated[float, Field(ge=-1.0, le=1.0)] = Field(
        default=0.0,
        description="With the logarithm of the modifier; of a 0/1 covariate that of the normal "
        "variate which makes it 1 above a limit.",
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.sd is None) == (self.prevalence is None):
            message = "give either sd (a normal covariate) or prevalence (0 or 1)"
            raise ValueError(message)
        if self.prevalence is not None and self.mean:
            message = "mean belongs to sd (a normal covariate)"
            raise ValueError(message)
        return self

    @property
    def is_binary(self) -> bool:
        """Whether it is 0 or 1."""
        return self.prevalence is not None


class ModifierPopulation(Frozen):
    """Distribution of the modifier among patients who are screened: log-normal."""

    median: Positive = Field(default=3.0, description="Median.")
    log_sd: NonNegative = Field(default=0.6, description="Standard deviation of the natural log.")
    enrol_from: Positive | None = Field(default=None, description="Enrol only from this value on.")
    switch_to: Positive | Several | None = Field(
        default=None,
        description="Value from which patients are enrolled after an enrichment; or several, "
        "increasing: the enrich rules choose among them.",
    )
    covariates: Kept[Name, CovariateSpec] = Field(
        default_factory=FrozenDict,
        description="Prognostic covariates beside the modifier, by name.",
    )
    centres: Annotated[int, Field(ge=2, le=100)] | None = Field(
        default=None, description="Number of centres, which enrol alike."
    )

    @property
    def switches(self) -> tuple[float, ...]:
        """Values of `switch_to`, none without."""
        if self.switch_to is None:
            return ()
        return self.switch_to if isinstance(self.switch_to, tuple) else (self.switch_to,)

    @model_validator(mode="after")
    def _finds_patients(self) -> Self:
        if any(after <= before for before, after in pairwise(self.switches)):
            message = "switch_to: values must increase"
            raise ValueError(message)
        entries = [("switch_to", value) for value in self.switches]
        if self.enrol_from is not None:
            entries.append(("enrol_from", self.enrol_from))
        for name, least in entries:
            if self.log_sd == 0.0:
                continue
            share = 1.0 - NormalDist(log(self.median), self.log_sd).cdf(log(least))
            if share < _FEWEST:
                message = (
                    f"{name} = {least:g} would enrol fewer than 1 of {1.0 / _FEWEST:,.0f} who are "
                    "screened"
                )
                raise ValueError(message)
        return self


class ControlSpec(Frozen):
    """Hazard of a control patient at the reference value of the modifier.

    A Weibull hazard by its median survival and shape, or hazards per month between cut points.

    Examples
    --------
    >>> ControlSpec(median=19.2).parameters()["log_shape"]
    0.0
    """

    median: Positive | None = Field(default=None, description="Median survival, months (Weibull).")
    shape: Positive = Field(default=1.0, description="Weibull shape; 1 is a constant hazard.")
    cuts: tuple[Positive, ...] = Field(default=(), description="Inner cut points, months.")
    hazards: tuple[Positive, ...] = Field(default=(), description="Hazard per month, by interval.")
    log_median_sd: NonNegative = Field(
        default=0.0,
        description="Design prior: sd over trials of the log median (of the log hazards, by "
        "interval).",
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.median is None) == (not self.hazards):
            message = "give either median (Weibull) or hazards (piecewise)"
            raise ValueError(message)
        if self.hazards and (len(self.hazards) != len(self.cuts) + 1 or not self.cuts):
            message = "hazards needs one more value than cuts, and cuts at least one"
            raise ValueError(message)
        if self.hazards and self.shape != 1.0:
            message = "shape belongs to median (Weibull)"
            raise ValueError(message)
        return self

    @property
    def hazard(self) -> Hazard:
        """The hazard's family."""
        return Piecewise(self.cuts) if self.hazards else Weibull()

    def parameters(self) -> dict[str, float | list[float]]:
        """Return the hazard's parameters, on the package's scales."""
        from math import log

        if self.median is None:
            return {"log_hazard": [log(hazard) for hazard in self.hazards]}
        log_rate = log(log(2.0)) - self.shape * log(self.median)
        return {"log_rate": log_rate, "log_shape": log(self.shape)}


class EffectSpec(Frozen):
    """Effect of treatment by time since it started, and of the modifier.

    One hazard ratio is a proportional effect; several, with cut points between, a delayed
    (``[1.0, 0.6]``), waning or crossing one. The hazard ratio of a patient is
    hr x interaction_hr^z, with z the doublings of the modifier above the reference for ``log2``,
    its distance from the reference otherwise (for ``standardise`` too: a population has no sd of
    its own); interaction_hr acts only while hr is not 1, unless every hr is 1.
    """

    hr: tuple[Positive, ...] = Field(default=(1.0,), description="Hazard ratio, by period.")
    cuts: tuple[Positive, ...] = Field(
        default=(), description="Months since treatment began at which the hazard ratio changes."
    )
    interaction_hr: Positive = Field(
        default=1.0,
        description="Ratio of hazard ratios per doubling of the modifier (log2, or a design "
        "without one) or per unit of it (identity, standardise).",
    )
    modifier_hr: Positive = Field(
        default=1.0,
        description="Prognosis in control: hazard ratio per doubling of the modifier (log2, or a "
        "design without one) or per unit of it (identity, standardise).",
    )
    log_hr_sd: NonNegative = Field(
        default=0.0,
        description="Design prior: sd over trials of the log hazard ratio, added to every period "
        "in which treatment acts.",
    )
    interaction_sd: NonNegative = Field(
        default=0.0, description="Design prior: sd over trials of the log of interaction_hr."
    )
    no_effect: Probability = Field(
        default=0.0,
        description="Design prior: probability that treatment does nothing in a trial, whatever "
        "else is drawn.",
    )
    covariate_hr: Kept[Name, Positive] = Field(
        default_factory=FrozenDict,
        description="Prognosis: hazard ratio per unit of a covariate of [population.covariates].",
    )
    external_hr: Positive = Field(
        default=1.0,
        description="Drift: hazard ratio of [design.external] controls to the trial's, all else "
        "equal.",
    )
    centre_sd: NonNegative = Field(
        default=0.0, description="Sd of the log hazard over the population's centres."
    )

    @model_validator(mode="after")
    def _cuts_fit(self) -> Self:
        if len(self.hr) != len(self.cuts) + 1 or list(self.cuts) != sorted(set(self.cuts)):
            message = f"hr needs one more value than cuts, which increase; found {len(self.hr)} hr"
            raise ValueError(f"{message} and cuts {list(self.cuts)}")
        return self


class PosteriorSpec(Frozen):
    """A fitted cohort as design prior: the truth of each trial is a draw of its posterior.

    Control is the untreated patient with the cohort's average covariates in an average centre.
    """

    analysis: str = Field(description="Specification that was fitted (TOML file or name).")
    data: str = Field(description="Data file, or name of a packaged data set.")
    draws: Annotated[int, Field(ge=100)] = Field(default=1000, description="Draws that are kept.")
    ratio: Positive = Field(
        default=1.0,
        description="Multiplies the cohort's hazard ratio in every draw: above 1 is sceptical.",
    )


class PaceSpec(Frozen):
    """How accrual goes, against the design's rates."""

    ratio: Positive = Field(default=1.0, description="Patients a month, of those planned.")
    log_sd: NonNegative = Field(
        default=0.0, description="Design prior: sd over trials of the log of that ratio."
    )


class ScenarioSpec(Frozen):
    """One truth under which trials are simulated.

    Either control and effect, or the posterior of a fitted cohort. Times are in months.

    Parameters
    ----------
    name : str
        Short name in results: letters, digits, blanks and ``. _ + -``.
    control : ControlSpec, optional
        Survival of a control patient at the reference value of the modifier.
    effect : EffectSpec
        Hazard ratios of treatment and modifier; by default all are 1.
    posterior : PosteriorSpec, optional
        A fitted cohort whose posterior draws are the truths, one a trial.
    accrual : PaceSpec
        How fast patients come, against the design's rates.
    weight : float, optional
        Probability of this truth under the design prior over scenarios: averages over scenarios
        are told where every scenario has one.
    reason : str
        Why this truth is tried.

    Examples
    --------
    A hazard ratio of 0.7 that begins three months after treatment:

    >>> truth = ScenarioSpec.model_validate({
    ...     "name": "delayed", "control": {"median": 19.2},
    ...     "effect": {"hr": [1.0, 0.7], "cuts": [3.0]}})
    >>> truth.is_drawn, truth.control.parameters()["log_shape"]
    (False, 0.0)
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$")] = Field(
        description="Short name."
    )
    control: ControlSpec | None = Field(default=None, description="Survival under control.")
    effect: EffectSpec = Field(default=EffectSpec(), description="Effect of treatment.")
    posterior: PosteriorSpec | None = Field(
        default=None, description="A fitted cohort instead of control and effect."
    )
    accrual: PaceSpec = Field(default=PaceSpec(), description="Pace of accrual.")
    weight: Probability | None = Field(
        default=None, description="Probability of this truth: design prior over scenarios."
    )
    reason: str = Field(default="", description="Why this truth is tried.")

    @model_validator(mode="after")
    def _has_one_truth(self) -> Self:
        if (self.control is None) == (self.posterior is None):
            message = "give either [control] (and [effect]) or [posterior]"
            raise ValueError(message)
        if self.posterior is not None and self.effect != EffectSpec():
            message = "[effect] belongs to [control]; a posterior brings its own"
            raise ValueError(message)
        return self

    @property
    def without_effect(self) -> bool:
        """Whether no patient's hazard changes by treatment; a rule's margin may say otherwise."""
        effect = self.effect
        flat = effect.interaction_hr == 1.0 and not (effect.log_hr_sd or effect.interaction_sd)
        nothing = effect.no_effect == 1.0 or (flat and set(effect.hr) == {1.0})
        return self.posterior is None and nothing

    @property
    def is_drawn(self) -> bool:
        """Whether the truth differs from trial to trial, so that success is assurance."""
        effect = self.effect
        drawn = effect.log_hr_sd > 0.0 or effect.interaction_sd > 0.0 or effect.no_effect > 0.0
        return self.posterior is not None or (drawn and not self.without_effect)
