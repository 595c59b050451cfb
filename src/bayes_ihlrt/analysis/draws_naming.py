"""What draws are called: posterior ones only where they are draws from a posterior."""

from collections.abc import Mapping
from typing import Final

from bayes_ihlrt.names import Engine, PropensityUncertainty

_KINDS: Final[Mapping[str, str]] = {
    Engine.NUTS.value: "posterior",
    Engine.LAPLACE.value: "posterior",
    PropensityUncertainty.LINKED_BOOTSTRAP.value: "bootstrap",
    PropensityUncertainty.CUT.value: "cut-distribution",
    PropensityUncertainty.SANDWICH.value: "sandwich-corrected",
    PropensityUncertainty.PLUGIN.value: "uncalibrated",
}


def draws_name(engine: str) -> str:
    """Return the word before "probability" and "median" of draws.

    Parameters
    ----------
    engine : str
        What made the draws: an `Engine` or a `PropensityUncertainty`.

    Returns
    -------
    str
        ``"posterior"`` for draws from a posterior; those of a weighted analysis are named by how
        they were made.

    Examples
    --------
    >>> draws_name("nuts"), draws_name("linked-bootstrap")
    ('posterior', 'bootstrap')
    """
    return _KINDS[engine]


def naming(engine: str) -> dict[str, str]:
    """Return what draws and probabilities made of them are called, for ``result.json``.

    Parameters
    ----------
    engine : str
        What made the draws.

    Returns
    -------
    dict of str to str
        ``kind`` and ``probability``.
    """
    kind = draws_name(engine)
    return {"kind": kind, "probability": f"{kind} probability"}
