"""Malformed cohorts, each with the whole message that its owner reads.

The messages are written out by hand: a change of wording has to be made here too, and read again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

ONE_ROW = DataSpec(patient="id", time="months", event="death")
ROWS = DataSpec(patient="id", start="start", stop="stop", event="death")
ENTERED = DataSpec(patient="id", time="months", entry="entry", event="death")
IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
TREATED = TreatmentSpec(name="ihlrt", column="treated")
FIXED = TreatmentSpec(name="arm", column="treated", design="fixed")

PATIENTS: Mapping[str, list[Any]] = {
    "id": ["P1", "P2", "P3", "P4"],
    "months": [12.0, 8.5, 30.0, 3.0],
    "death": [1, 0, 1, 0],
    "ihlrt_months": [None, 2.0, None, 1.0],
    "nlr": [2.1, 3.4, 5.0, 1.8],
    "sex": ["f", "m", "m", "f"],
}
INTERVALS: Mapping[str, list[Any]] = {
    "id": ["P1", "P1", "P2", "P3"],
    "start": [0.0, 4.0, 0.0, 0.0],
    "stop": [4.0, 9.0, 7.0, 2.5],
    "death": [0, 1, 0, 1],
    "treated": [0, 1, 0, 0],
}


@dataclass(frozen=True)
class Bad:
    """A malformed cohort and what is said of it."""

    name: str
    message: str
    change: Mapping[str, list[Any]] = field(default_factory=dict)
    data: DataSpec = ONE_ROW
    treatment: TreatmentSpec | None = None
    covariates: tuple[str, ...] = ()
    rows: Mapping[str, list[Any]] = field(default_factory=lambda: PATIENTS)


BAD = [
    Bad(
        "a misspelt column",
        "data frame: 1 fault\n"
        "  - column os_month: needed as [data] time, and there is no such column. Did you mean "
        "'os_months'? Allowed: death, id, os_months.",
        rows={"id": ["P1"], "os_months": [12.0], "death": [1]},
        data=DataSpec(patient="id", time="os_month", event="death"),
    ),
    Bad(
        "three missing columns",
        "data frame: 3 faults\n"
        "  - column death: needed as [data] event, and there is no such column. "
        "Allowed: id, months.\n"
        "  - column ihlrt_months: needed as [treatment] start, and there is no such column. "
        "Did you mean 'months'? Allowed: id, months.\n"
        "  - column nlr: needed as a covariate, and there is no such column. "
        "Allowed: id, months.",
        rows={"id": ["P1"], "months": [12.0]},
        treatment=IHLRT,
        covariates=("nlr",),
    ),
    Bad(
        "no rows",
        "data frame: 1 fault\n"
        "  - the data: there are column names and no rows. Give one row a patient, or several "
        "rows a patient with `start` and `stop`.",
        rows={"id": [], "months": [], "death": []},
    ),
    Bad(
        "columns of different lengths",
        "data frame: 1 fault\n"
        "  - the columns: they are not all of one length: id (2 values), months (3 values), "
        "death (2 values). Give every column one value a row.",
        rows={"id": ["P1", "P2"], "months": [1.0, 2.0, 3.0], "death": [0, 1]},
    ),
    Bad(
        "patients without identifier",
        "data frame: 1 fault\n"
        "  - column id: 2 of 4 rows have no patient identifier (data rows 2, 4). Give every row "
        "the identifier of its patient.",
        change={"id": ["P1", None, "P3", "  "]},
    ),
    Bad(
        "an unidentified patient with a fault of their own",
        "data frame: 2 faults\n"
        "  - column id: 1 of 4 rows has no patient identifier (data row 2). Give every row the "
        "identifier of its patient.\n"
        "  - column months: 1 of 4 values is zero or negative: -8.5 (patient of data row 2). "
        "Follow-up must be longer than 0: correct the times.",
        change={"id": ["P1", None, "P3", "P4"], "months": [12.0, -8.5, 30.0, 3.0]},
    ),
    Bad(
        "words among the times",
        "data frame: 1 fault\n"
        "  - column months: 2 of 4 values are not numbers: '12 months' (patient P1), '>24' "
        "(patient P3). Write the months since time zero as a plain number.",
        change={"months": ["12 months", "8.5", ">24", "3"]},
    ),
    Bad(
        "calendar dates for times",
        "data frame: 1 fault\n"
        "  - column months: all 4 values are not numbers: '2021-03-01' (patient P1), "
        "'2021-04-11' (patient P2), '2022-01-30' (patient P3), '2022-02-02' (patient P4). Write "
        "the months since time zero as a plain number.",
        change={"months": ["2021-03-01", "2021-04-11", "2022-01-30", "2022-02-02"]},
    ),
    Bad(
        "decimal commas",
        "data frame: 1 fault\n"
        "  - column nlr: 3 of 4 values are not numbers: '2,1' (patient P1), '3,4' (patient P2), "
        "'1,8' (patient P4). Write decimal points instead of decimal commas.",
        change={"nlr": ["2,1", "3,4", "5", "1,8"]},
        covariates=("nlr",),
    ),
    Bad(
        "zero and negative follow-up",
        "data frame: 1 fault\n"
        "  - column months: 2 of 4 values are zero or negative: 0 (patient P2), -3 (patient P4). "
        "Follow-up must be longer than 0: correct the times; as every time is a whole number of "
        "months, 0 stands for less than one: write half of one (0.5 months).",
        change={"months": [12.0, 0.0, 30.0, -3.0]},
    ),
    Bad(
        "infinite follow-up",
        "data frame: 1 fault\n"
        "  - column months: 1 of 4 values is infinite: inf (patient P3). Write a finite number, "
        "or leave the cell empty if the value is not known.",
        change={"months": [12.0, 8.5, float("inf"), 3.0]},
    ),
    Bad(
        "follow-up not known",
        "data frame: 1 fault\n"
        "  - column months: 1 of 4 values is missing (patient P2). Complete the follow-up from "
        "the records, or leave these patients out of the data.",
        change={"months": [12.0, None, 30.0, 3.0]},
    ),
    Bad(
        "event not known",
        "data frame: 1 fault\n"
        "  - column death: 2 of 4 values are missing (patients P2, P3). Write 1 (event) or "
        "0 (censored), or leave these patients out of the data.",
        change={"death": [1, None, None, 0]},
    ),
    Bad(
        "event in words",
        "data frame: 1 fault\n"
        "  - column death: all 4 values are not numbers: 'dead' (patient P1), 'alive' "
        "(patient P2), 'dead' (patient P3), 'alive' (patient P4). Write 1 if the event happened "
        "and 0 if the patient was censored.",
        change={"death": ["dead", "alive", "dead", "alive"]},
    ),
    Bad(
        "event coded 1 and 2 as in R",
        "data frame: 1 fault\n"
        "  - column death: the values are 1 (2 times) and 2 (2 times). Write 0 for censored and "
        "1 for the event; if 2 stands for the event, subtract 1 from every value.",
        change={"death": [2, 1, 2, 1]},
    ),
    Bad(
        "a stray event code",
        "data frame: 1 fault\n"
        "  - column death: 1 of 4 values is neither 0 nor 1: 9 (patient P4). Write 1 if the "
        "event happened and 0 if the patient was censored.",
        change={"death": [1, 0, 1, 9]},
    ),
    Bad(
        "nobody had the event",
        "data frame: 1 fault\n"
        "  - column death: there is no event: every value is 0. Check that 1 stands for the "
        "event; survival cannot be modelled without one.",
        change={"death": [0, 0, 0, 0]},
    ),
    Bad(
        "a covariate with gaps",
        "data frame: 1 fault\n"
        "  - column nlr: 2 of 4 values are missing (patients P1, P4). Set drop_missing = "
        "true in [data] to leave these patients out (complete cases), or fill the gaps by "
        "imputation beforehand; nothing is left out or filled in silently.",
        change={"nlr": ["", 3.4, 5.0, "NA"]},
        covariates=("nlr",),
    ),
    Bad(
        "an empty covariate",
        "data frame: 1 fault\n"
        "  - column nlr: all 4 values are missing. Check that the column was exported, or leave it "
        "out.",
        change={"nlr": [None, None, None, None]},
        covariates=("nlr",),
    ),
    Bad(
        "words among the numbers of a covariate",
        "data frame: 1 fault\n"
        "  - column nlr: 1 of 4 values is not a number: '<1' (patient P4). Say in [data] what "
        "stands for a value below the limit of detection: below_limit = 'half', 'limit' or "
        "'limit/sqrt2'; or correct the cells.",
        change={"nlr": ["2.1", "3.4", "5.0", "<1"]},
        covariates=("nlr",),
    ),
    Bad(
        "an infinite covariate",
        "data frame: 1 fault\n"
        "  - column nlr: 1 of 4 values is infinite: inf (patient P2). Write a finite number, or "
        "leave the cell empty if the value is not known.",
        change={"nlr": [2.1, float("inf"), 5.0, 1.8]},
        covariates=("nlr",),
    ),
    Bad(
        "a covariate that is the same for everyone",
        "data frame: 2 faults\n"
        "  - column nlr: every row has the same value, 3. Leave the column out: what is the same "
        "for everyone predicts nothing.\n"
        "  - column sex: every row has the same value, 'f'. Leave the column out: what is the "
        "same for everyone predicts nothing.",
        change={"nlr": [3, 3, 3, 3], "sex": ["f", "f", "f", "f "]},
        covariates=("nlr", "sex"),
    ),
    Bad(
        "the outcome and the treatment as covariates",
        "data frame: 3 faults\n"
        "  - covariate months: the column is [data] time. Leave it out: neither the "
        "outcome nor the identifier can be a predictor.\n"
        "  - covariate ihlrt_months: it is the treatment. Leave it out of the "
        "covariates: the treatment enters the model by itself.\n"
        "  - covariate weight: the package has a column of its own by this name. Rename the "
        "column, for instance to 'weight_1'.",
        change={"weight": [60, 70, 80, 90]},
        treatment=IHLRT,
        covariates=("months", "ihlrt_months", "weight"),
    ),
    Bad(
        "patients with two rows where one is expected",
        "data frame: 1 fault\n"
        "  - column id: 1 patient has more than one row: P2 (3 rows). Keep one row a patient; if "
        "the rows are intervals of follow-up, name `start` and `stop` in place of `time`.",
        change={"id": ["P1", "P2", "P2", "P2"]},
    ),
    Bad(
        "days declared as months",
        "data frame: 1 fault\n"
        "  - column months: the longest follow-up is 1826 months, that is 152 years. If the "
        "times are in days or weeks, say so in `time_unit`.",
        change={"months": [365, 212, 1826, 90]},
    ),
    Bad(
        "days declared as months in a short study",
        "data frame: 1 fault\n"
        "  - column months: the median follow-up is 710 months, that is 59 years. If the times "
        "are in days or weeks, say so in `time_unit`.",
        change={"months": [700, 720, 1100, 300]},
    ),
    Bad(
        "times of nobody",
        "data frame: 1 fault\n"
        "  - column months: the longest follow-up is 120000 days, that is 329 years. Check the "
        "column: its longest value is beyond human life.",
        change={"months": [700, 720, 120000, 300]},
        data=DataSpec(patient="id", time="months", event="death", time_unit="days"),
    ),
    Bad(
        "entry after the end, before zero and not known",
        "data frame: 3 faults\n"
        "  - column entry: 1 of 4 values is missing (patient P3). Write 0 for a patient who was "
        "under observation from time zero.\n"
        "  - column entry: 1 of 4 values is negative: -1 (patient P4). Observation cannot begin "
        "before time zero: write 0 or the later time.\n"
        "  - columns entry and months: 1 of 4 patients enters at or after the end of follow-up: "
        "entry 12, end 12 (patient P1). Correct the times, or leave out patients who were never "
        "under observation.",
        change={"entry": [12.0, 0.0, None, -1.0]},
        data=ENTERED,
    ),
    Bad(
        "treatment after the end of follow-up",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: 1 patient was treated after the end of follow-up: treated at "
        "14.2, end at 8.5 (patient P2). Correct the times; for a patient not treated during "
        "follow-up leave the cell empty.",
        change={"ihlrt_months": [None, 14.2, None, 1.0]},
        treatment=IHLRT,
    ),
    Bad(
        "treatment before time zero",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: 1 of 4 values is before time zero: -2 (patient P2). Write 0 "
        "for treatment given at time zero; leave out patients treated before it, or count only "
        "the treatment after it.",
        change={"ihlrt_months": [None, -2.0, None, 1.0]},
        treatment=IHLRT,
    ),
    Bad(
        "treatment before entry",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: 1 patient was treated before entry: treated at 2, entry at 5 "
        "(patient P2). Correct the times; leave out patients treated before they came under "
        "observation, since those who died in between are not in the data.",
        change={"entry": [0.0, 5.0, 0.0, 0.0]},
        data=ENTERED,
        treatment=IHLRT,
    ),
    Bad(
        "treatment never in words",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: 2 of 4 values are not numbers: 'never' (patient P1), 'never' "
        "(patient P3). Write the months since time zero as a plain number, and leave the cell "
        "empty for a patient who was never treated.",
        change={"ihlrt_months": ["never", 2.0, "never", 1.0]},
        treatment=IHLRT,
    ),
    Bad(
        "nobody treated",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: every cell is empty, so that no patient was ever treated. "
        "Check that this is the column with the time of first treatment.",
        change={"ihlrt_months": [None, None, None, None]},
        treatment=IHLRT,
    ),
    Bad(
        "ever or never treated, and no time of treatment",
        "data frame: 1 fault\n"
        "  - column treated: it holds one 0/1 value a patient, and design = 'split' needs to "
        "know when treatment started: to count the months before it as treated would be "
        "immortal time. Name the time of first treatment in `start`; if treatment was settled "
        "at time zero, set design = 'fixed'.",
        change={"treated": [0, 1, 0, 1]},
        treatment=TREATED,
    ),
    Bad(
        "treatment codes other than 0 and 1",
        "data frame: 1 fault\n"
        "  - column treated: 1 of 4 values is neither 0 nor 1: 2 (patient P2). Write 1 in rows "
        "under treatment and 0 in all others.",
        change={"treated": [0, 1, 2, 0]},
        rows=INTERVALS,
        data=ROWS,
        treatment=TREATED,
    ),
    Bad(
        "a treatment that everyone has",
        "data frame: 1 fault\n"
        "  - column treated: every value is 1, so that there is nothing to compare. Check that "
        "this is the treatment's column, with 1 in rows under treatment.",
        change={"treated": [1, 1, 1, 1]},
        treatment=FIXED,
    ),
    Bad(
        "one centre",
        "data frame: 1 fault\n"
        "  - column hospital: every row has the same value, 'Toyama'. Leave the column out: what "
        "is the same for everyone predicts nothing.",
        change={"hospital": ["Toyama"] * 4},
        data=DataSpec(patient="id", time="months", event="death", centre="hospital"),
    ),
    Bad(
        "a centre not known",
        "data frame: 1 fault\n"
        "  - column hospital: 1 of 4 values is missing (patient P4). Fill in the centre, or write "
        "a category such as 'unknown'.",
        change={"hospital": ["Toyama", "Gifu", "Gifu", None]},
        data=DataSpec(patient="id", time="months", event="death", centre="hospital"),
    ),
    Bad(
        "albumin in g/L declared as g/dL",
        "data frame: 1 fault\n"
        "  - column albumin: 2 of 4 values are outside 1 to 6 g/dL: 38 (patient P1), 41 "
        "(patient P3). It would be plausible in 'g/L': declare that unit; otherwise correct the "
        "value, or leave it empty if it is not known.",
        change={"albumin": [38, 3.9, 41, 4.2]},
        data=DataSpec(patient="id", time="months", event="death", units={"albumin": "g/dL"}),
        covariates=("albumin",),
    ),
    Bad(
        "laboratory values that cannot be",
        "data frame: 3 faults\n"
        "  - column nlr: 1 of 4 values is outside 0.05 to 100: 310 (patient P2). Correct the "
        "value, or leave it empty if it is not known.\n"
        "  - column nodules: 1 of 4 values is outside 1 to 200: 0 (patient P4). Correct the "
        "value, or leave it empty if it is not known.\n"
        "  - column nodules: 1 of 4 values is not a whole number: 2.5 (patient P1). Give a whole "
        "number.",
        change={"nlr": [2.1, 310, 5.0, 1.8], "nodules": [2.5, 3, 1, 0]},
        data=DataSpec(
            patient="id", time="months", event="death", units={"nlr": "1", "nodules": "1"}
        ),
        covariates=("nlr", "nodules"),
    ),
    Bad(
        "units that cannot be checked",
        "data frame: 2 faults\n"
        "  - [data] units, albumin: 'g/l' is not a unit of albumin. Did you mean 'g/L'? Allowed: "
        "g/L, g/dL.\n"
        "  - [data] units, sex: a unit is declared, and no quantity of this name can be checked. "
        "Rename the column or remove its unit; known quantities are afp, albi, albumin, "
        "bilirubin, child_pugh, crp, inr, largest_diameter, lymphocytes, neutrophils, nlr, "
        "nodules, sum_of_diameters.",
        change={"albumin": [38, 39, 41, 42], "sex": [0, 1, 1, 0]},
        data=DataSpec(
            patient="id", time="months", event="death", units={"albumin": "g/l", "sex": "1"}
        ),
    ),
    Bad(
        "rows that overlap",
        "data frame: 1 fault\n"
        "  - columns start and stop: 1 row starts before the patient's earlier row has ended: "
        "0 to 4 and 3 to 9 (patient P1). Correct the times so that no two rows of a patient "
        "share time; gaps between rows are allowed.",
        change={"start": [0.0, 3.0, 0.0, 0.0]},
        rows=INTERVALS,
        data=ROWS,
    ),
    Bad(
        "an event before the last row",
        "data frame: 1 fault\n"
        "  - column death: 1 event is not in the patient's last row: event at 4, rows until 9 "
        "(patient P1). A patient has at most one event and leaves with it: drop the rows after "
        "it, or move the event to the last row.",
        change={"death": [1, 1, 0, 1]},
        rows=INTERVALS,
        data=ROWS,
    ),
    Bad(
        "rows of no length and before time zero",
        "data frame: 2 faults\n"
        "  - column start: 1 of 4 values is negative: -1 (patient P3). Observation cannot begin "
        "before time zero: write 0 or the later time.\n"
        "  - columns start and stop: 1 of 4 rows does not end later than it starts: 7 to 7 "
        "(patient P2). Every row must end after it starts: correct the times; a row of no "
        "length may be dropped where it has no event, else the event belongs to the row before.",
        change={"start": [0.0, 4.0, 7.0, -1.0]},
        rows=INTERVALS,
        data=ROWS,
    ),
    Bad(
        "treatment that is taken back",
        "data frame: 1 fault\n"
        "  - column treated: 1 row goes back from 1 to 0: 0 from 4 (patient P1). A patient "
        "counts as treated from the first treatment on: write 1 in every later row.",
        change={"treated": [1, 0, 0, 0]},
        rows=INTERVALS,
        data=ROWS,
        treatment=TREATED,
    ),
    Bad(
        "two starts of treatment",
        "data frame: 1 fault\n"
        "  - column ihlrt_months: 1 patient has more than one start of treatment: never and 4 "
        "(patient P1). Repeat the time of first treatment in every row of the patient, or leave "
        "all empty.",
        change={"ihlrt_months": [None, 4.0, 2.0, None]},
        rows=INTERVALS,
        data=ROWS,
        treatment=IHLRT,
    ),
    Bad(
        "two centres",
        "data frame: 1 fault\n"
        "  - column hospital: 1 patient has more than one centre: 'Gifu' and 'Toyama' (patient "
        "P1). Give each patient one centre: where the systemic therapy was started.",
        change={"hospital": ["Gifu", "Toyama", "Toyama", "Gifu"]},
        rows=INTERVALS,
        data=DataSpec(patient="id", start="start", stop="stop", event="death", centre="hospital"),
    ),
    Bad(
        "a fixed treatment that changes",
        "data frame: 1 fault\n"
        "  - column treated: 1 patient changes treatment during follow-up, with design = "
        "'fixed' (patient P1). Set design = 'split', which takes the rows as they are.",
        rows=INTERVALS,
        data=ROWS,
        treatment=FIXED,
    ),
    Bad(
        "more offenders than are named",
        "data frame: 1 fault\n"
        "  - column nlr: 23 of 25 values are missing (patients 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "
        "13, 14, 15, 16, 17, 18, 19, 20, 21, 22 and 3 more). Set drop_missing = true in [data] to "
        "leave these patients out (complete cases), or fill the gaps by imputation beforehand; "
        "nothing is left out or filled in silently.",
        rows={
            "id": list(range(1, 26)),
            "months": [10.0] * 25,
            "death": [1] * 25,
            "nlr": [2.5, 3.5, *[None] * 23],
        },
        covariates=("nlr",),
    ),
    Bad(
        "everything at once",
        "data frame: 5 faults\n"
        "  - column sexe: needed as a covariate, and there is no such column. Did you mean "
        "'sex'? Allowed: death, id, ihlrt_months, months, nlr, sex.\n"
        "  - column death: 1 of 4 values is missing (patient P2). Write 1 (event) or 0 "
        "(censored), or leave these patients out of the data.\n"
        "  - column months: 1 of 4 values is zero or negative: 0 (patient P1). Follow-up must be "
        "longer than 0: correct the times; for 0 write half of the step in which times are "
        "recorded (0.05 months).\n"
        "  - column id: 1 patient has more than one row: P4 (2 rows). Keep one row a patient; if "
        "the rows are intervals of follow-up, name `start` and `stop` in place of `time`.\n"
        "  - column ihlrt_months: 1 of 4 values is before time zero: -1 (patient P4). Write 0 "
        "for treatment given at time zero; leave out patients treated before it, or count only "
        "the treatment after it.",
        change={
            "id": ["P1", "P2", "P4", "P4"],
            "months": [0.0, 8.5, 30.0, 3.0],
            "death": [1, None, 1, 0],
            "ihlrt_months": [None, None, None, -1.0],
        },
        treatment=IHLRT,
        covariates=("nlr", "sexe"),
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_malformed_frame_is_told_in_full(bad: Bad) -> None:
    with pytest.raises(DataError) as told:
        Cohort.from_frame(
            {**bad.rows, **bad.change}, bad.data, bad.treatment, covariates=bad.covariates
        )
    assert str(told.value) == bad.message


FILES = [
    (
        "an empty file",
        b"",
        "cohort.csv: 1 fault\n"
        "  - the file: it is empty. Export the table again as CSV, with the column names in the "
        "first line.",
    ),
    (
        "column names alone",
        b"id,months,death\n",
        "cohort.csv: 1 fault\n"
        "  - the data: there are column names and no rows. Give one row a patient, or several "
        "rows a patient with `start` and `stop`.",
    ),
    (
        "semicolons",
        b"id;months;death\nP1;1,234;1\n",
        "cohort.csv: 1 fault\n"
        "  - column months: '1,234' could be 1.234 (a decimal comma) or 1234 (a comma after the "
        'thousands). Write decimal = "," into [data] for the first reading, decimal = "." for the '
        "second.",
    ),
    (
        "a spreadsheet",
        b"PK\x03\x04\x14\x00",
        "cohort.csv: 1 fault\n"
        "  - the file: it is a damaged spreadsheet or zip archive. Copy it again.",
    ),
    (
        "another encoding",
        "id,months,death\n\u0418\u0432\u0430\u043d,12,1\n".encode("windows-1251"),
        "cohort.csv: 1 fault\n"
        "  - the file: its text is not encoded in UTF-8, and the letters are not those of "
        "Windows-1252 either. Save it as 'CSV UTF-8', or state its encoding in [data], for "
        "instance encoding = 'windows-1251' or 'mac-roman'.",
    ),
    (
        "ragged lines",
        b"id,months,death\nP1,12,1\nP2,8,0,late\nP3,30\n",
        "cohort.csv: 1 fault\n"
        "  - the file: 2 lines do not have 3 cells like the first line: line 3 (4 cells), line 4 "
        "(2 cells). Put text that contains a comma between double quotes, and fill up short "
        "lines with empty cells.",
    ),
    (
        "a column twice",
        b"id,months,death,months\nP1,12,1,12\n",
        "cohort.csv: 1 fault\n"
        "  - column months: needed as [data] time, and 2 columns have this name. Rename all but "
        "one of them.",
    ),
    (
        "calendar dates",
        b"id,months,death\nP1,2021-03-01,1\nP2,2022-11-30,0\n",
        "cohort.csv: 1 fault\n"
        "  - column months: all 2 values are calendar dates: '2021-03-01' (patient P1), "
        "'2022-11-30' (patient P2). Name the column with the date of time zero: origin = '...' in "
        "[data]; times are then counted from it.",
    ),
]


@pytest.mark.parametrize(("content", "message"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_a_malformed_file_is_told_in_full(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "cohort.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as told:
        load_cohort(path, ONE_ROW)
    assert str(told.value) == message


def test_a_missing_file_names_the_packaged_data() -> None:
    with pytest.raises(DataError) as told:
        load_cohort("hart", ONE_ROW)
    assert str(told.value) == (
        "hart: 1 fault\n"
        "  - the file: it does not exist. Check the path of the data file, or name a packaged data "
        "set. Did you mean 'heart'? Allowed: heart, hepatocellular, ihlrt_synthetic, "
        "ihlrt_synthetic_findings."
    )


def test_the_table_is_long_enough() -> None:
    names = [bad.name for bad in BAD] + [file[0] for file in FILES]
    assert len(set(names)) == len(names) >= 28
