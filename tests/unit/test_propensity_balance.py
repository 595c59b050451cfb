"""Balance, overlap, sums of weights, and the propensity as a covariate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.errors import DataError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.balance import balance_data, covariate_columns, intervals_of, levels_of
from bayes_ihlrt.propensity.covariate import PropensitySpline, PropensityStrata
from bayes_ihlrt.propensity.model import separating_columns
from bayes_ihlrt.propensity.overlap import overlap_data, positivity_table
from bayes_ihlrt.propensity.weight_sums import FollowedRows, weight_sum_data
from bayes_ihlrt.propensity.weights import balancing_weight

PATIENTS = np.array([f"P{number}" for number in range(6)], dtype=object)
TREATED = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
ALBI = np.array([-2.0, -1.0, -3.0, -2.5, -2.0, -1.2])


def test_standardised_difference_by_hand():
    weights = np.array([1.0, 2.0, 1.0, 0.5, 0.5, 1.0])
    found = balance_data({"albi": ALBI}, TREATED, weights, patient=PATIENTS)
    spread = np.sqrt((np.var(ALBI[:3], ddof=1) + np.var(ALBI[3:], ddof=1)) / 2)
    before = (ALBI[:3].mean() - ALBI[3:].mean()) / spread
    after = (-7.0 / 4.0 - (-1.25 - 1.0 - 1.2) / 2.0) / spread
    np.testing.assert_allclose(found["smd"].to_numpy()[0, 0], [before, after])
    ess = np.array([16 / 6, 4 / 1.5])
    np.testing.assert_allclose(found["ess"].to_numpy()[0], ess)
    inflation = (1 / ess).sum() / (2 / 3)
    assert found["variance_inflation"].to_numpy()[0] == pytest.approx(inflation)
    assert found["max_weight"].to_numpy()[0].tolist() == [2.0, 1.0]


def test_balance_overall_hides_imbalance_within_strata():
    """Opposite imbalance in two strata cancels; the strata tell."""
    low = np.array([1, 0] * 6, dtype=bool)
    treated = np.repeat([1.0, 0.0], 6)
    x = np.where(low == (treated == 1.0), 1.0, -1.0) + 0.1 * np.tile([0, 0, 1, 1, 2, 2], 2)
    patient = np.array([str(number) for number in range(12)], dtype=object)
    subsets = {"low": low, "high": ~low}
    found = balance_data({"x": x}, treated, np.ones(12), patient=patient, subsets=subsets)
    overall, in_low, in_high = found["smd"].sel(sample="weighted", covariate="x").to_numpy()
    assert abs(overall) < 1e-12
    assert in_low > 5
    assert in_high < -5


@given(st.lists(st.tuples(st.integers(2, 9), st.integers(2, 9)), min_size=2, max_size=4))
def test_true_propensities_balance_the_strata(counts):
    treated = np.concatenate([np.repeat([1.0, 0.0], pair) for pair in counts])
    stratum = np.repeat(np.arange(len(counts)), [sum(pair) for pair in counts])
    chance = np.array([one / (one + none) for one, none in counts])[stratum]
    weights = balancing_weight(EstimandTarget.ATO, chance, treated)
    columns = covariate_columns({"s": stratum.astype(str).astype(object)}, ["s"])
    found = balance_data(columns, treated, weights, patient=np.arange(len(treated)))
    np.testing.assert_allclose(found["smd"].sel(sample="weighted"), 0.0, atol=1e-9)


def test_what_cannot_be_told_is_nan_and_what_is_constant_is_not():
    columns = {"same": np.ones(6), "opposite": TREATED.copy()}
    alone = np.array([True, False, False, True, True, True])
    found = balance_data(
        columns, TREATED, np.ones(6), patient=PATIENTS, subsets={"one treated": alone}
    )
    assert found["smd"].sel(subset="all", sample="weighted").to_numpy().tolist() == [0.0, np.inf]
    assert np.isnan(found["smd"].sel(subset="one treated").to_numpy()).all()
    empty = balance_data(
        columns, TREATED, np.ones(6), patient=PATIENTS, subsets={"none": TREATED == 1.0}
    )
    assert np.isnan(empty["variance_inflation"].sel(subset="none"))


def test_subsets_part_the_rows():
    nlr = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    for subsets in (intervals_of("nlr", nlr), levels_of("nlr", nlr)):
        assert np.sum(list(subsets.values()), axis=0).tolist() == [1] * 6
    assert [int(mask.sum()) for mask in intervals_of("nlr", nlr).values()] == [2, 2, 2]
    assert list(intervals_of("nlr", np.array([2.0, 2.0, 2.0]))) == ["nlr >= 2"]
    with pytest.raises(DataError, match="increasing order"):
        intervals_of("nlr", nlr, cuts=[5.0, 3.0])


def test_missing_covariates_are_told_at_once():
    rows = {"albi": ALBI, "patient": PATIENTS}
    with pytest.raises(DataError, match="2 faults"):
        covariate_columns(rows, ["albii", "nlr"])
    with pytest.raises(DataError, match="Did you mean 'albi'"):
        positivity_table(rows, TREATED, covariates=["albii"])


def test_positivity_counts_rows_and_patients():
    rows = {
        "patient": np.array(["a", "b", "c", "c", "d"], dtype=object),
        "response": np.array(["PR", "PR", "SD", "SD", "CR"], dtype=object),
        "albi": ALBI[:5],
    }
    table = positivity_table(rows, [1, 0, 0, 0, 1], covariates=["response", "albi"])
    by_response = table.isel(stratum=slice(0, 3))
    assert by_response["stratum"].to_numpy().tolist() == [
        "response CR",
        "response PR",
        "response SD",
    ]
    assert by_response["rows"].to_numpy().tolist() == [[1, 0], [1, 1], [0, 2]]
    assert by_response["patients"].to_numpy().tolist() == [[1, 0], [1, 1], [0, 1]]
    assert by_response["empty"].to_numpy().tolist() == [True, False, True]


def test_overlap_shares_add_up_and_tell_what_lies_beyond():
    chance = np.array([0.3, 0.6, 0.97, 0.1, 0.3, 0.5])
    found = overlap_data(chance, TREATED, np.array([1.0, 1.0, 2.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(found["share"].sum("bin"), 1.0)
    np.testing.assert_allclose(found["beyond"], [2 / 3, 1 / 3])
    assert found["share"].sel(arm="treated", sample="weighted").to_numpy()[-1] == 0.5
    with pytest.raises(DataError, match="control arm: has no rows with weight"):
        overlap_data(chance, np.ones(6), np.ones(6))


def test_known_probabilities_of_staying_give_back_those_at_risk():
    """Half of those at risk leave the strategy at month 2; the others stand for them."""
    n = 8
    stop = np.array([1.0, 3.0, 3.0, 5.0, 5.0, 6.0, 6.0, 1.0])
    leaves = np.array([0, 1, 0, 1, 0, 1, 0, 0], dtype=bool)
    natural = FollowedRows(np.zeros(n), stop, np.ones(n))
    early = FollowedRows(np.zeros(n), np.minimum(stop, 2.0), np.ones(n))
    later = (stop > 2.0) & ~leaves
    kept = FollowedRows(
        np.concatenate([early.start, np.full(later.sum(), 2.0)]),
        np.concatenate([early.stop, stop[later]]),
        np.concatenate([early.weight, np.full(later.sum(), 2.0)]),
    )
    times = np.array([0.0, 1.0, 2.0, 4.0, 7.0])
    found = weight_sum_data({"never": kept}, natural, times=times)
    assert found["at_risk"].to_numpy().tolist() == [8, 6, 6, 4, 0]
    assert found["weight_sum"].sel(strategy="never").to_numpy().tolist() == [8, 6, 6, 4, 0]
    assert found["unweighted"].sel(strategy="never").to_numpy().tolist() == [8, 6, 3, 2, 0]
    np.testing.assert_array_equal(found["ratio"].to_numpy()[0], [1, 1, 1, 1, np.nan])


def test_spline_is_smooth_and_linear_beyond_its_knots():
    spline = PropensitySpline((-2.0, -0.5, 0.5, 2.0))
    logit = np.linspace(-4.0, 4.0, 801)
    columns = spline.columns(1 / (1 + np.exp(-logit)))
    np.testing.assert_allclose(columns[:, 0], logit, atol=1e-12)
    step = logit[1] - logit[0]
    second = np.diff(columns[:, 1:], 2, axis=0) / step**2
    outside = np.abs(logit[1:-1]) > 2.0 + step
    np.testing.assert_allclose(second[outside], 0.0, atol=1e-8)
    assert np.abs(np.diff(second, axis=0)).max() < 0.1  # a jump would be of the order of 1
    assert np.linalg.matrix_rank(columns) == 3


def test_spline_refuses_what_it_cannot_bend():
    with pytest.raises(DataError, match="knots coincide"):
        PropensitySpline.from_propensities(np.repeat([0.2, 0.4], 20))
    with pytest.raises(DataError, match=r"found 1 .*trim"):
        PropensitySpline.from_propensities([0.2, 1.0])


def test_strata_hold_equally_many():
    chance = np.random.default_rng(1).uniform(0.05, 0.9, 500)
    strata = PropensityStrata.from_propensities(chance)
    assert np.bincount(strata.index(chance)).tolist() == [100] * 5
    columns = strata.columns(np.stack([chance, chance]))
    assert columns.shape == (2, 500, 4)
    assert columns[0].sum(axis=0).tolist() == [100.0] * 4
    with pytest.raises(DataError, match="5 strata cannot be told apart"):
        PropensityStrata.from_propensities(np.repeat([0.2, 0.4], 20))


def test_separation_by_a_combination_is_found():
    """Neither covariate separates; their sum does."""
    rng = np.random.default_rng(2)
    x, y, noise = rng.normal(size=(3, 200))
    treated = (x + y > 0).astype(float)
    design = np.column_stack([x, y, noise])
    found = separating_columns(design, treated, names=["x", "y", "noise"])
    assert {"x", "y"} <= set(found)
    treated[np.argmax(x + y)] = 0.0
    assert separating_columns(design, treated, names=["x", "y", "noise"]) == ()
