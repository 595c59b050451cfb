"""A part of a fit beside its posterior that fails takes no other with it."""

import json

import numpy as np
import pytest

from bayes_ihlrt.analysis import fit as fitting
from bayes_ihlrt.analysis import flexible_baseline
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.report.writing import write_fit
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.estimands import PopulationKind
from bayes_ihlrt.spec.read import load_spec, parse_spec

pytestmark = pytest.mark.usefixtures("sampler")
NO_MODE = ConvergenceError("the propensity has no mode", "Use fewer terms in [propensity]")


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture
def spec():
    """Return an analysis whose propensity describes and adjusts nothing."""
    text = load_spec("primary").to_toml()
    text += '\n[propensity]\nformula = "nlr + albi"\nadjust = "none"\n'
    return parse_spec(text.replace('design = "split"', 'design = "landmark"\nlandmark = 3.0'))


@pytest.mark.slow
def test_a_propensity_that_adjusts_nothing_may_be_missing(spec, monkeypatch, tmp_path):
    monkeypatch.setattr(fitting, "compare_baselines", lambda *_, **__: None)
    whole = run_fit(spec, "ihlrt_synthetic").to_dict()
    monkeypatch.setattr(fitting, "prepare_adjusted", raising(NO_MODE))
    result = run_fit(spec, "ihlrt_synthetic")
    found = result.to_dict()
    assert found.keys() == whole.keys()
    assert found["propensity"] is None
    assert found["failed"] == [
        {"part": "propensity", "reason": NO_MODE.problem, "remedy": NO_MODE.remedy}
    ]
    for name in found.keys() - {"propensity", "failed", "notes"}:
        assert json.dumps(found[name]) == json.dumps(whole[name])
    assert result.notes[0].startswith("INCOMPLETE: not computed, propensity: the propensity has no")
    out = tmp_path / "out"
    write_fit(result, out)
    assert "INCOMPLETE: not computed, propensity" in report_page(read_results(out))


def test_a_population_of_propensities_needs_them(spec, monkeypatch):
    own = spec.estimands.model_copy(update={"population": PopulationKind.ATO})
    monkeypatch.setattr(fitting, "prepare_adjusted", raising(NO_MODE))
    with pytest.raises(ConvergenceError, match="it rests on 'propensity'"):
        run_fit(spec.model_copy(update={"estimands": own}), "ihlrt_synthetic")


def test_a_flexible_baseline_that_fails_says_why(monkeypatch):
    error = np.linalg.LinAlgError("Singular matrix")
    monkeypatch.setattr(flexible_baseline, "fit_shared", raising(error))
    found = run_fit(load_spec("primary"), "ihlrt_synthetic").to_dict()["baseline"]
    assert found["flexible"] is None
    assert "LinAlgError: Singular matrix" in found["reason"]
