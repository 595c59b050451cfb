"""Sequential trials of a treatment without effect, by cohorts made outside the package."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from validation.outside import early, shares

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.designs.sequential import FULL, levels
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DATA = DataSpec(patient="id", time="os", event="death")
TREATMENT = TreatmentSpec(name="trt", start="trt", design="sequential")


def trials(frame, *, every, starts):
    visits = VisitsSpec(every=every, starts=starts)
    return emulate(Cohort.from_frame(frame, DATA, TREATMENT, visits=visits), TREATMENT)


def log_ratio(found, weights):
    """Return the log ratio of weighted death rates, an exponential model's log hazard ratio."""
    rows = found.person_time.columns
    months = rows["stop"] - rows["start"]
    rates = [
        (weights * rows["event"])[rows["trt"] == arm].sum()
        / (weights * months)[rows["trt"] == arm].sum()
        for arm in (1.0, 0.0)
    ]
    return float(np.log(rates[0] / rates[1]))


@pytest.mark.parametrize("shape", ["rising", "falling", "peaked", "flat"])
@pytest.mark.parametrize("target", list(EstimandTarget))
def test_shares_that_change_are_no_effect_of_treatment(shape, target):
    """A constant hazard is wrong by far; alike in both arms it is wrong alike."""
    frame = shares.cohort(8_000, 5, shape=shape)
    found = trials(frame, every=shares.EVERY, starts="at-visit")
    chance = np.array(shares.shares(shape, "strong"))[found.decisions.columns["number"]]
    weights = row_weights(found, chance, target=target, stabilise=True)
    # Standard deviation over 12 cohorts of 3,000: at most 0.10, so 0.06 here.
    assert abs(log_ratio(found, weights)) < 0.18
    entries = found.person_time.columns["start"] == 0.0
    rows = found.person_time.columns
    means = [
        np.average(rows["trial"][entries & (rows["trt"] == arm)], weights=weights[side])
        for arm in (1.0, 0.0)
        for side in [entries & (rows["trt"] == arm)]
    ]
    spread = rows["trial"][entries].std()
    # 0.1 is what counts as balanced; shares of the number moved it by about 1.
    assert abs(means[0] - means[1]) / spread < 0.1 + 0.1 * (target is EstimandTarget.ATE)


def test_no_clock_starts_before_its_arm_and_nobody_vanishes_between_visits():
    frame = early.cohort(3_000, 6)
    found = trials(frame, every=3.0, starts="between-visits")
    rows = found.person_time.columns
    treated = set(frame.loc[frame["trt"].notna(), "id"])
    assert set(rows["patient"][rows["trt"] == 1.0]) == treated
    entered = found.decisions.columns
    starts = dict(zip(frame["id"], frame["trt"], strict=True))
    ends = dict(zip(frame["id"], frame["os"], strict=True))
    for name, time, initiated in zip(
        entered["patient"], entered["time"], entered["initiated"], strict=True
    ):
        assert time < ends[name]
        assert time == starts[name] if initiated else not starts[name] <= time
    died_soon = frame["trt"].notna() & (frame["os"] - frame["trt"] < 0.5) & (frame["death"] == 1)
    events = rows["patient"][(rows["trt"] == 1.0) & (rows["event"] == 1.0)]
    assert died_soon.sum() > 50
    assert set(frame.loc[died_soon, "id"]) <= set(events)


@pytest.mark.parametrize("every", [1.5, 3.0])
def test_starts_between_visits_without_effect(every):
    """Frail patients die in the intervals; a clock that knew of it would show an effect."""
    frame = early.cohort(12_000, 7, factor=1.0, hazards=(0.02, 0.2), rate=0.15)
    found = trials(frame, every=every, starts="between-visits")
    odds = 0.15 * every
    chance = np.full(found.decisions.n_rows, odds / (1.0 + odds))
    passing = np.full(found.passed.n_rows, odds / (1.0 + odds))
    options = {"target": EstimandTarget.ATO, "passing": passing, "stabilise": True}
    # Standard deviation of a cohort of 15,000 by examination item 8: below 0.03.
    assert abs(log_ratio(found, row_weights(found, chance, **options))) < 0.09


def test_follow_up_counts_in_full_until_few_controls_are_left():
    months, counts = levels(np.arange(1.0, 30.0), 0.9 ** np.arange(1.0, 30.0))
    assert months[0] == np.ceil(np.log(FULL) / np.log(0.9))
    assert np.all(np.diff(counts) < 0.0)
    assert np.all((counts > 0.0) & (counts < 1.0))
