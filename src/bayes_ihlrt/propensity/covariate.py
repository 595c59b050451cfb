"""The propensity as covariates of the outcome model: a spline of its logit, or strata.

Both learn their knots or cuts from one vector of propensities and are then applied to any other, so
that strategies, replicates and new patients share them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.errors import DataError, Fault

Floats = NDArray[np.float64]

SPLINE_COLUMNS: Final = ("logit_propensity", "logit_propensity_2", "logit_propensity_3")
_KNOTS: Final = (0.05, 0.35, 0.65, 0.95)


@dataclass(frozen=True)
class PropensitySpline:
    """Restricted cubic spline of logit e with 3 degrees of freedom, linear beyond its end knots.

    Parameters
    ----------
    knots : tuple of float
        Four knots on the logit scale.

    References
    ----------
    Harrell FE. Regression Modeling Strategies. Springer 2015, doi 10.1007/978-3-319-19425-7.

    Examples
    --------
    >>> spline = PropensitySpline.from_propensities(np.linspace(0.1, 0.9, 50))
    >>> spline.columns([0.5, 0.6, 0.7]).shape
    (3, 3)
    """

    knots: tuple[float, float, float, float]

    @classmethod
    def from_propensities(cls, propensity: ArrayLike) -> "PropensitySpline":
        """Place the knots at the 5th, 35th, 65th and 95th percentile of logit e.

        Parameters
        ----------
        propensity : array_like, shape (rows,)
            Probabilities of treatment.

        Returns
        -------
        PropensitySpline
            With these knots.

        Raises
        ------
        DataError
            When a propensity is 0 or 1, or there are too few different ones.
        """
        knots = np.quantile(_logit(propensity), _KNOTS)
        if np.any(np.diff(knots) <= 1e-9):
            raise DataError(
                "propensity",
                [
                    Fault(
                        "spline of the propensity",
                        f"its knots coincide ({', '.join(f'{k:.3g}' for k in knots)} on the logit "
                        "scale): too few different propensities",
                        "Use adjust 'weights', or a formula with a continuous covariate",
                    )
                ],
            )
        return cls((float(knots[0]), float(knots[1]), float(knots[2]), float(knots[3])))

    def columns(self, propensity: ArrayLike) -> Floats:
        """Return the spline's columns.

        Parameters
        ----------
        propensity : array_like, shape (..., rows)
            Probabilities of treatment.

        Returns
        -------
        ndarray, shape (..., rows, 3)
            Logit e and two truncated cubics, named `SPLINE_COLUMNS`.
        """
        x = _logit(propensity)
        first, *_, before, last = self.knots
        cubics = []
        for knot in self.knots[:2]:
            tail = (last - knot) / (last - before) * _cubed(x - before)
            end = (before - knot) / (last - before) * _cubed(x - last)
            cubics.append((_cubed(x - knot) - tail + end) / (last - first) ** 2)
        return np.stack([x, *cubics], axis=-1)


@dataclass(frozen=True)
class PropensityStrata:
    """Strata of the propensity, fifths by default.

    Parameters
    ----------
    cuts : tuple of float
        Propensities at which one stratum ends and the next begins, increasing.

    References
    ----------
    Rosenbaum PR, Rubin DB. Reducing bias in observational studies using subclassification on the
    propensity score. J Am Stat Assoc 1984;79:516-24, doi 10.1080/01621459.1984.10478078.

    Examples
    --------
    >>> strata = PropensityStrata.from_propensities(np.arange(1, 11) / 11)
    >>> strata.index([0.05, 0.5, 0.95]).tolist()
    [0, 2, 4]
    """

    cuts: tuple[float, ...]

    @classmethod
    def from_propensities(cls, propensity: ArrayLike, *, strata: int = 5) -> "PropensityStrata":
        """Cut at quantiles, so that strata hold equally many rows.

        Parameters
        ----------
        propensity : array_like, shape (rows,)
            Probabilities of treatment.
        strata : int
            Number of strata.

        Returns
        -------
        PropensityStrata
            With these cuts.

        Raises
        ------
        DataError
            When there are too few different propensities.
        """
        chance = np.asarray(propensity, dtype=np.float64)
        cuts = np.quantile(chance, np.arange(1, strata) / strata)
        edges = np.concatenate([[chance.min()], cuts, [chance.max()]])
        if np.any(np.diff(edges) <= 0.0):
            raise DataError(
                "propensity",
                [
                    Fault(
                        "strata of the propensity",
                        f"{strata} strata cannot be told apart: too few different propensities",
                        "Use fewer strata, or adjust 'weights'",
                    )
                ],
            )
        return cls(tuple(cuts.tolist()))

    def index(self, propensity: ArrayLike) -> NDArray[np.int64]:
        """Return the stratum of each propensity, from 0; a cut belongs to the upper stratum."""
        chance = np.asarray(propensity, dtype=np.float64)
        return np.searchsorted(self.cuts, chance, side="right").astype(np.int64)

    def columns(self, propensity: ArrayLike) -> Floats:
        """Return 0/1 columns of every stratum but the lowest, shape (..., rows, strata - 1)."""
        later = np.arange(1, len(self.cuts) + 1)
        own = self.index(propensity)[..., None]
        return np.asarray(own == later, dtype=np.float64)


def _logit(propensity: ArrayLike) -> Floats:
    chance = np.asarray(propensity, dtype=np.float64)
    wrong = chance[~((chance > 0.0) & (chance < 1.0))]
    if wrong.size:
        remedy = "Leave out those whose treatment is certain (trim)"
        found = f"found {wrong[0]:g} ({wrong.size} in all), whose logit is not finite"
        raise DataError("propensity", [Fault("propensity", found, remedy)])
    return np.asarray(np.log(chance) - np.log1p(-chance), dtype=np.float64)


def _cubed(x: Floats) -> Floats:
    return np.asarray(np.maximum(x, 0.0) ** 3, dtype=np.float64)
