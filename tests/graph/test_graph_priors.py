"""Sampling coordinates are shifted and stretched, and the stated priors hold exactly.

The joint prior density of the coordinates must differ from that of the named parameters, written
here with scipy, by a constant: coordinates are moved by amounts that do not depend on themselves.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

import graph_cases as cases
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.graph import build_graph, prepare

LOG_MEDIAN = {"median_survival": 12.0, "upper": 40.0}
NORMAL = {"dist": "Normal", "mu": -3.0, "sigma": 0.7}
STUDENT = {"dist": "StudentT", "nu": 4.0, "mu": -2.5, "sigma": 0.5}
GAMMA = {"dist": "Gamma", "alpha": 2.0, "beta": 30.0, "on": "exp"}
STEP = 1e-6
COEFFICIENTS = {
    "treated": {"hr_median": 0.75, "hr_interval": [0.34, 1.64]},
    "nlr": {"dist": "Normal", "mu": 0.4, "sigma": 0.2},
    "treated:nlr": {"dist": "StudentT", "nu": 5.0, "mu": 0.0, "sigma": 0.25},
    "albi": {"dist": "Normal", "mu": 0.5, "sigma": 0.5, "per": "sd"},
}
WALK = {
    "smoothing_sd": {"dist": "HalfNormal", "sigma": 0.4},
    "log_shape": {"dist": "Normal", "mu": 0.0, "sigma": 0.4},
}
SHAPE = {
    "exponential": {},
    "weibull": {"log_shape": {"dist": "Normal", "mu": 0.1, "sigma": 0.4}},
    "gompertz": {"slope": {"dist": "Normal", "mu": 0.01, "sigma": 0.03}},
    "random walk": WALK,
    "independent": {"log_hazard_deviation": {"dist": "Normal", "mu": 0.0, "sigma": 0.9}},
    "mspline": WALK,
}
AT_18 = {"dist": "Normal", "mu": -0.4, "sigma": 1.5, "on": "log-cumulative-hazard", "at": 18.0}
STATEMENTS = (LOG_MEDIAN, AT_18, NORMAL, GAMMA)
CASES = [(hazard, prior) for hazard in cases.HAZARDS for prior in STATEMENTS]
WALKS = ("random walk", "mspline")
LEVEL = {"random walk": "log_hazard", "independent": "log_hazard", "mspline": "log_scale"}


@pytest.mark.parametrize(("hazard", "baseline"), [*CASES, ("weibull", STUDENT)])
def test_stated_priors_hold_in_the_coordinates(hazard, baseline):
    rows = cases.person_time()
    priors = {"baseline": baseline, **COEFFICIENTS, **SHAPE[hazard]}
    spec = cases.specification(hazard, priors=priors)
    prepared = prepare(spec, rows)
    evaluator = cases.Evaluator(build_graph(prepared))
    constants = []
    for seed in range(4):
        _, prior, named = evaluator.at(evaluator.point(seed))
        stated = coefficient_density(named, rows)
        stated += baseline_density(hazard, baseline, named, prepared, rows)
        constants.append(prior - stated)
    np.testing.assert_allclose(constants, constants[0], rtol=0, atol=1e-7)


def coefficient_density(named, rows):
    z = np.log(1.64 / 0.34) / (2 * stats.norm.ppf(0.975))
    # The standard deviation is over patients at time zero.
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    per_sd = 0.5 / rows.columns["albi"][first].std()
    return (
        stats.norm.logpdf(named["treated"], np.log(0.75), z)
        + stats.norm.logpdf(named["nlr"], 0.4, 0.2)
        + stats.t.logpdf(named["treated:nlr"], 5.0, 0.0, 0.25)
        + stats.norm.logpdf(named["albi"], per_sd, per_sd)
    )


def baseline_density(hazard, baseline, named, prepared, rows):
    """Return the log density of the hazard's parameters, the level given the shape last."""
    if hazard == "weibull":
        density = stats.norm.logpdf(named["log_shape"], 0.1, 0.4)
    elif hazard == "gompertz":
        density = stats.norm.logpdf(named["slope"], 0.01, 0.03)
    elif hazard in WALKS:
        path = named["log_hazard" if hazard == "random walk" else "log_weights"]
        density = walk_density(named, path, trend(hazard, named, prepared), rows)
    elif hazard == "independent":
        # Independent contrasts: their density is that of deviations around the mean.
        deviations = named["log_hazard"] - named["log_hazard"].mean()
        density = -0.5 * np.sum(deviations**2) / 0.9**2
    else:
        density = 0.0
    level = np.mean(named[LEVEL.get(hazard, "log_rate")])
    if hazard == "random walk":
        level = level - trend(hazard, named, prepared).mean()
    return density + level_density(hazard, baseline, level, named, prepared, rows)


def trend(hazard, named, prepared):
    """Log hazards, or log weights, of the Weibull that the walk departs from."""
    shape = np.exp(named["log_shape"])
    if hazard == "random walk":
        # A last interval as wide as the one before it.
        edges = np.array([0.0, 3.0, 8.0, 15.0, 22.0])
        return np.log(np.diff(edges**shape) / np.diff(edges))
    knots = np.array(prepared.hazard.knots)
    padded = np.concatenate([np.zeros(3), knots, np.full(3, knots[-1])])
    places = np.array([padded[i + 1 : i + 4].mean() for i in range(len(padded) - 4)])
    places[0] = padded[:5].mean()
    weights = prepared.hazard.constant_weights() * (places / knots[-1]) ** (shape - 1.0)
    return np.log(weights)


def walk_density(named, path, trend_of_path, rows):
    """Steps of standard deviation sd about those of the trend, and the priors of sd and shape.

    The sampler sees (step - trend / (1 + sd^2 I)) sqrt(1 + sd^2 I) / sd, where I is half the events
    in a piece: its density is that of the step times sd / sqrt(1 + sd^2 I).
    """
    sd, steps = named["smoothing_sd"], np.diff(path)
    density = stats.norm.logpdf(steps, np.diff(trend_of_path), sd).sum()
    events = (rows.columns["weight"] * rows.columns["event"]).sum()
    spread = np.sqrt(1.0 + sd**2 * events / (2.0 * len(path)))
    density += len(steps) * np.log(sd / spread) + stats.halfnorm.logpdf(sd, scale=0.4)
    return density + stats.norm.logpdf(named["log_shape"], 0.0, 0.4)


def level_density(hazard, baseline, value, named, prepared, rows):
    if baseline is NORMAL:
        return stats.norm.logpdf(value, -3.0, 0.7)
    if baseline is STUDENT:
        return stats.t.logpdf(value, 4.0, -2.5, 0.5)
    if baseline is GAMMA:
        # The density of exp(level), on which the prior is stated and which is sampled.
        return stats.gamma.logpdf(np.exp(value), 2.0, scale=1.0 / 30.0)
    if baseline is AT_18:
        location = -0.4 - log_cumulative(hazard, named, prepared)(np.log(18.0))
        return stats.norm.logpdf(value, location - reference(named, rows), 1.5)
    mu, sigma = np.log(12.0), np.log(40.0 / 12.0) / stats.norm.ppf(0.975)
    location, stretch = level_at_median(hazard, mu, named, prepared)
    return stats.norm.logpdf(value, location - reference(named, rows), stretch * sigma)


def level_at_median(hazard, mu, named, prepared):
    """Return the level at which H(median) = log 2, and by how much it falls to the upper bound.

    For a log median one further. Independent intervals fall as they do without deviations.
    """
    at = log_cumulative(hazard, named, prepared)
    bound = np.log(40.0)
    stretch = 1.0 if hazard == "independent" else (at(bound) - at(mu)) / (bound - mu)
    return np.log(np.log(2.0)) - at(mu), stretch


def log_cumulative(hazard, named, prepared):
    """Return the log cumulative hazard of level zero as a function of log time.

    A statement on a walk is about the Weibull that it departs from.
    """
    if hazard in WALKS:
        last = prepared.hazard.knots[-1] if hazard == "mspline" else 1.0
        return lambda log_time: np.exp(named["log_shape"]) * (log_time - np.log(last))
    level = LEVEL.get(hazard, "log_rate")
    at_zero = {**named, level: named[level] - np.mean(named[level])}
    _, cumulative = cases.baseline(prepared.spec, prepared.hazard, at_zero)
    return lambda log_time: np.log(cumulative(np.exp([log_time]))[0])


def reference(named, rows):
    """Linear predictor of the untreated patient with covariates averaged over time at risk."""
    c = rows.columns
    weight = c["weight"] * (c["stop"] - c["start"])
    z = np.average(np.log2(c["nlr"] / 3.0), weights=weight)
    return named["nlr"] * z + named["albi"] * np.average(c["albi"], weights=weight)


@pytest.mark.parametrize("hazard", cases.HAZARDS)
def test_prior_median_survival_is_that_of_the_untreated_average_patient(hazard):
    """Where all coordinates are at their prior means, half of such patients die by 12 months."""
    rows = cases.person_time()
    priors = {"baseline": LOG_MEDIAN, **COEFFICIENTS, **SHAPE[hazard]}
    prepared = prepare(cases.specification(hazard, priors=priors), rows)
    evaluator = cases.Evaluator(build_graph(prepared))
    _, _, named = evaluator.at(evaluator.point(0, spread=0.0))
    _, cumulative = cases.baseline(prepared.spec, prepared.hazard, named)
    survival = np.exp(-cumulative(np.array([12.0])) * np.exp(reference(named, rows)))
    np.testing.assert_allclose(survival, 0.5, rtol=1e-10)


@pytest.mark.parametrize(
    ("geometry", "standard"), [("auto", 1), ("centred", 1), ("non-centred", 3)]
)
def test_group_effects_are_independent_normal(geometry, standard):
    """`standard` coordinates out of three are standardised: their density carries a factor sd."""
    priors = {"sd_centre": {"dist": "HalfNormal", "sigma": 0.5}, "baseline": NORMAL}
    spec = cases.specification(
        "exponential", "(1 | centre)", formula="", priors=priors, parametrisation=geometry
    )
    prepared = prepare(spec, cases.person_time())
    evaluator = cases.Evaluator(build_graph(prepared))
    constants = []
    for seed in range(4):
        _, prior, named = evaluator.at(evaluator.point(seed))
        sd = named["sd_centre"]
        stated = stats.norm.logpdf(named["log_rate"], -3.0, 0.7)
        stated += stats.halfnorm.logpdf(sd, scale=0.5)
        stated += stats.norm.logpdf(named["centre_effect"], 0.0, sd).sum() + standard * np.log(sd)
        constants.append(prior - stated)
    np.testing.assert_allclose(constants, constants[0], rtol=0, atol=1e-9)


def test_transforms_tell_their_jacobian():
    """Density of the coordinates over that of the variables, against a numerical determinant."""
    spec = cases.specification("random walk", "(1 | centre)", formula="")
    model = build_graph(prepare(spec, cases.person_time()))
    values = model.value_vars
    free = model.replace_rvs_by_values([pt.atleast_1d(variable) for variable in model.free_RVs])
    ratio = model.logp(vars=model.free_RVs) - model.logp(vars=model.free_RVs, jacobian=False)
    compiled = pytensor.function(values, [ratio, pt.concatenate(free)], mode="FAST_COMPILE")
    for seed in range(3):
        start = cases.scattered(values, model.initial_point(), seed)
        flat = np.concatenate([np.ravel(part) for part in start])
        moved = [compiled(*unflatten(flat + step, start))[1] for step in STEP * np.eye(len(flat))]
        back = [compiled(*unflatten(flat - step, start))[1] for step in STEP * np.eye(len(flat))]
        _, expected = np.linalg.slogdet((np.stack(moved) - np.stack(back)) / (2 * STEP))
        assert float(compiled(*start)[0]) == pytest.approx(expected, abs=1e-6)


def unflatten(x, like):
    parts = np.split(x, np.cumsum([np.size(part) for part in like])[:-1])
    return [part.reshape(np.shape(one)) for part, one in zip(parts, like, strict=True)]


@pytest.mark.parametrize("levels", [1, 2, 5, 40])
def test_group_basis_is_orthonormal_with_a_constant_first(levels):
    basis = orthonormal_basis(levels)
    np.testing.assert_allclose(basis.T @ basis, np.eye(levels), atol=1e-14)
    np.testing.assert_allclose(basis[:, 0], np.full(levels, levels**-0.5))
