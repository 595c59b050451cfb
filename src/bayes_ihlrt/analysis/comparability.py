"""Whether the weighted arms of an analysis can be compared: effective numbers and balance."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.starts import SAME_TIME
from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.propensity.balance import covariate_columns, standardised_difference
from bayes_ihlrt.propensity.clock import passing_model
from bayes_ihlrt.propensity.comparability import ACKNOWLEDGE, UNBALANCED, Comparability, Overlap
from bayes_ihlrt.propensity.overlap import effective_patients, entry_rows, trimmed
from bayes_ihlrt.propensity.point import point_propensity
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.formula import parse_formula
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.model import PreparedPropensity


Floats = NDArray[np.float64]
type Chances = tuple[Floats, Floats | None]
_OTHERS: Final = (EstimandTarget.ATO, EstimandTarget.ATT)


@dataclass(frozen=True)
class Compared:
    """Rows whose arms are compared: covariates, arm, weight and patient of each."""

    columns: Columns
    arm: Floats
    weight: Floats


def arm_sizes(emulation: Emulation) -> tuple[int, int]:
    """Return how many patients contribute time to the treated and to the untreated arm.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.

    Returns
    -------
    tuple of int
        A patient can be in both.
    """
    story = emulation.person_time.provenance
    return int(story.treated["patients"]), int(story.untreated["patients"])


def compared_rows(emulation: Emulation, weights: Floats, *, grace: float | None) -> Compared:
    """Return the rows whose arms are compared.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    weights : ndarray, shape (rows,)
        Row weights.
    grace : float or None
        Months of grace, of clones.

    Returns
    -------
    Compared
        Each follow-up once, with what was known at its decision; of clones those followed at the
        end of the grace period, with what was known at time zero.
    """
    rows = emulation.person_time.columns
    arm = rows[emulation.treatment].astype(np.float64)
    if emulation.person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT:
        month = float(grace or 0.0)
        start, stop = rows["start"].astype(np.float64), rows["stop"].astype(np.float64)
        kept = np.flatnonzero((start <= month + SAME_TIME) & (stop > month + SAME_TIME))
        return Compared({name: v[kept] for name, v in rows.items()}, arm[kept], weights[kept])
    entered = np.flatnonzero(entry_rows(emulation.person_time, arm))
    decision = rows["decision"].astype(np.intp)[entered]
    columns = {name: v[decision] for name, v in emulation.decisions.columns.items()}
    if "trial" in rows:
        columns["trial"] = rows["trial"][entered]
    return Compared(columns, arm[entered], weights[entered])


def balance_covariates(
    compared: Compared, emulation: Emulation, *, formula: str, model: ModelSpec
) -> dict[str, Floats]:
    """Return what either model reads, as columns of numbers.

    Parameters
    ----------
    compared : Compared
        Rows with the covariates.
    emulation : Emulation
        Names the treatment.
    formula : str
        Formula of the propensity.
    model : ModelSpec
        The outcome model.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        By label, without the treatment; empty where neither model reads any.
    """
    read = [*parse_formula(formula).columns] if formula else []
    read += model.outcome.parsed.columns
    if model.modifier is not None:
        named, column = model.modifier.name, model.modifier.column
        read = [column if name == named else name for name in read]
    own = {emulation.treatment}
    names = [name for name in dict.fromkeys(read) if name in compared.columns and name not in own]
    found = covariate_columns(compared.columns, names)
    return {model.labels.covariate(name): values for name, values in found.items()}


def judge(
    emulation: Emulation,
    weights: Floats,
    *,
    spec: PropensitySpec,
    model: ModelSpec,
    grace: float | None,
    chances: Chances,
) -> Comparability:
    """Return how well weighted arms can be compared.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    weights : ndarray, shape (rows,)
        Row weights.
    spec : PropensitySpec
        Formula and population.
    model : ModelSpec
        The outcome model.
    grace : float or None
        Months of grace, of clones.
    chances : tuple of ndarray, and of one or None
        Probability of treatment at the decisions and at the intervals that controls pass, for what
        other populations would be worth.

    Returns
    -------
    Comparability
        With its verdict.
    """
    story = emulation.person_time.provenance
    clones = story.design is DesignKind.CLONE_CENSOR_WEIGHT
    target = EstimandTarget.ATE if clones else spec.estimand
    compared = compared_rows(emulation, weights, grace=grace)
    columns = balance_covariates(compared, emulation, formula=spec.formula, model=model)
    found = Comparability(
        target=target,
        clones=clones,
        patients=arm_sizes(emulation),
        ess=_effective(emulation, weights),
        unbalanced=_unbalanced(compared, columns),
    )
    if clones or found.overlap is Overlap.GOOD:
        return found
    others = tuple(
        _weighted_to(other, found, emulation, chances, columns)
        for other in _OTHERS
        if other != target
    )
    better = [other for other in others if _better(other, found)]
    return replace(found, alternatives=tuple((other.target, *other.ess) for other in better))


def check_overlap(
    emulation: Emulation,
    tables: tuple["PreparedPropensity", "PreparedPropensity | None"],
    *,
    spec: PropensitySpec,
    model: ModelSpec,
    grace: float | None,
) -> Comparability | None:
    """Return how well arms can be compared, from the propensities at their mode.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    tables : tuple of PreparedPropensity, and of one or None
        Models of initiation and of treatment within the grace period.
    spec : PropensitySpec
        Formula, population, trimming.
    model : ModelSpec
        The outcome model.
    grace : float or None
        Months of grace, of clones.

    Returns
    -------
    Comparability or None
        None where nothing is weighted.

    Raises
    ------
    RefusedError
        An arm is worth too few patients, and that was not acknowledged.
    SpecificationError, DataError
        Trimming leaves nobody, or a weight is infinite.
    """
    if spec.adjust is not Adjustment.WEIGHTS:
        return None
    chance = point_propensity(tables[0])
    earned = None if tables[1] is None else point_propensity(tables[1])
    between = passing_model(tables[0], emulation)
    passed = None if between is None else point_propensity(tables[0], at=between)
    if spec.trim is not None:
        emulation = trimmed(emulation, chance, spec.trim)
    clones = emulation.person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT
    target = EstimandTarget.ATE if clones else spec.estimand
    weights = row_weights(
        emulation, chance, target=target, grace=earned, passing=passed, stabilise=not clones
    )
    chances = (chance, passed)
    found = judge(emulation, weights, spec=spec, model=model, grace=grace, chances=chances)
    refuse_few(found, spec)
    return found


def refuse_few(found: Comparability, spec: PropensitySpec) -> None:
    """Raise where an arm is worth too few patients and nobody has asked for that.

    Parameters
    ----------
    found : Comparability
        Effective numbers.
    spec : PropensitySpec
        With `acknowledge_poor_overlap`.

    Raises
    ------
    RefusedError
        With the line that asks for it.
    """
    if not found.too_few or spec.acknowledge_poor_overlap:
        return
    where = "clones" if found.clones else f"estimand '{found.target.value}'"
    remedy = f"{found.remedy}. To fit it all the same write `{ACKNOWLEDGE}` in [propensity]"
    raise RefusedError("[propensity]", [Fault(where, found.problem, remedy)])


def _effective(emulation: Emulation, weights: Floats) -> tuple[float, float]:
    """Return effective numbers of treated and of untreated patients."""
    rows = emulation.person_time
    arm = rows.columns[emulation.treatment].astype(np.float64)
    control, treated = effective_patients(rows, arm, weights[None])
    return float(treated[0]), float(control[0])


def _unbalanced(compared: Compared, columns: dict[str, Floats]) -> tuple[tuple[str, float], ...]:
    if not columns:
        return ()
    matrix = np.stack(list(columns.values()), axis=1)
    gaps = standardised_difference(matrix, compared.arm == 1.0, compared.weight)
    named = zip(columns, gaps.tolist(), strict=True)
    large = [(name, gap) for name, gap in named if abs(gap) > UNBALANCED]
    return tuple(sorted(large, key=lambda pair: -abs(pair[1])))


def _weighted_to(
    target: EstimandTarget,
    found: Comparability,
    emulation: Emulation,
    chances: Chances,
    columns: dict[str, Floats],
) -> Comparability:
    """Return how well the arms could be compared in another population."""
    chance, passed = chances
    weights = row_weights(emulation, chance, target=target, passing=passed, stabilise=True)
    compared = compared_rows(emulation, weights, grace=None)
    gaps = _unbalanced(compared, columns)
    return replace(found, target=target, ess=_effective(emulation, weights), unbalanced=gaps)


def _better(other: Comparability, found: Comparability) -> bool:
    """Whether arms can be compared better: by the verdict, or by half as many patients again."""
    order = [*Overlap]
    if order.index(other.overlap) != order.index(found.overlap):
        return order.index(other.overlap) < order.index(found.overlap)
    return min(other.ess) > 1.5 * min(found.ess)
