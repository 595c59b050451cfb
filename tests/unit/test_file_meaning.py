"""What `[data]` says of a hospital's cells: dates, events by value, codes, limits, scores."""

import csv
import math
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bayes_ihlrt.cohort.dates import read_dates
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.files.cells import read_cells
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import DateOrder
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

HOSPITAL = Path(__file__).parents[3] / "shared" / "examination" / "own_cohort" / "hospital.csv"
MONTH = 30.4375

FORMATS = {
    "iso": lambda d: d.isoformat(),
    "iso with a clock": lambda d: f"{d.isoformat()} 00:00:00",
    "slashed year first": lambda d: f"{d:%Y/%m/%d}",
    "points": lambda d: f"{d:%d.%m.%Y}",
    "points, short": lambda d: f"{d.day}.{d.month}.{d.year}",
    "slashes, day first": lambda d: f"{d:%d/%m/%Y}",
    "slashes, month first": lambda d: f"{d:%m/%d/%Y}",
    "dashes, day first": lambda d: f"{d:%d-%m-%Y}",
    "month by name": lambda d: f"{d:%d-%b-%Y}",
    "SAS": lambda d: f"{d:%d%b%Y}".upper(),
    "month first by name": lambda d: f"{d:%B} {d.day}, {d.year}",
    "compact": lambda d: f"{d:%Y%m%d}",
}
DAYS = st.dates(date(1950, 1, 1), date(2060, 12, 31))


def longer(**extra):
    return {"id": list("abcdef"), "t": [1.0, 2, 3, 4, 5, 6], "d": [1, 0, 1, 0, 1, 0]} | extra


def plain(**extra):
    return DataSpec(**({"patient": "id", "time": "t", "event": "d", "time_unit": "days"} | extra))


def columns(**extra):
    return {"id": ["a", "b", "c"], "t": [10.0, 20.0, 30.0], "d": [1, 0, 1]} | extra


def faults_of(frame, data, treatment=None, **options):
    with pytest.raises(DataError) as refused:
        Cohort.from_frame(frame, data, treatment, **options)
    return [str(fault) for fault in refused.value.faults]


@settings(max_examples=400, deadline=None)
@given(
    days=st.lists(DAYS, min_size=1, max_size=8),
    names=st.lists(st.sampled_from(sorted(FORMATS)), min_size=1, max_size=3),
    stated=st.sampled_from([None, *DateOrder]),
)
def test_dates_are_read_as_meant_or_refused(days, names, stated):
    written = [FORMATS[names[i % len(names)]](day) for i, day in enumerate(days)]
    who = np.array([str(i) for i in range(len(days))], dtype=object)
    found, faults, _ = read_dates({"x": read_cells(written)}, stated, patient=who)
    month_first = any(
        names[i % len(names)] == "slashes, month first" and day.day != day.month
        for i, day in enumerate(days)
    )
    day_first = any(
        "day first" in names[i % len(names)] or "points" in names[i % len(names)]
        for i, day in enumerate(days)
        if day.day != day.month
    )
    lied = (stated is DateOrder.DAY_FIRST and month_first) or (
        stated is DateOrder.MONTH_FIRST and day_first
    )
    right = found["x"].tolist() == [day.toordinal() for day in days]
    # Cells of both orders in one column, all of which one order could read, are beyond any reader.
    assert right or faults or lied or (month_first and day_first)


@settings(max_examples=200, deadline=None)
@given(days=st.lists(DAYS, min_size=2, max_size=6), name=st.sampled_from(sorted(FORMATS)))
def test_unambiguous_dates_are_not_refused(days, name):
    days = [day.replace(day=13 + day.day % 16) for day in days]
    who = np.array([str(i) for i in range(len(days))], dtype=object)
    written = read_cells([FORMATS[name](day) for day in days])
    found, faults, _ = read_dates({"x": written}, None, patient=who)
    assert not faults
    assert found["x"].tolist() == [day.toordinal() for day in days]


def test_order_of_day_and_month_is_asked_for_with_both_readings():
    frame = columns(zero=["03/04/2021"] * 3, t=["05/07/2021", "07/08/2021", "09/10/2021"])
    told = faults_of(frame, plain(origin="zero"))
    assert len(told) == 2
    assert (
        "'03/04/2021' is 2021-04-03 if the day comes first and 2021-03-04 if the month" in told[1]
    )
    assert "date_order = 'day-month-year'" in told[1]
    day = Cohort.from_frame(frame, plain(origin="zero", date_order="day-month-year"))
    month = Cohort.from_frame(frame, plain(origin="zero", date_order="month-day-year"))
    assert day.columns["stop"][0] * MONTH == pytest.approx(93.0)
    assert month.columns["stop"][0] * MONTH == pytest.approx(64.0)


def test_one_column_settles_the_order_of_the_others():
    frame = columns(zero=["25/03/2021", "01/04/2021", "02/04/2021"], t=["05/06/2021"] * 3)
    cohort = Cohort.from_frame(frame, plain(origin="zero"))
    assert cohort.columns["stop"][0] * MONTH == pytest.approx(72.0)
    assert cohort.columns["stop"][1] * MONTH == pytest.approx(65.0)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("31.02.2021", "1 of 3 values is no calendar date: '31.02.2021' (patient b)"),
        ("03.21", "no calendar date"),
        ("01.01.1900", "from year 1900 on"),
        ("31.12.9999", "no calendar date"),
        ("13.05.21", "four digits"),
        ("unknown", "name its code in [data] missing or never"),
    ],
)
def test_cells_that_are_no_dates_are_told_with_their_patient(cell, told):
    frame = columns(zero=["01.01.2021"] * 3, t=["15.03.2021", cell, "15.04.2021"])
    (fault,) = faults_of(frame, plain(origin="zero"))
    assert told in fault


def test_day_numbers_of_a_spreadsheet_are_not_times():
    frame = columns(zero=[44197, 44198, 44199], t=["15.03.2021", "16.03.2021", "15.04.2021"])
    (fault,) = faults_of(frame, plain(origin="zero"))
    assert "day numbers of a spreadsheet" in fault


@pytest.mark.parametrize(
    "numbers", [[10.2022, 3.2021, 1.202], [2021, 2022, 2021], [44301, 44302, 44310]]
)
def test_parts_of_dates_are_not_times(numbers):
    frame = columns(zero=["15.02.2021"] * 3, t=numbers)
    (fault,) = faults_of(frame, plain(origin="zero"))
    assert "are plain numbers" in fault
    assert "times are dates by [data] origin" in fault
    if max(numbers) < 4e4:
        assert Cohort.from_frame(frame, plain(origin="zero", units={"t": "days"})).n_rows == 3


RULES = [
    ({"zero": ["x", "15.02.2021", None], "t": ["31.02.2021", "1.1.2022", "x"]}, {"origin": "zero"}),
    ({"start": ["99", "5", "99"]}, {"missing": ["99"], "never": ["no"]}),
    ({"afp": ["<2", "x", "y"]}, {"derived": {"high": "afp > 1"}}),
    ({"a": ["x", 200, 3], "b": [1, 1, 9999]}, {
        "derived": {"albi": {"albumin": "a", "bilirubin": "b"}},
        "units": {"a": "g/L", "b": "mg/dL"},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("change", "rules"), RULES)
def test_faults_of_meaning_name_no_patient_where_identifiers_are_kept_out(change, rules):
    frame = columns(**change) | {"id": ["secret-a", "secret-b", "secret-c"]}
    treatment = TreatmentSpec(name="x", start="start") if "start" in change else None
    derived = list(rules.get("derived", ()))
    options = {"covariates": derived, "identifiers": Identifiers.NOWHERE}
    told = faults_of(frame, plain(**rules), treatment, **options)
    assert "(patient" in " ".join(told)
    assert "secret" not in " ".join(told)


def test_missing_and_changing_time_zero_is_a_fault():
    frame = columns(zero=["01.01.2021", None, "01.02.2021"], t=["15.03.2021"] * 3)
    told = faults_of(frame, plain(origin="zero"))
    assert any("time zero is not known" in fault and "patient b" in fault for fault in told)
    rows = {
        "id": ["a", "a", "b"],
        "from": ["01.01.2021", "01.02.2021", "01.01.2021"],
        "to": ["01.02.2021", "01.03.2021", "01.03.2021"],
        "zero": ["01.01.2021", "02.01.2021", "01.01.2021"],
        "d": [0, 1, 0],
    }
    data = DataSpec(patient="id", start="from", stop="to", event="d", origin="zero")
    assert any("rows of one patient differ (patient a)" in f for f in faults_of(rows, data))


def test_dates_before_time_zero_are_faults():
    frame = columns(zero=["15.02.2021"] * 3, t=["15.03.2021", "14.02.2021", "15.04.2021"])
    assert any("patient b" in fault for fault in faults_of(frame, plain(origin="zero")))


@settings(max_examples=60, deadline=None)
@given(
    zero=st.lists(DAYS, min_size=3, max_size=3),
    length=st.lists(st.integers(1, 3000), min_size=3, max_size=3),
    unit=st.sampled_from(["days", "weeks", "months", "years"]),
)
def test_times_from_dates_do_not_depend_on_the_unit(zero, length, unit):
    if len(set(length)) == 1:
        length[0] += 1
    last = [day + timedelta(days=n) for day, n in zip(zero, length, strict=True)]
    frame = columns(zero=[d.isoformat() for d in zero], t=[d.isoformat() for d in last])
    cohort = Cohort.from_frame(frame, plain(origin="zero", time_unit=unit))
    np.testing.assert_allclose(cohort.columns["stop"], np.array(length) / MONTH, rtol=1e-12)


def test_event_by_value():
    frame = columns(d=["dead", "alive", "lost"])
    data = plain(event={"column": "d", "value": "dead"})
    assert Cohort.from_frame(frame, data).columns["event"].tolist() == [1.0, 0.0, 0.0]
    several = plain(event={"column": "d", "values": ["dead", "lost"]})
    assert Cohort.from_frame(frame, several).columns["event"].tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("cells", "value"), [([2, 1, 0], 2), ([2.0, 1.0, None], "2"), ([True, False, False], True)]
)
def test_event_by_number(cells, value):
    data = plain(event={"column": "d", "value": value})
    frame = columns(d=cells)
    if None in cells:
        assert any("missing" in fault for fault in faults_of(frame, data))
    else:
        assert Cohort.from_frame(frame, data).columns["event"].tolist() == [1.0, 0.0, 0.0]


def test_values_that_almost_mean_the_event_are_refused():
    told = faults_of(
        columns(d=["dead", "Dead ", "alive"]), plain(event={"column": "d", "value": "dead"})
    )
    assert any("'Dead' (1 row) and 'dead' differ by capitals or blanks only" in f for f in told)
    told = faults_of(
        columns(d=["died", "alive", "alive"]), plain(event={"column": "d", "value": "dead"})
    )
    assert any("no row has the value 'dead' of the event; found 'died', 'alive'" in f for f in told)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["dead", "alive", "lost", "DEAD", " dead", "1"]), min_size=3, max_size=3
    )
)
def test_an_event_is_the_stated_value_or_a_refusal(cells):
    data = plain(event={"column": "d", "value": "dead"})
    try:
        cohort = Cohort.from_frame(columns(d=cells), data)
    except DataError:
        return
    assert cohort.columns["event"].tolist() == [float(c.strip() == "dead") for c in cells]
    assert "DEAD" not in cells


def test_codes_for_missing_are_missing_everywhere_or_by_column():
    frame = columns(crp=[999.0, 4.0, 7.0], age=[50.0, 60.0, 999.0])
    everywhere = plain(missing=["999"], drop_missing=True)
    assert list(Cohort.from_frame(frame, everywhere, covariates=["crp"]).dropped) == ["a"]
    frame = columns(crp=[999.0, 4.0, 7.0], age=[50.0, 60.0, 999.0])
    of_crp = plain(missing={"crp": [999]}, drop_missing=True)
    cohort = Cohort.from_frame(frame, of_crp, covariates=["crp", "age"])
    assert list(cohort.dropped) == ["a"]
    assert cohort.columns["age"].tolist() == [60.0, 999.0]
    words = columns(crp=["n.d.", "4", "7"])
    told = faults_of(words, plain(missing=["n.d."]), covariates=["crp"])
    assert any("1 of 3 values is missing (patient a)" in fault for fault in told)


def test_codes_for_never_treated():
    frame = columns(start=[0, 5, 0])
    treatment = TreatmentSpec(name="x", start="start")
    cohort = Cohort.from_frame(frame, plain(never=["0"]), treatment)
    assert cohort.columns["treatment_start"].tolist() == [
        math.inf,
        pytest.approx(5 / MONTH),
        math.inf,
    ]


@pytest.mark.parametrize("clock", ["", " 00:00:00", "T00:00", " 12:30:01.5", "T00:00:00Z"])
def test_a_code_that_is_a_day_is_one_at_any_hour(clock):
    frame = {
        "id": ["a", "b", "c"],
        "zero": ["2020-01-01"] * 3,
        "end": ["2021-01-01"] * 3,
        "death": [1, 0, 1],
        "start": [f"1900-01-01{clock}", "2020-03-01", f"1900-01-01{clock}"],
    }
    given = DataSpec(patient="id", origin="zero", time="end", event="death", never=["1900-01-01"])
    cohort = Cohort.from_frame(frame, given, TreatmentSpec(name="x", start="start"))
    assert np.isinf(cohort.columns["treatment_start"]).tolist() == [True, False, True]
    assert "start: read as never: '1900-01-01' (2)" in cohort.notes


def test_not_known_is_not_never():
    frame = columns(start=["no", "5", "99"])
    treatment = TreatmentSpec(name="x", start="start")
    told = faults_of(frame, plain(never=["no"], missing=["99"]), treatment)
    assert any("a code for 'not known' (patient c)" in fault for fault in told)


@pytest.mark.parametrize(
    ("rule", "value"), [("half", 1.0), ("limit", 2.0), ("limit/sqrt2", 2**0.5)]
)
def test_limits_of_detection(rule, value):
    frame = longer(afp=["<2.0", "5", ">1000", "7", "9.5", "30"])
    cohort = Cohort.from_frame(frame, plain(below_limit=rule), covariates=["afp"])
    assert cohort.columns["afp"].tolist() == [pytest.approx(value), 5.0, 1000.0, 7.0, 9.5, 30.0]
    assert any("'<2.0'" in fault for fault in faults_of(frame, plain(), covariates=["afp"]))


def test_thousands_are_no_decimals():
    told = faults_of(
        columns(afp=["<2,000", "5", "7"]), plain(below_limit="half"), covariates=["afp"]
    )
    assert any("'<2,000'" in fault for fault in told)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.integers(0, 800), min_size=3, max_size=3),
    sign=st.sampled_from([">=", ">", "<", "<="]),
    marks=st.lists(st.sampled_from(["", "<", ">", "<="]), min_size=3, max_size=3),
)
def test_comparisons_beyond_a_limit_are_certain_or_refused(values, sign, marks):
    cells = [f"{mark}{value}" for mark, value in zip(marks, values, strict=True)]
    data = plain(derived={"high": f"AFP (ng/mL) {sign} 400"})
    frame = columns(**{"AFP (ng/mL)": cells})
    try:
        made = Cohort.from_frame(frame, data, covariates=["high"]).columns["high"].tolist()
    except DataError:
        return
    holds = {">=": float.__ge__, ">": float.__gt__, "<": float.__lt__, "<=": float.__le__}[sign]
    for mark, value, high in zip(marks, values, made, strict=True):
        v = float(value)
        possible = {"": [v], "<": [v - 1e-6, -1e9], "<=": [v, -1e9], ">": [v + 1e-6, 1e9]}[mark]
        assert {float(holds(x, 400.0)) for x in possible} == {high}


def test_comparison_with_a_word():
    frame = columns(Sex=["f", "m", None])
    data = plain(derived={"female": "Sex == f"}, drop_missing=True)
    cohort = Cohort.from_frame(frame, data, covariates=["female"])
    assert cohort.columns["female"].tolist() == [1.0, 0.0]
    told = faults_of(frame, plain(derived={"female": "Sex == female"}), covariates=["female"])
    assert any("'female', which no row has; found 'f', 'm'" in fault for fault in told)


def albi(bilirubin, albumin):
    """Johnson 2015, in umol/L and g/L."""
    return 0.66 * math.log10(bilirubin) - 0.085 * albumin


def test_albi_from_parts_in_any_unit():
    rule = {"albi": {"albumin": "Albumin (g/dL)", "bilirubin": "Bili"}}
    frame = columns(**{"Albumin (g/dL)": [3.5, 4.1, 2.9], "Bili": [1.0, 0.5, 3.0]})
    data = plain(derived=rule, units={"Bili": "mg/dL"})
    found = Cohort.from_frame(frame, data, covariates=["albi"]).columns["albi"]
    expected = [albi(17.1 * b, 10 * a) for a, b in ((3.5, 1.0), (4.1, 0.5), (2.9, 3.0))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    told = faults_of(frame, plain(derived=rule), covariates=["albi"])
    assert told[0].startswith("column Bili: its unit is not declared, nor written in brackets")
    wrong = columns(**{"Albumin (g/dL)": [35, 41, 29], "Bili": [1.0, 0.5, 3.0]})
    told = faults_of(wrong, data, covariates=["albi"])
    assert any("column Albumin (g/dL): all 3 values are outside 1 to 6 g/dL" in f for f in told)


def test_faults_of_rules_are_told_together():
    data = plain(
        derived={"albi": {"albumin": "Alb"}, "score": {"x": "y"}, "high": "AFP > 3", "d2": "t > 1"},
        aliases={"nlr": "NLR", "z": "d", "t2": "d2"},
    )
    names = ["albi", "score", "high", "d2", "nlr", "z"]
    told = faults_of(columns(d2=[1, 2, 3], NLX=[1, 2, 3]), data, covariates=names)
    for part in (
        "[data] derived, albi: it is computed from bilirubin, albumin; found albumin",
        "[data] derived, score: it is no score that can be computed",
        "column AFP: needed as a part of high, and there is no such column",
        "column d2: it is computed by `derived`, and the file has a column of this name",
        "column NLR: needed as a covariate, and there is no such column. Did you mean 'NLX'?",
        "covariate z: it is made of 'd', which is `event`. Leave it out",
    ):
        assert sum(part in fault for fault in told) == 1, (part, told)


def test_unit_of_one_column_of_times():
    frame = columns(start=[1.0, None, 2.0])
    treatment = TreatmentSpec(name="x", start="start")
    cohort = Cohort.from_frame(frame, plain(units={"start": "weeks"}), treatment)
    assert cohort.columns["treatment_start"][2] * MONTH == pytest.approx(14.0)
    assert "'fortnights' is not a unit of time" in str(
        faults_of(frame, plain(units={"start": "fortnights"}), treatment)
    )


def test_visits_and_switches_by_date():
    frame = columns(
        zero=["01.01.2021", "01.02.2021", "15.02.2021"],
        t=["01.06.2021", "01.07.2021", "20.06.2021"],
        response=["01.03.2021", "-", ""],
        start=["10.03.2021", "never", ""],
    )
    visits = {
        "id": ["a", "a", "b", "b", "c"],
        "day": ["01.01.2021", "01.03.2021", "01.02.2021", "11.03.2021", "15.02.2021"],
        "NLR": [2.0, 3.0, 4.0, 5.0, 2.5],
    }
    data = plain(origin="zero", never=["never", "-"], aliases={"nlr": "NLR"})
    spec = VisitsSpec(file="v.csv", time="day", covariates=["nlr"], switches={"resp": "response"})
    cohort = Cohort.from_frame(
        frame, data, TreatmentSpec(name="x", start="start"),
        covariates=["nlr"], visits=spec, visit_rows=visits,
    )  # fmt: skip
    days = cohort.visits.columns["time"] * MONTH
    np.testing.assert_allclose(days, [0, 59, 0, 38, 0], atol=1e-9)
    np.testing.assert_allclose(cohort.columns["response"] * MONTH, [59, math.inf, math.inf])
    np.testing.assert_allclose(cohort.columns["treatment_start"] * MONTH, [68, math.inf, math.inf])


def test_a_specification_with_every_rule_is_read_back():
    data = plain(
        origin="zero", date_order="day-month-year", event={"column": "s", "values": ["x", 2]},
        missing={"crp": ["999"]}, never=["0"], below_limit="limit/sqrt2",
        aliases={"nlr": "NLR"},
        derived={"high": "AFP >= 400", "albi": {"albumin": "a", "bilirubin": "b"}},
    )  # fmt: skip
    assert DataSpec.model_validate_json(data.model_dump_json()) == data
    assert DataSpec.model_validate(data.model_dump()) == data


def by_hand():
    """The hospital's file by a second route: the csv module and arithmetic."""

    def day(cell):
        return date(*map(int, reversed(cell.split(".")))) if cell else None

    for row in csv.DictReader(HOSPITAL.read_text().splitlines()):
        zero, start = day(row["Start of therapy"]), day(row["IHLRT date"])
        yield {
            "time": (day(row["Last contact"]) - zero).days / MONTH,
            "start": (start - zero).days / MONTH if start else math.inf,
            "event": float(row["Status"] == "dead"),
            "nlr": float(row["NLR"]) if row["NLR"] else math.nan,
            "high": float(
                not row["AFP (ng/mL)"].startswith("<") and float(row["AFP (ng/mL)"]) >= 400
            ),
            "albi": albi(float(row["Bilirubin (umol/L)"]), float(row["Albumin (g/L)"])),
        }


@pytest.mark.skipif(not HOSPITAL.exists(), reason="the invented hospital file is not there")
def test_a_hospital_file_needs_no_pandas():
    data = DataSpec(
        patient="Pat.-Nr.", origin="Start of therapy", time="Last contact",
        event={"column": "Status", "value": "dead"}, aliases={"nlr": "NLR"}, drop_missing=True,
        derived={
            "albi": {"albumin": "Albumin (g/L)", "bilirubin": "Bilirubin (umol/L)"},
            "high": "AFP (ng/mL) >= 400",
        },
    )  # fmt: skip
    treatment = TreatmentSpec(name="ihlrt", start="IHLRT date")
    cohort = load_cohort(HOSPITAL, data, treatment, covariates=["nlr", "albi", "high"])
    known = [row for row in by_hand() if not math.isnan(row["nlr"])]
    assert (len(known), len(cohort.dropped)) == (78, 2)
    for name, column in (
        ("time", "stop"), ("start", "treatment_start"), ("event", "event"), ("nlr", "nlr"),
        ("high", "high"), ("albi", "albi"),
    ):  # fmt: skip
        expected = [row[name] for row in known]
        np.testing.assert_allclose(cohort.columns[column], expected, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "cells", [["01.2022", "no", "07.2022"], ["01.22", "07.22", "no"], ["07.2022|08.2022", "", ""]]
)
def test_months_and_years_are_no_times_whatever_stands_beside_them(cells):
    frame = columns(zero=["01.01.2021"] * 3, t=["15.03.2023"] * 3, start=cells)
    treatment = TreatmentSpec(name="x", start="start")
    told = faults_of(frame, plain(origin="zero", never=["no"]), treatment)
    assert any("times are dates by [data] origin" in fault for fault in told)


def test_a_time_zone_moves_no_date(tmp_path):
    file = tmp_path / "zones.csv"
    file.write_text(
        "id,o,e,d\n1,2021-03-04T00:00:00+01:00,2021-04-04,1\n2,2021-03-04T20:30:00-05:00,2021-04-04,0\n"
    )
    data = DataSpec(patient="id", time="e", event="d", origin="o", time_unit="days")
    cohort = load_cohort(file, data)
    np.testing.assert_allclose(cohort.columns["stop"] * MONTH, [31.0, 31.0])


@pytest.mark.parametrize("role", ["patient", "time", "event", "entry", "centre", "origin"])
@pytest.mark.parametrize("rules", [{"aliases": {"ev": "CNSR"}}, {"derived": {"ev": "CNSR == 1"}}])
def test_no_short_name_stands_for_a_role(role, rules):
    with pytest.raises(ValidationError, match=f"`{role}` names 'ev', which `aliases` or `derived`"):
        plain(**{role: "ev"}, **rules)


@pytest.mark.parametrize(
    ("rules", "role"),
    [
        ({"aliases": {"z": "id"}}, "`patient`"),
        ({"aliases": {"z": "t"}}, "`time`"),
        ({"derived": {"z": "t >= 12"}}, "`time`"),
        ({"aliases": {"z": "start"}}, "the start of treatment"),
    ],
)
def test_no_short_name_makes_a_covariate_of_the_outcome(rules, role):
    treatment = TreatmentSpec(name="x", start="start")
    frame = columns(start=[1.0, None, 2.0])
    told = faults_of(frame, plain(**rules), treatment, covariates=["z"])
    assert any(fault.startswith("covariate z: it is made of") and role in fault for fault in told)


def test_the_date_of_time_zero_is_no_covariate():
    frame = columns(zero=["15.02.2021"] * 3, t=["15.03.2021"] * 3)
    told = faults_of(frame, plain(origin="zero"), covariates=["zero"])
    assert any(fault.startswith("covariate zero:") for fault in told)
    birth = columns(born=["28.10.1950", "03.02.1961", "15.07.1948"])
    assert any("calendar date" in f for f in faults_of(birth, plain(), covariates=["born"]))


@pytest.mark.parametrize("key", ["patient", "time", "event", "origin", "start"])
def test_what_is_open_is_refused(key):
    with pytest.raises(ValidationError, match="still open"):
        TreatmentSpec(name="x", start="?") if key == "start" else plain(**{key: "?"})
    with pytest.raises(ValidationError, match="still open: the value of the event"):
        plain(event={"column": "d", "value": "?"})


def test_two_orders_in_one_file_are_refused():
    frame = columns(zero=["25/03/2021"] * 3, t=["05/06/2021", "02/14/2022", "07/08/2021"])
    told = faults_of(frame, plain(origin="zero"))
    assert any("'25/03/2021' (zero)" in fault and "'02/14/2022' (t)" in fault for fault in told)
    points = columns(zero=["04.03.2021"] * 3, t=["12/27/2021", "05/06/2021", "07/08/2021"])
    cohort = Cohort.from_frame(points, plain(origin="zero"))
    assert cohort.columns["stop"][1] * MONTH == pytest.approx(63.0)


def test_visits_are_read_in_the_order_of_the_data_file():
    frame = columns(zero=["25/03/2021"] * 3, t=["25/12/2021"] * 3)
    visits = {"id": ["a", "b", "c"], "day": ["05/04/2021", "06/04/2021", "04/27/2021"]}
    visits["nlr"] = [2.0, 3.0, 4.0]
    spec = VisitsSpec(file="v.csv", time="day", covariates=["nlr"])
    options = {"covariates": ["nlr"], "visits": spec, "visit_rows": visits}
    (fault,) = faults_of(frame, plain(origin="zero"), **options)
    assert "They are dates as month-day-year only" in fault
    visits["day"][2] = "27/04/2021"
    cohort = Cohort.from_frame(frame, plain(origin="zero"), **options)
    np.testing.assert_allclose(cohort.visits.columns["time"] * MONTH, [11.0, 12.0, 33.0])


@pytest.mark.parametrize("sign", ["==", "!="])
def test_whether_a_value_below_a_limit_is_some_number_cannot_be_known(sign):
    frame = longer(afp=["<2.0", "5", "7", "8", "9.5", "30"])
    data = plain(derived={"x": f"afp {sign} 1.5"})
    assert any("on either side of 1.5" in f for f in faults_of(frame, data, covariates=["x"]))


def test_a_unit_that_the_name_contradicts_is_refused():
    frame = columns(**{"Bilirubin (umol/L)": [10.0, 12.0, 9.0], "alb": [40.0, 38.0, 41.0]})
    rule = {"albi": {"albumin": "alb", "bilirubin": "Bilirubin (umol/L)"}}
    data = plain(derived=rule, units={"alb": "g/L", "Bilirubin (umol/L)": "mg/dL"})
    told = faults_of(frame, data, covariates=["albi"])
    assert any("its name says umol/L, and `units` says mg/dL" in fault for fault in told)


@pytest.mark.parametrize(
    "levels", [["<65", ">=65"], ["0", "1", ">=2"], ["<3", "3-5", ">5"], ["<65", "65-75", ">75"]]
)
@pytest.mark.parametrize("rule", [None, "half"])
def test_categories_with_limits_stay_categories(levels, rule):
    frame = longer(age=[levels[i % len(levels)] for i in range(6)])
    cohort = Cohort.from_frame(frame, plain(below_limit=rule), covariates=["age"])
    assert set(cohort.columns["age"].tolist()) == set(levels)
    level = levels[-1]
    made = plain(derived={"old": f"age == '{level}'"})
    found = Cohort.from_frame(frame, made, covariates=["old"]).columns["old"]
    assert found.tolist() == [float(cell == level) for cell in frame["age"]]


def test_values_that_may_be_identifiers_are_not_listed():
    frame = {"id": [f"secret-{i}" for i in range(20)], "t": range(1, 21), "d": [0, 1] * 10}
    told = faults_of(frame | {"c": frame["id"]}, plain(derived={"z": "c == x"}), covariates=["z"])
    assert any("20 different values" in fault for fault in told)
    assert "secret" not in " ".join(told)


def test_a_grade_is_a_category():
    frame = columns(alb=[40.0, 30.0, 35.0], bili=[10.0, 60.0, 20.0])
    data = plain(
        derived={"albi_grade": {"albumin": "alb", "bilirubin": "bili"}},
        units={"alb": "g/L", "bili": "umol/L"},
    )
    found = Cohort.from_frame(frame, data, covariates=["albi_grade"]).columns["albi_grade"]
    assert found.dtype == object


def test_words_of_a_score_are_told_by_column_and_patient():
    parts = {"bilirubin": "b", "albumin": "a", "inr": "i", "ascites": "asc", "encephalopathy": "e"}
    frame = columns(
        b=[10.0, 12, 9], a=[40.0, 38, 41], i=[1.0, 1.1, 1.2],
        asc=["none", "moderate", "none"], e=["none"] * 3,
    )  # fmt: skip
    data = plain(derived={"child_pugh": parts}, units={"a": "g/L", "b": "umol/L"})
    told = faults_of(frame, data, covariates=["child_pugh"])
    expected = "column asc: 1 of 3 values is no word of ascites: 'moderate' (patient b)"
    assert any(expected in fault for fault in told)


@pytest.mark.parametrize("key", ["aliases", "units", "missing"])
def test_rules_that_name_no_column_are_refused(key):
    value = {"aliases": {"z": "crpp"}, "units": {"crpp": "days"}, "missing": {"crpp": ["9"]}}[key]
    told = faults_of(columns(crp=[1, 2, 3]), plain(**{key: value}))
    assert any(f"[data] {key}, crpp: it names no column" in fault for fault in told)


def test_codes_that_occur_nowhere_are_told():
    frame = columns(crp=["n.d.", "high", "low"])
    cohort = Cohort.from_frame(frame, plain(missing=["N.D."]), covariates=["crp"])
    assert any("no cell that is read is one of the stated codes 'N.D.'" in n for n in cohort.notes)


@pytest.mark.parametrize("cell", ["1281|" + "1|" * 11 + "n.d.", "1" * 60_000 + "x"])
def test_no_cell_takes_long(cell, tmp_path):
    file = tmp_path / "f.csv"
    file.write_text(f"id;t;d;crp\n1;2,5;1;{cell}\n2;3,5;0;4,5\n3;4,5;1;5,5\n")
    began = time.monotonic()
    with pytest.raises(DataError):
        load_cohort(file, plain(), covariates=["crp"])
    assert time.monotonic() - began < 5.0
