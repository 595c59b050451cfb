"""Standard deviations of a design matrix over the patients whose scales are held."""

import numpy as np

from bayes_ihlrt.model.encode import formula_frame
from bayes_ihlrt.model.formula_matrix import coefficient_names, design_matrix
from bayes_ihlrt.model.modifier_form import held_sd
from bayes_ihlrt.model.predictor import OUTCOME
from bayes_ihlrt.model.spec import ModelSpec


def patient_sds(spec: ModelSpec) -> dict[str, float]:
    """Return the standard deviation of each column over the patients whose scales are held.

    Everybody counts as treated, so that an interaction with treatment has the standard deviation of
    what the effect depends on. A column that nobody varies in at time zero is left out.

    Parameters
    ----------
    spec : ModelSpec
        With scales.

    Returns
    -------
    dict of str to float
        By coefficient; empty where time zero does not hold every column of the formula.
    """
    if spec.scales is None or not spec.outcome.formula:
        return {}
    columns = dict(spec.scales.patients)
    if spec.treatment is not None:
        columns[spec.treatment] = np.ones(len(columns["patient"]))
    read = set(spec.outcome.parsed.columns)
    if spec.modifier is not None and spec.modifier.name in read:
        read = read - {spec.modifier.name} | {spec.modifier.column}
    if not read <= columns.keys():
        return {}
    frame = formula_frame(spec, columns, held_sd(spec, 1.0))
    matrix = design_matrix(spec.outcome.parsed, frame, OUTCOME)
    sds = np.asarray(matrix, dtype=np.float64)[:, 1:].std(axis=0).tolist()
    names = coefficient_names(matrix, OUTCOME)
    return {name: sd for name, sd in zip(names, sds, strict=True) if sd > 0.0}
