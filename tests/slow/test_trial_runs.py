"""Runs that are killed, and runs on a real Dask scheduler with worker processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
TRIALS = 6_000
WAIT = 600.0


def start(*arguments):
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment)


def wait_for(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def finished(folder):
    return sorted(folder.glob("*/[0-9]*.npz"))


def statistics(folder):
    with np.load(folder / "whole.npz") as found:
        return {name: found[name] for name in found.files}


def assert_identical(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert start(TESTS / "trial_run.py", folder, TRIALS).wait(WAIT) == 0
    return statistics(folder)


def test_a_killed_run_resumes_and_ends_identical(undisturbed, tmp_path):
    run = start(TESTS / "trial_run.py", tmp_path, TRIALS)
    wait_for(lambda: len(finished(tmp_path)) >= 2)
    run.send_signal(signal.SIGKILL)
    run.wait(WAIT)
    before = {path: path.stat().st_mtime_ns for path in finished(tmp_path)}
    assert 2 <= len(before) < 6
    assert not (tmp_path / "whole.npz").exists()
    assert start(TESTS / "trial_run.py", tmp_path, TRIALS).wait(WAIT) == 0
    assert_identical(statistics(tmp_path), undisturbed)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.fixture
def cluster(tmp_path):
    address, file = "tcp://127.0.0.1", tmp_path / "scheduler.json"
    common = ("--no-dashboard", "--scheduler-file", file)
    scheduler = start("-m", "distributed.cli.dask_scheduler", "--host", address, *common)
    wait_for(file.exists)
    worker = ("-m", "distributed.cli.dask_worker", *common, "--nthreads", "1", "--no-nanny")
    workers = [start(*worker) for _ in range(2)]
    yield json_address(file), workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait(60)


def json_address(file):
    import json

    return json.loads(file.read_text())["address"]


def test_two_worker_processes_give_what_one_process_gives(undisturbed, cluster, tmp_path):
    address, _ = cluster
    assert start(TESTS / "trial_run.py", tmp_path, TRIALS, address).wait(WAIT) == 0
    assert_identical(statistics(tmp_path), undisturbed)


def test_a_worker_that_is_killed_half_way_loses_nothing(undisturbed, cluster, tmp_path):
    address, workers = cluster
    run = start(TESTS / "trial_run.py", tmp_path, TRIALS, address)
    wait_for(lambda: finished(tmp_path) or run.poll() is not None)
    workers[0].send_signal(signal.SIGKILL)
    assert run.wait(WAIT) == 0
    assert_identical(statistics(tmp_path), undisturbed)
