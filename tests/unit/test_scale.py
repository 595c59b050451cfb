"""`benchmarks/scale.py`: cohorts that the package reads, and a page with the right numbers."""

import re

import pytest
from benchmarks import scale
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app

ROW = {"ended": "", "seconds": 10.0, "processor": 4.0, "gigabytes": 1.0, "load": 3.0}


@pytest.mark.parametrize("name", ["wide", "rows", "piecewise"])
def test_inputs_are_read_without_a_doubt(name, tmp_path, monkeypatch):
    scale.CASES[name].write(tmp_path, 2_000)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, scale.words("check", 2_000))
    assert done.exit_code == 0, done.output
    assert f"{name}: nothing was sampled, no fault was found" in done.output
    assert len(re.findall(r"\b2,000\b", done.output)) >= 1


def test_growth_is_the_power_of_the_size():
    row = {**ROW, "processor": 8.0, "gigabytes": 4.0}
    assert scale.growth((100, ROW), 200, row) == "1.00, 2.00"
    assert scale.growth(None, 200, row) == "-"
    assert scale.growth((100, ROW), 200, {**row, "ended": "more than 16 GB"}) == "-"


def test_a_command_that_was_ended_is_told():
    kept = {"rows fit 100": ROW, "rows fit 200": {**ROW, "ended": "more than 16 GB"}}
    first, second = scale.table(kept).splitlines()
    assert first.startswith("| `fit`: start-stop rows, ten a patient")
    assert "| 100 | 10 s | 4 s | 1.0 GB | - | 3.0 |" in first
    assert "| 200 | more than 16 GB |" in second
    told = scale.unreached(kept)
    assert "`fit` of 1,000,000 start-stop rows" in told
    assert "the largest that ended is 100\n" in told
    assert "`check` of 200,000 patients" in told
    assert told.count("no size ended") == 6
