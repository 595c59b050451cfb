"""80 secret identifiers, searched for in what a fit with its checks writes and tells."""

from pathlib import Path
from tempfile import TemporaryDirectory

import netCDF4
import numpy as np
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.cohort import datasets
from validation.examination.row import Row

ITEM = "2"
SECRETS = [f"QJXW-{7_340_918_200_450_017 + number * 7_919}" for number in range(80)]
SPEC = """
schema = 2
name = "secret"
[data]
patient = "patient_id"
time = "os_months"
event = "death"
[treatment]
name = "ihlrt"
start = "ihlrt_months"
[outcome]
formula = "ihlrt + nlr"
[sampler]
engine = "laplace"
"""


def rows() -> list[Row]:
    """Fit and check a cohort with secret identifiers, with and without keeping them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        frame = datasets.load("ihlrt_synthetic").assign(patient_id=SECRETS)
        frame.to_csv(folder / "cohort.csv", index=False)
        (folder / "spec.toml").write_text(SPEC, "utf-8")
        command = [str(folder / "spec.toml"), "--data", str(folder / "cohort.csv")]
        told = _run("check", *command, "--json")
        told += _run("diagnose", *command, "--out", str(folder / "out"))
        _run("fit", *command, "--out", str(folder / "kept"), "--keep-identifiers", "--quiet")
        found, kept = _leaked(folder / "out", told), _leaked(folder / "kept", "")
    return [
        Row(
            ITEM,
            "80 secret identifiers in the output of `check --json` and `diagnose`",
            "none found",
            "80 in `posterior.nc`; some in `checks.json` and `influence.png`",
            f"{found} found",
            "-",
            "right" if found == 0 else "wrong",
        ),
        Row(
            ITEM,
            "the same with `fit --keep-identifiers`",
            "80, on request",
            "no such option",
            f"{kept} found",
            "-",
            "right" if kept == len(SECRETS) else "wrong",
        ),
    ]


def _run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if done.exit_code:
        raise RuntimeError(done.output)
    return done.stdout + done.stderr


def _leaked(folder: Path, told: str) -> int:
    parts = [told.encode()]
    for file in (path for path in folder.rglob("*") if path.is_file()):
        parts.append(file.read_bytes())
        if file.suffix == ".nc":
            with netCDF4.Dataset(file) as opened:
                groups = [opened, *opened.groups.values()]
                values = [v[...] for group in groups for v in group.variables.values()]
            parts += [
                " ".join(map(str, np.ravel(value))).encode()
                for value in values
                if np.asarray(value).dtype.kind in "OUS"
            ]
    content = b"\n".join(parts)
    return sum(secret.encode() in content for secret in SECRETS)
