"""A part of a plan that fails takes no other with it: the others are as in an undisturbed run."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import bayes_ihlrt as bi
import trial_cases as cases
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.plain import json_text, plain
from bayes_ihlrt.review.archive import PRIORS, replay_plan, write_priors
from bayes_ihlrt.schema.plan import Curve
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.trials import audit as nuts_audit
from bayes_ihlrt.trials import plan as planning
from bayes_ihlrt.trials import run as trial_plan
from bayes_ihlrt.trials.plan import plan_dict, run_plan
from bayes_ihlrt.trials.units import FOLDER, Store
from face_cases import check_result, cut_off

FEW = ConvergenceError("effective sample size 378 (needed: 400)", "Name another analysis")
CURVE = {"over": "patients", "values": [100.0, 110.0]}


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture(scope="module")
def plan():
    """Return a plan with one curve."""
    return cases.plan(curves=[CURVE])


@pytest.fixture(scope="module")
def whole(plan):
    """Return what an undisturbed run gives."""
    return plan_dict(run_plan(plan, 100))


def test_a_plan_is_shown_summarised_drawn_and_loaded(plan, tmp_path):
    found = bi.plan(plan, trials=100, audit=0)
    check_result(found, tmp_path, figure="success", words="no effect")


def failing_at(*places):
    """Stand in for counting: some designs under scenarios cannot be computed."""
    honest = planning.operating_characteristics

    def count(design, table, wanted, *, names, drawn):
        if names in places:
            message = "Singular matrix"
            raise np.linalg.LinAlgError(message)
        return honest(design, table, wanted, names=names, drawn=drawn)

    return count


def test_a_scenario_that_fails_takes_no_other_with_it(plan, whole, monkeypatch):
    places = ("small", "no effect"), ("patients 110", "hr 0.6")
    monkeypatch.setattr(planning, "operating_characteristics", failing_at(*places))
    result = run_plan(plan, 100)
    found = plan_dict(result)
    rows = {row["scenario"]: row for row in found["results"]}
    before = {row["scenario"]: row for row in whole["results"]}
    assert rows["hr 0.6"] == before["hr 0.6"]
    lost = rows["no effect"]
    assert lost.keys() == before["no effect"].keys()
    assert "Singular matrix" in lost["not_computed"]["reason"]
    named = {"design", "scenario", "not_computed"}
    assert {name for name, value in lost.items() if value is not None} == named
    along = {row["scenario"]: row for row in found["curves"][0]["results"]}
    kept = [row for row in whole["curves"][0]["results"] if row["scenario"] == "no effect"]
    assert [r for r in found["curves"][0]["results"] if r["scenario"] == "no effect"] == kept
    assert along["hr 0.6"]["success"] is None
    parts = [failure.part for failure in result.failures]
    assert parts == ["small / no effect", "curve over patients: patients 110 / hr 0.6"]


def test_a_plan_without_any_result_is_not_to_be_trusted(plan, monkeypatch):
    every = ("small", "no effect"), ("small", "hr 0.6")
    monkeypatch.setattr(planning, "operating_characteristics", failing_at(*every))
    with pytest.raises(ConvergenceError, match=r"small / no effect: .*small / hr 0.6: "):
        run_plan(plan, 100)


def test_a_posterior_that_is_not_to_be_trusted_loses_its_scenario_alone(whole, monkeypatch):
    drawn = {"name": "as in the cohort", "posterior": {"analysis": "heart", "data": "heart"}}
    fixed = [s.model_dump(mode="json", exclude_none=True) for s in cases.plan().scenarios]
    plan = cases.plan(scenarios=[drawn, *fixed])
    monkeypatch.setattr(trial_plan, "fit_shared", raising(FEW))
    monkeypatch.setattr(trial_plan, "check_design_prior", lambda spec, *_: spec)
    monkeypatch.setattr(trial_plan, "_fit", raising(FEW))
    priors = trial_plan.design_priors(plan)
    assert isinstance(priors["as in the cohort"], Failure)
    result = run_plan(plan, 100, design_priors=priors)
    found = plan_dict(result)
    assert [row["scenario"] for row in found["results"] if row["not_computed"]] == [drawn["name"]]
    assert [row for row in found["results"] if not row["not_computed"]] == whole["results"]
    assert result.failures[0].remedy == FEW.remedy


def test_fits_that_cannot_be_checked_are_told(plan, monkeypatch):
    result = run_plan(plan, 100)
    monkeypatch.setattr(nuts_audit, "chain_targets", raising(FEW))
    audit = nuts_audit.audit_plan(result, fits=3)
    assert len(audit.lost) == 3
    assert audit.to_dict()["fits"] == 0
    assert audit.verdict == "cannot tell"
    told = trial_plan.TrialPlanResult(result, audit)
    assert len(told.to_dict()["failed"]) == 3
    assert told.incomplete[0].startswith("INCOMPLETE: not computed: 'audit of small / ")


def test_a_partly_failed_plan_is_written_told_and_reported(plan, monkeypatch, tmp_path):
    places = ("small", "no effect"), ("patients 110", "hr 0.6")
    monkeypatch.setattr(planning, "operating_characteristics", failing_at(*places))
    file, out = tmp_path / "small.toml", tmp_path / "out"
    file.write_text(plan.to_toml(), "utf-8")
    arguments = ["plan", str(file), "--trials", "100", "--audit", "0", "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    assert "INCOMPLETE: 1 of 2 designs under scenarios is missing ('small / no effect')" in shown
    assert "NOT COMPUTED, small / no effect: the numbers could not be computed" in shown
    assert len(json.loads((out / "result.json").read_text())["failed"]) == 2
    for command in ("report", "export"):
        told = CliRunner().invoke(app, [command, str(out)])
        assert told.exit_code == 0, told.output
    page = (out / "report.html").read_text("utf-8")
    assert "INCOMPLETE: not computed: small / no effect" in page
    assert "What is missing, why, and what to do" in page
    again = CliRunner().invoke(app, [*arguments, "--json"])
    assert again.exit_code == 0, again.output
    assert "INCOMPLETE" in again.stderr


def test_a_curve_without_any_number_has_every_key():
    spec = CurveSpec.model_validate(CURVE)
    lost = {"hr 0.6": Failure("patients 110 / hr 0.6", "singular", "State tighter priors")}
    found = planning.Curve(spec, "Maximum sample size, patients", {}, lost).to_dict()
    (row,) = Curve.model_validate(found).results
    assert row.scenario == "hr 0.6"
    assert row.not_computed.reason == "singular"
    assert row.success is None


def test_an_archive_with_a_lost_scenario_is_told_again_and_never_written(tmp_path):
    drawn = {"name": "as in the cohort", "posterior": {"analysis": "heart", "data": "heart"}}
    fixed = [s.model_dump(mode="json", exclude_none=True) for s in cases.plan().scenarios]
    plan = cases.plan(scenarios=[drawn, *fixed])
    lost = {"as in the cohort": Failure("as in the cohort", "not to be trusted", "Name another")}
    result = run_plan(plan, 100, design_priors=lost, store=Store(tmp_path / FOLDER))
    (tmp_path / "plan.toml").write_text(plan.to_toml(), "utf-8")
    write_priors(result, tmp_path / PRIORS)
    written = plain(plan_dict(result))
    (tmp_path / "result.json").write_text(json_text(written), "utf-8")
    told = replay_plan(tmp_path)
    assert (told.different, told.simulated) == ((), 0)
    # Its writer was cut off while files were put in place.
    cut_off(tmp_path, "result.json")
    assert replay_plan(tmp_path) == told
    # A key that is not there is no null.
    row = written["results"][-1]
    assert row["not_computed"]["reason"] == "not to be trusted"
    del row["expected_n"]
    (tmp_path / "result.json").write_text(json_text(written), "utf-8")
    places = [one for one in replay_plan(tmp_path).different if "expected_n" in one[0]]
    assert places == [("results[2].expected_n", "(not there)", None)]
    unit = next((tmp_path / FOLDER).rglob("*.npz"))
    unit.unlink()
    assert replay_plan(tmp_path).simulated == 100
    assert not unit.exists()
