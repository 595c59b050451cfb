"""The families of baseline hazards by name: one line each."""

from typing import Final

from bayes_ihlrt.hazards.exponential import Exponential
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull

FAMILIES: Final[dict[str, type[Hazard]]] = {
    family.name: family for family in (Exponential, Weibull, Gompertz, Piecewise, MSpline)
}
"""By what specifications call them."""


def register(family: type[Hazard]) -> None:
    """Make a family from elsewhere known, before a specification names it.

    Parameters
    ----------
    family : type
        With everything that `Hazard` lists; one of the same name is replaced.

    Examples
    --------
    >>> register(Weibull)
    >>> FAMILIES["weibull"] is Weibull
    True
    """
    FAMILIES[family.name] = family


def names_of_parameters() -> frozenset[str]:
    """Return what graphs call the parameters of families, and the coordinates of them.

    Returns
    -------
    frozenset of str
        Of every family that is known now; no column of a formula may have one of them.

    Examples
    --------
    >>> {"log_shape", "log_rate_centred", "slope_scaled"} <= names_of_parameters()
    True
    """
    own = {name for family in FAMILIES.values() for name in (*family.words, *family.parameters)}
    return frozenset(f"{name}{kind}" for name in own for kind in ("", "_centred", "_scaled"))


def level_of(family: str) -> str:
    """Return the parameter that sets the level of a family.

    Parameters
    ----------
    family : str
        A key of `FAMILIES`.

    Returns
    -------
    str
        One of its parameters.

    Examples
    --------
    >>> level_of("weibull")
    'log_rate'
    """
    return FAMILIES[family].level
