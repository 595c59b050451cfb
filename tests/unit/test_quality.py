"""How good draws are: each engine's diagnostics at their limits, and what is told of them."""

import numpy as np
import pytest

from bayes_ihlrt.names import Engine, PropensityUncertainty
from bayes_ihlrt.posterior.quality import (
    Quality,
    at_mode_quality,
    bootstrap_quality,
    chain_quality,
    cut_quality,
    laplace_quality,
    weighted_quality,
)

PLUGIN, SANDWICH = PropensityUncertainty.PLUGIN, PropensityUncertainty.SANDWICH
NUMBERS = ("engine", "r_hat", "ess_bulk", "ess_tail", "divergences", "worst", "k_hat", "ess")
NAN = float("nan")


def chains(
    r_hat: float = 1.0, bulk: float = 2_763.0, tail: float = 3_000.0, divergences: int = 0
) -> Quality:
    return chain_quality(r_hat, "nlr", ess_bulk=bulk, ess_tail=tail, divergences=divergences)


def laplace(k_hat: float = 0.16, ess: float = 2_680.0) -> Quality:
    return laplace_quality(k_hat, ess, draws=4_000)


def plugin(k_hat: float = 0.2, ess: float = 800.0) -> Quality:
    return at_mode_quality(PLUGIN, k_hat=k_hat, ess=ess, draws=1_000)


def sandwich(k_hat: float = 0.2, ess: float = 800.0) -> Quality:
    return at_mode_quality(SANDWICH, k_hat=k_hat, ess=ess, draws=1_000)


def cut(bad: int = 1, k_hat: float = 0.3) -> Quality:
    return cut_quality(200, bad, k_hat=k_hat, draws=4_000)


TOLD = {
    "chains": (
        chains(),
        "Convergence passed: R-hat at most 1.000, effective sample size at least 2,763, 0 "
        "divergent transitions.",
        ("nuts", 1.0, 2_763.0, 3_000.0, 0, "nlr", None, None),
    ),
    "laplace": (
        laplace(),
        "Approximation passed: Pareto k-hat 0.16, effective sample size 2,680; R-hat is not "
        "defined, there are no chains.",
        ("laplace", None, None, None, None, None, 0.16, 2_680.0),
    ),
    "weighted": (
        weighted_quality(2_680.0),
        "Approximation passed: effective sample size 2,680; R-hat is not defined, there are no "
        "chains.",
        ("laplace", None, None, None, None, None, None, 2_680.0),
    ),
    "bootstrap": (
        bootstrap_quality(3_999, 1),
        "Bootstrap passed: 3,999 draws, 1 without a mode; draws are independent, R-hat is not "
        "defined.",
        ("linked-bootstrap", None, None, None, None, None, None, 3_999.0),
    ),
    "plugin": (
        plugin(),
        "Approximation (plugin) passed: Pareto k-hat 0.20, effective sample size 800; R-hat is "
        "not defined, there are no chains. UNCALIBRATED: the propensities are taken as known.",
        ("plugin", None, None, None, None, None, 0.2, 800.0),
    ),
    "sandwich": (
        sandwich(),
        "Approximation (sandwich) passed: Pareto k-hat 0.20, effective sample size 800; R-hat is "
        "not defined, there are no chains.",
        ("sandwich", None, None, None, None, None, 0.2, 800.0),
    ),
    "cut": (
        cut(),
        "Cut distribution passed: 200 draws of the propensities (Pareto k-hat 0.30), 1 of them "
        "without a good posterior of the outcome; R-hat is not defined, there are no chains.",
        ("cut", None, None, None, None, None, 0.3, 200.0),
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_verdict_and_numbers(name: str) -> None:
    found, verdict, numbers = TOLD[name]
    assert found.failures == ()
    assert found.verdict == verdict
    assert tuple(found.numbers.items()) == tuple(zip(NUMBERS, numbers, strict=True))
    assert type(found.numbers["engine"]) is str
    assert found.chains is (found.engine is Engine.NUTS) is (name == "chains")


@pytest.mark.parametrize(
    "good",
    [
        chains(r_hat=1.01, bulk=400.0, tail=400.0),
        laplace(k_hat=0.7, ess=400.0),
        laplace(k_hat=-0.2),
        weighted_quality(400.0),
        bootstrap_quality(99, 1),
        plugin(k_hat=0.7, ess=400.0),
        sandwich(k_hat=0.7, ess=400.0),
        cut(bad=2, k_hat=0.7),
    ],
)
def test_at_the_limit_draws_are_trusted(good: Quality) -> None:
    assert good.failures == ()
    assert " passed: " in good.verdict


R_HAT = "R-hat 1.011 for nlr (allowed: 1.01)"
SMALL = "effective sample size 399 (needed: 400)"
HEAVY = "Pareto k-hat 0.71 (allowed: 0.7)"
BAD = "3 of 200 posteriors have none or a Pareto k-hat above 0.7 (allowed: 1 %)"


@pytest.mark.parametrize(
    ("bad", "failures", "remedy"),
    [
        (chains(r_hat=1.011), [R_HAT], "Raise tune"),
        (chains(r_hat=NAN), ["R-hat nan for nlr (allowed: 1.01)"], "Raise tune"),
        (chains(bulk=399.0), [f"smallest {SMALL}"], "Raise tune"),
        (chains(tail=399.0), [f"smallest {SMALL}"], "Raise tune"),
        (chains(divergences=1), ["1 divergent transitions (allowed: 0)"], "Raise tune"),
        (
            chains(1.011, 399.0, 500.0, 2),
            [R_HAT, f"smallest {SMALL}", "2 divergent transitions (allowed: 0)"],
            "Raise tune",
        ),
        (laplace(k_hat=0.71), [HEAVY], "engine = 'nuts'"),
        (laplace(k_hat=NAN), ["Pareto k-hat nan (allowed: 0.7)"], "engine = 'nuts'"),
        (laplace(ess=399.0), [SMALL], "engine = 'nuts'"),
        (laplace(0.71, 399.0), [HEAVY, SMALL], "engine = 'nuts'"),
        (weighted_quality(399.0), [SMALL], "engine = 'nuts'"),
        (
            bootstrap_quality(98, 2),
            ["2 of 100 bootstrap draws have no mode (allowed: 1 %)"],
            "State tighter priors",
        ),
        (plugin(0.71, 399.0), [HEAVY, SMALL], "use uncertainty 'linked-bootstrap'"),
        (sandwich(0.71, NAN), [HEAVY, SMALL.replace("399", "nan")], "'linked-bootstrap'"),
        (cut(bad=3), [BAD], "use uncertainty 'linked-bootstrap'"),
        (
            cut(bad=3, k_hat=np.inf),
            ["Pareto k-hat inf of the propensities (allowed: 0.7)", BAD],
            "use uncertainty 'linked-bootstrap'",
        ),
    ],
)
def test_beyond_the_limit_they_are_not(bad: Quality, failures: list[str], remedy: str) -> None:
    assert list(bad.failures) == failures
    assert remedy in bad.remedy
    assert " FAILED, do not use these numbers: " in bad.verdict


@pytest.mark.parametrize(
    ("found", "variance"),
    [
        (laplace(), 1 / 2_680 + 1 / 4_000),
        # Weighted draws are not resampled.
        (weighted_quality(2_680.0), 1 / 2_680),
        (bootstrap_quality(900, 1), 1 / 900),
        (plugin(), 1 / 800 + 1 / 1_000),
        (sandwich(), 1 / 800 + 1 / 1_000),
        (cut(), 1 / 200),
    ],
)
def test_the_error_of_a_mean_counts_weights_and_resampling(found: Quality, variance: float) -> None:
    assert found.error == pytest.approx(variance**0.5, rel=1e-12)
    assert found.effective == pytest.approx(1 / variance, rel=1e-12)


def test_parameters_of_chains_have_errors_of_their_own() -> None:
    assert chains().error is None
    assert chains(bulk=2_763.0, tail=500.0).effective == 2_763.0


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (
            laplace(),
            "Laplace approximation with importance correction, not MCMC",
        ),
        (weighted_quality(2_680.0), "Weighted draws of approximate posteriors, not MCMC"),
        (
            bootstrap_quality(1_200, 0),
            "Linked bootstrap of a weighted analysis, 1,200 draws: its probabilities are "
            "bootstrap probabilities",
        ),
        (
            plugin(),
            "Weighted likelihood and prior at one set of propensities, 1,000 draws, no posterior: "
            "UNCALIBRATED",
        ),
        (
            sandwich(),
            "Weighted likelihood and prior, 1,000 draws, no posterior: corrected by the sandwich",
        ),
        (cut(), "Cut distribution, 4,000 draws over 200 draws of the propensities: intervals"),
    ],
)
def test_what_is_not_of_chains_says_what_it_is(found: Quality, note: str) -> None:
    assert found.note is not None
    assert found.note.startswith(note)
    assert not found.note.endswith(".")


def test_numbers_of_an_approximation_stand_in_its_verdict_alone() -> None:
    for found in (laplace(), weighted_quality(2_680.0)):
        assert found.note is not None
        assert not any(sign.isdigit() for sign in found.note)
        assert "2,680" in found.verdict


def test_chains_need_no_word() -> None:
    assert chains().note is None
