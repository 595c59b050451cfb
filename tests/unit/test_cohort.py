"""Cohorts: what is read, in which unit, and what can no longer change."""

import hashlib
import pickle
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.cohort.read import SparseEventsWarning, warn_if_sparse
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.names import TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

ONE_ROW = DataSpec(patient="id", time="months", event="death")
ROWS = DataSpec(patient="id", start="start", stop="stop", event="death")
IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
TREATED = TreatmentSpec(name="ihlrt", column="treated")

PATIENTS: Mapping[str, list[Any]] = {
    "id": ["P2", "P1", "P3"],
    "months": [12.0, 8.5, 30.0],
    "death": [1, 0, 1],
    "ihlrt_months": [None, 2.0, None],
    "nlr": [2.1, 3.4, 5.0],
    "bclc": ["B", "C", "0"],
}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs either `time` .* or both `start` and `stop` .*; found none of them"),
        ({"time": "t", "start": "a", "stop": "b"}, "found `time` and `start` and `stop`"),
        ({"start": "a"}, "found `start`"),
        ({"start": "a", "stop": "b", "entry": "e"}, "`entry` goes with one row a patient"),
        ({"time": "death"}, "`time` and `event` both name the column 'death'"),
        ({"time": "t", "patient": ""}, "at least 1 character"),
        ({"time": "t", "time_unit": "month"}, "'days', 'weeks', 'months' or 'years'"),
        ({"time": "t", "tme": "t"}, "Extra inputs are not permitted"),
    ],
)
def test_a_data_specification_is_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataSpec(**({"patient": "id", "event": "death"} | fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "found neither"),
        ({"start": "a", "column": "b"}, "found both"),
        ({"start": "a", "design": "fixed"}, "design = 'fixed' is for a treatment known at"),
        ({"start": "a", "design": "landmark"}, "design = 'landmark' needs `landmark`"),
        ({"start": "a", "landmark": 3.0}, "`landmark` is used by design = 'landmark' only"),
        ({"start": "a", "design": "landmark", "landmark": 0.0}, "greater than 0"),
        ({"start": "a", "name": "event"}, "is a column name of the package itself"),
        ({"start": "a", "name": "loco-regional"}, "has characters other than letters"),
    ],
)
def test_a_treatment_specification_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TreatmentSpec(**({"name": "ihlrt"} | fields))


def test_specifications_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ONE_ROW.time = "other"  # type: ignore[misc]


def test_one_row_a_patient_becomes_canonical_columns() -> None:
    cohort = Cohort.from_frame(PATIENTS, ONE_ROW, IHLRT, covariates=["nlr", "bclc"])
    assert list(cohort.columns) == [
        *("patient", "start", "stop", "event", "treatment_start", "nlr", "bclc")
    ]
    assert cohort.columns["patient"].tolist() == ["P2", "P1", "P3"]
    assert cohort.columns["start"].tolist() == [0.0, 0.0, 0.0]
    assert cohort.columns["stop"].tolist() == [12.0, 8.5, 30.0]
    assert cohort.columns["event"].tolist() == [1.0, 0.0, 1.0]
    assert cohort.columns["treatment_start"].tolist() == [np.inf, 2.0, np.inf]
    assert cohort.columns["bclc"].tolist() == ["B", "C", "0"]
    assert (cohort.n_patients, cohort.n_rows, cohort.events, cohort.months) == (3, 3, 2, 50.5)


def test_entry_is_where_observation_begins() -> None:
    data = DataSpec(patient="id", time="months", entry="entry", event="death")
    cohort = Cohort.from_frame({**PATIENTS, "entry": [0, 3, 10]}, data)
    assert cohort.columns["start"].tolist() == [0.0, 3.0, 10.0]
    assert cohort.months == 37.5


def test_rows_of_a_patient_are_put_in_the_order_of_time() -> None:
    rows = {
        "id": [7, 3, 7, 7],
        "start": [5.0, 0.0, 0.0, 2.0],
        "stop": [9.0, 4.0, 2.0, 3.0],
        "death": [1, 0, 0, 0],
        "treated": [1, 0, 0, 1],
        "site": ["b", "a", "b", "b"],
    }
    data = DataSpec(patient="id", start="start", stop="stop", event="death", centre="site")
    cohort = Cohort.from_frame(rows, data, TREATED)
    assert cohort.columns["patient"].tolist() == ["7", "7", "7", "3"]
    assert cohort.columns["start"].tolist() == [0.0, 2.0, 5.0, 0.0]
    assert cohort.columns["ihlrt"].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert cohort.columns["centre"].tolist() == ["b", "b", "b", "a"]
    assert cohort.months == 11.0


def test_treatment_at_the_very_end_or_at_zero_is_no_fault() -> None:
    cohort = Cohort.from_frame({**PATIENTS, "ihlrt_months": [12.0, 0.0, None]}, ONE_ROW, IHLRT)
    # Treatment comes first: half of the step of 0.1 months in which times are recorded.
    assert cohort.columns["treatment_start"].tolist() == pytest.approx([11.95, 0.0, np.inf])
    assert dict(cohort.ties) == {"P2": 12.0}


@pytest.mark.parametrize(
    ("unit", "year"), [("days", 365.25), ("weeks", 365.25 / 7), ("months", 12.0), ("years", 1.0)]
)
def test_a_year_is_twelve_months_in_every_unit(unit: str, year: float) -> None:
    data = DataSpec(patient="id", time="t", entry="e", event="death", time_unit=unit)
    treatment = TreatmentSpec(name="ihlrt", start="x")
    frame = {"id": [1, 2], "t": [year, 2 * year], "e": [0, year], "death": [1, 1], "x": ["", year]}
    cohort = Cohort.from_frame(frame, data, treatment)
    assert cohort.columns["stop"] == pytest.approx([12.0, 24.0], rel=1e-15)
    assert cohort.columns["start"] == pytest.approx([0.0, 12.0], rel=1e-15)
    assert cohort.columns["treatment_start"] == pytest.approx([np.inf, 12.0], rel=1e-15)


@pytest.mark.parametrize(
    ("given_ids", "read"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, 3.0], ["1", "2", "3"]),
        ([1.5, 2.0, 3.0], ["1.5", "2", "3"]),
        (["007", " 7", "7a "], ["007", "7", "7a"]),
        ([1, "a", 2.5], ["1", "a", "2.5"]),
        (pd.Categorical(["x", "y", "z"]), ["x", "y", "z"]),
    ],
)
def test_identifiers_are_text_however_they_are_given(given_ids: Any, read: list[str]) -> None:
    cohort = Cohort.from_frame({**PATIENTS, "id": given_ids}, ONE_ROW)
    assert cohort.columns["patient"].tolist() == read


@pytest.mark.parametrize(
    "values",
    [
        [True, False, True],
        ["1", " 0 ", "1.0"],
        np.array([1, 0, 1], dtype=np.int8),
        pd.array([1, 0, 1], dtype="Int64"),
        pd.Categorical([1, 0, 1]),
    ],
)
def test_events_are_numbers_however_they_are_given(values: Any) -> None:
    cohort = Cohort.from_frame({**PATIENTS, "death": values}, ONE_ROW)
    assert cohort.columns["event"].tolist() == [1.0, 0.0, 1.0]


def test_none_is_a_category_and_na_is_not() -> None:
    ascites = {"ascites": ["None", "mild", "none"]}
    cohort = Cohort.from_frame({**PATIENTS, **ascites}, ONE_ROW, covariates=["ascites"])
    assert cohort.columns["ascites"].tolist() == ["None", "mild", "none"]
    with pytest.raises(DataError, match="1 of 3 values is missing"):
        Cohort.from_frame(
            {**PATIENTS, "ascites": ["NA", "mild", "no"]}, ONE_ROW, covariates=["ascites"]
        )


CSV = (
    "\ufeffid,months,death,ihlrt_months,nlr,sex,remark\r\n"
    '007,12,1,,2.1,f,"late, and\nfull of commas"\r\n'
    "7,8.5,0,2,3.4,m,\r\n"
    "8,30,1,NA, 5 ,m,x\r\n"
    "9,3,0,NaN,1.8,f,\r\n"
)


def test_a_file_reads_as_its_data_frame(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(CSV, encoding="utf-8", newline="")
    cohort = load_cohort(path, ONE_ROW, IHLRT, covariates=["nlr", "sex"])
    assert cohort.columns["patient"].tolist() == ["007", "7", "8", "9"]
    assert cohort.columns["treatment_start"].tolist() == [np.inf, 2.0, np.inf, np.inf]
    assert cohort.attrs["name"] == "cohort.csv"
    frame = pd.read_csv(path, dtype={"id": str})
    again = Cohort.from_frame(frame, ONE_ROW, IHLRT, covariates=["nlr", "sex"])
    assert again.fingerprint == cohort.fingerprint


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(CSV, encoding="utf-8", newline="")
    assert load_cohort(str(path), ONE_ROW).n_patients == 4


def test_a_cohort_cannot_be_changed() -> None:
    months = np.array([12.0, 8.5, 30.0])
    cohort = Cohort.from_frame({**PATIENTS, "months": months}, ONE_ROW)
    months[0] = 99.0
    assert cohort.columns["stop"][0] == 12.0
    with pytest.raises(ValueError, match="read-only"):
        cohort.columns["stop"][0] = 99.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        cohort.columns["stop"] = months  # type: ignore[index]
    with pytest.raises(AttributeError, match="cannot assign"):
        cohort.columns = {}  # type: ignore[misc]
    frame = cohort.frame
    frame.loc[0, "stop"] = 99.0
    assert cohort.columns["stop"][0] == 12.0


def test_a_cohort_survives_pickling() -> None:
    cohort = Cohort.from_frame(PATIENTS, ONE_ROW, IHLRT, covariates=["nlr", "bclc"])
    again = pickle.loads(pickle.dumps(cohort))
    assert again.fingerprint == cohort.fingerprint
    assert not again.columns["stop"].flags.writeable


def test_a_cohort_reads_back_from_its_own_frame() -> None:
    cohort = Cohort.from_frame(
        PATIENTS, ONE_ROW, IHLRT, covariates=["nlr", "bclc"], attrs={"synthetic": True}
    )
    frame = cohort.frame.rename(columns={"treatment_start": "ihlrt_months", "patient": "id"})
    data = DataSpec(patient="id", start="start", stop="stop", event="event")
    again = Cohort.from_frame(frame, data, IHLRT, covariates=["nlr", "bclc"])
    assert again.fingerprint == cohort.fingerprint
    assert frame.attrs == {"synthetic": True}
    assert again.attrs["synthetic"] is True


@pytest.mark.parametrize("told", [None, {"synthetic": "yes"}, {"synthetic": False}, {"of": 1}])
def test_only_a_frame_that_says_so_is_synthetic(told: dict[str, object] | None) -> None:
    frame = pd.DataFrame(PATIENTS)
    frame.attrs.update(told or {})
    assert "synthetic" not in Cohort.from_frame(frame, ONE_ROW).attrs
    frame.attrs["synthetic"] = True
    assert Cohort.from_frame(frame[1:], ONE_ROW).attrs["synthetic"] is True


def test_the_constructor_refuses_columns_that_make_no_cohort() -> None:
    with pytest.raises(ValueError, match="of one length; found patient"):
        Cohort({"patient": np.array(["a"]), "start": np.zeros(2), "stop": np.ones(2)})


def test_its_name_tells_the_size() -> None:
    cohort = Cohort.from_frame(PATIENTS, ONE_ROW)
    assert repr(cohort) == (
        "Cohort(3 patients, 3 rows, 2 events, 50.5 person-months; "
        "columns: patient, start, stop, event)"
    )


def test_the_fingerprint_is_a_digest_of_sorted_bytes() -> None:
    # The same digest by a second route: names and texts in UTF-8, numbers as little-endian
    # doubles, columns by name, patients called by their place in the order of their values.
    cohort = Cohort.from_frame({"id": ["b", "a"], "months": [2.0, 3.0], "death": [0, 1]}, ONE_ROW)
    expected = hashlib.sha256(
        b"event\x002\x00"
        + struct.pack("<2d", 0.0, 1.0)
        + b"patient\x002\x001\x002"
        + b"start\x002\x00"
        + struct.pack("<2d", 0.0, 0.0)
        + b"stop\x002\x00"
        + struct.pack("<2d", 2.0, 3.0)
    ).hexdigest()
    assert cohort.fingerprint == expected


@pytest.mark.parametrize(
    "change", [{"nlr": [2.1, 3.4, 5.1]}, {"bclc": ["B", "C", "A"]}, {"death": [1, 1, 1]}]
)
def test_another_value_is_another_fingerprint(change: dict[str, list[Any]]) -> None:
    names = ["nlr", "bclc"]
    cohort = Cohort.from_frame(PATIENTS, ONE_ROW, covariates=names)
    other = Cohort.from_frame({**PATIENTS, **change}, ONE_ROW, covariates=names)
    assert other.fingerprint != cohort.fingerprint


def test_fewer_events_than_parameters_are_warned_of() -> None:
    with pytest.warns(SparseEventsWarning) as told:
        warn_if_sparse(3, 5)
    assert str(told[0].message) == (
        "The data hold 3 events and the model has 5 parameters: the priors decide much of the "
        "result. Use a smaller formula, and report the prior sensitivity."
    )
    assert told[0].filename == __file__
    warn_if_sparse(5, 5)


@st.composite
def start_stop_rows(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Rows of patients who may have gaps, treatment from some row on, and an event at the end."""
    rows: dict[str, list[Any]] = {name: [] for name in ("id", "start", "stop", "death", "treated")}
    rows |= {"nlr": [], "site": []}
    for patient in range(draw(st.integers(2, 5))):
        cuts = draw(st.lists(st.integers(0, 400), min_size=2, max_size=7, unique=True))
        edges = sorted(cuts)
        spans = [span for i, span in enumerate(pairwise(edges)) if i == 0 or draw(st.booleans())]
        treated_from = draw(st.integers(0, len(spans)))
        event = draw(st.booleans()) or patient == 0
        for i, (start, stop) in enumerate(spans):
            rows["id"].append(f"P{patient}")
            rows["start"].append(start / 4)
            rows["stop"].append(stop / 4)
            rows["death"].append(int(event and i == len(spans) - 1))
            rows["treated"].append(int(i >= treated_from))
            rows["nlr"].append(draw(st.floats(0.5, 20.0)))
            rows["site"].append(f"site {patient % 2}")
    # A treatment and a covariate that everyone shares are faults of their own.
    rows["treated"][-1] = 1
    rows["treated"][0] = 0 if rows["id"].count("P0") > 1 else rows["treated"][0]
    return rows


SITED = DataSpec(patient="id", start="start", stop="stop", event="death", centre="site")


def distinct(rows: Mapping[str, list[Any]]) -> bool:
    return len(set(rows["treated"])) > 1 and len(set(rows["nlr"])) > 1


@settings(max_examples=60)
@given(rows=start_stop_rows().filter(distinct), data=st.data())
def test_the_order_of_rows_and_columns_does_not_matter(
    rows: dict[str, list[Any]], data: st.DataObject
) -> None:
    cohort = Cohort.from_frame(rows, SITED, TREATED, covariates=["nlr"])
    order = data.draw(st.permutations(range(len(rows["id"]))))
    names = data.draw(st.permutations(list(rows)))
    shuffled = {name: [rows[name][i] for i in order] for name in names}
    other = Cohort.from_frame(shuffled, SITED, TREATED, covariates=["nlr"])
    assert other.fingerprint == cohort.fingerprint
    assert (other.n_patients, other.events) == (cohort.n_patients, cohort.events)
    for patient in set(rows["id"]):
        mine, theirs = (c.columns["patient"] == patient for c in (cohort, other))
        assert np.array_equal(cohort.columns["nlr"][mine], other.columns["nlr"][theirs])
        assert np.all(np.diff(other.columns["start"][theirs]) > 0)


@settings(max_examples=60)
@given(rows=start_stop_rows().filter(distinct), unit=st.sampled_from(TimeUnit))
def test_months_are_the_same_from_every_unit(rows: dict[str, list[Any]], unit: TimeUnit) -> None:
    cohort = Cohort.from_frame(rows, SITED, TREATED)
    converted = {
        name: [time / unit.months for time in values] if name in {"start", "stop"} else values
        for name, values in rows.items()
    }
    data = SITED.model_copy(update={"time_unit": unit})
    other = Cohort.from_frame(converted, data, TREATED)
    # A division and a multiplication, each rounded once.
    for name in ("start", "stop"):
        np.testing.assert_allclose(other.columns[name], cohort.columns[name], rtol=4e-16)


@settings(max_examples=60)
@given(
    rows=start_stop_rows().filter(distinct),
    spoil=st.sampled_from(
        [
            ("nlr", None),
            ("nlr", "high"),
            ("stop", -1.0),
            ("death", 0.5),
            ("treated", 3),
            ("stop", ""),
        ]
    ),
    data=st.data(),
)
def test_one_spoilt_cell_is_told_with_its_column_and_patient(
    rows: dict[str, list[Any]], spoil: tuple[str, Any], data: st.DataObject
) -> None:
    name, value = spoil
    # A covariate that is text in half of its cells or more is a category, like grades 1, 2a, 2b, 3.
    assume(value != "high" or len(rows["id"]) > 2)
    row = data.draw(st.integers(0, len(rows["id"]) - 1))
    spoilt = {**rows, name: [value if i == row else x for i, x in enumerate(rows[name])]}
    with pytest.raises(DataError) as told:
        Cohort.from_frame(spoilt, SITED, TREATED, covariates=["nlr"])
    faults = [fault for fault in told.value.faults if name in fault.where]
    assert any(rows["id"][row] in fault.problem for fault in faults)
