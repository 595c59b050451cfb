"""The bias ladder around its fits: the g-formula from given draws, rungs that cannot be."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from bayes_ihlrt.analysis.causes import check_causes
from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import ConvergenceError, DataError, RefusedError, SpecificationError
from bayes_ihlrt.ladder import fit as rung_fit
from bayes_ihlrt.ladder import run as ladder
from bayes_ihlrt.ladder.causes import without_months
from bayes_ihlrt.ladder.figure import ladder_data, ladder_sentences
from bayes_ihlrt.ladder.null import NullSimulation
from bayes_ihlrt.ladder.rung import Rung
from bayes_ihlrt.ladder.rungs import WEIGHTS, plan_rungs
from bayes_ihlrt.multistate import fit as transition_fit
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.plots.catalogue import draw_figure
from bayes_ihlrt.propensity.model import SeparationWarning
from bayes_ihlrt.report import ladder as ladder_table
from bayes_ihlrt.report.answers import brief_ladder, ladder_answer
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.read import load_spec, parse_spec
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


CAUSES = """
schema = 2
name = "two causes"
[data]
patient = "id"
time = "months"
event = { column = "cause", values = { tumour = 1, liver = 2 } }
[treatment]
name = "ihlrt"
start = "treated"
[outcome]
formula = "ihlrt + albi"
[causes.liver]
formula = "ihlrt"
[ladder]
landmarks = [3.0]
"""


@pytest.fixture
def two_causes():
    """Return 60 patients who die of two causes."""
    rng = np.random.default_rng(3)
    start = rng.uniform(0.5, 12.0, 60)
    months = rng.uniform(1.0, 24.0, 60)
    return {
        "id": [f"K{i:02}x" for i in range(60)],
        "months": months,
        "cause": [(0, 1, 1, 2)[i % 4] for i in range(60)],
        "treated": np.where(start < months, start, np.nan),
        "albi": rng.normal(-2.4, 0.4, 60),
    }


@pytest.fixture
def by_cause(two_causes, monkeypatch):
    """Return a function that climbs the ladder of a cause, with invented effects."""

    def given(spec, cohort, plan, *, horizon):
        rung = fake_rung(spec, cohort, plan, horizon=horizon)
        return replace(rung, no_months=plan.no_months or None)

    null = NullSimulation(np.random.default_rng(2).normal(-0.3, 0.3, 200), -0.5)
    monkeypatch.setattr(ladder, "fit_rung", given)
    monkeypatch.setattr(ladder, "simulate_naive", lambda *_, **__: null)
    return lambda cause: ladder.bias_ladder(parse_spec(CAUSES), two_causes, cause=cause)


def test_a_ladder_of_one_cause_censors_the_others(by_cause, two_causes):
    tumour, liver = by_cause("tumour"), by_cause("liver")
    assert {rung.person_time.events for rung in tumour.rungs if rung.plan.rung != "landmark-3"} == {
        30
    }
    assert liver.naive_rows.events == 15
    # A report lays them beside the fit of all causes: patients, times and events are the same.
    data = [each.to_dict()["data"] for each in (tumour, liver)]
    assert data[0]["follow_up"] == data[1]["follow_up"]
    whole = check_causes(parse_spec(CAUSES), two_causes).to_dict()["data"]
    assert {each["follow_up"] for each in data} == {whole["follow_up"]}
    assert liver.cause.to_dict() == {"name": "liver", "events": 15, "others": {"tumour": 30}}
    # Formula and seed are those of the cause: liver has no covariate, and so no rung with them.
    assert {rung.plan.adjustment for rung in liver.rungs} == {"none"}
    assert {rung.plan.adjustment for rung in tumour.rungs} == {"none", "covariates"}
    assert tumour.spec.sampler.seed != liver.spec.sampler.seed


def test_months_of_one_cause_are_told_nowhere(by_cause, tmp_path):
    found = by_cause("tumour")
    answer = json.dumps([ladder_answer(found), brief_ladder(found)])
    assert "Months gained" not in answer
    assert "months gained" not in answer
    assert "Does ihlrt lower the hazard of tumour, with immortal time removed?" in answer
    assert "other causes being censored; no months are told" in answer
    assert "ONE CAUSE of several: tumour in 30 patients" in answer
    assert "(liver in 15)" in answer
    assert "months" not in ladder_data(found).attrs["title"]
    ladder_table.write_ladder(found, tmp_path / "out")
    (output,) = read_results(tmp_path / "out", keep_identifiers=True).outputs
    assert output.result["cause"]["others"] == {"liver": 15}
    (table, *_) = ladder_table.ladder_tables(output)
    assert not any("Months" in column.label for column in table.columns)
    assert all("No months" not in record["rests_on"] for record in table.records)
    # Nor over which months: no number is of them.
    assert output.result["horizon"] is None
    windows = {rung["rung"]: rung["compares"]["window"] for rung in output.result["rungs"]}
    assert windows.pop("landmark-3") == "from the landmark"
    assert set(windows.values()) == {"over all follow-up"}
    assert any(record["compares"].endswith("from the landmark") for record in table.records)
    console = Console(width=200, record=True, quiet=False)
    with console.capture() as captured:
        ladder_table.print_ladder(console, found)
    told = captured.get()
    assert "in everybody, over all follow-up." in told
    assert "months 0 to" not in told


@pytest.mark.parametrize(
    ("design", "adjustment"),
    [
        ("ever-never", "none"),
        pytest.param("clone-censor-weight", "weights", marks=pytest.mark.slow),
    ],
)
def test_a_rung_of_one_cause_has_no_months(spec, cohort, design, adjustment):
    """Fitted in earnest: with months it would have those of a world without other causes."""
    plans = {(found.rung, found.adjustment): found for found in plan_rungs(spec, cohort)}
    plan = without_months(plans[design, adjustment])
    enough = spec.ladder.model_copy(update={"draws": 2_000})
    spec = spec.model_copy(update={"ladder": enough})
    rung = rung_fit.fit_rung(spec, cohort, plan, horizon=24.0)
    assert rung.estimated
    assert rung.log_hr_at
    assert (rung.rmst_difference, rung.rmst_at, rung.survival) == (None, {}, {})
    assert rung.no_months == plan.no_months
    written = rung.to_dict()
    assert all(written[key] is None for key in ("rmst_difference", "rmst_at", "survival"))


def test_states_are_refused_for_one_cause(spec, cohort, plan):
    refused = without_months(plan)
    assert "it simulates months" in refused.refused.problem
    with pytest.raises(SpecificationError, match="Remove `response` from"):
        rung_fit.fit_rung(spec, cohort, refused, horizon=24.0)


def test_a_cause_is_asked_for_where_there_are_several_and_nowhere_else(by_cause, spec, cohort):
    with pytest.raises(RefusedError, match="Name it with cause='tumour'"):
        by_cause(None)
    with pytest.raises(SpecificationError, match="the event has no competing causes"):
        ladder.bias_ladder(spec, cohort, cause="tumour")
    with pytest.raises(DataError, match="it was read without competing causes"):
        ladder.bias_ladder(parse_spec(CAUSES), cohort, cause="tumour")
