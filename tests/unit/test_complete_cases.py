"""`drop_missing`: who is left out, and that it is never silent."""

import pickle

import pandas as pd
import pytest

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.spec.data import DataSpec

DROPPING = DataSpec(patient="id", time="months", event="death", drop_missing=True)
ROWS = DataSpec(patient="id", start="start", stop="stop", event="death", drop_missing=True)
PATIENTS = {
    "id": ["P1", "P2", "P3", "P4"],
    "months": [12.0, 8.5, 30.0, 3.0],
    "death": [1, 0, 1, 0],
    "nlr": [2.1, None, 5.0, 1.8],
    "sex": ["f", None, "m", ""],
    "note": [None, None, None, None],
}


@pytest.mark.parametrize("container", [dict, pd.DataFrame])
def test_patients_who_lack_a_covariate_are_left_out_and_listed(container):
    cohort = Cohort.from_frame(container(PATIENTS), DROPPING, covariates=["nlr", "sex"])
    assert cohort.columns["patient"].tolist() == ["P1", "P3"]
    assert cohort.columns["nlr"].tolist() == [2.1, 5.0]
    assert cohort.dropped == {"P2": "nlr and sex are missing", "P4": "sex is missing"}
    assert cohort.missing == {"nlr": 1, "sex": 2}
    assert pickle.loads(pickle.dumps(cohort)).missing == cohort.missing


def test_columns_that_the_model_does_not_read_may_be_empty():
    assert Cohort.from_frame(PATIENTS, DROPPING).n_patients == 4
    assert not Cohort.from_frame(PATIENTS, DROPPING).dropped


def test_a_csv_gives_the_same(tmp_path):
    file = tmp_path / "cohort.csv"
    file.write_text(pd.DataFrame(PATIENTS).to_csv(index=False))
    cohort = load_cohort(file, DROPPING, covariates=["nlr", "sex"])
    same = Cohort.from_frame(PATIENTS, DROPPING, covariates=["nlr", "sex"])
    assert cohort.fingerprint == same.fingerprint
    assert cohort.dropped == same.dropped


def test_a_patient_is_left_out_with_all_rows():
    rows = {
        "id": ["P1", "P1", "P2", "P3"],
        "start": [0.0, 4.0, 0.0, 0.0],
        "stop": [4.0, 9.0, 7.0, 2.5],
        "death": [0, 1, 0, 1],
        "nlr": [2.0, None, 3.0, 4.0],
    }
    cohort = Cohort.from_frame(rows, ROWS, covariates=["nlr"])
    assert cohort.columns["patient"].tolist() == ["P2", "P3"]


def test_a_column_without_any_value_is_a_fault():
    with pytest.raises(DataError, match="column note: all 4 values are missing"):
        Cohort.from_frame(PATIENTS, DROPPING, covariates=["note"])


def test_other_faults_are_still_told():
    with pytest.raises(DataError, match=r"column months: .*-8.5 \(patient P3\)"):
        Cohort.from_frame(
            {**PATIENTS, "months": [12.0, 8.5, -8.5, 3.0]}, DROPPING, covariates=["nlr"]
        )


def test_without_the_key_a_gap_is_a_fault_that_names_it():
    data = DataSpec(patient="id", time="months", event="death")
    with pytest.raises(DataError, match="drop_missing = true"):
        Cohort.from_frame(PATIENTS, data, covariates=["nlr"])
