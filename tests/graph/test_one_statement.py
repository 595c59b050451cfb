"""One statement on survival is one piece of information, however many intervals a hazard has.

Truth is maximum likelihood with the same cuts, computed without the package.
"""

import numpy as np
import pytest

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import ModelSpec
from outside import simulator

FLAT = {"dist": "Normal", "mu": 0.0, "sigma": 100.0}
MEDIAN = {"median_survival": 19.2, "upper": 60.0}
NEUTRAL = {
    **{"dist": "Normal", "mu": np.log(np.log(2.0)), "sigma": 1.5},
    **{"on": "log-cumulative-hazard", "at": 100.0},
}
SURVIVORS = simulator("long_survivors")


def person_time(frame):
    start, stop, event, design = SURVIVORS.rows(frame)
    treated = frame[frame.start.notna()]
    columns = {
        "patient": np.concatenate([frame.id, treated.id]).astype(object),
        **{"start": start, "stop": stop, "event": event, "weight": np.ones(len(start))},
        **{"ihlrt": design[:, 0], "x": design[:, 1]},
    }
    return PersonTime(columns, Provenance(DesignKind.SPLIT, {}, 0.0, {}, {}))


def mode_of_treatment(frame, cuts, **priors):
    hazard = {"family": "piecewise", "cuts": cuts, "smoothing": "independent"}
    spec = ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "outcome": {
                "formula": "ihlrt + x",
                "hazard": hazard if cuts else {"family": "exponential"},
            },
            "priors": {"ihlrt": FLAT, "x": FLAT, **priors},
        }
    )
    prepared = prepare(spec, person_time(frame))
    shared = compile_model(prepared)
    members = shared.members({"weight": prepared.arrays.data["weight"][None]})
    modes = shared.engine.modes(members)
    return modes.positions[0][shared.engine.density.names.index("ihlrt")]


@pytest.mark.parametrize("intervals", [1, 3, 9, 20])
def test_default_baseline_leaves_the_treatment_at_maximum_likelihood(intervals):
    frame = SURVIVORS.cohort(138, 3)
    cuts = SURVIVORS.quantile_cuts(frame, intervals)
    likely, _ = SURVIVORS.maximum_likelihood(frame, cuts)
    assert mode_of_treatment(frame, cuts, baseline=NEUTRAL) == pytest.approx(likely[0], abs=0.02)


def test_intervals_without_deaths_do_not_pull():
    frame = SURVIVORS.cohort(138, 3)
    cuts = np.linspace(0.0, 100.0, 21)[1:-1].tolist()
    likely, _ = SURVIVORS.maximum_likelihood(frame, cuts)
    assert mode_of_treatment(frame, cuts, baseline=NEUTRAL) == pytest.approx(likely[0], abs=0.02)


@pytest.mark.parametrize("intervals", [3, 9, 20])
def test_a_stated_median_weighs_the_same_whatever_the_number_of_intervals(intervals):
    """Nine intervals used to repeat a statement nine times: 27 deaths instead of three.

    The median is wrong on purpose (19.2 months; half of such patients live 70), so that it moves
    the treatment; a second or a ninth statement would move it by more.
    """
    frame = SURVIVORS.cohort(138, 1)
    moved = []
    for number in (1, intervals):
        cuts = SURVIVORS.quantile_cuts(frame, number)
        likely, _ = SURVIVORS.maximum_likelihood(frame, cuts)
        moved.append(mode_of_treatment(frame, cuts, baseline=MEDIAN) - likely[0])
    assert moved[0] < -0.1
    assert moved[1] == pytest.approx(moved[0], abs=0.02)
