"""Cuts of a flexible baseline, its trend, and what a result says of a baseline that decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.analysis.flexible_baseline import (
    BaselineComparison,
    UnderBaseline,
    baseline_notes,
    changes_during_follow_up,
)
from bayes_ihlrt.checks.result import Status, Verdict
from bayes_ihlrt.checks.verdicts import qualified
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.smoothing import (
    INTERVALS,
    MANY,
    automatic_cuts,
    automatic_knots,
    interval_trend,
    walk_matrix,
    weight_trend,
)
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.report.effects import baseline_table, flexible_sentences
from bayes_ihlrt.spec.ladder import LadderSpec, ladder_hazard
from bayes_ihlrt.spec.model import FLEXIBLE, HazardSpec, ModelSpec, is_flexible, with_hazard

TIMES = st.lists(st.integers(1, 400).map(lambda day: day / 8.0), min_size=2, max_size=300)


@given(TIMES)
def test_cuts_lie_between_event_times_and_leave_events_in_every_interval(times):
    known = np.unique(times)
    if len(known) < 2:
        with pytest.raises(SpecificationError, match="no place for a cut"):
            automatic_cuts(np.array(times))
        return
    cuts = automatic_cuts(np.array(times))
    inside = np.histogram(times, bins=[0.0, *cuts, np.inf])[0]
    assert not set(cuts) & set(known)
    assert inside.min() >= 1
    assert len(cuts) + 1 <= max(2, len(times) / 6)
    assert np.all(np.diff(cuts) > 0)


@given(TIMES)
def test_knots_can_be_placed(times):
    events = np.array(times)
    knots = automatic_knots(events)
    assert 1 <= knots <= 10
    if knots > 1:
        MSpline.from_event_times(events, knots)


@pytest.mark.parametrize(
    ("events", "intervals"), [(3, 2), (30, 5), (75, 12), (1_999, 20), (2_000, 30), (10_000, 40)]
)
def test_intervals_follow_the_number_of_events(events, intervals):
    times = np.random.default_rng(1).exponential(20.0, events)
    assert len(automatic_cuts(times)) + 1 == intervals
    assert intervals in {*INTERVALS, *MANY.values()}
    if events >= 1_999:
        assert automatic_knots(times) == (10 if events < 2_000 else 15)
    # A patient whose event stands in ten trials is one event.
    assert len(automatic_cuts(np.repeat(times, 10), events=events)) + 1 == intervals


@given(st.floats(-1.5, 1.0), st.lists(st.floats(0.05, 60.0), min_size=1, max_size=8, unique=True))
def test_the_trend_of_intervals_has_the_weibull_cumulative_hazard_at_every_cut(log_shape, months):
    cuts = tuple(sorted(round(month, 3) for month in set(months)))
    if len(set(cuts)) < len(cuts):
        return
    hazard = Piecewise(cuts)
    trend = interval_trend(np, np.array(log_shape), hazard.places)
    spent = hazard.increment_basis(np, np.zeros(len(cuts)), np.array(cuts))
    found = hazard.cumulative_hazard(np, spent, {"log_hazard": trend})
    np.testing.assert_allclose(found, np.array(cuts) ** np.exp(log_shape), rtol=1e-9)


@pytest.mark.parametrize("shape", [0.6, 1.0, 1.6])
def test_the_trend_of_weights_is_near_the_weibull(shape):
    """A spline whose coefficients are a power of time follows it within 5 %."""
    hazard = MSpline((0.0, 1.0, 3.0, 7.0, 15.0, 30.0))
    log_weights = weight_trend(np, np.array(np.log(shape)), hazard.places)
    theta = {"log_scale": np.array(0.0), "log_weights": log_weights}
    months = np.array([3.0, 10.0, 20.0, 29.0])
    found = hazard.log_hazard(np, hazard.log_hazard_basis(np, months), theta)
    expected = np.log(shape) - shape * np.log(30.0) + (shape - 1.0) * np.log(months)
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=0.05)


def test_a_walk_has_mean_zero_and_equal_steps():
    matrix = walk_matrix(6)
    np.testing.assert_allclose(matrix.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(np.diff(matrix, axis=0), np.eye(6), atol=1e-15)


def test_stated_priors_stay_as_far_as_the_new_family_has_them():
    normal = {"dist": "Normal", "mu": 0.0, "sigma": 0.3}
    spec = ModelSpec.model_validate(
        {"priors": {"log_shape": normal, "log_rate": normal, "x": normal}}
    )
    assert set(with_hazard(spec, FLEXIBLE).priors) == {"log_shape", "x"}
    assert set(with_hazard(spec, HazardSpec(family="gompertz")).priors) == {"x"}


def test_only_placed_cuts_are_flexible():
    assert is_flexible(FLEXIBLE)
    assert not is_flexible(HazardSpec(family="piecewise", cuts=(12.0,)))
    assert not is_flexible(HazardSpec(family="piecewise", smoothing="independent"))


def test_the_ladder_is_flexible_unless_it_says_otherwise():
    assert ladder_hazard(LadderSpec()) == FLEXIBLE
    weibull = HazardSpec()
    assert ladder_hazard(LadderSpec(hazard=weibull)) == weibull


def rows(treated, **more):
    columns = {
        "patient": np.array(["a", "a", "b"], dtype=object),
        "start": np.array([0.0, 4.0, 0.0]),
        "stop": np.array([4.0, 9.0, 5.0]),
        "event": np.array([0.0, 1.0, 1.0]),
        "weight": np.ones(3),
        "treated": np.array(treated),
        **more,
    }
    return PersonTime(columns, Provenance(DesignKind.SPLIT, {}, 0.0, {}, {}))


def test_treatment_that_changes_is_told_from_treatment_at_time_zero():
    assert changes_during_follow_up(rows([0.0, 1.0, 0.0]), "treated")
    assert not changes_during_follow_up(rows([1.0, 1.0, 0.0]), "treated")
    clones = {"clone": np.array([0, 1, 0])}
    assert not changes_during_follow_up(rows([0.0, 1.0, 0.0], **clones), "treated")


def summary(mean, sd):
    return {"mean": mean, "sd": sd, "median": mean, "q2.5": mean - 2 * sd, "q97.5": mean + 2 * sd}


@pytest.mark.parametrize(
    ("chosen", "flexible", "sd", "differs"),
    [(-0.3, -0.15, 1.0, True), (-0.3, -0.25, 0.3, False), (-0.3, -0.25, 0.08, True)],
)
def test_a_baseline_that_decides_is_told_first(chosen, flexible, sd, differs):
    found = BaselineComparison(
        UnderBaseline("weibull", summary(chosen, sd), summary(1.0, 1.0)),
        UnderBaseline("piecewise, 8 intervals", summary(flexible, sd), None),
        24.0,
    )
    assert found.differs is differs
    assert found.to_dict()["differs"] is differs
    notes, (sentence,) = baseline_notes(found), flexible_sentences(found)
    assert bool(notes) is differs
    assert ("the shape of the hazard decides" in sentence) is differs
    assert f"{np.exp(flexible):.2f}" in sentence
    table = baseline_table(found.to_dict())
    assert [row["baseline"] for row in table.records] == [
        "chosen: weibull",
        "flexible: piecewise, 8 intervals",
    ]


def test_without_a_comparison_the_reason_is_told():
    chosen = UnderBaseline("weibull", summary(-0.3, 0.3), None)
    found = BaselineComparison(chosen, None, 24.0, reason="no mode was found.")
    assert not found.differs
    assert "no mode was found" in flexible_sentences(found)[0]


@pytest.mark.parametrize("check", ["proportional hazards", "covariates over time"])
@pytest.mark.parametrize("shape", ["survival", "hazard"])
def test_a_wrong_baseline_is_not_told_as_an_effect_that_changes(check, shape):
    effect = Verdict(check, Status.FLAG, "It changes.")
    others = [Verdict(shape, Status.NO_FLAG, "Fine."), Verdict("linearity", Status.FLAG, "Bent.")]
    assert qualified([*others, effect]) == [*others, effect]
    flagged = [Verdict(shape, Status.FLAG, "Not this shape."), others[1]]
    *same, told = qualified([*flagged, effect])
    assert same == flagged
    assert told.reason.startswith("It changes. The hazard's shape alone can cause this")
