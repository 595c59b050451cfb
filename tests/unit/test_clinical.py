"""Scores against the worked values and limits of their publications, and their refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.clinical import inflammation as clinical_inflammation
from bayes_ihlrt.clinical import scores as clinical_scores
from bayes_ihlrt.clinical import tumour as clinical_tumour
from bayes_ihlrt.errors import DataError

NAN = float("nan")
CONVENTIONAL = {"bilirubin_unit": "mg/dL", "albumin_unit": "g/dL"}
SI = {"bilirubin_unit": "umol/L", "albumin_unit": "g/L"}


# Johnson 2015's formula worked by hand to four decimals.
@pytest.mark.parametrize(
    ("bilirubin", "albumin", "score"),
    [(1.0, 4.0, -2.5862), (0.8, 3.5, -2.2252), (0.7, 3.6, -2.3485), (2.0, 3.0, -1.5375)],
)
def test_albi_known_answers(bilirubin: float, albumin: float, score: float) -> None:
    found = clinical_scores.albi(bilirubin, albumin, **CONVENTIONAL)
    assert type(found) is float
    assert found == pytest.approx(score, abs=5e-5)


# 1e-12: a few roundings of double precision on a score below 6.
@given(st.floats(0.1, 30.0), st.floats(1.0, 6.0))
def test_albi_is_the_same_in_both_units(bilirubin: float, albumin: float) -> None:
    bilirubin_si = min(max(bilirubin * 17.1, 1.71), 513.0)
    albumin_si = min(max(albumin * 10.0, 10.0), 60.0)
    conventional = clinical_scores.albi(bilirubin, albumin, **CONVENTIONAL)
    assert clinical_scores.albi(bilirubin_si, albumin_si, **SI) == pytest.approx(
        conventional, abs=1e-12
    )


@given(st.floats(0.1, 29.0), st.floats(1.0, 5.9))
def test_albi_worsens_with_bilirubin_and_improves_with_albumin(b: float, a: float) -> None:
    here = clinical_scores.albi(b, a, **CONVENTIONAL)
    assert clinical_scores.albi(b + 1.0, a, **CONVENTIONAL) > here
    assert clinical_scores.albi(b, a + 0.1, **CONVENTIONAL) < here


@pytest.mark.parametrize(
    ("score", "grade"),
    [(-2.61, "1"), (-2.60, "1"), (-2.599, "2"), (-1.39, "2"), (-1.389, "3"), (NAN, None)],
)
def test_albi_grade_limits(score: float, grade: str | None) -> None:
    assert clinical_scores.albi_grade(score) == grade


@pytest.mark.parametrize(
    ("score", "in_2a", "in_2b"),
    [
        (-2.60, "1", "1"),
        (-2.599, "2a", "2a"),
        (-2.271, "2a", "2a"),
        (-2.27, "2a", "2b"),
        (-2.269, "2b", "2b"),
        (-1.39, "2b", "2b"),
        (-1.389, "3", "3"),
    ],
)
def test_malbi_grade_limits_on_both_sides(score: float, in_2a: str, in_2b: str) -> None:
    assert clinical_scores.malbi_grade(score, boundary="2a") == in_2a
    assert clinical_scores.malbi_grade(score, boundary="2b") == in_2b


def test_malbi_grade_refuses_another_boundary() -> None:
    with pytest.raises(DataError, match=r"'2' does not say .* Allowed: 2a, 2b"):
        clinical_scores.malbi_grade(-2.3, boundary="2")


BEST = {"bilirubin": 1.0, "albumin": 4.0, "inr": 1.0, "ascites": "none", "encephalopathy": "none"}


def points(**changed: object) -> float:
    patient = BEST | changed
    return clinical_scores.child_pugh(patient.pop("bilirubin"), patient.pop("albumin"), **patient)


@pytest.mark.parametrize(
    ("changed", "extra"),
    [
        ({}, 0),
        ({"bilirubin": 1.99}, 0),
        ({"bilirubin": 2.0}, 1),
        ({"bilirubin": 3.0}, 1),
        ({"bilirubin": 3.01}, 2),
        ({"albumin": 3.51}, 0),
        ({"albumin": 3.5}, 1),
        ({"albumin": 2.8}, 1),
        ({"albumin": 2.79}, 2),
        ({"inr": 1.69}, 0),
        ({"inr": 1.7}, 1),
        ({"inr": 2.3}, 1),
        ({"inr": 2.31}, 2),
        ({"ascites": "mild"}, 1),
        ({"ascites": "moderate-severe"}, 2),
        ({"encephalopathy": "1-2"}, 1),
        ({"encephalopathy": "3-4"}, 2),
    ],
)
def test_child_pugh_limits(changed: dict[str, object], extra: int) -> None:
    assert points(**changed, **CONVENTIONAL) == 5.0 + extra


# 17.1 times 2 and 3 mg/dL: the limits must not move by rounding in the conversion.
@pytest.mark.parametrize(("umol_per_l", "total"), [(34.1, 5), (34.2, 6), (51.3, 6), (51.4, 7)])
def test_child_pugh_limits_in_si(umol_per_l: float, total: int) -> None:
    assert points(bilirubin=umol_per_l, albumin=40.0, **SI) == total


def test_child_pugh_worst_is_fifteen() -> None:
    worst = {"bilirubin": 9.0, "albumin": 2.0, "inr": 3.0}
    signs = {"ascites": "moderate-severe", "encephalopathy": "3-4"}
    assert points(**worst, **signs, **CONVENTIONAL) == 15.0


@pytest.mark.parametrize("name", BEST)
def test_child_pugh_is_missing_where_any_input_is(name: str) -> None:
    assert math.isnan(points(**{name: None}, **CONVENTIONAL))


@pytest.mark.parametrize(
    ("total", "letter"),
    [(5, "A"), (6, "A"), (7, "B"), (9, "B"), (10, "C"), (15, "C"), (NAN, None)],
)
def test_child_pugh_class_limits(total: float, letter: str | None) -> None:
    assert clinical_scores.child_pugh_class(total) == letter


@pytest.mark.parametrize("total", [4, 16, 6.5])
def test_child_pugh_class_refuses_impossible_points(total: float) -> None:
    with pytest.raises(DataError, match="child_pugh"):
        clinical_scores.child_pugh_class(total)


def test_child_pugh_collects_faults_of_numbers_and_words() -> None:
    with pytest.raises(DataError) as caught:
        points(albumin=38.0, ascites="mlid", bilirubin=NAN, **CONVENTIONAL)
    assert [fault.where for fault in caught.value.faults] == ["albumin", "ascites"]
    assert "Did you mean 'mild'?" in str(caught.value)


def test_nlr_and_its_log2() -> None:
    assert clinical_inflammation.nlr(4200.0, 1400.0, unit="/uL") == pytest.approx(3.0)
    assert clinical_inflammation.nlr_log2(np.array([1.5, 3.0, 12.0, NAN])).tolist()[:3] == [
        -1.0,
        0.0,
        2.0,
    ]
    assert math.isnan(clinical_inflammation.nlr_log2(NAN))
    assert clinical_inflammation.nlr_log2(10.0, reference=5.0) == 1.0


def test_nlr_refuses_zero_lymphocytes_differentials_and_implausible_ratios() -> None:
    with pytest.raises(DataError, match="lymphocytes 0 10"):
        clinical_inflammation.nlr(3.0, 0.0, unit="10^9/L")
    with pytest.raises(DataError, match="2 faults"):
        clinical_inflammation.nlr(65.0, 25.0, unit="10^9/L")
    with pytest.raises(DataError, match=r"nlr 500 is outside 0\.05 to 100"):
        clinical_inflammation.nlr(50.0, 0.1, unit="10^9/L")


@pytest.mark.parametrize("reference", [0.0, -3.0, NAN])
def test_nlr_log2_refuses_an_impossible_reference(reference: float) -> None:
    with pytest.raises(DataError, match="reference"):
        clinical_inflammation.nlr_log2(3.0, reference=reference)


@pytest.mark.parametrize(
    ("afp", "crp", "total"),
    [(99.9, 0.99, 0), (100, 0.99, 1), (99.9, 1.0, 1), (100, 1.0, 2), (0, 0, 0)],
)
def test_crafity_limits(afp: float, crp: float, total: int) -> None:
    assert clinical_inflammation.crafity(afp, crp, afp_unit="ng/mL", crp_unit="mg/dL") == total
    assert clinical_inflammation.crafity(afp, 10 * crp, afp_unit="ug/L", crp_unit="mg/L") == total


def test_crafity_is_missing_even_where_one_marker_is_low() -> None:
    assert math.isnan(clinical_inflammation.crafity(5.0, NAN, afp_unit="ng/mL", crp_unit="mg/dL"))


@pytest.mark.parametrize(
    ("diameter", "nodules", "within"),
    [(6.0, 1, 1), (6.01, 1, 0), (1.9, 5, 1), (4.0, 3, 1), (4.0, 4, 0)],
)
def test_up_to_seven_limits(diameter: float, nodules: float, within: int) -> None:
    assert clinical_tumour.up_to_seven(diameter, nodules, diameter_unit="cm") == within
    assert clinical_tumour.up_to_seven(10 * diameter, nodules, diameter_unit="mm") == within


def test_up_to_seven_refuses_part_of_a_nodule() -> None:
    with pytest.raises(DataError, match=r"nodules 2\.5 is not a whole number"):
        clinical_tumour.up_to_seven(3.0, 2.5, diameter_unit="cm")


@pytest.mark.parametrize(
    ("current", "baseline", "nadir", "new_lesion", "response"),
    [
        (0.0, 50.0, 20.0, False, "CR"),
        (0.0, 50.0, 20.0, True, "PD"),
        (25.9, 37.0, 37.0, False, "PR"),
        (26.0, 37.0, 37.0, False, "SD"),
        (70.7, 101.0, 101.0, False, "PR"),  # 30 % in decimals, just short of it in binary
        (40.44, 50.0, 33.7, False, "PD"),  # 20 %, likewise
        (60.0, 50.0, 50.0, False, "PD"),
        (59.9, 50.0, 50.0, False, "SD"),
        (24.9, 40.0, 20.0, False, "PR"),  # +24.5 % but 4.9 mm
        (25.0, 40.0, 20.0, False, "PD"),  # still 37.5 % below baseline, 5 mm from nadir
        (16.4, 40.0, 11.4, False, "PD"),  # 5 mm in decimals, just short of it in binary
        (NAN, 40.0, 20.0, False, None),
        (20.0, 40.0, 20.0, None, None),
    ],
)
def test_recist_limits(
    current: float, baseline: float, nadir: float, new_lesion: bool, response: str | None
) -> None:
    course = {"nadir": nadir, "new_lesion": new_lesion, "unit": "mm"}
    assert clinical_tumour.recist_response(current, baseline, **course) == response
    course |= {"nadir": nadir / 10, "unit": "cm"}
    assert clinical_tumour.recist_response(current / 10, baseline / 10, **course) == response


def test_recist_refuses_an_impossible_course() -> None:
    with pytest.raises(DataError) as caught:
        clinical_tumour.recist_response(3.0, 4.0, nadir=6.0, new_lesion=False, unit="mm")
    assert [fault.where for fault in caught.value.faults] == ["baseline", "nadir"]


# The motivating study prints 1/HR (doi 10.3390/cancers18061021).
@pytest.mark.parametrize(
    ("printed", "usual"), [(1.62, 0.617), (3.13, 0.319), (2.17, 0.461), (0.58, 1.72)]
)
def test_published_hazard_ratio_of_the_motivating_study(printed: float, usual: float) -> None:
    log_hr = clinical_inflammation.published_hazard_ratio(printed, direction="1/HR")
    assert math.exp(log_hr) == pytest.approx(usual, abs=5e-3 if usual > 1 else 5e-4)
    assert clinical_inflammation.published_hazard_ratio(printed, direction="HR") == -log_hr


@pytest.mark.parametrize("value", [0.0, -0.5, math.inf, NAN])
def test_published_hazard_ratio_refuses_what_is_no_ratio(value: float) -> None:
    with pytest.raises(DataError, match="2 faults"):
        clinical_inflammation.published_hazard_ratio(value, direction="hr?")
