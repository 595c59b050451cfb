"""Small models with exact answers, and cohorts with a confounder that nobody measured."""

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

EVENTS, MONTHS = 24, 400.0
ALPHA, BETA = 4.0, 60.0
SPEC = """
treatment = "ihlrt"
[outcome]
formula = "ihlrt"
hazard = { family = "exponential" }
[priors]
ihlrt = { dist = "Normal", mu = 0.0, sigma = 2.0 }
baseline = { dist = "Normal", mu = -3.0, sigma = 2.0 }
"""


def conjugate():
    """Return an exponential model with a Gamma prior on its rate: 24 events in 400 months."""
    rng = np.random.default_rng(8)
    months = rng.uniform(2.0, 20.0, 40)
    months *= MONTHS / months.sum()
    death = (np.arange(40) < EVENTS).astype(float)
    spec = ModelSpec.from_toml(
        f"""
        [outcome]
        hazard = {{ family = "exponential" }}
        [priors]
        baseline = {{ dist = "Gamma", alpha = {ALPHA}, beta = {BETA}, on = "exp" }}
        """
    )
    cohort = Cohort.from_frame(
        {"id": [f"p{i}" for i in range(40)], "months": months, "death": death},
        DataSpec(patient="id", time="months", event="death"),
    )
    rows = person_time(cohort)
    return prepare(spec, rows), rows


def confounded(n, *, outcome, initiation, prevalence=0.4, effect=-0.4, seed=1):
    """Return a cohort with a harmful condition that changes who is treated, and its model.

    Parameters
    ----------
    n : int
        Patients.
    outcome, initiation : float
        Log hazard ratios of the condition on death and on the start of treatment.
    prevalence : float
        Share of the patients who have it.
    effect : float
        Log hazard ratio of treatment.
    seed : int
        Seed.

    Returns
    -------
    prepared : PreparedModel
        A model that does not know the condition.
    rows : PersonTime
        Its rows.
    """
    rng = np.random.default_rng(seed)
    has = rng.random(n) < prevalence
    start = rng.exponential(1.0 / (0.06 * np.exp(initiation * has)))
    hazard = 0.05 * np.exp(outcome * has)
    # Death by inversion: hazard until the start of treatment, exp(effect) times it afterwards.
    target = rng.exponential(size=n)
    before = hazard * start
    after = start + (target - before) / (hazard * np.exp(effect))
    time = np.where(target < before, target / hazard, after)
    end = rng.uniform(12.0, 48.0, n)
    months, death = np.minimum(time, end), (time <= end).astype(float)
    treated = np.where(start < months, start, np.nan)
    frame = {
        "id": [f"p{i}" for i in range(n)],
        "months": months,
        "death": death,
        "start": treated,
    }
    treatment = TreatmentSpec(name="ihlrt", start="start", design="split")
    cohort = Cohort.from_frame(
        frame, DataSpec(patient="id", time="months", event="death"), treatment
    )
    rows = person_time(cohort, treatment)
    return prepare(ModelSpec.from_toml(SPEC), rows), rows


def two_row_model(cohort):
    """Return a model on an untreated and a treated row of every patient, whatever their length.

    Parameters
    ----------
    cohort : dict of str to ndarray
        ``months``, ``death`` and ``start`` of treatment, infinite if never.

    Returns
    -------
    prepared : PreparedModel
        Arrays of one shape for every cohort of one size.
    rows : PersonTime
        Rows, some of no length.
    """
    months, start = cohort["months"], np.minimum(cohort["start"], cohort["months"])
    treated = cohort["start"] < months
    count = len(months)
    first = {"start": np.zeros(count), "stop": start, "event": cohort["death"] * ~treated}
    second = {"start": start, "stop": months, "event": cohort["death"] * treated}
    columns = {name: np.concatenate([first[name], second[name]]) for name in first}
    columns["patient"] = np.tile(np.asarray([f"p{i:04d}" for i in range(count)]), 2)
    columns["ihlrt"] = np.repeat([0.0, 1.0], count)
    columns["weight"] = np.ones(2 * count)
    provenance = Provenance(
        design=DesignKind.SPLIT, dropped={}, immortal_months=0.0, treated={}, untreated={}
    )
    rows = PersonTime(columns, provenance)
    return prepare(ModelSpec.from_toml(SPEC), rows), rows
