"""Table one, response and adverse events: counts by hand, messages, notes."""

import numpy as np
import pytest

from bayes_ihlrt.analysis.patients import HINDSIGHT, adverse_event_table, response_table, table_one
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import DataError, RefusedError, SpecificationError
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

AGE = np.array([70.0, 74.0, 60.0, 64.0, 66.0])
FRAME = {
    "id": [1, 2, 3, 4, 5],
    "months": [9.0, 9.0, 9.0, 2.0, 9.0],
    "death": [1, 1, 0, 1, 0],
    "start": [2.0, 5.0, None, None, None],
    "age": AGE,
    "male": [1, 0, 1, 1, 0],
    "grade": ["A", "B", "A", "A", "B"],
}


@pytest.fixture
def cohort():
    return Cohort.from_frame(
        FRAME,
        DataSpec(patient="id", time="months", event="death"),
        TreatmentSpec(name="ihlrt", start="start"),
        covariates=["age", "male", "grade"],
    )


def test_table_one_by_hand(cohort):
    found = table_one(cohort, "ihlrt")
    assert found.patients == (2, 3)
    assert found.note == HINDSIGHT
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["age", "male", "grade: A", "grade: B"]
    assert (rows["age"].treated, rows["age"].untreated) == ("72 (71 to 73)", "64 (62 to 65)")
    assert (rows["age"].total, rows["male"].total) == ("66 (64 to 70)", "3 (60 %)")
    assert (rows["male"].treated, rows["male"].untreated) == ("1 (50 %)", "2 (67 %)")
    one, zero = AGE[:2], AGE[2:]
    smd = (one.mean() - zero.mean()) / np.sqrt((one.var(ddof=1) + zero.var(ddof=1)) / 2)
    assert rows["age"].smd == pytest.approx(smd)
    assert found.largest_smd == pytest.approx(smd)
    assert found.frame.columns.tolist() == [
        "all (n = 5)",
        *("ever ihlrt (n = 2)", "never ihlrt (n = 3)", "SMD"),
    ]


def test_at_a_landmark_only_those_who_are_followed_then(cohort):
    found = table_one(cohort, "ihlrt", covariates=["age"], landmark=3.0)
    assert found.patients == (1, 3)
    assert found.arms == ("ihlrt by month 3", "no ihlrt by then")
    with pytest.raises(RefusedError, match="ihlrt by month 1: 0 patients"):
        table_one(cohort, "ihlrt", landmark=1.0)
    with pytest.raises(SpecificationError, match="the cohort lacks it"):
        table_one(cohort, "ihlrt", covariates=["agee"])


def test_a_landmark_counts_who_was_there():
    """Late entrants were not there, whenever they were treated; covariates are at time zero."""
    frame = {
        "id": ["a", "b", "c", "d", "e", "f"],
        "entry": [0.0, 0.0, 1.0, 5.0, 6.0, 0.0],
        "months": [9.0, 9.0, 9.0, 12.0, 12.0, 2.0],
        "death": [1, 1, 0, 1, 1, 1],
        "start": [2.0, None, None, 7.0, None, None],
        "age": [70.0, 60.0, 64.0, 20.0, 21.0, 22.0],
    }
    data = DataSpec(patient="id", time="months", event="death", entry="entry")
    drug = TreatmentSpec(name="ihlrt", start="start", design="landmark", landmark=3.0)
    cohort = Cohort.from_frame(frame, data, drug, covariates=["age"])
    found = table_one(cohort, "ihlrt", landmark=3.0)
    assert found.patients == (1, 2)
    assert found.note == (
        "Patients followed at month 3, with their covariates at time zero; 3 of 6 were not there "
        "then."
    )
    rows = person_time(cohort, drug)
    assert rows.columns["patient"].tolist() == ["a", "b", "c"]
    assert rows.columns["ihlrt"].tolist() == [1.0, 0.0, 0.0]
    assert dict(rows.provenance.dropped) == {
        "d": "not yet followed at a landmark (delayed entry)",
        "e": "not yet followed at a landmark (delayed entry)",
        "f": "event or end of follow-up by the landmark (3 months)",
    }


@pytest.mark.parametrize(
    ("counts", "said", "direction", "ratio"),
    [
        (((0, 0), (10, 40)), "nobody affected in either arm", False, False),
        (((10, 40), (10, 40)), "everybody affected in both arms", False, False),
        (((3, 0), (10, 40)), "nobody affected among the untreated", True, False),
        (((0, 5), (10, 40)), "", True, True),
        (((3, 5), (10, 40)), "", True, True),
    ],
)
def test_nothing_is_said_that_the_prior_alone_says(counts, said, direction, ratio):
    """0 of 10 and 0 of 40 gave P(higher) 0.70 and a ratio of 3.8: the sizes of the arms."""
    (y1, y0), (n1, n0) = counts
    treated = np.repeat([1, 0], [n1, n0])
    flags = np.concatenate([np.arange(n1) < y1, np.arange(n0) < y0]).astype(int)
    (row,) = adverse_event_table({"severe": flags}, treated, seed=1).rows
    assert row.note.startswith(said)
    assert bool(row.note) is bool(said)
    assert (row.prob_higher is not None) is direction
    assert np.isfinite(list(row.ratio.values())).all() == ratio
    assert np.isfinite(list(row.difference.values())).all()
    assert row.to_dict()["note"] == row.note


def test_response_rates_of_the_synthetic_cohort():
    findings, cohort = (
        datasets.columns(name) for name in ("ihlrt_synthetic_findings", "ihlrt_synthetic")
    )
    assert findings["patient_id"].tolist() == cohort["patient_id"].tolist()
    treated = np.isfinite(cohort["ihlrt_months"])
    best = response_table(findings["best_response"], treated, best=True, seed=1)
    orr, dcr = best.rows
    responded = np.isfinite(cohort["response_months"])
    assert orr.counts.events == (int(responded[treated].sum()), int(responded[~treated].sum()))
    assert orr.counts.patients == dcr.counts.patients == (20, 60)
    assert "conditions on the future" in best.note
    initial = response_table(findings["initial_response"], treated, best=False, seed=1)
    for first, ever in zip(initial.rows, best.rows, strict=True):
        assert first.counts.events <= ever.counts.events
    events = adverse_event_table({"severe": findings["severe_adverse_event"]}, treated, seed=1)
    (row,) = events.rows
    low, high = row.difference["q2.5"], row.difference["q97.5"]
    assert low < row.counts.shares[0] - row.counts.shares[1] < high
    assert row.to_dict()["treated"].startswith(f"{row.counts.events[0]}/20")
    assert list(events.frame.index) == ["severe"]


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(DataError, match="response 'XX'"):
        response_table(["XX", "PR"], [0, 1], best=True, seed=1)
    with pytest.raises(DataError, match="3 patients, and treatment of 2"):
        response_table(["PR", "PR", "SD"], [0, 1], best=True, seed=1)
    with pytest.raises(DataError, match="other than 0 and 1"):
        adverse_event_table({"rash": [2, 0]}, [0, 1], seed=1)
    with pytest.raises(DataError, match="found 0 of 0"):
        adverse_event_table({"rash": [1, 0]}, [1, 1], seed=1)
