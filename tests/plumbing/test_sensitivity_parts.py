"""A study of sensitivity of which a part fails: the others are those of an undisturbed run."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import ConvergenceError, DataError, Fault
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.report.answers import sensitivity_answer
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.report.studies import write_sensitivity
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.sensitivity import cells, external, structure, study
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell, fit_cells
from bayes_ihlrt.sensitivity.parts import Study, grid
from bayes_ihlrt.sensitivity.power import power_scaling
from bayes_ihlrt.sensitivity.quantities import Wanted
from bayes_ihlrt.sensitivity.study import APART, TITLES, sensitivity_study
from bayes_ihlrt.sensitivity.tipping import tipping_points
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.read import load_spec
from external_cases import borrowing, external_of, untreated
from face_cases import check_result

FEW = ConvergenceError("effective sample size 378 (needed: 400)", "Raise draws in [sensitivity]")


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture(scope="module")
def spec():
    """Return a small study: a Weibull hazard, few draws, no audit."""
    found = load_spec("heart")
    own = found.sensitivity
    few = own.structure.model_copy(
        update={"populations": False, "hazards": own.structure.hazards[1:2], "landmarks": ()}
    )
    crude = {
        "modifier": None,
        "outcome": found.outcome.model_copy(update={"formula": "transplant"}),
        "priors": {name: found.priors[name] for name in ("transplant", "baseline")},
        "estimands": EstimandSpec(),
        "sensitivity": own.model_copy(update={"draws": 800, "audit": 0, "structure": few}),
    }
    return found.model_copy(update=crude)


@pytest.fixture(scope="module")
def whole(spec):
    """Return an undisturbed study."""
    return sensitivity_study(spec, "heart")


@pytest.fixture(scope="module")
def prepared_study(spec):
    """Return the analysis, ready to be questioned."""
    checked = check_analysis(spec, "heart")
    return Study(checked, prepare(checked.spec.model, checked.person_time))


def test_a_study_is_shown_summarised_drawn_and_loaded(whole, tmp_path):
    check_result(whole, tmp_path, figure="prior_grid", words="what does the answer depend on")


def same(left, right):
    """Compare parts of ``result.json``, which may hold no number that is not finite."""
    assert json.dumps(left, default=str) == json.dumps(right, default=str)


PARTS = {
    "grid": "grid",
    "power_scaling": "power_scaling",
    "tipping": "tipping_points",
    "evidence": "published_priors",
    "confounding": "confounding",
    "latent": "latent_confounding",
    "structure": "structure",
}


@pytest.mark.parametrize("name", PARTS)
def test_a_study_that_fails_takes_no_other_with_it(spec, whole, monkeypatch, name, tmp_path):
    # Only the study at hand is left to fail; the others give what they gave undisturbed.
    for other, function in PARTS.items():
        kept = whole.checks[other]
        if other == "confounding":
            given = (kept, whole.confounding)
        elif other == "grid":
            given = study_of_grid(whole)
        else:
            given = kept
        fake = raising(FEW) if other == name else lambda *_, given=given, **__: given
        monkeypatch.setattr(study, function, fake)
    monkeypatch.setattr(study, "measured_effect", lambda *_: None)
    result = sensitivity_study(spec, "heart")
    lost = {name, "confounding"} if name == "grid" else {name}
    assert set(result.failed) == lost
    found, undisturbed = result.to_dict(), whole.to_dict()
    assert set(found) == set(undisturbed)
    for other in set(PARTS) - lost - {"confounding", "latent"}:
        same(found[other], undisturbed[other])
    part = found["confounding"]["latent"] if name == "latent" else found[name]
    if name == "confounding":
        assert part["latent"] is not None
        assert part["grid"] is part["e_value"] is None
    else:
        assert part is None
    assert {each["part"] for each in found["failed"]} == lost
    assert found["summary"][0].startswith(f"INCOMPLETE: {len(lost)} of 7 studies ")
    shown = Console(file=StringIO(), width=110)
    print_summary(shown, sensitivity_answer(result))
    text = " ".join(shown.file.getvalue().split())
    assert f"NOT COMPUTED, {TITLES[name]}: effective sample size 378 (needed: 400). Raise" in text
    out = tmp_path / "out"
    write_sensitivity(result, out)
    page = report_page(read_results(out))
    assert "INCOMPLETE" in page
    assert "What is missing, why, and what to do" in page
    exported = CliRunner().invoke(app, ["export", str(out)])
    assert exported.exit_code == 0, exported.output


def study_of_grid(whole):
    """Return what `grid` gives, its fits unread."""
    return None, whole.checks["grid"]


def test_without_any_study_nothing_is_told(spec, monkeypatch):
    for function in PARTS.values():
        monkeypatch.setattr(study, function, raising(FEW))
    with pytest.raises(ConvergenceError, match="nothing that was asked for could be computed"):
        sensitivity_study(spec, "heart")


def flagging(*places):
    """Stand in for `_approximate`: the approximation does not fit some members."""
    honest = cells._approximate

    def approximate(*arguments, **settings):
        found = honest(*arguments, **settings)
        total = found.diagnostics.sizes[MEMBER]
        high = np.isin(np.arange(total), places)
        return replace(found, diagnostics=found.diagnostics.assign(high_k_hat=(MEMBER, high)))

    return approximate


@pytest.fixture
def losing(monkeypatch):
    """Return a way to lose members of every batch: NUTS does not converge for them."""

    def lose(*places):
        monkeypatch.setattr(cells, "_approximate", flagging(*places))
        monkeypatch.setattr(nuts, "sample_parameters", raising(FEW))

    return lose


def test_cells_that_are_lost_change_no_other(prepared_study, losing):
    prior = prepared_study.prepared.priors["transplant"].prior
    asked = [
        PriorCell(f"sd {sd}", {"transplant": prior.model_copy(update={"sigma": sd})})
        for sd in (0.2, 0.4, 0.8)
    ]
    before = fit_cells(prepared_study.prepared, asked, draws=400, seed=1)
    losing(1)
    after = fit_cells(prepared_study.prepared, asked, draws=400, seed=1, needed=(0,))
    assert isinstance(after, CellFits)
    assert after.places == [0, 2]
    assert after.lost[1].reason == FEW.problem
    np.testing.assert_array_equal(after.k_hat, before.k_hat[[0, 2]])
    np.testing.assert_array_equal(after.weights, before.weights[[0, 2]])
    kept = before.draws["transplant"].isel({MEMBER: [0, 2]}).to_numpy()
    np.testing.assert_array_equal(after.draws["transplant"].to_numpy(), kept)
    with pytest.raises(ConvergenceError, match="378"):
        fit_cells(prepared_study.prepared, asked, draws=400, seed=1)


def test_a_choice_of_priors_without_a_posterior_has_a_row(prepared_study, whole, losing):
    losing(2)
    _, table = grid(prepared_study)
    lost = [row for row in table.rows if row["failed"]]
    assert lost
    assert {row["failed"]["remedy"] for row in lost} == {FEW.remedy}
    assert all(row["mean"] is row["probability"] is row["decision"] is None for row in lost)
    names = {row["prior"] for row in lost}
    assert names == {each.part for each in table.lost}
    undisturbed = [row for row in whole.checks["grid"].rows if row["prior"] not in names]
    same([row for row in table.rows if not row["failed"]], undisturbed)
    assert {row["prior"] for row in table.rows} == {r["prior"] for r in whole.checks["grid"].rows}
    assert table.said[0].startswith("NOT COMPUTED, ")
    result = replace(whole, checks={**whole.checks, "grid": table})
    assert result.summary[0] == "INCOMPLETE: of the study 'Priors' 1 choice is missing."
    assert [each["part"] for each in result.to_dict()["failed"]] == [f"grid: {lost[0]['prior']}"]


def test_steps_of_a_path_are_walked_past(prepared_study, whole, losing):
    losing(3, 60)
    own = prepared_study.checked.spec
    size = {"draws": own.sensitivity.draws, "seed": own.sampler.seed}
    found = tipping_points(
        prepared_study.prepared,
        prepared_study.checked.person_time,
        wanted=prepared_study.main,
        threshold=own.sensitivity.threshold,
        **size,
    )
    assert len(found.lost) == 2
    before, after = whole.checks["tipping"].data, found.data
    known = np.isfinite(after["probability"].to_numpy())
    assert (~known).any()
    np.testing.assert_array_equal(
        after["probability"].to_numpy()[known], before["probability"].to_numpy()[known]
    )


def test_a_power_that_cannot_be_refitted_is_a_row(prepared_study, whole, monkeypatch):
    from bayes_ihlrt.sensitivity import power

    honest = power.smooth

    def poor(log_weights):
        smoothed, k_hat, ess = honest(log_weights)
        k_hat = np.asarray(k_hat).copy()
        if len(k_hat) > 1:
            k_hat[0] = 2.0
        return smoothed, k_hat, ess

    monkeypatch.setattr(power, "smooth", poor)
    monkeypatch.setattr(power, "_refits", lambda *_, **__: [failure])
    failure = study.Failure("priors", FEW.problem, FEW.remedy)
    own = prepared_study.checked.spec
    found = power_scaling(
        prepared_study.prepared,
        prepared_study.checked.person_time,
        wanted=prepared_study.wanted,
        draws=own.sensitivity.draws,
        seed=own.sampler.seed,
    )
    (lost,) = [row for row in found.rows if row["failed"]]
    assert lost["sensitivity"] is None
    rest = [
        row for row in whole.checks["power_scaling"].rows if row["component"] != lost["component"]
    ]
    same([row for row in found.rows if not row["failed"]], rest)


def test_a_variant_that_fails_keeps_the_others(prepared_study, whole, monkeypatch):
    honest = structure.fit_shared

    def fit(model, rows, settings):
        if model.outcome.hazard.family == "gompertz":
            message = "Singular matrix"
            raise np.linalg.LinAlgError(message)
        return honest(model, rows, settings)

    monkeypatch.setattr(structure, "fit_shared", fit)
    found = structure.structure(prepared_study.checked.spec, "heart", prepared_study.prepared)
    lost = {row["analysis"] for row in found.rows if row["failed"]}
    assert lost == {"hazard gompertz"}
    rest = [row for row in whole.checks["structure"].rows if row["analysis"] not in lost]
    same([row for row in found.rows if not row["failed"]], rest)


def test_without_the_stated_variant_no_other_is_compared(prepared_study, monkeypatch):
    honest, stated = structure.fit_shared, prepared_study.checked.spec.outcome.hazard

    def fit(model, rows, settings):
        if model.outcome.hazard == stated and rows.provenance.design.value == "split":
            raise FEW
        return honest(model, rows, settings)

    monkeypatch.setattr(structure, "fit_shared", fit)
    found = structure.structure(prepared_study.checked.spec, "heart", prepared_study.prepared)
    assert found.stable is None
    assert "the stated one is missing, and none is compared with it" in found.sentences[0]


def test_populations_that_fail_are_marked_each(prepared_study, monkeypatch):
    honest = prepared_study.checked.spec
    own = honest.sensitivity.structure.model_copy(update={"populations": True})
    spec = honest.model_copy(
        update={"sensitivity": honest.sensitivity.model_copy(update={"structure": own})}
    )
    before = structure.structure(spec, "heart", prepared_study.prepared)
    monkeypatch.setattr(structure, "fit_cells", raising(FEW))
    after = structure.structure(spec, "heart", prepared_study.prepared)
    lost = [row for row in after.rows if row["failed"]]
    assert {row["choices"]["population"] for row in lost} == {
        row["choices"]["population"] for row in before.rows
    } - {"as stated"}
    rest = [row for row in before.rows if row["choices"]["population"] == "as stated"]
    same([row for row in after.rows if not row["failed"]], rest)


def test_a_way_of_borrowing_that_fails_keeps_the_others(prepared_study, losing):
    own = external_of(prepared_study.checked, "heart", powers=(0.5,), sds=(0.3,))
    wanted = Wanted(mitigation=False)
    before = external.borrow(prepared_study.checked, own, wanted=wanted)
    losing(1)
    after = external.borrow(prepared_study.checked, own, wanted=wanted)
    lost = {row["borrowing"] for row in after.rows if row["failed"]}
    assert lost == {"power prior 0.5"}
    rest = [row for row in before.rows if row["borrowing"] not in lost]
    same([row for row in after.rows if not row["failed"]], rest)


def test_data_of_a_part_that_are_at_fault_mark_the_part(spec, whole, monkeypatch, tmp_path):
    for other, function in PARTS.items():
        kept = whole.checks[other]
        given = (kept, whole.confounding) if other == "confounding" else kept
        given = (None, kept) if other == "grid" else given
        monkeypatch.setattr(study, function, lambda *_, given=given, **__: given)
    monkeypatch.setattr(study, "measured_effect", lambda *_: None)
    faults = [Fault("registry.csv", "there is no such file", "Give its path")]
    monkeypatch.setattr(study, "borrow", raising(DataError("external", faults)))
    file = tmp_path / "others.csv"
    untreated("heart", spec).to_csv(file, index=False)
    own = borrowing(file, powers=(0.5,), sds=())
    result = sensitivity_study(spec.model_copy(update={"external": own}), "heart")
    assert result.to_dict()["external"] is None
    assert result.failed["external"].remedy == "Give its path"
    assert result.summary[0].startswith(
        f"INCOMPLETE: 1 of 8 studies is missing ('{TITLES['external']}')"
    )
    assert APART in result.summary
    # Of two questions both are among the answers: one sentence before them cut the second off.
    told = sensitivity_answer(result)
    assert told["parts"][0]["told"] == list(result.told[0])
    assert ["As stated: " in answer for answer in result.told[0]] == [True, True]
    assert told["parts"][-1]["told"][0] == APART
