"""External controls of a trial: sums of events by hand, quadrature, and what drift does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import norm

import trial_cases as cases
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.interim.data import chosen_design
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.trials.external import external_controls, mixture_weight, seen_of
from bayes_ihlrt.trials.simulator import BLOCK
from bayes_ihlrt.trials.streams import trial_key
from bayes_ihlrt.trials.units import Task, simulator

SEED = 20_260_101
LAST = [{"events": 90, "efficacy": [cases.SUCCESS]}]
TRUTH = cases.scenario(hr=[0.7], external_hr=1.3)


def with_controls(**borrow):
    return cases.design(external={"patients": 120, "months": 24.0, **borrow}, looks=LAST)


class Sums:
    """Events and months of the arms and of external controls, one value a trial."""

    def __init__(self, found):
        block, design = found.block(0), found.analysis.design
        arm, event, stop = (
            np.asarray(values)[:, 0]
            for values in (block.patients.arm, block.seen.event, block.seen.stop)
        )
        self.d1, self.t1 = (event * arm).sum(axis=1), (stop * arm).sum(axis=1)
        self.d0, self.t0 = (event * (1 - arm)).sum(axis=1), (stop * (1 - arm)).sum(axis=1)

        def one(trial):
            key = trial_key(SEED, trial)
            truth = found.source.of_trial(key, found.source.numbers)
            return seen_of(external_controls(key, truth, design, found.source), design)

        seen = jax.vmap(one)(jnp.arange(BLOCK))
        self.de = np.asarray(seen.event).sum(axis=1)
        self.te = (np.asarray(seen.stop) * np.asarray(seen.exposure)).sum(axis=1)
        self.table = found.statistics(block)


@pytest.fixture(scope="module")
def power():
    return Sums(simulator(Task(with_controls(borrow="power", power=0.4), TRUTH, SEED)))


@pytest.fixture(scope="module")
def robust():
    borrow = {"borrow": "robust-map", "sd": 0.1, "vague_sd": 2.0, "alike": 0.5}
    return Sums(simulator(Task(with_controls(**borrow), TRUTH, SEED)))


def test_a_power_prior_adds_a_part_of_events_and_months(power):
    exact = np.log(power.d1 / power.t1)
    exact -= np.log((power.d0 + power.de) / (power.t0 + power.te))
    np.testing.assert_allclose(power.table["mean"][:, 0, 0], exact, atol=1e-4)
    sd = np.sqrt(1.0 / power.d1 + 1.0 / (power.d0 + power.de))
    np.testing.assert_allclose(power.table["sd"][:, 0, 0], sd, rtol=1e-3)


def test_external_hazards_drift(power):
    """Exponential: events by months are 1.3 times those of controls."""
    ratio = np.log(power.de.sum() / power.te.sum()) - np.log(power.d0.sum() / power.t0.sum())
    error = np.sqrt(0.4 / power.de.sum() + 1.0 / power.d0.sum())
    assert abs(ratio - np.log(1.3)) < 3.0 * error


def quadrature(sums, trial, log_prior):
    """Posterior of both log hazard ratios, the level integrated out."""
    effect, other = np.meshgrid(
        np.linspace(-2.0, 1.2, 641), np.linspace(-1.6, 2.0, 721), indexing="ij"
    )
    d1, d0, de = sums.d1[trial], sums.d0[trial], sums.de[trial]
    months = sums.t1[trial] * np.exp(effect) + sums.t0[trial] + sums.te[trial] * np.exp(other)
    logp = d1 * effect + de * other - (d1 + d0 + de) * np.log(months) + log_prior(other)
    weight = np.exp(logp - logp.max()).sum(axis=1)
    weight /= weight.sum()
    zero = int(np.abs(effect[:, 0]).argmin())
    mean = weight @ effect[:, 0]
    sd = np.sqrt(weight @ effect[:, 0] ** 2 - mean**2)
    return mean, sd, weight[:zero].sum() + 0.5 * weight[zero]


@pytest.mark.parametrize("trial", [3, 40])
def test_a_robust_map_posterior_is_that_of_quadrature(robust, trial):
    """Means are those of a normal approximation at this many events; tails are not."""

    def mixture(other):
        each = (np.log(0.5) + norm.logpdf(other, 0.0, sd) for sd in (0.1, 2.0))
        return np.logaddexp(*each)

    mean, sd, chance = quadrature(robust, trial, mixture)
    table = robust.table
    assert table["mean"][trial, 0, 0] == pytest.approx(mean, abs=0.01)
    assert table["sd"][trial, 0, 0] == pytest.approx(sd, rel=0.01)
    found = norm.isf(1.0 - table["probability"][trial, 0, 0])
    assert found == pytest.approx(norm.isf(1.0 - chance), abs=0.01)


def test_a_weight_is_prior_odds_times_evidence():
    found = mixture_weight(0.8, [np.array([0.0, np.log(2.0)]), np.zeros(2)])
    np.testing.assert_allclose(found, [0.8, 8.0 / 9.0])


@pytest.mark.parametrize(
    ("borrow", "told"),
    [
        ({"borrow": "power"}, "needs power and nothing else; found none"),
        ({"borrow": "power", "power": 0.5, "sd": 0.1}, "found power, sd"),
        ({"borrow": "robust-map", "sd": 0.1}, "needs alike, sd, vague_sd"),
        ({"borrow": "robust-map", "sd": 2.0, "vague_sd": 1.0, "alike": 0.5}, "above sd"),
    ],
)
def test_what_is_left_out_or_too_much_is_told(borrow, told):
    with pytest.raises(ValidationError, match=told):
        with_controls(**borrow)


def test_a_variant_borrows_in_another_way():
    content = {"patients": 120, "months": 24.0, "borrow": "commensurate", "sd": 0.2}
    other = {"patients": 60, "months": 24.0, "borrow": "power", "power": 0.5}
    found = cases.plan(
        design=cases.content(external=content), variants={"power": {"external": other}}
    )
    assert found.designs["power"].external.weight == 0.5
    assert found.designs["power"].external.sd is None


def test_a_curve_over_drift_changes_the_truth_alone():
    curve = CurveSpec(over="drift", values=[0.8, 1.2])
    design = with_controls(borrow="power", power=0.4)
    assert curve.designs(design) == (design, design)
    assert curve.scenario(TRUTH, 0.8).effect.external_hr == 0.8
    assert curve.problems(cases.design()) == ["the curve over drift needs [design.external]"]


def test_an_interim_analysis_refuses_what_it_does_not_read():
    found = cases.plan(
        design=cases.content(
            external={"patients": 60, "months": 24.0, "borrow": "power", "power": 0.5},
            treatment={"name": "arm", "periods": [3.0]},
        )
    )
    with pytest.raises(SpecificationError) as caught:
        chosen_design(found, None)
    assert [fault.where for fault in caught.value.faults] == [
        "[design.treatment] analysed, periods",
        "[design.external]",
    ]
    assert chosen_design(cases.plan(), None) == cases.plan().design
