"""Tables of CDISC and REDCap, and several treatments of a patient: the first counts."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

ADTTE = pd.DataFrame(
    {
        "USUBJID": ["A", "A", "B", "B"],
        "PARAMCD": ["OS", "PFS", "OS", "PFS"],
        "AVAL": [100.0, 50.0, 200.0, 70.0],
        "AVALU": ["DAYS"] * 4,
        "CNSR": [0.0, 0.0, 1.0, 0.0],
        "EVENT": [1.0, 1.0, 0.0, 1.0],
    }
)


def adtte(**keys):
    return DataSpec(**{"patient": "USUBJID", "time": "AVAL", "event": "EVENT", **keys})


@pytest.fixture(scope="module")
def xport(tmp_path_factory):
    path = tmp_path_factory.mktemp("cdisc") / "adtte.xpt"
    pyreadstat.write_xport(ADTTE, path, table_name="ADTTE")
    return path


def test_one_parameter_of_a_cdisc_data_set(xport):
    for source in (xport, ADTTE, ADTTE.rename(columns={"PARAMCD": "paramcd"})):
        load = load_cohort if source is xport else Cohort.from_frame
        cohort = load(source, adtte(parameter="OS", time_unit="days"))
        assert cohort.columns["patient"].tolist() == ["A", "B"]
        assert cohort.columns["stop"] * 30.4375 == pytest.approx([100, 200])
        assert cohort.columns["event"].tolist() == [1.0, 0.0]
        assert "2 of 4 rows have" in cohort.notes[0]
    alone = Cohort.from_frame(ADTTE[ADTTE["PARAMCD"] == "OS"], adtte(time_unit="days"))
    assert alone.notes == ()


def test_every_fault_of_a_cdisc_data_set_at_once(xport):
    with pytest.raises(DataError) as told:
        load_cohort(xport, adtte(event="CNSR"))
    message = str(told.value)
    assert "3 faults" in message
    assert "events and censored patients would be exchanged" in message
    assert "several parameters: OS, PFS. Write the one that is meant into [data], for" in message
    assert (
        "times are in DAYS, and [data] time_unit is 'months'. Write time_unit = \"days\"" in message
    )
    with pytest.raises(DataError, match="Allowed: OS, PFS"):
        load_cohort(xport, adtte(parameter="DFS", time_unit="days"))


def test_a_unit_of_another_parameter_does_not_count():
    frame = ADTTE.assign(AVALU=["MONTHS", "DAYS"] * 2)
    assert Cohort.from_frame(frame, adtte(parameter="OS")).months == 300.0
    with pytest.raises(DataError, match="times are in DAYS"):
        Cohort.from_frame(frame, adtte(parameter="PFS"))
    with pytest.raises(DataError, match="times are in furlongs"):
        Cohort.from_frame(frame.assign(AVALU="furlongs"), adtte(parameter="OS"))


DATA = DataSpec(patient="id", time="os", event="death")
REPEATED = {
    "id": [1, 1, 1, 2, 3, 3],
    "redcap_repeat_instrument": [None, "tace", "tace", "", None, "tace"],
    "redcap_repeat_instance": [None, 1, 2, None, None, 1],
    "os": [16.0, None, None, 9.0, 8.0, None],
    "death": [1, None, None, 1, 0, None],
    "nlr": [2.5, None, None, 3.0, 3.5, None],
    "tace": [None, 5.0, 2.5, None, None, 4.25],
}
TREATMENT = TreatmentSpec(name="ihlrt", start="tace")


@pytest.mark.parametrize("source", ["frame", "csv"])
def test_repeated_rows_of_redcap_are_merged_and_told(source, tmp_path):
    frame = pd.DataFrame(REPEATED)
    if source == "csv":
        frame.to_csv(tmp_path / "redcap.csv", index=False)
        cohort = load_cohort(tmp_path / "redcap.csv", DATA, TREATMENT, covariates=["nlr"])
    else:
        cohort = Cohort.from_frame(REPEATED, DATA, TREATMENT, covariates=["nlr"])
    assert cohort.columns["patient"].tolist() == ["1", "2", "3"]
    assert cohort.columns["stop"].tolist() == [16.0, 9.0, 8.0]
    assert cohort.columns["nlr"].tolist() == [2.5, 3.0, 3.5]
    assert cohort.columns["treatment_start"].tolist() == [2.5, np.inf, 4.25]
    assert cohort.notes == (
        "3 rows of repeating instruments (tace) merged into the row of their patient.",
        "column tace: 1 cell holds several times; the smallest is the start of treatment.",
    )


def test_repeated_rows_that_say_more_are_refused():
    more = REPEATED | {"nlr": [2.5, None, 7.0, 3.0, 3.5, None], "id": [1, 1, 1, 2, 3, 9]}
    with pytest.raises(DataError) as told:
        Cohort.from_frame(more, DATA, TREATMENT, covariates=["nlr"])
    message = str(told.value)
    assert "column nlr: it is filled in 1 row that repeats an instrument" in message
    assert "there is no row with the baseline of patient 9" in message
    secret = more | {"id": [f"secret-{name}" for name in more["id"]]}
    with pytest.raises(DataError) as told:
        Cohort.from_frame(
            secret, DATA, TREATMENT, covariates=["nlr"], identifiers=Identifiers.NOWHERE
        )
    assert "secret" not in str(told.value)


def test_repeated_rows_are_no_intervals():
    intervals = DataSpec(patient="id", start="os", stop="tace", event="death")
    with pytest.raises(DataError, match="and the data are intervals from start to stop"):
        Cohort.from_frame(REPEATED, intervals)


SEVERAL = {
    "id": [1, 2, 3, 4],
    "os": [16.0, 9.0, 7.0, 8.0],
    "death": [0, 1, 1, 1],
    "tace": ["15.5", "2|4| 1.5", None, "7"],
    "rfa": [3.0, None, None, 7.5],
}


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("tace", [15.5, 1.5, np.inf, 7.0]),
        (["tace", "rfa"], [3.0, 1.5, np.inf, 7.0]),
        (["rfa"], [3.0, np.inf, np.inf, 7.5]),
    ],
)
def test_the_first_of_several_treatments_is_the_start(start, expected):
    treatment = TreatmentSpec(name="ihlrt", start=start)
    cohort = Cohort.from_frame(SEVERAL, DATA, treatment)
    assert cohort.columns["treatment_start"].tolist() == expected
    assert len(cohort.notes) == ("tace" in start) + (len(treatment.starts) > 1)


def test_faults_of_several_treatments():
    wrong = SEVERAL | {"tace": ["15.5", "2|x", None, "-1|9"], "rfa": [3.0, np.inf, "soon", 99.0]}
    with pytest.raises(DataError) as told:
        Cohort.from_frame(wrong, DATA, TreatmentSpec(name="ihlrt", start=["tace", "rfa", "pei"]))
    message = str(told.value)
    assert "column pei: needed as [treatment] start, and there is no such column" in message
    with pytest.raises(DataError) as told:
        Cohort.from_frame(wrong, DATA, TreatmentSpec(name="ihlrt", start=["tace", "rfa"]))
    message = str(told.value)
    assert "column tace: 1 of 4 values is not a number: 'x' (patient 2)" in message
    assert "column rfa: 1 of 4 values is not a number: 'soon' (patient 3)" in message
    assert "columns tace and rfa: 1 of 4 values is before time zero: -1 (patient 4)" in message
    alone = SEVERAL | {"tace": [None] * 4}
    for column in ("tace", "rfa"):
        with pytest.raises(DataError, match=f"covariate {column}: it is the treatment"):
            Cohort.from_frame(
                alone, DATA, TreatmentSpec(name="ihlrt", start=["tace", "rfa"]), covariates=[column]
            )
