"""`ModelSpec`: what a survival model is, as plain frozen data, and scales of its default priors.

The scales are a cohort's length of follow-up and its covariates. They are taken once a cohort and
held for every rung, subset and refit, so that all of them have one prior.

The same model under a flexible baseline hazard stands beside a chosen one.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Annotated, Any, Final, Self

import numpy as np
import tomli_w
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticKnownError

from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.labels import Labels
from bayes_ihlrt.names import GroupParametrisation, ModifierTransform, Smoothing
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.formula import Formula, GroupTerm, check_readable, parse_formula, parse_group

Columns = Mapping[str, NDArray[np.generic]]
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, eq=False)
class PriorScales:
    """Scales of a cohort, and when treatment first started in it.

    Parameters
    ----------
    months : float
        Reference time of the baseline's default prior.
    patients : mapping of str to ndarray, shape (patients,)
        Covariates at time zero, on the scale of the data.
    first_treated : float, optional
        Earliest month at which a patient under observation was treated; None where nobody was.
    """

    months: float
    patients: Columns
    first_treated: float | None = None

    def __eq__(self, other: object) -> bool:
        """Scales follow from the data: specifications that differ in them alone are equal."""
        return other is None or isinstance(other, PriorScales)

    def __hash__(self) -> int:
        """Be equal to all others, as `__eq__` says."""
        return 0


def rounded_months(longest: float) -> float:
    """Return a number of months as 1, 2 or 5 times a power of ten, whichever is nearest in ratio.

    Parameters
    ----------
    longest : float
        Longest follow-up, months.

    Returns
    -------
    float
        A reference time that does not move with a few more days of follow-up.

    Examples
    --------
    >>> [rounded_months(m) for m in (0.9, 7.5, 48.0, 109.3, 144.0)]
    [1.0, 10.0, 50.0, 100.0, 200.0]
    """
    power = 10.0 ** floor(log10(longest))
    near = min(_STEPS, key=lambda step: abs(log10(longest / (step * power))))
    return near * power


def time_zero(columns: Columns, patient: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
    """Return the first row of each patient.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``start``.
    patient : ndarray of int, shape (rows,)
        Number of each row's patient.

    Returns
    -------
    dict of str to ndarray, shape (patients,)
        In the order of the numbers.
    """
    order = np.lexsort((columns["start"].astype(np.float64), patient))
    first = order[np.flatnonzero(np.diff(patient[order], prepend=-1))]
    return {name: values[first] for name, values in columns.items()}


def scales_of(columns: Columns, patient: NDArray[np.integer]) -> PriorScales:
    """Return the scales of rows (start, stop].

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``start`` and ``stop`` in months.
    patient : ndarray of int, shape (rows,)
        Number of each row's patient.

    Returns
    -------
    PriorScales
        Of the patients at their first row.
    """
    longest = float(columns["stop"].astype(np.float64).max())
    return PriorScales(rounded_months(longest), time_zero(columns, patient))


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


def _known(name: str) -> str:
    if name not in FAMILIES:
        expected = ", ".join(f"'{known}'" for known in FAMILIES)
        raise PydanticKnownError("enum", {"expected": expected})
    return name


Family = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": [*FAMILIES], "title": "HazardFamily"}),
]
"""Shape of the baseline hazard."""


class HazardSpec(_Frozen):
    """The baseline hazard.

    Parameters
    ----------
    family : str
        Shape of the hazard: a key of `hazards.registry.FAMILIES`.
    cuts : tuple of float, optional
        For ``piecewise``: inner cut points in months, increasing. Left out they lie at quantiles
        of the event times: one interval for six events, two to twenty; 30 from 2,000 events on,
        40 from 4,000.
    smoothing : Smoothing, optional
        For ``piecewise``: prior that ties the intervals together (random walk by default).
    knots : int, optional
        For ``mspline``: number of inner knots, at quantiles of the event times; left out one for
        twelve events, one to ten; 15 from 2,000 events on.
    """

    family: Family = "weibull"
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
        for option in ("cuts", "smoothing", "knots"):
            if getattr(self, option) is None or option in FAMILIES[self.family].options:
                continue
            owners = [f"'{name}'" for name, found in FAMILIES.items() if option in found.options]
            family = f"family {' or '.join(owners)}"
            raise ValueError(f"{option} belongs to {family}; found family '{self.family}'")
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
    reference : mapping of str to str
        Level of a category with which its others are compared, e.g. ``{"child_pugh": "A"}``; the
        first in alphabetical order otherwise.
    """

    formula: str = ""
    group: str = ""
    parametrisation: GroupParametrisation = GroupParametrisation.AUTO
    hazard: HazardSpec = HazardSpec()
    reference: Kept[str, str] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_readable(self.formula, self.group)
        others = sorted(set(self.reference) - set(self.parsed.columns))
        if others:
            raise ValueError(
                f"`reference` names {', '.join(others)}, which the formula does not read: "
                "remove it, or add it to the formula"
            )
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
    labels : Labels
        What its terms are called before people. Not part of what is written.

    Examples
    --------
    >>> spec = ModelSpec.from_toml('''
    ... treatment = "ihlrt"
    ... [outcome]
    ... formula = "ihlrt + albi"
    ... ''')
    >>> spec.outcome.hazard.family
    'weibull'
    >>> ModelSpec.from_toml(spec.to_toml()) == spec
    True
    """

    treatment: str | None = None
    modifier: ModifierSpec | None = None
    outcome: OutcomeSpec = OutcomeSpec()
    priors: Kept[str, AnyPrior] = Field(default_factory=FrozenDict)
    prior_base: str | None = None
    scales: HeldScales = Field(default=None, exclude=True, repr=False)
    labels: Labels = Field(default=Labels(), exclude=True, repr=False)

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


FLEXIBLE: Final = HazardSpec(family="piecewise")
"""Piecewise, cut at quantiles of the event times, a random walk about a Weibull."""


def parameter_words(hazard: HazardSpec) -> dict[str, str]:
    """Return what a baseline's parameters are called before people.

    Parameters
    ----------
    hazard : HazardSpec
        Family and options.

    Returns
    -------
    dict of str to str
        By name.

    Examples
    --------
    >>> parameter_words(HazardSpec(family="weibull"))
    {'log_rate': 'baseline rate (log)', 'log_shape': 'baseline shape (log)'}
    """
    return dict(FAMILIES[hazard.family].words)


def is_flexible(hazard: HazardSpec) -> bool:
    """Return whether a baseline can bend where the events are: cuts placed by their times.

    Parameters
    ----------
    hazard : HazardSpec
        Family and options.

    Returns
    -------
    bool
        False where the cuts or the number of knots are given: they may be too few.

    Examples
    --------
    >>> is_flexible(HazardSpec(family="mspline")), is_flexible(HazardSpec())
    (True, False)
    """
    placed = hazard.cuts is None and hazard.knots is None
    bends = FAMILIES[hazard.family].flexible
    return bends and placed and hazard.smoothing is not Smoothing.INDEPENDENT


def with_hazard(spec: ModelSpec, hazard: HazardSpec) -> ModelSpec:
    """Return a model with another baseline hazard.

    Priors of parameters that the new family does not have are left out; that of ``baseline`` stays.
    A stated log rate is left out with another family, whose rate at the same shape is another.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    hazard : HazardSpec
        Its new hazard.

    Returns
    -------
    ModelSpec
        The model.

    Examples
    --------
    >>> with_hazard(ModelSpec(), HazardSpec(family="gompertz")).outcome.hazard.family
    'gompertz'
    """
    own = set(FAMILIES[hazard.family].words)
    gone = {name for family in FAMILIES.values() for name in family.words} - own
    if hazard.family != spec.outcome.hazard.family:
        # The rate of another family at the same shape is another.
        gone.add("log_rate")
    outcome = spec.outcome.model_copy(update={"hazard": hazard})
    # A copy is not checked again, so that nothing else would freeze them.
    kept = {name: prior for name, prior in spec.priors.items() if name not in gone}
    priors = FrozenDict(kept)
    return spec.model_copy(update={"outcome": outcome, "priors": priors})


def hazard_label(hazard: HazardSpec) -> str:
    """Return what a baseline hazard is called.

    Parameters
    ----------
    hazard : HazardSpec
        Family and options.

    Returns
    -------
    str
        For example ``"piecewise 6, 18"``.

    Examples
    --------
    >>> hazard_label(HazardSpec(family="piecewise", cuts=(6.0, 18.0)))
    'piecewise 6, 18'
    """
    options = [", ".join(f"{cut:g}" for cut in hazard.cuts or ())]
    options += [] if hazard.smoothing is None else [hazard.smoothing.value]
    options += [] if hazard.knots is None else [f"{hazard.knots} knots"]
    return " ".join([hazard.family, *(option for option in options if option)])
