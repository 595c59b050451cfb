"""`PropensitySpec`: how treatment is explained, how that is used, and what would be ignored."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget, PropensityUncertainty
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.formula import check_readable, parse_formula, parse_group
from bayes_ihlrt.spec.model import ModifierSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

INTERCEPT: Final = "intercept"
"""Parameter of the model of initiation: the logit at mean covariates."""
Share = Annotated[float, Field(gt=0.0, lt=0.5, allow_inf_nan=False)]


class PropensitySpec(BaseModel):
    """The model of treatment initiation and the use of its propensities.

    logit P(treatment starts at a decision) = intercept + (x - mean x)'b + u_group.

    Parameters
    ----------
    formula : str
        What treatment is decided on, e.g. ``"nlr * response + albi + bs(time, df=3)"``; ``time``
        and ``number`` are those of the decision, and the modifier's name stands for the
        transformed modifier. Empty for a constant propensity.
    group : str
        Group effects, e.g. ``"(1 | centre)"``; empty for none.
    adjust : Adjustment
        ``weights``; ``covariate`` (spline of logit e in the outcome model); ``strata`` (fifths of
        e); ``none`` (balance is described, nothing is adjusted).
    estimand : EstimandTarget
        Population of the balancing weights, in the analysis where `adjust` is ``weights`` and in
        every table of balance. ``ate`` is stabilised, except for clones, whose population it is.
    uncertainty : PropensityUncertainty
        How the uncertainty of the propensity reaches the effect of treatment.
    trim : float, optional
        Leave out decisions with a propensity outside ``[trim, 1 - trim]``, e.g. 0.01.
    acknowledge_poor_overlap : bool
        Fit weights although an arm is then worth fewer than 10 patients.
    priors : mapping of str to Prior
        By term, by coefficient, or for ``intercept``, ``group_sd``, ``sd_<group>``; ``default``
        stands for every location that is not named. Coefficients are log odds ratios.

    Raises
    ------
    pydantic.ValidationError
        When an option cannot be read or contradicts another; every fault is listed.

    Examples
    --------
    >>> spec = PropensitySpec(formula="nlr * response + albi")
    >>> spec.adjust.value, spec.estimand.value
    ('weights', 'ato')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str
    group: str = ""
    adjust: Adjustment = Adjustment.WEIGHTS
    estimand: EstimandTarget = EstimandTarget.ATO
    uncertainty: PropensityUncertainty = PropensityUncertainty.LINKED_BOOTSTRAP
    trim: Share | None = None
    acknowledge_poor_overlap: bool = False
    priors: Kept[str, Prior] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_readable(self.formula, self.group)
        return self

    @model_validator(mode="after")
    def _uncertainty_belongs_to_the_adjustment(self) -> Self:
        default = PropensityUncertainty.LINKED_BOOTSTRAP
        sandwich = self.uncertainty is PropensityUncertainty.SANDWICH
        if self.adjust is Adjustment.NONE and self.uncertainty is not default:
            message = (
                f"adjust 'none' uses no propensity, so uncertainty '{self.uncertainty}' has "
                "nothing to carry: leave it out, or use adjust 'weights', 'covariate' or 'strata'"
            )
            raise ValueError(message)
        if sandwich and self.adjust is not Adjustment.WEIGHTS:
            message = (
                "uncertainty 'sandwich' corrects a weighted likelihood; found adjust "
                f"'{self.adjust}': use adjust 'weights', or uncertainty 'linked-bootstrap' or 'cut'"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _what_is_acknowledged_belongs_to_weights(self) -> Self:
        if self.acknowledge_poor_overlap and self.adjust is not Adjustment.WEIGHTS:
            message = (
                "`acknowledge_poor_overlap` is about weights, and adjust is "
                f"'{self.adjust}': leave it out"
            )
            raise ValueError(message)
        return self


def decided_on(propensity: PropensitySpec | None, modifier: ModifierSpec | None) -> tuple[str, ...]:
    """Return the columns that a cohort must carry for a propensity model.

    Parameters
    ----------
    propensity : PropensitySpec or None
        The model of initiation.
    modifier : ModifierSpec or None
        The effect modifier.

    Returns
    -------
    tuple of str
        Column names, without those that a decision has of itself and without ``centre``.
    """
    if propensity is None:
        return ()
    read = [*parse_formula(propensity.formula).columns] if propensity.formula else []
    for group in parse_group(propensity.group) if propensity.group else ():
        read += [group.group] if group.slope is None else [group.group, group.slope]
    names = [name for name in read if name not in {"centre", "time", "number"}]
    if modifier is not None:
        names = [modifier.column if name == modifier.name else name for name in names]
    return tuple(dict.fromkeys(names))


def adjustment_faults(
    propensity: PropensitySpec | None, treatment: TreatmentSpec | None, sampler: SamplerSpec
) -> list[Fault]:
    """Return what a propensity that adjusts would ignore.

    Parameters
    ----------
    propensity : PropensitySpec or None
        The model of initiation and its use.
    treatment : TreatmentSpec or None
        The treatment and its design.
    sampler : SamplerSpec
        Settings of the sampler.

    Returns
    -------
    list of Fault
        A population other than everybody for clones; settings of NUTS, which does not draw these
        posteriors.
    """
    if propensity is None or propensity.adjust is Adjustment.NONE:
        return []
    return [*_of_clones(propensity, treatment), *_of_sampler(propensity, sampler)]


def _of_clones(propensity: PropensitySpec, treatment: TreatmentSpec | None) -> list[Fault]:
    clones = treatment is not None and treatment.design is DesignKind.CLONE_CENSOR_WEIGHT
    stated = "estimand" in propensity.model_fields_set
    if not clones or not stated or propensity.estimand is EstimandTarget.ATE:
        return []
    problem = (
        f"'{propensity.estimand}' was found, and clones are weighted by the probability of keeping "
        "to their strategy, which stands for everybody"
    )
    return [Fault("[propensity] estimand", problem, "Write estimand = 'ate' for this design")]


def _of_sampler(propensity: PropensitySpec, sampler: SamplerSpec) -> list[Fault]:
    ignored = ("engine", "tune", "target_accept")
    fields = type(sampler).model_fields
    changed = [name for name in ignored if getattr(sampler, name) != fields[name].default]
    if not changed:
        return []
    problem = (
        f"{' and '.join(changed)} would be ignored: with adjust '{propensity.adjust}' the batched "
        "engine fits every draw of the propensity"
    )
    return [Fault("[sampler]", problem, "Leave it out; draws, chains and seed are used")]


def with_target_of_clones(
    propensity: PropensitySpec | None, treatment: TreatmentSpec | None
) -> PropensitySpec | None:
    """Return a propensity with the population of clones, where the design has them and none is set.

    Parameters
    ----------
    propensity : PropensitySpec or None
        The model of initiation and its use.
    treatment : TreatmentSpec or None
        The treatment and its design.

    Returns
    -------
    PropensitySpec or None
        With estimand ``ate`` for clones that state no other, as it is otherwise.
    """
    clones = treatment is not None and treatment.design is DesignKind.CLONE_CENSOR_WEIGHT
    if propensity is None or not clones or "estimand" in propensity.model_fields_set:
        return propensity
    return propensity.model_copy(update={"estimand": EstimandTarget.ATE})
