"""The explorer under load and hostile requests: it answers in words and in turn."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from threading import Event

import pytest

from bayes_ihlrt.explorer import requests
from bayes_ihlrt.explorer.session import LeftError
from bayes_ihlrt.spec.read import load_plan
from explorer_cases import fake_design, serving

PLAN = load_plan("fixed_os")
QUESTION = {"scenario": "hr 0.70", "values": {}, "looks": [True] * len(PLAN.design.looks)}
JSON = {"Content-Type": "application/json"}
PATIENCE = 10.0


@pytest.fixture(scope="module")
def port():
    with serving(PLAN) as (address, _):
        yield number(address)


def number(address):
    return int(address.rpartition(":")[2].strip("/"))


@contextmanager
def asked(port, sent, path="/simulate"):
    """Give a connection on which a question was asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", path, sent, JSON)
    try:
        yield connection
    finally:
        connection.close()


def answered(port, sent=None, path="/simulate"):
    """Return status and content of an answer."""
    with asked(port, json.dumps(QUESTION) if sent is None else sent, path) as connection:
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


HOSTILE = {
    "nested": "[" * 60_000,
    "nested and closed": "[" * 30_000 + "]" * 30_000,
    "digits": '{"scenario": "a", "looks": [], "values": {"a": 1' + "0" * 400 + "}}",
    "digits as truth": '{"scenario": "a", "looks": [], "values": {}, "at": 1' + "0" * 400 + "}",
    "thousands of digits": '{"scenario": "a", "looks": [], "values": {"a": 1' + "0" * 5000 + "}}",
    "not a number": '{"scenario": "a", "looks": [], "values": {"a": NaN}}',
    "infinite": '{"scenario": "a", "looks": [], "values": {"a": 1e999}}',
    "half a letter": '{"scenario": "\\ud800", "looks": [], "values": {}}',
    "half a letter as truth": '{"scenario": "a", "looks": [], "values": {}, "at": "\\ud800"}',
    "half a letter as key": json.dumps(QUESTION | {"values": {"\ud800": 1}}),
    "a key that there is not": json.dumps(QUESTION | {"values": {"design.patient": 1}}),
    "no text": b"\xff\xfe{",
    "another encoding": json.dumps(QUESTION).encode("utf-16")[:-1],
    "a list": "[]",
    "nothing": "",
}


@pytest.mark.parametrize("path", ["/simulate", "/plan.toml"])
@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
def test_hostile_requests_are_told_in_words(port, sent, path):
    status, text = answered(port, sent, path)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY, text
    assert all(json.loads(text)["faults"])
    assert len(text) < 2_000


def test_a_request_is_of_limited_size(port):
    fitting = json.dumps(QUESTION)
    fitting += " " * (requests.LARGEST - len(fitting))
    assert answered(port, fitting)[0] == HTTPStatus.OK
    status, text = answered(port, fitting + " ")
    assert (status, text) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "send at most 65,536 bytes")


def test_a_request_that_does_not_arrive_is_given_up(port, monkeypatch):
    monkeypatch.setattr(requests, "SECONDS", 0.2)
    head = "POST /simulate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sending:
        sending.sendall(f"{head}Content-Length: 9\r\n\r\n{{".encode())
        assert b" 408 " in sending.recv(4096)


def test_fifty_at_once_are_answered_one_after_the_other():
    working, most = [0], [0]

    def slow(*given, **options):
        working[0] += 1
        most[0] = max(most[0], working[0])
        time.sleep(0.01)
        working[0] -= 1
        return fake_design(*given, **options)

    with serving(PLAN, simulate=slow) as (address, _), ThreadPoolExecutor(50) as threads:
        found = list(threads.map(answered, [number(address)] * 50))
    assert {status for status, _ in found} == {HTTPStatus.OK}
    assert len({json.dumps(json.loads(text)["found"]) for _, text in found}) == 1
    assert most == [1]


@contextmanager
def waiting(monkeypatch):
    """Give a server whose first question takes until nobody wants it, and what came of each."""
    begun, told = Event(), []

    def endless(*given, progress, **options):
        told.append("begun")
        first = not begun.is_set()
        begun.set()
        until = time.monotonic() + PATIENCE
        while first and time.monotonic() < until:
            try:
                progress(0, 1)
            except LeftError:
                told.append("left")
                raise
            time.sleep(0.01)
        return fake_design(*given, **options)

    with serving(PLAN, simulate=endless) as (address, _):
        yield number(address), begun, told


def test_work_whose_browser_left_is_dropped(monkeypatch):
    with waiting(monkeypatch) as (port, begun, told):
        with asked(port, json.dumps(QUESTION)):
            assert begun.wait(PATIENCE)
            with asked(port, json.dumps(QUESTION)):
                # Both leave: one whose work has begun, one whose turn never comes.
                time.sleep(0.2)
        assert answered(port)[0] == HTTPStatus.OK
    assert told == ["begun", "left", "begun"]


def test_too_many_that_wait_are_told(monkeypatch):
    monkeypatch.setattr(requests, "MOST_WAITING", 1)
    with waiting(monkeypatch) as (port, begun, _), asked(port, json.dumps(QUESTION)):
        assert begun.wait(PATIENCE)
        status, text = answered(port)
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert text == "1 questions wait; ask again later"
