"""What reweighting does not show of an estimate's variance, against closed forms.

Weighted exponential times: the log rate of an arm is l = log sum s w d - log sum s w t under
patient weights s, so that every mode of the jackknife is known.
"""

import numpy as np
import pytest

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference import jackknife
from bayes_ihlrt.inference.bootstrap import linked_bootstrap
from bayes_ihlrt.inference.jackknife import unseen_spread
from bayes_ihlrt.inference.weighted_models import Models
from bayes_ihlrt.inference.weighting import prepare_weighted
from bayes_ihlrt.propensity.spec import PropensitySpec
from weighted_cases import EXPONENTIAL, by_arm, confounded, given, with_given_weights

PATIENTS = 60


@pytest.fixture(scope="module")
def analysis():
    emulation = confounded(PATIENTS)
    return with_given_weights(prepare_weighted(emulation, EXPONENTIAL, PropensitySpec(formula="")))


def log_hazard_ratio(analysis, patient):
    """Return the estimate under patient weights, shape (..., patients)."""
    months, event, index, arm = by_arm(analysis.emulation)
    weight = patient[..., index] * given(len(months))
    untreated, treated = (
        np.log(weight[..., part] @ event[part]) - np.log(weight[..., part] @ months[part])
        for part in (~arm, arm)
    )
    return treated - untreated


def variances(analysis, group=None):
    """Return J, and I by the derivative of the estimate."""
    months, event, _, arm = by_arm(analysis.emulation)
    weight = given(len(months))
    of_group = np.eye(PATIENTS) if group is None else np.eye(group.max() + 1)[:, group]
    count = len(of_group)
    left_out = log_hazard_ratio(analysis, 1.0 - of_group)
    whole = log_hazard_ratio(analysis, np.ones(PATIENTS))
    slope = np.zeros(PATIENTS)
    for part, sign in ((~arm, -1.0), (arm, 1.0)):
        w, d, t = weight[part], event[part], months[part]
        slope[part] = sign * (w * d / (w @ d) - w * t / (w @ t))
    share = (PATIENTS - 1) / (PATIENTS + 1) * count / (count - 1)
    return (
        (count - 1) / count * np.sum((left_out - whole) ** 2),
        share * np.sum((of_group @ slope) ** 2),
    )


def spread(analysis, **options):
    """Return the variance that is added to that of the log hazard ratio."""
    models = Models(analysis)
    root = unseen_spread(models, models.at_once().starts, np.random.default_rng(1), **options)
    assert root.shape == (2, 2)
    place = models.outcome.engine.density.names.index("arm")
    return (root @ root.T)[place, place]


def test_it_is_what_the_jackknife_has_and_the_infinitesimal_jackknife_has_not(analysis):
    jackknifed, infinitesimal = variances(analysis)
    assert jackknifed > 1.05 * infinitesimal
    # The step takes a fiftieth of each leverage for the derivative.
    assert spread(analysis) == pytest.approx(jackknifed - infinitesimal, rel=0.03)


def test_draws_have_the_standard_deviation_of_the_jackknife(analysis):
    jackknifed, infinitesimal = variances(analysis)
    patient = np.random.default_rng(3).dirichlet(np.ones(PATIENTS), size=4000) * PATIENTS
    reweighted = log_hazard_ratio(analysis, patient).var()
    found = linked_bootstrap(analysis, draws=4000, seed=1).fit.draws("arm")
    expected = np.sqrt(reweighted + jackknifed - infinitesimal)
    assert expected > 1.02 * np.sqrt(reweighted)
    # Monte Carlo error of a ratio of two standard deviations from 4,000 draws each: 1.6 %.
    assert found.std() == pytest.approx(expected, rel=0.05)


def test_patients_are_left_out_in_groups_where_there_are_many(analysis):
    group = np.random.default_rng(1).permutation(PATIENTS) % 30
    jackknifed, infinitesimal = variances(analysis, group)
    found = spread(analysis, groups=30)
    assert found == pytest.approx(jackknifed - infinitesimal, rel=0.03)
    # Groups of two tell what patients one by one do.
    assert found == pytest.approx(spread(analysis), rel=0.25)


def test_patients_whom_the_estimate_cannot_do_without_are_named(analysis, monkeypatch):
    own = jackknife._modes

    def lost(models, starts, weight):
        found = own(models, starts, weight)
        found[3] = np.nan
        return found

    monkeypatch.setattr(jackknife, "_modes", lost)
    with pytest.raises(ConvergenceError, match=r"without p0003 it has no posterior mode\. State"):
        linked_bootstrap(analysis, draws=100)
