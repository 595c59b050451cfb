"""A baseline hazard from outside the package: one file, one line of the registry."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import bayes_ihlrt as bi
from bayes_ihlrt.analysis.prior import prior_draws
from bayes_ihlrt.hazards.registry import FAMILIES, register
from bayes_ihlrt.ladder.states import ladder_states
from bayes_ihlrt.methods.model import hazard_words
from bayes_ihlrt.spec.model import HazardSpec
from hazard_cases import increment, log_hazard

FILE = Path(__file__).parents[2] / "notebooks" / "lomax.py"
THETA = {"log_rate": np.log(0.08), "log_months": np.log(10.0)}


@pytest.fixture(scope="module")
def lomax():
    """Return the family, known to the package as long as these tests run."""
    spec = importlib.util.spec_from_file_location("lomax", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    register(module.Lomax)
    yield module.Lomax
    del FAMILIES[module.Lomax.name]


def cohort(family, n=400, ratio=0.6, seed=7):
    """Return patients whose treatment starts at random and multiplies the hazard."""
    rng, hazard = np.random.default_rng(seed), family()
    start, target = rng.uniform(1.0, 30.0, n), rng.exponential(size=n)
    untreated = hazard.time_at(np, np.zeros(n), target, THETA)
    spent = increment(hazard, np.zeros(n), start, THETA)
    after = hazard.time_at(np, start, np.maximum(target - spent, 0.0) / ratio, THETA)
    death = np.where(untreated < start, untreated, after)
    end = np.minimum(death, 48.0)
    return {
        "id": [str(i) for i in range(n)],
        "months": end,
        "death": (death <= 48.0).astype(float),
        "start": np.where(start < end, start, np.nan),
    }


def true_gain(hazard, start, horizon, ratio):
    """Return the months that treatment from a month on adds to event-free months."""
    months = np.linspace(0.0, horizon, 4801)
    spent = increment(hazard, np.zeros_like(months), months, THETA)
    before = np.interp(start, months, spent)
    treated = np.minimum(spent, before) + ratio * np.maximum(spent - before, 0.0)
    return np.trapezoid(np.exp(-treated) - np.exp(-spent), months)


def said(formula="trt", hazard="lomax", **further):
    return bi.analysis(
        formula,
        patient="id",
        time="months",
        event="death",
        treatment=bi.starts("start", name="trt"),
        hazard=hazard,
        sampler={"engine": "laplace", "draws": 250},
        **further,
    )


def test_it_is_a_hazard(lomax):
    hazard, times = lomax(), np.array([0.5, 3.0, 12.0, 40.0])
    for start, stop in ((0.0, 3.0), (3.0, 40.0)):
        area, _ = quad(lambda t: np.exp(log_hazard(hazard, np.array([t]), THETA)[0]), start, stop)
        spent = increment(hazard, np.array([start]), np.array([stop]), THETA)
        assert spent[0] == pytest.approx(area, rel=1e-9)
    spent = increment(hazard, np.zeros(4), times, THETA)
    assert hazard.time_at(np, np.zeros(4), spent, THETA) == pytest.approx(times)


def test_a_specification_names_it_and_everything_speaks_of_it(lomax):
    spec = said()
    assert spec.outcome.hazard.family == "lomax"
    assert spec.labels.parameters["log_months"] == "months until the hazard is half (log)"
    assert hazard_words(spec.outcome.hazard) == "a Lomax baseline hazard [@kalbfleisch2002]"
    with pytest.raises(bi.SpecificationError, match=r"Allowed: .*lomax"):
        bi.analysis("a", patient="i", time="t", event="d", hazard="lomex")
    with pytest.raises(bi.SpecificationError, match="cuts belongs to family 'piecewise'"):
        bi.analysis("a", patient="i", time="t", event="d", hazard={"family": "lomax", "cuts": [3]})
    stated = bi.MedianSurvivalPrior(median_survival=12.0, upper=60.0)
    with pytest.raises(bi.SpecificationError, match="State it under 'baseline'"):
        said(priors={"log_months": stated})


@pytest.mark.parametrize("name", ["log_months", "log_months_centred", "log_months_scaled"])
def test_no_column_may_be_called_as_its_parameters(lomax, name):
    columns = {**cohort(lomax, n=40), name: np.linspace(-1.0, 1.0, 40)}
    with pytest.raises(bi.SpecificationError, match=f"'{name}' is a name that the model uses"):
        bi.check(said(formula=f"trt + {name}"), columns)


def test_a_coefficient_called_as_a_parameter_is_told_before_there_are_data(lomax):
    for hazard, name in (("lomax", "log_months"), ("weibull", "log_shape")):
        with pytest.raises(bi.SpecificationError, match=f"formula: '{name}' is a name that the"):
            said(formula=f"trt + {name}", hazard=hazard)


def test_the_ladder_leaves_out_priors_of_its_shape(lomax):
    spec = bi.load("ladder")
    outcome = spec.outcome.model_copy(update={"hazard": HazardSpec(family=lomax.name)})
    priors = {"log_months": bi.Normal(2.0, 1.0), "ihlrt": bi.Normal(0.0, 0.5)}
    states = ladder_states(spec.model_copy(update={"outcome": outcome, "priors": priors}))
    assert set(states.event.priors) == {"ihlrt"}


def test_what_is_stated_of_survival_fixes_its_level(lomax):
    stated = bi.MedianSurvivalPrior(median_survival=12.0, upper=60.0)
    checked = bi.check(said(priors={"baseline": stated}), cohort(lomax))
    drawn = prior_draws(checked.prepared, seed=1, draws=4000)
    theta = {name: drawn[name].to_numpy()[0] for name in lomax.parameters}
    at = lomax().time_at(np, np.zeros(1), np.log([2.0]), theta)[:, 0]
    assert np.median(at) == pytest.approx(12.0, rel=0.05)
    assert set(bi.summary(checked).index) == {"trt", "log_rate", "log_months"}


def test_it_is_fitted_and_told(lomax):
    fit = bi.fit(said(), cohort(lomax), seed=1)
    found = bi.summary(fit)
    for name, truth in {**THETA, "trt": np.log(0.6)}.items():
        low, high = found.loc[name, ["q2.5", "q97.5"]]
        assert low < truth < high, name
    gain = bi.estimates(fit, "rmst", horizon=24)
    low, high = np.quantile(gain.difference, [0.025, 0.975])
    assert low < true_gain(lomax(), gain.start, 24.0, 0.6) < high
    assert high - low < 4.0
    assert any(axes.has_data() for axes in bi.plot(fit).axes)
    assert "lomax" in fit.spec.to_toml()
    assert "Does trt help" in fit._repr_html_()
