"""Sequential trials, clones, several landmarks, rows cut at visits: small cases by hand."""

import numpy as np
import pytest

from bayes_ihlrt.analysis.notes import starts_left_out
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.names import StartRule
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DATA = DataSpec(patient="id", time="os", event="death")
FRAME = {
    "id": ["a", "b", "c", "d"],
    "os": [10.0, 6.0, 8.0, 2.0],
    "death": [1, 1, 0, 1],
    "ihlrt_months": [4.0, None, 3.0, None],
    "response_months": [2.5, None, 1.0, None],
    "nlr": [2.0, 3.0, 5.0, 4.0],
}
SEEN = {
    "id": ["a", "a", "a", "b", "b", "c", "c", "d"],
    "month": [0, 4, 7, 0, 5, 0, 3, 1],
    "nlr": [2.0, 2.6, 7.7, 3.0, 3.5, 5.0, 5.5, 4.0],
    "ok": [1, 0, 1, 1, 1, 1, 1, 1],
}
AT_VISIT = VisitsSpec(time="month", covariates=["nlr"])
EVERY = VisitsSpec(every=3.0, switches={"response": "response_months"})


def made(design, visits, *, frame=FRAME, **options):
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months", design=design, **options)
    rows = SEEN if visits is not None and visits.time is not None else None
    named = {"covariates": ["nlr"], "visits": visits, "visit_rows": rows}
    return Cohort.from_frame(frame, DATA, treatment, **named), treatment


def rows(found, *names):
    return [tuple(row) for row in zip(*(found.columns[name] for name in names), strict=True)]


def test_sequential_trials_at_visits_censor_controls_when_treated():
    found = emulate(*made("sequential", AT_VISIT))
    names = ("patient", "trial", "start", "stop", "event", "ihlrt", "nlr")
    assert rows(found.person_time, *names) == [
        ("a", 0.0, 0.0, 4.0, 0.0, 0.0, 2.0),
        ("a", 1.0, 0.0, 6.0, 1.0, 1.0, 2.6),
        ("b", 0.0, 0.0, 5.0, 0.0, 0.0, 3.0),
        ("b", 0.0, 5.0, 6.0, 1.0, 0.0, 3.0),
        ("b", 1.0, 0.0, 1.0, 1.0, 0.0, 3.5),
        ("c", 0.0, 0.0, 3.0, 0.0, 0.0, 5.0),
        ("c", 1.0, 0.0, 5.0, 0.0, 1.0, 5.5),
        ("d", 0.0, 0.0, 1.0, 1.0, 0.0, 4.0),
    ]
    pointers = rows(found.person_time, "decision", "passed_from", "passed_to")
    # Of b's first trial the row from month 5 on has passed the second decision untreated.
    assert pointers[2:4] == [(2, 3, 3), (2, 3, 4)]
    assert pointers[1] == (1, 0, 0)
    story = found.person_time.provenance
    assert (story.trials, story.censored, story.starts) == (2, 2, StartRule.AT_VISIT)
    assert story.treated == {"patients": 2.0, "events": 1.0, "months": 11.0}
    assert found.person_time.events == 3
    assert found.person_time.overlapping
    assert found.person_time.exit_time.tolist() == [6.0, 6.0, 5.0, 1.0]


def test_sequential_controls_are_followed_on_when_crossover_is_ignored():
    found = emulate(*made("sequential", AT_VISIT, crossover="ignore")).person_time
    assert rows(found, "patient", "trial", "stop", "event", "ihlrt")[0] == ("a", 0, 10.0, 1.0, 0.0)
    assert found.provenance.censored == 0
    assert found.columns["passed_to"].tolist() == [0] * found.n_rows


def test_sequential_trials_between_visits_follow_both_arms_from_the_same_time():
    """Starts come a third into the interval (a) and at its end (c): 1/6 and 1/4 of those at risk.

    a waits from month 3 to 4 and is then treated; b waits from months 3 and 4; c is treated at 3;
    d dies before the instant of the interval, month 3.
    """
    found = emulate(*made("sequential", EVERY))
    assert rows(
        found.person_time, "patient", "trial", "start", "stop", "event", "ihlrt", "response"
    ) == [
        ("a", 0.0, 0.0, 1.0, 0.0, 0.0, 1.0),
        ("a", 1.0, 0.0, 6.0, 1.0, 1.0, 1.0),
        ("b", 0.0, 0.0, 3.0, 1.0, 0.0, 0.0),
        ("b", 1.0, 0.0, 2.0, 1.0, 0.0, 0.0),
        ("c", 0.0, 0.0, 5.0, 0.0, 1.0, 1.0),
    ]
    assert found.decisions.columns["time"].tolist() == [3.0, 4.0, 3.0, 4.0, 3.0]
    assert dict(found.person_time.provenance.dropped) == {
        "d": "event or end of follow-up before a trial"
    }


def test_a_control_whose_treatment_starts_unobserved_is_told():
    data = DataSpec(patient="id", start="from", stop="to", event="death")
    frame = {
        "id": ["a", "a", "b", "c"],
        "from": [0.0, 6.0, 0.0, 0.0],
        "to": [3.5, 9.0, 8.0, 9.0],
        "death": [0, 1, 0, 1],
        "ihlrt_months": [5.0, 5.0, 1.0, None],
    }
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months", design="sequential")
    cohort = Cohort.from_frame(frame, data, treatment, visits=VisitsSpec(every=2.0))
    found = emulate(cohort, treatment).person_time
    assert dict(found.provenance.unfollowed) == {"a": "treated in a gap of observation"}
    assert starts_left_out(found) == [
        "1 control not followed from the start of their own treatment on: treated in a gap of "
        "observation."
    ]


def test_clones_follow_both_strategies_until_they_deviate():
    found = emulate(*made("clone-censor-weight", AT_VISIT, grace=3.0))
    names = ("patient", "clone", "ihlrt", "start", "stop", "event", "nlr", "earned")
    assert rows(found.person_time, *names) == [
        ("a", 0, 0.0, 0.0, 4.0, 0.0, 2.0, -1),
        ("a", 1, 1.0, 0.0, 3.0, 0.0, 2.0, -1),
        ("b", 0, 0.0, 0.0, 5.0, 0.0, 3.0, -1),
        ("b", 0, 0.0, 5.0, 6.0, 1.0, 3.0, -1),
        ("b", 1, 1.0, 0.0, 3.0, 0.0, 3.0, -1),
        ("c", 0, 0.0, 0.0, 3.0, 0.0, 5.0, -1),
        ("c", 1, 1.0, 0.0, 3.0, 0.0, 5.0, -1),
        ("c", 1, 1.0, 3.0, 8.0, 0.0, 5.0, 2),
        ("d", 0, 0.0, 0.0, 1.0, 0.0, 4.0, -1),
        ("d", 0, 0.0, 1.0, 2.0, 1.0, 4.0, -1),
        ("d", 1, 1.0, 0.0, 2.0, 1.0, 4.0, -1),
    ]
    assert rows(found.grace, "patient", "until", "initiated", "nlr") == [
        ("a", 3.0, 0.0, 2.0),
        ("b", 3.0, 0.0, 3.0),
        ("c", 3.0, 1.0, 5.0),
    ]
    # Never: a at 4 and c at 3. Within: a and b at 3.
    assert found.person_time.provenance.censored == 4
    assert found.person_time.events == 2


def test_time_varying_grace_weights_point_to_the_last_chance():
    options = {"grace": 4.0, "grace_weights": "time-varying"}
    found = emulate(*made("clone-censor-weight", AT_VISIT, **options))
    assert found.grace is None
    earned = found.person_time.columns["earned"]
    after = rows(found.person_time, "patient", "clone", "start")
    # a starts at the last visit in the grace period; c starts at month 3, with no visit after it.
    assert {after[i]: earned[i] for i in np.flatnonzero(earned >= 0)} == {
        ("a", 1, 4.0): 1,
        ("c", 1, 4.0): 5,
    }
    assert found.decisions.initiated[[1, 5]].tolist() == [1.0, 1.0]


def test_several_landmarks_are_pooled_by_stratum():
    cohort, treatment = made("landmark", EVERY, landmark=[1.0, 3.5])
    with pytest.raises(SpecificationError, match="only untreated patients at risk at the landmark"):
        person_time(cohort, treatment)
    cohort, treatment = made("landmark", EVERY, landmark=[3.0, 4.5])
    found = person_time(cohort, treatment)
    assert rows(found, "patient", "trial", "stratum", "stop", "event", "ihlrt", "response") == [
        ("a", 0.0, 0.0, 1.0, 0.0, 0.0, 1.0),
        ("a", 0.0, 0.0, 7.0, 1.0, 0.0, 1.0),
        ("a", 1.0, 1.0, 5.5, 1.0, 1.0, 1.0),
        ("b", 0.0, 0.0, 3.0, 1.0, 0.0, 0.0),
        ("b", 1.0, 1.0, 1.5, 1.0, 0.0, 0.0),
        ("c", 0.0, 0.0, 5.0, 0.0, 1.0, 1.0),
        ("c", 1.0, 1.0, 3.5, 0.0, 1.0, 1.0),
    ]
    assert list(found.provenance.dropped) == ["d"]
    assert found.provenance.trials == 2
    decided = emulate(cohort, treatment)
    assert decided.decisions.initiated.tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    assert decided.person_time.columns["decision"].tolist() == [0, 0, 1, 2, 3, 4, 5]


def test_rows_of_split_are_cut_where_covariates_change():
    cohort, treatment = made("split", EVERY)
    found = person_time(cohort, treatment, updated=["response"])
    assert rows(found, "patient", "start", "stop", "event", "ihlrt", "response")[:4] == [
        ("a", 0.0, 2.5, 0.0, 0.0, 0.0),
        ("a", 2.5, 4.0, 0.0, 0.0, 1.0),
        ("a", 4.0, 10.0, 1.0, 1.0, 1.0),
        ("b", 0.0, 6.0, 1.0, 0.0, 0.0),
    ]
    whole = person_time(cohort, treatment)
    assert whole.provenance == found.provenance
    assert "response" not in whole.columns
    cohort, treatment = made("split", AT_VISIT)
    found = person_time(cohort, treatment, updated=["nlr"])
    assert rows(found, "patient", "start", "nlr", "nlr_age")[:3] == [
        ("a", 0.0, 2.0, 0.0),
        ("a", 4.0, 2.6, 0.0),
        ("a", 7.0, 7.7, 0.0),
    ]
    with pytest.raises(SpecificationError, match="'albi' does not change at visits"):
        person_time(cohort, treatment, updated=["albi"])


@pytest.mark.parametrize(
    ("grace", "message"),
    [
        (12.0, "it is 12 months, and the longest follow-up is 10 months"),
        (1.0, "nobody at risk at 1 months was treated by then"),
        (7.0, "everybody at risk at 7 months was treated by then"),
    ],
)
def test_a_grace_period_must_separate_patients(grace, message):
    with pytest.raises(SpecificationError, match=message):
        emulate(*made("clone-censor-weight", AT_VISIT, grace=grace))


def test_treatment_where_not_eligible_cannot_be_made_up_for():
    visits = VisitsSpec(time="month", covariates=["nlr"], eligible="ok")
    with pytest.raises(RefusedError, match=r"marked as not eligible \(a\)"):
        emulate(*made("sequential", visits))
    assert emulate(*made("sequential", visits, crossover="ignore")).person_time.n_rows > 0


def test_designs_without_decisions_have_no_weights():
    with pytest.raises(SpecificationError, match="design 'split' has no decisions"):
        emulate(*made("split", None))


def test_a_fixed_treatment_is_one_decision_a_patient():
    treatment = TreatmentSpec(name="arm", column="allocated", design="fixed")
    cohort = Cohort.from_frame({**FRAME, "allocated": [1, 0, 1, 0]}, DATA, treatment)
    found = emulate(cohort, treatment)
    assert found.decisions.initiated.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert found.person_time.columns["decision"].tolist() == [0, 1, 2, 3]
    assert "arm" not in found.decisions.columns


def test_late_entry_after_the_grace_period_is_left_out():
    data = DataSpec(patient="id", time="os", entry="entry", event="death")
    treatment = TreatmentSpec(
        name="ihlrt", start="ihlrt_months", design="clone-censor-weight", grace=3.5
    )
    frame = {**FRAME, "entry": [0.0, 4.0, 1.0, 0.0]}
    cohort = Cohort.from_frame(frame, data, treatment, visits=VisitsSpec(every=0.5))
    found = emulate(cohort, treatment).person_time
    assert dict(found.provenance.dropped) == {"b": "under observation only after the grace period"}
    assert found.columns["start"][found.columns["patient"] == "c"].min() == 1.0


def test_naive_rates_have_the_ratio_of_the_closed_form():
    """Event hazard l, initiation hazard m, no effect: the ratio of rates is l / (2 l + m)."""
    rng = np.random.default_rng(5)
    n, hazard, initiation = 200_000, 0.05, 0.03
    for ratio in (1.0, 0.6):
        death, start = rng.exponential(1 / hazard, n), rng.exponential(1 / initiation, n)
        later = start + rng.exponential(1 / (ratio * hazard), n)
        end = np.where(start < death, later, death)
        columns = {
            "patient": np.array([str(number) for number in range(n)], dtype=object),
            "start": np.zeros(n),
            "stop": end,
            "event": np.ones(n),
            "treatment_start": np.where(start < death, start, np.inf),
        }
        treatment = TreatmentSpec(
            name="ihlrt",
            start="x",
            design="ever-never",
            acknowledge_immortal_time_bias=True,
        )
        story = person_time(Cohort(columns), treatment).provenance
        rates = [arm["events"] / arm["months"] for arm in (story.treated, story.untreated)]
        expected = ratio * hazard / ((1 + ratio) * hazard + initiation)
        # Relative standard error of a ratio of rates: sqrt(1 / events + 1 / events), 0.5 %.
        assert rates[0] / rates[1] == pytest.approx(expected, rel=0.02)
