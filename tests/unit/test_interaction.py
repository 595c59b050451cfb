"""Interaction: additive measures against published ones, statements, crossings, subgroups."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.interaction import (
    additive_interaction,
    crude_rate_ratios,
    joint_log_hazard,
    log_hazard_ratio,
    subgroup_log_hazard_ratio,
)
from bayes_ihlrt.estimands.mitigation import (
    Crossing,
    Question,
    crossings,
    gain_by_modifier,
    gain_chance,
    interaction_contrasts,
    mitigation_statements,
    multiplicative_interaction,
)
from bayes_ihlrt.estimands.proportions import Counts, compare_proportions
from fabricated import CENTRE, effects, fabricate, normal, weibull

TREATED = treated_from(0)
QUESTION = Question(low=1.5, high=6.0, horizon=24.0, treated=TREATED, gain=0.2)


def strata(ratios):
    """Return one draw of four log hazards."""
    return xr.DataArray(np.log(ratios)[None, None], dims=("chain", "draw", "first", "second"))


def measures(found):
    return [float(found[name][0, 0]) for name in ("reri", "ap", "synergy")]


def test_oral_cancer():
    """Rothman and Keller 1972, cases over controls by smoking and alcohol: 3.740, .414, 1.870."""
    found = additive_interaction(strata([[3 / 20, 8 / 18], [6 / 12, 225 / 166]]))
    assert measures(found) == pytest.approx([3.740, 0.414, 1.870], abs=5e-4)
    assert found.attrs["reference"] == {"first": "0", "second": "0"}


def test_knol():
    """ACE inhibitors protect: measures contradict each other until they are recoded.

    Knol et al. 2011 publish RERI .26, AP .30, S .35 before and -.37, -.29, .43 after recoding. The
    odds ratios .70, .91 and .87 are those that give all six; published measures come from
    unrounded ones, which moves the synergy index, a quotient of small differences, by up to .02.
    """
    ratios = strata([[1.0, 0.91], [0.70, 0.87]])
    before = measures(additive_interaction(ratios, recode=False)[["reri", "ap", "synergy"]])
    assert before[:2] == pytest.approx([0.26, 0.30], abs=0.005)
    assert np.isnan(before[2])
    found = additive_interaction(ratios)
    after = measures(found)
    assert after[:2] == pytest.approx([-0.37, -0.29], abs=0.005)
    assert after[2] == pytest.approx(0.43, abs=0.02)
    assert found.attrs == {"reference": {"first": "1", "second": "0"}, "prob_reference": 1.0}


def test_the_reference_stratum_is_the_same_in_every_draw():
    draws = np.log(np.array([[[[1.0, 2.0], [0.5, 3.0]], [[1.0, 2.0], [1.1, 3.0]]]]))
    found = additive_interaction(xr.DataArray(draws, dims=("chain", "draw", "a", "b")))
    assert found.attrs == {"reference": {"a": "1", "b": "0"}, "prob_reference": 0.5}
    np.testing.assert_allclose(found["hr_10"][0], [2.0, 1 / 1.1])
    with pytest.raises(SpecificationError, match="two exposures with two levels"):
        additive_interaction(xr.DataArray(draws[0], dims=("chain", "draw", "b")))


@pytest.fixture(scope="module")
def fit():
    return fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")


def test_joint_log_hazards(fit):
    found = joint_log_hazard(fit, [1.5, 6.0])
    assert found.dims == ("chain", "draw", "ihlrt", "nlr")
    main, nlr, change = (fit.posterior[name].to_numpy() for name in ("ihlrt", "nlr", "ihlrt:nlr"))
    np.testing.assert_allclose(found.sel(ihlrt="untreated", nlr=6.0), 2 * nlr, atol=1e-12)
    np.testing.assert_allclose(found.sel(ihlrt="treated", nlr=1.5), main - change, atol=1e-12)
    np.testing.assert_allclose(
        found.sel(ihlrt="treated", nlr=6.0), 2 * nlr + main + change, atol=1e-12
    )
    np.testing.assert_allclose(multiplicative_interaction(fit, QUESTION), change, atol=1e-12)


def test_statements_have_the_prior_beside_them(fit):
    flat = fabricate(
        {"family": "weibull"},
        weibull(1.3, **{**effects(), "ihlrt:nlr": normal(5.0)}),
        "ihlrt * nlr",
    )
    found = mitigation_statements(fit, flat, QUESTION)
    change, nlr = (fit.posterior[name].to_numpy() for name in ("ihlrt:nlr", "nlr"))
    ratio = np.exp(nlr + change)
    months = interaction_contrasts(fit, QUESTION)["rmst"].to_numpy()
    assert [each.posterior for each in found] == pytest.approx(
        [(change < 0).mean(), ((ratio > 0.8) & (ratio < 1.25)).mean(), (months > 0.2).mean()]
    )
    assert found[0].prior == 0.0
    assert found[0].words == "ihlrt lowers the hazard more at nlr 6 than at 1.5"


def test_without_an_interaction_nothing_is_said_of_it():
    draws = weibull(1.3, ihlrt=normal(-0.5), nlr=normal(0.4))
    plain = fabricate({"family": "weibull"}, draws, "ihlrt + nlr")
    found = mitigation_statements(plain, plain, QUESTION)
    assert [each.name for each in found] == ["modifier-irrelevant-if-treated", "gains-more-at-high"]


def test_a_prior_without_bounds_has_no_probability(fit):
    extreme = {"log_rate": normal(1e4), "ihlrt": normal(-2e4)}
    draws = {**weibull(1.3, **effects()), **extreme}
    flat = fabricate({"family": "weibull"}, draws, "ihlrt * nlr")
    found = mitigation_statements(fit, flat, QUESTION)
    assert found[-1].prior is None
    assert found[-1].posterior is not None


def test_contrasts_on_survival_and_months(fit):
    found = interaction_contrasts(fit, QUESTION)
    gains = gain_by_modifier(fit, [1.5, 6.0], 24.0, TREATED)
    np.testing.assert_allclose(found["rmst"], gains[..., 1] - gains[..., 0], atol=1e-12)
    months = rmst(fit, 24.0, [NEVER, TREATED], modifier_at=6.0)
    np.testing.assert_allclose(gains[..., 1], months[..., 1] - months[..., 0], atol=1e-12)
    assert gains.dims == ("chain", "draw", "nlr")


def test_crossings_of_a_curve_that_turns():
    values, heights = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.9, 0.4, 0.4, 0.6])

    def chance(at):
        return np.interp(np.log(at), np.log(values), heights)

    found = crossings(chance, values, [0.5, 0.95, 0.3], log=True)
    assert [each.above for each in found] == ["lower", "higher", "nowhere", "everywhere"]
    assert found[0].at == pytest.approx(2**0.8, rel=1e-5)
    assert found[1].at == pytest.approx(4 * 2**0.5, rel=1e-5)
    assert found[2] == Crossing(0.95, None, "nowhere")


def test_crossing_of_a_normal_posterior():
    """P(b + c z < 0) = level has a closed form, whatever values are looked at."""
    b, c, sd = -0.3, 0.2, 0.25

    def chance(at):
        return stats.norm.cdf(-(b + c * np.log2(at / 3.0)) / sd)

    expected = 3.0 * 2 ** ((-stats.norm.ppf(0.8) * sd - b) / c)
    for values in (3.0 * 2 ** np.linspace(-3.0, 3.0, 401), np.array([0.1, 40.0])):
        (found,) = crossings(chance, values, [0.8], log=True)
        assert found.at == pytest.approx(expected, rel=1e-4)
        assert found.above == "lower"
    (found,) = crossings(chance, np.linspace(0.1, 2000.0, 21), [0.8])
    assert found.at == pytest.approx(expected, abs=2000.0 / 20 / 65536)


def test_a_passage_between_two_values_is_not_missed():
    """The peak lies between two values that are both below the level."""

    def chance(at):
        return 0.96 * np.exp(-0.5 * ((at - 2.5) / 0.6) ** 2)

    found = crossings(chance, np.arange(0.0, 6.0), [0.9])
    half = 0.6 * np.sqrt(2 * np.log(0.96 / 0.9))
    assert [each.at for each in found] == pytest.approx([2.5 - half, 2.5 + half], abs=1e-4)
    assert [each.above for each in found] == ["higher", "lower"]


def test_gains_between_values_follow_their_curves(fit):
    """The chance of a gain at values that were not computed, against computing them."""
    values = np.geomspace(1.5, 6.0, 9)
    gains = gain_by_modifier(fit, values, 24.0, TREATED)
    between = np.geomspace(1.6, 5.7, 7)
    exact = gain_by_modifier(fit, between, 24.0, TREATED).to_numpy().reshape(-1, 7)
    for months in np.linspace(exact.min(), exact.max(), 9):
        near = np.abs(exact - months).min(axis=0) < 1e-3
        found = gain_chance(gains, months, log=True)(between)
        np.testing.assert_allclose(found[~near], (exact > months).mean(axis=0)[~near], atol=1e-12)


def test_subgroups_are_shrunken_by_their_group_slopes():
    draws = weibull(1.0, ihlrt=normal(-0.5), centre_effect=normal(0.0, width=(2,)))
    draws["centre_effect:ihlrt"] = normal(0.0, width=(2,))
    fit = fabricate({"family": "weibull"}, draws, "ihlrt", "(1 + ihlrt | centre)")
    found = subgroup_log_hazard_ratio(fit, ["centre"])
    assert found["subgroup"].to_numpy().tolist() == ["centre c0", "centre c1"]
    expected = draws["ihlrt"][..., None] + draws["centre_effect:ihlrt"]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    overall = log_hazard_ratio(fit)
    share = np.bincount(CENTRE) / 4
    np.testing.assert_allclose(overall, (found * share).sum("subgroup"), atol=1e-12)
    crude = crude_rate_ratios(fit, ["centre"])
    # c0: treated a (5 months, 1 event) and d (12, 1); untreated a (4 months, 0 events).
    assert np.isnan(crude["ratio"][0])
    assert crude["events_treated"].to_numpy().tolist() == [2.0, 0.0]
    assert crude["patients"].to_numpy().tolist() == [2.0, 2.0]


def test_crude_rate_ratio_by_hand(fit):
    both = replace(fit, person_time=fit.person_time)
    found = crude_rate_ratios(both, ["patient"])
    assert np.isnan(found["ratio"]).all()


def test_proportions_have_beta_posteriors():
    counts = Counts(events=(12, 15), patients=(20, 60))
    found = compare_proportions(counts, seed=3)
    for name, y, n in (("treated", 12, 20), ("untreated", 15, 60)):
        exact = stats.beta(0.5 + y, 0.5 + n - y)
        draws = found[name].to_numpy().ravel()
        assert stats.kstest(draws, exact.cdf).pvalue > 1e-3
    np.testing.assert_allclose(found["difference"], found["treated"] - found["untreated"])
    np.testing.assert_allclose(found["ratio"], found["treated"] / found["untreated"])
    with pytest.raises(DataError, match="found 21 of 20"):
        Counts(events=(21, 0), patients=(20, 60))
