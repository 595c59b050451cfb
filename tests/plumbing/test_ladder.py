"""The bias ladder around its fits: the g-formula from given draws, rungs that cannot be."""

import json
import warnings

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import ConvergenceError, SpecificationError
from bayes_ihlrt.ladder import fit as rung_fit
from bayes_ihlrt.ladder import run as ladder
from bayes_ihlrt.ladder.figure import ladder_data, ladder_sentences
from bayes_ihlrt.ladder.null import NullSimulation
from bayes_ihlrt.ladder.rung import Rung
from bayes_ihlrt.ladder.rungs import WEIGHTS, plan_rungs
from bayes_ihlrt.multistate import fit as transition_fit
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.plots.catalogue import draw_figure
from bayes_ihlrt.propensity.model import SeparationWarning
from bayes_ihlrt.report import ladder as ladder_table
from bayes_ihlrt.report.answers import ladder_answer
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.states import StatesSpec, SwitchSpec, Transition, TransitionSpec
from states_cases import fabricate

SAMPLES = 400


@pytest.fixture(scope="module")
def spec():
    """Return the packaged ladder, its first landmark before anybody is treated."""
    found = load_spec("ladder")
    own = found.ladder.model_copy(update={"landmarks": (0.01, 6.0), "draws": 400})
    return found.model_copy(update={"ladder": own})


@pytest.fixture(scope="module")
def cohort(spec):
    """Return the packaged synthetic cohort."""
    return read_cohort(spec, "ihlrt_synthetic")


@pytest.fixture
def plan(spec, cohort):
    """Return the plan of the g-formula."""
    return plan_rungs(spec, cohort)[-1]


def constant_states(cohort):
    """Return a fit in which nothing but treatment matters: hazard 0.1, times exp(-1) treated."""
    states = StatesSpec(
        cuts=(6.0,),
        event=TransitionSpec(formula="ihlrt"),
        response=SwitchSpec(switch="response"),
    )
    levels = {Transition.RESPONSE: 0.05, Transition.INITIATION: 0.2, Transition.EVENT: 0.1}
    draws = {
        kind: {"log_hazard": np.full((SAMPLES, 2), np.log(level))} for kind, level in levels.items()
    }
    draws[Transition.EVENT]["ihlrt"] = np.full(SAMPLES, -1.0)
    found = fabricate(cohort, states, draws)
    for fit in found.fits.values():
        fit.tree.attrs["engine"] = "laplace"
    return found


def test_strategies_are_compared_by_closed_form(spec, cohort, plan, monkeypatch):
    asked = []

    def given(cohort, treatment, *, spec, settings):
        asked.append((treatment.design.value, spec, settings))
        return constant_states(cohort)

    monkeypatch.setattr(rung_fit, "fit_shared_transitions", given)
    plain = spec.model_copy(update={"modifier": None})
    rung = rung_fit.fit_rung(plain, cohort, plan, horizon=24.0)
    design, states, settings = asked[0]
    assert (design, states, settings.total) == ("split", plan.states, spec.ladder.draws)
    assert rung.engine == "laplace"
    assert rung.log_hr["median"] == pytest.approx(-1.0)
    # Untreated hazard a, treated b, start g until month 6, when all who are left start.
    a, b, g, grace, end = 0.1, 0.1 * np.exp(-1.0), 0.2, 6.0, 24.0
    never = (1.0 - np.exp(-a * end)) / a
    waiting = np.exp(-(a + g) * grace)
    treated = g / (a + g - b) * (np.exp(-b * grace) - waiting)
    early = (1.0 - waiting) / (a + g)
    early += g / (a + g - b) * ((1.0 - np.exp(-b * grace)) / b - early)
    late = (waiting + treated) * (1.0 - np.exp(-b * (end - grace))) / b
    assert rung.rmst_difference["median"] == pytest.approx(early + late - never, abs=1e-6)
    found = rung.to_dict()
    assert (found["patients"], found["events"], found["immortal_months"]) == (80, 51, 0.0)
    assert set(rung.posterior.children) == {"response", "initiation", "event"}


def test_hazards_that_are_not_to_be_trusted_are_named(spec, cohort, plan, monkeypatch):
    def failing(model, rows, settings):
        raise ConvergenceError(f"{model.outcome.formula} has no mode", "Raise draws in [sampler]")

    monkeypatch.setattr(transition_fit, "fit_shared", failing)
    formulas = [one.formula for one in plan.states.transitions.values()]
    with pytest.raises(ConvergenceError) as raised:
        rung_fit.fit_rung(spec, cohort, plan, horizon=24.0)
    found = zip(("response", "initiation", "event"), formulas, strict=True)
    problem = "; ".join(f"hazard of '{kind}': {formula} has no mode" for kind, formula in found)
    assert raised.value.problem == problem
    assert "Use fewer cuts in [ladder]" in str(raised.value)
    assert "[sampler]" not in str(raised.value)


def fake_rung(spec, cohort, plan, *, horizon):
    """Fit landmark 0.01 in earnest, refuse the g-formula, invent the other rungs."""
    if plan.rung == "landmark-0.01":
        return rung_fit.fit_rung(spec, cohort, plan, horizon=horizon)
    if plan.states is not None:
        message = "the posterior is not to be trusted: Pareto k-hat 0.93"
        raise ConvergenceError(message)
    if plan.adjustment == WEIGHTS:
        warnings.warn("PS separation: afp_high tells", SeparationWarning, stacklevel=1)
    draws = np.random.default_rng(1).normal(-0.5, 0.3, (1, 100))
    summary = {"mean": -0.5, "sd": 0.3, "median": -0.5, "q2.5": -1.1, "q97.5": 0.1}
    summary["prob_below_0"] = 0.95
    return Rung(
        plan,
        log_hr=summary,
        log_hr_at=dict.fromkeys(spec.estimands.at, summary),
        ess=(12.0, 31.0) if plan.adjustment == WEIGHTS else None,
        person_time=person_time(cohort, plan.treatment),
        posterior=xr.DataTree(xr.Dataset({"ihlrt": (("chain", "draw"), draws)})),
        engine="laplace",
    )


@pytest.fixture
def climbed(spec, cohort, monkeypatch):
    """Return a ladder with four rungs that cannot be estimated."""
    null = NullSimulation(np.random.default_rng(2).normal(-0.3, 0.3, 200), -0.5)
    monkeypatch.setattr(ladder, "fit_rung", fake_rung)
    monkeypatch.setattr(ladder, "simulate_naive", lambda *_, **__: null)
    return ladder.bias_ladder(spec, cohort)


def test_one_impossible_rung_does_not_stop_the_ladder(climbed):
    reasons = {
        f"{rung.plan.rung} {rung.plan.adjustment}": rung.reason
        for rung in climbed.rungs
        if not rung.estimated
    }
    kinds = ("none", "covariates", "weights")
    assert set(reasons) == {f"landmark-0.01 {kind}" for kind in kinds} | {"g-formula covariates"}
    for kind in kinds:
        assert reasons[f"landmark-0.01 {kind}"].startswith(
            "landmark: only untreated patients at risk at the landmark of 0.01 months. Choose"
        )
    assert reasons["g-formula covariates"].endswith("Pareto k-hat 0.93.")
    assert len(climbed.tree.children) == len(climbed.rungs) - 4


def test_separation_and_few_effective_patients_are_told_with_the_rung(climbed):
    told = {rung.plan.rung: rung.warnings for rung in climbed.rungs if rung.warnings}
    weighted = {r.plan.rung for r in climbed.rungs if r.estimated and r.plan.adjustment == WEIGHTS}
    assert told == dict.fromkeys(weighted, ("PS separation: afp_high tells",))
    assert any("effectively 12 treated patients" in text for text in ladder_sentences(climbed))


def test_what_is_not_known_is_null_and_the_reason_is_written(climbed, tmp_path):
    files = ladder_table.write_ladder(climbed, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    rungs = written["rungs"]
    last, first = rungs[-1], rungs[0]
    known = {"rung", "adjustment", "adjusted_for", "assumption", "reason", "failed", "warnings"}
    assert last.keys() == first.keys()
    assert {name for name, value in last.items() if value is not None} == known
    assert first["reason"] is first["failed"] is None
    assert first["patients"] == 80
    assert tmp_path / "out" / "figures" / "ladder.png" in files


def test_the_reason_is_printed_and_drawn(climbed):
    console = Console(width=110, record=True, file=None, quiet=False, highlight=False)
    with console.capture() as captured:
        print_summary(console, ladder_answer(climbed))
        ladder_table.print_ladder(console, climbed)
    printed = " ".join(captured.get().split())
    assert printed.count("3 rungs: not estimated: landmark: only untreated patients") == 1
    assert printed.count("Not estimated: landmark: only untreated patients") == 3
    assert "Not estimated: the posterior is not to be trusted: Pareto k-hat 0.93." in printed
    sentences = ladder_sentences(climbed)
    assert sentences[0].startswith(f"INCOMPLETE: 4 of {len(climbed.rungs)} rungs are missing (")
    assert printed.count(sentences[0]) == 1
    data = ladder_data(climbed)
    assert int(np.isnan(data["median"]).sum()) == 4
    figure = draw_figure("ladder", data)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts.count("not estimated") == 4
    assert not any("nan" in text for text in texts)


def test_without_any_sound_rung_nothing_is_claimed(climbed):
    first = climbed.rungs[0]
    lost = tuple(Rung(rung.plan, failure=Failure("rung", "Nobody")) for rung in climbed.rungs[1:])
    alone = ladder.LadderResult(climbed.spec, climbed.cohort, (first, *lost), climbed.null, 24.0)
    sentences = " ".join(ladder_sentences(alone))
    assert "nothing is known of the effect" in sentences
    assert "A hazard ratio below 1, by" not in sentences
    assert "No rung can tell." in ladder_answer(alone)["parts"][0]["title"]


def test_the_naive_rung_is_never_left_out(spec, cohort, monkeypatch):
    def refuse(*_, **__):
        raise SpecificationError("ladder", [])

    monkeypatch.setattr(ladder, "fit_rung", refuse)
    with pytest.raises(SpecificationError):
        ladder.bias_ladder(spec, cohort)
