"""Cohorts with states, and fits of them whose draws are given."""

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.visits import Visits
from bayes_ihlrt.multistate.rows import transitions
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec
from bayes_ihlrt.synthetic.simulate import simulate_cohort

IHLRT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
SWITCHES = {"response": "response_months", "progression": "progression_months"}


def toy_cohort(**changes):
    """Six patients: what happens to them covers every state."""
    never = np.inf
    columns = {
        "patient": np.array(list("abcdef"), dtype=object),
        "start": np.zeros(6),
        "stop": np.array([10.0, 8.0, 6.0, 12.0, 9.0, 5.0]),
        "event": np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0]),
        "treatment_start": np.array([5.0, never, 3.0, 2.0, never, never]),
        "response_months": np.array([2.0, 4.0, never, 2.0, never, never]),
        "progression_months": np.array([7.0, never, 4.0, 9.0, 3.0, never]),
        "nlr": np.array([1.5, 3.0, 6.0, 2.0, 4.0, 3.5]),
        "centre": np.array(["x", "y", "x", "y", "x", "y"], dtype=object),
    } | changes
    return Cohort(columns, visits=Visits(switches=SWITCHES, every=1.0))


def fabricate(cohort, spec, draws, *, chains=2):
    """Return a fit with given draws: by transition, parameter and (samples, ...)."""
    # Imported here: these take seconds, which tests of the rows do not need.
    import xarray as xr

    from bayes_ihlrt.model.graph import prepare
    from bayes_ihlrt.multistate.fit import TransitionFit
    from bayes_ihlrt.posterior.fitted import FittedModel
    from bayes_ihlrt.posterior.quality import chain_quality

    data = transitions(
        cohort,
        IHLRT,
        response=spec.response.switch if spec.response else None,
        progression=spec.progression.switch if spec.progression else None,
    )
    fits = {}
    for kind in spec.transitions:
        rows = data.rows[kind]
        prepared = prepare(spec.model_of(kind, treatment="ihlrt"), rows)
        posterior = {}
        for name, given in draws[kind].items():
            values = np.reshape(given, (chains, -1, *np.shape(given)[1:]))
            dims = ("chain", "draw", *(f"{name}_{axis}" for axis in range(values.ndim - 2)))
            posterior[name] = (dims, values)
        tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
        fits[kind] = FittedModel(
            prepared,
            rows,
            tree,
            chain_quality(1.0, "none", ess_bulk=1e3, ess_tail=1e3, divergences=0),
        )
    return TransitionFit(spec, data, fits)


def simulated(n, seed, **truth):
    """Return a simulated cohort with times of response and of progression."""
    columns = {**simulate_cohort(n, seed=seed, **truth).columns}
    before = columns["pfs_months"] < columns["os_months"]
    columns["progression_months"] = np.where(before, columns["pfs_months"], np.nan)
    data = DataSpec(patient="patient_id", time="os_months", event="death", centre="centre")
    visits = VisitsSpec(switches=SWITCHES, every=1.5)
    return Cohort.from_frame(
        columns, data, IHLRT, covariates=["nlr", "albi", "afp_high"], visits=visits
    )
