"""80 secret identifiers, searched for in everything that every command tells and writes."""

import json
import zipfile

import netCDF4
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from typer.testing import CliRunner

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.checks import families
from bayes_ihlrt.checks.families import other_hazards
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.plots import saving
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.spec.read import load_spec

pytestmark = pytest.mark.usefixtures("summarised_once")

PATIENTS = 80
# Half are text, half digits that no other number, date or checksum of a run holds.
SECRETS = [
    f"Öz{number:02d}-QJXW-Skłodowska" if number % 2 else f"{7_340_918_200_450_017 + number * 7_919}"
    for number in range(PATIENTS)
]
SMALL = """
schema = 2
name = "secret-{name}"
[data]
patient = "patient_id"
time = "os_months"
event = "death"
centre = "centre"
drop_missing = true
[treatment]
name = "ihlrt"
start = "ihlrt_months"
design = "{design}"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "ihlrt * nlr + albi"
[estimands]
horizons = [12.0]
at = [3.0]
[sampler]
draws = 200
engine = "{engine}"
"""
WEIGHTED = """
[propensity]
formula = "nlr + response + albi + time"
[visits]
file = "visits.csv"
time = "month"
covariates = ["crp"]
switches = { response = "response_months" }
[ladder]
landmarks = [6.0]
draws = 1200
null_replicates = 100
"""
STUDY = """
[sensitivity]
draws = 800
audit = 0
[sensitivity.structure]
covariates = false
landmarks = []
populations = false
hazards = [{ family = "exponential" }]
"""
PLAN = """
schema = 2
name = "secret-plan"
[design]
patients = 60
accrual = { rates = [20.0] }
treatment = { name = "ihlrt" }
outcome = { formula = "ihlrt" }
[[design.looks]]
events = 30
efficacy = [{ quantity = "hazard-ratio", below = 1.0, more_than = 0.975 }]
[[scenarios]]
name = "cohort"
posterior = { analysis = "fit.toml", data = "cohort.csv", draws = 800 }
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def leaked(content):
    """Return the secrets in bytes, in UTF-8 or UTF-16, or as the numbers that they are."""
    found = set()
    for secret in SECRETS:
        forms = [secret.encode(), secret.encode("utf-16-le"), json.dumps(secret)[1:-1].encode()]
        if secret.isdigit():
            forms += [np.int64(int(secret)).tobytes(), np.float64(int(secret)).tobytes()]
        if any(form in content for form in forms):
            found.add(secret)
    return found


def of_netcdf(group):
    """Return all text and numbers of a netCDF group, decompressed."""
    parts = [str(group.__dict__).encode()]
    for variable in group.variables.values():
        values = np.asarray(variable[...])
        text = "\n".join(map(str, values.ravel().tolist())) if values.dtype.kind in "OUS" else ""
        parts += [str(variable.__dict__).encode(), text.encode(), values.tobytes()]
    return b"\n".join([*parts, *map(of_netcdf, group.groups.values())])


def contents(file):
    """Return what a file says, unpacked as well."""
    found = [file.read_bytes()]
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            found += [archive.read(name) for name in archive.namelist()]
    if file.suffix == ".nc":
        with netCDF4.Dataset(file) as opened:
            found.append(of_netcdf(opened))
    return b"\n".join(found)


def write_inputs(folder):
    """Write a cohort with secret identifiers, its visits, and specifications of everything."""
    frame = datasets.load("ihlrt_synthetic")
    frame["patient_id"] = SECRETS
    frame["seen_from"] = 0.01
    # One patient is left out, and named in what is told of those.
    frame.loc[40, "albi"] = np.nan
    frame.to_csv(folder / "cohort.csv", index=False)
    visits = frame.loc[frame.index.repeat(12), ["patient_id", "os_months"]]
    visits["month"] = np.tile(np.arange(12) * 1.5, len(frame))
    visits["crp"] = np.random.default_rng(1).normal(size=len(visits)).round(2)
    visits = visits[visits["month"] < visits["os_months"]].drop(columns="os_months")
    visits.to_csv(folder / "visits.csv", index=False)
    for name, design, engine, more in (
        ("fit", "split", "laplace", ""),
        ("ladder", "sequential", "nuts", WEIGHTED),
        ("weighted", "sequential", "nuts", WEIGHTED.partition("[ladder]")[0]),
        ("study", "split", "laplace", STUDY),
    ):
        text = SMALL.format(name=name, design=design, engine=engine) + more
        if more.strip().startswith("[propensity]"):
            text = text.replace('engine = "nuts"\n', "").replace("albi", "albi + response", 1)
        (folder / f"{name}.toml").write_text(text, "utf-8")
    (folder / "plan.toml").write_text(PLAN, "utf-8")


COMMANDS = {
    "check": ("check", "fit.toml", "--data", "cohort.csv", "--json"),
    "check, read": ("check", "fit.toml", "--data", "cohort.csv"),
    "fit": ("fit", "fit.toml", "--data", "cohort.csv", "--out", "apart/fit"),
    "fit, JSON": ("fit", "fit.toml", "--data", "cohort.csv", "--json"),
    "weighted": ("fit", "weighted.toml", "--data", "cohort.csv", "--out", "weighted"),
    "diagnose": (
        *("diagnose", "fit.toml", "--data", "cohort.csv", "--observed-from", "seen_from"),
        *("--out", "out/fit"),
    ),
    "ladder": ("ladder", "ladder.toml", "--data", "cohort.csv", "--out", "out/ladder"),
    "sensitivity": ("sensitivity", "study.toml", "--data", "cohort.csv", "--out", "out/study"),
    "plan": ("plan", "plan.toml", "--trials", "8", "--audit", "0", "--out", "out/plan"),
    "report": ("report", "apart"),
    "export": ("export", "apart", "--out", "exports"),
    "report, all": ("report", "out"),
    "export, all": ("export", "out", "--out", "all-exports"),
}


OFTEN = ("check", "check, read", "fit", "fit, JSON", "report", "export")
"""What takes seconds; every command takes five minutes."""


@pytest.fixture(
    scope="module", params=["often", pytest.param("every command", marks=pytest.mark.slow)]
)
def told(request, tmp_path_factory, summarising_once, flexible_by_noise):
    """Return a folder with the outputs of commands, what they printed and drew."""
    folder = tmp_path_factory.mktemp("secrets")
    write_inputs(folder)
    texts, save = [], Figure.savefig

    def noting(figure, *arguments, **options):
        texts.extend(text.get_text() for text in figure.findobj(Text))
        return save(figure, *arguments, **options)

    printed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Figure, "savefig", noting)
        patch.setattr(saving, "DPI", 20)
        summarising_once(patch)
        flexible_by_noise(patch)
        # Each other hazard is compiled for as long as a command takes; one says all that six do.
        patch.setattr(families, "other_hazards", lambda fit: other_hazards(fit)[:1])
        for name in OFTEN if request.param == "often" else COMMANDS:
            done = run(*COMMANDS[name])
            assert done.exit_code == 0, f"{name}: {done.output}"
            printed[name] = done.stdout + done.stderr
    return folder, printed, texts


def test_the_search_finds_what_is_there(told):
    folder, _, _ = told
    assert leaked(contents(folder / "cohort.csv")) == set(SECRETS)
    assert leaked(json.dumps(SECRETS).encode()) == set(SECRETS)


def test_no_command_prints_an_identifier(told):
    _, printed, _ = told
    assert printed
    for command, words in printed.items():
        assert words, command
        assert not leaked(words.encode()), command


def test_no_file_holds_an_identifier(told):
    folder, _, texts = told
    inputs = {"cohort.csv", "visits.csv"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in inputs]
    assert {".nc", ".json", ".png", ".html", ".docx", ".csv", ".toml"} <= {
        path.suffix for path in files
    }
    for file in files:
        assert not leaked(contents(file)), file.relative_to(folder)
    assert len(texts) > 100
    assert not leaked("\n".join(texts).encode())


def test_patients_are_numbered_in_the_order_of_the_file(told):
    folder, _, _ = told
    tree = load(folder / "apart" / "fit" / "posterior.nc")
    expected = [str(number) for number in range(1, PATIENTS + 1) if number != 41]
    assert tree["log_likelihood"]["patient"].to_numpy().tolist() == expected
    data = json.loads((folder / "apart" / "fit" / "result.json").read_text())["data"]
    assert data["dropped"] == {"41": "albi is missing"}
    assert data["patient_labels"] == "numbers"


def test_they_are_kept_on_request_and_the_result_says_so(told, sampler, monkeypatch):
    folder, _, _ = told
    monkeypatch.chdir(folder)
    text = (folder / "fit.toml").read_text("utf-8").replace('engine = "laplace"', "")
    (folder / "kept.toml").write_text(text, "utf-8")
    arguments = ("kept.toml", "--data", "cohort.csv", "--keep-identifiers")
    done = run("fit", *arguments, "--out", "kept/fit", "--overwrite")
    assert done.exit_code == 0, done.output
    assert "IDENTIFIERS KEPT: results and files call patients by the identifiers" in done.stdout
    tree = load(folder / "kept" / "fit" / "posterior.nc")
    assert tree["log_likelihood"]["patient"].to_numpy().tolist() == [
        secret for place, secret in enumerate(SECRETS) if place != 40
    ]
    data = json.loads((folder / "kept" / "fit" / "result.json").read_text())["data"]
    assert (data["patient_labels"], list(data["dropped"])) == ("identifiers", [SECRETS[40]])
    plain = json.loads((folder / "apart" / "fit" / "result.json").read_text())["data"]
    for name in ("fingerprint", "follow_up"):
        assert data[name] == plain[name]
    for command in ("report", "export"):
        refused = run(command, "kept")
        assert refused.exit_code == 1
        assert "call patients by the identifiers of the data file" in refused.stderr
        assert "give --keep-identifiers to pass them on" in refused.stderr
        assert run(command, "kept", "--keep-identifiers").exit_code == 0
    assert run("check", *arguments, "--json").exit_code == 0


def faulty(folder, *, column, value):
    frame = datasets.load("ihlrt_synthetic")
    frame["patient_id"] = SECRETS
    frame.loc[4, column] = value
    file = folder / "faulty.csv"
    frame.to_csv(file, index=False)
    return file


@pytest.mark.parametrize(
    ("column", "value"), [("os_months", -1.0), ("ihlrt_months", 99.0), ("nlr", np.nan), ("nlr", -1)]
)
def test_only_check_names_patients_in_faults(column, value, tmp_path):
    data = ("primary", "--data", faulty(tmp_path, column=column, value=value))
    read = run("check", *data)
    assert read.exit_code == 1
    assert SECRETS[4] in read.stderr
    for command in (
        *(("check", *data, "--json"), ("fit", *data), ("ladder", *data), ("sensitivity", *data)),
        ("diagnose", *data),
    ):
        done = run(*command)
        assert done.exit_code == 1
        assert not leaked((done.stdout + done.stderr).encode())
        assert "patient 5" in done.stderr
        assert done.stderr.endswith(
            "Patients are numbered in the order of the data file; `bayes-ihlrt check` names them.\n"
        )
        kept = run(*command, "--keep-identifiers")
        assert SECRETS[4] in kept.stderr


def test_faults_of_visits_name_rows_of_strangers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    visits = (tmp_path / "visits.csv").read_text("utf-8").splitlines()
    (tmp_path / "visits.csv").write_text("\n".join([*visits, "Ödön-QJXW,0.5,1.0"]), "utf-8")
    for command, named in (("check", True), ("ladder", False)):
        done = run(command, "ladder.toml", "--data", "cohort.csv")
        assert done.exit_code == 1
        assert ("Ödön-QJXW" in done.stderr) is named
        assert (f"patient of row {len(visits)}" in done.stderr) is not named


def test_in_python_the_cohort_names_patients_and_results_do_not(sampler, tmp_path):
    write_inputs(tmp_path)
    spec = load_spec(tmp_path / "fit.toml")
    frame = datasets.load("ihlrt_synthetic")
    frame["patient_id"] = SECRETS
    cohort = Cohort.from_frame(frame, spec.data, spec.treatment, covariates=spec.covariates)
    assert set(cohort.columns["patient"]) == set(SECRETS)
    numbers = [str(number) for number in range(1, PATIENTS + 1)]
    for source in (cohort, frame):
        checked = check_analysis(spec, source)
        assert checked.person_time.patients.tolist() == numbers
        assert checked.cohort.fingerprint == cohort.fingerprint
    kept = Cohort.from_frame(
        frame,
        spec.data,
        spec.treatment,
        covariates=spec.covariates,
        identifiers=Identifiers.EVERYWHERE,
    )
    result = run_fit(spec.model_copy(update={"sampler": load_spec("primary").sampler}), kept)
    assert result.tree["log_likelihood"]["patient"].to_numpy().tolist() == SECRETS
