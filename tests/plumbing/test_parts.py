"""One part that fails takes no other with it: the others are those of an undisturbed run."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import bayes_ihlrt as bi
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import ConvergenceError, DataError, Fault, RefusedError, SpecificationError
from bayes_ihlrt.ladder import fit as rung_fit
from bayes_ihlrt.ladder import run as ladder
from bayes_ihlrt.ladder.figure import ladder_sentences
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.parts import Failure, attempted, missing, nothing_left
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.read import load_spec
from face_cases import check_result

FEW = ConvergenceError(
    "the posterior is not to be trusted: effective sample size 378 (needed: 400)",
    "Raise draws in [ladder]",
)

FAULT = [Fault("patient 3", "no time", "Give it")]
OF_A_PART = [
    FEW,
    DataError("data", FAULT),
    SpecificationError("specification", FAULT),
    RefusedError("design", FAULT),
    np.linalg.LinAlgError("Singular matrix"),
    FloatingPointError("overflow"),
]


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("error", OF_A_PART, ids=lambda error: type(error).__name__)
def test_what_a_part_runs_into_is_kept_with_a_remedy(error):
    found = attempted("part", raising(error))
    assert isinstance(found, Failure)
    assert found.part == "part"
    assert found.reason
    assert found.remedy


@pytest.mark.parametrize("error", [TypeError("x"), KeyError("x"), ValueError("x"), MemoryError()])
def test_faults_of_the_package_pass(error):
    with pytest.raises(type(error)):
        attempted("part", raising(error))


def test_what_is_missing_is_named_but_not_without_end():
    lost = [Failure(f"rung {number}", "no mode") for number in range(7)]
    (told,) = missing(lost, 9, "rungs")
    assert "7 of 9 rungs are missing ('rung 0'" in told
    assert "'rung 4' and 2 more)" in told
    assert missing([], 9, "rungs") == ()


def test_faults_of_the_input_in_every_part_are_told_as_such():
    lost = [attempted(name, raising(DataError("data", FAULT))) for name in "ab"]
    assert isinstance(nothing_left(lost), DataError)
    error = nothing_left([*lost, attempted("c", raising(FEW))])
    assert isinstance(error, ConvergenceError)
    assert "c: the posterior is not to be trusted" in error.problem
    assert "Raise draws in [ladder]" in error.remedy


@pytest.fixture(scope="module")
def ladder_spec():
    """Return a crude ladder of the heart transplants."""
    spec = load_spec("heart")
    crude = {
        "modifier": None,
        "outcome": spec.outcome.model_copy(update={"formula": "transplant"}),
        "priors": {name: spec.priors[name] for name in ("transplant", "baseline")},
        "estimands": EstimandSpec(),
        "ladder": spec.ladder.model_copy(
            update={"draws": 1000, "null_replicates": 100, "landmarks": (3.0,)}
        ),
    }
    return spec.model_copy(update=crude)


@pytest.fixture(scope="module")
def whole(ladder_spec):
    """Return an undisturbed ladder."""
    return bi.ladder(ladder_spec, "heart")


@pytest.fixture(scope="module")
def whole_ladder(whole):
    """Return what an undisturbed ladder writes."""
    return whole.to_dict()


def test_a_ladder_is_shown_summarised_drawn_and_loaded(whole, tmp_path):
    check_result(whole, tmp_path, figure="ladder", words="with immortal time removed")


def failing_at(design, error=FEW):
    """Stand in for `fit_shared`: the rows of one design have no posterior."""
    honest = rung_fit.fit_shared

    def fit(model, rows, settings):
        if rows.provenance.design is design:
            raise error
        return honest(model, rows, settings)

    return fit


DESIGNS = (DesignKind.EVER_NEVER, DesignKind.LANDMARK, DesignKind.SPLIT)


@pytest.mark.parametrize("place", range(3), ids=[design.value for design in DESIGNS])
def test_a_rung_that_fails_takes_no_other_with_it(ladder_spec, whole_ladder, monkeypatch, place):
    monkeypatch.setattr(rung_fit, "fit_shared", failing_at(DESIGNS[place]))
    result = bi.ladder(ladder_spec, "heart")
    found = result.to_dict()
    for number, (rung, undisturbed) in enumerate(
        zip(found["rungs"], whole_ladder["rungs"], strict=True)
    ):
        assert rung.keys() == undisturbed.keys()
        if number != place:
            assert rung == undisturbed
    lost = found["rungs"][place]
    assert lost["failed"]["reason"] == FEW.problem
    assert lost["failed"]["remedy"].startswith("Raise draws in [ladder]")
    numbers = ("log_hr", "log_hr_at", "rmst_difference", "rmst_at", "engine", "compares")
    assert all(lost[name] is None for name in numbers)
    assert [part["part"] for part in found["failed"]] == [f"{lost['rung']}, none"]
    assert found["null_simulation"] == whole_ladder["null_simulation"]
    assert found["data"] == whole_ladder["data"]
    sentences = ladder_sentences(result)
    assert sentences[0].startswith("INCOMPLETE: 1 of 3 rungs is missing ('")
    assert "nan" not in " ".join(sentences)


def test_a_null_simulation_that_fails_leaves_the_rungs(ladder_spec, whole_ladder, monkeypatch):
    monkeypatch.setattr(ladder, "simulate_naive", raising(FEW))
    result = bi.ladder(ladder_spec, "heart")
    found = result.to_dict()
    assert found["rungs"] == whole_ladder["rungs"]
    assert found["null_simulation"] is None
    assert found["failed"] == [
        {"part": "null simulation", "reason": FEW.problem, "remedy": FEW.remedy}
    ]
    assert ladder_sentences(result)[0].startswith("INCOMPLETE: the null simulation is missing")


def test_a_ladder_without_any_rung_is_not_to_be_trusted(ladder_spec, monkeypatch):
    monkeypatch.setattr(rung_fit, "fit_shared", raising(FEW))
    with pytest.raises(ConvergenceError, match=r"ever-never, none: .*split, none: "):
        bi.ladder(ladder_spec, "heart")


def test_a_partly_failed_ladder_is_written_told_and_reported(ladder_spec, monkeypatch, tmp_path):
    monkeypatch.setattr(rung_fit, "fit_shared", failing_at(DesignKind.EVER_NEVER))
    file, out = tmp_path / "crude.toml", tmp_path / "out"
    file.write_text(ladder_spec.to_toml(), "utf-8")
    arguments = ["ladder", str(file), "--data", "heart"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.output
    first = "INCOMPLETE: 1 of 3 rungs is missing ('Ever against never treated, crude')"
    assert first in " ".join(done.stdout.split())
    assert "not estimated" in done.stdout
    assert "Raise draws in [ladder]" in " ".join(done.stdout.split())
    assert json.loads((out / "result.json").read_text())["failed"]
    page = " ".join(report_page(read_results(out)).split())
    assert "INCOMPLETE: 1 of 3 rungs is missing" in page
    assert "effective sample size 378 (needed: 400)" in page
    for command in ("report", "export"):
        told = CliRunner().invoke(app, [command, str(out)])
        assert told.exit_code == 0, told.output
    (table,) = (out / "exports").rglob("*ladder.csv")
    assert "Not estimated: the posterior is not to be trusted" in table.read_text("utf-8")
    quiet = CliRunner().invoke(app, [*arguments, "--json"])
    assert quiet.exit_code == 0
    assert "INCOMPLETE: 1 of 3 rungs is missing" in quiet.stderr
    assert json.loads(quiet.stdout)["rungs"][0]["log_hr"] is None
