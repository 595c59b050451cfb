"""Priors as objects: elicitations in closed form, defaults and who overrides whom."""

import numpy as np
import pymc as pm
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import (
    DISTRIBUTIONS,
    AdjacentHazardPrior,
    AnyPrior,
    HazardRatioPrior,
    MedianSurvivalPrior,
    Prior,
    PriorScale,
)
from bayes_ihlrt.propensity.point import median_of_scale
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.parameters import resolve_priors

HYPERPARAMETERS = {
    "Normal": {"mu": 0.0, "sigma": 1.0},
    "StudentT": {"nu": 4.0, "mu": 0.0, "sigma": 1.0},
    "HalfNormal": {"sigma": 1.0},
    "HalfStudentT": {"nu": 4.0, "sigma": 1.0},
    "Exponential": {"lam": 2.0},
    "Gamma": {"alpha": 1.0, "beta": 2.0},
    "LogNormal": {"mu": 0.0, "sigma": 1.0},
}


class HalfT:
    """A Student t without its sign, which SciPy lacks."""

    def __init__(self, nu, sigma):
        self.whole = stats.t(nu, 0.0, sigma)

    def logpdf(self, x):
        return np.log(2.0) + self.whole.logpdf(x)

    def cdf(self, x):
        return 2.0 * self.whole.cdf(x) - 1.0

    def ppf(self, q):
        return self.whole.ppf(0.5 + 0.5 * q)


POSITIVE = set(HYPERPARAMETERS) - {"Normal", "StudentT"}
SCIPY = {
    "Normal": ({"mu": 0.3, "sigma": 0.8}, stats.norm(0.3, 0.8)),
    "StudentT": ({"nu": 4.0, "mu": 0.3, "sigma": 0.8}, stats.t(4.0, 0.3, 0.8)),
    "HalfNormal": ({"sigma": 0.8}, stats.halfnorm(scale=0.8)),
    "HalfStudentT": ({"nu": 4.0, "sigma": 0.8}, HalfT(4.0, 0.8)),
    "Exponential": ({"lam": 2.0}, stats.expon(scale=0.5)),
    "Gamma": ({"alpha": 3.0, "beta": 2.0}, stats.gamma(3.0, scale=0.5)),
    "LogNormal": ({"mu": 0.3, "sigma": 0.8}, stats.lognorm(0.8, scale=np.exp(0.3))),
}


def test_hazard_ratio_prior_has_its_median_and_interval():
    prior = HazardRatioPrior(hr_median=0.75, hr_interval=(0.34, 1.64)).to_prior()
    assert prior.dist is Dist.NORMAL
    width = stats.norm.ppf(0.975) - stats.norm.ppf(0.025)
    assert prior.mu == pytest.approx(np.log(0.75), rel=1e-15)
    assert prior.sigma == pytest.approx(np.log(1.64 / 0.34) / width, rel=1e-12)
    found = np.exp(stats.norm.ppf([0.025, 0.5, 0.975], prior.mu, prior.sigma))
    # The bounds are rounded to two digits, so the interval moves onto the median by 0.5 %.
    np.testing.assert_allclose(found, [0.34, 0.75, 1.64], rtol=0.01)


def test_median_survival_prior_has_its_median_and_upper_bound():
    prior = MedianSurvivalPrior(median_survival=19.2, upper=60.0).to_prior()
    assert prior.on is PriorScale.LOG_MEDIAN
    median, upper = np.exp(stats.norm.ppf([0.5, 0.975], prior.mu, prior.sigma))
    assert median == pytest.approx(19.2, rel=1e-12)
    assert upper == pytest.approx(60.0, rel=1e-12)


def test_adjacent_hazard_prior_bounds_the_ratio_of_neighbours():
    prior = AdjacentHazardPrior(hr_adjacent=2.0).to_prior()
    assert prior.dist is Dist.HALF_NORMAL
    assert stats.norm.cdf(np.log(2.0), scale=prior.sigma) == pytest.approx(0.975, rel=1e-12)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (lambda: HazardRatioPrior(hr_median=2.0, hr_interval=(0.5, 1.5)), "contain hr_median"),
        (
            lambda: HazardRatioPrior(hr_median=0.75, hr_interval=(0.5, 2.0)),
            r"centred on 1 on the log scale, not on hr_median 0\.75",
        ),
        (
            lambda: HazardRatioPrior(hr_median=0.75, hr_interval=(-1, 2)),
            "greater than or equal to 0.000001",
        ),
        (
            lambda: MedianSurvivalPrior(median_survival=20.0, upper=12.0),
            r"upper must be above median_survival; found 12\.0 against 20\.0 months",
        ),
        (lambda: AdjacentHazardPrior(hr_adjacent=0.9), "greater than 1"),
        (lambda: Prior(dist="Normal", mu=0.0), "takes exactly mu, sigma; found mu"),
        (lambda: Prior(dist="HalfNormal", mu=0.0, sigma=1.0), "takes exactly sigma; found mu, s"),
        (lambda: Prior(dist="Exponential"), "takes exactly lam; found none"),
        (lambda: Prior(dist="Normal", mu=0.0, sigma=-1.0), "greater than or equal to"),
        (lambda: Prior(dist="Cauchy", sigma=1.0), "'Normal', 'StudentT'"),
        (lambda: Prior(dist="Normal", mu=0.0, sigma=1.0, scale=2.0), "Extra inputs"),
    ],
)
def test_faults_are_told(prior, message):
    with pytest.raises(ValidationError, match=message):
        prior()


@pytest.mark.parametrize("dist", HYPERPARAMETERS)
def test_every_distribution_takes_its_hyperparameters(dist):
    prior = Prior(dist=dist, **HYPERPARAMETERS[dist])
    assert prior.hyperparameters == HYPERPARAMETERS[dist]
    assert prior.positive == (dist in POSITIVE)
    assert prior.to_prior() is prior


def test_rescaling_to_the_unit_of_the_covariate():
    per_sd = Prior(dist="StudentT", nu=4.0, mu=0.5, sigma=0.25, per="sd")
    assert per_sd.rescaled(0.5).hyperparameters == {"nu": 4.0, "mu": 1.0, "sigma": 0.5}
    assert per_sd.rescaled(0.5).rescaled(0.5) == per_sd.rescaled(0.5)
    per_unit = Prior(dist="Normal", mu=0.5, sigma=0.25)
    assert per_unit.rescaled(0.5) == per_unit


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"dist": "Normal", "mu": 0, "sigma": 1}, Prior),
        ({"hr_median": 1.0, "hr_interval": [0.5, 2.0]}, HazardRatioPrior),
        ({"median_survival": 12.0, "upper": 30.0}, MedianSurvivalPrior),
        ({"hr_adjacent": 1.5}, AdjacentHazardPrior),
    ],
)
def test_a_table_is_told_apart_by_its_keys(table, kind):
    adapter = TypeAdapter(AnyPrior)
    found = adapter.validate_python(table)
    assert type(found) is kind
    assert adapter.validate_python(found) == found


def test_a_table_without_keys_is_answered_as_a_distribution():
    with pytest.raises(ValidationError, match="dist"):
        TypeAdapter(AnyPrior).validate_python({})


TERMS = {name: name for name in ("ihlrt", "nlr", "ihlrt:nlr", "albi", "bclc[T.C]")} | {
    "bclc[T.C]": "bclc"
}
SDS = {"ihlrt": 0.4, "nlr": 0.8, "ihlrt:nlr": 0.3, "albi": 0.5, "bclc[T.C]": 0.25}


def resolved(priors=None, hazard=None, group="(1 | centre)"):
    spec = ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
            "outcome": {
                "formula": "ihlrt * nlr + albi + bclc",
                "group": group,
                "hazard": hazard or {},
            },
            "priors": priors or {},
        }
    )
    return resolve_priors(spec, TERMS, SDS, {name: 2.0 * sd for name, sd in SDS.items()})


def test_defaults_of_the_package():
    found = {name: one.prior for name, one in resolved().items()}
    assert list(found) == [*TERMS, "log_rate", "log_shape", "sd_centre"]
    assert found["ihlrt"].hyperparameters == {"mu": 0.0, "sigma": 0.5}
    assert found["nlr"].hyperparameters == {"mu": 0.0, "sigma": 1.25}
    assert found["ihlrt:nlr"].hyperparameters == {"mu": 0.0, "sigma": 0.25}
    assert found["albi"].hyperparameters == {"mu": 0.0, "sigma": 2.0}
    assert found["bclc[T.C]"].hyperparameters == {"mu": 0.0, "sigma": 4.0}
    assert found["log_rate"].on is PriorScale.LOG_CUMULATIVE_HAZARD
    assert found["log_rate"].hyperparameters == {"mu": np.log(np.log(2.0)), "sigma": 1.5}
    assert found["sd_centre"].dist is Dist.HALF_NORMAL
    assert {one.source for one in resolved().values()} == {"package default"}


def test_the_nearest_name_wins():
    flat = {"dist": "Normal", "mu": 0.0, "sigma": 9.0}
    by_term = {"dist": "Normal", "mu": 0.0, "sigma": 3.0}
    by_column = {"dist": "Normal", "mu": 0.0, "sigma": 2.0}
    found = resolved({"default": flat, "bclc": by_term, "baseline": by_term})
    assert found["bclc[T.C]"].prior.sigma == 3.0
    assert found["log_rate"].prior.sigma == 3.0
    assert found["albi"].prior.sigma == 9.0
    assert found["ihlrt"].source == "specification default"
    assert found["bclc[T.C]"].source == "specification"
    # A default on the whole real line does not fit a standard deviation.
    assert found["sd_centre"].source == "package default"
    both = resolved({"bclc": by_term, "bclc[T.C]": by_column})
    assert both["bclc[T.C]"].prior.sigma == 2.0


@pytest.mark.parametrize(
    ("hazard", "parameters"),
    [
        ({"family": "exponential"}, ["log_rate"]),
        ({"family": "gompertz"}, ["log_rate", "slope"]),
        ({"family": "piecewise", "cuts": [6.0]}, ["log_hazard", "log_shape", "smoothing_sd"]),
        ({"family": "piecewise"}, ["log_hazard", "log_shape", "smoothing_sd"]),
        (
            {"family": "piecewise", "cuts": [6.0], "smoothing": "independent"},
            ["log_hazard", "log_hazard_deviation"],
        ),
        ({"family": "mspline"}, ["log_scale", "log_shape", "smoothing_sd"]),
    ],
)
def test_each_hazard_has_its_parameters(hazard, parameters):
    assert list(resolved(hazard=hazard, group=""))[len(TERMS) :] == parameters


def test_every_slope_of_a_group_has_a_scale():
    found = resolved(
        {"group_sd": {"dist": "Exponential", "lam": 2.0}}, group="(1 + ihlrt | centre)"
    )
    scales = {name: one.prior.lam for name, one in found.items() if name.startswith("sd_")}
    assert scales == {"sd_centre": 2.0, "sd_centre:ihlrt": 2.0}


NORMAL = {"dist": "Normal", "mu": 0.0, "sigma": 1.0}
GAMMA = {"dist": "Gamma", "alpha": 1.0, "beta": 1.0}
MEDIAN = {"median_survival": 12.0, "upper": 30.0}


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"nrl": NORMAL}, "prior 'nrl': the model has no such parameter. Did you mean 'nlr'?"),
        ({"albi": GAMMA}, "prior 'albi': Gamma allows positive values only"),
        ({"albi": MEDIAN}, "prior 'albi': survival describes the baseline"),
        ({"log_shape": MEDIAN}, "prior 'log_shape': survival describes the baseline"),
        ({"sd_centre": NORMAL}, "prior 'sd_centre': a standard deviation is positive"),
        ({"slope": NORMAL}, "prior 'slope': the model has no such parameter"),
        ({"albi": GAMMA | {"on": "precision"}}, "a precision describes a standard deviation, not"),
        ({"albi": NORMAL | {"on": "exp"}}, "an exponential is positive; found Normal on exp"),
        ({"albi": GAMMA | {"on": "exp", "per": "sd"}}, "per = 'sd' rescales Normal and StudentT"),
    ],
)
def test_priors_that_do_not_fit_are_refused(priors, message):
    with pytest.raises(SpecificationError) as caught:
        resolved(priors)
    assert message in str(caught.value)


def test_a_slope_of_one_sign_is_refused():
    with pytest.raises(SpecificationError, match="the slope has either sign"):
        resolved({"slope": GAMMA}, hazard={"family": "gompertz"})


def test_all_faults_are_told_at_once():
    with pytest.raises(SpecificationError) as caught:
        resolved({"nrl": NORMAL, "albi": GAMMA, "sd_centre": NORMAL})
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    "priors", [{"log_shape": GAMMA | {"on": "exp"}}, {"albi": GAMMA | {"on": "exp"}}]
)
def test_positive_priors_may_describe_the_exponential(priors):
    (name,) = priors
    assert resolved(priors)[name].prior.on is PriorScale.EXP


def test_precision_may_describe_a_standard_deviation():
    found = resolved({"group_sd": GAMMA | {"on": "precision"}})
    assert found["sd_centre"].prior.on is PriorScale.PRECISION


def known(name):
    """Return a kind of prior, its hyperparameters and the same distribution in SciPy."""
    given, same = SCIPY[name]
    prior = Prior(dist=name, **given)
    return prior, prior.distribution, same


@pytest.mark.parametrize("name", [kind.value for kind in Dist])
def test_a_kind_of_prior_is_that_of_scipy(name):
    prior, own, same = known(name)
    points = np.array([0.05, 0.4, 1.0, 2.5])
    found = [own.below(prior.numbers, float(x)) for x in points]
    # A probability of less than 1e-4 is one less another in double precision.
    np.testing.assert_allclose(found, same.cdf(points), rtol=1e-12, atol=1e-16)
    draws = own.draw(prior.numbers, np.random.default_rng(1), (4000,))
    assert stats.kstest(draws, same.cdf).pvalue > 1e-4
    assert prior.positive == (draws.min() > 0.0)
    middle = own.middle(prior.numbers)
    assert 0.35 < same.cdf(middle) < 0.65


@pytest.mark.parametrize("name", [kind.value for kind in Dist])
def test_a_density_to_a_power_is_of_its_own_kind(name):
    prior, own, same = known(name)
    within = np.linspace(0.05, 2.5, 20_001)
    # Where a power of 0.6 of a Student t has its last 1e-4; the density at 0 may be infinite.
    right = np.linspace(1e-12, 400.0, 800_001)
    whole = right if prior.positive else np.concatenate([-right[::-1], right])
    for power in (0.6, 1.0, 3.0):
        raised = Prior(dist=name, **own.power(prior.numbers, power))
        told = own.below(raised.numbers, 2.5) - own.below(raised.numbers, 0.05)
        inside, everywhere = (
            np.trapezoid(np.exp(power * same.logpdf(x)), x) for x in (within, whole)
        )
        assert told == pytest.approx(inside / everywhere, rel=2e-3)


@pytest.mark.parametrize("name", [kind.value for kind in Dist])
def test_information_is_the_curvature_averaged(name):
    """Of the parameter, or of its logarithm where the prior is of a positive number."""
    prior, _, same = known(name)
    q = (np.arange(200_000) + 0.5) / 200_000
    at = same.ppf(q)
    step = 1e-3
    if prior.positive:
        at = np.log(at)
        prior = prior.model_copy(update={"on": PriorScale.EXP})

    def log_density(x):
        return same.logpdf(np.exp(x)) + x if prior.positive else same.logpdf(x)

    bent = log_density(at + step) - 2.0 * log_density(at) + log_density(at - step)
    assert prior.information == pytest.approx(-bent.mean() / step**2, rel=2e-3)


def test_the_middle_of_a_precision_is_told_as_a_standard_deviation():
    prior = Prior(dist="Gamma", alpha=8.0, beta=2.0, on="precision")
    assert median_of_scale(prior) == pytest.approx(0.5)
    assert median_of_scale(Prior(dist="HalfNormal", sigma=2.0)) == pytest.approx(1.349, abs=1e-3)


def test_every_kind_of_prior_is_in_the_list():
    assert set(DISTRIBUTIONS) == set(Dist)
    assert all(hasattr(pm, kind.value) for kind in Dist)
