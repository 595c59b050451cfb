"""The command line before anything is fitted: help, usage, check, init, speed of loading."""

import json
import os
import pty
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from bayes_ihlrt import __version__
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.spec.read import load_spec

HEAVY = {"arviz", "formulaic", "jax", "blackjax", "matplotlib", "pandas", "pymc", "scipy", "xarray"}
FORMULAS = {"formulaic", "pandas", "scipy"}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def loaded_by(*arguments):
    """Return what a command loads, and its standard output."""
    code = (
        "import sys\nfrom bayes_ihlrt.cli.main import main\n"
        f"sys.argv = {['bayes-ihlrt', *arguments]!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    output, _, loaded = done.stdout.partition("LOADED")
    return set(loaded.split()), output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("check", "heart", "--data", "heart"),
        ("check", "heart", "--data", "heart", "--json"),
    ],
    ids=" ".join,
)
def test_what_has_to_answer_soon_loads_no_sampler(arguments):
    """`check` binds what `fit` binds, so that it needs the formula library and no more."""
    loaded, output = loaded_by(*arguments)
    assert output
    assert not loaded & (HEAVY - FORMULAS if arguments[0] == "check" else HEAVY)


def test_help_needs_neither_data_nor_models():
    loaded, _ = loaded_by("--help")
    assert not loaded & {"numpy", "pyarrow", "pydantic", "rich"}


def test_version():
    own, *libraries, kept = run("--version").stdout.splitlines()
    assert own == f"bayes-ihlrt {__version__}"
    found = dict(line.split() for line in libraries)
    assert {"python", "pymc", "blackjax", "jax", "arviz"} <= found.keys()
    assert found["pymc"] == version("pymc")
    assert kept.startswith("compiled programs: ")


def completed(*words):
    """Return what the shell is offered for the last word."""
    asked = {
        "_BAYES_IHLRT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    return CliRunner().invoke(app, env=asked, prog_name="bayes-ihlrt").stdout.split()


def test_shell_completion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "mine.csv").write_text("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.toml").write_text("")
    assert completed("bayes-ihlrt", "la") == ["ladder"]
    assert completed("bayes-ihlrt", "fit", "hea") == ["heart"]
    assert completed("bayes-ihlrt", "fit", "m") == ["mine.toml", "models/"]
    assert completed("bayes-ihlrt", "fit", "models/") == ["models/own.toml"]
    assert completed("bayes-ihlrt", "fit", "heart", "--data", "m") == ["mine.csv", "models/"]
    assert completed("bayes-ihlrt", "report", "m") == ["models/"]


def on_a_terminal(*arguments, **environment):
    """Return what a command writes when standard output and error are a terminal."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from bayes_ihlrt.cli.main import main; main()", *arguments]
    asked = {**os.environ, "TERM": "xterm-256color", **environment}
    asked = {name: value for name, value in asked.items() if value is not None}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower, env=asked
    ) as process:
        os.close(follower)
        parts = []
        while part := read(leader):
            parts.append(part)
        os.close(leader)
    assert process.returncode == 0
    return b"".join(parts).decode()


def read(leader):
    # The terminal is gone when the command ends: an error on Linux, empty elsewhere.
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""


COLOUR = "\N{ESCAPE}[3"
STYLE = "\N{ESCAPE}["


def test_terminal_gets_style_and_no_color_takes_colours_away():
    arguments = ("check", "primary", "--data", "ihlrt_synthetic")
    assert STYLE in on_a_terminal(*arguments, NO_COLOR=None)
    assert COLOUR not in on_a_terminal(*arguments, NO_COLOR="1")


def test_no_style_but_on_a_terminal():
    assert STYLE not in run("check", "primary", "--data", "ihlrt_synthetic").stdout


@pytest.mark.parametrize("command", ["fit", "demo", "check", "init"])
def test_every_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in ("--seed", "--quiet", "--json"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("refit",),
        ("fit",),
        ("fit", "heart"),
        ("check", "heart"),
        ("check", "heart", "--data", "heart", "--seed", "-1"),
        ("check", "heart", "--data", "heart", "--seed", "one"),
        ("init",),
    ],
    ids=" ".join,
)
def test_usage_is_status_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr


def test_check_tells_what_would_be_fitted():
    result = run("check", "primary", "--data", "ihlrt_synthetic", "--seed", "5")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0].startswith("SYNTHETIC DATA: ")
    for line in (
        "os-weibull-ihlrt-nlr: nothing was sampled, no fault was found",
        "patients 80",
        "events 51",
        "person-months 1,524.1",
        "untreated 80 patients, 42 events, 1,157.0 person-months",
        "treated 20 patients, 9 events, 367.1 person-months",
        "terms ihlrt, nlr, ihlrt:nlr, albi, afp_high, (1 | centre)",
        "parameters 8 (6.4 events a parameter)",
        "sampler 4 chains of 1000 + 1000 draws, seed 5",
        "ihlrt Normal(mu -0.288, sigma 0.401) about 34 events set hcc-atezolizumab-bevacizumab",
        "albi Normal(mu 0.5, sigma 0.25) per SD about 16 events specification",
        "afp_high Normal(mu 0, sigma 1) per SD about 1 event package default",
        "sd_centre HalfNormal(sigma 0.5) set hcc-atezolizumab-bevacizumab",
    ):
        assert line in lines


def test_check_as_json():
    found = json.loads(run("check", "heart", "--data", "heart", "--json", "--seed", "9").stdout)
    assert (found["data"]["patients"], found["data"]["events"], found["seed"]) == (103, 75, 9)
    assert found["treated"]["events"] + found["untreated"]["events"] == 75
    assert found["terms"] == ["transplant", "age", "transplant:age", "surgery"]
    assert found["priors"]["transplant"]["source"] == "specification"


def test_check_of_a_model_without_treatment():
    found = json.loads(run("check", "hepatocellular", "--data", "hepatocellular", "--json").stdout)
    assert found["treated"] is None
    assert len(found["data"]["dropped"]) == 126


def test_quiet_check_says_nothing():
    result = run("check", "heart", "--data", "heart", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_check_warns_of_more_parameters_than_events(tmp_path):
    (tmp_path / "cohort.csv").write_text("id,t,d,x\nA,1,1,0.1\nB,2,0,0.2\nC,3,1,0.4\nD,4,0,0.3\n")
    (tmp_path / "s.toml").write_text(
        'schema = 2\nname = "few"\n[data]\npatient = "id"\ntime = "t"\nevent = "d"\n'
        '[outcome]\nformula = "x"\n'
    )
    result = run("check", tmp_path / "s.toml", "--data", tmp_path / "cohort.csv")
    assert result.stdout.startswith("The data hold 2 events and the model has 3 parameters")
    assert "Month 12 and 24 lies beyond the last follow-up (4.0 months)" in result.stdout


def test_check_names_modifier_values_that_nobody_has(tmp_path):
    text = load_spec("primary").to_toml().replace("    5.0,\n", "    50.0,\n")
    (tmp_path / "s.toml").write_text(text)
    result = run("check", tmp_path / "s.toml", "--data", "ihlrt_synthetic")
    assert "nlr 50 lies outside the values of the cohort (0.83 to 8.71)" in result.stdout


def test_output_to_a_file_has_no_colour():
    assert "\x1b[" not in run("check", "primary", "--data", "ihlrt_synthetic").stdout


def test_init_writes_what_check_understands(tmp_path):
    result = run("init", tmp_path / "new", "--seed", "3")
    assert result.exit_code == 0
    files = {path.name for path in (tmp_path / "new").iterdir()}
    assert files == {"specification.toml", "cohort_template.csv", "data_dictionary.md"}
    assert load_spec(tmp_path / "new" / "specification.toml").sampler.seed == 3
    assert "bayes-ihlrt check" in result.stdout
    # The template has no patients yet, and that is what its reader is told.
    empty = run(
        "check",
        tmp_path / "new" / "specification.toml",
        "--data",
        tmp_path / "new" / "cohort_template.csv",
    )
    assert empty.exit_code == 1
    assert "there are column names and no rows" in empty.stderr


def test_init_as_json(tmp_path):
    written = json.loads(run("init", tmp_path, "--json").stdout)["written"]
    assert [name.rpartition("/")[2] for name in written] == [
        "specification.toml",
        "cohort_template.csv",
        "data_dictionary.md",
    ]


def test_init_replaces_its_own_files_on_request(tmp_path):
    (tmp_path / "specification.toml").write_text("old")
    assert run("init", tmp_path, "--overwrite", "--quiet").exit_code == 0
    assert load_spec(tmp_path / "specification.toml").name == "my-analysis"


LEVELS = """
schema = 2
name = "levels"
[data]
patient = "id"
time = "os"
event = "death"
[outcome]
formula = "bclc + C(grade) + age"
[sampler]
engine = "laplace"
"""


def test_check_tells_reference_levels_and_the_laplace_engine(tmp_path):
    (tmp_path / "spec.toml").write_text(LEVELS)
    rows = [f"{i},{4 + i},1,{'BCA'[i % 3]},{1 + i % 2},{60 + (i * 7) % 11}" for i in range(12)]
    (tmp_path / "cohort.csv").write_text("\n".join(["id,os,death,bclc,grade,age", *rows]))
    result = run("check", tmp_path / "spec.toml", "--data", tmp_path / "cohort.csv")
    assert result.exit_code == 0, result.output
    assert re.search(r"reference +A of bclc, 1(\.0)? of C\(grade\)", result.stdout)
    assert "Laplace approximation, 4,000 weighted draws, seed 20260101" in result.stdout
    assert "chains" not in result.stdout
