"""Estimands for other patients than those of the cohort."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.estimands.population import Population, population_of
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]


def external_population(
    fit: FittedModel,
    columns: Columns,
    *,
    modifier_at: float | None = None,
    weights: Floats | None = None,
    seed: int = 0,
) -> Population:
    """Return other patients than those of the cohort, for example of another register.

    The effect of a group, such as a centre, that the cohort does not have is drawn from the
    distribution of groups, Normal(0, sd), in each draw: nothing else is known of it.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : mapping of str to ndarray, shape (patients,)
        Every covariate that the model reads, on the scale of the data; without the treatment.
    modifier_at : float, optional
        Give every patient this value of the modifier.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.
    seed : int
        Seed of the effects of unknown groups.

    Returns
    -------
    Population
        Covariate patterns with their shares.

    Raises
    ------
    SpecificationError
        When a column is missing, a category is unknown, or the weights are not one a patient.

    Examples
    --------
    Three patients of a centre that the cohort does not have:

    >>> from bayes_ihlrt.estimands.curves import NEVER, survival
    >>> register = {"nlr": np.array([2.0, 3.0, 6.0]), "albi": np.array([-2.8, -2.2, -1.6]),
    ...     "afp_high": np.array([0.0, 0.0, 1.0]), "centre": np.repeat("elsewhere", 3)}
    >>> population = external_population(fit, register, seed=1)
    >>> population.weights.round(3).tolist()
    [0.333, 0.333, 0.333]
    >>> survival(fit, [12.0], [NEVER], population=population).dims
    ('chain', 'draw', 'strategy', 'time')
    """
    rows = {name: np.asarray(values) for name, values in columns.items()}
    spec = fit.prepared.spec
    read = [*spec.outcome.parsed.columns, *(term.group for term in spec.outcome.groups)]
    if spec.modifier is not None:
        read = [spec.modifier.column if name == spec.modifier.name else name for name in read]
    known = {*rows, spec.treatment}
    if modifier_at is not None and spec.modifier is not None and rows:
        rows[spec.modifier.column] = np.full(len(next(iter(rows.values()))), modifier_at)
        known.add(spec.modifier.column)
    faults = [
        Fault(f"column {name}", "the population lacks it", nearest(name, set(rows)))
        for name in dict.fromkeys(read)
        if name not in known
    ]
    if faults:
        raise SpecificationError("external population", faults)
    return population_of(fit, rows, weights=weights, seed=seed)
