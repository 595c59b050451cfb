"""Rows with the same covariates: they share a linear predictor, which is then computed once."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.model.spec import ModelSpec


def covariate_patterns(
    spec: ModelSpec, columns: Columns
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the distinct values of everything that the linear predictor reads.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    columns : mapping of str to ndarray, shape (rows,)
        Covariates on the scale of the data.

    Returns
    -------
    pattern : ndarray, shape (rows,)
        Each row's pattern, numbered from 0 in order of appearance.
    first : ndarray, shape (patterns,)
        A row of each pattern.
    """
    names = [*spec.outcome.parsed.columns]
    for term in spec.outcome.groups:
        names += [term.group, *([term.slope] if term.slope is not None else [])]
    if spec.modifier is not None:
        transformed = spec.modifier
        names = [transformed.column if n == transformed.name else n for n in names]
    pattern = np.zeros(len(next(iter(columns.values()))), dtype=np.intp)
    for name in dict.fromkeys(names):
        values, levels = pd.factorize(columns[name])
        pattern, _ = pd.factorize(pattern * len(levels) + values)
    first = np.flatnonzero(~pd.Series(pattern).duplicated().to_numpy())
    return pattern.astype(np.intp), first
