"""A posterior in the run folder is read where nothing that it depends on differs."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayes_ihlrt.analysis import diagnose as diagnosing
from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.checks.result import ModelChecks, cannot_tell
from bayes_ihlrt.cli.inputs import read
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.posterior import quality
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.results import shared
from bayes_ihlrt.results.shared import shared_fit

KEPT = Identifiers.EVERYWHERE
VERDICT = cannot_tell("delayed entry", "Follow-up begins at time zero.")


@pytest.fixture(autouse=True)
def _no_checks(monkeypatch):
    def made_up(fit, *, patients, **_):
        return ModelChecks((VERDICT,), {}, patients, None)

    monkeypatch.setattr(diagnosing, "examine", made_up)


@pytest.fixture
def run(tmp_path, first_results):
    """Return the folder of a run that has a fit of the primary analysis."""
    (tmp_path / "fit").symlink_to(first_results)
    return tmp_path


def diagnose(run, *arguments):
    given = ["diagnose", "primary", "--data", "ihlrt_synthetic", "--out", str(run / "checks")]
    found = CliRunner().invoke(app, [*given, *arguments])
    assert found.exit_code == 0, found.output
    return found


def test_checks_of_a_run_are_of_its_posterior(run, sampler):
    told = diagnose(run).stderr
    assert sampler.settings == []
    assert f"reading the posterior of {run / 'fit'}" in " ".join(told.split())
    for name in ("posterior.nc", "estimates.nc"):
        assert load(run / "checks" / name).equals(load(run / "fit" / name))
    fitted, checked = (
        json.loads((run / name / "result.json").read_text()) for name in ("fit", "checks")
    )
    assert checked == fitted
    loo = json.loads((run / "checks" / "checks.json").read_text())["loo"]
    assert loo["elpd"] == fitted["loo"]["elpd"]


def asked(seed=None):
    """Return the primary analysis as the command line reads it."""
    return check_analysis(*read("primary", "ihlrt_synthetic", seed))


def test_another_seed_is_another_posterior(run):
    assert shared_fit(asked(), run / "checks").folder == run / "fit"
    assert shared_fit(asked(seed=5), run / "checks") is None
    assert shared_fit(asked(), run / "elsewhere" / "checks") is None
    assert shared_fit(asked(), None) is None


def test_a_neighbour_that_cannot_be_read_is_passed_over(run, monkeypatch):
    """Also where a folder may not be entered, of which `is_file` itself raises."""
    closed, read, checked = run / "another", Path.read_text, Path.is_file
    closed.mkdir()

    def refused(path, take, *given, **named):
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return take(path, *given, **named)

    monkeypatch.setattr(Path, "read_text", lambda path, *a, **b: refused(path, read, *a, **b))
    monkeypatch.setattr(Path, "is_file", lambda path, *a, **b: refused(path, checked, *a, **b))
    assert shared_fit(asked(), run / "checks").folder == run / "fit"

    def of_somebody_else(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", of_somebody_else)
    assert shared_fit(asked(), run / "checks") is None


def test_posteriors_of_other_analyses_are_not_hashed(run, monkeypatch):
    hashed = []
    monkeypatch.setattr(shared, "checksum", lambda file: hashed.append(file) or "")
    assert shared_fit(asked(seed=5), run / "checks") is None
    assert not hashed
    assert shared_fit(asked(), run / "checks") is None
    assert hashed == [run / "fit" / "posterior.nc"]


def test_patients_by_other_names_are_other_patients(run):
    named = check_analysis(*read("primary", "ihlrt_synthetic", None, identifiers=KEPT))
    assert shared_fit(named, run / "checks") is None


def test_files_that_changed_are_not_read(tmp_path, first_results):
    shutil.copytree(first_results, tmp_path / "fit")
    draws = shared_fit(asked(), tmp_path / "checks").fitted.draws
    assert draws[0].equals(load(first_results / "estimates.nc")["posterior"].to_dataset())
    for name in ("estimates.nc", "posterior.nc"):
        file = tmp_path / "fit" / name
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        found = shared_fit(asked(), tmp_path / "checks")
        assert (found is None) is (name == "posterior.nc")
        assert found is None or found.fitted.draws is None


def test_a_posterior_that_did_not_converge_is_not_shared(run, monkeypatch):
    monkeypatch.setattr(quality, "MAX_R_HAT", 0.5)
    assert shared_fit(asked(), run / "checks") is None
