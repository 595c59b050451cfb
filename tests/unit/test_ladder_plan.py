"""What the ladder takes over from the specification: options of designs, covariates, remedies."""

import numpy as np
import pytest

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.ladder import fit as rung_fit
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import load_spec, parse_spec
from fabricated import CHAINS, DRAWS, fabricate
from states_cases import toy_cohort


def specification(*, treatment=None, outcome=None, **tables):
    """Return the packaged ladder with some keys of its treatment, outcome and ladder changed."""
    plain = load_spec("ladder").to_dict()
    plain["treatment"] |= treatment or {}
    plain["outcome"] |= outcome or {}
    for name, keys in tables.items():
        plain[name] |= keys
    return AnalysisSpec.model_validate(plain)


def treatments(spec):
    """Return the treatment of each rung by its name."""
    return {plan.rung: plan.treatment for plan in plan_rungs(spec, toy_cohort())}


def test_controls_are_followed_on_where_the_specification_says_so():
    ignored = treatments(specification(treatment={"crossover": "ignore"}))
    assert ignored["sequential"].crossover.value == "ignore"
    assert treatments(specification())["sequential"].crossover is None


CLONES = {"design": "clone-censor-weight", "grace": 6.0}
EVERYBODY = {"estimand": "ate"}


def test_clones_are_weighted_as_the_specification_says():
    # Response changes and is read by the propensity: time-varying unless said otherwise.
    assert treatments(specification())["clone-censor-weight"].grace_weights.value == "time-varying"
    said = treatments(
        specification(treatment=CLONES | {"grace_weights": "baseline"}, propensity=EVERYBODY)
    )
    assert said["clone-censor-weight"].grace_weights.value == "baseline"


def test_the_grace_of_the_treatment_holds_where_the_ladder_says_nothing():
    plain = specification(treatment=CLONES, propensity=EVERYBODY).to_dict()
    del plain["ladder"]["grace"]
    plain["treatment"]["grace"] = 4.0
    spec = AnalysisSpec.model_validate(plain)
    assert treatments(spec)["clone-censor-weight"].grace == 4.0
    assert parse_spec(spec.to_toml()) == spec


def test_two_graces_are_a_fault():
    message = r"\[ladder\] grace: 6 months, and grace in \[treatment\] is 4\. Give both the same"
    with pytest.raises(ValueError, match=message):
        specification(treatment=CLONES | {"grace": 4.0}, propensity=EVERYBODY)


def test_every_rung_knows_what_it_adjusts_for():
    found = {
        (plan.rung, plan.adjustment): plan.adjusted_for
        for plan in plan_rungs(specification(outcome={"group": "(1 | centre)"}), toy_cohort())
    }
    held = ("nlr", "albi", "afp_high", "response")
    assert found["split", "none"] == ("nlr",)
    assert found["split", "covariates"] == (*held, "centre")
    # The month of the decision is in the propensity and of no patient.
    assert found["sequential", "weights"] == ("nlr", "response", "albi", "afp_high")


def test_a_formula_without_covariates_adds_no_rung():
    priors = {"ihlrt": {"hr_median": 1.0, "hr_interval": [0.2, 5.0]}}
    plain = specification(outcome={"formula": "nlr*ihlrt"}).to_dict()
    plain["priors"] = priors
    plain["ladder"].pop("response")
    kinds = {plan.adjustment for plan in plan_rungs(AnalysisSpec(**plain), toy_cohort())}
    assert kinds == {"none", "weights"}


@pytest.mark.parametrize("number", [0, -1], ids=["outcome", "states"])
def test_remedies_are_those_of_the_ladder(number, monkeypatch):
    """The engines speak of [sampler], which the ladder does not read."""

    def fail(*_, **__):
        message = "no mode was found"
        raise ConvergenceError(message, "Set engine = 'nuts' in [sampler]")

    monkeypatch.setattr(rung_fit, "fit_shared", fail)
    monkeypatch.setattr(rung_fit, "fit_shared_transitions", fail)
    spec, cohort = specification(), toy_cohort()
    with pytest.raises(ConvergenceError) as raised:
        rung_fit.fit_rung(spec, cohort, plan_rungs(spec, cohort)[number], horizon=24.0)
    assert str(raised.value).startswith("no mode was found. ")
    assert "[ladder]" in str(raised.value)
    assert "[sampler]" not in str(raised.value)


def test_months_gained_at_a_value_of_the_modifier_are_those_of_its_hazards(monkeypatch):
    """Hazard 0.05 untreated, times 0.6 (NLR / 3)^-0.5 treated: (1 - exp(-h 24)) / h months."""
    same = {
        "log_rate": np.log(0.05),
        "ihlrt": np.log(0.6),
        "nlr": 0.0,
        "ihlrt:nlr": -0.5 * np.log(2.0),
    }
    draws = {name: np.full((CHAINS, DRAWS), value) for name, value in same.items()}
    fit = fabricate({"family": "exponential"}, draws, "ihlrt * nlr")
    fit.tree.attrs["engine"] = "laplace"
    monkeypatch.setattr(rung_fit, "fit_shared", lambda *_: fit)
    spec, cohort = specification(), toy_cohort()
    (plan,) = [p for p in plan_rungs(spec, cohort) if (p.rung, p.adjustment) == ("split", "none")]
    rung = rung_fit.fit_rung(spec, cohort, plan, horizon=24.0)
    never = (1.0 - np.exp(-0.05 * 24.0)) / 0.05
    for row, at in zip(rung.to_dict()["rmst_at"], (2.0, 3.0, 5.0), strict=True):
        hazard = 0.05 * 0.6 * (at / 3.0) ** -0.5
        expected = (1.0 - np.exp(-24.0 * hazard)) / hazard - never
        assert (row["at"], row["median"]) == (at, pytest.approx(expected, rel=1e-6))
