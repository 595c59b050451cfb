"""`benchmarks/outcomes.py`: every cohort that it times is one that `fit` reads."""

import pytest
from benchmarks import outcomes

from bayes_ihlrt.analysis.causes import check_causes
from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.spec.read import parse_spec


@pytest.mark.parametrize("patients", [80, 300, 2000])
@pytest.mark.parametrize("case", outcomes.CASES)
def test_each_cohort_is_read(case, patients):
    simulator, event, start = outcomes.CASES[case]
    spec = parse_spec(outcomes.SPECIFICATION.format(event=event, start=start))
    frame = simulator(patients, outcomes.SEED)
    checked = (check_causes if "values" in event else check_analysis)(spec, frame)
    parts = checked.parts.values() if "values" in event else [checked]
    assert all(len(set(part.person_time.columns["patient"])) == patients for part in parts)
