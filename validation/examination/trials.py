"""Sequential trials of cohorts made outside the package.

Rows and weights are the package's; the outcome, a Weibull proportional-hazards model without
priors, is fitted by SciPy to the weighted rows, so that many big cohorts take minutes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.balance import balance_data
from bayes_ihlrt.propensity.graph import propensity
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec
from bayes_ihlrt.weighted.analysis import prepare_weighted
from bayes_ihlrt.weighted.models import propensity_mode

DATA = DataSpec(patient="id", time="os", event="death", time_unit="months")
TREATMENT = TreatmentSpec(name="trt", start="trt", design="sequential")
TARGETS = tuple(target.value for target in EstimandTarget)

Floats = NDArray[np.float64]


def estimates(
    frame: pd.DataFrame,
    *,
    every: float,
    starts: str,
    formula: str,
    targets: Sequence[str] = TARGETS,
    horizon: float = 24.0,
) -> dict[str, tuple[float, float, float]]:
    """Return by target the log hazard ratio, months gained, and time's imbalance at entry."""
    covariates = [name for name in frame.columns if name not in {"id", "os", "death", "trt"}]
    cohort = Cohort.from_frame(
        frame, DATA, TREATMENT, covariates=covariates, visits=VisitsSpec(every=every, starts=starts)
    )
    emulation = emulate(cohort, TREATMENT)
    model = ModelSpec(
        treatment="trt", outcome={"formula": "trt", "hazard": {"family": "exponential"}}
    )
    analysis = prepare_weighted(emulation, model, PropensitySpec(formula=formula))
    chance = propensity(propensity_mode(analysis.initiation))
    passing = None
    if analysis.passing is not None:
        passing = propensity(propensity_mode(analysis.initiation, at=analysis.passing))
    found = {}
    for target in targets:
        weights = row_weights(
            emulation, chance, target=EstimandTarget(target), passing=passing, stabilise=True
        )
        smd = _imbalance(emulation, weights, analysis.entries)
        found[target] = (*weibull(emulation, weights, horizon=horizon), smd)
    return found


def _imbalance(emulation: Emulation, weights: Floats, entries: NDArray[np.bool_]) -> float:
    rows = emulation.person_time.columns
    decision = rows["decision"].astype(np.intp)[entries]
    balance = balance_data(
        {"time": emulation.decisions.columns["time"][decision].astype(np.float64)},
        rows["trt"][entries],
        weights[entries],
        patient=rows["patient"][entries],
    )
    return float(balance["smd"].sel(subset="all", covariate="time", sample="weighted"))


def weibull(emulation: Emulation, weights: Floats, *, horizon: float) -> tuple[float, float]:
    """Return the log hazard ratio and months gained of a Weibull model of weighted rows."""
    rows = emulation.person_time.columns
    arm, event = (rows[name].astype(np.float64) for name in ("trt", "event"))
    start, stop = (rows[name].astype(np.float64) for name in ("start", "stop"))
    weight = weights / weights.sum()
    log_start, log_stop = np.log(np.maximum(start, 1e-300)), np.log(stop)

    def loss(x: Floats) -> tuple[float, Floats]:
        shape, rate = np.exp(x[0]), np.exp(x[1] + x[2] * arm)
        early, late = rate * np.exp(shape * log_start), rate * np.exp(shape * log_stop)
        log_hazard = x[0] + (shape - 1.0) * log_stop + x[1] + x[2] * arm
        value = weight * (event * log_hazard - late + early)
        left = weight * (event - late + early)
        bent = weight * (
            event * (1.0 + shape * log_stop) - shape * (late * log_stop - early * log_start)
        )
        return -float(value.sum()), -np.array([bent.sum(), left.sum(), (left * arm).sum()])

    x = minimize(loss, np.array([0.0, -3.0, 0.0]), jac=True, options={"gtol": 1e-9}).x
    grid = np.linspace(0.0, horizon, 2401)
    months = [
        np.trapezoid(np.exp(-np.exp(x[1] + x[2] * side) * grid ** np.exp(x[0])), grid)
        for side in (1.0, 0.0)
    ]
    return float(x[2]), float(months[0] - months[1])
