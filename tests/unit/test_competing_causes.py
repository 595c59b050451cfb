"""Competing causes: identities, closed forms, quadrature by SciPy, Aalen-Johansen by hand."""

import numpy as np
import pytest
import xarray as xr
from scipy import integrate

from bayes_ihlrt.analysis.cause_estimates import trades
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.estimands.causes import (
    cause_populations,
    cumulative_incidence,
    stands_for,
    without_other_causes,
)
from bayes_ihlrt.estimands.curves import NEVER, rmst, survival, treated_from
from bayes_ihlrt.estimands.population import time_zero_weights
from bayes_ihlrt.estimands.product_limit import aalen_johansen, kaplan_meier
from bayes_ihlrt.spec.analysis import AnalysisSpec
from fabricated import ALBI, CHAINS, CUTS, DRAWS, NLR, effects, fabricate, normal, weibull

MONTHS = np.array([0.5, 3.0, 12.0, 24.0])
STRATEGIES = [NEVER, treated_from(5), treated_from(0)]
SMOOTH = {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"}


def three():
    """Causes with another family and another formula each."""
    return {
        "tumour": fabricate({"family": "weibull"}, weibull(0.6, **effects()), "ihlrt * nlr"),
        "liver": fabricate(
            {"family": "exponential"},
            {"log_rate": normal(-4.0), "ihlrt": normal(0.4), "albi": normal(0.6)},
            "ihlrt + albi",
        ),
        "other": fabricate(SMOOTH, {"log_hazard": normal(-4.5, width=(3,))}),
    }


def test_causes_sum_to_one_less_survival_and_months_to_the_horizon():
    """Identities in every draw, to the error of quadrature: 1e-12, 1e-11 in months."""
    found = cumulative_incidence(three(), MONTHS, STRATEGIES)
    assert found["incidence"].shape == (CHAINS, DRAWS, 3, 3, 4)
    whole = found["incidence"].sum("event_cause") + found["survival"]
    np.testing.assert_allclose(whole, 1.0, atol=1e-12)
    months = found["months_lost"].sum("event_cause") + found["rmst"]
    np.testing.assert_allclose(months, np.broadcast_to(MONTHS, months.shape), atol=1e-11)
    assert (found["incidence"].diff("time") > 0.0).all()


def test_constant_hazards_have_a_closed_form():
    """F_j = h_j / h (1 - exp(-h t)), L_j = h_j / h (t - (1 - exp(-h t)) / h)."""
    fits = {
        name: fabricate({"family": "exponential"}, {"log_rate": normal(level)})
        for name, level in (("tumour", -3.0), ("liver", -4.0))
    }
    rates = [np.exp(fit.posterior["log_rate"].to_numpy())[..., None] for fit in fits.values()]
    total = sum(rates)
    found = cumulative_incidence(fits, MONTHS, [NEVER])
    for number, rate in enumerate(rates):
        risk = rate / total * -np.expm1(-total * MONTHS)
        lost = rate / total * (MONTHS + np.expm1(-total * MONTHS) / total)
        np.testing.assert_allclose(found["incidence"][:, :, 0, number], risk, rtol=1e-10)
        np.testing.assert_allclose(found["months_lost"][:, :, 0, number], lost, rtol=1e-10)


def test_two_weibulls_by_the_quadrature_of_scipy():
    """Averages over the patients inside a draw, treated from month 5: relative 1e-9."""
    first = weibull(0.6, **effects())
    second = weibull(1.8, ihlrt=normal(0.3), albi=normal(0.5))
    fits = {
        "tumour": fabricate({"family": "weibull"}, first, "ihlrt * nlr"),
        "liver": fabricate({"family": "weibull"}, second, "ihlrt + albi"),
    }
    found = cumulative_incidence(fits, MONTHS, [treated_from(5)])
    z, draw = np.log2(NLR / 3.0), (1, 2)
    a, b = ({name: float(v[draw]) for name, v in each.items()} for each in (first, second))

    def ratios(state):
        tumour = a["log_rate"] + a["nlr"] * z + state * (a["ihlrt"] + a["ihlrt:nlr"] * z)
        return np.exp(tumour), np.exp(b["log_rate"] + b["albi"] * ALBI + state * b["ihlrt"])

    k = np.exp(a["log_shape"]), np.exp(b["log_shape"])

    def density(u, cause, person):
        state = float(u > 5.0)
        before = sum(r[person] * min(u, 5.0) ** p for r, p in zip(ratios(0.0), k, strict=True))
        after = sum(
            r[person] * max(u**p - 5.0**p, 0.0) for r, p in zip(ratios(state), k, strict=True)
        )
        hazard = ratios(state)[cause][person] * k[cause] * u ** (k[cause] - 1.0)
        return hazard * np.exp(-before - (after if state else 0.0))

    for cause in (0, 1):
        areas = [
            sum(
                integrate.quad(density, *ends, (cause, person), epsrel=1e-11, limit=400)[0]
                for ends in ((0.0, 0.1), (0.1, 5.0), (5.0, 24.0))
            )
            for person in range(4)
        ]
        value = found["incidence"][*draw, 0, cause].sel(time=24.0)
        np.testing.assert_allclose(value, np.mean(areas), rtol=1e-9)


def test_many_months_are_integrated_as_closely():
    """A curve of many points uses fewer nodes between them: 1e-7, 2e-6 in months."""
    fits = three()
    few = cumulative_incidence(fits, [12.0, 24.0], [treated_from(5)])
    many = cumulative_incidence(fits, np.arange(1.0, 25.0), [treated_from(5)])
    for name in ("incidence", "months_lost", "survival", "rmst"):
        np.testing.assert_allclose(
            many[name].sel(time=[12.0, 24.0]), few[name], rtol=0.0, atol=2e-6
        )


def test_one_cause_alone_is_the_survival_of_the_package():
    fits = {"death": three()["tumour"]}
    found = cumulative_incidence(fits, MONTHS, STRATEGIES)
    alone = survival(fits["death"], MONTHS, STRATEGIES)
    np.testing.assert_allclose(found["survival"], alone, rtol=1e-12)
    np.testing.assert_allclose(found["incidence"][:, :, :, 0], 1.0 - alone, atol=1e-12)
    area = rmst(fits["death"], 24.0, STRATEGIES)
    np.testing.assert_allclose(found["rmst"].sel(time=24.0), area, atol=1e-9)


def test_the_naive_curves_say_too_much():
    """One minus Kaplan-Meier is above each incidence, and the sum above all deaths."""
    fits = three()
    people = next(cause_populations(fits))
    found = cumulative_incidence(fits, MONTHS, STRATEGIES, populations=people)
    naive = without_other_causes(fits, MONTHS, STRATEGIES, populations=people)
    ordered = naive.transpose("chain", "draw", "strategy", "event_cause", "time")
    assert (ordered > found["incidence"]).all()
    assert (ordered.sum("event_cause") > 1.0 - found["survival"]).all()


def test_patients_are_the_same_under_every_cause():
    """Patterns are those of all formulas together, with one share for all causes."""
    fits = three()
    people = next(cause_populations(fits, weights=np.array([1.0, 2.0, 3.0, 0.0])))
    assert {part.untreated.shape for part in people.values()} == {(CHAINS * DRAWS, 3)}
    for part in people.values():
        assert sorted(part.weights.tolist()) == pytest.approx([0.0, 1 / 6, 5 / 6])
    np.testing.assert_array_equal(people["other"].untreated, people["other"].treated)


def test_who_entered_late_stands_for_those_who_died_of_any_cause():
    fits = three()
    each = [time_zero_weights(fit) for fit in fits.values()]
    np.testing.assert_allclose(stands_for(fits), each[0] * each[1] * each[2])


def test_draws_that_cannot_be_paired_are_refused():
    fits = three()
    short = fits["liver"].tree.isel(draw=slice(0, 2))
    fits["liver"] = type(fits["liver"])(
        *(fits["liver"].prepared, fits["liver"].person_time, short, fits["liver"].convergence)
    )
    with pytest.raises(SpecificationError, match=r"liver \(2, 2\)"):
        cumulative_incidence(fits, MONTHS, [NEVER])


@pytest.mark.parametrize("months", [[], [0.0, 3.0], [3.0, 3.0]])
def test_months_increase_from_above_zero(months):
    with pytest.raises(SpecificationError, match="above 0 that increase"):
        cumulative_incidence(three(), months, [NEVER])


def test_covariates_that_change_have_no_incidence():
    fit = fabricate({"family": "exponential"}, {"log_rate": normal(-3.0)}, "ihlrt")
    columns = {**fit.person_time.columns, "albi": np.array([-2.0, -1.0, -2.5, -2.5, -1.5])}
    rows = type(fit.person_time)(columns, fit.person_time.provenance)
    other = fabricate(
        {"family": "exponential"}, {"log_rate": normal(-3.0), "albi": normal(0.1)}, "albi"
    )
    other = type(fit)(other.prepared, rows, other.tree, other.convergence)
    with pytest.raises(RefusedError, match="albi changes during follow-up"):
        next(cause_populations({"tumour": fit, "liver": other}))


def test_aalen_johansen_with_entry_by_hand():
    """Risk sets 2, 3, 2, 1 at months 2, 4, 5, 9; deaths of causes 1, 2, 1, 1."""
    start = np.array([0.0, 0.0, 3.0, 3.0])
    stop = np.array([2.0, 4.0, 5.0, 9.0])
    cause = np.array([1, 2, 1, 1])
    found = aalen_johansen(start, stop, cause)
    alive = [1 / 2, 1 / 2 * 2 / 3, 1 / 2 * 2 / 3 * 1 / 2, 0.0]
    np.testing.assert_allclose(found["survival"][1:], alive)
    first = [1 / 2, 1 / 2, 1 / 2 + 1 / 3 * 1 / 2, 1 / 2 + 1 / 6 + 1 / 6]
    np.testing.assert_allclose(found["incidence"].sel(event_cause=1)[1:], first)
    np.testing.assert_allclose(found["incidence"].sum("event_cause"), 1.0 - found["survival"])
    assert found["at_risk"].to_numpy().tolist() == [2, 2, 3, 2, 1]


def test_aalen_johansen_of_one_cause_is_kaplan_meier():
    rng = np.random.default_rng(3)
    start, length = rng.uniform(0.0, 2.0, 60), rng.exponential(6.0, 60)
    event = (rng.random(60) < 0.7).astype(int)
    found = aalen_johansen(start, start + length, event)
    plain = kaplan_meier(start, start + length, event.astype(float))
    np.testing.assert_allclose(found["incidence"][0], 1.0 - plain["survival"], atol=1e-12)


def test_a_trade_needs_fewer_of_the_one_and_more_of_the_other():
    """Both in the first draw, one of both in two, and the last ties in the second cause."""
    never, treated = [[5.0, 1.0]] * 4, [[4.0, 2.0], [4.0, 0.5], [6.0, 2.0], [4.0, 1.0]]
    months = xr.DataArray(
        np.array([never, treated]).transpose(1, 0, 2)[None],
        dims=("chain", "draw", "strategy", "event_cause"),
        coords={"event_cause": ["tumour", "liver"]},
    )
    spec = AnalysisSpec.model_validate(
        {
            "name": "causes",
            "data": {
                "patient": "id",
                "time": "months",
                "event": {"column": "cause", "values": {"tumour": 1, "liver": 2}},
            },
            "treatment": {"name": "trt", "start": "start"},
            "outcome": {"formula": "trt"},
        }
    )
    (found,) = trades({None: (months, months.isel(draw=[0, 1]))}, spec)
    assert (found.fewer, found.more, found.probability) == ("tumour", "liver", 0.375)
    assert found.prior_probability == 0.5
