"""What may have been misread is told, with its patients; ordinary cohorts hear nothing."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.notes import numbered
from bayes_ihlrt.cohort.doubts import doubts
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.cohort.unlikely import CODES, outlying
from bayes_ihlrt.errors import BayesIhlrtError, DataError
from bayes_ihlrt.spec.catalogue import packaged_specifications
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.read import load_spec, parse_spec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

TACE = TreatmentSpec(name="trt", start="tace")
SEEDS = st.integers(0, 2**32 - 1)
SHAPES = ("lognormal", "normal", "exponential", "counts", "yes or no", "centred")


def drawn(rng: np.random.Generator, shape: str, n: int) -> np.ndarray:
    match shape:
        case "lognormal":
            return np.round(rng.lognormal(rng.uniform(-1, 6), rng.uniform(0.2, 2.0), n), 1)
        case "normal":
            return np.round(rng.normal(65, 9, n), 1)
        case "exponential":
            return np.round(rng.exponential(20.0, n), 1)
        case "counts":
            return rng.poisson(2.0, n).astype(float)
        case "yes or no":
            return rng.integers(0, 2, n).astype(float)
        case _:
            return np.round(rng.normal(0.0, 1.0, n), 2)


def ordinary(rng: np.random.Generator, n: int = 60, **columns: Any) -> dict[str, Any]:
    """Return an ordinary cohort: exponential deaths, censoring between one and five years."""
    death, end = rng.exponential(20.0, n), rng.uniform(12.0, 60.0, n)
    time = np.maximum(np.round(np.minimum(death, end), 1), 0.3)
    start = np.round(rng.exponential(15.0, n), 1)
    frame = {
        "id": [f"P{i}" for i in range(1, n + 1)],
        "os": time.tolist(),
        "death": (death <= end).astype(int).tolist(),
        "tace": [s if s < t else None for s, t in zip(start.tolist(), time.tolist(), strict=True)],
        "centre": rng.choice(["Graz", "Lyon", "Ulm"], n).tolist(),
    }
    return frame | columns


def told(
    frame: dict[str, Any],
    *names: str,
    treatment: TreatmentSpec | None = TACE,
    **data: Any,
) -> list[str]:
    named = {"patient": "id", "event": "death"} | data
    if "start" not in named:
        named = {"time": "os"} | named
    spec = DataSpec(**named)
    cohort = Cohort.from_frame(frame, spec, treatment, covariates=names)
    return doubts(cohort, spec, treatment, covariates=names, predictors=names)


def rng_of(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("data", ["heart", "hepatocellular", "ihlrt_synthetic"])
def test_packaged_data_hear_nothing(data: str) -> None:
    heard = 0
    for name in packaged_specifications():
        spec = load_spec(name)
        try:
            cohort = load_cohort(
                data, spec.data, spec.treatment, covariates=spec.covariates, visits=spec.visits
            )
        except BayesIhlrtError:
            continue
        heard += 1
        assert not doubts(
            cohort,
            spec.data,
            spec.treatment,
            covariates=spec.covariates,
            predictors=spec.covariates,
        ), name
    assert heard


def test_ordinary_cohorts_hear_nothing_of_values_and_times() -> None:
    """Of cohorts drawn without end a few in a thousand hear of a value; these are the same ones."""
    heard = []
    for seed in range(400):
        rng = rng_of(seed)
        n, shape = int(rng.integers(12, 300)), SHAPES[seed % len(SHAPES)]
        frame = ordinary(rng, n, x=drawn(rng, shape, n).tolist())
        right = ("NO EVENT", "TREATED AS FOLLOW-UP ENDS")
        heard += [note for note in told(frame, "x", centre="centre") if not note.startswith(right)]
    assert len(heard) <= 2, heard


def test_false_alarms_are_rare() -> None:
    rng, alarms = rng_of(), 0
    for _ in range(2000):
        values = drawn(rng, str(rng.choice(SHAPES)), int(rng.integers(10, 300)))
        alarms += bool(outlying(values).any())
    assert alarms <= 10


@settings(max_examples=200)
@given(SEEDS, st.sampled_from([999, -999, -99, -9, 9999, -888, 99999]), st.integers(1, 4))
def test_codes_in_an_ordinary_column_are_told(seed: int, code: float, count: int) -> None:
    rng = rng_of(seed)
    values = np.round(rng.normal(rng.choice([-2.4, 4.0, 65.0]), 0.4, 40), 2)
    values[:count] = code
    assert set(values[outlying(values)]) == {code}
    assert outlying(values).sum() == count


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([0, 1, 1, 0, 1, 0, 0, 9, 1, 0], [9]),
        ([1, 2, 2, 1, 1, 2, 2, 1, 99], [99]),
        ([1, 2, 3, 1, 2, 3, 1, 2, 9, 9], [9, 9]),
        ([0, 1, 0, 1, 1, 0, 1, -9, 1, 0], [-9]),
        ([120.0, 14.0, 33.5, 900.2, 41.0, 8.0, 60.0, -1.0], [-1]),
        ([35.0, 41.0, 38.0, 0.0, 44.0, 36.0, 39.0, 37.0], [0]),
        ([61, 70, 55, 48, 66, 72, 80, 77, 59, 64, 999], [999]),
        ([1, 2, 1, 3, 2, 1, 4, 5, 9], []),
        ([0, -1, 1, 0, 1, -1, 0, 1], []),
        ([40, 77, 88, 60, 55, 71, 66, 83], []),
    ],
)
def test_codes_among_few_values(values: list[float], codes: list[float]) -> None:
    found = np.array(values, dtype=float)
    assert found[outlying(found)].tolist() == codes


def test_codes_are_told_with_patients_who_are_numbers_where_results_go() -> None:
    rng = rng_of()
    frame = ordinary(rng, albi=np.round(rng.normal(-2.4, 0.4, 60), 2).tolist())
    frame["albi"][2], frame["albi"][5] = 999, -9
    (note,) = told(frame, "albi")
    assert "999 (patient P3), -9 (patient P6)" in note
    spec = DataSpec(patient="id", time="os", event="death")
    cohort = numbered(Cohort.from_frame(frame, spec, TACE, covariates=["albi"]))
    (note,) = doubts(cohort, spec, TACE, covariates=["albi"])
    assert "999 (patient 3), -9 (patient 6)" in note


def test_codes_at_visits_are_told() -> None:
    frame = ordinary(rng_of(), 8)
    data = DataSpec(patient="id", time="os", event="death")
    nlr = [3.1, 2.2, 4.0, 999.0, 2.7, 3.3, 5.1, 1.9]
    visits = {"id": frame["id"], "month": [0.0] * 8, "nlr": nlr}
    spec = VisitsSpec(time="month", covariates=["nlr"])
    cohort = Cohort.from_frame(frame, data, TACE, visits=spec, visit_rows=visits)
    assert any(
        "999 (patient P4)" in note for note in doubts(cohort, data, TACE, covariates=["nlr"])
    )


def test_a_code_among_times_is_told() -> None:
    frame = ordinary(rng_of())
    frame["os"][7] = 999
    assert any("999 (patient P8)" in note for note in told(frame))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("albi", [-250.0, -231.0, -288.0], "3 of 3 values are outside -5 to 1"),
        ("age", [61.0, 650.0, 58.0], "above 120 years"),
        ("albumin", [3.8, 4.1, 39.0], "39 (patient P3) would be in another unit"),
        ("Albumin", [3.8, 4.1, 390.0], "outside 1 to 6 g/dL and 10 to 60 g/L"),
        ("nlr", [2.1, 180.0, 3.0], "180 (patient P2)"),
        ("bilirubin", [0.4, 1.2, 60.0], "another unit"),
    ],
)
def test_known_names_are_checked_without_a_declared_unit(
    name: str, values: list[float], words: str
) -> None:
    frame = {"id": ["P1", "P2", "P3"], "os": [5.0, 9.0, 7.0], "death": [1, 0, 1], name: values}
    assert any(words in note for note in told(frame, name, treatment=None)), told(
        frame, name, treatment=None
    )


def test_two_units_by_centre_are_told() -> None:
    rng = rng_of()
    frame = ordinary(rng, 90, albumin_x=np.round(rng.normal(4.0, 0.5, 90), 1))
    ulm = np.array(frame["centre"]) == "Ulm"
    frame["albumin_x"] = np.where(ulm, frame["albumin_x"] * 10, frame["albumin_x"]).tolist()
    (note,) = told(frame, "albumin_x", centre="centre")
    assert note.startswith("TWO UNITS?")
    frame = ordinary(rng, 90, centre=frame["centre"])
    frame["os"] = np.where(ulm, np.array(frame["os"]) * 30.4375, frame["os"]).tolist()
    frame["tace"] = [None] * 89 + [0.1]
    assert any("TWO UNITS? The median of os" in note for note in told(frame, centre="centre"))


@pytest.mark.parametrize(
    ("times", "unit", "words"),
    [
        ([306, 455, 1010, 210, 883, 1022, 310, 408], "months", "the median is 431.5 months"),
        ([30, 45, 500, 21], "months", "the longest is 500 months"),
        ([8.1, 45.0, 12.2], "years", None),
        ([7, 14, 70, 21, 28, 42, 35, 63, 77, 84], "months", "multiple of 7 months"),
        ([12, 24, 36, 12, 48, 60, 24, 12, 36, 72], "months", None),
        ([1.23, 14.77, 9.13, 22.41, 8.2, 3.7, 11.1, 6.9, 18.3, 2.6], "days", "PARTS OF DAYS"),
        ([12, 40, 9, 61, 30, 8, 15, 22, 31, 44], "days", None),
    ],
)
def test_the_time_unit_is_doubted(times: list[float], unit: str, words: str | None) -> None:
    n = len(times)
    frame = {"id": list(range(n)), "os": times, "death": [1, 0] * (n // 2) + [1] * (n % 2)}
    found = told(frame, treatment=None, time_unit=unit)
    if words is None and unit != "years":
        assert not found
    elif words is not None:
        assert any(words in note for note in found), found


def test_a_date_of_birth_as_time_zero_is_told_as_one() -> None:
    frame = {
        "id": np.arange(20),
        "born": [f"19{40 + i}-03-01" for i in range(20)],
        "end": ["2021-05-01"] * 20,
        "seen": ["2019-05-01"] * 20,
        "death": np.tile([1, 0], 10),
    }
    given = DataSpec(patient="id", origin="born", time="end", event="death")
    with pytest.raises(DataError, match="If born is a date of birth, name") as caught:
        Cohort.from_frame(frame, given)
    assert "time_unit" not in str(caught.value)
    # The remedy works.
    late = given.model_copy(update={"entry": "seen"})
    assert Cohort.from_frame(frame, late).months == pytest.approx(20 * 24.0, rel=1e-2)


def test_0_for_never_is_doubted_where_no_cell_is_empty() -> None:
    frame = ordinary(rng_of())
    frame["tace"] = [0.0 if start is None else start for start in frame["tace"]]
    assert any(note.startswith("0 FOR NEVER?") for note in told(frame))
    assert not any(note.startswith("0 FOR NEVER?") for note in told(ordinary(rng_of())))


def test_an_event_column_that_stands_for_censoring_is_doubted() -> None:
    frame = ordinary(rng_of())
    assert told(frame | {"censored": frame["death"]}, event="censored")[0].startswith("CENSORING?")
    n = 60
    flipped = {
        "id": list(range(n)),
        "os": [60.0 + i for i in range(45)] + [1.0 + i for i in range(15)],
        "death": [1] * 45 + [0] * 15,
    }
    assert told(flipped, treatment=None)[0].startswith("CENSORING? 45 of 60")


def test_categories_that_differ_by_case_are_named_and_blanks_do_not_count() -> None:
    frame = {
        "id": list(range(6)),
        "os": [5.0, 9.0, 7.0, 4.0, 8.0, 6.0],
        "death": [1, 1, 1, 1, 1, 1],
        "bclc": ["A", "a ", "A\u00a0", "B\u200b", "B", " B"],
    }
    found = told(frame, "bclc", treatment=None)
    assert found == [
        "SPELLING: 'A' and 'a' are two categories of bclc. If they are one, spell them alike."
    ]


@given(st.text("AB", min_size=1, max_size=3), st.text(" \t\u00a0\u200b\ufeff\u2009", max_size=4))
def test_what_cannot_be_seen_is_no_difference(label: str, blank: str) -> None:
    frame = {
        "id": [1, 2],
        "os": [5.0, 9.0],
        "death": [1, 1],
        "x": [label, f"{blank}{label}{blank}"],
    }
    frame["x"].append("other")
    frame = {name: [*values, values[0]][:3] for name, values in frame.items()} | {"id": [1, 2, 3]}
    spec = DataSpec(patient="id", time="os", event="death")
    cohort = Cohort.from_frame(frame, spec, covariates=["x"])
    assert cohort.columns["x"].tolist() == [label, label, "other"]


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(["death", "alive", "time", "rank"]))
def test_a_covariate_that_knows_the_outcome_is_told(seed: int, kind: str) -> None:
    rng = rng_of(seed)
    frame = ordinary(rng, 40)
    frame["death"][:4] = [1, 1, 1, 0]
    death, time = np.array(frame["death"]), np.array(frame["os"])
    frame["x"] = {
        "death": death,
        "alive": 1 - death,
        "time": 0.5 * time + 1.0,
        "rank": -np.argsort(np.argsort(time)),
    }[kind].tolist()
    assert any(
        note.startswith("KNOWS THE OUTCOME: x") or "x of all" in note for note in told(frame, "x")
    )


def test_separation_by_a_number_is_told() -> None:
    """The one with the most goes first each time, and the censored have values in between."""
    frame = {"id": list(range(8)), "os": [1.0, 2, 3, 4, 2.5, 3.5, 4.5, 5.0]}
    frame |= {"death": [1, 1, 1, 1, 0, 0, 0, 0], "x": [9.0, 8, 7, 6, 6.5, 5.5, 2, 3]}
    (note,) = told(frame, "x", treatment=None)
    assert note.startswith("SEPARATION: whoever has the event has the highest x")
    frame["x"][1] = 6.0
    assert not told(frame, "x", treatment=None)


def test_a_category_without_events_is_told_with_its_person_time() -> None:
    frame = {
        "id": list(range(8)),
        "os": [5.0, 9.0, 7.0, 4.0, 8.0, 6.0, 3.0, 2.5],
        "death": [1, 1, 1, 1, 1, 1, 0, 0],
        "stage": ["A", "A", "B", "B", "A", "B", "D", "D"],
    }
    (note,) = told(frame, "stage", treatment=None)
    assert note.startswith("NO EVENT where stage is 'D' (2 patients, 5.5 person-months)")


def test_gaps_between_rows_are_told_in_months() -> None:
    frame = {
        "id": ["a", "a", "b", "b", "c"],
        "start": [0.0, 6.0, 0.0, 4.0, 0.0],
        "stop": [3.5, 9.0, 4.0, 9.0, 2.0],
        "death": [0, 1, 0, 1, 0],
    }
    (note,) = told(frame, treatment=None, start="start", stop="stop")
    assert note.startswith(
        "GAPS: 1 patient is not under observation for 2.5 months between rows (patient a)"
    )


@pytest.mark.parametrize("ties", ["treated", "untreated"])
def test_ties_are_told_with_patients_and_the_way_they_went(ties: str) -> None:
    frame = {
        "id": ["a", "b", "c", "d"],
        "os": [4, 30, 16, 50],
        "death": [1, 1, 0, 1],
        "tace": [4, 4, 16, None],
    }
    treatment = TreatmentSpec(name="trt", start="tace", ties=ties)
    (note,) = told(frame, treatment=treatment, time_unit="days")
    assert "1 of them with the event (patients a, c)" in note
    assert ("moved 0.5 days earlier" in note) == (ties == "treated")
    assert ("count as never treated" in note) == (ties == "untreated")


def test_every_code_is_a_number_that_no_ordinary_value_equals_twice() -> None:
    assert {9.0, 99.0, 999.0, -9.0, -99.0, -999.0, 88.0, 888.0} <= CODES
    assert not {0.0, 1.0, 2.0, 10.0, 100.0, 60.0} & CODES


def test_check_tells_them() -> None:
    spec = load_spec("primary")
    cohort = load_cohort(
        "ihlrt_synthetic",
        spec.data,
        spec.treatment,
        covariates=spec.covariates,
        visits=spec.visits,
    )
    columns = dict(cohort.columns)
    columns["albi"] = np.where(columns["patient"] == "synthetic-05", 999.0, columns["albi"])
    notes = check_analysis(spec, Cohort(columns, cohort.attrs)).notes
    assert any(re.search(r"999 \(patient 5\)", note) for note in notes)


HEART = """
schema = 2
name = "heart"
[data]
patient = "id"
start = "start"
stop = "stop"
event = "event"
time_unit = "days"
[treatment]
name = "transplant"
column = "transplant"
[outcome]
formula = "transplant + age"
[outcome.hazard]
family = "piecewise"
cuts = {cuts}
"""


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ([3.0, 12.0], None),
        ([3.0, 500.0], "NOBODY IS FOLLOWED in months 500 on"),
        ([3.0, 3.01, 12.0], "NO EVENT in months 3 to 3.01 ("),
    ],
)
def test_intervals_of_which_the_data_tell_nothing_are_told(
    cuts: list[float], words: str | None
) -> None:
    notes = check_analysis(parse_spec(HEART.format(cuts=cuts)), "heart").notes
    told_of = [note for note in notes if note.startswith(("NOBODY IS FOLLOWED", "NO EVENT"))]
    assert len(told_of) == (words is not None)
    assert all(note.startswith(str(words)) for note in told_of)


ODD_NUMBERS = (
    *("0x10", "0X1F", "1_000", "1 000", "1e5", "1E-2", "\u0661\u0662", "\u22123", "+3", "1."),
    *(".5", "infinity", "Infinity", "-infinity", "0o7", "0b1", "1d3", "5%", "\uff11\uff12"),
    *("TRUE", "-", ".", "<5", "  7 "),
)


@pytest.mark.parametrize("cell", ODD_NUMBERS)
@pytest.mark.parametrize("role", ["x", "os"])
def test_a_cell_is_read_or_refused_alike_from_a_file_and_from_a_frame(
    cell: str, role: str, tmp_path: Path
) -> None:
    frame = {"id": list("abcde"), "os": ["5", "6", "7", "8", "9"], "death": ["1"] * 5}
    frame["x"] = ["2", "3", "4", "6", "8"]
    frame[role][1] = cell
    rows = [",".join(row) for row in zip(*frame.values(), strict=True)]
    (tmp_path / "cohort.csv").write_text("\n".join([",".join(frame), *rows]), "utf-8")
    spec = DataSpec(patient="id", time="os", event="death")
    found = []
    for read in (
        lambda: load_cohort(tmp_path / "cohort.csv", spec, covariates=["x"]),
        lambda: Cohort.from_frame(frame, spec, covariates=["x"]),
    ):
        try:
            columns = read().columns
            found.append({name: values.tolist() for name, values in columns.items()})
        except DataError as error:
            found.append([str(fault) for fault in error.faults])
    assert found[0] == found[1]
