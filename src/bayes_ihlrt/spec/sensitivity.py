"""`SensitivitySpec`: what the sensitivity study of an analysis asks."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.clinical.evidence import evidence_faults
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.limits import MIN_ESS
from bayes_ihlrt.priors import AnyPrior, HazardRatioPrior
from bayes_ihlrt.spec.model import HazardSpec, ModelSpec
from bayes_ihlrt.spec.parameters import prior_faults, term_priors
from bayes_ihlrt.verdicts import SETTLED

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Strength = Annotated[float, Field(gt=1.0, allow_inf_nan=False)]


class ConfounderSpec(BaseModel):
    """An unmeasured binary confounder: harmful, and rarer among the treated.

    Examples
    --------
    >>> ConfounderSpec(treated=0.3, untreated=0.6).treated
    0.3
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hazard_ratio: HazardRatioPrior = Field(
        default=HazardRatioPrior(hr_median=2.0, hr_interval=(1.2, 3.3)),
        description="Hazard ratio of the confounder on the outcome, with its 95 % interval.",
    )
    treated: Share = Field(
        default=0.2, description="Share of the treated who have it; the grid's only value."
    )
    untreated: Share = Field(default=0.4, description="Share of the untreated who have it.")
    certainty: Positive = Field(
        default=20.0,
        description="Patients that the two shares are known from; more is more certain.",
    )
    strengths: Annotated[tuple[Strength, ...], Field(min_length=1)] = Field(
        default=(1.25, 1.5, 2.0, 3.0, 5.0),
        description="Grid: hazard ratios of the confounder on the outcome.",
    )
    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        default=(0.3, 0.4, 0.6, 0.8),
        description="Grid: shares of the untreated who have the confounder.",
    )
    initiation: HazardRatioPrior = Field(
        default=HazardRatioPrior(hr_median=0.5, hr_interval=(0.3, 0.83)),
        description="Latent confounder: its hazard ratio on the start of treatment, with 95 % "
        "interval.",
    )
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        default=(0.25, 1.0, 2.0),
        description="Latent confounder: factors by which the sds of its two log hazard ratios are "
        "multiplied.",
    )


class NegativeControlSpec(BaseModel):
    """An outcome that treatment cannot change.

    Examples
    --------
    >>> NegativeControlSpec(data="falls.csv", time="fall_months", event="fall").event
    'fall'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[str, Field(min_length=1)] = Field(
        description="Data file with the columns of the analysis and these, or a packaged data set."
    )
    time: Annotated[str, Field(min_length=1)] = Field(description="Column of its time.")
    event: Annotated[str, Field(min_length=1)] = Field(description="Column of its event.")


class StructureSpec(BaseModel):
    """What else the analysis could have been.

    Examples
    --------
    >>> StructureSpec().landmarks
    (3.0,)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hazards: tuple[HazardSpec, ...] = Field(
        default=(
            HazardSpec(family="weibull"),
            HazardSpec(family="gompertz"),
            HazardSpec(family="piecewise", cuts=(3.0, 6.0, 12.0, 24.0)),
            HazardSpec(family="piecewise", cuts=(6.0, 18.0)),
        ),
        description="Baseline hazards, with their cut points; the stated one is always among them.",
    )
    covariates: bool = Field(
        default=True, description="Leave out each adjusting covariate in turn, and all of them."
    )
    landmarks: tuple[Positive, ...] = Field(
        default=(3.0,), description="Landmarks in months, each a design of its own."
    )
    populations: bool = Field(
        default=True,
        description="Leave out each centre in turn, and the patients beyond the range of the "
        "modifier's central 90 %.",
    )
    crossed: bool = Field(
        default=False,
        description="Combine hazards, covariates and designs in every way, instead of one change "
        "at a time.",
    )


class SensitivitySpec(BaseModel):
    """Settings of the sensitivity study.

    Raises
    ------
    pydantic.ValidationError
        A value is out of range, or published effects do not exist or are no prior for a treatment
        (`evidence_faults`).

    Examples
    --------
    >>> SensitivitySpec().evidence
    ('LAUNCH OS',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draws: Annotated[int, Field(ge=int(MIN_ESS))] = Field(
        default=1000, description="Draws of every posterior of the study."
    )
    threshold: Annotated[float, Field(gt=0.5, lt=1.0)] = Field(
        default=SETTLED, description="Posterior probability from which a statement holds."
    )
    margin: Finite = Field(
        default=1.0, description="Months of restricted mean survival that count as a gain."
    )
    interaction_margin: Finite = Field(
        default=0.0,
        description="Months by which the gain at the largest value of the modifier has to exceed "
        "that at the smallest.",
    )
    treatment_hr: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        default=0.65,
        description="Hazard ratio that an enthusiast expects and a sceptic gives 5 %.",
    )
    priors: Kept[str, Kept[str, AnyPrior]] = Field(
        default_factory=FrozenDict,
        description="Further priors of the grid: by parameter, then by name.",
    )
    evidence: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("LAUNCH OS",),
        description="Published effects that a prior is made of: of a treatment that is added, on "
        "one outcome, from different patients.",
    )
    between_sd: Annotated[float, Field(ge=0.0, le=2.0)] = Field(
        default=0.3, description="Sd of true log hazard ratios between studies."
    )
    bias_mean: Finite = Field(
        default=-0.2,
        description="Expected bias of published log hazard ratios, taken off; below 0 where they "
        "flatter treatment.",
    )
    bias_sd: Annotated[float, Field(ge=0.0, le=2.0)] = Field(
        default=0.2, description="Sd of that bias."
    )
    mixture_weight: Share = Field(
        default=0.5, description="Weight of the published effects in the robust mixture."
    )
    confounder: ConfounderSpec = Field(
        default=ConfounderSpec(), description="An unmeasured confounder."
    )
    negative_control: NegativeControlSpec | None = Field(
        default=None, description="An outcome that treatment cannot change; none if left out."
    )
    structure: StructureSpec = Field(
        default=StructureSpec(), description="What else the analysis could have been."
    )
    audit: Annotated[int, Field(ge=0, le=50)] = Field(
        default=4, description="Cells of the grid that NUTS refits; 0 for none."
    )

    @model_validator(mode="after")
    def _evidence_is_of_a_treatment(self) -> Self:
        faults = evidence_faults(self.evidence)
        if faults:
            raise ValueError("; ".join(str(fault) for fault in faults))
        return self


def sensitivity_faults(sensitivity: SensitivitySpec, model: ModelSpec) -> list[Fault]:
    """Return where the study does not fit the model.

    Parameters
    ----------
    sensitivity : SensitivitySpec
        The study.
    model : ModelSpec
        The model.

    Returns
    -------
    list of Fault
        Priors of parameters that the model lacks, or of the wrong domain.

    Examples
    --------
    >>> model = ModelSpec.from_toml('outcome = { formula = "age" }')
    >>> own = {"agee": {"mine": {"dist": "Normal", "mu": 0.0, "sigma": 1.0}}}
    >>> sensitivity_faults(SensitivitySpec(priors=own), model)[0].remedy
    "Did you mean 'age'? Allowed: age, log_rate, log_shape"
    """
    if not sensitivity.priors or prior_faults(model):
        # Faults of the model's own priors are told in their own place.
        return []
    known = term_priors(model)
    faults = []
    for parameter, named in sensitivity.priors.items():
        where = f"[sensitivity.priors] {parameter}"
        if parameter not in known:
            remedy = nearest(parameter, known)
            faults.append(Fault(where, "the model has no such parameter", remedy))
            continue
        for name, prior in named.items():
            changed = model.model_copy(update={"priors": {**model.priors, parameter: prior}})
            faults += [
                Fault(f"{where}, '{name}'", fault.problem, fault.remedy)
                for fault in prior_faults(changed)
            ]
    return faults
