"""Decisions: which starts belong to which, who takes part, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.visits import Visits
from bayes_ihlrt.designs.decisions import decisions
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.names import StartRule
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DATA = DataSpec(patient="id", time="os", event="death")
IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
NEVER = None
FRAME = {
    "id": ["a", "b", "c", "d"],
    "os": [10.0, 6.0, 8.0, 2.0],
    "death": [1, 1, 0, 1],
    "ihlrt_months": [4.0, NEVER, 3.0, NEVER],
    "albi": [-2.1, -2.5, -3.0, -1.4],
}
SEEN = {"id": ["a", "a", "a", "b", "b", "c", "c", "d"], "month": [0, 4, 7, 0, 5, 0, 3, 1]}


def cohort(frame=FRAME, *, visits=None, rows=None):
    return Cohort.from_frame(
        frame, DATA, IHLRT, covariates=["albi"], visits=visits, visit_rows=rows
    )


def table(found):
    names = ("patient", "number", "time", "until", "initiated")
    return [tuple(row) for row in zip(*(found.columns[name] for name in names), strict=True)]


def test_between_visits_decisions_count_once_they_are_settled():
    found = decisions(cohort(), IHLRT, [0.0, 3.0, 6.0])
    assert found.rule is StartRule.BETWEEN_VISITS
    # b dies at the third time and c starts exactly at the second: that belongs to the first.
    assert table(found) == [
        ("a", 0, 0.0, 3.0, 0.0),
        ("a", 1, 3.0, 6.0, 1.0),
        ("b", 0, 0.0, 3.0, 0.0),
        ("c", 0, 0.0, 3.0, 1.0),
    ]
    assert found.settled.tolist() == [3.0, 6.0, 3.0, 3.0]
    assert found.columns["albi"].tolist() == [-2.1, -2.1, -2.5, -3.0]
    assert found.patients.tolist() == ["a", "b", "c", "d"]
    assert found.patient_index.tolist() == [0, 0, 1, 2]
    assert dict(found.outside) == {}


def test_at_visit_treatment_is_given_at_the_visit():
    found = decisions(cohort(visits=VisitsSpec(time="month"), rows=SEEN), IHLRT)
    assert found.rule is StartRule.AT_VISIT
    assert table(found) == [
        ("a", 0, 0.0, 4.0, 0.0),
        ("a", 1, 4.0, 7.0, 1.0),
        ("b", 0, 0.0, 5.0, 0.0),
        ("b", 1, 5.0, 6.0, 0.0),
        ("c", 0, 0.0, 3.0, 0.0),
        ("c", 1, 3.0, 8.0, 1.0),
        ("d", 0, 1.0, 2.0, 0.0),
    ]
    assert found.settled.tolist() == found.columns["time"].tolist()


def test_decisions_are_made_every_so_many_months():
    found = decisions(cohort(visits=VisitsSpec(every=3.0)), IHLRT)
    assert table(found)[:2] == [("a", 0, 0.0, 3.0, 0.0), ("a", 1, 3.0, 6.0, 1.0)]


def test_one_more_time_is_put_into_the_grid():
    found = decisions(cohort(), IHLRT, [0.0, 3.0, 6.0], extra=4.5)
    assert table(found)[:2] == [("a", 0, 0.0, 3.0, 0.0), ("a", 1, 3.0, 4.5, 1.0)]
    assert table(found)[3] == ("b", 1, 3.0, 4.5, 0.0)


def test_only_eligible_visits_are_decisions():
    rows = {**SEEN, "ok": [1, 0, 1, 1, 1, 0, 1, 1]}
    found = decisions(cohort(visits=VisitsSpec(time="month", eligible="ok"), rows=rows), IHLRT)
    assert [row[:2] for row in table(found)] == [("a", 0), ("b", 0), ("b", 1), ("c", 1), ("d", 0)]
    assert dict(found.outside) == {"a": "treated where not eligible"}


def test_nobody_is_decided_on_before_entry_in_gaps_or_at_the_end():
    data = DataSpec(patient="id", start="from", stop="to", event="death")
    frame = {
        "id": ["a", "a", "b"],
        "from": [1.0, 5.0, 0.0],
        "to": [3.0, 9.0, 8.0],
        "death": [0, 1, 0],
        "ihlrt_months": [6.5, 6.5, NEVER],
    }
    found = decisions(Cohort.from_frame(frame, data, IHLRT), IHLRT, [0, 2, 4, 6, 8])
    assert [row[:3] for row in table(found)] == [
        ("a", 2, 6.0),
        ("b", 0, 0.0),
        ("b", 1, 2.0),
        ("b", 2, 4.0),
    ]


def test_covariates_are_those_known_at_the_decision():
    rows = {**SEEN, "nlr": [2.0, 3.0, 9.0, 4.0, None, 5.0, 6.0, 1.0]}
    rows["nlr"][7], rows["month"] = 7.0, [0, 4, 7, 0, 5, 0, 3, 0]
    found = decisions(cohort(visits=VisitsSpec(time="month", covariates=["nlr"]), rows=rows), IHLRT)
    assert found.columns["nlr"].tolist() == [2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 7.0]
    assert found.columns["nlr_age"].tolist() == [0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0]


def refused(error, match, **options):
    with pytest.raises(error, match=match):
        decisions(cohort(**options), IHLRT)


def test_no_decision_times():
    refused(SpecificationError, "Add `every`")
    refused(SpecificationError, "it is not known when", visits=VisitsSpec(switches={"r": "os"}))


def test_a_covariate_that_is_not_known_yet():
    rows = {**SEEN, "nlr": [2.0, 3.0, 9.0, 4.0, None, 5.0, 6.0, None]}
    visits = VisitsSpec(time="month", covariates=["nlr"])
    refused(
        DataError, r"covariate nlr: no value is known .*\(patient d\)", visits=visits, rows=rows
    )


def test_it_must_be_clear_which_visit_starts_belong_to():
    frame = {**FRAME, "ihlrt_months": [0.0, NEVER, 2.2, NEVER]}
    visits = VisitsSpec(time="month")
    refused(SpecificationError, "exactly at the first visit", frame=frame, visits=visits, rows=SEEN)
    strict = VisitsSpec(time="month", starts="at-visit")
    refused(
        SpecificationError,
        r"1 patient starts treatment at no visit \(patient c\)",
        frame=frame,
        visits=strict,
        rows=SEEN,
    )
    loose = VisitsSpec(time="month", starts="between-visits")
    found = decisions(cohort(frame, visits=loose, rows=SEEN), IHLRT)
    assert found.initiated.tolist() == [0.0, 1.0]
    assert dict(found.outside) == {"a": "treated by the first decision"}


def test_nobody_or_everybody_treated_at_the_decisions():
    with pytest.raises(SpecificationError, match="at 8 decisions on 'ihlrt' no treatment started"):
        decisions(cohort(), IHLRT, [0.0, 1.0, 1.5])
    frame = {**FRAME, "ihlrt_months": [1.0, 1.0, 1.0, 1.0]}
    with pytest.raises(SpecificationError, match="treatment started every time"):
        decisions(cohort(frame), IHLRT, [0.0, 1.5, 3.0])


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(StartRule)[1:]))
def test_every_start_belongs_to_one_decision_or_is_told(seed, rule):
    rng = np.random.default_rng(seed)
    n = 12
    end = rng.uniform(1.0, 20.0, n)
    grid = np.arange(0.0, 20.0, 2.0)
    start = np.where(rng.random(n) < 0.6, rng.uniform(0.01, 25.0, n), np.inf)
    if rule is StartRule.AT_VISIT:
        start = np.where(np.isfinite(start), 2.0 * np.floor(start / 2.0), np.inf)
    start[0], start[1], end[:2] = 2.0, np.inf, 19.0
    columns = {
        "patient": np.array([f"p{number}" for number in range(n)], dtype=object),
        "start": np.zeros(n),
        "stop": end,
        "event": np.ones(n),
        "treatment_start": np.where(start < end, start, np.inf),
    }
    found = decisions(Cohort(columns, visits=Visits(every=2.0, starts=rule)), IHLRT)
    began = found.initiated == 1.0
    treated = {
        name
        for name, at in zip(columns["patient"], columns["treatment_start"], strict=True)
        if np.isfinite(at)
    }
    decided = found.columns["patient"][began].tolist()
    assert len(set(decided)) == len(decided)
    assert set(decided) | set(found.outside) == treated
    assert not set(decided) & set(found.outside)
    at = columns["treatment_start"][found.patient_index]
    assert np.all(at >= found.columns["time"])
    assert np.all(found.columns["until"] <= end[found.patient_index])
    assert set(found.columns["time"]) <= set(grid)


@given(st.integers(0, 2**32 - 1))
def test_no_decision_knows_what_comes_after_it(seed):
    """A planted leak: values, eligibility and starts after a month are changed."""
    rng = np.random.default_rng(seed)
    n, at = 8, 6.0
    months = np.tile(np.arange(0.0, 15.0, 1.5), n)
    names = np.array([f"p{number}" for number in range(n)], dtype=object)
    values = {
        "nlr": rng.normal(size=len(months)),
        "eligible": (rng.random(len(months)) < 0.7).astype(float),
    }
    start = np.where(rng.random(n) < 0.7, rng.uniform(0.1, 14.0, n), np.inf)
    start[:2] = 2.0, np.inf
    values["eligible"][months < 3.0] = 1.0

    def table_of(start, values):
        columns = {
            "patient": names,
            "start": np.zeros(n),
            "stop": np.full(n, 15.0),
            "event": np.ones(n),
            "treatment_start": start,
        }
        seen = {"patient": np.repeat(names, 10), "time": months, **values}
        visits = Visits(seen, starts=StartRule.BETWEEN_VISITS)
        found = decisions(Cohort(columns, visits=visits), IHLRT)
        known = found.columns["until"] <= at + 1e-9
        return {name: column[known].tolist() for name, column in found.columns.items()}

    late = months > at + 1e-9
    changed = {
        name: np.where(late, rng.permutation(column), column) for name, column in values.items()
    }
    moved = np.where(start > at, at + rng.uniform(0.1, 8.0, n), start)
    assert table_of(start, values) == table_of(moved, changed)
