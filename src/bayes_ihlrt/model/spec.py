"""`ModelSpec`: what a survival model is, as plain frozen data."""

import tomllib
from typing import Annotated, Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator
from pydantic.json_schema import SkipJsonSchema

from bayes_ihlrt.model.formula import (
    Formula,
    GroupTerm,
    check_readable,
    parse_formula,
    parse_group,
)
from bayes_ihlrt.model.scales import PriorScales
from bayes_ihlrt.names import GroupParametrisation, HazardFamily, ModifierTransform, Smoothing
from bayes_ihlrt.priors import AnyPrior

HeldScales = SkipJsonSchema[InstanceOf[PriorScales] | None]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModifierSpec(_Frozen):
    """The continuous effect modifier.

    Parameters
    ----------
    name : str
        The term's name in formulas; inside a formula it stands for the *transformed* modifier.
    column : str
        Column of the data.
    transform : ModifierTransform
        ``log2``: log2(x / reference), a coefficient is per doubling; ``identity``:
        x - reference; ``standardise``: (x - reference) / sd.
    reference : float
        Value at which the main effect of treatment is read.
    """

    name: str
    column: str
    transform: ModifierTransform = ModifierTransform.LOG2
    reference: float

    @model_validator(mode="after")
    def _log_needs_positive_reference(self) -> Self:
        if self.transform is ModifierTransform.LOG2 and self.reference <= 0.0:
            message = f"reference must be positive for transform 'log2'; found {self.reference}"
            raise ValueError(message)
        return self


class HazardSpec(_Frozen):
    """The baseline hazard.

    Parameters
    ----------
    family : HazardFamily
        Shape of the hazard.
    cuts : tuple of float, optional
        For ``piecewise``: inner cut points in months, increasing. Left out they lie at quantiles
        of the event times, one interval for six events, at least two and at most twenty.
    smoothing : Smoothing, optional
        For ``piecewise``: prior that ties the intervals together (random walk by default).
    knots : int, optional
        For ``mspline``: number of inner knots, at quantiles of the event times; left out one for
        twelve events, at least one and at most ten.
    """

    family: HazardFamily = HazardFamily.WEIBULL
    cuts: tuple[PositiveFloat, ...] | None = None
    smoothing: Smoothing | None = None
    knots: Annotated[int, Field(ge=1, le=20)] | None = None

    @model_validator(mode="after")
    def _options_belong_to_the_family(self) -> Self:
        if self.cuts is not None and not self.cuts:
            message = "cuts = [] has no cut: give months, or leave cuts out to have them placed"
            raise ValueError(message)
        if self.cuts is not None and list(self.cuts) != sorted(set(self.cuts)):
            message = f"cuts must increase; found {list(self.cuts)}"
            raise ValueError(message)
        owners = {"cuts": "piecewise", "smoothing": "piecewise", "knots": "mspline"}
        for option, owner in owners.items():
            if getattr(self, option) is not None and self.family.value != owner:
                message = f"{option} belongs to family '{owner}'; found family '{self.family}'"
                raise ValueError(message)
        return self


class OutcomeSpec(_Frozen):
    """The outcome model: linear predictor, group effects, baseline hazard.

    Parameters
    ----------
    formula : str
        Right-hand side, e.g. ``"ihlrt * nlr + albi"``; the baseline hazard is the intercept.
        Empty for a model without covariates.
    group : str
        Group effects, e.g. ``"(1 | centre)"``; empty for none.
    parametrisation : GroupParametrisation
        Geometry in which group effects are sampled: ``auto`` standardises them by
        their approximate conditional posterior (see `model.groups`).
    hazard : HazardSpec
        Baseline hazard.
    """

    formula: str = ""
    group: str = ""
    parametrisation: GroupParametrisation = GroupParametrisation.AUTO
    hazard: HazardSpec = HazardSpec()

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_readable(self.formula, self.group)
        return self

    @property
    def parsed(self) -> Formula:
        """The formula's terms and columns."""
        return parse_formula(self.formula) if self.formula else Formula("", (), ())

    @property
    def groups(self) -> tuple[GroupTerm, ...]:
        """The group effects."""
        return parse_group(self.group)


class ModelSpec(_Frozen):
    """Everything that defines a survival model, apart from the data.

    log h(t) = log h0(t) + x'b + u_group, with h0 from `outcome.hazard`.

    Parameters
    ----------
    treatment : str, optional
        Name of the 0/1 treatment term in the formula.
    modifier : ModifierSpec, optional
        The effect modifier.
    outcome : OutcomeSpec
        Linear predictor, groups and hazard.
    priors : mapping of str to prior
        By term, by coefficient column, or for ``baseline``, ``log_rate``, ``log_shape``,
        ``slope``, ``log_hazard``, ``log_weights``, ``smoothing_sd``, ``group_sd``,
        ``sd_<group>``; ``default`` stands for every parameter that is not named.
    prior_base : str, optional
        Name of the set that some of `priors` come from, for telling.
    scales : PriorScales, optional
        Follow-up and covariates of the cohort that default priors are measured by; those of the
        rows themselves by default. Not part of what is written.

    Examples
    --------
    >>> spec = ModelSpec.from_toml('''
    ... treatment = "ihlrt"
    ... [outcome]
    ... formula = "ihlrt + albi"
    ... ''')
    >>> spec.outcome.hazard.family.value
    'weibull'
    >>> ModelSpec.from_toml(spec.to_toml()) == spec
    True
    """

    treatment: str | None = None
    modifier: ModifierSpec | None = None
    outcome: OutcomeSpec = OutcomeSpec()
    priors: dict[str, AnyPrior] = {}
    prior_base: str | None = None
    scales: HeldScales = Field(default=None, exclude=True, repr=False)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a specification from TOML text.

        Parameters
        ----------
        text : str
            TOML with the keys of this class.

        Returns
        -------
        ModelSpec
            The validated specification.

        Raises
        ------
        pydantic.ValidationError
            Listing every fault.
        """
        return cls.model_validate(tomllib.loads(text))

    def to_toml(self) -> str:
        """Return the specification as TOML text that `from_toml` reads back equal."""
        return tomli_w.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (strings, numbers, lists) without what is not set."""
        return self.model_dump(mode="json", exclude_none=True)
