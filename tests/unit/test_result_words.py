"""What a result says of made-up draws: contrasts, sentences, notes and Kaplan-Meier curves."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.estimates import Estimate, by_strategy, strategies
from bayes_ihlrt.analysis.figures import _product_limit
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.report.fit import survival_table
from bayes_ihlrt.report.words import adjustment_sentence, summary_sentences, survival_time
from bayes_ihlrt.spec.estimands import EstimandSpec, PopulationKind, treated_month
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import load_spec

INF = np.inf


def contrast(never, treated, *, horizon=None, start=0.0):
    values = np.stack([[never], [treated]], axis=-1)
    draws = xr.DataArray(
        values, dims=("chain", "draw", "strategy"), coords={"strategy": ["never", "from month 0"]}
    )
    return by_strategy("median_survival", draws, start=start, horizon=horizon, at=None)[-1]


def test_no_probability_where_neither_median_is_reached():
    assert contrast([5.0, INF], [INF, INF]).undefined
    found = contrast([5.0, 9.0], [INF, 8.0]).benefit
    assert found is not None
    assert found.tolist() == [[True, False]]


def test_no_probability_where_strategies_are_the_same():
    assert contrast([0.5], [0.5], horizon=3.0, start=3.0).benefit is None
    assert contrast([0.5], [0.6], horizon=3.1, start=3.0).benefit is not None


def estimate(median, low, high, chance, *, strategy=None):
    return Estimate(
        "rmst",
        strategy,
        None if strategy else "from month 0 - never",
        24.0,
        None,
        "cohort",
        {"mean": None, "median": median, "q2.5": low, "q97.5": high},
        chance,
    )


def test_a_difference_without_limit_is_not_defined():
    """What one strategy does not reach is a number all the same; a difference of two is none."""
    told = [
        estimate(None, 9.0, None, None, strategy="never"),
        estimate(12.0, 9.0, None, None, strategy="from month 0"),
        estimate(2.0, None, 4.0, None),
    ]
    table = survival_table([row.to_dict() for row in told], "")
    ((_, never, treated, difference, *_),) = table.rows
    assert never == "not reached (9.0 to not reached)"
    assert treated == "12.0 (9.0 to not reached)"
    assert difference == "2.0 (not defined to 4.0)"


def made(found=None, *, converged=True, design=DesignKind.SPLIT):
    return SimpleNamespace(
        converged=converged,
        checked=SimpleNamespace(
            person_time=SimpleNamespace(provenance=SimpleNamespace(design=design))
        ),
        spec=SimpleNamespace(estimands=EstimandSpec(), population=PopulationKind.SAMPLE),
        comparable=True,
        propensity=None,
        estimates=(found,),
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            estimate(2.2, -0.2, 4.3, 0.96),
            "Treatment from month 0 probably gives 2.2 more event-free months within 24 months "
            "than never (95 % interval of the difference -0.2 to 4.3), averaged over "
            "the cohort.",
        ),
        (
            estimate(-2.2, -4.3, 0.2, 0.04),
            "Treatment from month 0 probably gives 2.2 FEWER event-free months within 24 months "
            "than never (95 % interval of the difference -4.3 to 0.2), averaged over "
            "the cohort.",
        ),
        (
            estimate(2.2, -1.2, 5.3, 0.94),
            "These data do not settle whether event-free time within 24 months is longer with "
            "treatment from month 0 than with never: estimated difference 2.2 months (95 % "
            "interval -1.2 to 5.3), averaged over the cohort.",
        ),
        (
            estimate(0.0, 0.0, 0.0, None),
            "Treatment from month 0 and never are the same within 24 months: there is no "
            "difference to estimate.",
        ),
    ],
)
def test_survival_time_claims_what_is_settled(found, told):
    assert survival_time(made(found)) == [told]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (made(converged=False), "The draws did NOT converge: nothing is said of the effect."),
        (
            made(design=DesignKind.EVER_NEVER),
            "The design ever-never counts time before treatment as treated: nothing is said of "
            "the effect.",
        ),
    ],
)
def test_only_a_warning_where_the_effect_cannot_be_read(result, told):
    assert summary_sentences(result) == (told,)


@pytest.mark.parametrize(
    ("adjust", "told"),
    [
        ("weights", "Weighted by the probability of treatment given albi; the outcome model also"),
        ("covariate", "Adjusted for a smooth function of the probability of treatment given albi;"),
        ("strata", "Adjusted for fifths of the probability of treatment given albi; the outcome"),
        ("none", "Adjusted for nlr, albi, afp_high, centre. Unless treatment was randomised"),
    ],
)
def test_how_a_propensity_was_used(adjust, told):
    spec = load_spec("primary")
    chances = SimpleNamespace(spec=PropensitySpec(formula="albi", adjust=adjust), ess=None)
    assert adjustment_sentence(SimpleNamespace(spec=spec, propensity=chances)).startswith(told)


def test_treatment_begins_with_the_earliest_start_unless_it_is_stated():
    spec = load_spec("primary")
    checked = check_analysis(spec, "ihlrt_synthetic")
    rows = checked.person_time.columns
    first = rows["start"][rows["ihlrt"] == 1.0].min()
    assert 0.0 <= checked.spec.treat_from - first < 0.1
    assert not [note for note in checked.notes if "outside the data" in note]
    assert [one.name for one in strategies(checked.spec)] == ["never", "from month 1.9"]
    (split,) = [
        plan
        for plan in plan_rungs(checked.spec, checked.cohort)
        if (plan.rung, plan.adjustment) == ("split", "covariates")
    ]
    assert split.treat_from == checked.spec.treat_from, "a rung asks what the fit asks"
    early = spec.estimands.model_copy(update={"treat_from": 0.0})
    told = check_analysis(spec.model_copy(update={"estimands": early}), "ihlrt_synthetic")
    assert told.spec.treat_from == 0.0
    assert told.notes[-1] == (
        f"Treatment from month 0 is outside the data: nobody was treated before month "
        f"{first:.3g}; the treated curve before then is extrapolated. Without `treat_from` "
        "treatment begins there."
    )


@pytest.mark.parametrize("design", ["landmark", "fixed", "ever-never"])
def test_designs_that_begin_with_treatment_treat_from_their_time_zero(design):
    assert treated_month(EstimandSpec(), DesignKind(design), 1.87) == 0.0
    assert treated_month(EstimandSpec(), DesignKind.SPLIT, None) == 0.0, "nobody was treated"


def test_kaplan_meier_begins_with_the_first_at_risk():
    # By hand: two enter at 2 and 3, one dies at 5, the other leaves at 8.
    rows = np.array([2.0, 3.0]), np.array([5.0, 8.0]), np.array([1.0, 0.0])
    times, alive = _product_limit(*rows, weight=None)
    assert times.tolist() == [2.0, 5.0, 8.0]
    assert alive.tolist() == [1.0, 0.5, 0.5]
    nobody = _product_limit(np.empty(0), np.empty(0), np.empty(0), weight=None)
    assert np.isnan(nobody[0]).all()
