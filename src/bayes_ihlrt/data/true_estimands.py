"""True estimands of the synthetic mechanism, by simulated potential outcomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Final

import numpy as np

from bayes_ihlrt.data.mechanism import Floats, death_time, draw_patients, treatment_start
from bayes_ihlrt.data.simulate import size_faults
from bayes_ihlrt.data.truth import CohortTruth
from bayes_ihlrt.errors import Fault, SpecificationError

NEVER: Final = "never"
AS_OBSERVED: Final = "as-observed"


class TrueQuantity(StrEnum):
    """What a `TrueEstimand` is the true value of."""

    SURVIVAL = "survival"
    RMST = "rmst"
    HAZARD_RATIO = "hazard_ratio"


@dataclass(frozen=True)
class TrueEstimand:
    """The true value of one estimand, with its Monte Carlo standard error.

    Parameters
    ----------
    quantity : TrueQuantity
        Survival probability, restricted mean survival time (months) or conditional hazard ratio.
    strategy : str
        ``"never"``, ``"from-<month>"`` (all who are alive then start) or ``"as-observed"``.
    reference : str or None
        Strategy whose value is subtracted (for the hazard ratio: that it is relative to).
    horizon : float or None
        Months; None for the hazard ratio.
    at : float or None
        NLR that every patient has; None for the cohort's own distribution of NLR.
    value, mcse : float
        The value and its Monte Carlo standard error, 0 where it is exact.
    """

    quantity: TrueQuantity
    strategy: str
    reference: str | None
    horizon: float | None
    at: float | None
    value: float
    mcse: float


def true_estimands(
    truth: CohortTruth,
    *,
    horizons: Sequence[float] = (12.0, 24.0),
    at: Sequence[float] = (2.0, 3.0, 5.0),
    starts: Sequence[float] = (0.0, 3.0),
    n: int = 200_000,
    seed: int,
) -> tuple[TrueEstimand, ...]:
    """Return true estimands of overall survival from simulated potential outcomes.

    Each simulated patient lives once under every strategy with the same draws, so differences
    have a small Monte Carlo error. Patients vary in covariates, response and centre (centres drawn
    anew); at a given NLR all else varies, and response follows that NLR. Nobody is censored.

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    horizons : sequence of float
        Months of survival and RMST.
    at : sequence of float
        Values of NLR, besides the cohort's own distribution.
    starts : sequence of float
        Months m of the strategies "all who are alive at m start then".
    n : int
        Simulated patients.
    seed : int
        Seed, 0 or more.

    Returns
    -------
    tuple of TrueEstimand
        Survival and RMST under every strategy, their differences from ``"never"``, and the hazard
        ratio of treatment conditional on covariates and response, at each NLR.

    Raises
    ------
    SpecificationError
        When an argument is out of range; every fault is listed.

    Examples
    --------
    >>> rows = true_estimands(CohortTruth(), horizons=[24.0], at=[], n=1000, seed=1)
    >>> [row.strategy for row in rows if row.reference == "never" and row.quantity == "rmst"]
    ['from-0', 'from-3', 'as-observed']
    """
    faults = size_faults("true_estimands", n, seed)
    faults += _faults("horizons", horizons, "months above 0", lambda value: value > 0.0)
    faults += _faults("at", at, "NLR above 0", lambda value: value > 0.0)
    faults += _faults("starts", starts, "months, 0 or later", lambda value: value >= 0.0)
    if faults:
        raise SpecificationError("true_estimands", faults)
    rows = []
    for nlr in (None, *at):
        population = truth if nlr is None else replace(truth, nlr_median=nlr, nlr_log_sd=0.0)
        lives = _lives(population, starts, n=n, seed=seed)
        for horizon, strategy in product(horizons, lives):
            rows += _curve_rows(lives, strategy, horizon=float(horizon), at=nlr)
    for nlr in at:
        ratio = float(np.exp(truth.log_hr_at(nlr)))
        rows.append(
            TrueEstimand(TrueQuantity.HAZARD_RATIO, "treated", NEVER, None, nlr, ratio, 0.0)
        )
    return tuple(rows)


def _lives(truth: CohortTruth, starts: Sequence[float], *, n: int, seed: int) -> dict[str, Floats]:
    """Return months to death of the same patients under each strategy."""
    rng = np.random.default_rng(seed)
    patients = draw_patients(truth, truth.centre_sd * rng.standard_normal(n), rng)
    never = np.full(n, np.inf)
    begin = {NEVER: never, **{f"from-{m:g}": np.full(n, float(m)) for m in starts}}
    begin[AS_OBSERVED] = treatment_start(truth, replace(patients, follow_up=never))
    return {strategy: death_time(truth, patients, start) for strategy, start in begin.items()}


def _curve_rows(
    lives: dict[str, Floats], strategy: str, *, horizon: float, at: float | None
) -> list[TrueEstimand]:
    """Return survival and RMST of a strategy, and their differences from never."""
    rows = []
    for quantity in (TrueQuantity.SURVIVAL, TrueQuantity.RMST):
        values = _each(quantity, lives[strategy], horizon)
        samples: list[tuple[str | None, Floats]] = [(None, values)]
        if strategy != NEVER:
            samples.append((NEVER, values - _each(quantity, lives[NEVER], horizon)))
        for reference, sample in samples:
            mcse = float(sample.std(ddof=1) / np.sqrt(sample.size))
            mean = float(sample.mean())
            rows.append(TrueEstimand(quantity, strategy, reference, horizon, at, mean, mcse))
    return rows


def _each(quantity: TrueQuantity, time: Floats, horizon: float) -> Floats:
    """Return each patient's contribution to survival or RMST at a horizon."""
    if quantity is TrueQuantity.SURVIVAL:
        return (time > horizon).astype(np.float64)
    return np.minimum(time, horizon)


def _faults(
    name: str, values: Sequence[float], allowed: str, passes: Callable[[float], bool]
) -> list[Fault]:
    return [
        Fault(f"true_estimands, {name}", f"{value} is out of range", f"Give {allowed}")
        for value in values
        if not (np.isfinite(value) and passes(value))
    ]
