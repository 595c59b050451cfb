"""Weighted survival of clones by strategy: against closed forms, replication and known truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.analysis.propensity import CloneMonths
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.weighted.strategy_survival import weighted_survival


def table(start, stop, event):
    return {"start": np.array(start), "stop": np.array(stop), "event": np.array(event)}


@st.composite
def histories(draw):
    """Rows with whole weights; the last one outlives the horizon."""
    n = draw(st.integers(2, 12))
    start = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    length = draw(st.lists(st.integers(1, 8), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    weight = draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    start, stop = np.array([0, *start], float), np.array([20, *np.add(start, length)], float)
    return table(start, stop, np.array([0, *event], float)), np.array([1, *weight])


@settings(max_examples=60, deadline=None)
@given(histories())
def test_whole_weights_are_that_many_patients(found):
    rows, weight = found
    copies = {name: np.repeat(values, weight) for name, values in rows.items()}
    survival, months = weighted_survival(rows, weight[None].astype(float), 10.0)
    curve = kaplan_meier(copies["start"], copies["stop"], copies["event"])
    steps, alive = curve["time"].to_numpy(), curve["survival"].to_numpy()
    at = np.searchsorted(steps, np.arange(0.0, 10.0), side="right") - 1
    # Events fall on whole months, so that the curve is constant between them.
    assert months[0] == pytest.approx(alive[at].sum(), abs=1e-9)
    assert survival[0] == pytest.approx(alive[np.searchsorted(steps, 10.0, side="right") - 1])


def test_a_scale_of_the_weights_changes_nothing():
    rows = table([0.0, 0.0, 0.0], [3.0, 5.0, 9.0], [1.0, 1.0, 0.0])
    weights = np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]])
    survival, months = weighted_survival(rows, weights, 8.0)
    assert survival == pytest.approx([6 / 7 * 4 / 6] * 2)
    assert months == pytest.approx([3.0 + 2.0 * 6 / 7 + 3.0 * 4 / 7] * 2)


def test_months_are_not_told_beyond_follow_up():
    rows = table([0.0, 0.0], [3.0, 7.5], [1.0, 0.0])
    with pytest.raises(SpecificationError, match=r"month 10 .* beyond month 7\.5.* at most 7"):
        weighted_survival(rows, np.ones((1, 2)), 10.0)


def test_when_all_have_died_survival_is_zero_from_then_on():
    rows = table([0.0, 0.0], [3.0, 7.0], [1.0, 1.0])
    survival, months = weighted_survival(rows, np.ones((1, 2)), 10.0)
    assert (survival[0], months[0]) == (0.0, pytest.approx(5.0))


def test_without_an_event_everybody_lives():
    rows = table([0.0, 0.0], [30.0, 30.0], [0.0, 0.0])
    survival, months = weighted_survival(rows, np.ones((3, 2)), 24.0)
    assert survival.tolist() == [1.0] * 3
    assert months.tolist() == [24.0] * 3


def test_what_clones_gain_is_told_in_a_sentence():
    gained = {"mean": 1.5, "sd": 1.0, "median": 1.5, "q2.5": -0.5, "q97.5": 3.5}
    gained["prob_below_0"] = 0.06
    told = CloneMonths("within month 6", "never", 24.0, gained=gained)
    assert told.sentence == (
        "These data do not settle whether treatment within month 6 gains or costs event-free time "
        "against never in 24 months, by weighted survival of everybody's clones: +1.5 months "
        "(95 % interval -0.5 to +3.5)."
    )
    assert " probably gains time " in replace(told, gained=gained | {"prob_below_0": 0.05}).sentence
    assert " probably COSTS time " in replace(told, gained=gained | {"prob_below_0": 0.95}).sentence
    unknown = replace(told, gained=None, reason="nobody is followed so long")
    assert unknown.sentence == ("Survival by strategy is not reported: nobody is followed so long.")
