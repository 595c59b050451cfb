"""Visits: what is read, every fault told at once, and nothing known before it was measured."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bayes_ihlrt.cohort.at_times import covariates_at
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.cohort.visits import Visits
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.names import DAYS_PER_MONTH
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DATA = DataSpec(patient="id", time="os", event="death")
IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
NLR = VisitsSpec(time="month", covariates=["nlr"], masked={"nlr": 1.0})
FRAME: dict[str, list[Any]] = {
    "id": ["a", "b", "c"],
    "os": [10.0, 6.0, 8.0],
    "death": [1, 1, 0],
    "ihlrt_months": [4.0, None, None],
    "nlr": [2.0, 3.0, 5.0],
    "response_months": [2.5, None, 8.0],
}
SEEN: dict[str, list[Any]] = {
    "id": ["b", "a", "a", "a", "a"],
    "month": [2.0, 0.5, 4.0, 4.5, 6.0],
    "nlr": [3.5, 2.5, None, 9.0, 2.8],
}


def cohort(visits=NLR, rows=SEEN, **changed):
    named = {"covariates": ["nlr"], "visits": visits, "visit_rows": rows}
    return Cohort.from_frame({**FRAME, **changed}, DATA, IHLRT, **named)


def faults(**options):
    with pytest.raises(DataError) as caught:
        cohort(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "says nothing"),
        ({"file": "v.csv"}, "`file` needs `time`"),
        ({"covariates": ["nlr"]}, "`covariates` needs `time`"),
        ({"eligible": "ok", "every": 1.0}, "`eligible` needs `time`"),
        ({"time": "m", "covariates": ["m"]}, "found twice: m"),
        ({"time": "m", "covariates": ["x"], "switches": {"x": "y"}}, "found twice: x"),
        ({"time": "m", "covariates": ["event"]}, "rename event"),
        ({"time": "m", "covariates": ["x", "x_age"]}, "rename x_age"),
        ({"time": "m", "masked": {"nlr": 1.0}}, "not among `covariates`: nlr"),
        ({"every": 0.0}, "greater than 0"),
    ],
)
def test_a_specification_of_visits_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        VisitsSpec(**fields)


def test_the_last_value_by_a_time_with_its_age():
    found = covariates_at(
        cohort(), np.array([0, 0, 0, 1, 1, 2]), np.array([0.4, 0.5, 3, 1, 9, 7.0])
    )
    assert found["nlr"].tolist() == [2.0, 2.5, 2.5, 3.0, 3.5, 5.0]
    assert found["nlr_age"].tolist() == [0.4, 0.0, 2.5, 1.0, 7.0, 7.0]
    assert "response_months" not in found


def test_values_after_treatment_are_masked_for_a_while():
    """9.0 was measured half a month after treatment; 2.8 two months after it."""
    found = covariates_at(cohort(), np.zeros(3, int), np.array([4.0, 5.0, 6.0]))
    assert found["nlr"].tolist() == [2.5, 2.5, 2.8]
    open_window = VisitsSpec(time="month", covariates=["nlr"])
    found = covariates_at(cohort(visits=open_window), np.zeros(3, int), np.array([4.0, 5.0, 6.0]))
    assert found["nlr"].tolist() == [2.5, 9.0, 2.8]


def test_a_switch_is_1_from_its_time_on():
    switching = VisitsSpec(switches={"response": "response_months"}, every=1.5)
    found = cohort(visits=switching, rows=None)
    values = covariates_at(found, np.array([0, 0, 1, 2]), np.array([2.4, 2.5, 5.0, 7.0]))
    assert values["response"].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert found.columns["response_months"].tolist() == [2.5, np.inf, 8.0]
    assert found.visits.every == 1.5


def test_a_covariate_measured_only_at_visits_needs_no_column_in_the_data_file():
    spec = VisitsSpec(time="month", covariates=["crp"])
    rows = {"id": ["a", "b"], "month": [0.0, 1.0], "crp": [1.0, 2.0]}
    frame = {name: values for name, values in FRAME.items() if name != "nlr"}
    named = {"covariates": ["crp"], "visits": spec, "visit_rows": rows}
    found = Cohort.from_frame(frame, DATA, IHLRT, **named)
    values = covariates_at(found, np.array([0, 1, 2]), np.array([3.0, 0.5, 0.5]))
    assert values["crp"][0] == 1.0
    assert np.isnan(values["crp"][1:]).all()


def test_rows_of_a_start_stop_cohort_give_their_own_values():
    data = DataSpec(patient="id", start="from", stop="to", event="death")
    frame = {"id": ["a", "a", "b"], "from": [0, 3, 0], "to": [3, 9, 5], "death": [0, 1, 0]}
    found = Cohort.from_frame({**frame, "albi": [-2.0, -1.0, -3.0]}, data, covariates=["albi"])
    values = covariates_at(found, np.array([0, 0, 0, 1]), np.array([2.9, 3.0, 8.0, 1.0]))
    assert values["albi"].tolist() == [-2.0, -1.0, -1.0, -3.0]


def test_every_fault_is_told_at_once():
    rows = {
        "id": ["a", "a", "b", "b", "c", "d", "c", ""],
        "month": [3.0, 1.0, 2.0, 2.0, 9.0, 1.0, None, 1.0],
        "nlr": ["2", "x", "3", "4", "5", "6", "7", "8"],
        "ok": [1, 0, 2, 1, 1, 1, 1, 1],
    }
    spec = VisitsSpec(time="month", covariates=["nlr"], eligible="ok")
    told = faults(visits=spec, rows=rows)
    assert told.startswith("visits: 8 faults")
    for part in (
        "column id: 1 visit has no patient identifier",
        "column id: 1 visit belongs to nobody in the data file (patient d)",
        "column month: 1 of 8 values is missing (patient c)",
        "column month: 1 visit is earlier than the visit before: 1 (patient a)",
        "column month: 1 visit is at the same time as the visit before: 2 (patient b)",
        "column month: 1 visit is after the end of follow-up: 9, limit 8 (patient c)",
        "column ok: 1 value is neither 0 nor 1: 2 (patient b)",
        "column nlr: 1 of 8 values is not a finite number: 'x' (patient a)",
    ):
        assert part in told


def test_a_visit_before_entry_is_a_fault():
    data = DataSpec(patient="id", time="os", entry="entry", event="death")
    rows = {"id": ["a"], "month": [0.5], "nlr": [2.0]}
    with pytest.raises(
        DataError, match=r"before the patient came under observation: 0\.5, limit 1"
    ):
        Cohort.from_frame(
            {**FRAME, "entry": [1.0, 0.0, 0.0]}, data, IHLRT, visits=NLR, visit_rows=rows
        )


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([-1.0, None, None], "1 time is before time zero: -1 months (patient a)"),
        ([11.0, None, None], "1 time is after the end of follow-up: 11 months (patient a)"),
        (["soon", 1.0, None], "1 of 3 values is not a finite number: 'soon' (patient a)"),
        ([None, None, None], "every cell is empty"),
    ],
)
def test_times_of_switching_are_checked(times, message):
    switching = VisitsSpec(switches={"response": "response_months"})
    assert message in faults(visits=switching, rows=None, response_months=times)


def test_missing_columns_are_named():
    rows = {"id": ["a"], "months": [1.0], "nlr": [2.0]}
    told = faults(rows=rows)
    assert "column month: needed as [visits] time, and there is no such column" in told
    assert "Did you mean 'months'?" in told
    switching = VisitsSpec(switches={"response": "respons"})
    assert "needed as [visits] switches, response" in faults(visits=switching, rows=None)


def test_values_cannot_be_masked_without_a_treatment():
    with pytest.raises(SpecificationError, match="masked: it speaks of the months after the start"):
        Cohort.from_frame(FRAME, DATA, visits=NLR, visit_rows=SEEN)


def test_a_part_of_a_cohort_in_another_order_keeps_its_visits():
    whole = cohort()
    columns = {name: values[[2, 0]] for name, values in whole.columns.items()}
    part = Cohort(columns, visits=whole.visits)
    found = covariates_at(part, np.array([0, 1]), np.array([7.0, 7.0]))
    assert found["nlr"].tolist() == [5.0, 2.8]


def test_a_table_that_is_not_given_is_missed():
    assert "there is no such table" in faults(rows=None)


def test_visits_are_read_from_a_file_beside_the_data(tmp_path):
    (tmp_path / "cohort.csv").write_text("id,os,death\n007,304.375,1\n8,60,0\n")
    (tmp_path / "visits.csv").write_text("id,day,nlr\n007,0,2\n007,30.4375,3\n8,0,NA\n8,10,4\n")
    data = DataSpec(patient="id", time="os", event="death", time_unit="days")
    spec = VisitsSpec(file="visits.csv", time="day", covariates=["nlr"])
    found = load_cohort(tmp_path / "cohort.csv", data, visits=spec)
    assert found.visits.columns["patient"].tolist() == ["007", "007", "8", "8"]
    np.testing.assert_allclose(found.visits.columns["time"], [0, 1, 0, 10 / DAYS_PER_MONTH])
    missing = spec.model_copy(update={"file": "other.csv"})
    with pytest.raises(DataError, match=r"other\.csv"):
        load_cohort(tmp_path / "cohort.csv", data, visits=missing)


def test_visits_of_patients_who_were_left_out_are_passed_over():
    data = DataSpec(patient="id", time="os", event="death", drop_missing=True)
    frame = {**FRAME, "nlr": [None, 3.0, 5.0], "ihlrt_months": [None, 1.0, None]}
    named = {"covariates": ["nlr"], "visits": NLR, "visit_rows": SEEN}
    found = Cohort.from_frame(frame, data, IHLRT, **named)
    assert found.visits.columns["patient"].tolist() == ["b"]


def test_visits_belong_to_the_fingerprint_and_travel_with_the_cohort():
    first, again = cohort(), cohort()
    assert first.fingerprint == again.fingerprint
    other = cohort(rows={**SEEN, "nlr": [3.5, 2.5, None, 9.0, 2.9]})
    assert other.fingerprint != first.fingerprint
    assert cohort(visits=None, rows=None).fingerprint != first.fingerprint
    loaded = pickle.loads(pickle.dumps(first))
    assert loaded.fingerprint == first.fingerprint
    assert loaded.visits.columns["nlr"].tolist()[:2] == [2.5, pytest.approx(np.nan, nan_ok=True)]
    with pytest.raises(ValueError, match="read-only"):
        first.visits.columns["time"][0] = 1.0
    assert repr(first.visits) == "Visits(5 visits; measured: nlr; switching: none)"
    with pytest.raises(ValueError, match="visits have columns"):
        Visits({"patient": np.empty(0, dtype=object)})


TIMES = st.lists(st.floats(0.0, 9.9), min_size=1, max_size=6, unique=True).map(sorted)


@given(TIMES, st.floats(0.0, 9.9), st.floats(-5.0, 5.0), st.integers(0, 5))
def test_nothing_known_by_a_time_depends_on_what_comes_later(times, at, value, which):
    """A planted leak: the value of a later visit is changed."""
    rows = {"id": ["a"] * len(times), "month": times, "nlr": np.arange(len(times), dtype=float)}
    before = covariates_at(cohort(NLR, rows), np.array([0]), np.array([at]))
    position = which % len(times)
    changed = rows["nlr"].copy()
    changed[position] = 100.0 + value
    after = covariates_at(cohort(NLR, {**rows, "nlr": changed}), np.array([0]), np.array([at]))
    if times[position] > at + 1e-9:
        assert before["nlr"] == after["nlr"]
        assert before["nlr_age"] == after["nlr_age"]
    seen = [t for t in times if t <= at + 1e-9 and not 4.0 + 1e-9 < t < 5.0 - 1e-9]
    if seen and times[position] == seen[-1]:
        assert after["nlr"] == changed[position]
        assert after["nlr_age"] == pytest.approx(at - seen[-1])
