"""Transplant and death in the Mayo trial (PBC): incidence by another program, and by quadrature."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.causes import cumulative_incidence
from bayes_ihlrt.estimands.curves import NEVER
from bayes_ihlrt.estimands.product_limit import aalen_johansen, kaplan_meier
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.model import ModelSpec

pytestmark = pytest.mark.golden
FILE = Path(__file__).parent / "data" / "pbc.csv"
# AalenJohansenFitter(jitter_level=1e-9, seed=1) of lifelines 0.30.3 by arm and cause (1 transplant,
# 2 death), at days 1826 and 3652. It moves tied times apart, hence the tolerance.
LIFELINES = {
    (1, 1): (0.04590585898891833, 0.0759470914666017),
    (1, 2): (0.2844014095766041, 0.5423608795833407),
    (2, 1): (0.04224660322232679, 0.08224454905688713),
    (2, 2): (0.2822667633518942, 0.5140397000841211),
}
CUTS = tuple(float(month) for month in range(2, 120, 2))
MONTHS = (60.0, 118.0)


def arm(number):
    """Return days and cause of one arm."""
    table = csv.DictReader(FILE.read_text("utf-8").splitlines())
    rows = [row for row in table if row["trt"] == str(number)]
    return np.array([float(r["time"]) for r in rows]), np.array([int(r["status"]) for r in rows])


@pytest.mark.parametrize(("number", "cause"), LIFELINES)
def test_aalen_johansen_is_that_of_lifelines(number, cause):
    days, status = arm(number)
    found = aalen_johansen(np.zeros(len(days)), days, status)
    told = found["incidence"].sel(event_cause=cause).sel(time=[1826.0, 3652.0], method="ffill")
    np.testing.assert_allclose(told, LIFELINES[number, cause], atol=1e-6)


@pytest.mark.parametrize("number", [1, 2])
def test_quadrature_of_cause_specific_hazards_is_aalen_johansen(number):
    """Piecewise maximum likelihood of each cause, events over person-months, two months each.

    Within an interval the one curve falls in steps and the other evenly: 0.01 at most.
    """
    days, status = arm(number)
    months = days * 12.0 / 365.25
    edges = np.array([0.0, *CUTS, np.inf])
    spent = np.clip(months[:, None] - edges[:-1], 0.0, np.diff(edges)).sum(axis=0)
    place = np.searchsorted(CUTS, months)
    fits = {}
    for cause, name in ((1, "transplant"), (2, "death")):
        own = (status == cause).astype(float)
        with np.errstate(divide="ignore"):
            level = np.log(np.bincount(place, own, len(CUTS) + 1) / spent)
        fits[name] = fitted(months, own, np.maximum(level, -40.0))
    found = cumulative_incidence(fits, MONTHS, [NEVER]).squeeze()
    counted = aalen_johansen(np.zeros(len(months)), months, status)
    told = counted["incidence"].sel(time=list(MONTHS), method="ffill")
    np.testing.assert_allclose(found["incidence"], told, atol=0.01)
    # What one minus Kaplan-Meier says of death is further away than that, and too high.
    naive = (
        1.0 - kaplan_meier(np.zeros(len(months)), months, (status == 2).astype(float))["survival"]
    )
    above = naive.sel(time=118.0, method="ffill") - told.sel(
        event_cause=2, time=118.0, method="ffill"
    )
    assert float(above) > 0.02


def fitted(months, event, level):
    count = len(months)
    rows = PersonTime(
        {
            "patient": np.array([str(i) for i in range(count)], dtype=object),
            "start": np.zeros(count),
            "stop": months,
            "event": event,
            "weight": np.ones(count),
        },
        Provenance(DesignKind.FIXED, {}, 0.0, {}, {}),
    )
    hazard = {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"}
    spec = ModelSpec.model_validate({"outcome": {"formula": "", "hazard": hazard}})
    draws = xr.Dataset({"log_hazard": (("chain", "draw", "interval"), level[None, None])})
    quality = chain_quality(1.0, "log_hazard", ess_bulk=9e3, ess_tail=9e3, divergences=0)
    return FittedModel(
        prepare(spec, rows), rows, xr.DataTree.from_dict({"posterior": draws}), quality
    )
