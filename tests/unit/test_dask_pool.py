"""Units on a Dask cluster whose workers are lost; the cluster lives in this process."""

import re
import time

import numpy as np
import pytest

from bayes_ihlrt.errors import InputError
from bayes_ihlrt.trials import units

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster():
    kind = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**kind) as found, distributed.Client(found) as client:
        yield found, client


@pytest.fixture(autouse=True)
def short_units(monkeypatch):
    def run_unit(task, unit):
        time.sleep(0.1)
        return {"unit": np.full(2, unit)}

    monkeypatch.setattr(units, "run_unit", run_unit)
    monkeypatch.setattr(units, "_LOOK", 0.05)


def stop(cluster, number):
    cluster.sync(cluster.workers[number].close, nanny=False)


def test_a_lost_worker_is_counted_and_its_units_run_on_another(cluster):
    local, client = cluster
    pool, found = units.DaskPool(client), {}
    for unit, table in pool.run("task", range(8)):
        if not found:
            assert pool.lost == 0
            stop(local, 0)
        found[unit] = table["unit"].tolist()
    assert found == {unit: [unit, unit] for unit in range(8)}
    assert pool.lost == 1


def test_a_run_without_workers_ends_in_a_sentence(cluster):
    local, client = cluster
    pool = units.DaskPool(client, patience=0.3)
    running = pool.run("task", range(40))
    next(running)
    stop(local, 0)
    stop(local, 1)
    with pytest.raises(InputError) as error:
        list(running)
    told = re.sub(r"\s+", " ", str(error.value))
    assert "no worker is left (2 workers were lost)" in told
    assert re.search(r"\d+ units of 1,024 trials are not computed", told)
    assert "given out, it goes on from there" in told


def test_threads_of_this_process_are_never_lost():
    assert units.LocalPool(2).lost == 0
