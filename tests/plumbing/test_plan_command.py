"""`bayes-ihlrt plan`: what is written, resumed, refused and printed."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import trial_cases as cases
from bayes_ihlrt.analysis import design_prior, trial_plan
from bayes_ihlrt.cli import app
from bayes_ihlrt.hazards import Weibull
from bayes_ihlrt.trials import nuts_audit
from bayes_ihlrt.trials.truth import DesignPrior

FIGURES = {"success", "stopping", "convergence", "conduct_1", "decisions_1"}


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


@pytest.fixture(autouse=True)
def without_sampling(monkeypatch):
    """NUTS is replaced by draws of the batch's own approximation, a little off."""

    def targets(analysis, data, *, seed):
        found = analysis.engine.gaussians({name: v[None] for name, v in data.items()})
        mean, sd = analysis.summarise(found.mean, found.factor)
        rng = np.random.default_rng(seed)
        draws = rng.normal(np.asarray(mean), np.asarray(sd), (4_000, len(analysis.targets)))
        return draws, True, 4_000.0

    monkeypatch.setattr(nuts_audit, "nuts_targets", targets)


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(cases.plan().to_toml(), "utf-8")
    return path


def test_a_plan_is_run_written_and_resumed(plan_file, tmp_path):
    out = tmp_path / "out"
    done = run(plan_file, "--trials", 300, "--out", out, "--audit", 5, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    written = json.loads((out / "result.json").read_text("utf-8"))
    assert told == written
    assert {path.stem for path in (out / "figures").glob("*.png")} == FIGURES
    assert [cell["scenario"] for cell in told["results"]] == ["no effect", "hr 0.6"]
    for cell in told["results"]:
        assert cell["trials"] == 300
        assert cell["failed"] == 0
        success = cell["success"]
        assert success["low"] < success["estimate"] < success["high"]
        assert len(cell["by_look"]) == 2
    assert told["audit"]["fits"] == 5
    assert told["audit"]["max_difference"] < 5.0 * told["audit"]["max_difference_mcse"] + 0.02
    units = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/*.npz")}
    assert len(units) == 2

    reported = CliRunner().invoke(app, ["report", str(out)])
    assert reported.exit_code == 0, reported.output
    assert (out / "report.html").is_file()

    again = run(plan_file, "--trials", 300, "--out", out, "--audit", 0)
    assert again.exit_code == 0, again.output
    assert not (out / "report.html").exists()
    assert "No fit was audited by NUTS" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in units} == units
    resumed = json.loads((out / "result.json").read_text("utf-8"))
    assert resumed["results"] == told["results"]

    other = run(plan_file, "--trials", 300, "--out", out, "--seed", 3)
    assert other.exit_code == 1
    assert "result of another plan" in " ".join(other.stderr.split())


def test_one_trial_is_shown_again(plan_file, tmp_path):
    figure = tmp_path / "trial.png"
    arguments = ["replay-trial", str(plan_file), "3", "--scenario", "hr 0.6", "--out", str(figure)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "P(hazard-ratio < 1) > 0.975" in done.stdout
    assert figure.stat().st_size > 10_000
    wrong = CliRunner().invoke(app, ["replay-trial", str(plan_file), "3", "--scenario", "hr"])
    assert wrong.exit_code == 1
    assert "Allowed: hr 0.6, no effect" in " ".join(wrong.stderr.split())


def test_what_cannot_be_run_is_told_plainly(plan_file, tmp_path, monkeypatch):
    assert run("no-such-plan").exit_code == 1
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(plan_file.read_text("utf-8").replace("patients", "patient", 1), "utf-8")
    told = run(faulty)
    assert told.exit_code == 1
    assert "patients" in told.stderr
    monkeypatch.setattr("bayes_ihlrt.trials.engine.find_spec", lambda name: None)
    missing = run(plan_file, "--trials", 10, "--scheduler", "tcp://127.0.0.1:1")
    assert missing.exit_code == 1
    assert "pip install 'bayes-ihlrt[distributed]'" in missing.stderr


def test_the_truth_may_be_a_fitted_cohort(tmp_path, monkeypatch):
    draws = 200
    rng = np.random.default_rng(1)
    prior = DesignPrior(
        Weibull(),
        {"log_rate": rng.normal(-2.9, 0.1, draws), "log_shape": np.zeros(draws)},
        np.zeros(draws),
        rng.normal(-0.4, 0.1, draws),
        np.zeros(draws),
    )
    monkeypatch.setattr(trial_plan, "design_priors", lambda plan: {"cohort": prior})
    posterior = {"analysis": "primary", "data": "ihlrt_synthetic"}
    plan = cases.plan(scenarios=[{"name": "cohort", "posterior": posterior}])
    path = tmp_path / "assurance.toml"
    path.write_text(plan.to_toml(), "utf-8")
    done = run(path, "--trials", 300, "--audit", 0, "--json")
    assert done.exit_code == 0, done.output
    cell = json.loads(done.stdout)["results"][0]
    assert cell["targets"][0]["truth"] == pytest.approx(-0.4, abs=0.05)
    assert abs(cell["bias"]["estimate"]) < 4.0 * cell["bias"]["mcse"] + 0.03


def test_a_posterior_becomes_a_truth_at_the_plans_reference():
    """Average covariates go into the baseline, and one unit of the modifier is a doubling."""
    prepared = SimpleNamespace(
        spec=SimpleNamespace(
            treatment="ihlrt",
            modifier=SimpleNamespace(column="nlr"),
            outcome=SimpleNamespace(hazard=SimpleNamespace(family="weibull")),
        ),
        hazard=Weibull(),
        encoder=SimpleNamespace(design=_design),
    )
    rows = SimpleNamespace(
        patient_index=np.array([0, 0, 1]),
        columns={"albi": np.array([1.0, 1.0, 3.0]), "nlr": np.ones(3), "ihlrt": np.zeros(3)},
    )
    coefficients = np.array([[-0.5, 0.4, 0.1, 0.2]])
    baseline = {"log_rate": np.array([-3.0]), "log_shape": np.array([0.1])}
    fit = SimpleNamespace(
        prepared=prepared, person_time=rows, coefficients=coefficients, baseline=baseline
    )
    plan = SimpleNamespace(name="plan", design=cases.by_modifier())
    found = design_prior.as_design_prior(fit, plan)
    # The cohort's model reads NLR relative to 1.5, the plan relative to 3: one doubling away.
    assert found.theta["log_rate"] == pytest.approx([-3.0 + 0.4 + 0.2 * 2.0])
    assert found.effect == pytest.approx([-0.5 + 0.1])
    assert found.modifier == pytest.approx([0.4])
    assert found.interaction == pytest.approx([0.1])


def _design(columns):
    z = np.log2(columns["nlr"] / 1.5)
    arm = columns["ihlrt"]
    return np.stack([arm, z, arm * z, columns["albi"]], axis=1)
