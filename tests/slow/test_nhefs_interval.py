"""Interval of the linked bootstrap against the published bootstrap: What If, section 17.4.

Smoking cessation and death within 120 months in the NHEFS cohort. Hernan and Robins give a
difference in survival of 0.2 % (95 % interval -4.1 % to 3.7 %, 500 bootstrap samples) by inverse
probability weighting (program 17.3). Their bootstrap is repeated here in NumPy, and the package's
own analysis, a Weibull model of proportional hazards, is compared with both.
"""

import numpy as np
import pytest
from causaldata import nhefs

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.propensity.model import prepare_propensity
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.weighted.adjusted import fit_propensity_adjusted

pytestmark = [pytest.mark.slow, pytest.mark.golden]

MONTHS = 120
PUBLISHED = (-0.041, 0.037)
CESSATION = PropensitySpec(
    formula="sex + race + poly(age, 2) + education + poly(smokeintensity, 2) + poly(smokeyrs, 2)"
    " + exercise + active + poly(wt71, 2)",
    estimand="ate",
)
NUMBERS = ("age", "smokeintensity", "smokeyrs", "wt71")
CATEGORIES = ("sex", "race", "education", "exercise", "active")
DATA = DataSpec(patient="seqn", time="months", event="death")
QUITTING = TreatmentSpec(name="qsmk", column="qsmk", design="fixed")


@pytest.fixture(scope="module")
def columns():
    frame = nhefs.load_pandas().data
    died = 12 * (frame["yrdth"] - 83) + frame["modth"]
    found = {name: frame[name].to_numpy(float) for name in (*NUMBERS, "qsmk", "death")}
    found |= {name: frame[name].astype(str).to_numpy(object) for name in CATEGORIES}
    found["seqn"] = frame["seqn"].astype(int).astype(str).to_numpy(object)
    found["months"] = died.where(frame["death"] == 1, MONTHS).to_numpy(float)
    return found


def logistic(design, events, trials):
    """Return the maximum likelihood coefficients of a logistic regression, by Newton's method."""
    found = np.zeros(design.shape[1])
    for _ in range(30):
        chance = 1.0 / (1.0 + np.exp(-design @ found))
        gradient = design.T @ (events - trials * chance)
        information = design.T @ (design * (trials * chance * (1.0 - chance))[:, None])
        step = np.linalg.solve(information, gradient)
        found = found + step
        if np.abs(step).max() < 1e-8:
            return found
    message = "no maximum"
    raise AssertionError(message)


def program(columns, design, count):
    """Return the difference in S(120) by program 17.3, patients counted `count` times."""
    quit_smoking = columns["qsmk"]
    chance = 1.0 / (1.0 + np.exp(-design @ logistic(design, count * quit_smoking, count)))
    share = count @ quit_smoking / count.sum()
    received = np.where(quit_smoking == 1.0, share / chance, (1.0 - share) / (1.0 - chance))
    weight = count * received
    month = np.arange(MONTHS)
    last = columns["months"].astype(int) - 1
    events, trials, rows = [], [], []
    scaled = (month - 60.0) / 60.0
    for arm in (0.0, 1.0):
        own = quit_smoking == arm
        died = own & (columns["death"] == 1.0)
        at_exit = np.bincount(last[own], weight[own], MONTHS)
        events.append(np.bincount(last[died], weight[died], MONTHS))
        trials.append(np.cumsum(at_exit[::-1])[::-1])
        curve = np.stack([np.ones(MONTHS), scaled, scaled**2], axis=1)
        rows.append(np.concatenate([curve, arm * curve], axis=1))
    fitted = logistic(np.concatenate(rows), np.concatenate(events), np.concatenate(trials))
    curves = [np.prod(1.0 - 1.0 / (1.0 + np.exp(-part @ fitted))) for part in rows]
    return curves[1] - curves[0]


@pytest.fixture(scope="module")
def classical(columns):
    """Return 500 bootstrap replicates of program 17.3, and the estimate itself."""
    rows = {**columns, "patient": columns["seqn"], "initiated": columns["qsmk"]}
    design = np.asarray(prepare_propensity(CESSATION, rows, None).data["design"])
    design = (design - design.mean(axis=0)) / design.std(axis=0)
    design = np.concatenate([np.ones((len(design), 1)), design], axis=1)
    rng = np.random.default_rng(1)
    n = len(design)
    counts = rng.multinomial(n, np.full(n, 1.0 / n), size=500).astype(float)
    draws = np.array([program(columns, design, count) for count in counts])
    return draws, program(columns, design, np.ones(n))


def width(draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return high - low


def test_the_classical_bootstrap_is_the_published_one(classical):
    draws, estimate = classical
    assert estimate == pytest.approx(0.80667 - 0.80465, abs=2e-5)
    assert width(draws) == pytest.approx(PUBLISHED[1] - PUBLISHED[0], rel=0.2)


def test_the_linked_bootstrap_is_as_wide_as_the_published_one(columns, classical):
    cohort = Cohort.from_frame(columns, DATA, QUITTING, covariates=[*NUMBERS, *CATEGORIES])
    wide = {"qsmk": {"dist": "Normal", "mu": 0.0, "sigma": 10.0}}
    model = ModelSpec(treatment="qsmk", outcome={"formula": "qsmk"}, priors=wide)
    found = fit_propensity_adjusted(emulate(cohort, QUITTING), model, CESSATION, draws=2000, seed=1)
    hazard = found.fit.prepared.hazard
    basis = hazard.increment_basis(np, np.zeros(1), np.array([float(MONTHS)]))
    risk = hazard.cumulative_hazard(np, basis, found.fit.baseline)[..., 0]
    gain = np.exp(-risk * np.exp(found.fit.draws("qsmk"))) - np.exp(-risk)
    draws, estimate = classical
    assert width(gain) == pytest.approx(PUBLISHED[1] - PUBLISHED[0], rel=0.2)
    assert width(gain) == pytest.approx(width(draws), rel=0.2)
    assert gain.mean() == pytest.approx(estimate, abs=0.25 * gain.std())
