"""Units, plausible ranges, containers and frames of the clinical scores."""

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bayes_ihlrt.clinical import columns as clinical_columns
from bayes_ihlrt.clinical import inflammation as clinical_inflammation
from bayes_ihlrt.clinical import scores as clinical_scores
from bayes_ihlrt.clinical.units import (
    PLAUSIBLE,
    Quantity,
    Unit,
    check_laboratory,
    in_conventional_unit,
    units_of,
)
from bayes_ihlrt.errors import DataError

NAN = float("nan")
CONVENTIONAL = {"bilirubin_unit": "mg/dL", "albumin_unit": "g/dL"}
COLUMNS = {"bilirubin": "tbil", "albumin": "alb"}
UNITS = {"bilirubin": "mg/dL", "albumin": "g/L"}


def test_every_quantity_has_a_range_and_every_unit_a_use() -> None:
    assert {quantity for quantity, _ in PLAUSIBLE} == set(Quantity)
    assert {unit for _, unit in PLAUSIBLE} == set(Unit)
    assert all(low < high for low, high in PLAUSIBLE.values())


@pytest.mark.parametrize("quantity", Quantity)
def test_ranges_of_one_quantity_are_one_range(quantity: Quantity) -> None:
    converted = [
        [in_conventional_unit(quantity, limit, unit) for limit in PLAUSIBLE[quantity, unit]]
        for unit in units_of(quantity)
    ]
    for one, other in pairwise(converted):
        assert one == pytest.approx(other)


def test_check_laboratory_tells_place_problem_and_remedy() -> None:
    faults = check_laboratory("albumin", [3.8, NAN, 38.0, math.inf, -1.0], "g/dL")
    assert [fault.position for fault in faults] == [2, 3, 4]
    position, problem, remedy = faults[0]
    assert (position, problem) == (2, "albumin 38 g/dL is outside 1 to 6 g/dL")
    assert remedy.startswith("It would be plausible in 'g/L': declare that unit")
    assert faults[2].remedy == "Correct the value, or leave it empty if it is not known"


def test_check_laboratory_accepts_the_limits_and_a_high_but_possible_bilirubin() -> None:
    for (quantity, unit), limits in PLAUSIBLE.items():
        assert check_laboratory(quantity, limits, unit) == []
    assert check_laboratory("bilirubin", [20.0], "mg/dL") == []


@pytest.mark.parametrize(
    ("quantity", "value", "declared"),
    [
        ("albumin", 3.8, "g/L"),
        ("bilirubin", 0.9, "umol/L"),
        ("bilirubin", 35.0, "mg/dL"),
        ("inr", 12.5, "1"),
        ("inr", 85.0, "1"),
        ("neutrophils", 3500.0, "10^9/L"),
        ("neutrophils", 3.5, "/uL"),
        ("lymphocytes", 28.0, "10^9/L"),
        ("largest_diameter", 35.0, "cm"),
    ],
)
def test_usual_unit_mistakes_are_caught(quantity: str, value: float, declared: str) -> None:
    assert len(check_laboratory(quantity, [value], declared)) == 1


def test_check_laboratory_refuses_unknown_quantities_and_units() -> None:
    with pytest.raises(DataError, match="Did you mean 'albumin'"):
        check_laboratory("albumine", [3.8], "g/dL")
    with pytest.raises(DataError, match="Allowed: g/L, g/dL"):
        check_laboratory("albumin", [3.8], "mg/dL")


def test_faults_of_units_and_values_are_raised_together() -> None:
    with pytest.raises(DataError) as caught:
        clinical_scores.albi(
            np.array([0.7, 99.0]), np.array([3.6, 4.0]), bilirubin_unit="mg/dL", albumin_unit="g/dl"
        )
    assert [fault.where for fault in caught.value.faults] == ["bilirubin[1]", "albumin"]


def test_arrays_come_back_as_arrays() -> None:
    score = clinical_scores.albi(np.array([[1.0, NAN]]), np.array([[4.0, 4.0]]), **CONVENTIONAL)
    assert isinstance(score, np.ndarray)
    assert score.shape == (1, 2)
    assert math.isnan(score[0, 1])
    grades = clinical_scores.malbi_grade(score, boundary="2a")
    assert grades.dtype == object
    assert grades.tolist() == [["2a", None]]


@pytest.mark.parametrize("dtype", ["float64", "Float64", "object"])
def test_series_come_back_as_series_with_their_index(dtype: str) -> None:
    index = ["P07", "P02"]
    bilirubin = pd.Series([1.0, None], index=index, dtype=dtype)
    score = clinical_scores.albi(bilirubin, pd.Series([4.0, 4.0], index=index), **CONVENTIONAL)
    assert isinstance(score, pd.Series)
    assert score.dtype == np.float64
    assert list(score.index) == index
    grades = clinical_scores.albi_grade(score)
    assert grades["P07"] == "2"
    assert grades["P02"] is None


def test_series_of_integers_are_numbers_and_of_text_are_not() -> None:
    index = pd.Index(["P1", "P2"])
    afp = pd.Series([100, 5], index=index)
    units = {"afp_unit": "ng/mL", "crp_unit": "mg/dL"}
    assert clinical_inflammation.crafity(afp, pd.Series([0, 2], index=index), **units).tolist() == [
        1.0,
        1.0,
    ]
    with pytest.raises(DataError, match="crp, row P2: found '<0,1', not a number"):
        clinical_inflammation.crafity(afp, pd.Series([0.5, "<0,1"], index=index), **units)


def test_true_is_not_a_laboratory_value() -> None:
    with pytest.raises(DataError, match="found True, not a number"):
        clinical_inflammation.nlr_log2(True)


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "problem"),
    [
        (np.ones(3), np.full(2, 4.0), "an array of 2, and bilirubin is an array of 3"),
        (np.ones(3), 4.0, "is a number, and bilirubin is an array of 3"),
        (pd.Series([1.0]), np.array([4.0]), "an array of 1, and bilirubin is a Series of 1"),
        (pd.Series([1.0], index=["a"]), pd.Series([4.0], index=["b"]), "has another index"),
    ],
)
def test_inputs_that_do_not_pair_up_are_refused(
    bilirubin: object, albumin: object, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        clinical_scores.albi(bilirubin, albumin, **CONVENTIONAL)


def test_inputs_are_not_changed() -> None:
    words = np.array(["none", NAN], dtype=object)
    values = np.array([1.0, NAN])
    for column in (words, values):
        column.flags.writeable = False
    signs = {"ascites": words, "encephalopathy": words}
    points = clinical_scores.child_pugh(values, 3.0 + values, inr=values, **signs, **CONVENTIONAL)
    assert points[0] == 5.0
    assert math.isnan(points[1])


def test_importing_the_scores_does_not_import_pandas() -> None:
    code = "import sys, bayes_ihlrt.clinical; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def cohort() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tbil": [1.0, 0.7, 2.5],
            "alb": [40.0, 36.0, NAN],
            "inr": [1.0, 1.2, 1.1],
            "ascites": ["none", "mild", None],
            "enceph": ["none", "none", "1-2"],
            "neu": [3000, 4500, 5000],
            "lym": [1500.0, 1500.0, NAN],
            "afp": [12.0, 400.0, 3.0],
            "crp": [0.2, 1.4, 0.1],
            "size": [30.0, 62.0, 15.0],
            "n": [2, 1, 4],
        },
        index=["P01", "P02", "P03"],
    )


def test_add_scores_adds_what_the_inputs_allow(cohort: pd.DataFrame) -> None:
    before = cohort.copy()
    scored = clinical_columns.add_scores(
        cohort,
        columns=COLUMNS
        | {"inr": "inr", "ascites": "ascites", "encephalopathy": "enceph"}
        | {"neutrophils": "neu", "lymphocytes": "lym", "afp": "afp", "crp": "crp"}
        | {"largest_diameter": "size", "nodules": "n"},
        units=UNITS
        | {"neutrophils": "/uL", "lymphocytes": "/uL", "afp": "ng/mL", "crp": "mg/dL"}
        | {"largest_diameter": "mm"},
        malbi_boundary="2a",
    )
    pd.testing.assert_frame_equal(cohort, before)
    expected = pd.DataFrame(
        {
            "albi": [-2.5862, -2.3485, NAN],
            "child_pugh": [5.0, 6.0, NAN],
            "nlr": [2.0, 3.0, NAN],
            "crafity": [0.0, 2.0, 0.0],
            "up_to_seven": [1.0, 0.0, 1.0],
        },
        index=cohort.index,
    )
    added = scored.drop(columns=list(cohort.columns))
    labels = ["albi_grade", "child_pugh_class", "malbi_grade"]
    assert added[labels].to_numpy().tolist() == [["2", "A", "2a"], ["2", "A", "2a"], [None] * 3]
    pd.testing.assert_frame_equal(added.drop(columns=labels), expected, atol=5e-5, rtol=0)


def test_add_scores_without_a_boundary_adds_no_modified_grade(cohort: pd.DataFrame) -> None:
    scored = clinical_columns.add_scores(cohort, columns=COLUMNS, units=UNITS)
    assert list(scored.columns.difference(cohort.columns)) == ["albi", "albi_grade"]


def test_add_scores_lists_every_faulty_value_by_column_and_row(cohort: pd.DataFrame) -> None:
    with pytest.raises(DataError) as caught:
        clinical_columns.add_scores(
            cohort.assign(tbil=[1.0, 70.0, -1.0]),
            columns=COLUMNS,
            units=UNITS | {"albumin": "g/dL"},
        )
    assert [fault.where for fault in caught.value.faults] == [
        "column tbil, row P02",
        "column tbil, row P03",
        "column alb, row P01",
        "column alb, row P02",
    ]


@pytest.mark.parametrize(
    ("columns", "units", "boundary", "problem"),
    [
        ({}, {}, None, "no input is given"),
        ({"bili": "tbil"}, {}, None, "is not an input of any score"),
        (COLUMNS | {"albumin": "albu"}, UNITS, None, "column albu: is not in the frame"),
        (COLUMNS, {"bilirubin": "mg/dL"}, None, "units: albumin: its unit is not declared"),
        (COLUMNS, UNITS | {"crp": "mg/dL"}, None, "units: crp: 'mg/dL' is not used"),
        (COLUMNS, UNITS | {"albumin": "mg/dL"}, None, "unit 'mg/dL' is not known"),
        (COLUMNS | {"afp": "afp"}, UNITS | {"afp": "ng/mL"}, None, "crafity also needs crp"),
        (COLUMNS, UNITS, "2c", "Allowed: 2a, 2b"),
        ({"afp": "afp", "crp": "crp"}, {"afp": "ng/mL", "crp": "mg/dL"}, "2a", "not both given"),
        (
            {"neutrophils": "neu", "lymphocytes": "lym"},
            {"neutrophils": "/uL", "lymphocytes": "10^9/L"},
            None,
            "both in the same unit",
        ),
    ],
)
def test_add_scores_refuses_what_it_would_ignore_or_guess(
    cohort: pd.DataFrame,
    columns: dict[str, str],
    units: dict[str, str],
    boundary: str | None,
    problem: str,
) -> None:
    with pytest.raises(DataError, match=problem):
        clinical_columns.add_scores(cohort, columns=columns, units=units, malbi_boundary=boundary)


def test_add_scores_does_not_overwrite(cohort: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="column albi: is already in the frame"):
        clinical_columns.add_scores(cohort.assign(albi=0.0), columns=COLUMNS, units=UNITS)


def test_add_scores_refuses_a_repeated_column(cohort: pd.DataFrame) -> None:
    doubled = pd.concat([cohort, cohort[["alb"]]], axis=1)
    with pytest.raises(DataError, match="column alb: is in the frame 2 times"):
        clinical_columns.add_scores(doubled, columns=COLUMNS, units=UNITS)
