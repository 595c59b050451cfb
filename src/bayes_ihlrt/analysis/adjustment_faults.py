"""Where `[propensity]` contradicts the design or the sampler: options that would be ignored."""

from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.propensity.spec import PropensitySpec


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
