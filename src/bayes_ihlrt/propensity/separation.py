"""Find combinations of covariates that tell the treated from the others without error.

There the likelihood of a logistic model has no maximum: the prior alone keeps the propensities away
from 0 and 1. Separation holds if some b has s_r x_r'b >= 0 in every row (s = 1 if treated, -1 if
not) and more in at least one, which a linear programme decides.

References
----------
Albert A, Anderson JA. On the existence of maximum likelihood estimates in logistic regression
models. Biometrika 1984;71:1-10, doi 10.1093/biomet/71.1.1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class SeparationWarning(UserWarning):
    """Covariates tell some treated patients from the others without error."""


def separating_columns(design: Floats, treated: Floats, *, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that separate treated from untreated rows, wholly or in part.

    Parameters
    ----------
    design : ndarray, shape (rows, columns)
        Covariates without a constant column.
    treated : ndarray, shape (rows,)
        0/1.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    tuple of str
        Every column that separates by itself; if there is none, the columns of a combination
        that does; empty without separation.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10, doi 10.1093/biomet/71.1.1.

    Examples
    --------
    >>> albi, response = np.array([-3.0, -1.0, -2.0, -2.5]), np.array([0.0, 0.0, 1.0, 0.0])
    >>> design = np.column_stack([albi, response])
    >>> separating_columns(design, np.array([0.0, 0.0, 1.0, 1.0]), names=["albi", "response"])
    ('response',)
    """
    alone = tuple(
        name
        for name, column in zip(names, design.T, strict=True)
        if _ordered(column[treated == 1.0], column[treated == 0.0])
    )
    return alone or _combination(design, treated, names)


def _ordered(treated: Floats, control: Floats) -> bool:
    """Whether one arm's values all lie at or beyond the other's."""
    return bool(treated.min() >= control.max() or treated.max() <= control.min())


def _combination(design: Floats, treated: Floats, names: Sequence[str]) -> tuple[str, ...]:
    from scipy.optimize import linprog

    if not names:
        return ()
    scaled = (design - design.mean(axis=0)) / design.std(axis=0)
    signed = np.where(treated == 1.0, 1.0, -1.0)[:, None] * np.column_stack(
        [np.ones(len(design)), scaled]
    )
    found = linprog(
        -signed.mean(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1.0, 1.0)
    )
    # The solver keeps its constraints to 1e-7; columns have standard deviation 1.
    if found.x is None or (signed @ found.x).max() < 1e-4:
        return ()
    return tuple(name for name, b in zip(names, found.x[1:], strict=True) if abs(b) > 1e-6)


def separation_message(separated: tuple[str, ...]) -> str:
    """Say which covariates tell the arms apart, and what to do.

    Parameters
    ----------
    separated : tuple of str
        As from `separating_columns`.

    Returns
    -------
    str
        Sentences.
    """
    names, verb = ", ".join(separated), "tells" if len(separated) == 1 else "tell"
    return (
        f"PS separation: {names} {verb} some treated patients from the untreated without error. "
        "There nobody of the other arm can be compared with them, and their propensities are what "
        "the prior makes them. Leave such patients out, merge the categories, or leave the "
        "covariate out if it does not confound; `positivity_table` counts who is where."
    )
