"""How a synthetic patient's history comes about: exact event times, no time grid.

Each process (death, progression, treatment initiation) has a Weibull cumulative hazard whose rate
changes at response and at treatment start. A unit exponential is drawn once a patient and process
and turned into a time by inverting that piecewise function, so the same draws give the potential
outcomes of a patient under every strategy. Written apart from `hazards`, to be able to test it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.synthetic.truth import NLR_REFERENCE, CohortTruth

Floats = NDArray[np.float64]
Switch = tuple[Floats, Floats]
"""Month from which a hazard is multiplied (inf: never) and the log of the factor, by patient."""

EXPONENTIAL_SHAPE: Final = 1.0


@dataclass(frozen=True, eq=False)
class Patients:
    """Everything about patients that no treatment changes; arrays of one value a patient.

    Parameters
    ----------
    age, male, nlr, albi, afp_high : array of float
        Baseline covariates: years, 0/1, ratio, ALBI points, 0/1.
    prognosis : array of float
        Log hazard ratio of death from covariates and centre, against NLR 3 and mean ALBI and AFP.
    response : array of float
        Month of response if still alive then; inf for those who do not respond.
    death_draw, progression_draw, initiation_draw : array of float
        Unit exponentials: the cumulative hazards at which the events happen.
    follow_up : array of float
        Month of administrative censoring.
    """

    age: Floats
    male: Floats
    nlr: Floats
    albi: Floats
    afp_high: Floats
    prognosis: Floats
    response: Floats
    death_draw: Floats
    progression_draw: Floats
    initiation_draw: Floats
    follow_up: Floats


def event_time(
    draw: Floats, rate: Floats, *, shape: float, entry: Floats, switches: Sequence[Switch]
) -> Floats:
    """Invert a piecewise Weibull cumulative hazard.

    The time t with integral from `entry` to t of rate exp(b(s)) d(s^shape) = draw, where b(s) sums
    the log factors of the switches up to s. On the clock s^shape the integral is piecewise linear.

    Parameters
    ----------
    draw : array, shape (n,)
        Unit exponentials.
    rate : array, shape (n,)
        Rate on the clock s^shape before any switch; 0 for an event that never comes.
    shape : float
        Weibull shape.
    entry : array, shape (n,)
        Month from which there is a hazard; inf for never.
    switches : sequence of (times, log factors)
        Changes of the hazard, in any order within a patient.

    Returns
    -------
    array, shape (n,)
        Months; inf for never.

    Examples
    --------
    >>> one = np.ones(1)
    >>> event_time(3.0 * one, one, shape=1.0, entry=0.0 * one, switches=[(one, np.log(2.0) * one)])
    array([2.])
    """
    left = draw.copy()
    speed = rate.copy()
    start = entry**shape
    clock = np.where(np.isfinite(start), start, 0.0)
    # A rate of 0, or next to 0, means never: inf says so.
    with np.errstate(divide="ignore", over="ignore"):
        for time, log_factor in _in_order(switches):
            turn = np.maximum(time**shape, clock)
            passed = clock + left / speed > turn
            left = left - np.where(passed, turn - clock, 0.0) * speed
            clock = np.where(passed, turn, clock)
            speed = speed * np.where(passed, np.exp(log_factor), 1.0)
        reached = (clock + left / speed) ** (1.0 / shape)
    return np.where(np.isfinite(start), reached, np.inf)


def draw_patients(truth: CohortTruth, centre_effect: Floats, rng: np.random.Generator) -> Patients:
    """Draw covariates, response, follow-up and unit exponentials.

    The same draws are made whatever the truth, so one seed gives the same patients under two
    truths but for what the truths change.

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    centre_effect : array, shape (n,)
        Effect of each patient's centre on the log hazard of death.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Patients
        The n patients.
    """
    shape = (centre_effect.size,)
    age, log_nlr, albi, log_response = rng.standard_normal((4, *shape))
    male, afp, responds, amenable, follow_up = rng.random((5, *shape))
    death_draw, progression_draw, initiation_draw = rng.standard_exponential((3, *shape))
    nlr = truth.nlr_median * np.exp(truth.nlr_log_sd * log_nlr)
    afp_high = (afp < truth.afp_high_share).astype(np.float64)
    response = truth.response_median * np.exp(truth.response_log_sd * log_response)
    return Patients(
        age=truth.age_mean + truth.age_sd * age,
        male=(male < truth.male_share).astype(np.float64),
        nlr=nlr,
        albi=truth.albi_mean + truth.albi_sd * albi,
        afp_high=afp_high,
        prognosis=centre_effect
        + truth.log_hr_nlr * doublings(nlr)
        + truth.log_hr_albi * truth.albi_sd * albi
        + truth.log_hr_afp_high * (afp_high - truth.afp_high_share),
        response=np.where(responds < response_probability(truth, nlr), response, np.inf),
        death_draw=death_draw,
        progression_draw=progression_draw,
        initiation_draw=np.where(amenable < truth.amenable_share, initiation_draw, np.inf),
        follow_up=truth.first_follow_up
        + (truth.last_follow_up - truth.first_follow_up) * follow_up,
    )


def doublings(nlr: Floats) -> Floats:
    """Return log2(NLR / 3)."""
    return np.log2(nlr / NLR_REFERENCE)


def response_probability(truth: CohortTruth, nlr: Floats) -> Floats:
    """Return the probability of response, logistic in log2(NLR / 3)."""
    odds_factor = np.exp(truth.response_log_or_nlr * doublings(nlr))
    share = truth.response_share
    return share * odds_factor / (share * odds_factor + 1.0 - share)


def death_time(truth: CohortTruth, patients: Patients, treatment_start: Floats) -> Floats:
    """Return months to death had treatment started at the given months (inf: never).

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    patients : Patients
        The n patients.
    treatment_start : array, shape (n,)
        Month of treatment start; without meaning for those who die before.

    Returns
    -------
    array, shape (n,)
        Months.
    """
    effect = truth.log_hr_ihlrt + truth.log_hr_ihlrt_nlr * doublings(patients.nlr)
    return event_time(
        patients.death_draw,
        np.exp(patients.prognosis - truth.shape * np.log(truth.scale)),
        shape=truth.shape,
        entry=np.zeros_like(treatment_start),
        switches=[
            (patients.response, np.full_like(effect, truth.log_hr_response)),
            (treatment_start, effect),
        ],
    )


def progression_time(truth: CohortTruth, patients: Patients, treatment_start: Floats) -> Floats:
    """Return months to progression, were there no death, had treatment started as given.

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    patients : Patients
        The n patients.
    treatment_start : array, shape (n,)
        Month of treatment start; inf for never.

    Returns
    -------
    array, shape (n,)
        Months; after response for those who respond.
    """
    responds = np.isfinite(patients.response)
    log_factor = (
        truth.progression_share * patients.prognosis + truth.progression_log_hr_response * responds
    )
    effect = np.full_like(treatment_start, truth.progression_log_hr_ihlrt)
    return event_time(
        patients.progression_draw,
        truth.progression_rate * np.exp(log_factor),
        shape=EXPONENTIAL_SHAPE,
        entry=np.where(responds, patients.response, 0.0),
        switches=[(treatment_start, effect)],
    )


def initiation_time(truth: CohortTruth, patients: Patients) -> Floats:
    """Return the month in which treatment starts if the patient is still at risk of it.

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    patients : Patients
        The n patients.

    Returns
    -------
    array, shape (n,)
        Months; inf for never.
    """
    reserve = truth.initiation_log_hr_albi * (patients.albi - truth.albi_mean)
    effect = np.full_like(reserve, truth.initiation_log_hr_response)
    return event_time(
        patients.initiation_draw,
        truth.initiation_rate * np.exp(reserve),
        shape=EXPONENTIAL_SHAPE,
        entry=np.full_like(reserve, truth.initiation_delay),
        switches=[(patients.response, effect)],
    )


def treatment_start(truth: CohortTruth, patients: Patients) -> Floats:
    """Return the month of treatment start as it happens: alive, progression-free, observed.

    Parameters
    ----------
    truth : CohortTruth
        Parameters.
    patients : Patients
        The n patients.

    Returns
    -------
    array, shape (n,)
        Months; inf for never.
    """
    wanted = initiation_time(truth, patients)
    never = np.full_like(wanted, np.inf)
    at_risk_until = np.minimum(
        progression_time(truth, patients, never), death_time(truth, patients, never)
    )
    starts = wanted < np.minimum(at_risk_until, patients.follow_up)
    return np.where(starts, wanted, np.inf)


def _in_order(switches: Sequence[Switch]) -> list[Switch]:
    """Put each patient's switches in the order of time."""
    times = np.stack([time for time, _ in switches])
    log_factors = np.stack([log_factor for _, log_factor in switches])
    order = np.argsort(times, axis=0, kind="stable")
    return list(
        zip(
            np.take_along_axis(times, order, axis=0),
            np.take_along_axis(log_factors, order, axis=0),
            strict=True,
        )
    )
