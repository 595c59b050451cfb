"""Events between scans: the data, what is refused in words, Turnbull's curve, words of `check`."""

import tomllib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from bayes_ihlrt.cohort.datasets import follow_up_fingerprint
from bayes_ihlrt.cohort.intervals import schedule_notes
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.estimands import turnbull as estimate
from bayes_ihlrt.estimands.product_limit import kaplan_meier, on_curve
from bayes_ihlrt.estimands.turnbull import called, turnbull, turnbull_of
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.names import LAST_FREE
from bayes_ihlrt.proposal.first_specification import first_specification
from bayes_ihlrt.proposal.recognise import answered, recognise
from bayes_ihlrt.report.narrative import rests_on
from bayes_ihlrt.sensitivity.scans import at_share
from bayes_ihlrt.sensitivity.structure import variants
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.spec.treatment import TreatmentSpec

SCANS = {"left": "free", "right": "found"}
IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt")
SPECIFICATION = """
schema = 2
name = "scans"
[data]
patient = "id"
event = { left = "free", right = "found" }
[treatment]
name = "ihlrt"
start = "ihlrt"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "ihlrt * nlr"
"""
# Between scans, before the first, exact, not found; treated within, at the scan, late, never.
FRAME = {
    "id": ["a", "b", "c", "d", "e"],
    "free": [2.0, None, 6.0, 9.0, 3.0],
    "found": [5.0, 4.0, 6.0, None, 7.0],
    "ihlrt": [3.0, 4.0, 6.0, 11.0, None],
    "nlr": [2.0, 3.0, 4.0, 5.0, 6.0],
}


def spec_of(**more):
    return DataSpec(patient="id", event=SCANS, **more)


def cohort(change=None, data=None, treatment=IHLRT, covariates=("nlr",)):
    frame = {**FRAME, **(change or {})}
    return Cohort.from_frame(frame, data or spec_of(), treatment, covariates=covariates)


def test_patients_are_followed_until_the_last_scan_that_tells_anything():
    found = cohort()
    np.testing.assert_allclose(found.columns["stop"], [5.0, 4.0, 6.0, 9.0, 7.0])
    assert found.columns["event"].tolist() == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert found.columns[LAST_FREE].tolist() == [2.0, 0.0, np.inf, np.inf, 3.0]
    # At the scan, and after the last one, treatment comes too late for what was found; where the
    # time is exact, a treatment that starts then comes first, as everywhere.
    assert found.columns["treatment_start"].tolist() == [3.0, np.inf, 5.5, np.inf, np.inf]
    scans, late = found.notes
    assert scans == (
        "EVENT BETWEEN SCANS in 3 patients, 4 months apart in the median (longest 4); 1 of them "
        "had no scan before it. The time is exact in 1, and the event was not found in 1."
    )
    assert late.startswith("2 patients were treated at the scan that found the event or after")


def test_rows_are_cut_at_the_last_scan_without_and_where_treatment_starts_between():
    rows = person_time(cohort(), IHLRT)
    own = rows.columns["patient"] == "a"
    assert rows.columns["start"][own].tolist() == [0.0, 2.0, 3.0]
    assert rows.columns["ihlrt"][own].tolist() == [0.0, 0.0, 1.0]
    assert rows.columns["event"][own].tolist() == [0.0, 0.0, 1.0]
    assert rows.uncertain[own].tolist() == [False, True, True]
    assert rows.uncertain[rows.columns["patient"] == "c"].tolist() == [False, False]
    assert rows.events == 4


def test_of_an_event_found_after_treatment_began_nobody_says_that_it_came_after():
    """Treatment of patient a began at 3, and the event came between 2 and 5."""
    rows = person_time(cohort(), IHLRT)
    told = rests_on(rows, parse_spec(SPECIFICATION))
    assert told == "5 patients, 4 events; 2 of them found after ihlrt began, in 2 patients"


def test_units_and_dates_are_those_of_any_time():
    weeks = cohort({"ihlrt": [None, 3.0, None, None, None]}, spec_of(time_unit="weeks"))
    per = 7.0 / 30.4375
    np.testing.assert_allclose(weeks.columns[LAST_FREE][[0, 1, 4]], [2.0 * per, 0.0, 3.0 * per])
    dated = {
        "id": ["a", "b"],
        "zero": ["2024-01-01", "2024-01-01"],
        "free": ["2024-03-01", "2024-06-01"],
        "found": ["2024-05-01", None],
    }
    found = Cohort.from_frame(dated, spec_of(origin="zero"), None)
    np.testing.assert_allclose(found.columns[LAST_FREE], [60 / 30.4375, np.inf])
    np.testing.assert_allclose(found.columns["stop"], [121 / 30.4375, 152 / 30.4375])


def test_entry_begins_the_interval_and_is_no_earlier_than_the_scan_before():
    entered = cohort({"entry": [1.0, 2.0, 1.0, 0.0, 4.0], "ihlrt": [3.0] + [None] * 4},
                     spec_of(entry="entry"))  # fmt: skip
    assert entered.columns[LAST_FREE].tolist() == [2.0, 2.0, np.inf, np.inf, 4.0]


def test_every_fault_of_scans_is_told_at_once_by_patient():
    change = {
        "free": [6.0, -1.0, 6.0, None, 3.0],
        "found": [5.0, 4.0, -6.0, None, 2.0],
        "entry": [0.0, 0.0, 0.0, 1.0, 2.5],
        "ihlrt": [None, 1.0, None, None, None],
    }
    with pytest.raises(DataError) as told:
        cohort(change, spec_of(entry="entry"))
    text = str(told.value)
    assert "4 faults" in text
    assert "1 of 5 values is before time zero: -1 (patient b)" in text
    assert "1 of 5 values is before time zero: -6 (patient c)" in text
    assert "found before the last scan without it: free at 6, found at 5 (patient a)" in text
    assert "1 of 5 patients is without a scan after observation began (patient d)" in text


def test_an_event_at_or_before_entry_is_told():
    with pytest.raises(DataError, match=r"found at 2, entry 2 \(patient b\)"):
        cohort({"entry": [0.0, 2.0, 0.0, 0.0, 0.0], "found": [5.0, 2.0, 6.0, None, 7.0],
                "ihlrt": [3.0] + [None] * 4}, spec_of(entry="entry"))  # fmt: skip


def test_nobody_with_the_event_is_told():
    with pytest.raises(DataError, match="the event was found in nobody"):
        cohort({"found": [None] * 5, "free": [2.0] * 5, "ihlrt": [1.0] + [None] * 4})


def test_a_code_for_not_known_is_no_never():
    with pytest.raises(DataError, match="never if these were never found with the event"):
        cohort({"found": ["5", "n.d.", "6", "", "7"]}, spec_of(missing=["n.d."]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('time = "t"', "tells the follow-up itself, one row a patient. Found `time` too"),
        ('start = "s"\nstop = "t"', "Found `start` and `stop` too"),
    ],
)
def test_follow_up_is_not_told_twice(change, told):
    with pytest.raises(SpecificationError, match=told):
        parse_spec(SPECIFICATION.replace('patient = "id"', f'patient = "id"\n{change}'))


def test_both_ends_are_needed_and_differ():
    with pytest.raises(SpecificationError, match="right"):
        parse_spec(SPECIFICATION.replace(', right = "found"', ""))
    with pytest.raises(SpecificationError, match="both name the column 'free'"):
        parse_spec(SPECIFICATION.replace('"found"', '"free"'))


def test_what_needs_known_times_is_refused_in_words():
    landmark = SPECIFICATION.replace(
        'start = "ihlrt"', 'start = "ihlrt"\ndesign = "landmark"\nlandmark = 3.0'
    )
    with pytest.raises(SpecificationError, match="between scans nobody knows whether they are"):
        parse_spec(landmark)
    with pytest.raises(SpecificationError, match="neither weighted nor adjusted"):
        parse_spec(SPECIFICATION + '[propensity]\nformula = "nlr"\n')
    late = TreatmentSpec(name="ihlrt", start="ihlrt", design="landmark", landmark=3.0)
    with pytest.raises(SpecificationError, match="'split', 'ever-never', 'fixed'"):
        person_time(cohort(), late)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            '{ left = "free", rigth = "found" }',
            "[data.event] rigth: there is no such key. Did you mean 'right'? Allowed: left, right.",
        ),
        (
            '{ column = "cause", vales = { tumour = 1, liver = 2 } }',
            "[data.event] vales: there is no such key. Did you mean 'values'? Allowed: censored, "
            "column, value, values.",
        ),
    ],
)
def test_a_key_of_the_event_is_answered_with_those_of_its_form(written, told):
    text = SPECIFICATION.replace('{ left = "free", right = "found" }', written)
    text = text.replace('patient = "id"\n', 'patient = "id"\n' + 'time = "t"\n' * ("vales" in text))
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text)
    assert f"  - {told}" in str(caught.value)
    assert "aliases" not in str(caught.value)


@pytest.mark.parametrize("scans", ['left = "free", right = "found"', 'left = "free"'])
def test_causes_and_scans_are_one_fault(scans):
    both = f'{{ {scans}, column = "cause", values = {{ tumour = 1, liver = 2 }} }}'
    text = SPECIFICATION.replace('{ left = "free", right = "found" }', both)
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text)
    assert str(caught.value) == (
        "specification: 1 fault\n"
        "  - [data.event]: an event between scans (`left`, `right`) and one by the values of a "
        "column do not go together, competing causes neither. Found `column` and `values` too: "
        "remove it, or `left` and `right`."
    )


def test_the_ladder_lists_rungs_that_it_cannot_estimate():
    spec = parse_spec(SPECIFICATION)
    plans = plan_rungs(spec, cohort())
    estimated = [plan.rung for plan in plans if plan.refused is None]
    assert estimated == ["ever-never", "split"]
    refused = [plan for plan in plans if plan.refused is not None]
    assert refused
    assert all("nobody knows who is" in str(plan.refused) for plan in refused)


def test_structure_takes_the_event_at_the_scan_and_half_way():
    names = [variant.name for variant in variants(parse_spec(SPECIFICATION))]
    assert names[-2:] == ["event at the scan", "event half-way between scans"]
    with pytest.raises(SpecificationError, match=r"landmark \(found 3, 6\)"):
        parse_spec(SPECIFICATION + "[sensitivity.structure]\nlandmarks = [3.0, 6.0]\n")
    none = parse_spec(SPECIFICATION + "[sensitivity.structure]\nlandmarks = []\n")
    assert [variant.name for variant in variants(none)] == names
    written = parse_spec(parse_spec(SPECIFICATION).to_toml())
    assert written == parse_spec(SPECIFICATION)
    plain = SPECIFICATION.replace('{ left = "free", right = "found" }', '"died"\ntime = "t"')
    assert not any("scan" in variant.name for variant in variants(parse_spec(plain)))


@pytest.mark.parametrize(("share", "stops"), [(1.0, [5, 4, 6, 9, 7]), (0.5, [3.5, 2, 6, 9, 5])])
def test_one_time_between_scans(share, stops):
    found = at_share(cohort({"ihlrt": [4.0, 1.0, None, None, None]}), share)
    np.testing.assert_allclose(found.columns["stop"], stops)
    assert LAST_FREE not in found.columns
    # Half-way between 2 and 5 is before the treatment at 4 began.
    assert found.columns["treatment_start"][0] == (4.0 if share == 1.0 else np.inf)


def arms(treated, without):
    """Columns of patients with scans so many months apart, under treatment and without."""
    width = np.array([*treated, *without])
    start = np.array([0.0] * len(treated) + [np.inf] * len(without))
    return {
        "patient": np.array([f"p{number}" for number in range(len(width))], dtype=object),
        "start": np.zeros(len(width)),
        "stop": 4.0 + width,
        "event": np.ones(len(width)),
        LAST_FREE: np.full(len(width), 4.0),
        "treatment_start": start,
    }


def test_visit_schedules_that_differ_by_treatment_are_told():
    (apart,) = schedule_notes(arms([3.5] * 6, [2.0] * 6), "ihlrt")
    assert apart.startswith(
        "SCANS DIFFER BY TREATMENT: around the event they were apart, in the median, 3.5 months "
        "under treatment (6), 2 months without (6)."
    )
    (alike,) = schedule_notes(arms([2.1] * 6, [2.0] * 6), "ihlrt")
    assert alike.startswith("Scans around the event were apart")
    (few,) = schedule_notes(arms([3.5] * 4, [2.0] * 6), "ihlrt")
    assert few.startswith("Scans around the event were apart")
    assert schedule_notes(arms([3.5] * 6, []), "ihlrt") == []


def test_long_intervals_are_no_schedule_because_starts_lie_in_them():
    """Everybody is scanned alike, at irregular times; treatment starts early and does nothing."""
    rng, told = np.random.default_rng(3), []
    for _ in range(30):
        event, start = rng.exponential(12.0, 200), rng.exponential(4.0, 200)
        free, found = np.zeros(200), rng.gamma(4.0, 0.75, 200)
        while (late := found < event).any():
            free[late] = found[late]
            found[late] += rng.gamma(4.0, 0.75, late.sum())
        columns = {
            "patient": np.array([f"p{number}" for number in range(200)], dtype=object),
            "start": np.zeros(200),
            "stop": found,
            "event": np.ones(200),
            LAST_FREE: free,
            "treatment_start": np.where(start < found, start, np.inf),
        }
        told += schedule_notes(columns, "ihlrt")
    assert sum(note.startswith("SCANS DIFFER") for note in told) <= 1


def test_two_columns_of_scans_are_recognised():
    columns = {
        "Pat": ["p1", "p2", "p3", "p4"],
        "Letzter Scan ohne Progress (Monate)": [2.0, None, 4.0, 6.5],
        "Scan mit Progress (Monate)": [4.0, 2.0, None, 8.5],
        "TACE (Monate)": [1.0, None, 3.0, None],
        "NLR": [2.1, 4.0, 3.0, 5.0],
    }
    found = recognise(Table("f.csv", tuple(columns), columns, 4))
    text = first_specification(found, name="f", file="f.csv", seed=None)
    left, right = (name for name in columns if "Scan" in name)
    assert f'event = {{ left = "{left}", right = "{right}" }}' in text
    assert "\ntime = " not in text
    labels = tomllib.loads(text)["data"].get("labels", {})
    assert labels.get(right) == ("progression" if "progress" in right.casefold() else None)
    turned = {**columns, left: [5.0, None, 4.0, 9.5]}
    assert not recognise(Table("f.csv", tuple(turned), turned, 4)).scans


def of_survival(**more):
    """A file of patients with survival, and other columns."""
    columns = {
        "Pat": ["p1", "p2", "p3", "p4", "p5"],
        "OS (Monate)": [9.0, 14.5, 6.0, 11.0, 3.5],
        "Tod": [1, 0, 1, 0, 1],
        "TACE (Monate)": [1.0, None, 3.0, None, None],
        "NLR": [2.1, 4.0, 3.0, 5.0, 2.5],
        **more,
    }
    return recognise(Table("f.csv", tuple(columns), columns, 5))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Volume left lobe (mL)", "Volume right lobe (mL)"),
        ("CT volume left (mL)", "CT volume right (mL)"),
        ("Linker Lappen, links (MRT)", "Rechter Lappen, rechts (MRT)"),
    ],
)
def test_two_sides_of_the_liver_are_no_scans(left, right):
    found = of_survival(
        **{left: [410.0, 455.0, 520.0, 390.0, 460.0], right: [980.0, 1100.0, None, 1020.0, 990.0]}
    )
    assert not found.scans
    assert (found.guesses["time"].value, found.guesses["event"].value) == ("OS (Monate)", "Tod")


BOTH = {
    "Last scan without progression (months)": [2.0, 1.5, 4.0, 6.5, 1.0],
    "Scan with progression (months)": [4.0, 3.5, None, 8.5, 3.0],
}


def test_scans_beside_another_event_are_a_question_that_names_both():
    found = of_survival(**BOTH)
    left, right = BOTH
    event = found.guesses["event"]
    assert not found.scans
    assert event.open
    assert event.choices == ("Tod", left)
    assert "that of Tod, at OS (Monate); or that found between two scans?" in event.why
    assert f'event = {{ left = "{left}", right = "{right}" }} without time' in event.why
    text = first_specification(found, name="f", file="f.csv", seed=None)
    assert '\ntime = "OS (Monate)"\n' in text
    assert '\nevent = "?"\n' in text


def test_the_answer_decides_between_scans_and_the_other_event():
    left, right = BOTH
    scans = answered(of_survival(**BOTH), "event", left)
    assert scans.scans
    assert (scans.guesses["event"].value, scans.guesses["time"].value) == (left, right)
    # A scan is no event: people read what it found.
    told = first_specification(scans, name="f", file="f.csv", seed=None)
    assert tomllib.loads(told)["data"]["labels"][right] == "progression"
    death = answered(of_survival(**BOTH), "event", "Tod")
    assert not death.scans
    assert death.guesses["time"].value == "OS (Monate)"


def test_of_two_times_the_scan_is_a_third():
    found = of_survival(**BOTH, **{"PFS (Monate)": [3.0, 2.5, 6.0, 7.5, 2.0]})
    assert found.guesses["time"].choices == ("OS (Monate)", "PFS (Monate)", [*BOTH][1])
    assert answered(found, "time", [*BOTH][1]).scans
    assert not answered(found, "time", "OS (Monate)").scans


def test_turnbull_is_kaplan_meier_where_times_are_exact():
    rng = np.random.default_rng(4)
    stop, event = rng.exponential(5.0, 60), (rng.random(60) < 0.7).astype(float)
    entry = np.where(rng.random(60) < 0.4, stop * rng.random(60) * 0.5, 0.0)
    found = turnbull(entry, stop, np.where(event == 1.0, stop, np.inf))
    known = kaplan_meier(entry, stop, event)
    at = np.array([1.0, 3.0, 6.0])
    step = known["survival"].values[np.searchsorted(known["time"].values, at, side="right") - 1]
    np.testing.assert_allclose(found["survival"].interp(time=at), step, atol=1e-6)


def test_turnbull_maximises_the_likelihood_of_intervals():
    """A second route: masses on every cell between ends, by SciPy, with late entry."""
    left = np.array([0.0, 1.0, 2.0, 2.0, 4.0, 3.0, 5.0])
    right = np.array([2.0, 3.0, 4.0, 6.0, np.inf, 5.0, np.inf])
    entry = np.array([0.0, 0.5, 0.0, 1.0, 0.0, 2.5, 2.2])
    edges = np.unique(np.concatenate([[0.0], left, right, entry]))
    low, high = edges[:-1], edges[1:]
    inside = (low >= left[:, None]) & (high <= right[:, None])
    after = low >= entry[:, None]

    def loss(x):
        mass = np.exp(x - x.max())
        mass /= mass.sum()
        return -(np.log(inside @ mass) - np.log(after @ mass)).sum()

    best = minimize(loss, np.zeros(len(low)), tol=1e-12, options={"gtol": 1e-9})
    mass = np.exp(best.x - best.x.max())
    found = turnbull(entry, left, right)
    level = np.array([2.0, 4.0])
    expected = [1.0 - (mass / mass.sum())[high <= each].sum() for each in level]
    np.testing.assert_allclose(found["survival"].interp(time=level), expected, atol=1e-6)
    without = turnbull(np.zeros(7), left, right)["survival"].interp(time=level)
    assert (np.abs(without - expected) > 0.01).all()


def test_a_search_whose_steps_are_alike_to_the_last_digit_ends():
    """Its extrapolation overflowed: two steps differed by nothing, and nothing was divided by."""
    entry, left = np.array([2.0, 1.0, 0.0, 3.0, 0.0, 0.0]), np.array([2.0, 2.0, 3.0, 4.0, 1.0, 0.0])
    right = np.array([3.0, np.inf, 3.0, 7.0, 4.0, 1.0])
    found = turnbull(entry, left, right)
    assert found.attrs["reached"]
    # By hand: the first dies of three under observation by 1, of the others all by 3.
    level = found["survival"].interp(time=[1.0, 3.0])
    np.testing.assert_allclose(level, [2.0 / 3.0, 0.0], atol=1e-6)


@st.composite
def seen_at_scans(draw):
    """Whole months at which patients entered, were free and had the event: ties everywhere."""
    months, ahead = st.integers(0, 6), st.integers(0, 4)
    patients = draw(
        st.lists(st.tuples(months, ahead, ahead, st.booleans()), min_size=1, max_size=7)
    )
    rows = [
        (entry, entry + free, np.inf if never else entry + max(free + found, 1))
        for entry, free, found, never in patients
        if not (never and free == 0)
    ]
    assume(rows)
    return (np.array(column, dtype=float) for column in zip(*rows, strict=True))


@given(seen_at_scans())
@settings(max_examples=60, deadline=None)
def test_turnbull_falls_from_one_for_all_that_scans_can_tell(seen):
    found = turnbull(*seen)
    curve = found["survival"].to_numpy()
    assert curve[0] == 1.0
    assert (np.diff(curve) <= 1e-12).all()
    assert found.attrs["reached"]


def log_likelihood(curve, entry, left, right):
    """Of intervals, by differences of a curve; an exact time is a narrow interval."""
    left = np.where(right > left, left, right - 1e-9)
    at = [np.interp(each, curve["time"], curve["survival"]) for each in (entry, left)]
    after = np.interp(np.where(np.isfinite(right), right, 0.0), curve["time"], curve["survival"])
    return np.log((at[1] - np.where(np.isfinite(right), after, 0.0)) / at[0]).sum()


@given(seen_at_scans())
@settings(max_examples=40, deadline=None)
def test_no_masses_are_likelier_than_what_turnbull_finds(seen):
    """A second route: masses of every cell between ends, by SciPy."""
    entry, left, right = seen
    found = turnbull(entry, left, right)
    assume(float(found["survival"].sel(time=slice(0.0, entry.max())).min()) > 1e-3)
    left = np.where(right > left, left, right - 1e-9)
    edges = np.unique(np.concatenate([[0.0, 99.0], left, right[np.isfinite(right)], entry]))
    low, high = edges[:-1], edges[1:]
    inside = (low >= left[:, None]) & (high <= right[:, None])
    after = low >= entry[:, None]

    def loss(x):
        mass = np.exp(x - x.max())
        return -(np.log(inside @ mass) - np.log(after @ mass)).sum()

    alive = np.interp(edges, found["time"], found["survival"])
    alive[-1] = 0.0
    here = loss(np.log(np.maximum(-np.diff(alive), 1e-12)))
    assert minimize(loss, np.zeros(len(low)), method="BFGS").fun > here - 0.01


def test_who_is_alone_under_observation_has_the_event_and_nobody_lives_on():
    """By hand: each comes after the other, is at risk alone and has the event within the month.

    That alone gives a likelihood of 1, which no search by shares of all events ever gets to.
    """
    entry = np.arange(4.0)
    found = turnbull(entry, entry, entry + 1.0)
    assert found.attrs["reached"]
    assert found["survival"].interp(time=[0.0, 1.0, 4.0]).values.tolist() == [1.0, 0.0, 0.0]


def test_a_curve_is_level_where_nobody_is_under_observation():
    """One is seen free until 1, the others from 3: of three, one has the event by 4."""
    entry, left = np.array([0.0, 3.0, 3.0, 3.0]), np.array([1.0, 3.0, 6.0, 6.0])
    found = turnbull(entry, left, np.array([np.inf, 4.0, np.inf, np.inf]))
    level = found["survival"].interp(time=[1.0, 3.0, 4.0])
    np.testing.assert_allclose(level, [1.0, 1.0, 2.0 / 3.0], atol=1e-6)


def test_a_search_that_ends_before_the_maximum_is_told(monkeypatch):
    rng = np.random.default_rng(2)
    left = rng.uniform(0.0, 9.0, 60)
    seen = (np.zeros(60), left, left + rng.uniform(0.5, 4.0, 60))
    assert called(turnbull(*seen)) == "Turnbull"
    monkeypatch.setattr(estimate, "_STEPS", 2)
    estimate._estimate.cache_clear()
    assert called(turnbull(*seen)) == "Turnbull (search not finished)"
    estimate._estimate.cache_clear()


def test_ticks_of_the_censored_stand_on_the_straight_curve():
    """Nobody knows where it falls between 2 and 5: half-way at 3.5, not at the level of 2."""
    at, level = np.array([0.0, 2.0, 5.0]), np.array([1.0, 1.0, 0.4])
    assert on_curve((at, level), np.array([3.5]), straight=True)[1].tolist() == [0.7]
    assert on_curve((at, level), np.array([3.5]), straight=False)[1].tolist() == [1.0]


def test_turnbull_of_rows_reads_the_intervals_of_patients():
    found = turnbull_of(person_time(cohort(), IHLRT))
    by_hand = turnbull(
        np.zeros(5), np.array([2.0, 0.0, 6.0, 9.0, 3.0]), np.array([5.0, 4.0, 6.0, np.inf, 7.0])
    )
    np.testing.assert_allclose(found["survival"], by_hand["survival"])


def test_two_ways_to_read_the_scans_are_two_follow_ups():
    one, other = (
        follow_up_fingerprint(cohort({"free": [free, None, 6.0, 9.0, 3.0]}).columns)
        for free in (2.0, 1.0)
    )
    assert one != other
