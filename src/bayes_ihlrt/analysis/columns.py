"""Which columns of the data file the parts of an analysis read."""

from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.model.formula import parse_formula, parse_group
from bayes_ihlrt.model.spec import ModifierSpec, OutcomeSpec
from bayes_ihlrt.propensity.spec import PropensitySpec


def covariates(
    treatment: TreatmentSpec | None, modifier: ModifierSpec | None, outcome: OutcomeSpec
) -> tuple[str, ...]:
    """Return the columns that a cohort must carry for a model, in the order of the formula.

    Parameters
    ----------
    treatment : TreatmentSpec or None
        The treatment.
    modifier : ModifierSpec or None
        The effect modifier.
    outcome : OutcomeSpec
        The outcome model.

    Returns
    -------
    tuple of str
        Column names of the data file, without the treatment and without ``centre``, which the
        cohort has of itself.
    """
    read = [*outcome.parsed.columns]
    for group in outcome.groups:
        read += [group.group] if group.slope is None else [group.group, group.slope]
    own = {"centre"} if treatment is None else {"centre", treatment.name}
    columns = [name for name in read if name not in own]
    if modifier is not None:
        columns = [modifier.column if name == modifier.name else name for name in columns]
    return tuple(dict.fromkeys(columns))


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
