"""No key of the code reaches a reader: neither on the terminal nor in a page."""

import html
import re

import pytest
import tomli_w
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.read import load_spec
from report_cases import write_everything

# Names of the data, and of packaged ones: what a user wrote.
OWN = {
    *("afp_high", "patient_id", "ihlrt_months", "os_months", "response_months", "ihlrt_synthetic"),
    *("fixed_os", "fall_months"),
}
KEY = re.compile(
    r"\b[A-Za-z]\w*\[[^\]\s]*\]"  # brackets of an index
    r"|(?<![\w/.`@-])[A-Za-z]+(?:_[A-Za-z0-9]+)+\b(?!\.\w)"  # words joined by underscores
    r"|<xarray|<[A-Z]\w+\.|\bnp\.float|\bNone\b|\bnan\b|\bTrue\b|\bFalse\b"
)
NOT_READ = re.compile(r"<(script|style|pre|code)\b.*?</\1>", re.DOTALL)

GROUPED = {"sampler": {"draws": 125, "chains": 4, "seed": 1}}
WEIGHTED = {
    "sequential": ({"design": "sequential"}, {}),
    "clone": ({"design": "clone-censor-weight", "grace": 6.0}, {}),
    "landmark": ({"design": "landmark", "landmark": 6.0}, {}),
}


def raw_keys(text):
    """Return the words of a text that are keys, each with what stands around it."""
    found = {}
    for match in KEY.finditer(text):
        around = text[max(0, match.start() - 60) : match.end() + 40]
        found.setdefault(match[0], " ".join(around.split()))
    return {word: around for word, around in found.items() if word not in OWN}


def read_aloud(page):
    """Return what a person reads of a page, alternative texts and labels as well."""
    page = NOT_READ.sub("", page)
    attributes = re.findall(r'(?:alt|aria-label|title)="([^"]*)"', page)
    return html.unescape(re.sub(r"<[^>]+>", " ", page) + " ".join(attributes))


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


def test_words_and_numbers_are_no_keys():
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
