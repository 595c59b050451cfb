"""Send the explorer hostile questions and fifty at once, and count its answers by status.

python -m validation.robust.requests [--each N] [--seed S]      # as JSON

The server is real and so are the simulations of those fifty; changed questions are answered without
simulating, so that thousands can be tried.
"""

import argparse
import http.client
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from threading import Thread
from typing import Any

from bayes_ihlrt.explorer.app import HOST, listening, server
from bayes_ihlrt.explorer.controls import controls
from bayes_ihlrt.explorer.session import Session
from bayes_ihlrt.spec.read import load_plan
from validation.robust.hostile import changed, nested, value

ALLOWED = (200, 408, 413, 415, 422, 503)
SECONDS = 10.0
FIFTY = 60.0
"""Seconds for one, and for the last of fifty that are answered one after the other."""
PLAN = load_plan("fixed_os")
QUESTION = {"scenario": "hr 0.70", "values": {}, "looks": [True, True], "at": None}
Sent = Callable[[random.Random], tuple[str, bytes]]


@dataclass
class Row:
    """What came of one kind of request."""

    kind: str
    tried: int = 0
    slowest: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def _places(rng: random.Random) -> tuple[str, bytes]:
    """Return a question of the page with other values, and where it is sent."""
    body: dict[str, Any] = dict(QUESTION)
    names = [one.key for one in controls(PLAN, PLAN.scenarios[1])]
    moved = {name: _number(rng) for name in rng.sample(names, rng.randrange(4))}
    body["values"] = moved
    for key in rng.sample(list(body), rng.choice((0, 1, 1, 2))):
        body[key] = value(rng)
    return "/plan.toml", json.dumps(body, default=str).encode()


def _number(rng: random.Random) -> object:
    own = (rng.uniform(-1, 400), rng.randrange(400), 10 ** rng.uniform(-300, 300))
    return rng.choice(own) if rng.random() < 0.8 else value(rng)


def _bytes(rng: random.Random) -> tuple[str, bytes]:
    _, raw = _places(rng)
    if rng.random() < 0.1:
        raw = nested(rng).encode().partition(b"= ")[2]
    return rng.choice(("/plan.toml", "/simulate", "/start", "/a")), changed(rng, raw)


def ask(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """Return status and content of an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        # A body that is too large is not read to its end.
        return 413, b""
    finally:
        connection.close()


def _add(row: Row, port: int, path: str, body: bytes) -> bytes:
    began = time.monotonic()
    status, content = ask(port, path, body)
    row.tried += 1
    row.statuses[status] = row.statuses.get(status, 0) + 1
    row.slowest = max(row.slowest, time.monotonic() - began)
    if status not in ALLOWED and not (status in {404, 405} and path in {"/start", "/a"}):
        row.refused.append(f"{status} for {body[:200]!r}")
    return content


@contextmanager
def _serving(trials: int) -> Iterator[int]:
    session = Session(PLAN, trials)
    with listening(0) as listener:
        running = server(session)
        thread = Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        running.should_exit = True
        thread.join(SECONDS)


def main(each: int, seed: int) -> None:
    """Print rows as JSON."""
    rows = []
    kinds: dict[str, Sent] = {"places changed": _places, "bytes changed": _bytes}
    with _serving(256) as port:
        for kind, made in kinds.items():
            row = Row(kind)
            for number in range(each):
                _add(row, port, *made(random.Random(f"{kind} {seed} {number}")))
            rows.append(row)
        body = json.dumps(QUESTION).encode()
        # The first compiles.
        ask(port, "/simulate", body)
        row = Row("fifty of the page at once")
        with ThreadPoolExecutor(50) as threads:
            told = list(threads.map(lambda _: _add(row, port, "/simulate", body), range(50)))
        if len({json.dumps(json.loads(one)["found"]) for one in told}) != 1:
            row.refused.append("answers differ")
        rows.append(row)
    for row in rows:
        limit = SECONDS if row.kind in kinds else FIFTY
        row.refused += [f"{row.slowest:.1f} seconds"] if row.slowest > limit else []
        print(row.kind, row.refused[:5], file=sys.stderr)
    told_rows = [asdict(row) for row in rows]
    print(json.dumps({"rows": told_rows, "allowed": (*ALLOWED, 404, 405), "seed": seed}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=20)
    asked = parser.parse_args()
    main(asked.each, asked.seed)
