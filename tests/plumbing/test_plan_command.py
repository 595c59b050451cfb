"""`bayes-ihlrt plan`: what is written, resumed, refused and printed."""

import json
import shutil
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from scipy.special import ndtr, ndtri
from typer.testing import CliRunner

import bayes_ihlrt as bi
import face_cases
import trial_cases as cases
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.report import plan_table
from bayes_ihlrt.report.single_trials import audit_sentences, audit_summary
from bayes_ihlrt.review import archive
from bayes_ihlrt.spec.trial import Endpoint
from bayes_ihlrt.trials import audit as nuts_audit
from bayes_ihlrt.trials import marginals
from bayes_ihlrt.trials import run as design_prior
from bayes_ihlrt.trials import run as trial_plan
from bayes_ihlrt.trials.corrected import Redone
from bayes_ihlrt.trials.plan import plan_dict, run_plan
from bayes_ihlrt.trials.truth import DesignPrior, PriorSource

FIGURES = {"success", "stopping", "convergence", "conduct_1", "decisions_1"}


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


@pytest.fixture(autouse=True)
def without_sampling(monkeypatch):
    """NUTS is replaced by draws of the batch's own approximation, a little off."""

    def targets(analysis, data, *, seeds):
        drawn = []
        for one, seed in zip(data, seeds, strict=True):
            found = analysis.engine.gaussians({name: v[None] for name, v in one.items()})
            mean, sd = (np.asarray(v) for v in analysis.summarise(found.mean, found.factor))
            draws = np.random.default_rng(seed).normal(mean, sd, (4, 1_000, len(analysis.targets)))
            drawn.append(nuts_audit.Drawn(draws, converged=True))
        return drawn

    monkeypatch.setattr(nuts_audit, "chain_targets", targets)


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(cases.plan().to_toml(), "utf-8")
    return path


def test_a_folder_is_told_again_without_data(plan_file, tmp_path):
    out = tmp_path / "out"
    done = run(plan_file, "--trials", 300, "--out", out, "--audit", 0, "--quiet")
    assert done.exit_code == 0, done.output
    replayed = CliRunner().invoke(app, ["replay-plan", str(out), "--json"])
    assert replayed.exit_code == 0, replayed.output
    again = json.loads(replayed.stdout)
    assert again["numbers"] > 100
    assert (again["different"], again["simulated"]) == ([], 0)
    changed = json.loads((out / "result.json").read_text("utf-8"))
    changed["results"][1]["success"]["estimate"] += 0.01
    other = tmp_path / "other"
    shutil.copytree(out, other)
    (other / "result.json").write_text(json.dumps(changed), "utf-8")
    told = CliRunner().invoke(app, ["replay-plan", str(other)])
    assert told.exit_code == 1
    assert "1 DIFFER" in told.output
    assert "results[1].success.estimate" in told.output


def test_a_result_is_saved_where_its_trials_are_kept(plan_file, tmp_path):
    out = tmp_path / "out"
    found = bi.plan(plan_file, trials=20, audit=0, out=out)
    assert list(out.iterdir()) == [out / "trials"]
    bi.save(found, out)
    assert face_cases.told(bi.load(out)) == face_cases.told(found)
    with pytest.raises(bi.InputError, match=r"it is not empty .* give overwrite=True"):
        bi.save(found, out)
    bi.save(found, out, overwrite=True)
    assert face_cases.told(bi.load(out)) == face_cases.told(found)
    replayed = CliRunner().invoke(app, ["replay-plan", str(out), "--json"])
    assert json.loads(replayed.stdout)["different"] == []
    (out / "thesis.docx").write_text("precious")
    with pytest.raises(bi.InputError, match=r"no results of a plan: thesis\.docx"):
        bi.save(found, out, overwrite=True)


def test_draws_of_a_design_prior_are_read_back(tmp_path):
    effects = np.arange(6.0).reshape(2, 3)
    theta = {"log_hazard": np.arange(9.0).reshape(3, 3)}
    source = PriorSource("cohort.csv", synthetic=True, fingerprint="f")
    prior = DesignPrior(Piecewise((3.0, 6.0)), theta, *effects[[0, 1, 1]], source=source)
    cell = SimpleNamespace(scenario="from a cohort", task=SimpleNamespace(prior=prior))
    archive.write_priors(SimpleNamespace(cells=[cell]), tmp_path / archive.PRIORS)
    (found,) = archive.read_priors(tmp_path / archive.PRIORS).values()
    assert (found.hazard, found.source) == (prior.hazard, source)
    np.testing.assert_array_equal(found.theta["log_hazard"], theta["log_hazard"])
    np.testing.assert_array_equal(found.effect, effects[1])


def test_a_plan_is_run_written_and_resumed(plan_file, tmp_path):
    out = tmp_path / "out"
    done = run(plan_file, "--trials", 300, "--out", out, "--audit", 12, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    written = json.loads((out / "result.json").read_text("utf-8"))
    assert told == written
    assert {path.stem for path in (out / "figures").glob("*.png")} == FIGURES
    assert [cell["scenario"] for cell in told["results"]] == ["no effect", "hr 0.6"]
    for cell in told["results"]:
        assert cell["trials"] == 300
        assert cell["failed"] == 0
        assert cell["endpoint"] == "os"
        success = cell["success"]
        assert success["low"] < success["estimate"] < success["high"]
        assert len(cell["by_look"]) == 2
    assert told["design_priors"] == []
    assert told["audit"]["fits"] == 12
    assert told["audit"]["of"] == sum(
        round(300 * look["reached"]["estimate"]) for c in told["results"] for look in c["by_look"]
    )
    assert told["audit"]["verdict"] == "passed"
    assert {rule["rule"] for rule in told["audit"]["rules"]} == {"P(hazard ratio < 1) > 0.975"}
    corrected = [s for s in told["audit"]["corrected"] if s["look"] is None]
    for share, cell in zip(corrected, told["results"], strict=True):
        assert share["simulated"]["estimate"] == cell["success"]["estimate"]
        assert share["corrected"]["low"] < share["corrected"]["high"]
    assert told["audit"]["not_converged"] == 0
    assert told["audit"]["left_out"] == []
    assert told["audit"]["max_difference"] < 5.0 * told["audit"]["max_difference_mcse"] + 0.02
    units = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/*.npz")}
    assert len(units) == 2

    reported = CliRunner().invoke(app, ["report", str(out)])
    assert reported.exit_code == 0, reported.output
    assert (out / "report.html").is_file()

    again = run(plan_file, "--trials", 300, "--out", out, "--audit", 0)
    assert again.exit_code == 0, again.output
    assert not (out / "report.html").exists()
    assert "No fit was checked against Markov chains." in again.stdout
    assert "no effect / " not in again.stdout, "one design: each truth is one row"
    assert len(again.stdout.splitlines()) <= 20, again.stdout
    whole = run(plan_file, "--trials", 300, "--out", out, "--audit", 0, "--tables").stdout
    for told_there in ("No fit was audited by NUTS", "trials in", "look 1 at month", "Endpoint: "):
        assert told_there not in again.stdout
        assert told_there in whole
    assert {path: path.stat().st_mtime_ns for path in units} == units
    resumed = json.loads((out / "result.json").read_text("utf-8"))
    assert resumed["results"] == told["results"]

    other = run(plan_file, "--trials", 300, "--out", out, "--seed", 3)
    assert other.exit_code == 1
    assert "result of another plan" in " ".join(other.stderr.split())


def test_a_failed_audit_is_told_first_and_ends_with_status_3(tmp_path, monkeypatch):
    """Simulated posteriors are a fifth of a deviate too sure."""
    told = marginals.Marginals.tell

    def surer(self, *arguments):
        found = told(self, *arguments)
        return replace(found, probability=ndtr(ndtri(found.probability) + 0.2))

    monkeypatch.setattr(marginals.Marginals, "tell", surer)
    path = tmp_path / "other.toml"
    path.write_text(cases.plan(seed=11).to_toml(), "utf-8")
    done = run(path, "--trials", 600, "--audit", 80)
    assert done.exit_code == 3, done.output
    first = " ".join(done.stdout.split())
    assert first.index("AUDIT FAILED: Markov chains say otherwise") < first.index("type I error")
    assert "P(hazard ratio < 1) > 0.975 is met too often, by 0." in first


def test_an_audit_tells_what_it_did_not_check():
    future = {"quantity": "predictive-probability", "less_than": 0.1}
    looks = [{"events": 50, "futility": [future]}, {"events": 100, "efficacy": [cases.SUCCESS]}]
    cell = SimpleNamespace(design="small", task=SimpleNamespace(design=cases.design(looks=looks)))
    rules = nuts_audit.left_out(SimpleNamespace(cells=[cell, cell]))
    assert rules == ("small, look 1: predictive probability < 0.1",)
    rule = cases.design().looks[0].efficacy[0]
    redone = Redone(rule.statement, 0.98, 0.97, 4000.0)
    fit = nuts_audit.AuditedFit("small", "null", 1, 1, True, (redone,), 0.1, 0, 0, False)
    audit = nuts_audit.PlanAudit((fit,), 900, rules).to_dict()
    assert (audit["not_converged"], audit["left_out"]) == (1, list(rules))
    assert audit["verdict"] == "cannot tell"
    assert audit_summary(audit)[0].startswith("THE AUDIT CANNOT TELL")
    done, missing = audit_sentences(audit)
    assert "1 of 900 fits" in done
    assert "the chains of 1 of them DID NOT CONVERGE" in done
    assert missing.endswith("yet to come: small, look 1: predictive probability < 0.1.")
    nothing = nuts_audit.PlanAudit((), 900, ()).to_dict()
    assert audit_sentences(nothing) == ["No fit was audited by NUTS."]


def test_events_are_named_after_the_endpoint():
    """The plan of the first test, said to be about progression."""
    result = run_plan(cases.plan(), 300)
    design = cases.design().model_copy(update={"endpoint": Endpoint.PFS})
    cells = [replace(one, task=replace(one.task, design=design)) for one in result.cells]
    other = replace(result, cells=tuple(cells))
    none = nuts_audit.PlanAudit((), 0, ())
    for found, told, column in (
        (result, "overall survival; events are deaths", " deaths "),
        (other, "progression-free survival; events are progressions or deaths", " events "),
    ):
        console = Console(file=StringIO(), width=110)
        plan_table.print_plan(console, trial_plan.TrialPlanResult(found, none))
        text = console.file.getvalue()
        assert f"Endpoint: {told}." in text
        assert column in text[text.index("design / scenario") :].splitlines()[0]
    assert plan_dict(other)["results"][0]["endpoint"] == "pfs"


def test_one_trial_is_shown_again(plan_file, tmp_path):
    figure = tmp_path / "trial.png"
    arguments = ["replay-trial", str(plan_file), "3", "--scenario", "hr 0.6", "--out", str(figure)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "P(hazard ratio < 1) > 0.975" in done.stdout
    assert "deaths, hazard ratio" in done.stdout
    assert "compiling and simulating the trial ..." in done.stderr
    assert figure.stat().st_size > 10_000
    quiet = CliRunner().invoke(app, [*arguments, "--quiet"])
    assert (quiet.exit_code, quiet.output) == (0, "")
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
    monkeypatch.setattr("bayes_ihlrt.trials.units.find_spec", lambda name: None)
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
        PriorSource("ihlrt_synthetic", synthetic=True, fingerprint="a2"),
    )
    monkeypatch.setattr(trial_plan, "design_priors", lambda plan: {"cohort": prior})
    posterior = {"analysis": "primary", "data": "ihlrt_synthetic"}
    plan = cases.plan(scenarios=[{"name": "cohort", "posterior": posterior}])
    path = tmp_path / "assurance.toml"
    path.write_text(plan.to_toml(), "utf-8")
    done = run(path, "--trials", 300, "--audit", 0, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    source = {"data": "ihlrt_synthetic", "synthetic": True, "fingerprint": "a2"}
    assert told["design_priors"] == [{"scenario": "cohort", **source}]
    shown = " ".join(run(path, "--trials", 300, "--audit", 0).stdout.split())
    assert "The effect of scenario 'cohort' comes from SYNTHETIC DATA (ihlrt_synthetic)" in shown
    cell = told["results"][0]
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
