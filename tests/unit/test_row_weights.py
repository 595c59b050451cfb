"""Row weights against a slow second route, and their sums against the number naturally at risk."""

import numpy as np
import pytest

from bayes_ihlrt.data import TreatmentSpec
from bayes_ihlrt.designs import emulate
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.at_risk import followed_rows, weight_sums
from bayes_ihlrt.propensity.targets import balancing_weight
from bayes_ihlrt.propensity.weights import row_weights
from emulated_cohorts import STEP, simulated, true_propensity

ATE, ATO = EstimandTarget.ATE, EstimandTarget.ATO


def designed(cohort, design, **options):
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months", design=design, **options)
    return emulate(cohort, treatment)


@pytest.fixture(scope="module", params=[True, False], ids=["at-visit", "between-visits"])
def cohort(request):
    return simulated(3_000, 11, at_visit=request.param)


@pytest.fixture(scope="module")
def small():
    return simulated(60, 4, at_visit=True)


def slow_never(found, chance):
    """Multiply one factor after another over each patient's own decisions."""
    columns, table = found.person_time.columns, found.decisions
    weights = []
    for row in range(found.person_time.n_rows):
        own = np.flatnonzero(table.columns["patient"] == columns["patient"][row])
        weight = 1.0
        for decision in own:
            after = table.settled[decision] <= columns["start"][row] + 1e-9
            if columns["clone"][row] == 0 and after:
                assert table.initiated[decision] == 0.0
                weight /= 1.0 - chance[decision]
        weights.append(weight)
    return np.array(weights)


def shares(table):
    number = table.columns["number"]
    return np.array([table.initiated[number == k].mean() for k in number])


def test_clones_are_weighted_by_what_they_passed_and_earned(small):
    found = designed(small, "clone-censor-weight", grace=2 * STEP)
    chance = true_propensity(found.decisions)
    grace = np.linspace(0.1, 0.9, found.grace.n_rows)
    expected = slow_never(found, chance)
    late = found.person_time.columns["start"] >= 2 * STEP - 1e-9
    within = found.person_time.columns["clone"] == 1
    names = found.grace.columns["patient"].tolist()
    for row in np.flatnonzero(late & within):
        expected[row] = 1.0 / grace[names.index(found.person_time.columns["patient"][row])]
    got = row_weights(found, chance, target=ATE, grace=grace)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert got[within & ~late].tolist() == [1.0] * int((within & ~late).sum())


def test_clones_have_no_stabilised_weights(small):
    """Those who start late stand for all who could have; a share would give it to early ones."""
    found = designed(small, "clone-censor-weight", grace=2 * STEP)
    chance = true_propensity(found.decisions)
    grace = np.full(found.grace.n_rows, 0.5)
    with pytest.raises(SpecificationError, match="clones have no stabilised weights"):
        row_weights(found, chance, target=ATE, grace=grace, stabilise=True)


@pytest.mark.parametrize("target", [ATO, ATE, EstimandTarget.ATT])
def test_sequential_weights_are_those_of_the_decision_and_of_crossing_over(small, target):
    found = designed(small, "sequential")
    table, columns = found.decisions, found.person_time.columns
    chance = true_propensity(table)
    base = balancing_weight(target, chance, table.initiated)
    expected = []
    for row in range(found.person_time.n_rows):
        decision = columns["decision"][row]
        now = table.columns["time"][decision] + columns["start"][row]
        weight = base[decision]
        for later in range(decision + 1, table.n_rows):
            same = table.patient_index[later] == table.patient_index[decision]
            if same and table.initiated[decision] == 0 and table.settled[later] <= now + 1e-9:
                weight /= 1.0 - chance[later]
        expected.append(weight)
    np.testing.assert_allclose(row_weights(found, chance, target=target), expected, rtol=1e-12)


@pytest.mark.parametrize("design", ["clone-censor-weight", "sequential"])
def test_many_draws_are_weighted_at_once(small, design):
    clones = design == "clone-censor-weight"
    found = designed(small, design, **({"grace": 2 * STEP} if clones else {}))
    rng = np.random.default_rng(1)
    options = {
        "propensity": rng.uniform(0.05, 0.9, (3, 2, found.decisions.n_rows)),
        "patient_weight": rng.dirichlet(np.ones(len(found.decisions.patients)), (3, 2)),
    }
    if clones:
        options["grace"] = rng.uniform(0.05, 0.9, (3, 2, found.grace.n_rows))
    fixed = {"target": ATE, "stabilise": not clones}
    got = row_weights(found, **options, **fixed)
    assert got.shape == (3, 2, found.person_time.n_rows)
    one = row_weights(found, **{name: draws[2, 1] for name, draws in options.items()}, **fixed)
    np.testing.assert_allclose(got[2, 1], one, rtol=1e-12)


def test_landmark_weights_are_those_of_the_landmark(small):
    found = designed(small, "landmark", landmark=(3.0, 6.0))
    chance = np.linspace(0.2, 0.8, found.decisions.n_rows)
    expected = balancing_weight(ATO, chance, found.decisions.initiated)
    rows = found.person_time.columns["decision"]
    np.testing.assert_array_equal(row_weights(found, chance, target=ATO), expected[rows])


def deviation(found, weights, cohort, times):
    """Return (sum - expected) / its standard error, by patient, in each arm."""
    columns, index = found.person_time.columns, found.person_time.patient_index
    sums = weight_sums(found, weights, cohort, times=times)
    natural = followed_rows(found, weights, cohort)[1]
    result = {}
    for arm, total in ((1.0, sums.treated), (0.0, sums.control)):
        scores = []
        for number, at in enumerate(times):
            inside = (columns["start"] <= at) & (at < columns["stop"])
            inside &= columns["ihlrt"] == arm
            mine = np.bincount(index, weights * inside, minlength=index.max() + 1)
            risk = np.sum((natural.start <= at) & (at < natural.stop))
            # A patient at risk brings mine - 1, whose mean is 0.
            spread = np.sqrt(np.sum((mine[mine > 0] - 1.0) ** 2) + risk - np.sum(mine > 0))
            scores.append((total[number] - sums.expected[number]) / max(spread, 1e-9))
        result[arm] = np.array(scores)
    return result


GRACE = 2 * STEP
AT_DECISIONS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 6.0]) * STEP


def test_weights_of_clones_sum_to_the_number_naturally_at_risk(cohort):
    found = designed(cohort, "clone-censor-weight", grace=GRACE, grace_weights="time-varying")
    weights = row_weights(found, true_propensity(found.decisions), target=ATE)
    scores = deviation(found, weights, cohort, AT_DECISIONS)
    assert np.abs(scores[1.0]).max() < 4.0
    assert np.abs(scores[0.0]).max() < 4.0
    before = AT_DECISIONS < GRACE
    np.testing.assert_array_equal(scores[1.0][before], 0.0)
    unweighted = deviation(found, np.ones_like(weights), cohort, AT_DECISIONS)
    assert unweighted[1.0][~before].max() < -10.0
    assert unweighted[0.0][2:].max() < -10.0


def test_a_smeared_model_of_deviation_fails_the_check(cohort):
    """Everybody deviates at the end of grace; a rate over the months before it is another model."""
    found = designed(cohort, "clone-censor-weight", grace=GRACE, grace_weights="time-varying")
    columns = found.person_time.columns
    within = columns["clone"] == 1
    early = within & (columns["start"] < GRACE - 1e-9)
    ends = early & (columns["event"] == 0.0) & (np.abs(columns["stop"] - GRACE) < 1e-9)
    stays = np.isin(columns["patient"], columns["patient"][within & ~early])
    months = (columns["stop"] - columns["start"])[early].sum()
    rate = np.sum(ends & ~stays) / months
    smeared = np.where(early, np.exp(rate * GRACE / 2), np.where(within, np.exp(rate * GRACE), 1.0))
    scores = deviation(found, smeared, cohort, AT_DECISIONS)
    assert np.abs(scores[1.0][AT_DECISIONS < GRACE]).min() > 10.0


def test_baseline_weights_of_the_grace_period_sum_to_the_number_at_risk():
    cohort = simulated(4_000, 3, at_visit=True, decided_by_response=False)
    found = designed(cohort, "clone-censor-weight", grace=GRACE - 0.1)
    chance = true_propensity(found.decisions, by_response=False)
    one = true_propensity(found.grace, by_response=False)
    grace = 1.0 - (1.0 - one) ** 2
    weights = row_weights(found, chance, target=ATE, grace=grace)
    scores = deviation(found, weights, cohort, AT_DECISIONS)
    assert np.abs(scores[1.0]).max() < 4.0
    assert np.abs(scores[0.0]).max() < 4.0
    wrong = row_weights(found, chance, target=ATE, grace=one)
    assert np.abs(deviation(found, wrong, cohort, AT_DECISIONS)[1.0][2:]).min() > 4.0


@pytest.mark.parametrize("target", [ATE, ATO])
def test_weights_of_trials_sum_to_the_target_naturally_at_risk(cohort, target):
    found = designed(cohort, "sequential")
    chance = true_propensity(found.decisions)
    weights = row_weights(found, chance, target=target)
    early = AT_DECISIONS[:4]
    sums = weight_sums(found, weights, cohort, target=target, propensity=chance, times=early)
    # Relative standard error at month 4.5: 2.3 % over 12 cohorts of 10,000, so 4 % of 3,000.
    np.testing.assert_allclose(sums.treated, sums.expected, rtol=0.08)
    np.testing.assert_allclose(sums.control, sums.expected, rtol=0.08)
    naive = weight_sums(found, np.ones_like(weights), cohort, times=early)
    assert np.all(naive.treated < 0.5 * naive.expected)
    default = weight_sums(found, weights, cohort, target=target, propensity=chance)
    assert default.times[0] == 0.0
    assert default.control[0] == sums.control[0]


def cumulative_hazard(found, weights, arm, *, until):
    """Return the weighted cumulative hazard by a time, from rates in steps of half a month."""
    columns = found.person_time.columns
    rows = columns["ihlrt"] == arm
    start, stop, w = columns["start"][rows], columns["stop"][rows], weights[rows]
    event = columns["event"][rows]
    total = 0.0
    for left in np.arange(0.0, until, 0.5):
        inside = (stop > left) & (stop <= left + 0.5)
        months = np.clip(np.minimum(stop, left + 0.5) - np.maximum(start, left), 0.0, None)
        total += 0.5 * np.sum((w * event)[inside]) / np.sum(w * months)
    return total


def test_no_effect_is_found_where_there_is_none():
    """Responders live longer and are treated more often: weights take that out."""
    cohort = simulated(12_000, 8, at_visit=True)
    for design, options in (
        ("sequential", {}),
        ("clone-censor-weight", {"grace": GRACE, "grace_weights": "time-varying"}),
    ):
        found = designed(cohort, design, **options)
        weights = row_weights(found, true_propensity(found.decisions), target=ATE)
        weighted = [cumulative_hazard(found, weights, arm, until=12.0) for arm in (1.0, 0.0)]
        # Standard error of the log ratio at 12,000 patients: 1 to 2 %.
        assert abs(np.log(weighted[0] / weighted[1])) < 0.06
        if design == "sequential":
            equal = np.ones_like(weights)
            naive = [cumulative_hazard(found, equal, arm, until=12.0) for arm in (1.0, 0.0)]
            assert np.log(naive[0] / naive[1]) < -0.1


def test_stabilised_trials_weigh_what_was_passed_by_the_share_that_started(small):
    """A control's weight changes by (1 - p_j) / (1 - e_j); the balancing weight stays bounded."""
    trials = designed(small, "sequential")
    chance = true_propensity(trials.decisions)
    plain = row_weights(trials, chance, target=ATO)
    stable = row_weights(trials, chance, target=ATO, stabilise=True)
    share, rows = shares(trials.decisions), trials.person_time.columns
    for row in range(0, trials.person_time.n_rows, 7):
        passed = slice(int(rows["passed_from"][row]), int(rows["passed_to"][row]))
        assert stable[row] == pytest.approx(plain[row] * np.prod(1.0 - share[passed]))


def test_what_does_not_go_together_is_refused(small):
    clones = designed(small, "clone-censor-weight", grace=GRACE)
    chance = true_propensity(clones.decisions)
    with pytest.raises(SpecificationError, match="clones follow their strategies in the whole"):
        row_weights(clones, chance, target=ATO, grace=np.full(clones.grace.n_rows, 0.5))
    with pytest.raises(SpecificationError, match="grace: it is missing"):
        row_weights(clones, chance, target=ATE)
    with pytest.raises(SpecificationError, match="does not end in the number of decisions"):
        row_weights(clones, chance[1:], target=ATE, grace=np.full(clones.grace.n_rows, 0.5))
    trials = designed(small, "sequential")
    with pytest.raises(SpecificationError, match="no baseline model of the grace"):
        row_weights(trials, chance, target=ATO, grace=[0.5])
    with pytest.raises(SpecificationError, match="defines the population of target 'ato'"):
        weight_sums(trials, row_weights(trials, chance, target=ATO), small, target=ATO)


def test_what_had_no_chance_is_refused_by_name(small):
    found = designed(small, "clone-censor-weight", grace=GRACE)
    grace = np.full(found.grace.n_rows, 0.5)
    chance = true_propensity(found.decisions)
    passed = int(np.flatnonzero(found.decisions.initiated == 0.0)[0])
    with pytest.raises(DataError, match="left untreated where that had probability 0"):
        row_weights(
            found, np.where(np.arange(len(chance)) == passed, 1.0, chance), target=ATE, grace=grace
        )
    with pytest.raises(DataError, match="treated where that had probability 0"):
        row_weights(found, chance, target=ATE, grace=np.zeros(len(grace)))
    with pytest.raises(DataError, match="below 0, above 1 or missing"):
        row_weights(found, chance * np.nan, target=ATE, grace=grace)
