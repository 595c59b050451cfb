"""Fits whose draws are made up, for tests of estimands against closed forms."""

import numpy as np
import xarray as xr

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.model import ModelSpec

CHAINS, DRAWS = 2, 3
RNG = np.random.default_rng(1)
NLR = np.array([1.5, 3.0, 3.0, 6.0])
ALBI = np.array([-2.0, -2.5, -2.5, -1.5])
CENTRE = np.array([0, 1, 1, 0])
TIMES = np.array([0.0, 0.5, 2.0, 6.0, 18.0, 60.0])
CUTS = (3.0, 8.0)


def fabricate(hazard, draws, formula="", group=""):
    """Return a fit of four patients (one with two rows) whose draws are given."""
    columns = {
        "patient": np.array(["a", "a", "b", "c", "d"], dtype=object),
        "start": np.array([0.0, 4.0, 0.0, 0.0, 0.0]),
        "stop": np.array([4.0, 9.0, 7.0, 3.0, 12.0]),
        "event": np.array([0.0, 1.0, 1.0, 1.0, 1.0]),
        "weight": np.ones(5),
        "ihlrt": np.array([0.0, 1.0, 0.0, 0.0, 1.0]),
        "nlr": np.array([1.5, 1.5, 3.0, 3.0, 6.0]),
        "albi": np.array([-2.0, -2.0, -2.5, -2.5, -1.5]),
        "centre": np.array(["c0", "c0", "c1", "c1", "c0"], dtype=object),
    }
    spec = ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
            "outcome": {"formula": formula, "group": group, "hazard": hazard},
        }
    )
    rows = PersonTime(columns, Provenance(DesignKind.SPLIT, {}, 0.0, {}, {}))
    dims = {3: ("chain", "draw", "level"), 2: ("chain", "draw")}
    posterior = xr.Dataset(
        {name: ((*dims[2], f"{name}_dim")[: value.ndim], value) for name, value in draws.items()}
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return FittedModel(
        prepare(spec, rows),
        rows,
        tree,
        chain_quality(1.0, "ihlrt", ess_bulk=9e3, ess_tail=9e3, divergences=0),
    )


def normal(mean, sd=0.3, width=()):
    return RNG.normal(mean, sd, size=(CHAINS, DRAWS, *width))


def weibull(shape, **draws):
    """Return a Weibull whose median survival is about 15 months."""
    log_rate = normal(np.log(np.log(2.0)) - shape * np.log(15.0))
    return {"log_rate": log_rate, "log_shape": np.full((CHAINS, DRAWS), np.log(shape)), **draws}


def effects():
    return {"ihlrt": normal(-0.5), "nlr": normal(0.4), "ihlrt:nlr": normal(-0.2)}
