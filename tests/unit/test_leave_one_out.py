"""Leave-one-patient-out is told as missing where draws are copies of one."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.analysis.parameters import ALIKE, leave_one_out
from bayes_ihlrt.names import PATIENT


def fit_with(log_likelihood):
    dims = ("chain", "draw", PATIENT)
    found = xr.Dataset({"time": (dims, log_likelihood)})
    drawn = xr.Dataset({"ihlrt": (dims[:2], log_likelihood[..., 0])})
    tree = xr.DataTree.from_dict({"posterior": drawn, "log_likelihood": found})
    spec = SimpleNamespace(outcome=SimpleNamespace(groups=()))
    prepared = SimpleNamespace(arrays=SimpleNamespace(unit=PATIENT), spec=spec)
    return SimpleNamespace(tree=tree, prepared=prepared)


def test_copies_of_one_draw_are_told():
    found = leave_one_out(fit_with(np.tile([-1.0, -2.0, -3.0], (4, 200, 1))))
    assert (found.elpd, found.note) == (None, ALIKE)


def test_draws_that_differ_are_estimated():
    noise = np.random.default_rng(1).normal(0.0, 0.1, (4, 200, 3))
    found = leave_one_out(fit_with(np.array([-1.0, -2.0, -3.0]) + noise))
    assert found.note is None
    assert found.elpd == pytest.approx(-6.0, abs=0.1)
