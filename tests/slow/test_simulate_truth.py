"""A Weibull model fitted by maximum likelihood to large synthetic cohorts finds their truth.

The likelihood is written here from its formula, apart from the package's hazards and designs.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from bayes_ihlrt.synthetic.simulate import simulate_cohort, simulate_null
from bayes_ihlrt.synthetic.truth import CohortTruth

pytestmark = pytest.mark.slow

N = 400_000
TERMS = ("ihlrt", "nlr", "ihlrt:nlr", "albi", "afp_high", "response")
WITHOUT_RESPONSE = TERMS[:-1]
SWITCHES = ("ihlrt_months", "response_months")


def person_time(columns):
    """Split each patient at response and treatment; rows of (start, stop, event, patient, A, R)."""
    last = columns["os_months"]
    switches = np.stack([np.nan_to_num(columns[name], nan=np.inf) for name in SWITCHES])
    edges = np.vstack([np.zeros_like(last), np.sort(np.minimum(switches, last), axis=0), last])
    start, stop = edges[:-1].ravel(), edges[1:].ravel()
    patient = np.tile(np.arange(last.size), 3)
    keep = stop > start
    start, stop, patient = start[keep], stop[keep], patient[keep]
    on = [start >= switches[k, patient] for k in range(2)]
    event = (stop == last[patient]) & (columns["death"][patient] == 1.0)
    return start, stop, event.astype(float), patient, on[0].astype(float), on[1].astype(float)


def weibull_fit(columns, terms):
    """Return {term: (estimate, standard error)} and log_shape of a Weibull PH model."""
    start, stop, event, patient, treated, responded = person_time(columns)
    z = np.log2(columns["nlr"][patient] / 3.0)
    design = {
        "ihlrt": treated,
        "nlr": z,
        "ihlrt:nlr": treated * z,
        "albi": columns["albi"][patient],
        "afp_high": columns["afp_high"][patient],
        "response": responded,
    }
    x = np.column_stack([np.ones_like(z), *(design[term] for term in terms)])
    log_stop, log_start = np.log(stop), np.log(np.where(start > 0.0, start, 1.0))

    def score(theta):
        log_shape, beta = theta[0], theta[1:]
        shape = np.exp(log_shape)
        rate = np.exp(x @ beta)
        early = np.where(start > 0.0, start**shape, 0.0)
        hazard = rate * (stop**shape - early)
        slope = rate * shape * (stop**shape * log_stop - early * log_start)
        value = event @ (log_shape + (shape - 1.0) * log_stop + x @ beta) - hazard.sum()
        by_shape = event @ (1.0 + shape * log_stop) - slope.sum()
        return -value / N, -np.array([by_shape, *(x.T @ (event - hazard))]) / N

    begin = np.zeros(x.shape[1] + 1)
    begin[1] = -4.0
    found = minimize(score, begin, jac=True, method="BFGS", options={"gtol": 1e-7})
    assert np.abs(found.jac).max() < 1e-5, found.message
    step = 1e-4
    hessian = np.array(
        [
            (score(found.x + e)[1] - score(found.x - e)[1]) / (2.0 * step)
            for e in step * np.eye(begin.size)
        ]
    )
    se = np.sqrt(np.diag(np.linalg.inv(hessian)) / N)
    names = ("log_shape", "intercept", *terms)
    return {name: (found.x[k], se[k]) for k, name in enumerate(names)}


def without_centres(truth):
    return replace(truth, centre_sd=0.0)


def columns_of(truth):
    return simulate_cohort(N, seed=7, truth=truth).columns


@pytest.fixture(scope="module")
def default():
    return columns_of(without_centres(CohortTruth()))


def test_model_with_response_finds_every_coefficient(default):
    truth = CohortTruth()
    fit = weibull_fit(default, TERMS)
    expected = {"log_shape": np.log(truth.shape), **truth.log_hazard_ratios}
    for name, value in expected.items():
        estimate, se = fit[name]
        assert abs(estimate - value) < 4.0 * se, name


def test_model_without_response_tends_to_what_the_docstring_says(default):
    fit = weibull_fit(default, WITHOUT_RESPONSE)
    # Rounded in the docstring, and 4 x 0.006 of Monte Carlo error.
    assert fit["ihlrt"][0] == pytest.approx(-0.45, abs=0.03)
    assert fit["ihlrt:nlr"][0] == pytest.approx(-0.195, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"log_hr_ihlrt": 0.0, "log_hr_ihlrt_nlr": 0.0}, -0.17),
        ({"initiation_log_hr_response": 0.0}, -0.37),
    ],
)
def test_other_limits_without_response(changes, limit):
    truth = without_centres(replace(CohortTruth(), **changes))
    fit = weibull_fit(columns_of(truth), WITHOUT_RESPONSE)
    assert fit["ihlrt"][0] == pytest.approx(limit, abs=0.03)


def test_preset_needs_no_response_in_the_model():
    truth = without_centres(CohortTruth.without_response_confounding())
    fit = weibull_fit(columns_of(truth), WITHOUT_RESPONSE)
    for name in WITHOUT_RESPONSE:
        estimate, se = fit[name]
        assert abs(estimate - truth.log_hazard_ratios[name]) < 4.0 * se, name


def log_rank_p(time, event, group):
    """Return the p-value of the log-rank test of two groups, without ties."""
    order = np.argsort(time)
    event, group = event[order], group[order]
    at_risk = np.arange(time.size, 0, -1.0)
    share = np.cumsum(group[::-1])[::-1] / at_risk
    statistic = (event @ (group - share)) ** 2 / (event @ (share * (1.0 - share)))
    return chi2.sf(statistic, 1)


def test_null_log_rank_rejects_in_46_per_cent():
    replicates = 4000
    rejected = 0
    for seed in range(replicates):
        columns = simulate_null(80, seed=seed).columns
        ever = np.isfinite(columns["ihlrt_months"]).astype(float)
        rejected += log_rank_p(columns["pfs_months"], columns["progression_or_death"], ever) < 0.05
    # 46 %, rounded, from an independent simulation; 4 x sqrt(.46 x .54 / 4000) = .032.
    assert rejected / replicates == pytest.approx(0.46, abs=0.005 + 0.032)
