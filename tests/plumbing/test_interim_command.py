"""`bayes-ihlrt interim`: the running trial from file to report, and what is refused."""

import json
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import interim_cases as known
import trial_cases as cases
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.interim import future, monitor, words
from bayes_ihlrt.interim.data import RunningTrial, chosen_design, read_running
from bayes_ihlrt.interim.future import Future, standing
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.rules import LookSpec
from bayes_ihlrt.trials.audit import Drawn
from bayes_ihlrt.trials.operating import share
from raw_keys import raw_keys, read_aloud


def chains(analysis, data, *, seeds):
    """Draws of the normal approximation: with 162 events NUTS says the same."""
    return [_drawn(analysis, one, seed) for one, seed in zip(data, seeds, strict=True)]


def _drawn(analysis, data, seed):
    members = {name: np.asarray(values)[None] for name, values in data.items()}
    members |= {name: np.asarray(values)[None] for name, values in analysis.graph.items()}
    found = analysis.engine.gaussians(members)
    normal = np.random.default_rng(seed).normal(size=(4_000, found.mean.shape[1]))
    density = analysis.engine.density
    own = density.with_overrides(dict(analysis.graph))
    positions = found.mean[0] + normal @ found.factor[0].T
    values = jax.vmap(lambda position: density.constrained(position, own))(positions)
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    draws = {name: values[name] for name in names}
    told = np.asarray(jax.vmap(analysis.read)(draws)).reshape(4, 1_000, -1)
    shaped = {name: np.asarray(v).reshape(4, 1_000, *v.shape[1:]) for name, v in draws.items()}
    return Drawn(told, converged=True, parameters=shaped)


@pytest.fixture(autouse=True)
def without_sampling(monkeypatch):
    monkeypatch.setattr(monitor, "chain_targets", chains)
    monkeypatch.setattr(monitor, "LARGER", (2.0,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("interim")


@pytest.fixture(scope="module")
def plan_file(folder):
    path = folder / "running.toml"
    path.write_text(known.plan().to_toml(), "utf-8")
    return path


@pytest.fixture(scope="module")
def data_file(folder):
    return known.write(
        folder / "so_far.csv", known.rows(deaths=162, hr=0.83, patients=600, hazard=0.02)
    )


def run(*arguments):
    return CliRunner().invoke(app, ["interim", *map(str, arguments)])


@pytest.mark.slow
def test_trial_a_is_told_written_shown_and_reported(plan_file, data_file, tmp_path):
    """Trial A of RBesT: predictive probability .4466; conditional power at .75 by simulation."""
    out = tmp_path / "out"
    done = run(plan_file, "--data", data_file, "--out", out, "--draws", 2_048)
    assert done.exit_code == 0, done.output
    told = json.loads((out / "result.json").read_text("utf-8"))
    ratio = next(one for one in told["estimates"] if one["quantity"] == "hazard_ratio")
    assert ratio["median"] == pytest.approx(0.83, abs=0.01)
    assert (told["look"], told["due"], told["verdict"]) == (1, True, "go on")
    by = {(one["name"], one["at_mode"], one["assumed_hr"]): one for one in told["continuations"]}
    ahead = by["go on", False, None]["success"]
    assert abs(ahead["estimate"] - 0.4466) < 3.0 * ahead["mcse"]
    power = by["go on", True, 0.75]["success"]
    reference, error = known.continued(0.75)
    assert (round(reference, 4), round(error, 4)) == (0.7026, 0.0023)
    assert abs(power["estimate"] - reference) < 3.0 * np.hypot(power["mcse"], error)
    assert by["enlarge", False, None]["success"]["estimate"] > ahead["high"]
    assert told["needed"] is None
    first = " ".join(done.stdout.split())
    assert "look 1 of 2, month 24.0: GO ON by the rule." in first
    assert "It rests on 162 deaths (81 of the treated, 81 of the controls) in 600 patients" in first
    assert "stop accrual, follow on" in first
    assert len(done.stdout.splitlines()) <= 40
    shown = CliRunner().invoke(app, ["show", str(out)])
    assert "GO ON by the rule" in shown.output
    reported = CliRunner().invoke(app, ["report", str(out)])
    assert reported.exit_code == 0, reported.output
    page = (out / "report.html").read_text("utf-8")
    assert "The running trial" in page
    assert "0-17" not in page, "no patient is named"
    assert raw_keys(done.stdout.partition("Written:")[0]) == {}
    assert raw_keys(read_aloud(page)) == {}
    again = run(plan_file, "--data", data_file, "--out", out)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr


def test_a_continuation_that_fails_takes_no_other_with_it(
    plan_file, data_file, tmp_path, monkeypatch
):
    arguments = (plan_file, "--data", data_file, "--draws", 256, "--out")
    assert run(*arguments, tmp_path / "whole").exit_code == 0
    whole = json.loads((tmp_path / "whole" / "result.json").read_text("utf-8"))
    honest = Future.continued

    def continued(own, analysis, way):
        if way.name == "enlarge":
            message = "Singular matrix"
            raise np.linalg.LinAlgError(message)
        return honest(own, analysis, way)

    def none(*_):
        return Failure("the posterior's mode", "no mode was found", "State tighter priors")

    monkeypatch.setattr(Future, "continued", continued)
    monkeypatch.setattr(monitor, "_mode", none)
    done = run(*arguments, tmp_path / "out")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    kept = [
        one for one in whole["continuations"] if one["name"] != "enlarge" and not one["at_mode"]
    ]
    assert told["continuations"] == kept
    assert len(kept) == 2
    same = ("estimates", "rules", "verdict", "success_now", "data")
    assert [told[name] for name in same] == [whole[name] for name in same]
    parts = {one["part"]: one["reason"] for one in told["failed"]}
    names = ("go on at what is seen", "go on at hazard ratio 0.75", "go on at hazard ratio 1")
    assert set(parts) == {*names, "enlarge to 1200"}
    assert "no mode was found" in parts[names[0]]
    assert "Singular matrix" in parts["enlarge to 1200"]
    first = " ".join(done.stdout.split())
    assert first.startswith("INCOMPLETE: 4 of 6 continuations are missing ('go on at what is seen'")
    assert "No larger trial was tried" not in first
    for command in ("show", "report"):
        again = CliRunner().invoke(app, [command, str(tmp_path / "out")])
        assert again.exit_code == 0, again.output
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "INCOMPLETE: 4 of 6 continuations are missing" in page
    quiet = run(*arguments, tmp_path / "quiet", "--quiet")
    assert "INCOMPLETE: 4 of 6 continuations are missing" in quiet.stderr


def test_dates_and_codes_are_read_as_everywhere(tmp_path):
    """Enrolment and last contact by the calendar, arm and event in words."""
    found = known.rows(deaths=40, hr=0.8, patients=100)
    opened = date(2024, 3, 1)

    def day(months):
        return (opened + timedelta(days=round(months * 30.4375))).isoformat()

    lines = [
        (
            name,
            "IHLRT" if arm else "control",
            day(came),
            day(came + stop),
            "dead" if died else "alive",
        )
        for name, arm, came, stop, died in found
    ]
    path = known.write(tmp_path / "dates.csv", lines, header="id,group,randomised,last,status")
    table = {
        "arm": "treated",
        "opened": "2024-03-01",
        "data": {
            "patient": "id",
            "time": "last",
            "event": {"column": "status", "value": "dead"},
            "origin": "randomised",
            "derived": {"treated": "group == IHLRT"},
        },
    }
    plan = known.plan(patients=100, events=(40, 80)).model_copy(
        update={
            "interim": monitor.TrialPlan.model_validate(
                known.plan().model_dump(mode="json", by_alias=True, exclude_none=True)
                | {"interim": table}
            ).interim
        }
    )
    trial = read_running(plan, plan.design, path)
    plain = read_running(
        known.plan(patients=100, events=(40, 80)),
        plan.design,
        known.write(tmp_path / "plain.csv", found),
    )
    assert trial.events(1.0) == plain.events(1.0) == 20
    assert np.sort(trial.arrival) == pytest.approx(np.sort(plain.arrival), abs=0.02)
    assert np.sort(trial.stop) == pytest.approx(np.sort(plain.stop), abs=0.04)
    assert monitor.TrialPlan.from_toml(plan.to_toml()) == plan


def test_what_cannot_be_is_refused_at_once(tmp_path):
    plan = known.plan(patients=100, events=(40, 80))
    found = known.rows(deaths=40, hr=0.8, patients=102)
    path = known.write(tmp_path / "many.csv", found)
    with pytest.raises(DataError) as told:
        read_running(plan, plan.design, path, month=10.0)
    assert "102 were found, and the design has 100 at most" in str(told.value)
    assert "the data are said to be of 10.0" in str(told.value)
    early = [(n, a, c - 1.0, s, e) for n, a, c, s, e in found[:90]]
    with pytest.raises(DataError, match="enrolled before the trial opened"):
        read_running(plan, plan.design, known.write(tmp_path / "early.csv", early))
    with pytest.raises(SpecificationError, match="there is none"):
        monitor.run_interim(plan, path, monitor.Settings(design="other"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"month": np.nan}, "month: it is nan. Give a finite number of months, 0 or later"),
        ({"month": np.inf}, "month: it is inf. "),
        ({"month": -1.0}, "month: it is -1.0. "),
        ({"target": np.nan}, "target: it is nan. Give a probability, 0 to 1"),
        ({"target": 1.5}, "target: it is 1.5. "),
    ],
)
def test_a_month_and_a_share_that_are_none_are_refused(plan_file, data_file, settings, told):
    """Of month nan nobody is lost, of month inf everybody."""
    with pytest.raises(SpecificationError) as caught:
        monitor.Settings(**settings)
    assert told in str(caught.value)
    ((name, value),) = settings.items()
    done = run(plan_file, "--data", data_file, f"--{name}", value)
    assert done.exit_code != 0
    assert f"--{name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_look_that_no_design_has_is_told_as_the_command_asks_for_it(plan_file, data_file):
    done = run(plan_file, "--data", data_file, "--look", 9)
    assert done.exit_code == 1
    assert "--look: 9 was asked for, and the design has 2. Allowed: 1 to 2." in done.stderr
    with pytest.raises(SpecificationError, match=r"- look: 9 was asked for"):
        monitor.run_interim(
            TrialPlan.from_toml(plan_file.read_text("utf-8")), data_file, monitor.Settings(look=9)
        )


def test_who_completed_follow_up_is_not_lost(tmp_path):
    """Followed for six months at most: 58 to the end, one lost in month 2, one who came late."""
    plan = known.plan(patients=100, events=(30, 80), max_follow_up=6.0)
    found = [(n, n % 2, 0.1 * n, 3.0, 1) for n in range(30)]
    found += [(n, n % 2, 0.1 * n, 6.0, 0) for n in range(30, 88)]
    found += [(88, 0, 9.0, 2.0, 0), (89, 1, 21.0, 3.0, 0)]
    trial = read_running(plan, plan.design, known.write(tmp_path / "d.csv", found), month=24.0)
    assert (trial.lost.sum(), trial.completed.sum(), trial.followed) == (1, 58, 1)
    said = " ".join(trial.notes)
    assert "58 patients without an event completed the follow-up of 6 months" in said
    assert "1 patient without an event and without news" in said
    now = standing(trial, 100).patients
    # Neither has an event later on.
    assert np.isfinite(np.asarray(now.dropout)).sum() == 59


def test_who_came_today_and_all_at_once_are_read(tmp_path):
    plan = known.plan(patients=100, events=(40, 80))
    found = known.rows(deaths=40, hr=0.8, patients=90)
    whole = [*found, ("new", 1, 24.0, 0.0, 0)]
    trial = read_running(plan, plan.design, known.write(tmp_path / "new.csv", whole))
    assert len(trial.arrival) == 91
    assert trial.month == 24.0
    assert trial.stop[-1] == pytest.approx(0.5 / 30.4375)
    assert "1 patient with no follow-up yet (time 0)" in " ".join(trial.notes)
    dead = [*found, ("new", 1, 24.0, 0.0, 1)]
    with pytest.raises(DataError, match="zero or negative"):
        read_running(plan, plan.design, known.write(tmp_path / "dead.csv", dead))
    at_once = [(n, a, 0.0, s, e) for n, a, _, s, e in found]
    trial = read_running(plan, plan.design, known.write(tmp_path / "once.csv", at_once))
    assert set(trial.arrival) == {0.0}


def test_enrichment_is_refused():
    rule = cases.SUCCESS | {"at": 5.0}
    looks = [{"events": 40, "enrich": [rule]}, {"events": 80, "efficacy": [cases.SUCCESS]}]
    design = cases.by_modifier(looks=looks, population={"switch_to": 3.0})
    plan = known.plan().model_copy(update={"design": design})
    with pytest.raises(SpecificationError) as told:
        chosen_design(plan, None)
    assert "[[design.looks]] enrich, efficacy_enriched: an interim analysis reads no switch" in str(
        told.value
    )


def test_looks_come_due_as_their_conditions_say(tmp_path):
    plan = known.plan(patients=100, events=(30, 80))
    path = known.write(tmp_path / "d.csv", known.rows(deaths=40, hr=0.8, patients=100))
    trial = read_running(plan, plan.design, path)
    assert monitor.due_looks(plan.design, trial) == [True, False]
    last = {"min_follow_up": 13.0, "efficacy": [cases.SUCCESS]}
    looks = [{"calendar": 30.0, "efficacy": [cases.SUCCESS]}, last]
    later = cases.design(patients=100, looks=looks)
    assert monitor.due_looks(later, trial) == [False, False]
    quiet = read_running(plan, plan.design, path, month=40.0)
    assert quiet.lost.sum() == 60
    assert "count as lost" in " ".join(quiet.notes)


def waiting(count, *, month, events=0, followed=True):
    """A trial of so many patients, enrolled over ten months; by month `month`."""
    arrival = np.linspace(0.0, 10.0, count)
    event = np.arange(count) < events
    lost = ~event & (not followed)
    arm, modifier = np.arange(count) % 2.0, np.full(count, np.nan)
    none = np.zeros(count, dtype=bool)
    return RunningTrial(arrival, arm, modifier, month - arrival, event, lost, month, {}, (), none)


def test_the_last_look_comes_due_after_accrual_was_stopped():
    """As in simulated trials: of those who are enrolled, and when nobody is followed any more."""
    now = {"quantity": "predictive-probability", "sample": "current", "more_than": 0.9}
    looks = [
        {"min_follow_up": 0.0, "patients": 60, "stop_accrual": [now]},
        {"min_follow_up": 12.0, "efficacy": [cases.SUCCESS]},
    ]
    design = cases.design(looks=looks)
    late, early = waiting(60, month=40.0), waiting(60, month=21.0)
    assert monitor.due_looks(design, late) == [True, False]
    assert monitor.due_looks(design, late, stopped=True) == [True, True]
    assert monitor.due_looks(design, early, stopped=True) == [True, False]
    by_events = cases.design(looks=[{"events": 80, "efficacy": [cases.SUCCESS]}])
    some = waiting(60, month=40.0, events=50)
    none = waiting(60, month=40.0, events=50, followed=False)
    assert monitor.due_looks(by_events, some, stopped=True) == [False]
    assert monitor.due_looks(by_events, none) == [False]
    assert monitor.due_looks(by_events, none, stopped=True) == [True]


def test_after_accrual_was_stopped_nobody_else_is_enrolled():
    plan = known.plan()
    stopped = plan.model_copy(
        update={"interim": plan.interim.model_copy(update={"accrual_stopped": True})}
    )
    assert [way.stop for way in future._ways(plan)] == [False, True, False, False, False]
    assert [way.name for way in future._ways(stopped)] == ["go on"] * 4
    assert all(way.stop for way in future._ways(stopped))


@pytest.fixture(scope="module")
def followed_on(folder):
    """Return a trial of three looks whose accrual was stopped, with 40 deaths of the last 80."""
    looks = [{"events": number, "efficacy": [cases.SUCCESS]} for number in (30, 60, 80)]
    plan = known.plan(patients=200, events=(30, 80), looks=looks)
    stopped = plan.model_copy(
        update={"interim": plan.interim.model_copy(update={"accrual_stopped": True})}
    )
    path = known.write(folder / "stopped.csv", known.rows(deaths=40, hr=0.8, patients=100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor, "chain_targets", chains)
        return monitor.run_interim(stopped, path, monitor.Settings(draws=256))


def test_after_accrual_was_stopped_the_last_look_is_the_next(followed_on):
    """It is asked although it is not due, and decides nothing before it is."""
    assert (followed_on.look, followed_on.due, followed_on.verdict) == (3, False, "go on")
    assert {one.patients for one in followed_on.continuations} == {100}
    assert monitor._look(known.plan(), [True, False], None) == 1
    assert monitor._look(followed_on.plan, [True, False, False], 2) == 2


def test_after_accrual_was_stopped_no_sentence_tells_of_newcomers(followed_on):
    answer = words.interim_answer(followed_on)
    assert "look 3 of 3, month 24.0: FOLLOW ON by the rule." in answer["first"][0]
    assert answer["first"][1].endswith("in 100 patients of 200, accrual having stopped.")
    (future,) = [part for part in answer["parts"] if "table" in part]
    assert future["table"]["rows"][0][0] == "follow on, accrual having stopped"
    assert future["told"][1].startswith("Conditional power, following those enrolled: ")
    assert future["told"][-1] == "No larger trial was tried: accrual was stopped."
    none = replace(followed_on.trial, completed=~followed_on.trial.event)
    said = words._unequal(replace(followed_on, trial=none))[-1]
    assert said.endswith("(60 patients without an event): nothing more comes.")
    rows = words.interim_facts(followed_on.to_dict(), stopped=True)
    assert {row["continuation"] for row in rows} == {"follow on"}


@pytest.mark.parametrize("stopped", [True, False])
def test_rules_about_the_future_enrol_nobody_after_accrual_was_stopped(monkeypatch, stopped):
    planned = {"quantity": "predictive-probability", "less_than": 0.1}
    current = {"quantity": "predictive-probability", "sample": "current", "more_than": 0.9}
    look = LookSpec(events=50, futility=[planned], stop_accrual=[current])
    asked = []

    def continued(_, way):
        asked.append(way.stop)
        return SimpleNamespace(success=share(np.arange(100) < 95))

    monkeypatch.setattr(monitor, "probability_now", lambda *_: {})
    future = SimpleNamespace(continued=continued)
    rules = monitor._rules(None, future, None, look, None, stopped=stopped)
    assert asked == ([True] if stopped else [False, True])
    verdict = monitor._verdict(rules, final=False)
    assert verdict == ("go on" if stopped else "stop accrual")


def test_no_look_comes_due_before_the_one_ahead_of_it():
    looks = [
        {"events": 100, "efficacy": [cases.SUCCESS]},
        {"calendar": 24.0, "efficacy": [cases.SUCCESS]},
    ]
    design = cases.design(looks=looks)
    assert monitor.due_looks(design, waiting(140, month=25.0, events=80)) == [False, False]
    assert monitor.due_looks(design, waiting(140, month=25.0, events=100)) == [True, True]
    end = design.max_months
    assert monitor.due_looks(design, waiting(140, month=end, events=80)) == [True, True]
