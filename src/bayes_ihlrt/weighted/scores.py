"""Columns of the outcome's design that are made of the propensity and change with it.

A spline has its knots, strata have their cuts, at quantiles of the propensities at the mode. Each
draw's logit e is first brought to the mean and the standard deviation that it has at the mode: a
spline of it is a spline of the draw's own logit e with moved knots, strata go with the rank rather
than the level, and the coefficients of all draws belong to the same columns. Curves may then be
standardised over the columns at the mode, which are those of the person-time.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Adjustment
from bayes_ihlrt.propensity.covariate import SPLINE_COLUMNS, PropensitySpline, PropensityStrata
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.model import ModelSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

STRATA_COLUMNS: Final = tuple(f"propensity_fifth_{number}" for number in (2, 3, 4, 5))


@dataclass(frozen=True, eq=False)
class ScoreColumns:
    """Spline or strata of the propensity, row by row of person-time.

    Parameters
    ----------
    basis : PropensitySpline or PropensityStrata
        Knots or cuts.
    names : tuple of str
        Columns.
    logit : ndarray, shape (decisions,)
        Logit e at the mode.
    decision : ndarray of int, shape (rows,)
        Decision at which each row's arm was decided.
    places : tuple of int
        Where the columns are in the design of the outcome.
    """

    basis: PropensitySpline | PropensityStrata
    names: tuple[str, ...]
    logit: Floats
    decision: Ints
    places: tuple[int, ...] = ()

    def values(self, logit: Floats) -> Floats:
        """Return the columns.

        Parameters
        ----------
        logit : ndarray, shape (draws, decisions)
            Logit e of each draw.

        Returns
        -------
        ndarray, shape (draws, rows, columns)
            On the location and scale of the mode.
        """
        used, row = np.unique(self.decision, return_inverse=True)
        mode, own = self.logit[used], logit[:, used]
        spread = own.std(axis=1, keepdims=True)
        centred = (own - own.mean(axis=1, keepdims=True)) / spread
        return self.basis.columns(propensity(mode.mean() + mode.std() * centred))[:, row]

    def design(self, design: Floats, logit: Floats) -> Floats:
        """Return the design of each draw.

        Parameters
        ----------
        design : ndarray, shape (rows, covariates)
            At the mode.
        logit : ndarray, shape (draws, decisions)
            Logit e of each draw.

        Returns
        -------
        ndarray, shape (draws, rows, covariates)
            With the propensity's columns replaced.
        """
        found = np.array(np.broadcast_to(design, (len(logit), *design.shape)))
        found[:, :, list(self.places)] = self.values(logit)
        return found


def score_columns(adjust: Adjustment, logit: Floats, decision: Ints) -> ScoreColumns:
    """Place knots or cuts by the propensities at the mode.

    Parameters
    ----------
    adjust : Adjustment
        ``covariate`` or ``strata``.
    logit : ndarray, shape (decisions,)
        Logit e at the mode.
    decision : ndarray of int, shape (rows,)
        Decision at which each row's arm was decided.

    Returns
    -------
    ScoreColumns
        Not yet placed in a design.

    Raises
    ------
    DataError
        When there are too few different propensities.
    """
    chance = propensity(logit[np.unique(decision)])
    if adjust is Adjustment.COVARIATE:
        spline = PropensitySpline.from_propensities(chance)
        return ScoreColumns(spline, SPLINE_COLUMNS, logit, decision)
    strata = PropensityStrata.from_propensities(chance, strata=len(STRATA_COLUMNS) + 1)
    return ScoreColumns(strata, STRATA_COLUMNS, logit, decision)


def with_columns(person_time: PersonTime, scores: ScoreColumns) -> PersonTime:
    """Return person-time with the columns at the mode.

    Parameters
    ----------
    person_time : PersonTime
        Rows.
    scores : ScoreColumns
        The columns.

    Returns
    -------
    PersonTime
        Same rows.

    Raises
    ------
    SpecificationError
        The data have a column of such a name.
    """
    taken = [name for name in scores.names if name in person_time.columns]
    if taken:
        raise SpecificationError(
            "[propensity]",
            [
                Fault(f"column {name}", "the adjustment makes a column of this name", "Rename it")
                for name in taken
            ],
        )
    values = scores.values(scores.logit[None])[0]
    new = dict(zip(scores.names, values.T, strict=True))
    return PersonTime({**person_time.columns, **new}, person_time.provenance)


def with_terms(model: ModelSpec, names: tuple[str, ...]) -> ModelSpec:
    """Return an outcome model with further terms.

    Parameters
    ----------
    model : ModelSpec
        The outcome model.
    names : tuple of str
        Terms to add to its formula.

    Returns
    -------
    ModelSpec
        Otherwise the same.
    """
    formula = " + ".join([model.outcome.formula, *names] if model.outcome.formula else names)
    plain = model.to_dict()
    return ModelSpec.model_validate({**plain, "outcome": {**plain["outcome"], "formula": formula}})
