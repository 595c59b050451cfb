"""Designs for treatment during follow-up on 2,352 patients with intermediate-stage liver cancer.

The counts were taken from the file with Python's csv module, apart from this package.
"""

import csv
import time
from collections import defaultdict

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.names import DAYS_PER_MONTH, EstimandTarget, StartRule
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

pytestmark = pytest.mark.golden

MEASURED = ("n_lesions", "diameter_mm", "new_lesion", "child_pugh_score", "afp")
VISITS = VisitsSpec(time="tstart", covariates=MEASURED)
ROWS = DataSpec(patient="id", start="tstart", stop="tstop", event="event", time_unit="days")


@pytest.fixture(scope="module")
def visits(shared):
    with (shared / "data" / "dtsdhcc_counting.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("tstart", "tstop", "event", "embolization", "ever_embolized", *MEASURED)
    return {"id": [row["id"] for row in rows]} | {
        name: np.array([float(row[name]) for row in rows]) for name in names
    }


def designed(visits, design, **options):
    treatment = TreatmentSpec(name="emb", column="ever_embolized", design=design, **options)
    named = {"visits": VISITS, "visit_rows": visits}
    return Cohort.from_frame(visits, ROWS, treatment, **named), treatment


def test_from_time_zero_every_design_is_made_in_about_a_second(visits):
    cohort, treatment = designed(visits, "sequential")
    assert (cohort.n_patients, cohort.n_rows) == (2352, 11523)
    began = time.perf_counter()
    trials = emulate(cohort, treatment)
    clones = emulate(*designed(visits, "clone-censor-weight", grace=6.0))
    weights = row_weights(trials, np.full(trials.decisions.n_rows, 0.3), target=EstimandTarget.ATO)
    # Measured 0.2 s; the limit leaves room for a busy machine.
    assert time.perf_counter() - began < 3.0
    assert trials.decisions.rule is StartRule.AT_VISIT
    # First visits: 1,423 embolised there; 2,352 patients decide at least once.
    first = trials.decisions.columns["number"] == 0
    assert first.sum() == 2352
    assert trials.decisions.initiated[first].sum() == 1423
    assert not trials.decisions.outside
    assert len(weights) == trials.person_time.n_rows
    assert clones.person_time.events == cohort.events - _lost(clones, cohort)
    assert clones.grace.n_rows == np.sum(_end(visits) > 6.0 * DAYS_PER_MONTH + 1e-6)


def _end(visits):
    last = defaultdict(float)
    for who, stop in zip(visits["id"], visits["tstop"], strict=True):
        last[who] = max(last[who], stop)
    return np.array(list(last.values()))


def _lost(clones, cohort):
    """Count events of patients whose clones were both censored before it."""
    rows = clones.person_time.columns
    seen = set(rows["patient"][rows["event"] == 1.0].tolist())
    died = set(cohort.columns["patient"][cohort.columns["event"] == 1.0].tolist())
    assert seen <= died
    return len(died - seen)


def test_the_first_visit_with_a_new_lesion(visits):
    """954 patients, 318 of them embolised at it; time zero is that visit."""
    first = {}
    for row, (who, lesion) in enumerate(zip(visits["id"], visits["new_lesion"], strict=True)):
        if lesion == 1.0:
            first.setdefault(who, row)
    keep = [row for row, who in enumerate(visits["id"]) if row >= first.get(who, row + 1)]
    zero = np.array([visits["tstart"][first[visits["id"][row]]] for row in keep])
    frame = {name: np.asarray(values, dtype=object)[keep] for name, values in visits.items()}
    frame["tstart"], frame["tstop"] = frame["tstart"] - zero, frame["tstop"] - zero
    treated, column = set(), []
    for who, given in zip(frame["id"], frame["embolization"], strict=True):
        treated |= {who} if given == 1.0 else set()
        column.append(float(who in treated))
    frame["ever_embolized"] = column
    cohort, treatment = designed(frame, "sequential", crossover="ignore")
    found = emulate(cohort, treatment)
    decisions = found.decisions
    at_zero = decisions.columns["time"] == 0.0
    assert (at_zero.sum(), decisions.initiated[at_zero].sum()) == (954, 318)
    trial = found.person_time.columns["trial"] == 0.0
    assert len(np.unique(found.person_time.columns["patient"][trial])) == 954
    assert found.person_time.columns["new_lesion"][trial].astype(float).min() == 1.0


def test_heart_landmark_with_its_decisions():
    data = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
    treatment = TreatmentSpec(
        name="transplanted", column="transplant", design="landmark", landmark=30 / DAYS_PER_MONTH
    )
    cohort = load_cohort("heart", data, treatment, covariates=["age"])
    found = emulate(cohort, treatment)
    assert (found.decisions.n_rows, found.decisions.initiated.sum()) == (79, 33)
    assert found.person_time.provenance == person_time(cohort, treatment).provenance
