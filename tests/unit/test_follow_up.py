"""How patients were followed: by hand, and against another route."""

import numpy as np
import pytest

from bayes_ihlrt.analysis.follow_up import (
    flow_data,
    follow_up_by_arm,
    follow_up_by_state,
    patient_flow,
    swimmer_data,
    treatment_starts,
    treatment_starts_data,
)
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.product_limit import aalen_johansen, kaplan_meier, median_time
from bayes_ihlrt.results.drawings import load_drawing, save_drawing
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

DATA = DataSpec(patient="id", time="months", event="death", drop_missing=True)
FRAME = {
    "id": ["ann", "bob", "cyd", "dan", "eve", "fay"],
    "months": [9.0, 8.0, 4.0, 6.0, 12.0, 5.0],
    "death": [1, 0, 1, 0, 0, 1],
    "start": [2.0, 3.0, None, None, 5.0, None],
    "age": [70.0, 60.0, 64.0, 66.0, 71.0, None],
}


def cohort_of(**treatment):
    spec = TreatmentSpec(name="ihlrt", start="start", **treatment)
    visits = VisitsSpec(every=1.0) if treatment.get("grace") else None
    return Cohort.from_frame(FRAME, DATA, spec, covariates=["age"], visits=visits), spec


def test_follow_up_by_state_by_hand():
    rows = {row["state"]: row for row in follow_up_by_state(cohort_of()[0], "ihlrt")}
    assert [(row["patients"], row["events"]) for row in rows.values()] == [(5, 2), (5, 1), (3, 1)]
    assert [row["months"] for row in rows.values()] == [39.0, 20.0, 19.0]
    # Ends without the event at 6, 8 and 12 months, deaths at 4 and 9 censored: 3/4, 3/4 * 2/3.
    assert rows["all patients"]["median"] == 8.0
    # Since the start: 7 (death), 5 and 7 (ends).
    assert rows["treated"]["median"] == 7.0
    assert rows["untreated"]["median"] == 6.0


def test_follow_up_by_arm_by_hand_where_arms_are_known_at_the_start():
    cohort, treatment = cohort_of(design="clone-censor-weight", grace=3.0)
    told = follow_up_by_arm(cohort, person_time(cohort, treatment), treatment)
    rows = {row["state"]: row for row in told}
    assert list(rows) == ["all patients", "never ihlrt", "ihlrt within 3 months"]
    # Never: left at 2, 3 and 5 when treated, death at 4, end at 6: nobody else is left then.
    never = rows["never ihlrt"]
    assert (never["patients"], never["events"], never["months"]) == (5, 1, 20.0)
    assert (never["since"], never["median"]) == ("time zero", 6.0)
    # Within 3 months: two are left out at 3, two deaths; bob's follow-up ends at 8.
    assert rows["ihlrt within 3 months"]["patients"] == 5
    assert rows["ihlrt within 3 months"]["median"] == 8.0


@pytest.mark.parametrize("design", ["split", "ever-never"])
def test_follow_up_is_not_told_by_arms_known_in_hindsight(design):
    own = {"acknowledge_immortal_time_bias": True} if design == "ever-never" else {}
    cohort, treatment = cohort_of(design=design, **own)
    assert follow_up_by_arm(cohort, person_time(cohort, treatment), treatment) is None


def test_starts_tell_quartiles_and_no_single_patient():
    found = treatment_starts(cohort_of()[0], "ihlrt")
    assert (found["patients"], found["started"], found["before"]) == (5, 3, 0)
    assert (found["event"], found["ended"]) == (1, 1)
    assert found["months"] == [2.5, 3.0, 4.0]


def test_the_event_before_treatment_competes():
    data = treatment_starts_data(cohort_of()[0], "ihlrt", np.array([0.0, 4.0]))
    started = data["incidence"].sel(end="started")
    assert float(started[-1]) == pytest.approx(0.2 + 0.2 + 0.6 * 2 / 3 * 0.5)
    assert data["at_risk"].to_numpy().tolist() == [5, 3]


def test_ends_without_competition_are_one_less_survival():
    rng = np.random.default_rng(3)
    stop, start = rng.exponential(size=60) + 0.1, np.zeros(60)
    cause = rng.integers(0, 2, size=60)
    found = aalen_johansen(start, stop, cause)["incidence"][0]
    curve = kaplan_meier(start, stop, cause.astype(float))["survival"]
    np.testing.assert_allclose(found, 1.0 - curve, atol=1e-12)


def test_median_of_follow_up_has_its_interval_by_hand():
    """The band is S ** exp(-+1.96 se / |log S|), se squared being 1 / n left - 1 / 10.

    Below, 0.9 ** exp(1.96) = 0.47 at month 1; above, 0.3 ** exp(-0.79) = 0.58 at month 7 and
    0.2 ** exp(-0.77) = 0.48 at month 8.
    """
    times = np.arange(1.0, 11.0)
    assert median_time(kaplan_meier(np.zeros(10), times, np.ones(10))) == (5.0, 1.0, 8.0)


@pytest.mark.parametrize(
    ("design", "unit", "arms"),
    [
        ({}, "patients in the state", [(5, 1, 3, 1), (3, 1, 0, 2)]),
        (
            {"design": "clone-censor-weight", "grace": 3.0},
            "clones",
            [(5, 1, 3, 1), (5, 1, 3, 1)],
        ),
        (
            {"design": "landmark", "landmark": 3.0},
            "patients at a landmark",
            [(3, 1, 0, 2), (2, 1, 0, 1)],
        ),
    ],
)
def test_flow_adds_up_whatever_the_design(design, unit, arms):
    cohort, treatment = cohort_of(**design)
    flow = patient_flow(cohort, person_time(cohort, treatment), treatment)
    assert (flow["assessed"], flow["unit"]) == (6, unit)
    lost = sum(one["patients"] for one in flow["left_out"])
    assert flow["assessed"] == flow["analysed"] + lost
    assert flow["left_out"][0] == {"reason": "age is missing", "patients": 1}
    for arm in flow["arms"]:
        assert arm["follow_ups"] == arm["events"] + arm["censored"] + arm["ended"]
    keys = ("follow_ups", "events", "censored", "ended")
    assert [tuple(arm[key] for key in keys) for arm in flow["arms"]] == arms
    assert flow_data(flow).sizes == {"arm": 2}


def test_courses_hold_no_identifier_and_come_back_as_they_were(tmp_path):
    data = swimmer_data(cohort_of()[0], "ihlrt")
    assert data["end"].to_numpy().tolist() == [12.0, 9.0, 8.0, 6.0, 4.0]
    assert data["line"].to_numpy().tolist() == [1, 2, 3, 4, 5]
    save_drawing("swimmer", data, tmp_path / "x.nc")
    kind, found = load_drawing(tmp_path / "x.nc")
    assert kind == "swimmer"
    assert found.identical(data)
    assert b"ann" not in (tmp_path / "x.nc").read_bytes()
