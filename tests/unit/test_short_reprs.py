"""What a result is called where it is only named: a line or two, not its arrays."""

import pytest

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.ladder.rung import Rung
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.spec.read import load_spec


@pytest.fixture(scope="module")
def checked():
    return check_analysis(load_spec("primary"), "ihlrt_synthetic")


def test_a_checked_analysis(checked):
    assert repr(checked) == (
        "CheckedAnalysis(spec=AnalysisSpec(name='os-weibull-ihlrt-nlr'), "
        "person_time=PersonTime(n_rows=100, events=51), n_parameters=8)"
    )
    assert isinstance(checked.person_time, PersonTime)


def test_a_ladder(checked):
    lost = Failure("rung", "Nobody")
    rungs = tuple(Rung(each, failure=lost) for each in plan_rungs(checked.spec, checked.cohort))
    found = repr(LadderResult(checked.spec, checked.cohort, rungs, lost, 24.0))
    assert found.startswith("LadderResult(spec=AnalysisSpec(name='os-weibull-ihlrt-nlr'), cohort=")
    assert found.count("estimated=False") == len(rungs)
    assert len(found) < 1500
