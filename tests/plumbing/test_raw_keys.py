"""No key of the code reaches a reader: neither on the terminal nor in a page."""

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.read import load_spec
from raw_keys import raw_keys, read_aloud
from report_cases import write_everything

GROUPED = {"sampler": {"draws": 125, "chains": 4, "seed": 1}}
SCANS = """
schema = 2
name = "scans"
data = { patient = "id", event = { left = "free", right = "found" } }
treatment = { name = "trt", start = "trt" }
modifier = { name = "nlr", column = "nlr", transform = "log2", reference = 3.0 }
outcome = { formula = "trt * nlr" }
sampler = { draws = 125, chains = 4, seed = 1 }
"""
SEEN = {"acknowledge_poor_overlap": True}
WEIGHTED = {
    "sequential": ({"design": "sequential"}, {}),
    "clone": (
        {"design": "clone-censor-weight", "grace": 6.0, "grace_weights": "time-varying"},
        {"estimand": "ate", **SEEN},
    ),
    # At one landmark there is one decision, and so no time of it.
    "landmark": (
        {"design": "landmark", "landmark": 6.0},
        {"formula": "nlr + response + albi + afp_high", **SEEN},
    ),
}


def told(folder, *arguments):
    """Return what a command prints of itself, with every table, and its report."""
    command = [*map(str, arguments), "--out", str(folder)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "110"})
    assert result.exit_code == 0, result.output
    return result.stdout.partition("Written:")[0], report_page(read_results(folder))


@pytest.mark.parametrize(
    "key", ["sd_centre", "centre_effect[centre-3]", "prior_hr", "log_hazard[3-6]", "None", "nan"]
)
def test_a_key_is_found(key):
    assert list(raw_keys(f"The {key} is told.")) == [key]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("clone-censor-weight", "the clone-censor-weight design"),
        ("prior-hr", "at (prior-hr) 0.8"),
        ("hazard-ratio", "P(hazard-ratio < 1) > 0.975"),
        ("month(s)", "1 more month(s) of 24"),
        ("prob", "additive: prob reference 0.71"),
    ],
)
def test_a_choice_of_the_code_is_found(key, text):
    assert list(raw_keys(text)) == [key]


def test_words_and_numbers_are_no_keys():
    text = "Set design 'ever-never' or `hazard-ratio`, time-varying, log-rank, a-hr-b, 2 months (s)"
    assert raw_keys(text) == {}
    text = "SD of centre, P(HR < 1), `prior_hr`, 'afp_high', [set hcc-a], models/fixed_os.toml, (a)"
    assert raw_keys(text) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("sampler")
@pytest.mark.parametrize("family", ["weibull", "piecewise"])
def test_a_fit_with_groups_tells_none(family, tmp_path):
    spec = load_spec("primary").to_dict()
    spec |= GROUPED
    spec["outcome"]["group"] = "(1 + ihlrt | centre)"
    spec["outcome"]["hazard"] = {"family": family}
    spec["priors"].pop("log_shape", None)
    (tmp_path / "own.toml").write_text(tomli_w.dumps(spec))
    arguments = ("fit", tmp_path / "own.toml", "--data", "ihlrt_synthetic", "--tables")
    printed, page = told(tmp_path / "out", *arguments)
    assert raw_keys(printed) == {}
    assert raw_keys(read_aloud(page)) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("sampler")
def test_events_between_scans_tell_none(tmp_path):
    rng = np.random.default_rng(5)
    lines = ["id,free,found,trt,nlr"]
    for number, free in enumerate(rng.uniform(0.0, 12.0, 40)):
        found = "" if number % 4 == 0 else f"{free + 2.0:.2f}"
        trt = f"{0.5 * free:.2f}" if number % 3 == 0 else ""
        lines.append(f"K{number},{free:.2f},{found},{trt},{rng.uniform(1.5, 6.0):.2f}")
    (tmp_path / "scans.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "scans.toml").write_text(SCANS)
    arguments = ("fit", tmp_path / "scans.toml", "--data", tmp_path / "scans.csv", "--tables")
    printed, page = told(tmp_path / "out", *arguments)
    assert "scan" in printed
    assert raw_keys(printed) == {}
    assert raw_keys(read_aloud(page)) == {}


def test_competing_causes_tell_none(causes_results):
    out, printed = causes_results
    assert raw_keys(printed.partition("Written:")[0]) == {}
    assert raw_keys(read_aloud(report_page(read_results(out)))) == {}


def test_a_report_of_every_command_tells_none(first_results, tmp_path):
    folder = write_everything(first_results, tmp_path / "all")
    assert raw_keys(read_aloud(report_page(read_results(folder)))) == {}


@pytest.mark.slow
@pytest.mark.parametrize("design", WEIGHTED)
def test_designs_with_a_propensity_tell_none(design, tmp_path):
    treatment, propensity = WEIGHTED[design]
    spec = load_spec("ladder").to_dict()
    spec |= GROUPED
    spec["treatment"] |= treatment
    spec["propensity"] |= propensity
    (tmp_path / "own.toml").write_text(tomli_w.dumps(spec))
    arguments = ("fit", tmp_path / "own.toml", "--data", "ihlrt_synthetic", "--tables")
    printed, page = told(tmp_path / "out", *arguments)
    assert raw_keys(printed) == {}
    assert raw_keys(read_aloud(page)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "ladder ladder --data ihlrt_synthetic",
        "sensitivity sensitivity/primary --data ihlrt_synthetic",
        "diagnose primary --data ihlrt_synthetic",
        "plan fixed_os --trials 64",
    ],
)
def test_studies_tell_none(command, tmp_path):
    printed, page = told(tmp_path / "out", *command.split(), "--tables")
    assert raw_keys(printed) == {}
    assert raw_keys(read_aloud(page)) == {}
