"""Every estimand of a population is that population's."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands import population as populations
from bayes_ihlrt.estimands import predictors
from bayes_ihlrt.estimands.curves import NEVER, rmst, survival, treated_from
from bayes_ihlrt.estimands.interaction import (
    joint_log_hazard,
    log_hazard_ratio,
    subgroup_log_hazard_ratio,
)
from bayes_ihlrt.estimands.mitigation import (
    Question,
    mitigation_statements,
    multiplicative_interaction,
)
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind, EstimandTarget
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.estimands import EstimandSpec, PopulationKind, stated_population
from bayes_ihlrt.spec.model import ModelSpec

TREATED = treated_from(0)
PATIENTS = 12
RNG = np.random.default_rng(4)
NLR = RNG.uniform(1.0, 8.0, PATIENTS)
ALBI = RNG.uniform(-3.0, -1.0, PATIENTS)
CENTRE = np.repeat(["c0", "c1"], PATIENTS // 2).astype(object)
SHARES = arrays(float, PATIENTS, elements=some.floats(0.0, 1.0)).filter(lambda w: w.sum() > 0.1)


@pytest.fixture(scope="module")
def fit():
    """Return a fit in which treatment interacts with the modifier and with a covariate."""
    return fitted("ihlrt * nlr + ihlrt * albi + nlr:albi")


def fitted(formula):
    columns = {
        "patient": np.array([f"p{n:02d}" for n in range(PATIENTS)], dtype=object),
        "start": np.zeros(PATIENTS),
        "stop": RNG.uniform(2.0, 20.0, PATIENTS),
        "event": np.ones(PATIENTS),
        "weight": np.ones(PATIENTS),
        "ihlrt": np.arange(PATIENTS) % 2.0,
        "nlr": NLR,
        "albi": ALBI,
        "centre": CENTRE,
    }
    spec = ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
            "outcome": {"formula": formula, "hazard": {"family": "weibull"}},
        }
    )
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    means = {"ihlrt": -0.5, "nlr": 0.4, "albi": 0.3, "log_rate": -3.5, "log_shape": 0.2}
    means |= {"ihlrt:nlr": -0.2, "ihlrt:albi": 0.5, "nlr:albi": 0.2}
    draws = {
        name: (("chain", "draw"), RNG.normal(mean, 0.2, (2, 3))) for name, mean in means.items()
    }
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    return FittedModel(
        prepare(spec, rows),
        rows,
        tree,
        chain_quality(1.0, "ihlrt", ess_bulk=9e3, ess_tail=9e3, divergences=0),
    )


def by_hand(fit, weights):
    """Return the log hazard ratio averaged over patients, from the coefficients."""
    draws = fit.posterior
    each = [
        draws["ihlrt"] + draws["ihlrt:nlr"] * np.log2(nlr / 3.0) + draws["ihlrt:albi"] * albi
        for nlr, albi in zip(NLR, ALBI, strict=True)
    ]
    values = np.stack([each_.to_numpy() for each_ in each], axis=-1)
    return (values * weights).sum(axis=-1) / weights.sum(axis=-1)


@given(weights=SHARES)
def test_hazard_ratios_are_averaged_over_the_population(fit, weights):
    np.testing.assert_allclose(log_hazard_ratio(fit, weights=weights), by_hand(fit, weights))


def test_weights_that_differ_from_draw_to_draw(fit):
    rng = np.random.default_rng(1)
    weights = rng.exponential(size=(6, PATIENTS))
    np.testing.assert_allclose(
        log_hazard_ratio(fit, weights=weights), by_hand(fit, weights.reshape(2, 3, PATIENTS))
    )


@given(patient=some.integers(0, PATIENTS - 1))
def test_a_population_of_one_kind_of_patient_has_the_conditional_value(fit, patient):
    one = np.eye(PATIENTS)[patient]
    own = log_hazard_ratio(fit, weights=one)
    at = log_hazard_ratio(fit, [NLR[patient]], weights=one).squeeze("nlr", drop=True)
    np.testing.assert_allclose(own, at)
    alone = sample_population(fit, weights=one)
    same = sample_population(fit, modifier_at=NLR[patient], weights=one)
    for population in (alone, same):
        found = rmst(fit, 24.0, [NEVER, TREATED], population=population)
        np.testing.assert_allclose(found, rmst(fit, 24.0, [NEVER, TREATED], population=alone))


@pytest.mark.parametrize("level", ["c0", "c1"])
def test_a_population_that_is_a_subgroup_has_the_subgroups_value(fit, level):
    inside = (level == CENTRE).astype(float)
    found = subgroup_log_hazard_ratio(fit, ["centre"])
    labels = [str(name) for name in found["subgroup"].to_numpy()]
    (place,) = (number for number, name in enumerate(labels) if name.endswith(level))
    np.testing.assert_allclose(found[..., place], log_hazard_ratio(fit, weights=inside))


def test_a_subgroup_without_anybody_of_the_population_has_no_value(fit):
    inside = (CENTRE == "c0").astype(float)
    found = subgroup_log_hazard_ratio(fit, ["centre"], weights=inside)
    assert np.isnan(found.to_numpy()).any(axis=(0, 1)).tolist() == [False, True]


@settings(max_examples=5)
@given(weights=SHARES)
def test_statements_on_the_interaction_are_the_populations(fit, weights):
    """The modifier's hazard ratio under treatment depends on who the patients are."""
    question = Question(1.5, 6.0, 24.0, TREATED, weigh=lambda _: weights)
    strata = joint_log_hazard(fit, [3.0, 6.0], weights=weights).to_numpy()
    mean = (ALBI * weights).sum() / weights.sum()
    draws = fit.posterior
    step = draws["nlr"] + draws["ihlrt:nlr"] + draws["nlr:albi"] * mean
    np.testing.assert_allclose(strata[:, :, 1, 1] - strata[:, :, 1, 0], step.to_numpy())
    np.testing.assert_allclose(multiplicative_interaction(fit, question), draws["ihlrt:nlr"])
    named = {each.name: each for each in mitigation_statements(fit, fit, question)}
    inside = (np.abs(step) < np.log(1.25)).mean()
    assert named["modifier-irrelevant-if-treated"].posterior == pytest.approx(float(inside))


def test_the_population_follows_the_weights():
    for target in EstimandTarget:
        found = stated_population(EstimandSpec(), target)
        assert found.value == ("sample" if target is EstimandTarget.ATE else target.value)
    assert stated_population(EstimandSpec(), None) is PopulationKind.SAMPLE
    stated = EstimandSpec(population=PopulationKind.ATT)
    assert stated_population(stated, EstimandTarget.ATO) is PopulationKind.ATT


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_patients_by_the_hundred_thousand_are_averaged_in_blocks_of_draws(monkeypatch, start):
    """Bins of everybody at one value of the modifier are those at another value, moved."""
    monkeypatch.setattr(predictors, "_BINS", 4)
    fit = fitted("ihlrt * nlr + ihlrt:nlr + albi")
    values, months = [2.0, 5.0], [3.0, 9.0]

    def curves():
        among = populations.populations_at(fit, values)
        return [survival(fit, months, [NEVER, treated_from(start)], population=p) for p in among]

    whole = curves()
    monkeypatch.setattr(predictors, "HELD", 0)
    first, second = populations.populations_at(fit, values)
    assert isinstance(first.untreated, predictors.Predictors)
    other, shift = second.untreated.moved
    assert other is first.untreated
    expected = first.untreated[2:4] + shift[2:4, None]
    np.testing.assert_allclose(second.untreated[2:4], expected)
    for found, expected in zip(curves(), whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
