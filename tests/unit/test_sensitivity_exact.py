"""Sensitivity kernels where every quantity is exact: closed forms, published numbers."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from bayes_ihlrt.clinical.effects import (
    EVIDENCE,
    Published,
    Question,
    equivalent_events,
    read_effects,
)
from bayes_ihlrt.clinical.evidence import Discount, evidence_faults, evidence_prior, published
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.priors import DISTRIBUTIONS, Prior
from bayes_ihlrt.sensitivity import tipping
from bayes_ihlrt.sensitivity.bias import bias_factor, e_value, risk_ratio, tipping_prevalence
from bayes_ihlrt.sensitivity.power import cumulative_js_distance
from bayes_ihlrt.sensitivity.priors import (
    MixturePrior,
    enthusiastic_prior,
    power_scaled,
    robust_prior,
    sceptical_prior,
)
from bayes_ihlrt.sensitivity.reverse_bayes import (
    normal_posterior,
    prior_events,
    probability_below,
    sd_of_events,
    tipping_mean,
    tipping_sd,
)
from bayes_ihlrt.sensitivity.tipping import crossings
from bayes_ihlrt.spec.sensitivity import SensitivitySpec
from bayes_ihlrt.verdicts import decide

EXACT = 1e-3
STEPS = 40_000
LEVELS = (np.arange(STEPS) + 0.5) / STEPS


def distance(p, q, x):
    """Cumulative Jensen-Shannon distance by quadrature, written from the definition."""

    def one_way(f, g):
        m = 0.5 * (f + g)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(f > 0.0, f * np.log2(f / m), 0.0)
        return np.trapezoid(part, x) + np.trapezoid(g - f, x) / (2.0 * np.log(2.0))

    def both(f, g):
        return np.sqrt((one_way(f, g) + one_way(g, f)) / np.trapezoid(f + g, x))

    return max(both(p, q), both((1.0 - p)[::-1], (1.0 - q)[::-1]))


def scaled_weights(prior, power, values):
    return np.exp((power - 1.0) * prior.logpdf(values))


# Published hazard ratios with their sceptical limits.
LIMITS = {
    "LEAP-012 PFS": 0.834,
    "TALENTACE PFS": 0.744,
    "LAUNCH OS": 0.880,
    "ABC-HCC TTFS": 0.676,
}


@pytest.mark.parametrize("name", LIMITS)
def test_sceptical_limits_of_published_trials(name):
    (effect,) = published([name])
    assert effect.effect.sceptical_limit == pytest.approx(LIMITS[name], abs=5e-4)


@pytest.mark.parametrize("name", LIMITS)
def test_the_sceptical_prior_just_reaches_one(name):
    effect = published([name])[0].effect
    # The interval's own centre and error: published ratios are rounded.
    centre = 0.5 * (np.log(effect.low) + np.log(effect.high))
    mean, variance = normal_posterior((0.0, effect.sceptical_sd), (centre, effect.error))
    assert mean + stats.norm.ppf(0.975) * np.sqrt(variance) == pytest.approx(0.0, abs=1e-9)


def test_sceptical_limit_turns_with_the_direction():
    trial = Published(0.66, 0.51, 0.84)
    assert trial.inverse.sceptical_limit == pytest.approx(1.0 / trial.sceptical_limit)
    assert np.isnan(Published(0.80, 0.57, 1.11).sceptical_limit)
    with pytest.raises(SpecificationError, match=r"0\.9 does not lie between"):
        Published(0.9, 0.5, 0.8)


@pytest.mark.parametrize(
    ("alternative", "sd"), [(0.60, 0.3106), (0.65, 0.2619), (0.70, 0.2168), (0.75, 0.1749)]
)
def test_sceptical_and_enthusiastic_priors(alternative, sd):
    sceptic, enthusiast = sceptical_prior(alternative), enthusiastic_prior(alternative)
    assert sceptic.sigma == pytest.approx(sd, abs=5e-5)
    assert stats.norm(0.0, sceptic.sigma).cdf(np.log(alternative)) == pytest.approx(0.05)
    assert stats.norm(enthusiast.mu, enthusiast.sigma).sf(0.0) == pytest.approx(0.05)


class HalfT:
    """Half Student t."""

    def __init__(self, prior):
        self.prior = prior

    def logpdf(self, x):
        return np.log(2.0) + stats.t(self.prior.nu, 0.0, self.prior.sigma).logpdf(x)


SCALED = {
    "Normal": (Prior(dist="Normal", mu=0.4, sigma=0.2), lambda p: stats.norm(p.mu, p.sigma)),
    "StudentT": (
        Prior(dist="StudentT", nu=5.0, mu=-0.3, sigma=0.4),
        lambda p: stats.t(p.nu, p.mu, p.sigma),
    ),
    "HalfNormal": (Prior(dist="HalfNormal", sigma=0.5), lambda p: stats.halfnorm(0.0, p.sigma)),
    "HalfStudentT": (
        Prior(dist="HalfStudentT", nu=4.0, sigma=0.5),
        HalfT,
    ),
    "Exponential": (Prior(dist="Exponential", lam=2.0), lambda p: stats.expon(0.0, 1.0 / p.lam)),
    "Gamma": (
        Prior(dist="Gamma", alpha=3.0, beta=2.0),
        lambda p: stats.gamma(p.alpha, 0.0, 1.0 / p.beta),
    ),
    "LogNormal": (
        Prior(dist="LogNormal", mu=0.2, sigma=0.6),
        lambda p: stats.lognorm(p.sigma, 0.0, np.exp(p.mu)),
    ),
}


@pytest.mark.parametrize("power", [0.8, 1.25, 4.0])
@pytest.mark.parametrize("dist", SCALED)
def test_power_scaled_density_is_the_power_of_the_density(dist, power):
    prior, density = SCALED[dist]
    x = np.array([0.05, 0.3, 0.7, 1.1, 2.5])
    ours = density(power_scaled(prior, power)).logpdf(x)
    constant = ours - power * density(prior).logpdf(x)
    assert np.ptp(constant) < 1e-10


def test_an_improper_power_is_refused():
    with pytest.raises(SpecificationError, match="improper"):
        power_scaled(Prior(dist="Gamma", alpha=0.5, beta=1.0), 4.0)


@pytest.mark.parametrize("power", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize("dist", DISTRIBUTIONS)
def test_no_density_is_raised_to_a_power_that_is_none(dist, power):
    names = DISTRIBUTIONS[dist].hyperparameters
    prior = Prior(dist=dist, **dict.fromkeys(names, 2.0))
    with pytest.raises(SpecificationError, match="improper"):
        power_scaled(prior, power)


@pytest.mark.parametrize("power", [0.8, 1.25])
def test_power_scaling_of_normal_prior_and_likelihood_is_exact(power):
    prior, data = (0.0, 0.4), (-0.5, 0.3)
    mean, variance = normal_posterior(prior, data)
    draws = stats.norm(mean, np.sqrt(variance)).ppf(LEVELS)
    x = np.linspace(mean - 8.0, mean + 8.0, 100_001)
    cases = {
        "prior": (stats.norm(*prior), normal_posterior((0.0, 0.4 / np.sqrt(power)), data)),
        "likelihood": (stats.norm(*data), normal_posterior(prior, (-0.5, 0.3 / np.sqrt(power)))),
    }
    for density, (scaled_mean, scaled_variance) in cases.values():
        weights = scaled_weights(density, power, draws)
        found = cumulative_js_distance(draws, np.ones(STEPS), draws, weights)
        # Beyond the outermost draws there is nothing to compare.
        inside = (x >= draws[0]) & (x <= draws[-1])
        exact = distance(
            stats.norm(mean, np.sqrt(variance)).cdf(x[inside]),
            stats.norm(scaled_mean, np.sqrt(scaled_variance)).cdf(x[inside]),
            x[inside],
        )
        assert found == pytest.approx(exact, abs=EXACT)
        weighted = np.average(draws, weights=weights)
        assert weighted == pytest.approx(scaled_mean, abs=EXACT)


@pytest.mark.parametrize("power", [0.8, 1.25])
def test_power_scaling_of_a_conjugate_exponential_is_exact(power):
    # Rate ~ Gamma(4, 60); 20 events in 400 months.
    alpha, beta, events, months = 4.0, 60.0, 20.0, 400.0
    posterior = stats.gamma(alpha + events, scale=1.0 / (beta + months))
    scaled = power_scaled(Prior(dist="Gamma", alpha=alpha, beta=beta), power)
    exact = stats.gamma(scaled.alpha + events, scale=1.0 / (scaled.beta + months))
    rates = posterior.ppf(LEVELS)
    weights = scaled_weights(stats.gamma(alpha, scale=1.0 / beta), power, rates)
    assert np.average(rates, weights=weights) == pytest.approx(exact.mean(), rel=EXACT)
    x = np.linspace(rates[0], rates[-1], 100_001)
    found = cumulative_js_distance(rates, np.ones(STEPS), rates, weights)
    assert found == pytest.approx(distance(posterior.cdf(x), exact.cdf(x), x), abs=EXACT)


def test_distance_of_two_samples_that_share_no_draw():
    near, far = stats.norm(0.0, 1.0), stats.norm(0.5, 1.3)
    a, b = near.ppf(LEVELS[::4] + 2e-6), far.ppf(LEVELS[::4])
    x = np.linspace(min(a[0], b[0]), max(a[-1], b[-1]), 100_001)
    found = cumulative_js_distance(a, np.ones(len(a)), b, np.ones(len(b)))
    assert found == pytest.approx(distance(near.cdf(x), far.cdf(x), x), abs=EXACT)


@pytest.mark.parametrize("threshold", [0.95, 0.9, 0.8])
def test_tipping_points_of_a_normal_mean(threshold):
    data = (-0.62, 0.3)
    ess = np.full(41, 4000.0)
    means = np.linspace(-2.0, 2.0, 41)
    chance = np.array([probability_below((mean, 0.4), data) for mean in means])
    (found,) = crossings(means, chance, ess, threshold, log=False)
    assert found.falling
    assert found.value == pytest.approx(tipping_mean(0.4, data, threshold), abs=EXACT)
    sds = np.geomspace(0.05, 4.0, 41)
    chance = np.array([probability_below((0.0, sd), data) for sd in sds])
    (found,) = crossings(sds, chance, ess, threshold, log=True)
    assert not found.falling
    assert found.value == pytest.approx(tipping_sd(data, threshold), abs=EXACT)


def test_tipping_error_is_that_of_repeated_draws():
    data, size = (-0.62, 0.3), 1000
    means = np.linspace(-2.0, 2.0, 41)
    chance = np.array([probability_below((mean, 0.4), data) for mean in means])
    rng = np.random.default_rng(5)
    values, errors = [], []
    for _ in range(200):
        noisy = rng.binomial(size, chance) / size
        found = crossings(means, noisy, np.full(41, float(size)), 0.9, log=False)
        values.append(found[0].value)
        errors.append(found[0].error)
    # 200 repetitions know an sd to 5 %; three of these.
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.15)


def test_no_tipping_sd_where_the_data_alone_do_not_reach_the_threshold():
    assert np.isnan(tipping_sd((-0.3, 0.3), 0.95))
    assert np.isnan(tipping_sd((0.3, 0.3), 0.95))


def test_prior_events():
    assert prior_events(Prior(dist="Normal", mu=-0.3, sigma=0.4)) == pytest.approx(25.0)
    assert prior_events(Prior(dist="Gamma", alpha=7.0, beta=9.0, on="exp")) == 7.0
    assert sd_of_events(equivalent_events(0.31)) == pytest.approx(0.31)
    with pytest.raises(SpecificationError, match="not worth a number of events"):
        prior_events(Prior(dist="HalfNormal", sigma=1.0))
    student = Prior(dist="StudentT", nu=6.0, mu=0.0, sigma=0.3)
    x = np.linspace(-30.0, 30.0, 400_001)
    density = stats.t(6.0, 0.0, 0.3).pdf(x)
    slope = np.gradient(np.log(density), x)
    expected = 4.0 * np.trapezoid(density * slope**2, x)
    assert prior_events(student) == pytest.approx(expected, rel=EXACT)


def test_events_of_a_mixture():
    one = Prior(dist="Normal", mu=-0.4, sigma=0.25)
    assert MixturePrior((1.0,), (one,)).events == pytest.approx(64.0, rel=EXACT)
    same = MixturePrior((0.3, 0.7), (one, one))
    assert same.events == pytest.approx(64.0, rel=EXACT)
    # Far apart, the components are worth what they are worth alone.
    far = one.model_copy(update={"mu": 40.0, "sigma": 0.5})
    assert MixturePrior((0.25, 0.75), (one, far)).events == pytest.approx(
        0.25 * 64.0 + 0.75 * 16.0, rel=EXACT
    )


def test_posterior_of_a_mixture_with_a_normal_likelihood():
    data = (-0.2, 0.3)
    mixture = robust_prior(published(["LAUNCH OS"]), Discount(0.3, -0.2, 0.2), weight=0.6)
    evidence = np.array(
        [
            stats.norm(each.mu, np.hypot(each.sigma, data[1])).logpdf(data[0])
            for each in mixture.components
        ]
    )
    shares = mixture.posterior_weights(evidence)
    x = np.linspace(-6.0, 6.0, 100_001)
    density = np.exp(mixture.log_density(x)) * stats.norm(*data).pdf(x)
    exact = np.trapezoid(np.where(x < 0.0, density, 0.0), x) / np.trapezoid(density, x)
    ours = sum(
        share * probability_below((each.mu, each.sigma), data)
        for share, each in zip(shares, mixture.components, strict=True)
    )
    assert ours == pytest.approx(exact, abs=EXACT)


def test_a_mixture_has_positive_weights_and_normal_components():
    half = Prior(dist="HalfNormal", sigma=1.0)
    with pytest.raises(SpecificationError, match="2 faults"):
        MixturePrior((0.5, 0.6), (half, half))


def test_evidence_has_sources_and_directions():
    assert len({each.name for each in EVIDENCE}) == len(EVIDENCE)
    for each in EVIDENCE:
        assert each.source
        assert each.studies
        assert " over " in each.comparison
        assert each.doi is None or each.doi.startswith("10.")
        # Whoever prints the effect of treatment as above 1 was turned round.
        assert (each.effect.ratio > 1.0) == (each.question is Question.PROGNOSIS)
    with pytest.raises(SpecificationError, match="Did you mean 'LAUNCH OS'"):
        published(["LAUNCH"])


PROGNOSIS = {
    "NLR 5 OS": (2.01, 1.22, 3.56),
    "NLR OS": (1.80, 1.59, 2.04),
    "mALBI OS": (2.36, 1.37, 4.05),
    "AFP 100 OS": (2.61, 1.49, 4.55),
    "CRAFITY 1 OS": (2.0, 1.1, 3.4),
    "CRAFITY 2 OS": (3.6, 2.1, 6.2),
}
"""Hazard ratios of adverse factors, above 1, with 95 % intervals."""


def test_prognosis_is_that_of_the_literature():
    found = {each.name: each.effect for each in EVIDENCE if each.question is Question.PROGNOSIS}
    assert {n: (e.ratio, e.low, e.high) for n, e in found.items()} == PROGNOSIS


REFUSED = {
    ("NLR OS",): ["'NLR OS'"],
    ("NLR OS", "triple therapy PFS"): ["'NLR OS'", "outcomes"],
    ("ABC-HCC TTFS",): ["'ABC-HCC TTFS'"],
    ("IMbrave150 OS",): ["'IMbrave150 OS'"],
    ("LAUNCH OS", "LAUNCH OS"): ["'LAUNCH OS' and 'LAUNCH OS'"],
    ("LAUNCH OS", "LEAP-012 OS"): ["comparisons"],
    ("LEAP-012 PFS", "systemic added PFS"): ["'LEAP-012 PFS' and 'systemic added PFS'"],
    ("TALENTACE PFS", "systemic added PFS"): [
        "outcomes",
        "'TALENTACE PFS' and 'systemic added PFS'",
    ],
    ("LAUNCH", "NLR OS", "LEAP-012 OS", "triple therapy PFS"): [
        "'LAUNCH'",
        "'NLR OS'",
        "outcomes",
        "comparisons",
    ],
}
"""Selections that are no prior for a treatment, and every fault of each."""


@pytest.mark.parametrize("names", REFUSED)
def test_what_is_no_prior_for_a_treatment_is_refused(names):
    assert [fault.where for fault in evidence_faults(names)] == REFUSED[names]
    with pytest.raises(ValidationError, match=r"'|outcomes|comparisons"):
        SensitivitySpec(evidence=names)
    if "LAUNCH" not in names:
        with pytest.raises(SpecificationError, match="evidence"):
            evidence_prior(published(names), Discount())


def test_only_effects_of_added_treatments_are_priors():
    allowed = [each.name for each in EVIDENCE if not evidence_faults([each.name])]
    assert allowed == [
        *("LAUNCH OS", "triple therapy OS", "triple therapy PFS"),
        *("LEAP-012 PFS", "LEAP-012 OS", "TALENTACE PFS", "systemic added PFS"),
    ]
    assert SensitivitySpec(evidence=("LAUNCH OS", "triple therapy OS")).evidence
    with pytest.raises(SpecificationError, match="nothing is selected"):
        evidence_prior((), Discount())


def test_evidence_prior_is_the_predictive_distribution():
    chosen = published(["LAUNCH OS", "triple therapy OS"])
    prior = evidence_prior(chosen, Discount(0.25, -0.1, 0.15))
    weights = [1.0 / (each.effect.error**2 + 0.25**2) for each in chosen]
    pooled = sum(w * each.effect.log_ratio for w, each in zip(weights, chosen, strict=True))
    assert prior.mu == pytest.approx(pooled / sum(weights) + 0.1)
    variance = 1.0 / sum(weights) + 0.25**2 + 0.15**2
    assert prior.sigma == pytest.approx(np.sqrt(variance))
    certain = evidence_prior(chosen[:1], Discount(0.0, 0.0, 0.0))
    assert certain.sigma == pytest.approx(chosen[0].effect.error)


def test_e_values_of_the_literature():
    assert e_value([3.9, 0.80]).tolist() == pytest.approx([7.26, 1.81], abs=5e-3)
    assert e_value(risk_ratio(0.56, common=True)).item() == pytest.approx(2.350, abs=5e-4)
    assert e_value(risk_ratio(0.56, common=False)).item() == e_value(0.56).item()
    assert e_value(1.0) == 1.0


def test_bias_factor_and_its_contour():
    rng = np.random.default_rng(3)
    strength, treated = rng.uniform(1.2, 5.0, 50), 0.2
    untreated = rng.uniform(0.25, 0.95, 50)
    factors = bias_factor(strength, treated, untreated)
    back = [
        tipping_prevalence(float(f), np.array([g]), treated)[0]
        for f, g in zip(factors, strength, strict=True)
    ]
    assert np.allclose(back, untreated)
    assert bias_factor(1.0, 0.2, 0.9) == pytest.approx(1.0)
    assert bias_factor(3.0, 0.4, 0.4) == pytest.approx(1.0)


def test_decisions():
    assert [decide(p, 0.9).value for p in (0.9, 0.89, 0.1)] == ["yes", "cannot tell", "no"]


def test_noise_does_not_turn_a_crossing_around():
    """P of a hazard ratio below 1 under a sceptic's prior worth 1 to 79 events, 1,000 draws."""
    values = np.geomspace(1.0, 2000.0, 41)[:24]
    early = [963.0, 970.0, 969.0, 955.0, 971.0, 978.0, 969.0, 971.0, 972.0, 960.0, 962.0, 956.0]
    late = [953.0, 945.0, 945.0, 961.0, 942.0, 939.0, 924.0, 896.0, 903.0, 874.0, 863.0, 866.0]
    chance = np.array([*early, *late])
    (found,) = crossings(values, chance / 1000.0, np.full(24, 810.0), 0.95, log=True)
    assert found.falling
    # The same path with 8,000 draws crosses at 12.3, Monte Carlo error 0.7.
    assert abs(found.value - 12.3) < 3.0 * np.hypot(found.error, 0.7)
    assert found.error < 5.0


def test_a_student_prior_is_told_as_one():
    """StudentT(3, 0, 0.4): 95 % from exp(-3.182 x 0.4) on, worth 25 x 4 / 6 events."""
    stated = Prior(dist="StudentT", nu=3.0, mu=0.0, sigma=0.2)
    told = tipping.as_prior(tipping.Path.SD, stated, 0.4)
    assert told["prior_hr_low"] == pytest.approx(np.exp(-3.1824463 * 0.4), abs=1e-6)
    assert told["prior_hr_high"] == pytest.approx(3.571, abs=1e-3)
    assert told["prior_events"] == pytest.approx(16.667, abs=1e-3)
    # A sceptic's prior of so many events is worth as many, Student t or not.
    assert tipping.as_prior(tipping.Path.EVENTS, stated, 50.0)["prior_events"] == pytest.approx(50)


ENTRY = """
[mine]
outcome = "overall survival"
hr = 0.8
interval = [0.6, 1.1]
comparison = "a over b"
question = "prognosis"
population = "some"
design = "a cohort"
source = "a paper"
studies = ["mine"]
"""


def test_an_effect_is_read_from_text_that_a_clinician_can_correct():
    (found,) = read_effects(ENTRY)
    assert (found.name, found.effect, found.question) == (
        "mine",
        Published(0.8, 0.6, 1.1),
        Question.PROGNOSIS,
    )
    assert (found.studies, found.doi, found.checked) == (("mine",), None, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hr = 0.8", "", "missing hr"),
        ("hr = 0.8", "hr = 1.8", "[mine] interval: 1.8 does not lie between 0.6 and 1.1"),
        ("[0.6, 1.1]", "[0.6]", "[mine]: not enough values to unpack"),
        ('"prognosis"', '"prognoses"', "'prognoses' is not a valid Question"),
        ("design", "designed", "unknown designed"),
    ],
)
def test_what_is_wrong_with_an_effect_is_told_with_its_name(old, new, words):
    with pytest.raises(SpecificationError) as caught:
        read_effects(ENTRY.replace(old, new, 1))
    assert words in str(caught.value)
