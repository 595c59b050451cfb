"""Names, replaceable data, and the compilers that must agree on one graph."""

import numpy as np
import pymc as pm
import pytensor
import pytest

import graph_cases as cases
from bayes_ihlrt.hazards.piecewise import interval_labels
from bayes_ihlrt.model.arrays import pack
from bayes_ihlrt.model.graph import build_graph, build_model, prepare
from bayes_ihlrt.names import PATIENT

COEFFICIENTS = {"treated", "nlr", "treated:nlr", "albi"}
BASELINE = {
    "exponential": {"log_rate"},
    "weibull": {"log_rate", "log_shape"},
    "gompertz": {"log_rate", "slope"},
    "random walk": {"log_hazard", "log_shape", "smoothing_sd"},
    "independent": {"log_hazard"},
    "mspline": {"log_scale", "log_weights", "log_shape", "smoothing_sd"},
}
NORMAL = {"dist": "Normal", "mu": -3.0, "sigma": 0.7}
STATED = {
    "treated": {"dist": "Normal", "mu": -0.3, "sigma": 0.4},
    "baseline": {"dist": "Normal", "mu": -2.0, "sigma": 0.5},
}
COORDINATES = ("_centred", "_standard", "_scaled", "_deviation", "_contrast", "walk_step")


@pytest.mark.parametrize("hazard", cases.HAZARDS)
def test_names_of_results(hazard):
    model = build_model(cases.specification(hazard, "(1 + treated | centre)"), cases.person_time())
    names = {variable.name for variable in model.unobserved_RVs}
    results = {name for name in names if not name.endswith(COORDINATES)}
    groups = {"sd_centre", "sd_centre:treated", "centre_effect", "centre_effect:treated"}
    assert results == COEFFICIENTS | BASELINE[hazard] | groups
    assert model.named_vars_to_dims["time"] == (PATIENT,)
    assert list(model.coords["centre"]) == ["centre 0", "centre 1", "centre 2"]


def test_intervals_are_labelled():
    model = build_model(cases.specification("random walk"), cases.person_time())
    assert list(model.coords["interval"]) == ["0-3", "3-8", "8-15", "15+"]
    assert interval_labels((0.5, 12.0)) == ["0-0.5", "0.5-12", "12+"]


def test_patients_keep_their_labels():
    rows = cases.person_time()
    model = build_model(cases.specification("weibull"), rows)
    assert list(model.coords[PATIENT]) == list(dict.fromkeys(rows.columns["patient"]))
    np.testing.assert_array_equal(model["exit_time"].get_value(), rows.exit_time)


def test_density_is_that_of_the_exit_times_and_of_nothing_else():
    rows = cases.person_time()
    model = build_model(cases.specification("weibull"), rows)
    value = rows.exit_time.copy()
    value[::2] += 0.5
    density = model.replace_rvs_by_values([pm.logp(model["time"], value)])[0]
    compiled = pytensor.function(model.value_vars, density, mode="FAST_COMPILE")
    start = model.initial_point()
    found = compiled(*[start[variable.name] for variable in model.value_vars])
    assert np.all(np.isneginf(found[::2]))
    assert np.all(np.isfinite(found[1::2]))


def test_patient_weights_multiply_log_likelihoods():
    rows = cases.person_time()
    model = build_model(cases.specification("weibull", "(1 | centre)"), rows)
    evaluator = cases.Evaluator(model)
    before, prior, _ = evaluator.at(evaluator.point(1))
    weight = np.random.default_rng(1).uniform(0.0, 3.0, size=len(before))
    pm.set_data({"weight": weight}, model=model)
    after, same_prior, _ = evaluator.at(evaluator.point(1))
    np.testing.assert_allclose(after, weight * before, rtol=1e-12)
    assert same_prior == prior


def test_hyperparameters_can_be_replaced():
    rows = cases.person_time()
    other = {"treated": {"dist": "Normal", "mu": 0.3, "sigma": 2.0}, "baseline": NORMAL}
    spec = cases.specification("weibull", priors=STATED)
    model = build_model(spec, rows)
    evaluator = cases.Evaluator(model)
    target = cases.Evaluator(build_model(cases.specification("weibull", priors=other), rows))
    labels = list(model.coords["hyperparameter"])
    values = dict(zip(labels, model["hyperparameters"].get_value(), strict=True))
    values |= {"treated.mu": 0.3, "treated.sigma": 2.0, "log_rate.mu": -3.0, "log_rate.sigma": 0.7}
    assert list(values) == labels
    point = evaluator.point(1)
    assert evaluator.at(point)[1] != pytest.approx(target.at(point)[1], abs=1e-3)
    pm.set_data({"hyperparameters": np.array(list(values.values()))}, model=model)
    assert evaluator.at(point)[1] == pytest.approx(target.at(point)[1], rel=1e-12)


@pytest.mark.parametrize("hazard", ["weibull", "random walk"])
def test_outcome_can_be_replaced_by_another_cohort(hazard):
    """More patients, other rows: the graph becomes that of a model built on them."""
    priors = {"default": {"dist": "Normal", "mu": 0.0, "sigma": 1.0}}
    spec = cases.specification(hazard, "(1 | centre)", priors=priors)
    model = build_model(spec, cases.person_time(patients=30, seed=1))
    evaluator = cases.Evaluator(model)
    fresh = prepare(spec, cases.person_time(patients=45, seed=2))
    target = cases.Evaluator(build_graph(fresh))
    pm.set_data(pack(fresh.arrays.data)[0], model=model)
    found, expected = (one.at(target.point(1)) for one in (evaluator, target))
    assert found[0].shape == (45,)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    assert found[1] == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.filterwarnings("ignore:Skipping .?Check.* as JAX tracing would remove it")
@pytest.mark.parametrize(
    "hazard",
    [
        *("weibull", "random walk"),
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("gompertz", "mspline")),
    ],
)
def test_jax_agrees(hazard):
    """Values and gradients, with entries at 0 among the rows."""
    model = build_model(cases.specification(hazard, "(1 | centre)"), cases.person_time())
    assert_agreement(model, mode="JAX")


def test_numba_agrees():
    model = build_model(cases.specification("weibull", "(1 | centre)"), cases.person_time())
    assert_agreement(model, mode="NUMBA")


def assert_agreement(model, *, mode):
    evaluator = cases.Evaluator(model)
    density = model.logp()
    outputs = [density, *pytensor.gradient.grad(density, model.value_vars)]
    plain, other = (
        pytensor.function(model.value_vars, outputs, mode=name) for name in ("FAST_COMPILE", mode)
    )
    for seed in range(2):
        point = evaluator.point(seed)
        for expected, found in zip(plain(*point), other(*point), strict=True):
            assert np.all(np.isfinite(expected))
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
