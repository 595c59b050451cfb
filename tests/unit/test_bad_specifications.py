"""Malformed specifications and calls, each with the whole message that a user reads.

The messages are written out by hand: a change of wording has to be made here too, and read again.
Every case goes through the command line: exit status 1, the message on standard error, nothing on
standard output, nothing written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app

SPECIFICATION = """\
schema = 2
name = "test"

[data]
patient = "id"
time = "months"
event = "death"

[treatment]
name = "ihlrt"
start = "ihlrt_months"

[modifier]
name = "nlr"
column = "nlr"
reference = 3.0

[outcome]
formula = "ihlrt * nlr + albi"

[outcome.hazard]
family = "weibull"

[priors]
justification = "The cohort of these tests has two events."
albi = { dist = "Normal", mu = 0.0, sigma = 1.0 }

[sampler]
draws = 1000

[estimands]
at = [2.0, 5.0]
"""
COHORT = """\
id,site,months,death,ihlrt_months,nlr,albi,sex
P1,north,12.0,1,,2.1,-2.4,f
P2,south,18.5,0,2.0,3.4,-2.1,m
P3,north,30.0,1,,5.0,-1.9,m
P4,south,13.0,0,1.0,1.8,-2.8,f
"""


@dataclass(frozen=True)
class Bad:
    """A malformed specification and what is said of it."""

    name: str
    message: str
    change: Mapping[str, str] = field(default_factory=dict)
    cohort: str = COHORT


BAD = [
    Bad(
        "not TOML",
        "specification.toml: 1 fault\n"
        "  - line 5, column 11: it is not valid TOML (invalid value). Write lines of the form "
        "key = value below [table] headings, and text between double quotes.",
        {'patient = "id"': "patient = id"},
    ),
    Bad(
        "another version of the format",
        "specification.toml: 1 fault\n  - schema: 3 is not one of the choices. Allowed: 1 or 2.",
        {"schema = 2": "schema = 3"},
    ),
    Bad(
        "no version and no name",
        "specification.toml: 2 faults\n"
        "  - schema: it is missing. Add the line schema = ... (version of this format: 2).\n"
        "  - name: it is missing. Add the line name = ... (short name of the analysis).",
        {"schema = 2\n": "", 'name = "test"\n': ""},
    ),
    Bad(
        "misspelt keys and a misspelt table",
        "specification.toml: 3 faults\n"
        "  - [modifer]: there is no such table. Did you mean 'modifier'? Allowed: causes, "
        "data, estimands, external, ladder, modifier, outcome, priors, propensity, sampler, "
        "sensitivity, treatment, visits.\n"
        "  - [data] evnt: there is no such key. Did you mean 'event'? Allowed: aliases, "
        "below_limit, centre, date_order, decimal, derived, drop_missing, encoding, entry, event, "
        "file, header_line, labels, missing, never, origin, parameter, patient, separator, sheet, "
        "start, stop, time, time_unit, units.\n"
        "  - [sampler] draw: there is no such key. Did you mean 'draws'? Allowed: chains, "
        "draws, engine, seed, target_accept, tune.",
        {"[modifier]": "[modifer]", "event =": "evnt =", "draws =": "draw ="},
    ),
    Bad(
        "wrong types",
        "specification.toml: 4 faults\n"
        "  - name: it must be text, and is 7. Put it between double quotes.\n"
        "  - [modifier] reference: it must be a number, and is '3.0'. Write it without quotes.\n"
        "  - [sampler] draws: it must be a whole number, and is 1000.5. Write it without quotes "
        "and without a decimal point.\n"
        "  - [estimands] at: it must be a list, and is 2.0. Write the values between square "
        "brackets, e.g. [12.0, 24.0].",
        {
            'name = "test"': "name = 7",
            "reference = 3.0": 'reference = "3.0"',
            "draws = 1000": "draws = 1000.5",
            "at = [2.0, 5.0]": "at = 2.0",
        },
    ),
    Bad(
        "a table written as a value",
        "specification.toml: 1 fault\n"
        "  - [estimands]: it must be a table, and is [12.0, 24.0]. Write its keys below the "
        "heading.",
        {
            'name = "test"': 'name = "test"\nestimands = [12.0, 24.0]',
            "[estimands]\nat = [2.0, 5.0]\n": "",
        },
    ),
    Bad(
        "no outcome",
        "specification.toml: 1 fault\n"
        "  - [outcome]: it is missing. Add the table (linear predictor, group effects, baseline "
        "hazard).",
        {
            '[outcome]\nformula = "ihlrt * nlr + albi"\n': "",
            '[outcome.hazard]\nfamily = "weibull"\n': "",
        },
    ),
    Bad(
        "an unknown time unit",
        "specification.toml: 1 fault\n"
        "  - [data] time_unit: 'month' is not one of the choices. Did you mean 'months'? "
        "Allowed: days, months, weeks, years.",
        {'event = "death"': 'event = "death"\ntime_unit = "month"'},
    ),
    Bad(
        "two forms of follow-up",
        "specification.toml: 1 fault\n"
        "  - [data]: follow-up needs either `time` (one row a patient) or both `start` and `stop` "
        "(several rows a patient). Found `time` and `start`.",
        {'time = "months"': 'time = "months"\nstart = "from"'},
    ),
    Bad(
        "a treatment without a column",
        "specification.toml: 1 fault\n"
        "  - [treatment]: give either `start` (time of first treatment) or `column` (0/1 in every "
        "row). Found neither.",
        {'start = "ihlrt_months"\n': ""},
    ),
    Bad(
        "a design that this version does not have",
        "specification.toml: 1 fault\n"
        "  - [treatment] design: 'crossover' is not one of the choices. Allowed: "
        "clone-censor-weight, ever-never, fixed, landmark, sequential, split.",
        {'start = "ihlrt_months"': 'start = "ihlrt_months"\ndesign = "crossover"'},
    ),
    Bad(
        "a propensity model of a design without decisions",
        "[propensity]: 1 fault\n"
        "  - [treatment] design: design 'split' follows patients from time zero and has no "
        "decisions on treatment, so nobody has a propensity. Use design 'sequential', "
        "'clone-censor-weight' or 'landmark' (`bayes-ihlrt ladder` compares them), or remove the "
        "table and put the confounders into the [outcome] formula.",
        {"[sampler]": '[propensity]\nformula = "nlr"\n\n[sampler]'},
    ),
    Bad(
        "options that a propensity would ignore",
        "specification.toml: 2 faults\n"
        "  - [propensity] estimand: 'ato' was found, and clones are weighted by the probability of "
        "keeping to their strategy, which stands for everybody. Write estimand = 'ate' for this "
        "design.\n"
        "  - [sampler]: tune would be ignored: with adjust 'weights' the batched engine fits every "
        "draw of the propensity. Leave it out; draws, chains and seed are used.",
        {
            'start = "ihlrt_months"': 'start = "ihlrt_months"\ndesign = "clone-censor-weight"\n'
            "grace = 3.0",
            "[sampler]": '[propensity]\nformula = "nlr"\nestimand = "ato"\n\n[sampler]\ntune = 500',
        },
    ),
    Bad(
        "formula and group that cannot be read",
        "specification.toml: 2 faults\n"
        "  - [outcome] formula: cannot read 'ihlrt * nlr +'. Write, for example, "
        "'ihlrt * nlr + albi'.\n"
        "  - [outcome] group: cannot read '1 | site'. Write '(1 | centre)' or "
        "'(1 + ihlrt | centre)', joined by '+'.",
        {'"ihlrt * nlr + albi"': '"ihlrt * nlr +"\ngroup = "1 | site"'},
    ),
    Bad(
        "a function that is not allowed",
        "specification.toml: 1 fault\n"
        "  - [outcome] formula: function 'sqrt' is not allowed. Allowed: C, bs, cc, center, cr, "
        "exp, log, log10, log2, poly, scale.",
        {"+ albi": "+ sqrt(albi)"},
    ),
    Bad(
        "treatment and modifier missing from the formula",
        "specification.toml: 2 faults\n"
        "  - [outcome] formula: the treatment 'ihlrt' does not occur in 'albi'. Add its name to "
        "the formula, or remove the [treatment] table.\n"
        "  - [outcome] formula: the modifier 'nlr' does not occur in 'albi'. Add its name to the "
        "formula, or remove the [modifier] table.",
        {"ihlrt * nlr + albi": "albi"},
    ),
    Bad(
        "centres without their column",
        "specification.toml: 1 fault\n"
        "  - [outcome]: it names 'centre', and [data] does not say which column that is. "
        'Add the line centre = "..." to [data], with the name of the column.',
        {'+ albi"': '+ albi"\ngroup = "(1 | centre)"'},
    ),
    Bad(
        "cut points that do not increase",
        "specification.toml: 1 fault\n  - [outcome.hazard]: cuts must increase. Found [12.0, 6.0].",
        {'"weibull"': '"piecewise"\ncuts = [12.0, 6.0]'},
    ),
    Bad(
        "an option of another hazard",
        "specification.toml: 1 fault\n"
        "  - [outcome.hazard]: cuts belongs to family 'piecewise'. Found family 'weibull'.",
        {'"weibull"': '"weibull"\ncuts = [6.0, 12.0]'},
    ),
    Bad(
        "modifier values without a modifier",
        "specification.toml: 1 fault\n"
        "  - [estimands] at: it gives values of the effect modifier, and the analysis has none. "
        "Add a [modifier] table, or remove `at`.",
        {'[modifier]\nname = "nlr"\ncolumn = "nlr"\nreference = 3.0\n': ""},
    ),
    Bad(
        "values without a logarithm",
        "specification.toml: 1 fault\n"
        "  - [estimands] at: transform 'log2' needs positive values; found 0, -1. Correct the "
        "values.",
        {"at = [2.0, 5.0]": "at = [0.0, -1.0, 5.0]"},
    ),
    Bad(
        "a reference without a logarithm",
        "specification.toml: 1 fault\n"
        "  - [modifier]: reference must be positive for transform 'log2'. Found 0.0.",
        {"reference = 3.0": "reference = 0.0"},
    ),
    Bad(
        "a prior for a parameter that is not there",
        "specification.toml: 1 fault\n"
        "  - prior 'ihlrt:nrl': the model has no such parameter. Did you mean 'ihlrt:nlr'? "
        "Allowed: albi, baseline, default, ihlrt, ihlrt:nlr, log_rate, log_shape, nlr.",
        {"albi = {": '"ihlrt:nrl" = {'},
    ),
    Bad(
        "a prior on positive values for a log hazard ratio",
        "specification.toml: 1 fault\n"
        "  - prior 'albi': HalfNormal allows positive values only, and this parameter is on a log "
        'scale. Use Normal or StudentT, or add on = "exp" to describe its exponential.',
        {'dist = "Normal", mu = 0.0, sigma': 'dist = "HalfNormal", sigma'},
    ),
    Bad(
        "priors that contradict themselves",
        "specification.toml: 3 faults\n"
        "  - [priors] albi: Normal takes exactly mu, sigma. Found lam.\n"
        "  - [priors] ihlrt: hr_interval must contain hr_median. Found 0.8 to 1.2.\n"
        "  - [priors] baseline: upper must be above median_survival. Found 10.0 against 19.2 "
        "months.",
        {
            "mu = 0.0, sigma = 1.0 }": "lam = 1.0 }\n"
            "ihlrt = { hr_median = 0.5, hr_interval = [0.8, 1.2] }\n"
            "baseline = { median_survival = 19.2, upper = 10.0 }"
        },
    ),
    Bad(
        "a prior in no known form",
        "specification.toml: 2 faults\n"
        "  - [priors] albi dist: it is missing. State the prior as "
        '{ dist = "Normal", mu = 0.0, sigma = 1.0 } or as '
        "{ hr_median = 0.75, hr_interval = [0.34, 1.64] }.\n"
        "  - [priors] albi mean: there is no such key. Allowed: alpha, at, beta, dist, lam, mu, "
        "nu, on, per, sigma.",
        {'{ dist = "Normal", mu = 0.0, sigma = 1.0 }': "{ mean = 0.0, sigma = 1.0 }"},
    ),
    Bad(
        "numbers out of range",
        "specification.toml: 4 faults\n"
        "  - [sampler] draws: 10 is out of range. It must be at least 100.\n"
        "  - [sampler] target_accept: 1.0 is out of range. It must be below 1.\n"
        "  - [estimands] horizons, item 2: 0.0 is out of range. It must be above 0.\n"
        "  - [estimands] treat_from: -1.0 is out of range. It must be at least 0.",
        {
            "draws = 1000": "draws = 10\ntarget_accept = 1.0",
            "at = [2.0, 5.0]": "horizons = [12.0, 0.0]\ntreat_from = -1.0",
        },
    ),
    Bad(
        "a start that the design cannot follow",
        "specification.toml: 2 faults\n"
        "  - [estimands] treat_from: design 'landmark' knows no start in month 24. Use design "
        "'split', or remove `treat_from`.\n"
        "  - [estimands] treat_from: month 24 is not before the last horizon, 24. Start treatment "
        "earlier, or add a later horizon.",
        {
            'start = "ihlrt_months"': 'start = "ihlrt_months"\ndesign = "landmark"\nlandmark = 3.0',
            "at = [2.0, 5.0]": "treat_from = 24.0",
        },
    ),
    Bad(
        "specification and data at fault",
        "specification.toml and cohort.csv: 4 faults\n"
        "  - [sampler] seeds: there is no such key. Did you mean 'seed'? Allowed: chains, draws, "
        "engine, seed, target_accept, tune.\n"
        "  - prior 'albi': the model has no such parameter. Did you mean 'alb'? Allowed: alb, "
        "baseline, default, ihlrt, ihlrt:nlr, log_rate, log_shape, nlr.\n"
        "  - column alb: needed as a covariate, and there is no such column. Did you mean 'albi'? "
        "Allowed: albi, death, id, ihlrt_months, months, nlr, sex, site.\n"
        "  - column death: 1 of 4 values is neither 0 nor 1: 2 (patient P3). Write 1 if the event "
        "happened and 0 if the patient was censored.",
        {"+ albi": "+ alb", "draws = 1000": "seeds = 3"},
        COHORT.replace("30.0,1", "30.0,2"),
    ),
    Bad(
        "a modifier without a logarithm in the data",
        "[modifier]: 1 fault\n"
        "  - column nlr: transform 'log2' needs positive values; found 0 or less (patient P3). "
        "Correct the values, or use transform 'identity'.",
        {},
        COHORT.replace("5.0", "0.0"),
    ),
    Bad(
        "a modifier that is text",
        "[modifier]: 1 fault\n"
        "  - column sex: the effect modifier must be a number; found text. Name a column of "
        "numbers in [modifier] column.",
        {'column = "nlr"': 'column = "sex"'},
    ),
    Bad(
        "immortal time that was not acknowledged",
        "[treatment] design: 1 fault\n"
        "  - design 'ever-never': it would count 3.0 person-months before treatment, in which "
        "treated patients could not die, as treated time. Use design 'split' or 'landmark'; to "
        "show the bias on purpose, set acknowledge_immortal_time_bias = true.",
        {'start = "ihlrt_months"': 'start = "ihlrt_months"\ndesign = "ever-never"'},
    ),
    Bad(
        "a landmark after the follow-up",
        "[treatment]: 1 fault\n"
        "  - landmark: nobody at risk at the landmark of 60 months. Choose a landmark at which "
        "some patients are treated and some are not.",
        {'start = "ihlrt_months"': 'start = "ihlrt_months"\ndesign = "landmark"\nlandmark = 60.0'},
    ),
]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_inputs(folder, change, cohort):
    text = SPECIFICATION
    for old, new in change.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "specification.toml").write_text(text)
    (folder / "cohort.csv").write_text(cohort)
    return folder / "specification.toml", folder / "cohort.csv"


NUMBERED = "Patients are numbered in the order of the data file; `bayes-ihlrt check` names them."


def assert_refused(result, message):
    assert result.stderr == f"Error: {message}\n"
    assert result.stdout == ""
    assert result.exit_code == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
@pytest.mark.parametrize("command", ["check", "fit"])
def test_every_fault_is_told(command, bad, tmp_path):
    specification, cohort = write_inputs(tmp_path, bad.change, bad.cohort)
    out = ["--out", tmp_path / "out"] if command == "fit" else []
    message = bad.message
    if command == "fit" and "(patient P3)" in message:
        # Only `check` names patients.
        message = f"{message.replace('(patient P3)', '(patient 3)')}\n{NUMBERED}"
    assert_refused(run(command, specification, "--data", cohort, *out), message)
    assert {path.name for path in tmp_path.iterdir()} == {"specification.toml", "cohort.csv"}


def test_the_specification_that_is_changed_is_sound(tmp_path):
    specification, cohort = write_inputs(tmp_path, {}, COHORT)
    result = run("check", specification, "--data", cohort)
    assert result.exit_code == 0, result.stderr


def test_a_specification_that_is_not_there(tmp_path):
    result = run("check", tmp_path / "hart.toml", "--data", "heart")
    assert_refused(
        result,
        "hart.toml: 1 fault\n"
        "  - the file: it does not exist. Check the path of the TOML file, or name a packaged "
        "specification. Did you mean 'heart'? Allowed: embolisation, heart, hepatocellular, "
        "ladder, nlr_spline, pfs_piecewise, primary, published_os, published_pfs, "
        "sensitivity/primary, subgroups.",
    )


def test_a_folder_instead_of_a_specification(tmp_path):
    result = run("fit", tmp_path, "--data", "heart")
    assert_refused(
        result,
        f"{tmp_path.name}: 1 fault\n"
        "  - the file: it has no specification.toml. Check the path of the TOML file, or name a "
        "packaged specification. Allowed: embolisation, heart, hepatocellular, ladder, nlr_spline, "
        "pfs_piecewise, primary, published_os, published_pfs, sensitivity/primary, subgroups.",
    )


def test_a_specification_that_is_not_text(tmp_path):
    (tmp_path / "scan.toml").write_bytes(b"\xff\xfe\x00\x01")
    assert_refused(
        run("check", tmp_path / "scan.toml", "--data", "heart"),
        "scan.toml: 1 fault\n  - the file: it is not text in UTF-8. Give the path of a TOML file.",
    )


def test_data_that_are_not_there(tmp_path):
    assert_refused(
        run("check", "heart", "--data", "hart"),
        "hart: 1 fault\n"
        "  - the file: it does not exist. Check the path of the data file, or name a packaged data "
        "set. Did you mean 'heart'? Allowed: heart, hepatocellular, ihlrt_synthetic, "
        "ihlrt_synthetic_findings.",
    )


def test_results_do_not_replace_files(tmp_path):
    (tmp_path / "thesis.docx").write_text("precious")
    assert_refused(
        run("fit", "heart", "--data", "heart", "--out", tmp_path),
        "output: 1 fault\n"
        f"  - folder {tmp_path}: it is not empty (thesis.docx). Name another folder, or give "
        "--overwrite to replace earlier results.",
    )
    assert_refused(
        run("fit", "heart", "--data", "heart", "--out", tmp_path, "--overwrite"),
        "output: 1 fault\n"
        f"  - folder {tmp_path}: it holds files that are no results: thesis.docx. Name another "
        "folder: results alone are replaced.",
    )
    assert (tmp_path / "thesis.docx").read_text() == "precious"


def test_results_do_not_go_into_a_file(tmp_path):
    file = tmp_path / "out"
    file.write_text("precious")
    assert_refused(
        run("demo", "--out", file),
        f"output: 1 fault\n  - folder {file}: it is a file. Name a folder.",
    )
    assert file.read_text() == "precious"


def test_templates_do_not_replace_files(tmp_path):
    (tmp_path / "specification.toml").write_text("precious")
    assert_refused(
        run("init", tmp_path),
        "init: 1 fault\n"
        f"  - folder {tmp_path}: it already holds specification.toml. Name another folder, or give "
        "--overwrite to replace them.",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["specification.toml"]
    assert (tmp_path / "specification.toml").read_text() == "precious"
