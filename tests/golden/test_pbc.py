"""Restricted mean survival of the Mayo trial (PBC): published, Kaplan-Meier, and by quadrature."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.curves import NEVER, rmst
from bayes_ihlrt.estimands.product_limit import kaplan_meier, restricted_area
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.model import ModelSpec

pytestmark = pytest.mark.golden
FILE = Path(__file__).parent / "data" / "pbc.csv"
HORIZON = 120.0
# R package survRM2, vignette: arm 1 is D-penicillamine, horizon 10 years, standard errors 0.28.
PUBLISHED = {1: 7.146, 2: 7.283}
CUTS = tuple(float(month) for month in range(3, 120, 3))


def arm(number):
    """Return months and deaths of one arm; a transplant censors."""
    table = csv.DictReader(FILE.read_text("utf-8").splitlines())
    rows = [row for row in table if row["trt"] == str(number)]
    years = np.array([float(row["time"]) for row in rows]) / 365.25
    return 12.0 * years, np.array([float(row["status"] == "2") for row in rows])


@pytest.mark.parametrize("number", [1, 2])
def test_kaplan_meier_area_is_the_published_one(number):
    months, died = arm(number)
    curve = kaplan_meier(np.zeros(len(months)), months, died)
    assert round(restricted_area(curve, HORIZON) / 12.0, 3) == PUBLISHED[number]


@pytest.mark.parametrize("number", [1, 2])
def test_area_by_quadrature_is_that_of_kaplan_meier(number):
    """Piecewise maximum likelihood, deaths over person-months, in intervals of three months.

    Within an interval the one curve falls in steps and the other evenly, and exp(-d/n) stands for
    1 - d/n: a tenth of a month at most, where the standard error is 3.4 months.
    """
    months, died = arm(number)
    edges = np.array([0.0, *CUTS, np.inf])
    spent = np.clip(months[:, None] - edges[:-1], 0.0, np.diff(edges))
    place = np.searchsorted(CUTS, months)
    deaths = np.bincount(place, died, len(CUTS) + 1)
    with np.errstate(divide="ignore"):
        level = np.maximum(np.log(deaths / spent.sum(axis=0)), -40.0)
    fit = fitted(months, died, level)
    found = float(rmst(fit, HORIZON, [NEVER]).squeeze())
    area = restricted_area(kaplan_meier(np.zeros(len(months)), months, died), HORIZON)
    assert found == pytest.approx(area, abs=0.1)


def fitted(months, died, level):
    """Return a fit with one draw."""
    columns = {
        "patient": np.array([f"p{i}" for i in range(len(months))], dtype=object),
        "start": np.zeros(len(months)),
        "stop": months,
        "event": died,
        "weight": np.ones(len(months)),
    }
    hazard = {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"}
    spec = ModelSpec.model_validate({"outcome": {"hazard": hazard}})
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    draws = xr.Dataset({"log_hazard": (("chain", "draw", "interval"), level[None, None])})
    tree = xr.DataTree.from_dict({"posterior": draws})
    return FittedModel(
        prepare(spec, rows),
        rows,
        tree,
        chain_quality(1.0, "ihlrt", ess_bulk=9e3, ess_tail=9e3, divergences=0),
    )
