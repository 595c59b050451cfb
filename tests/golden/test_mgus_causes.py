"""Progression and death in monoclonal gammopathy: published hazard ratios, incidence, years lost.

Published is what R's survival prints: see `validation/write_mgus.py`, which writes the page.
"""

import numpy as np
import pytest
import xarray as xr
from validation.write_mgus import (
    PREDICTED,
    PUBLISHED,
    YEARS_LOST,
    by_likelihood,
    by_sex,
    checked,
    complete,
    counted,
    fits,
    monthly,
    of_profile,
    patients,
)

from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from maximum_likelihood import maximise

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def analysis():
    return checked()


@pytest.fixture(scope="module")
def posteriors(analysis):
    return fits(analysis)


@pytest.mark.parametrize("sex", ["F", "M"])
def test_years_lost_by_aalen_johansen_are_those_published(sex):
    """To the seven digits printed, of all 1,384 patients."""
    for cause, found in counted(patients(), sex).items():
        assert found == pytest.approx(YEARS_LOST[sex, cause][0], abs=2e-6)


@pytest.mark.parametrize("cause", PUBLISHED)
def test_an_interval_for_every_month_is_the_published_cox_model(cause):
    """The intervals alone stand between what is published and the fits below: digits printed."""
    published = [value for value, _ in PUBLISHED[cause].values()]
    found = by_likelihood(cause, monthly()).coefficients
    np.testing.assert_allclose(found, published, atol=1.01e-4)


def test_incidence_of_the_hazards_is_that_published(analysis):
    """Malignancy within 20 years by sex and age, from both hazards at their maximum: 0.2 points."""
    found = {name: at_maximum(part, name) for name, part in analysis.parts.items()}
    for (sex, age), published in PREDICTED.items():
        risk = float(of_profile(found, sex, age).sel(event_cause="pcm").item())
        assert 100.0 * risk == pytest.approx(published, abs=0.2)


def at_maximum(part, cause):
    """Return a fit whose only draw is NumPy's maximum of the likelihood."""
    best = by_likelihood(cause)
    prepared = prepare(part.spec.model, part.person_time)
    names = prepared.encoder.columns
    draws = {
        name: (("chain", "draw"), [[b]]) for name, b in zip(names, best.coefficients, strict=True)
    }
    draws["log_hazard"] = (("chain", "draw", "interval"), best.log_hazard[None, None])
    quality = chain_quality(1.0, "log_hazard", ess_bulk=9e3, ess_tail=9e3, divergences=0)
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    return FittedModel(prepared, part.person_time, tree, quality)


@pytest.mark.slow
@pytest.mark.parametrize("cause", PUBLISHED)
def test_maximum_of_the_graph_is_that_of_numpy(analysis, cause):
    part = analysis.parts[cause]
    found = maximise(part.spec.model, part.person_time).parameters
    expected = by_likelihood(cause).coefficients
    for name, value in zip(PUBLISHED[cause], expected, strict=True):
        assert float(found[name]) == pytest.approx(value, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("cause", PUBLISHED)
def test_posterior_under_flat_priors_is_what_is_published(posteriors, cause):
    """A fifth of the published standard error: two years to an interval, mean against maximum.

    And from the maximum of the same likelihood a twentieth of it and 4 Monte Carlo errors.
    """
    best, fit = by_likelihood(cause), posteriors[cause]
    for place, (name, (published, se)) in enumerate(PUBLISHED[cause].items()):
        draws = fit.posterior[name].to_numpy()
        assert abs(draws.mean() - published) < 0.2 * se, name
        mcse = (fit.convergence.error or draws.size**-0.5) * draws.std()
        assert abs(draws.mean() - best.coefficients[place]) < 0.05 * se + 4.0 * mcse, name
        assert draws.std() == pytest.approx(best.se[place], rel=0.1)


@pytest.mark.slow
def test_incidence_and_years_lost_of_the_posterior(posteriors):
    for (sex, age), published in PREDICTED.items():
        risk = 100.0 * of_profile(posteriors, sex, age).sel(event_cause="pcm").to_numpy()
        assert risk.mean() == pytest.approx(published, abs=0.3)
    for (sex, cause), (_, se) in YEARS_LOST.items():
        lost = by_sex(posteriors, complete(), sex)["months_lost"].sel(event_cause=cause)
        assert abs(float(lost.mean()) / 12.0 - counted(complete(), sex)[cause]) < 0.2 * se
