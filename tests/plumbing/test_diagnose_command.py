"""`bayes-ihlrt diagnose` around a sampler of noise and made-up checks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayes_ihlrt as bi
from bayes_ihlrt.analysis import diagnose as diagnosing
from bayes_ihlrt.checks.result import ModelChecks, Status, Verdict
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.report.answers import diagnosis_answer
from face_cases import check_result

pytestmark = pytest.mark.usefixtures("sampler", "summarised_once")


def made_up(fit, *, horizons, row_weights, observed_from, centre, patients, seed, stage):
    """Stand in for `examine`: tell what was asked for, and the patients left out by the fit."""
    if stage is not None:
        stage("leaving out patients")
    entry = None if observed_from is None else float(observed_from.sum())
    verdicts = (
        Verdict("hazard", Status.FLAG, "It has another shape.", {"p": 0.001}),
        Verdict("centres", Status.NO_FLAG, "They agree.", {"asked": str(horizons)}),
        Verdict("delayed entry", Status.CANNOT_TELL, "Nothing is known.", {"entry": entry}),
    )
    family = ("family", np.array([0.0, np.nan]))
    names = ("elpd", "difference", "difference_se", "unreliable", "weight")
    families = xr.Dataset(dict.fromkeys(names, family), coords={"family": ["weibull", "gompertz"]})
    return ModelChecks(verdicts, {"hazard_families": families}, patients, None)


@pytest.fixture(autouse=True)
def _checks(monkeypatch):
    monkeypatch.setattr(diagnosing, "examine", made_up)


def diagnose(*arguments, data="ihlrt_synthetic"):
    return CliRunner().invoke(app, ["diagnose", "primary", "--data", data, *map(str, arguments)])


def test_a_diagnosis_is_shown_summarised_drawn_and_loaded(tmp_path):
    found = bi.diagnose(bi.fit("primary", "ihlrt_synthetic"))
    check_result(found, tmp_path, figure="hazard_families", words="Is the model to be believed")


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ((0, 1, 2), "Flagged: hazard. Read these figures before the estimates."),
        ((1, 2), "1 of 2 checks could tell; none raises a flag."),
        ((2,), "0 of 1 checks could tell; none raises a flag."),
        ((1,), "No check raises a flag."),
    ],
)
def test_checks_that_cannot_tell_are_counted_in_the_verdict(kept, told):
    found = bi.diagnose(bi.fit("primary", "ihlrt_synthetic"))
    verdicts = tuple(found.checks.verdicts[place] for place in kept)
    here = replace(found, checks=replace(found.checks, verdicts=verdicts))
    assert diagnosis_answer(here)["parts"][0]["title"] == f"Is the model to be believed? {told}"


def test_it_prints_a_verdict_for_every_check_and_writes_them(tmp_path):
    out = tmp_path / "out"
    result = diagnose("--out", out)
    assert result.exit_code == 0, result.output
    for told in ("It has another shape.", "No flag: ", "Could not tell, which is no pass: "):
        assert told in result.stdout
    assert "Is the model to be believed? Flagged: hazard." in result.stdout
    assert result.stdout.startswith("SYNTHETIC DATA")
    written = json.loads((out / "checks.json").read_text())
    assert written["flagged"] == ["hazard"]
    assert written["hazard_families"][1]["elpd"] is None
    # What is told of patients left out is told once, by the fit.
    fitted = json.loads((out / "result.json").read_text())["loo"]
    assert written["loo"]["left_out"] == 80
    for name in ("elpd", "se", "k_above_0.7"):
        assert written["loo"][name] == fitted[name]
    assert written["centres"] is None
    assert written["effect_by_period"] is None
    assert (out / "result.json").is_file()
    assert (out / "figures" / "hazard_families.png").is_file()
    assert (out / "figures" / "survival.png").is_file()
    assert len(result.stdout.splitlines()) <= 20, result.stdout
    assert "tell what this depends on" in result.stdout
    whole = " ".join(diagnose("--tables").stdout.split())
    for careful in ("Adjusted for", "Priors, before the data", "Leave-one-patient-out"):
        assert careful not in result.stdout
        assert careful in whole
    again = diagnose("--out", out, "--overwrite", "--quiet")
    assert again.exit_code == 0, again.output


def test_json_alone_on_standard_output():
    result = diagnose("--json", "--quiet")
    found = json.loads(result.stdout)
    assert [each["verdict"] for each in found["verdicts"]] == ["flag", "no flag", "cannot tell"]
    assert found["verdicts"][1]["numbers"]["asked"] == "(12.0, 24.0)"
    assert found["verdicts"][2]["numbers"]["entry"] is None


def test_the_time_of_first_observation_is_read_in_months(tmp_path):
    from bayes_ihlrt.cohort import datasets

    frame = datasets.load("ihlrt_synthetic")
    frame["seen_from"] = 0.05
    file = tmp_path / "cohort.csv"
    frame.to_csv(file, index=False)
    result = diagnose("--json", "--quiet", "--observed-from", "seen_from", data=str(file))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["verdicts"][2]["numbers"]["entry"] == pytest.approx(80 * 0.05)


def test_an_unknown_column_is_named():
    result = diagnose("--quiet", "--observed-from", "seen")
    assert result.exit_code == 1
    assert "seen" in result.stderr


def test_entry_that_is_honoured_is_not_asked_for_again():
    arguments = ["diagnose", "heart", "--data", "heart", "--quiet", "--observed-from", "start"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "--observed-from: the specification says itself" in result.stderr
    assert "entry is honoured already" in result.stderr
