"""Weibull parameterisations: round trips, R's survreg, SciPy and PyMC's scale."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bayes_ihlrt.errors import InputError
from bayes_ihlrt.hazards.convert import (
    WeibullAFT,
    WeibullMean,
    WeibullPH,
    weibull_aft_from_ph,
    weibull_in_unit,
    weibull_mean_from_ph,
    weibull_ph_from_aft,
    weibull_ph_from_mean,
)
from bayes_ihlrt.names import TimeUnit

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "r_reference.json"


@pytest.fixture
def posterior():
    """Return a model with draws of shape (2, 50)."""
    rng = np.random.default_rng(1)
    return WeibullPH(
        rng.normal(-4.0, 0.5, (2, 50)),
        rng.normal(0.1, 0.2, (2, 50)),
        {"ihlrt": rng.normal(-0.3, 0.2, (2, 50)), "ihlrt:nlr": rng.normal(0.1, 0.2, (2, 50))},
    )


def assert_same(found, wanted):
    np.testing.assert_allclose(found.log_rate, wanted.log_rate, rtol=1e-13)
    np.testing.assert_allclose(found.log_shape, wanted.log_shape, rtol=0.0, atol=1e-14)
    assert list(found.log_hazard_ratio) == list(wanted.log_hazard_ratio)
    for name, value in wanted.log_hazard_ratio.items():
        np.testing.assert_allclose(found.log_hazard_ratio[name], value, rtol=1e-13)


def test_round_trips(posterior):
    assert_same(weibull_ph_from_aft(weibull_aft_from_ph(posterior)), posterior)
    assert_same(weibull_ph_from_mean(weibull_mean_from_ph(posterior)), posterior)


@pytest.mark.parametrize("unit", list(TimeUnit))
def test_unit_round_trip(posterior, unit):
    there = weibull_in_unit(posterior, source=TimeUnit.MONTHS, target=unit)
    assert_same(weibull_in_unit(there, source=unit, target=TimeUnit.MONTHS), posterior)


def test_days_to_months_is_the_published_formula(posterior):
    months = weibull_in_unit(posterior, source=TimeUnit.DAYS, target=TimeUnit.MONTHS)
    np.testing.assert_allclose(
        months.log_rate,
        posterior.log_rate + np.exp(posterior.log_shape) * np.log(30.4375),
        rtol=1e-13,
    )


def test_survival_is_the_same_in_every_form():
    ph = WeibullPH(-4.0, 0.3, {"x": 0.5})
    aft, mean = weibull_aft_from_ph(ph), weibull_mean_from_ph(ph)
    t = np.array([1.0, 10.0, 40.0])
    survival = np.exp(-np.exp(-4.0 + 0.5) * t ** np.exp(0.3))
    shape, scale = 1 / aft.scale, np.exp(aft.intercept + aft.log_time_ratio["x"])
    weibull = stats.weibull_min(shape, scale=scale)
    np.testing.assert_allclose(weibull.sf(t), survival, rtol=1e-12)
    assert weibull.mean() == pytest.approx(np.exp(mean.intercept + mean.log_time_ratio["x"]))
    assert mean.shape == pytest.approx(shape)
    days = weibull_in_unit(ph, source=TimeUnit.MONTHS, target=TimeUnit.DAYS)
    np.testing.assert_allclose(
        np.exp(-np.exp(days.log_rate + 0.5) * (t * 30.4375) ** np.exp(0.3)), survival, rtol=1e-12
    )


# R 4.2.2, survival 3.5-3, survreg(Surv(time, event) ~ age + female + ph.ecog, lung), time in days,
# and the proportional hazards form computed in R from its coefficients.
LUNG_AFT = WeibullAFT(
    6.6745257931919,
    0.7311089921646308,
    {"age": -0.007475439409144495, "female": 0.4010905411934504, "ph.ecog": -0.3396380983087737},
)
LUNG_PH = WeibullPH(
    -9.129317057680142,
    np.log(1.3677851192053463),
    {"age": 0.010224794783349046, "female": -0.5486056736984204, "ph.ecog": 0.4645519367819431},
)


def test_lung_as_in_r():
    assert_same(weibull_ph_from_aft(LUNG_AFT), LUNG_PH)


@pytest.mark.golden
@pytest.mark.skipif(not REFERENCE.exists(), reason="the R reference results are not at hand")
@pytest.mark.parametrize(
    "path",
    [
        "lung/weibull",
        "lung/weibull_inter",
        "kidney/weibull",
        "hepatoCellular/weibull",
        "LeukSurv/weibull",
    ],
)
def test_survreg_models_as_in_r(path):
    dataset, model = path.split("/")
    fit = json.loads(REFERENCE.read_text())[dataset][model]
    coefficients = dict(fit["coef"])
    intercept = coefficients.pop("(Intercept)")
    ph = weibull_ph_from_aft(WeibullAFT(intercept, fit["scale"], coefficients))
    wanted = fit["weibull_ph"]
    assert_same(ph, WeibullPH(wanted["log_lambda"], np.log(wanted["shape"]), wanted["beta"]))


def test_labelled_draws_keep_their_labels():
    xr = pytest.importorskip("xarray")
    draws = xr.DataArray(np.full((2, 3), -4.0), dims=("chain", "draw"))
    aft = weibull_aft_from_ph(WeibullPH(draws, 0.0 * draws, {"nlr": draws}))
    mean = weibull_mean_from_ph(WeibullPH(draws, 0.0 * draws, {"nlr": draws}))
    assert aft.intercept.dims == mean.intercept.dims == ("chain", "draw")


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.array([0.5, -0.2])])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(InputError, match="scale: found"):
        WeibullAFT(3.0, scale, {})
    with pytest.raises(InputError, match="shape: found"):
        WeibullMean(3.0, scale, {})
