"""What a sensitivity study returns, and decisions with room for "we cannot tell"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.parts import Failure
from bayes_ihlrt.verdicts import decide

Floats = NDArray[np.float64]

BEYOND: Final = 2.0
"""Monte Carlo standard errors by which two probabilities have to differ."""


def probability_error(probability: float, ess: float) -> float:
    """Return the Monte Carlo standard error of a probability.

    Parameters
    ----------
    probability : float
        Share of the draws.
    ess : float
        Their effective sample size.

    Returns
    -------
    float
        That is sqrt(p (1 - p) / ess), p being taken at least half a draw from 0 and 1.

    Examples
    --------
    >>> round(probability_error(0.5, 400.0), 3)
    0.025
    """
    inside = min(max(probability, 0.5 / ess), 1.0 - 0.5 / ess)
    return sqrt(inside * (1.0 - inside) / ess)


def differ(first: tuple[float, float], second: tuple[float, float], threshold: float) -> bool:
    """Tell whether two posteriors answer differently, beyond Monte Carlo error.

    Parameters
    ----------
    first, second : tuple of float
        Probability of the statement and its Monte Carlo standard error.
    threshold : float
        Probability from which the statement holds.

    Returns
    -------
    bool
        The decisions differ, and the probabilities by more than two standard errors.

    Examples
    --------
    >>> differ((0.96, 0.01), (0.94, 0.01), 0.95), differ((0.96, 0.01), (0.90, 0.01), 0.95)
    (False, True)
    """
    far = abs(first[0] - second[0]) > BEYOND * hypot(first[1], second[1])
    return far and decide(first[0], threshold) is not decide(second[0], threshold)


def changed_answers(probabilities: Floats, errors: Floats, threshold: float) -> NDArray[np.bool_]:
    """Tell where the answer differs from that of the first row, beyond Monte Carlo error.

    Parameters
    ----------
    probabilities : ndarray, shape (rows, statements)
        Posterior probabilities.
    errors : ndarray, shape (rows, statements)
        Their Monte Carlo standard errors.
    threshold : float
        Probability from which a statement holds.

    Returns
    -------
    ndarray of bool, shape (rows, statements)
        See `differ`.

    Examples
    --------
    >>> changed_answers(np.array([[0.96], [0.5]]), np.full((2, 1), 0.01), 0.95).ravel().tolist()
    [False, True]
    """
    return np.asarray(
        [
            [
                differ((p, e), (p0, e0), threshold)
                for p, e, p0, e0 in zip(row, error, probabilities[0], errors[0], strict=True)
            ]
            for row, error in zip(probabilities, errors, strict=True)
        ],
        dtype=bool,
    )


type Row = Mapping[str, Any]


def with_lost(rows: Sequence[Row], lost: Sequence[tuple[Row, Failure]]) -> tuple[Row, ...]:
    """Add a row without numbers for every choice that could not be computed.

    Parameters
    ----------
    rows : sequence of mapping
        Of the choices that could, at least one.
    lost : sequence of (mapping, Failure)
        What identifies each of the others, and why it could not.

    Returns
    -------
    tuple of mapping
        All of them with ``failed``, None or `reason` and `remedy`.

    Examples
    --------
    >>> found = with_lost([{"prior": "flat", "mean": 0.1}], [({"prior": "wide"}, Failure("", "x"))])
    >>> found[0]["failed"], found[1]["mean"], found[1]["failed"]["reason"]
    (None, None, 'x')
    """
    nothing = dict.fromkeys(rows[0])
    done = [{**row, "failed": None} for row in rows]
    gone = [{**nothing, **about, "failed": found.to_dict()} for about, found in lost]
    return (*done, *gone)


@dataclass(frozen=True, eq=False)
class CheckResult:
    """The outcome of one sensitivity study.

    Parameters
    ----------
    name : str
        Which study, such as ``"grid"`` or ``"tipping"``.
    rows : tuple of mapping
        The table of ``result.json``: what is not defined is None, never absent.
    data : xarray.Dataset
        The same numbers with dimensions and labels, for figures and for further work.
    sentences : tuple of str
        What the study says, in plain words, most important first.
    stable : bool or None
        Whether the conclusion is the same throughout; None where the study cannot tell.
    lost : tuple of Failure
        Choices that could not be computed; each has a row without numbers, and is in no sentence
        and in no number of the others.
    """

    name: str
    rows: tuple[Row, ...]
    data: xr.Dataset
    sentences: tuple[str, ...]
    stable: bool | None = None
    lost: tuple[Failure, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """What the study says: first which choices are missing, each with its reason."""
        told = [f"NOT COMPUTED, {found.part}: {found}" for found in self.lost]
        return (*told, *self.sentences)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the table as plain data."""
        return [dict(row) for row in self.rows]
