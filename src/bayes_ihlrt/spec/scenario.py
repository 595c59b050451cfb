"""Truth of a simulated trial: how patients would fare, as plain frozen data."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.spec.rules import Frozen, Positive

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


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

    Examples
    --------
    A hazard ratio of 0.7 that begins three months after treatment:

    >>> truth = ScenarioSpec.model_validate({
    ...     "name": "delayed", "control": {"median": 19.2},
    ...     "effect": {"hr": [1.0, 0.7], "cuts": [3.0]}})
    >>> truth.is_null, truth.control.parameters()["log_shape"]
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
    def is_null(self) -> bool:
        """Whether no patient's hazard changes by treatment."""
        effect = self.effect
        flat = effect.interaction_hr == 1.0 and not (effect.log_hr_sd or effect.interaction_sd)
        return self.posterior is None and flat and set(effect.hr) == {1.0}

    @property
    def is_drawn(self) -> bool:
        """Whether the truth differs from trial to trial, so that success is assurance."""
        effect = self.effect
        return self.posterior is not None or effect.log_hr_sd > 0.0 or effect.interaction_sd > 0.0
