"""Rows of transitions counted by hand; ties; every fault of times and names."""

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.multistate.rows import transitions
from bayes_ihlrt.spec.states import Transition
from bayes_ihlrt.spec.treatment import TreatmentSpec
from states_cases import IHLRT, simulated, toy_cohort

BOTH = {"response": "response", "progression": "progression"}


def rows(table):
    """Patient, start, stop, event, treatment, response of each row."""
    names = ("patient", "start", "stop", "event", "ihlrt", "response")
    return list(zip(*(table.columns[name].tolist() for name in names), strict=True))


def test_rows_of_a_small_cohort():
    """Patient a responds at 2, is treated at 5, progresses at 7 and dies at 10; d at 2 both."""
    found = transitions(toy_cohort(), IHLRT, **BOTH)
    assert rows(found.rows[Transition.RESPONSE]) == [
        ("a", 0, 2, 1, 0, 0),
        ("b", 0, 4, 1, 0, 0),
        ("c", 0, 3, 0, 0, 0),
        ("c", 3, 4, 0, 1, 0),
        ("d", 0, 2, 1, 0, 0),
        ("e", 0, 3, 0, 0, 0),
        ("f", 0, 5, 0, 0, 0),
    ]
    assert rows(found.rows[Transition.INITIATION]) == [
        ("a", 0, 2, 0, 0, 0),
        ("a", 2, 5, 1, 0, 1),
        ("b", 0, 4, 0, 0, 0),
        ("b", 4, 8, 0, 0, 1),
        ("c", 0, 3, 1, 0, 0),
        ("d", 0, 2, 0, 0, 0),
        ("d", 2, 2, 1, 0, 1),
        ("e", 0, 3, 0, 0, 0),
        ("f", 0, 5, 0, 0, 0),
    ]
    assert rows(found.rows[Transition.PROGRESSION])[2] == ("a", 5, 7, 1, 1, 1)
    assert rows(found.rows[Transition.AFTER_PROGRESSION]) == [
        ("a", 7, 10, 1, 1, 1),
        ("c", 4, 6, 0, 1, 0),
        ("d", 9, 12, 1, 1, 1),
        ("e", 3, 9, 1, 0, 0),
    ]
    dead = found.rows[Transition.EVENT]
    assert dead.columns["patient"][dead.columns["event"] == 1.0].tolist() == ["b", "f"]


def test_person_time_and_events_are_all_there():
    """Rows of the event cover the follow-up once; each start of state is one transition."""
    cohort = simulated(300, 1)
    found = transitions(cohort, IHLRT, **BOTH)
    events = [found.rows[kind] for kind in (Transition.EVENT, Transition.AFTER_PROGRESSION)]
    months = sum((t.columns["stop"] - t.columns["start"]).sum() for t in events)
    assert months == pytest.approx(cohort.months, rel=1e-12)
    assert sum(t.columns["event"].sum() for t in events) == cohort.events
    for kind, column in (
        (Transition.RESPONSE, "response_months"),
        (Transition.INITIATION, "treatment_start"),
        (Transition.PROGRESSION, "progression_months"),
    ):
        times = cohort.columns[column]
        counted = found.rows[kind].columns["event"].sum()
        assert counted == (np.isfinite(times) & (times > 0.0)).sum()


def test_what_is_recorded_with_the_event_is_part_of_it():
    times = {
        "response_months": np.array([2.0, 8.0, np.inf, 2.0, np.inf, np.inf]),
        "progression_months": np.array([7.0, 8.0, 4.0, 9.0, 3.0, np.inf]),
    }
    found = transitions(toy_cohort(**times), IHLRT, **BOTH)
    assert rows(found.rows[Transition.EVENT])[3] == ("b", 0, 8, 1, 0, 0)
    assert found.rows[Transition.RESPONSE].columns["event"].sum() == 2
    assert found.rows[Transition.PROGRESSION].columns["event"].sum() == 4


def test_states_at_time_zero():
    times = {
        "response_months": np.array([0.0, 4.0, np.inf, 2.0, np.inf, np.inf]),
        "treatment_start": np.array([5.0, np.inf, 0.0, 2.0, np.inf, np.inf]),
    }
    found = transitions(toy_cohort(**times), IHLRT, response="response")
    assert found.baseline["response"].tolist() == [1, 0, 0, 0, 0, 0]
    assert found.baseline["ihlrt"].tolist() == [0, 0, 1, 0, 0, 0]
    assert "a" not in found.rows[Transition.RESPONSE].columns["patient"]
    assert found.flags == ("ihlrt", "response")


def test_without_response_there_are_two_transitions():
    found = transitions(toy_cohort(), IHLRT)
    assert list(found.rows) == [Transition.INITIATION, Transition.EVENT]
    assert "response" not in found.rows[Transition.EVENT].columns


def test_what_begins_between_stretches_of_observation_is_not_counted_as_seen():
    columns = {
        "patient": np.array(["a", "a", "b", "c"], dtype=object),
        "start": np.array([0.0, 5.0, 0.0, 0.0]),
        "stop": np.array([3.0, 9.0, 6.0, 7.0]),
        "event": np.array([0.0, 1.0, 1.0, 1.0]),
        "treatment_start": np.array([4.0, 4.0, 2.0, np.inf]),
    }
    found = transitions(Cohort(columns), IHLRT)
    assert found.rows[Transition.INITIATION].columns["event"].tolist() == [0.0, 1.0, 0.0]
    assert found.rows[Transition.EVENT].columns["ihlrt"].tolist() == [0.0, 1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"response_months": np.full(6, np.inf)}, "nobody responds"),
        ({"response_months": np.zeros(6)}, "nobody responds"),
        ({"treatment_start": np.full(6, np.inf)}, "nobody starts treatment"),
        ({"treatment_start": np.zeros(6)}, "nobody starts treatment"),
        ({"progression_months": np.full(6, np.inf)}, "nobody progresses"),
        ({"event": np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])}, "no event in this state"),
        ({"event": np.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])}, "no event after progression"),
        (
            {"response_months": np.array([11.0, 9.0, np.inf, 2.0, np.inf, np.inf])},
            r"2 times are after the end of follow-up \(patients a, b\)",
        ),
        (
            {"progression_months": np.array([4.0, np.inf, 4.0, 9.0, 3.0, np.inf])},
            r"time of 'ihlrt': 1 time is at or after 'progression' \(patient a\)",
        ),
        (
            {"progression_months": np.array([7.0, 3.0, 4.0, 9.0, 3.0, np.inf])},
            r"time of 'response': 1 time is at or after 'progression' \(patient b\)",
        ),
    ],
)
def test_bad_times(changes, words):
    with pytest.raises(DataError, match=words):
        transitions(toy_cohort(**changes), IHLRT, **BOTH)


def test_two_faults_are_told_at_once():
    changes = {
        "response_months": np.full(6, np.inf),
        "treatment_start": np.full(6, np.inf),
    }
    with pytest.raises(DataError) as caught:
        transitions(toy_cohort(**changes), IHLRT, **BOTH)
    assert len(caught.value.faults) == 2


def test_bad_names():
    with pytest.raises(SpecificationError, match=r"no time of 'respons'.*Did you mean 'response'"):
        transitions(toy_cohort(), IHLRT, response="respons")
    with pytest.raises(SpecificationError, match="no time of 'response'"):
        transitions(Cohort(toy_cohort().columns), IHLRT, response="response")
    with pytest.raises(SpecificationError, match="both are 'response'"):
        transitions(toy_cohort(), IHLRT, response="response", progression="response")
    landmark = TreatmentSpec(name="ihlrt", start="x", design="landmark", landmark=3.0)
    with pytest.raises(SpecificationError, match="set design = 'split'"):
        transitions(toy_cohort(), landmark, response="response")
