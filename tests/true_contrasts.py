"""What each rung of the ladder estimates, computed from potential outcomes of the mechanism.

Nothing of the package's designs, weights or fits is used: lives are drawn under both strategies
from the mechanism, so that nothing confounds and no strategy is left, and are followed up as long
as the cohorts are. Where a rung reads a hazard ratio that no potential outcome has (a Weibull model
without the covariates that matter), its truth is the maximum-likelihood fit of that same model to
those lives.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayes_ihlrt.synthetic.mechanism import (
    death_time,
    doublings,
    draw_patients,
    event_time,
    initiation_time,
    progression_time,
)
from bayes_ihlrt.synthetic.truth import CohortTruth

LANDMARK, GRACE, HORIZON = 3.0, 6.0, 24.0
AT = (2.0, 5.0)
LAST_VISIT = 48.0
NAIVE = frozenset({"ever-never none", "landmark-3 none", "split none"})


@dataclass(frozen=True)
class Scenario:
    """A truth, and when treatment starts.

    Parameters
    ----------
    title : str
        In words.
    truth : CohortTruth
        Parameters; one centre effect of zero.
    at_visits : bool
        Treatment starts at visits every `grid` months, by response at the visit, and not at any
        time.
    grid : float
        Months between decisions.
    brings_response : bool
        Treatment brings a response within a month, wherever there is none.
    fails : frozenset of str
        Rungs that are expected to miss their target.
    only : frozenset of str
        Rungs that are fitted; all of them when empty.
    """

    title: str
    truth: CohortTruth
    at_visits: bool = False
    grid: float = 3.0
    brings_response: bool = False
    fails: frozenset[str] = NAIVE
    only: frozenset[str] = frozenset()

    def fits(self, rung):
        """Whether a rung, named with its adjustment, is fitted."""
        return not self.only or rung in self.only


def draw(scenario, n, seed):
    """Return patients, and the month in which each would start treatment if alive then."""
    rng = np.random.default_rng(seed)
    patients = draw_patients(scenario.truth, np.zeros(n), rng)
    return patients, natural_start(scenario, patients)


def natural_start(scenario, patients):
    """Return the month of start if the patient lives and is followed up until then."""
    truth = scenario.truth
    wanted = initiation_time(truth, patients)
    if scenario.at_visits:
        months = np.arange(0.0, LAST_VISIT, scenario.grid)
        log_rate = truth.initiation_log_hr_albi * (patients.albi - truth.albi_mean)[:, None]
        log_rate = log_rate + truth.initiation_log_hr_response * (
            patients.response[:, None] <= months
        )
        spent = np.cumsum(scenario.grid * truth.initiation_rate * np.exp(log_rate), axis=1)
        started = spent >= patients.initiation_draw[:, None]
        wanted = np.where(started.any(axis=1), months[started.argmax(axis=1)], np.inf)
    never = np.full(len(wanted), np.inf)
    free = progression_time(truth, patients, never)
    return np.where(wanted < free, wanted, np.inf)


def treated(scenario, patients, begin):
    """Return the patients with the response that they have when treated from `begin` on."""
    if not scenario.brings_response:
        return patients
    return replace(patients, response=np.minimum(patients.response, begin + 1.0))


def observed(scenario, n, seed):
    """Return the columns of a cohort."""
    patients, start = draw(scenario, n, seed)
    patients = treated(scenario, patients, start)
    death = death_time(scenario.truth, patients, start)
    end = np.minimum(death, patients.follow_up)
    died = death <= patients.follow_up
    return {
        "patient_id": np.array([f"synthetic-{k:06d}" for k in range(n)], dtype=object),
        "os_months": end,
        "death": died.astype(float),
        "ihlrt_months": np.where(start < end, start, np.nan),
        "response_months": np.where(patients.response < end, patients.response, np.nan),
        "nlr": patients.nlr,
        "albi": patients.albi,
        "afp_high": patients.afp_high,
    }


@dataclass(frozen=True)
class Lives:
    """The same patients under both strategies, months from the design's time zero."""

    treated: np.ndarray
    control: np.ndarray
    follow_up: np.ndarray
    weight: np.ndarray
    z: np.ndarray
    covariates: np.ndarray
    mean_z: float

    def contrast(self, *, adjusted=False):
        """Return RMST difference and log hazard ratios, on average and at the values of NLR."""
        gain = np.minimum(self.treated, HORIZON) - np.minimum(self.control, HORIZON)
        x = np.concatenate([_design(self.z, arm) for arm in (1.0, 0.0)])
        if adjusted:
            x = np.column_stack([x, np.concatenate([self.covariates] * 2)])
        limit = np.concatenate([self.follow_up] * 2)
        life = np.concatenate([self.treated, self.control])
        weight = np.concatenate([self.weight] * 2)
        theta = weibull(np.minimum(life, limit), life <= limit, x, weight)
        b = theta[1:]
        found = {"rmst": float(np.average(gain, weights=self.weight))}
        found["rmst_model"] = _model_rmst(theta, x, self.weight)
        found["log_hr"] = float(b[0] + b[2] * self.mean_z)
        return found | {f"at_{nlr:g}": float(b[0] + b[2] * np.log2(nlr / 3.0)) for nlr in AT}


def _design(z, arm):
    return np.column_stack([np.full(len(z), arm), z, arm * z])


def weibull(time, event, x, weight):
    """Return log rate, coefficients and log shape of a weighted Weibull PH model, by Newton."""
    x = np.column_stack([np.ones(len(time)), x])
    d, log_t = event.astype(float), np.log(time)
    theta = np.zeros(x.shape[1] + 1)
    theta[0] = np.log((weight * d).sum() / (weight * time).sum())
    for _ in range(50):
        k = np.exp(theta[-1])
        h = weight * np.exp(np.clip(x @ theta[:-1] + k * log_t, -50, 50))
        y = k * log_t
        gradient = np.append(x.T @ (weight * d - h), (weight * d * (1.0 + y)).sum() - (h * y).sum())
        information = np.empty((len(theta), len(theta)))
        information[:-1, :-1] = x.T @ (h[:, None] * x)
        information[:-1, -1] = information[-1, :-1] = x.T @ (h * y)
        information[-1, -1] = (h * y * (1.0 + y)).sum() - (weight * d * y).sum()
        step = np.linalg.solve(information, gradient)
        theta = theta + step * min(1.0, 1.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-9:
            return theta
    message = "Newton's method did not find the maximum"
    raise RuntimeError(message)


def _model_rmst(theta, x, weight):
    """Return the RMST difference that a fitted Weibull model tells; treated are the first half."""
    times = np.linspace(0.0, HORIZON, 97)
    h = times ** np.exp(theta[-1])
    areas = []
    for arm in np.split(x, 2):
        rate = np.exp(theta[0] + arm @ theta[1:-1])
        curve = [np.average(np.exp(-rate * value), weights=weight) for value in h]
        areas.append(np.trapezoid(curve, times))
    return float(areas[0] - areas[1])


def logistic(x, y):
    """Return fitted probabilities of a logistic regression."""
    b = np.zeros(x.shape[1])
    for _ in range(40):
        p = 1.0 / (1.0 + np.exp(-x @ b))
        # A ridge of 1e-6: numbers of decisions at which hardly anybody starts.
        hessian = x.T @ ((p * (1.0 - p))[:, None] * x) + 1e-6 * np.eye(len(b))
        step = np.linalg.solve(hessian, x.T @ (y - p) - 1e-6 * b)
        b = b + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    return 1.0 / (1.0 + np.exp(-x @ b))


def residual(scenario, patients, entry, begin, rng_draw):
    """Return months lived after `entry` by those alive then, treated from `begin` on."""
    truth, patients = scenario.truth, treated(scenario, patients, begin)
    effect = truth.log_hr_ihlrt + truth.log_hr_ihlrt_nlr * doublings(patients.nlr)
    base = np.exp(patients.prognosis - truth.shape * np.log(truth.scale))
    response = np.full_like(effect, truth.log_hr_response)
    switches = [(patients.response, response), (begin, effect)]
    end = event_time(rng_draw, base, shape=truth.shape, entry=entry, switches=switches)
    return end - entry


def _take(patients, who):
    return replace(patients, **{name: getattr(patients, name)[who] for name in vars(patients)})


def _lives(scenario, patients, entry, begins, weight, mean_z, rng):
    unit = rng.standard_exponential(len(entry))
    treated, control = (residual(scenario, patients, entry, begin, unit) for begin in begins)
    responded = (patients.response <= entry).astype(float)
    covariates = np.column_stack([patients.albi, patients.afp_high, responded])
    left = patients.follow_up - entry
    z = doublings(patients.nlr)
    return Lives(treated, control, left, weight, z, covariates, mean_z)


def from_zero(scenario, n, seed):
    """Return lives treated from month 0 and never."""
    patients, _ = draw(scenario, n, seed)
    zero, never = np.zeros(n), np.full(n, np.inf)
    z = float(doublings(patients.nlr).mean())
    rng = np.random.default_rng(seed + 1)
    return _lives(scenario, patients, zero, (zero, never), np.ones(n), z, rng)


def clones(scenario, n, seed):
    """Return lives treated as usual until the end of grace and all then, and never."""
    patients, start = draw(scenario, n, seed)
    begins = (np.minimum(start, GRACE), np.full(n, np.inf))
    z = float(doublings(patients.nlr).mean())
    rng = np.random.default_rng(seed + 1)
    return _lives(scenario, patients, np.zeros(n), begins, np.ones(n), z, rng)


def landmark(scenario, n, seed, *, overlap):
    """Return lives treated by the landmark, and untreated at it and treated as usual later."""
    patients, start = draw(scenario, n, seed)
    death = death_time(scenario.truth, patients, start)
    who = np.flatnonzero(death > LANDMARK)
    patients, treated = _take(patients, who), (start[who] <= LANDMARK).astype(float)
    responded = (patients.response <= LANDMARK).astype(float)
    z = doublings(patients.nlr)
    weight = np.ones(len(who))
    if overlap:
        e = logistic(_causes(z, responded, patients, np.ones((len(who), 1))), treated)
        weight = e * (1.0 - e)
    rng = np.random.default_rng(seed + 1)
    later = start[who].copy()
    # Whether and when they would be treated is drawn anew until it is after the landmark.
    while (again := np.flatnonzero(later <= LANDMARK)).size:
        amenable = rng.random(again.size) < scenario.truth.amenable_share
        unit = np.where(amenable, rng.standard_exponential(again.size), np.inf)
        later[again] = natural_start(
            scenario, replace(_take(patients, again), initiation_draw=unit)
        )
    entry = np.full(len(who), LANDMARK)
    mean_z = float(np.average(z, weights=weight))
    return _lives(scenario, patients, entry, (entry, later), weight, mean_z, rng)


def _causes(z, responded, patients, level):
    return np.column_stack(
        [
            level,
            z,
            responded,
            z * responded,
            patients.albi - patients.albi.mean(),
            patients.afp_high,
        ]
    )


def sequential(scenario, n, seed):
    """Return lives from each decision on: treated from then, and never; overlap population."""
    patients, start = draw(scenario, n, seed)
    death = death_time(scenario.truth, treated(scenario, patients, start), start)
    end = np.minimum(death, patients.follow_up)
    grid = scenario.grid
    rows = []
    for number in range(int(LAST_VISIT / grid)):
        t = number * grid
        settled = t if scenario.at_visits else t + grid
        untreated = start >= t if scenario.at_visits else start > t
        who = np.flatnonzero(untreated & (end > settled))
        began = start[who] < t + grid if scenario.at_visits else start[who] <= settled
        if began.sum() >= 20:
            rows.append((who, np.full(len(who), number), np.full(len(who), settled), began))
    who, number, settled, began = (np.concatenate(part) for part in zip(*rows, strict=True))
    chosen = _take(patients, who)
    asked = settled if scenario.at_visits else settled - grid
    responded = (chosen.response <= asked).astype(float)
    level = (number[:, None] == np.unique(number)).astype(float)
    e = logistic(_causes(doublings(chosen.nlr), responded, chosen, level), began.astype(float))
    weight = e * (1.0 - e)
    mean_z = float(np.average(doublings(chosen.nlr), weights=weight))
    rng = np.random.default_rng(seed + 1)
    begins = (settled, np.full(len(who), np.inf))
    return _lives(scenario, chosen, settled, begins, weight, mean_z, rng)


def conditional(truth):
    """Return the coefficients of the model that the cohorts are drawn from."""
    z = np.log2(truth.nlr_median / 3.0)
    found = {"log_hr": truth.log_hr_ihlrt + truth.log_hr_ihlrt_nlr * z}
    return found | {f"at_{nlr:g}": truth.log_hr_at(nlr) for nlr in AT}


def targets(scenario, n=60_000, seed=900_001):
    """Return what each rung should find in one draw of lives, by rung and adjustment."""
    zero = from_zero(scenario, n, seed).contrast()
    grace = clones(scenario, n, seed).contrast()
    found = {
        "ever-never none": zero,
        "split none": zero,
        "split covariates": conditional(scenario.truth),
        "sequential weights": sequential(scenario, n // 3, seed).contrast(),
        "clone-censor-weight weights": grace,
    }
    if scenario.brings_response:
        # By the landmark it may have brought the response that the other rungs adjust for, and the
        # split model with response leaves out what treatment does through it.
        return found | {"split covariates": zero}
    everybody = landmark(scenario, n, seed, overlap=False)
    months = dict.fromkeys(("rmst", "rmst_model"), grace["rmst"])
    return found | {
        "landmark-3 none": everybody.contrast(),
        "landmark-3 covariates": everybody.contrast(adjusted=True),
        "landmark-3 weights": landmark(scenario, n, seed, overlap=True).contrast(),
        "g-formula covariates": conditional(scenario.truth) | months,
    }


class Target(NamedTuple):
    """What a rung should find, and the Monte Carlo error with which that is known."""

    value: float
    error: float


def precise_targets(scenario, draws=4, n=180_000, seed=930_000):
    """Return the means of several draws of lives with their standard errors."""
    drawn = [targets(scenario, n, seed + 10 * number) for number in range(draws)]
    return {
        rung: {name: _target([one[rung][name] for one in drawn]) for name in values}
        for rung, values in drawn[0].items()
    }


def _target(values):
    return Target(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))
