"""Clones under two propensity models, on large cohorts; a section of docs/validation/ladder.md.

The weights are the package's; propensities are ordinary logistic regressions and the outcome model
is fitted by maximum likelihood, so that nothing but the propensity model differs.
"""

import numpy as np
from scipy.optimize import minimize

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec
from true_contrasts import GRACE, clones, logistic, observed

PATIENTS, SEEDS, LAST_NUMBER = 40_000, (1, 2, 3, 4), 12
DATA = DataSpec(patient="patient_id", time="os_months", event="death")
TREATMENT = TreatmentSpec(
    name="ihlrt",
    start="ihlrt_months",
    design="clone-censor-weight",
    grace=GRACE,
    grace_weights="time-varying",
)


def weibull(start, stop, event, x, weight):
    """Return coefficients and log shape of a weighted Weibull model of start-stop rows."""
    x = np.column_stack([np.ones(len(x)), x])
    later = start > 0.0
    log_start, log_stop = np.log(np.where(later, start, 1.0)), np.log(stop)

    def loss(theta):
        k, eta = np.exp(theta[-1]), x @ theta[:-1]
        end = np.exp(eta + k * log_stop)
        begin = np.where(later, np.exp(eta + k * log_start), 0.0)
        value = weight @ (event * (eta + theta[-1] + (k - 1.0) * log_stop) - (end - begin))
        slope = x.T @ (weight * (event - (end - begin)))
        shape = weight @ (event * (1.0 + k * log_stop) - k * (end * log_stop - begin * log_start))
        return -value / len(x), -np.append(slope, shape) / len(x)

    first = np.append(-3.5, np.zeros(x.shape[1]))
    return minimize(loss, first, jac=True, method="BFGS").x


def propensities(table):
    """Return fitted probabilities with a cubic in time, and with a level for each decision."""
    columns = {name: values.astype(float) for name, values in table.columns.items() if name in READ}
    z, response = np.log2(columns["nlr"] / 3.0), columns["response"]
    causes = np.column_stack([z, z * response, columns["albi"], columns["afp_high"]])
    time = columns["time"][:, None] / 10.0
    cubic = np.column_stack([time**power for power in range(4)] + [response])
    number = np.minimum(columns["number"], LAST_NUMBER)
    level = (number[:, None] == np.arange(LAST_NUMBER + 1)).astype(float)
    designs = {
        "a cubic in time": cubic,
        "a level for each decision, also among responders": np.column_stack(
            [level, level * response[:, None]]
        ),
    }
    return {
        name: logistic(np.column_stack([own, causes]), table.initiated)
        for name, own in designs.items()
    }


READ = {"nlr", "response", "albi", "afp_high", "time", "number"}


def log_hazard_ratios(scenario, seed, mean_z):
    """Return the log hazard ratio of one cohort under each propensity model."""
    visits = VisitsSpec(
        switches={"response": "response_months"}, every=scenario.grid, starts="at-visit"
    )
    cohort = Cohort.from_frame(
        observed(scenario, PATIENTS, seed),
        DATA,
        TREATMENT,
        covariates=["nlr", "albi", "afp_high"],
        visits=visits,
    )
    found = emulate(cohort, TREATMENT)
    rows = {
        name: found.person_time.columns[name].astype(float)
        for name in ("start", "stop", "event", "ihlrt", "nlr")
    }
    z = np.log2(rows["nlr"] / 3.0)
    x = np.column_stack([rows["ihlrt"], z, rows["ihlrt"] * z])
    result = {}
    for name, chance in propensities(found.decisions).items():
        weight = row_weights(found, chance, target=EstimandTarget.ATE)
        theta = weibull(rows["start"], rows["stop"], rows["event"], x, weight)
        result[name] = theta[1] + theta[3] * mean_z
    return result


def section(scenario):
    """Return the section as lines of Markdown."""
    lives = clones(scenario, 200_000, 900_001)
    truth, mean_z = lives.contrast()["log_hr"], lives.mean_z
    found = [log_hazard_ratios(scenario, seed, mean_z) for seed in SEEDS]
    lines = [
        "## Clones and the model of initiation",
        f"Scenario '{scenario.title}', {len(SEEDS)} cohorts of {PATIENTS:,}; ordinary logistic "
        "regression, maximum likelihood, the package's weights.",
        "",
        "| propensity model | error of the log hazard ratio (SE) |",
        "|---|---:|",
    ]
    for name in found[0]:
        errors = np.array([values[name] for values in found]) - truth
        se = errors.std(ddof=1) / np.sqrt(len(errors))
        lines.append(f"| {name} | {errors.mean():+.3f} ({se:.3f}) |")
    return lines
