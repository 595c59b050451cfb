"""Which analyses of a cohort may be the truth of a trial; nothing is fitted."""

import pytest

import trial_cases as cases
from bayes_ihlrt.analysis.check import read_inputs
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.trials.run import check_design_prior

PLAN = cases.plan(design=cases.by_modifier())
TREATMENT = {"name": "ihlrt", "start": "ihlrt_months"}
EVER = {**TREATMENT, "design": "ever-never"}


def checked(name, plan=PLAN, **changes):
    spec, cohort = read_inputs(name, "ihlrt_synthetic")
    return check_design_prior(AnalysisSpec.model_validate(spec.to_dict() | changes), cohort, plan)


def faults(name, plan=PLAN, **changes):
    with pytest.raises(RefusedError) as caught:
        checked(name, plan, **changes)
    return [str(fault) for fault in caught.value.faults]


def test_the_primary_analysis_is_let_through():
    assert checked("primary").spec.name == "os-weibull-ihlrt-nlr"


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("ladder", {}, "the effect is adjusted by 'weights'"),
        ("primary", {"treatment": EVER}, "'ever-never' counts time before treatment as treated"),
        ("nlr_spline", {}, "bs(nlr, df=3), ihlrt:bs(nlr, df=3) bends the effect"),
        ("published_os", {}, "response changes during follow-up"),
        (
            "primary",
            {"modifier": {"name": "nlr", "column": "nlr", "transform": "identity", "reference": 3}},
            "'identity', and the trial reads the modifier as 'log2'",
        ),
    ],
)
def test_what_would_be_another_truth_is_refused(name, changes, told):
    [fault] = faults(name, **changes)
    assert told in fault


def test_a_modifier_that_changes_during_follow_up_is_refused(tmp_path):
    """Two visits with another NLR each."""
    visits = tmp_path / "visits.csv"
    spec, cohort = read_inputs("primary", "ihlrt_synthetic")
    known = zip(cohort.columns["patient"], cohort.columns["stop"], strict=True)
    rows = [f"{name},{part * end},{2 + part}" for name, end in known for part in (0.0, 0.5)]
    visits.write_text("\n".join(["patient_id,months,nlr", *rows]), "utf-8")
    stated = {"file": str(visits), "time": "months", "covariates": ["nlr"]}
    spec = AnalysisSpec.model_validate(spec.to_dict() | {"visits": stated})
    path = tmp_path / "spec.toml"
    path.write_text(spec.to_toml(), "utf-8")
    assert "nlr changes during follow-up" in faults(path)[0]


def test_all_that_is_missing_is_told_at_once():
    changes = {"treatment": None, "modifier": None, "outcome": {"formula": "albi"}}
    changes |= {"priors": {}, "estimands": {}}
    where = [fault.partition(":")[0] for fault in faults("primary", **changes)]
    assert where == ["[treatment]", "[modifier]"]
