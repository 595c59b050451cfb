"""Item 4: what the terminal's table of parameters leaves out."""

from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from validation.examination.row import Row

_SPECIFICATION = """
schema = 2
name = "levels"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "treated"
column = "treated"
design = "fixed"
[outcome]
formula = "treated + stage"
[priors]
baseline = { median_survival = 12.0, upper = 60.0 }
[sampler]
engine = "laplace"
draws = 200
seed = 1
[estimands]
horizons = [12.0]
"""
_LEVELS = ("B", "C/D", "E[x]")


def rows() -> list[Row]:
    """Fit a cohort with a stage of four levels, and look for their coefficients.

    Returns
    -------
    list of Row
        One.
    """
    rng = np.random.default_rng(1)
    stage = np.asarray(["A", *_LEVELS])[rng.integers(0, 4, 200)]
    months = rng.exponential(12.0, 200).clip(0.1)
    frame = pd.DataFrame(
        {"id": np.arange(200), "months": months, "death": 1, "treated": rng.integers(0, 2, 200)}
    ).assign(stage=stage)
    with TemporaryDirectory() as name, chdir(name):
        frame.to_csv("cohort.csv", index=False)
        Path("levels.toml").write_text(_SPECIFICATION, "utf-8")
        done = CliRunner().invoke(app, ["fit", "levels.toml", "--data", "cohort.csv"])
    table = done.stdout.partition("Parameters")[2]
    shown = [level for level in _LEVELS if f"stage[T.{level}]" in table.replace("\u2215", "/")]
    right = list(_LEVELS)
    return [
        Row(
            "4",
            "levels of a category in the terminal's table of parameters",
            ", ".join(right),
            "none of them",
            ", ".join(shown) or f"none; exit status {done.exit_code}",
            "none",
            "right" if shown == right else "WRONG",
        )
    ]
