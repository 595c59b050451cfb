"""Unmeasured confounding, read from the posterior: E-values, a grid, bias priors, the contour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.summary import QUANTILES
from bayes_ihlrt.sensitivity.bias import (
    BiasPrior,
    bias_factor,
    e_value,
    risk_ratio,
    tipping_prevalence,
)
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row, differ, probability_error
from bayes_ihlrt.verdicts import Decision, decide

Floats = NDArray[np.float64]
COMMON: Final = 0.15
"""Share with the event by the end of follow-up above which an outcome is common."""


@dataclass(frozen=True, eq=False)
class Effect:
    """Equally weighted draws of the treatment's log hazard ratio, and what was asked of it.

    Parameters
    ----------
    draws : ndarray, shape (draws,)
        Log hazard ratio.
    events : float
        Share of the patients with the event, which says whether the outcome is common.
    threshold : float
        Probability from which "hazard ratio below 1" holds.
    ess : float, optional
        Effective sample size of the draws; their number where they are independent.
    """

    draws: Floats
    events: float
    threshold: float
    ess: float | None = None

    @property
    def common(self) -> bool:
        """Whether the outcome is common."""
        return self.events > COMMON


@dataclass(frozen=True)
class ConfounderGrid:
    """Confounders to try.

    Parameters
    ----------
    strengths : tuple of float
        Hazard ratios on the outcome, above 1: the confounder is harmful.
    treated : float
        Share of the treated who have it.
    untreated : tuple of float
        Shares of the untreated who have it.
    """

    strengths: tuple[float, ...] = (1.25, 1.5, 2.0, 3.0, 5.0)
    treated: float = 0.2
    untreated: tuple[float, ...] = (0.3, 0.4, 0.6, 0.8)


def posterior_e_value(effect: Effect) -> dict[str, Any]:
    """Return E-values of the median and of the interval, and their posterior.

    Parameters
    ----------
    effect : Effect
        Draws.

    Returns
    -------
    dict
        ``median`` and ``interval`` (of the 95 % limit nearer 1; 1 where the interval includes 1):
        E-values; ``mean, q2.5, q97.5``: the E-value of each draw, summarised; ``common``.
    """
    low, middle, high = np.quantile(effect.draws, QUANTILES)
    ratios = e_value(risk_ratio(np.exp(effect.draws), common=effect.common))
    nearer = 0.0 if low * high <= 0.0 else (high if middle < 0.0 else low)
    at = [float(e_value(risk_ratio(np.exp(x), common=effect.common))) for x in (middle, nearer)]
    return {
        "median": at[0],
        "interval": at[1],
        "mean": float(ratios.mean()),
        "q2.5": float(np.quantile(ratios, 0.025)),
        "q97.5": float(np.quantile(ratios, 0.975)),
        "common": effect.common,
    }


def adjusted_grid(effect: Effect, grid: ConfounderGrid) -> tuple[Row, ...]:
    """Return the effect with each confounder of a grid taken off.

    Parameters
    ----------
    effect : Effect
        Draws.
    grid : ConfounderGrid
        Confounders.

    Returns
    -------
    tuple of mapping
        By strength and share of the untreated: hazard ratio (median and 95 % interval),
        probability that it is below 1 with its Monte Carlo standard error, decision.
    """
    return tuple(
        {
            "strength": strength,
            "treated": grid.treated,
            "untreated": share,
            **describe(effect, np.log(bias_factor(strength, grid.treated, share))),
        }
        for strength in grid.strengths
        for share in grid.untreated
    )


def tipping_factor(effect: Effect) -> float | None:
    """Return the bias factor at which "hazard ratio below 1" stops to hold.

    Taking off a factor B shifts every log hazard ratio by -log B, so the statement holds with the
    threshold's probability exactly when log B is that quantile of the draws.

    Parameters
    ----------
    effect : Effect
        Draws.

    Returns
    -------
    float or None
        Observed over true hazard ratio, below 1; None where the statement does not hold.
    """
    quantile = float(np.quantile(effect.draws, effect.threshold))
    return float(np.exp(quantile)) if quantile < 0.0 else None


SUMMARY: Final = ("e_value", "bias_prior", "tipping_factor", "grid")
"""What is told of a confounder in ``result.json``."""


def confounding(
    effect: Effect, *, grid: ConfounderGrid, prior: BiasPrior, seed: int
) -> tuple[CheckResult, dict[str, Any]]:
    """Return what an unmeasured confounder would have to be to change the answer.

    Parameters
    ----------
    effect : Effect
        Draws.
    grid : ConfounderGrid
        Confounders to try.
    prior : BiasPrior
        What is believed of one.
    seed : int
        Of the draws of the bias.

    Returns
    -------
    result : CheckResult
        Rows of the grid; data with the contour.
    summary : dict
        ``e_value``, ``bias_prior``, ``tipping_factor`` and ``grid`` for ``result.json``.
    """
    rows = adjusted_grid(effect, grid)
    found = posterior_e_value(effect)
    factors = prior.log_factors(len(effect.draws), seed)
    shifted = {"median_factor": float(np.exp(np.median(factors))), **describe(effect, factors)}
    factor = tipping_factor(effect)
    stated = describe(effect, 0.0)
    pairs = [(each["probability"], each["mcse"]) for each in (stated, *rows)]
    changes = [
        row
        for row, pair in zip(rows, pairs[1:], strict=True)
        if differ(pairs[0], pair, effect.threshold)
    ]
    told = _tipped(effect, stated, changes, factor)
    data, words = _surface(effect, grid, factor), (*_sentences(effect, found, shifted), told)
    result = CheckResult("confounding", rows, data, words, stable=not changes)
    summary = {
        "e_value": found,
        "bias_prior": shifted,
        "tipping_factor": factor,
        "grid": [dict(row) for row in rows],
    }
    return result, summary


def _surface(effect: Effect, grid: ConfounderGrid, factor: float | None) -> xr.Dataset:
    """Probability over strength and share of the untreated, and the tipping contour."""
    strength = np.geomspace(1.05, 10.0, 120)
    contour = (
        np.full_like(strength, np.nan)
        if factor is None
        else tipping_prevalence(factor, strength, grid.treated)
    )
    share = np.linspace(0.0, 1.0, 51)
    log_factor = np.log(bias_factor(strength[:, None], grid.treated, share))
    chance = (effect.draws[:, None, None] < log_factor).mean(axis=0)
    return xr.Dataset(
        {
            "probability": (("strength", "untreated"), chance),
            "contour": ("strength", contour),
        },
        coords={"strength": strength, "untreated": share},
        attrs={
            "treated": grid.treated,
            "threshold": effect.threshold,
            "holds": int(factor is not None),
        },
    )


def describe(effect: Effect, log_factor: Floats | float) -> dict[str, Any]:
    """Return the effect with a bias taken off.

    Parameters
    ----------
    effect : Effect
        Draws.
    log_factor : float or ndarray, shape (draws,)
        Log of observed over true hazard ratio.

    Returns
    -------
    dict
        ``hazard_ratio`` (median), ``q2.5``, ``q97.5``, ``probability`` below 1 with its Monte
        Carlo standard error ``mcse``, ``decision``.
    """
    shifted = effect.draws - log_factor
    low, middle, high = np.exp(np.quantile(shifted, QUANTILES))
    chance = float((shifted < 0.0).mean())
    return {
        "hazard_ratio": float(middle),
        "q2.5": float(low),
        "q97.5": float(high),
        "probability": chance,
        "mcse": probability_error(chance, effect.ess or float(len(effect.draws))),
        "decision": decide(chance, effect.threshold).value,
    }


def weakest(rows: Sequence[Row]) -> Row:
    """Return the confounder that distorts least; `rows` are those of a grid."""
    return max(rows, key=lambda row: bias_factor(row["strength"], row["treated"], row["untreated"]))


def _tipped(
    effect: Effect, stated: Mapping[str, Any], changes: Sequence[Row], factor: float | None
) -> str:
    """Tell what confounding has to be for another answer, or that none of those tried gives one."""
    if factor is not None:
        return (
            f"'Hazard ratio below 1' stops to hold once confounding makes the hazard ratio look "
            f"{factor:.2f} times what it is."
        )
    told = (
        f"Without a confounder the answer is '{Decision(stated['decision']).words}': P(hazard "
        f"ratio below 1) does not reach {effect.threshold:g}, so there is no benefit for one to "
        "overturn"
    )
    if not changes:
        return f"{told}, and none of the confounders that were tried gives another answer."
    row = weakest(changes)
    return (
        f"{told}; but a confounder of hazard ratio {row['strength']:g} that "
        f"{row['untreated']:.0%} of the untreated and {row['treated']:.0%} of the treated have "
        f"turns it into '{Decision(row['decision']).words}' (P {row['probability']:.2f})."
    )


def _sentences(effect: Effect, found: dict[str, Any], shifted: dict[str, Any]) -> tuple[str, ...]:
    first = (
        f"E-value {found['median']:.2f}: a confounder tied to treatment and to outcome by risk "
        f"ratios of {found['median']:.2f} each could explain the median hazard ratio "
        f"{np.exp(np.median(effect.draws)):.2f} away; {found['interval']:.2f} moves the 95 % "
        "interval to 1."
    )
    if found["interval"] == 1.0:
        first += " (The interval includes 1 already.)"
    second = (
        f"With the confounder that the bias prior describes (it makes the hazard ratio look "
        f"{shifted['median_factor']:.2f} times what it is), the hazard ratio is "
        f"{shifted['hazard_ratio']:.2f} ({shifted['q2.5']:.2f} to {shifted['q97.5']:.2f}) and "
        f"P(below 1) {shifted['probability']:.2f}: '{Decision(shifted['decision']).words}'."
    )
    return first, second
