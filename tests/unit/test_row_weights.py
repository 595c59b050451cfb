"""Row weights against a slow second route, and their sums against the number naturally at risk."""

from functools import cache

import numpy as np
import pytest

from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.at_risk import followed_rows, weight_sums
from bayes_ihlrt.propensity.weights import balancing_weight, row_weights
from bayes_ihlrt.spec.treatment import TreatmentSpec
from emulated_cohorts import STEP, chance_of_start, simulated, true_propensity

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


def chances(cohort, found):
    """Return true propensities of decisions and, between visits, of the intervals passed.

    The simulated treatment is decided at the beginning of an interval, with probability p, and
    starts at any time of it: at instants its odds are -log(1 - p) but for terms of order p^2.
    """
    if found.passed is None:
        return true_propensity(found.decisions), None
    response = dict(zip(cohort.columns["patient"], cohort.columns["response_months"], strict=True))
    both = []
    for table in (found.decisions, found.passed):
        known = table.columns["number"] * STEP
        who = [response[name] for name in table.columns["patient"]]
        chance = chance_of_start(np.array(who) <= known, table.columns["severe"])
        odds = -np.log1p(-chance)
        both.append(odds / (1.0 + odds))
    return tuple(both)


@pytest.mark.parametrize("target", [ATE, ATO])
def test_weights_of_trials_sum_to_the_target_naturally_at_risk(cohort, target):
    found = designed(cohort, "sequential")
    chance, passing = chances(cohort, found)
    weights = row_weights(found, chance, target=target, passing=passing)
    early = AT_DECISIONS[:4]
    sums = weight_sums(found, weights, cohort, target=target, propensity=chance, times=early)
    # Relative standard error at month 4.5: 2.3 % over 12 cohorts of 10,000, so 4 % of 3,000.
    np.testing.assert_allclose(sums.treated, sums.expected, rtol=0.08)
    np.testing.assert_allclose(sums.control, sums.expected, rtol=0.08)
    naive = weight_sums(found, np.ones_like(weights), cohort, propensity=chance, times=early)
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


@pytest.mark.parametrize("target", [ATO, ATE])
def test_what_stabilises_trials_depends_on_the_months_alone_and_is_the_same_in_both_arms(target):
    found = designed(simulated(800, 4, at_visit=True), "sequential")
    chance = true_propensity(found.decisions)
    plain = row_weights(found, chance, target=target)
    factor = row_weights(found, chance, target=target, stabilise=True) / plain
    rows = found.person_time.columns
    treated = rows["ihlrt"] == 1.0
    share = found.decisions.initiated.mean()
    if target is ATE:
        factor = factor / np.where(treated, share, 1.0 - share)
    np.testing.assert_allclose(factor, rows["counted"])
    by_start = {}
    for start, value in zip(rows["start"].round(9), factor, strict=True):
        by_start.setdefault(start, set()).add(round(value, 9))
    months = sorted(by_start)
    assert all(len(by_start[month]) == 1 for month in months)
    counted = [by_start[month].pop() for month in months]
    assert counted[0] == 1.0
    assert counted[-1] < 0.8
    assert counted == sorted(counted, reverse=True)


def test_months_passed_between_visits_are_weighted_by_the_rate_at_which_treatment_starts():
    """Slow second route: each row's parts of intervals, one by one, F by its own average."""
    cohort = simulated(60, 4, at_visit=False)
    found = designed(cohort, "sequential")
    rng = np.random.default_rng(2)
    chance = rng.uniform(0.05, 0.6, found.decisions.n_rows)
    passing = rng.uniform(0.05, 0.6, found.passed.n_rows)
    got = row_weights(found, chance, target=ATE, passing=passing)
    rows, table, passed = found.person_time.columns, found.decisions, found.passed
    start = dict(zip(cohort.columns["patient"], cohort.columns["treatment_start"], strict=True))
    end = dict(zip(cohort.columns["patient"], cohort.columns["stop"], strict=True))
    spans = [
        (name, number * STEP)
        for name in end
        for number in range(100)
        if number * STEP < min(end[name], start[name])
    ]
    leave = np.array([min(end[n], start[n], b + STEP) - b for n, b in spans]) / STEP
    began = np.array([start[n] <= b + STEP for n, b in spans])
    jumps = sorted(leave[began])
    mass = np.array([1.0 / np.sum(leave >= jump - 1e-9) for jump in jumps])
    mass /= mass.sum()

    def by(share):
        return mass[np.array(jumps) <= share + 1e-9].sum()

    @cache
    def average(share):
        return np.mean([by(at) for at in np.linspace(share, 1.0, 4_001)])

    for row in range(0, found.person_time.n_rows, 29):
        decision = rows["decision"][row]
        arm, origin = rows["ihlrt"][row], table.columns["time"][decision]
        total = 0.0
        if arm == 0.0:
            now = origin + rows["start"][row]
            for at in np.flatnonzero(passed.columns["patient"] == rows["patient"][row]):
                begin = passed.columns["number"][at] * STEP
                first = max((origin - begin) / STEP, 0.0)
                if first >= 1.0 or begin > now + 1e-9:
                    continue
                whole = begin + STEP <= now + 1e-9
                passed_by = 1.0 if whole else average(first)
                gone = by(first) if origin > begin else 0.0
                total += passing[at] / (1.0 - passing[at]) * (passed_by - gone)
        own = chance[decision] if arm == 1.0 else 1.0 - chance[decision]
        # The average of 4,001 points has an error of 1 / 8,000 a jump.
        assert got[row] == pytest.approx(np.exp(total) / own, rel=5e-3)


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
