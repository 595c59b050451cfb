"""Treatment that acts through response: months gained by the g-formula of the ladder."""

import numpy as np

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.spec.read import parse_spec
from validation.examination.row import Row
from validation.outside import response

COHORTS, PATIENTS, DRAWS = 6, 3000, 800
NAMES = tuple(response.MECHANISMS)[:4]
SPECIFICATION = """
schema = 2
name = "switch"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "trt"
[visits]
every = 2.0
switches = { prog = "prog" }
[outcome]
formula = "trt + prog"
[propensity]
formula = "prog + time"
[priors]
trt = { dist = "Normal", mu = 0.0, sigma = 10.0 }
prog = { dist = "Normal", mu = 0.0, sigma = 10.0 }
baseline = { median_survival = 19.2, upper = 1900.0 }
[ladder]
grace = 4.0
horizon = 24.0
draws = DRAWS
response = "prog"
""".replace("DRAWS", str(DRAWS))
BEFORE = {"treatment delays a harmful switch": "+1.32 (.07), covered in 1 of 5"}
_FAR = 3.0


def rows(
    names: tuple[str, ...] = NAMES,
    cohorts: int = COHORTS,
    patients: int = PATIENTS,
) -> list[Row]:
    """Return total months and months given the switch, of mechanisms in which treatment acts."""
    return [row for name in names for row in _of(name, cohorts, patients)]


def _of(name: str, cohorts: int, patients: int) -> list[Row]:
    mechanism = response.MECHANISMS[name]
    truth = response.truth(mechanism)
    spec = parse_spec(SPECIFICATION)
    found = []
    for seed in range(1, cohorts + 1):
        cohort = read_cohort(spec, response.cohort(patients, seed, mechanism))
        rung = fit_rung(spec, cohort, plan_rungs(spec, cohort)[-1], horizon=response.HORIZON)
        found.append((rung.rmst_difference, rung.by_response.given))
    told = (
        ("total", truth.total, truth.mcse_total, BEFORE.get(name, "given the switch only")),
        ("given the switch", truth.given, truth.mcse_given, "not told apart"),
    )
    return [
        _row(f"{name}: months gained, {what}", own, (value, error), before)
        for (what, value, error, before), own in zip(told, zip(*found, strict=True), strict=True)
    ]


def _row(
    what: str, found: tuple[dict[str, float], ...], truth: tuple[float, float], before: str
) -> Row:
    value, error = truth
    means = np.array([summary["mean"] for summary in found])
    mcse = float(np.hypot(means.std(ddof=1) / np.sqrt(len(means)), error))
    covered = sum(summary["q2.5"] <= value <= summary["q97.5"] for summary in found)
    off = (means.mean() - value) / mcse
    after = f"{means.mean():+.2f}, covered in {covered} of {len(found)} cohorts"
    verdict = "right" if abs(off) < _FAR else "wrong"
    return Row(
        "6", what, f"{value:+.2f}", before, after, f"{mcse:.2f}", f"{verdict} ({off:+.1f} MCSE)"
    )
