"""Times that are the same: treatment at the end of follow-up, rows that touch, and zero."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import resolution
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.names import DAYS_PER_MONTH, TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DAYS = DataSpec(patient="id", time="os", event="death", time_unit="days")
ROWS = DataSpec(patient="id", start="start", stop="stop", event="death", time_unit="days")
TACE = {"name": "trt", "start": "tace"}
# Patients 1 and 5 died on the day of their treatment.
SAME_DAY: dict[str, list[Any]] = {
    "id": list(range(1, 9)),
    "os": [4, 30, 16, 50, 12, 60, 80, 90],
    "death": [1, 1, 1, 0, 1, 1, 0, 1],
    "tace": [4, 4, None, 20, 12, None, 10, None],
}


def as_rows(frame: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the same patients as rows with a 0/1 column; a tie is a row of no length."""
    rows: dict[str, list[Any]] = {name: [] for name in ("id", "start", "stop", "death", "on")}
    for who, end, death, at in zip(*frame.values(), strict=True):
        cuts = [(0, end, 0)] if at is None else [(0, at, 0), (at, end, 1)]
        for place, (start, stop, on) in enumerate(cuts):
            event = death if place == len(cuts) - 1 else 0
            for name, value in zip(rows, (who, start, stop, event, on), strict=True):
                rows[name].append(value)
    return rows


@pytest.mark.parametrize(("ties", "deaths"), [(None, (3, 3)), ("treated", (3, 3))])
def test_a_death_on_the_day_of_treatment_is_one_of_the_treated(
    ties: str | None, deaths: tuple[int, int]
) -> None:
    cohort = Cohort.from_frame(SAME_DAY, DAYS, TreatmentSpec(**TACE, ties=ties))
    found = person_time(cohort, TreatmentSpec(**TACE, ties=ties)).provenance
    assert (found.untreated["events"], found.treated["events"]) == deaths
    half_a_day = 0.5 / DAYS_PER_MONTH
    assert cohort.columns["treatment_start"][[0, 4]] * DAYS_PER_MONTH == pytest.approx([3.5, 11.5])
    assert found.treated["months"] >= 2 * half_a_day
    assert dict(cohort.ties) == pytest.approx({"1": 4 / DAYS_PER_MONTH, "5": 12 / DAYS_PER_MONTH})


def test_the_tie_can_be_decided_the_other_way() -> None:
    treatment = TreatmentSpec(**TACE, ties="untreated")
    cohort = Cohort.from_frame(SAME_DAY, DAYS, treatment)
    found = person_time(cohort, treatment).provenance
    assert (found.untreated["events"], found.treated["events"]) == (5, 1)
    assert set(cohort.ties) == {"1", "5"}


@pytest.mark.parametrize("ties", ["treated", "untreated"])
def test_rows_with_a_column_settle_ties_as_a_start_does(ties: str) -> None:
    one = TreatmentSpec(**TACE, ties=ties)
    several = TreatmentSpec(name="trt", column="on", ties=ties)
    start = person_time(Cohort.from_frame(SAME_DAY, DAYS, one), one)
    rows = person_time(Cohort.from_frame(as_rows(SAME_DAY), ROWS, several), several)
    for name in ("patient", "start", "stop", "event", "trt"):
        assert rows.columns[name].tolist() == start.columns[name].tolist(), name


@pytest.mark.parametrize("visits", ["grid", "table"])
@pytest.mark.parametrize("design", ["sequential", "clone-censor-weight"])
def test_a_tied_start_keeps_its_decision(visits: str, design: str) -> None:
    """Every start lies at a visit, the tied one too: the rule stays at-visit, and it is decided."""
    data = DataSpec(patient="id", time="os", event="death")
    grace = {"grace": 2.0} if design != "sequential" else {}
    treatment = TreatmentSpec(**TACE, design=design, **grace)
    frame = {
        "id": ["a", "b", "c", "d", "e", "f"],
        "os": [1, 5, 6, 4, 7, 6],
        "death": [1, 1, 0, 1, 1, 0],
        "tace": [1, 2, None, None, 3, None],
    }
    rows, spec = None, VisitsSpec(every=1.0)
    if visits == "table":
        spec = VisitsSpec(time="month", covariates=["nlr"])
        seen = [
            (who, m) for who, end in zip("abcdef", frame["os"], strict=True) for m in range(end + 1)
        ]
        rows = {"id": [w for w, _ in seen], "month": [m for _, m in seen]}
        rows["nlr"] = [2.0 + m for _, m in seen]
    cohort = Cohort.from_frame(frame, data, treatment, visits=spec, visit_rows=rows)
    found = emulate(cohort, treatment)
    table = found.decisions.columns
    own = table["patient"] == "a"
    assert found.decisions.rule.value == "at-visit"
    assert table["time"][own].tolist() == [0.0, 0.5]
    assert table["initiated"][own].tolist() == [0.0, 1.0]
    if visits == "table":
        assert table["nlr"][own].tolist() == [2.0, 3.0]
    assert found.person_time.provenance.treated["events"] >= 1.0


@settings(max_examples=60)
@given(st.data())
def test_ties_move_no_other_patient_and_no_month_of_follow_up(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 12))
    end = data.draw(st.lists(st.integers(1, 40), min_size=n, max_size=n))
    start = [data.draw(st.one_of(st.none(), st.integers(0, e))) for e in end]
    start[0], start[1] = end[0], None
    frame = {"id": list(range(n)), "os": end, "death": [1] * n, "tace": start}
    unit = data.draw(st.sampled_from(list(TimeUnit)))
    spec = DataSpec(patient="id", time="os", event="death", time_unit=unit)
    for ties in ("treated", "untreated"):
        treatment = TreatmentSpec(**TACE, ties=ties)
        cohort = Cohort.from_frame(frame, spec, treatment)
        rows = person_time(cohort, treatment)
        tied = [s == e for s, e in zip(start, end, strict=True)]
        assert set(cohort.ties) == {str(i) for i in range(n) if tied[i]}
        assert cohort.months == pytest.approx(sum(end) * unit.months)
        given_at = cohort.columns["treatment_start"]
        for i in range(n):
            if not tied[i]:
                expected = np.inf if start[i] is None else start[i] * unit.months
                assert given_at[i] == expected
        late = sum(tied) if ties == "treated" else 0
        early = sum(s is not None and s < e for s, e in zip(start, end, strict=True))
        assert rows.provenance.treated["events"] == late + early
        assert (rows.columns["stop"] > rows.columns["start"]).all()


def test_rows_that_touch_within_rounding_touch() -> None:
    frame = {
        "id": [1, 1, 2],
        "start": [0, 3.0999999999, 0],
        "stop": [3.1, 12, 5],
        "death": [0, 1, 1],
        "on": [0, 1, 0],
    }
    treatment = TreatmentSpec(name="trt", column="on")
    months = ROWS.model_copy(update={"time_unit": TimeUnit.MONTHS})
    cohort = Cohort.from_frame(frame, months, treatment)
    assert cohort.columns["start"].tolist() == [0.0, 3.1, 0.0]


def test_rows_that_overlap_are_told_in_digits_that_show_it() -> None:
    frame = {"id": [1, 1], "start": [0, 3.09999999], "stop": [3.1, 12], "death": [0, 1]}
    frame["start"] = [0, 3.1 - 5e-9]
    months = ROWS.model_copy(update={"time_unit": TimeUnit.MONTHS})
    with pytest.raises(DataError, match=r"0 to 3\.1 and 3\.099999995 to 12"):
        Cohort.from_frame(frame, months)


@settings(max_examples=100)
@given(
    st.sampled_from(list(TimeUnit)),
    st.lists(st.integers(1, 4000), min_size=1, max_size=20, unique=True),
    st.integers(1, 3000),
)
def test_days_converted_to_any_unit_and_back_lose_no_patient(
    unit: TimeUnit, days: list[int], more: int
) -> None:
    """Rows that were cut in days touch, and starts at the end are ties, whatever the unit."""
    one_day = 1.0 / (DAYS_PER_MONTH * unit.months)
    frame: dict[str, list[Any]] = {name: [] for name in ("id", "start", "stop", "death", "on")}
    for who, day in enumerate(days):
        last = (day + more) * one_day
        for start, stop, death, on in (
            (0.0, day * one_day, 0, 0),
            (last - more * one_day, last, 1, 1),
        ):
            for name, value in zip(frame, (who, start, stop, death, on), strict=True):
                frame[name].append(value)
    spec = DataSpec(patient="id", start="start", stop="stop", event="death", time_unit=unit)
    cohort = Cohort.from_frame(frame, spec, TreatmentSpec(name="trt", column="on"))
    assert (cohort.columns["start"][1::2] == cohort.columns["stop"][::2]).all()


@pytest.mark.parametrize(
    ("times", "unit", "remedy"),
    [
        (
            [0, 12, 20],
            "months",
            "as every time is a whole number of months, 0 stands for less than one: write half of "
            "one (0.5 months)",
        ),
        ([0, 12, 20], "years", "write half of one (0.5 years)"),
        (
            [0, 12, 20],
            "days",
            "for follow-up that ended on the first day write half a day (0.5 days)",
        ),
        (
            [0, 12.4, 20.1],
            "months",
            "write half of the step in which times are recorded (0.05 months)",
        ),
        ([0, 12.42, 20.17], "months", "first day write half a day (0.016 months)"),
    ],
)
def test_what_stands_for_zero_is_half_of_the_columns_own_step(
    times: list[float], unit: str, remedy: str
) -> None:
    spec = DataSpec(patient="id", time="os", event="death", time_unit=unit)
    frame = {"id": [1, 2, 3], "os": times, "death": [1, 0, 1]}
    with pytest.raises(DataError) as told:
        Cohort.from_frame(frame, spec)
    assert remedy in str(told.value)


@given(st.sampled_from([1.0, 0.1, 0.01]), st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_the_step_is_one_of_which_every_time_is_a_multiple(step: float, places: list[int]) -> None:
    times = np.round(np.array(places) * step, 3)
    found = resolution(times, TimeUnit.DAYS)
    assert found >= step
    assert times / found == pytest.approx(np.round(times / found))


def test_age_is_accepted_as_the_time_scale() -> None:
    spec = DataSpec(patient="id", time="out", entry="in", event="death", time_unit="years")
    frame = {
        "id": [1, 2, 3],
        "in": [58.8, 56.4, 70.1],
        "out": [59.9, 68.8, 72.9],
        "death": [1, 0, 1],
    }
    assert Cohort.from_frame(frame, spec).months == pytest.approx(12 * (1.1 + 12.4 + 2.8))
