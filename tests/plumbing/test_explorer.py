"""`bayes-ihlrt explore` over HTTP: what the page is given, refused, and saves."""

import importlib.util
import json
import socket
from http import HTTPStatus
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

import trial_cases as cases
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.explorer import app as module
from bayes_ihlrt.explorer.controls import controls, look_name
from bayes_ihlrt.explorer.session import Question, Session
from bayes_ihlrt.spec.read import load_plan
from bayes_ihlrt.trials.truth import PriorSource
from explorer_cases import fake_design, serving

PLAN = load_plan("fixed_os")
ALL = [True] * len(PLAN.design.looks)
QUESTION = {"scenario": "hr 0.70", "values": {}, "looks": ALL, "at": None}


@pytest.fixture(scope="module")
def address():
    with serving(PLAN) as (found, _):
        yield found


def ask(address, path, body=None, **headers):
    """Return status, type and text of an answer."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | headers
    try:
        with urlopen(Request(address + path, data, sent)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        return error.code, error.headers, error.read().decode()


def simulated(address, **changes):
    status, _, text = ask(address, "simulate", QUESTION | changes)
    assert status == HTTPStatus.OK, text
    return json.loads(text)["found"]


def faults(address, path="simulate", **changes):
    status, _, text = ask(address, path, QUESTION | changes)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    return json.loads(text)["faults"]


def test_page_and_its_parts(address):
    for path, kind in (("", "html"), ("explore.js", "javascript"), ("explore.css", "css")):
        status, headers, text = ask(address, path)
        assert (status, kind in headers["content-type"]) == (HTTPStatus.OK, True)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


def test_the_page_is_told_what_can_be_moved(address):
    about = json.loads(ask(address, "start")[2])
    assert about["first"] == "hr 0.70"
    assert about["looks"] == ["Interim look 1", "Final look"]
    assert not about["compiles"]
    assert [one["name"] for one in about["scenarios"]] == [one.name for one in PLAN.scenarios]
    moved = {one["key"]: one for one in about["scenarios"][1]["controls"]}
    assert moved["scenario.effect.hr.0"]["value"] == 0.7
    assert moved["scenario.effect.hr.0"]["unit"] == "at nlr 3"
    assert moved["design.population.enrol_from"]["value"] == 0.0
    assert moved["design.looks.1.efficacy.0.more_than"]["label"] == (
        "Success if P(hazard ratio < 1) is above"
    )


def test_every_number_of_every_packaged_plan_has_a_slider_that_holds_it():
    for name in ("fixed_os", "group_sequential", "enriched", "on_demand"):
        plan = load_plan(name)
        for scenario in plan.scenarios:
            found = controls(plan, scenario)
            assert len({one.key for one in found}) == len(found)
            for one in found:
                assert one.low <= one.value <= one.high, one
    assert [look_name(plan.design, number) for number in range(2)] == [
        "Interim look 1",
        "Final look",
    ]


def test_numbers_move(address):
    before = simulated(address)
    assert simulated(address) == before
    assert before["trials"] == 2_048
    assert before["success"][1] < before["success"][0] < before["success"][2]
    values = {"scenario.effect.hr.0": 0.6, "design.looks.1.efficacy.0.more_than": 0.99}
    after = simulated(address, values=values)
    assert after["success"][0] != before["success"][0]
    assert len(after["by_look"]) == 2
    assert simulated(address, values={"design.patients": 260})["expected_n"][0] == 260.0
    assert len(simulated(address, looks=[False, True])["by_look"]) == 1


def test_truth_without_effect_and_along_the_curve(address):
    null = simulated(address, at="none")["success"]
    assert null[0] == pytest.approx(0.024, abs=1e-3)
    assert simulated(address, at=0.7)["trials"] == 1_024
    assert simulated(address, at=0.5)["success"][0] > simulated(address, at=0.9)["success"][0]


def test_without_effect_is_the_edge_of_a_margin():
    rule = cases.SUCCESS | {"below": 1.3}
    plan = cases.plan(design=cases.content(looks=[{"events": 100, "efficacy": [rule]}]))
    asked = []

    def simulate(design, scenario, **options):
        asked.append(scenario.effect.hr)
        return fake_design(design, scenario, **options)

    session = Session(plan, 256, {}, simulate)
    assert session.describe()["edge"] == 1.3
    found = session.answer(Question("hr 0.6", {}, [True], "none"))["found"]
    assert asked == [(1.3,)]
    assert found["success_is"] == "type I error"
    assert session.answer(Question("hr 0.6", {}, [True], 1.0))["found"]["success_is"] == "power"


def test_the_page_says_whether_futility_binds():
    rule = {"quantity": "hazard-ratio", "below": 0.8, "less_than": 0.1}
    looks = [{"events": 50, "futility": [rule]}, {"events": 100, "efficacy": [cases.SUCCESS]}]
    told = [
        Session(
            cases.plan(design=cases.content(looks=each, binding_futility=binding)), 8
        ).describe()
        for each, binding in ((looks, True), (looks, False), (looks[1:], False))
    ]
    assert [one["free"] for one in told] == [False, True, False]


def test_an_invalid_design_is_told_in_the_words_of_the_package(address):
    [fault] = faults(address, values={"design.looks.0.events": 400})
    assert "look 1 waits for 400 events of 300" in fault
    [fault] = faults(address, values={"design.patients": 3})
    assert fault == "[design] patients: 3 is out of range. It must be at least 10."
    assert "last look needs efficacy" not in fault
    [fault] = faults(address, looks=[False, False])
    assert "looks" in fault


def test_a_faulty_question_is_refused(address):
    found = faults(address, scenario=1, values={"design.patients": "many"}, looks=[1], at=-1)
    assert [one.partition(":")[0] for one in found] == ["scenario", "values", "looks", "at"]
    [fault] = faults(address, scenario="hr 0.7")
    assert "Did you mean 'hr 0.70'?" in fault
    [fault] = faults(address, looks=[True])
    assert "1 were named, the plan has 2" in fault


def test_other_sites_cannot_ask(address):
    assert ask(address, "start", host="evil.example")[0] == HTTPStatus.BAD_REQUEST
    kind = {"content-type": "text/plain"}
    assert ask(address, "simulate", QUESTION, **kind)[0] == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert ask(address, "simulate", None)[0] == HTTPStatus.METHOD_NOT_ALLOWED


def test_what_is_saved_is_a_plan(address, tmp_path):
    values = {
        "scenario.effect.hr.0": 0.65,
        "design.patients": 260,
        "design.population.enrol_from": 2.5,
        "design.looks.1.efficacy.0.more_than": 0.98,
    }
    status, headers, text = ask(
        address, "plan.toml", QUESTION | {"values": values, "looks": [False, True]}
    )
    assert status == HTTPStatus.OK
    assert headers["content-type"].startswith("application/toml")
    file = tmp_path / "saved.toml"
    file.write_text(text, "utf-8")
    saved = load_plan(file)
    assert saved.design.patients == 260
    assert saved.design.population.enrol_from == 2.5
    assert [look.events for look in saved.design.looks] == [200]
    assert saved.design.looks[0].efficacy[0].more_than == 0.98
    assert saved.scenarios[1].effect.hr == (0.65,)
    assert saved.scenarios[0] == PLAN.scenarios[0]
    assert faults(address, "plan.toml", values={"design.max_months": -1})


def test_plan_runs_what_was_saved(tmp_path):
    """Through the engine: a small plan, moved, saved, and run by the command."""
    session = Session(cases.plan(), 2)
    values = {"scenario.effect.hr.0": 0.5}
    with serving(cases.plan()) as (address, _):
        body = {"scenario": "hr 0.6", "values": values, "looks": [True, True], "at": None}
        text = ask(address, "plan.toml", body)[2]
    assert session.plan.scenarios[1].effect.hr == (0.6,)
    file = tmp_path / "saved.toml"
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["plan", str(file), "--trials", "20", "--audit", "0", "--json"])
    assert done.exit_code == 0, done.output
    assert [cell["trials"] for cell in json.loads(done.stdout)["results"]] == [20, 20]


def test_a_posterior_has_no_curve_and_borrows_the_plans_null():
    plan = load_plan("on_demand")
    made = SimpleNamespace(source=PriorSource("ihlrt_synthetic", True, ""))
    with serving(plan, priors={"posterior of the cohort": made}) as (address, session):
        about = json.loads(ask(address, "start")[2])
        told = {one["name"]: one["synthetic"] for one in about["scenarios"]}
        assert told["posterior of the cohort"] == "ihlrt_synthetic"
        assert set(told.values()) == {"ihlrt_synthetic", None}
        body = {"scenario": "posterior of the cohort", "values": {}, "looks": [True, True]}
        assert json.loads(ask(address, "simulate", body | {"at": 0.7})[2]) == {"found": None}
        assert json.loads(ask(address, "simulate", body | {"at": "none"})[2])["found"]["success"]
    assert session.first.name == "posterior of the cohort"


def test_no_result_is_dropped_when_the_engine_fails():
    """A fault of the package ends in an answer that says so, and the server goes on."""

    def broken(*_, **__):
        raise RuntimeError

    with serving(PLAN, simulate=broken) as (address, _):
        assert ask(address, "simulate", QUESTION)[0] == HTTPStatus.INTERNAL_SERVER_ERROR
        assert ask(address, "start")[0] == HTTPStatus.OK


def test_only_this_machine_is_listened_to():
    with module.listening(0) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(InputError, match=r"it cannot be used .* Give another one by port"):
            module.listening(port)


@pytest.fixture
def command(monkeypatch):
    """Run the command with a server that stops at once; give what it opened and was told."""
    opened, sessions = [], []

    def server(session):
        sessions.append(session)
        return type("Server", (), {"run": lambda self, sockets: None})()

    monkeypatch.setattr(module, "server", server)
    monkeypatch.setattr(module.webbrowser, "open", opened.append)
    monkeypatch.setattr(Session, "answer", lambda self, question: {})

    def run(*arguments):
        return CliRunner().invoke(app, ["explore", *arguments]), opened, sessions

    return run


def test_command_serves_and_opens_the_page(command):
    done, opened, [session] = command("fixed_os", "--trials", "512", "--seed", "7")
    assert done.exit_code == 0, done.output
    assert opened[0] in done.output
    assert opened[0].startswith("http://127.0.0.1:")
    assert (session.trials, session.plan.seed) == (512, 7)


def test_command_takes_a_port_and_leaves_the_browser(command):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        taken, _, _ = command("fixed_os", "--port", str(port))
    assert taken.exit_code == 1
    assert f"port {port}" in taken.output
    done, opened, _ = command("fixed_os", "--port", str(port), "--no-open")
    assert done.exit_code == 0, done.output
    assert f"http://127.0.0.1:{port}/" in done.output
    assert opened == []


def test_command_without_the_extra_says_how_to_install_it(command, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        module, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    done, _, _ = command("fixed_os")
    assert done.exit_code == 1
    assert "python3 -m pip install 'bayes-ihlrt[explore]'" in done.output


def test_fake_agrees_with_the_engines_form():
    found = fake_design(PLAN.design, PLAN.scenarios[0], trials=10, seed=1, prior=None, pool=None)
    assert json.dumps(found.found.to_dict())
