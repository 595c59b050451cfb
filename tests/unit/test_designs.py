"""From a cohort to person-time: split, landmark, ever-never, fixed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.names import DAYS_PER_MONTH, DesignKind, TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

DATA = DataSpec(patient="id", time="months", event="death")
HEART = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
ON_DEMAND = TreatmentSpec(name="ihlrt", start="ihlrt_months")
NEVER = float("nan")
FRAME = {
    "id": ["a", "b", "c", "d"],
    "months": [10.0, 6.0, 8.0, 2.0],
    "death": [1, 1, 0, 1],
    "ihlrt_months": [4.0, NEVER, 0.0, NEVER],
    "albi": [-2.1, -2.5, -3.0, -1.4],
}


def designed(design, **options):
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months", design=design, **options)
    cohort = Cohort.from_frame(FRAME, DATA, treatment, covariates=["albi"])
    return person_time(cohort, treatment)


def rows(found, *names):
    return [tuple(row) for row in zip(*(found.columns[name] for name in names), strict=True)]


def test_split_cuts_at_the_start_of_treatment():
    found = designed("split")
    assert rows(found, "patient", "start", "stop", "event", "ihlrt", "albi", "weight") == [
        ("a", 0.0, 4.0, 0.0, 0.0, -2.1, 1.0),
        ("a", 4.0, 10.0, 1.0, 1.0, -2.1, 1.0),
        ("b", 0.0, 6.0, 1.0, 0.0, -2.5, 1.0),
        ("c", 0.0, 8.0, 0.0, 1.0, -3.0, 1.0),
        ("d", 0.0, 2.0, 1.0, 0.0, -1.4, 1.0),
    ]
    assert found.provenance.design is DesignKind.SPLIT
    assert found.provenance.treated == {"patients": 2.0, "events": 1.0, "months": 14.0}
    assert found.provenance.untreated == {"patients": 3.0, "events": 2.0, "months": 12.0}
    assert found.provenance.immortal_months == 0.0


def test_split_cuts_start_stop_rows_and_keeps_covariates_of_each():
    frame = {
        "id": [1, 1, 1],
        "start": [1.0, 3.0, 7.0],
        "stop": [3.0, 5.0, 9.0],
        "death": [0, 0, 1],
        "ihlrt_months": [4.0, 4.0, 4.0],
        "albi": [-2.0, -1.5, -1.0],
    }
    data = DataSpec(patient="id", start="start", stop="stop", event="death")
    cohort = Cohort.from_frame(frame, data, ON_DEMAND, covariates=["albi"])
    found = person_time(cohort, ON_DEMAND)
    assert rows(found, "start", "stop", "event", "ihlrt", "albi") == [
        (1.0, 3.0, 0.0, 0.0, -2.0),
        (3.0, 4.0, 0.0, 0.0, -1.5),
        (4.0, 5.0, 0.0, 1.0, -1.5),
        (7.0, 9.0, 1.0, 1.0, -1.0),
    ]


def test_landmark_classifies_at_the_landmark_and_starts_the_clock_there():
    found = designed("landmark", landmark=4.0)
    assert rows(found, "patient", "start", "stop", "event", "ihlrt") == [
        ("a", 0.0, 6.0, 1.0, 1.0),
        ("b", 0.0, 2.0, 1.0, 0.0),
        ("c", 0.0, 4.0, 0.0, 1.0),
    ]
    assert dict(found.provenance.dropped) == {
        "d": "event or end of follow-up by the landmark (4 months)"
    }


def test_later_treatment_does_not_count_at_the_landmark():
    found = designed("landmark", landmark=3.0)
    assert set(rows(found, "patient", "ihlrt")) == {("a", 0.0), ("b", 0.0), ("c", 1.0)}
    assert found.exit_time.tolist() == [7.0, 3.0, 5.0]


def test_landmark_with_one_state_only_is_refused():
    with pytest.raises(SpecificationError) as caught:
        designed("landmark", landmark=9.0)
    assert str(caught.value) == (
        "[treatment]: 1 fault\n"
        "  - landmark: only treated patients at risk at the landmark of 9 months. Choose a "
        "landmark at which some patients are treated and some are not."
    )


def test_ever_never_is_refused_with_the_months_at_stake():
    with pytest.raises(RefusedError) as caught:
        designed("ever-never")
    assert str(caught.value) == (
        "[treatment] design: 1 fault\n"
        "  - design 'ever-never': it would count 4.0 person-months before treatment, in which "
        "treated patients could not die, as treated time. Use design 'split' or 'landmark'; to "
        "show the bias on purpose, set acknowledge_immortal_time_bias = true."
    )


def test_ever_never_acknowledged_counts_the_immortal_months():
    found = designed("ever-never", acknowledge_immortal_time_bias=True)
    state = rows(found, "patient", "ihlrt")
    assert set(state) == {("a", 1.0), ("b", 0.0), ("c", 1.0), ("d", 0.0)}
    assert found.provenance.immortal_months == 4.0
    assert found.provenance.treated["months"] == 18.0


def test_fixed_takes_the_column_as_it_is():
    treatment = TreatmentSpec(name="arm", column="allocated", design="fixed")
    frame = {**FRAME, "allocated": [1, 0, 1, 0]}
    found = person_time(Cohort.from_frame(frame, DATA, treatment), treatment)
    assert rows(found, "patient", "stop", "arm") == [
        ("a", 10.0, 1.0),
        ("b", 6.0, 0.0),
        ("c", 8.0, 1.0),
        ("d", 2.0, 0.0),
    ]
    assert found.provenance.design is DesignKind.FIXED


def test_without_treatment_the_rows_are_the_person_time():
    found = person_time(Cohort.from_frame(FRAME, DATA, covariates=["albi"]))
    assert rows(found, "patient", "start", "stop", "event") == [
        ("a", 0.0, 10.0, 1.0),
        ("b", 0.0, 6.0, 1.0),
        ("c", 0.0, 8.0, 0.0),
        ("d", 0.0, 2.0, 1.0),
    ]
    assert found.provenance.untreated == {"patients": 4.0, "events": 3.0, "months": 26.0}


def heart(**options):
    treatment = TreatmentSpec(name="transplanted", column="transplant", **options)
    return person_time(load_cohort("heart", HEART, treatment), treatment)


def test_mantel_byar_rows_of_the_heart_data_from_one_row_a_patient():
    """Splitting 103 patients at their transplant gives the 172 published rows."""
    published = datasets.columns("heart")
    patients = np.unique(published["id"])
    mine = [published["id"] == patient for patient in patients]
    treated = published["transplant"] == 1.0
    frame = {
        "id": patients,
        "months": [published["stop"][rows].max() for rows in mine],
        "death": [published["event"][rows].max() for rows in mine],
        "transplant_day": [
            (published["start"][rows & treated].tolist() or [NEVER])[0] for rows in mine
        ],
    }
    data = DataSpec(patient="id", time="months", event="death", time_unit="days")
    treatment = TreatmentSpec(name="transplanted", start="transplant_day")
    found = person_time(Cohort.from_frame(frame, data, treatment), treatment)
    assert found.n_rows == 172
    assert found.provenance.treated["patients"] == 69.0
    assert found.provenance.treated["events"] == 45.0
    assert found.provenance.untreated["events"] == 30.0
    assert found.provenance == heart().provenance
    names = ("patient", "start", "stop", "event", "transplanted")
    assert set(rows(found, *names)) == set(rows(heart(), *names))


@pytest.mark.parametrize("landmark", [30 * TimeUnit.DAYS.months, 30 / DAYS_PER_MONTH])
def test_heart_landmark_of_30_days_keeps_79_patients(landmark):
    """One of the 80 followed for 30 days or more dies on day 30, whichever way it is written."""
    found = heart(design="landmark", landmark=landmark)
    assert len(found.patients) == 79
    assert len(found.provenance.dropped) == 24
    assert found.provenance.treated["patients"] == 33.0
    assert found.columns["stop"].min() * DAYS_PER_MONTH == pytest.approx(1.0)


MONTHS = st.floats(0.01, 100.0)


@st.composite
def cohorts(draw):
    count = draw(st.integers(2, 6))
    stop = np.array(draw(st.lists(MONTHS, min_size=count, max_size=count)))
    entered = np.array(draw(st.lists(st.floats(0.0, 0.9), min_size=count, max_size=count)))
    share = np.array(draw(st.lists(st.floats(0.0, 1.5), min_size=count, max_size=count)))
    event = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=count, max_size=count))
    # Before entry, during follow-up, or never (a time after the end, which a file may not hold).
    columns = {
        "patient": np.array([f"p{number}" for number in range(count)], dtype=object),
        "start": entered * stop,
        "stop": stop,
        "event": np.array(event),
        "treatment_start": np.where(share < 1.0, share * stop, np.inf),
    }
    return Cohort(columns)


@given(cohorts())
def test_split_preserves_time_and_events(cohort):
    found = person_time(cohort, ON_DEMAND)
    c, start = found.columns, cohort.columns["treatment_start"]
    length = c["stop"] - c["start"]
    treated = cohort.columns["stop"] - np.maximum(cohort.columns["start"], start)
    assert np.all(length > 0.0)
    assert length.sum() == pytest.approx(cohort.months)
    assert (length * c["ihlrt"]).sum() == pytest.approx(np.maximum(treated, 0.0).sum())
    assert found.events == cohort.events
    last = np.append(np.diff(found.patient_index) > 0, True)
    assert not c["event"][~last].any()
    assert np.bincount(found.patient_index, c["event"]).max() <= 1.0
    np.testing.assert_array_equal(found.exit_time, cohort.columns["stop"])


def test_rows_are_sorted_by_first_appearance_and_start():
    columns = {
        "patient": np.array(["z", "a", "z"], dtype=object),
        "start": np.array([5.0, 0.0, 0.0]),
        "stop": np.array([9.0, 4.0, 5.0]),
        "event": np.array([1.0, 0.0, 0.0]),
    }
    found = PersonTime(columns, heart().provenance)
    assert rows(found, "patient", "start") == [("z", 0.0), ("z", 5.0), ("a", 0.0)]
    assert found.patient_index.tolist() == [0, 0, 1]
    assert found.patients.tolist() == ["z", "a"]
    assert found.exit_time.tolist() == [9.0, 4.0]
    assert found.frame["stop"].tolist() == [5.0, 9.0, 4.0]
    with pytest.raises(ValueError, match="read-only"):
        found.columns["start"][0] = 1.0
