"""Made-up datasets of the figures of model checks."""

import numpy as np
import xarray as xr

TIMES = np.linspace(0.0, 30.0, 7)


def survival_check():
    curves = np.exp(-np.outer([0.05, 0.03, 0.02, 0.04], TIMES))
    dims = ("stratum", "time")
    return xr.Dataset(
        {
            "low": (dims, curves * 0.8),
            "middle": (dims, curves),
            "high": (dims, np.minimum(curves * 1.2, 1.0)),
            "km": (dims, np.where(TIMES > 20.0, np.nan, curves)),
            "events": ("stratum", [20, 12, 5, 8]),
            "patients": ("stratum", [40, 40, 17, 20]),
        },
        coords={"stratum": ["a", "b", "c", "d"], "time": TIMES},
    )


def hazard_check():
    return xr.Dataset(
        {
            "observed": ("period", [0.05, 0.03]),
            "low": ("period", [0.03, 0.02]),
            "middle": ("period", [0.04, 0.03]),
            "high": ("period", [0.06, 0.05]),
            "events": ("period", [12.0, 10.0]),
            "months": ("period", [240.0, 330.0]),
            "begin": ("period", [0.0, 5.0]),
            "end": ("period", [5.0, 20.0]),
        },
        coords={"period": ["months 0-5", "months 5+"]},
    )


def residuals():
    lived = np.linspace(0.1, 2.0, 12)
    event = np.arange(12) % 2 * 1.0
    return xr.Dataset(
        {
            "cox_snell": ("patient", lived),
            "martingale": ("patient", event - lived),
            "event": ("patient", event),
            "cumulative": ("residual", [0.2, 0.6, 1.1]),
            "modifier": ("patient", np.linspace(1.0, 8.0, 12)),
            "group_mean": ("group", [0.1, -0.2]),
            "group_low": ("group", [-0.4, -0.7]),
            "group_high": ("group", [0.6, 0.3]),
            "group_modifier": ("group", [2.0, 6.0]),
        },
        coords={"residual": [0.2, 0.7, 1.3]},
        attrs={"modifier": "nlr"},
    )


def effect_by_period():
    return xr.Dataset(
        {
            "median": ("period", [0.5, 0.9]),
            "q2.5": ("period", [0.2, 0.5]),
            "q97.5": ("period", [1.1, 1.6]),
            "prob_benefit": ("period", [0.95, 0.6]),
            "prior_prob_benefit": ("period", [0.7, 0.6]),
            "events": ("period", [11.0, 14.0]),
        },
        coords={"period": ["months 0-4 since start", "months 4+ since start"]},
    )


def prior_survival():
    curves = np.exp(-np.outer([0.05, 0.03], TIMES))
    dims = ("strategy", "time")
    bands = {"lowest": 0.3, "low": 0.5, "middle": 1.0, "high": 1.4, "highest": 1.6}
    return xr.Dataset(
        {name: (dims, np.minimum(curves * factor, 1.0)) for name, factor in bands.items()}
        | {"km": ("time", np.exp(-0.04 * TIMES))}
        | {"km_low": ("time", np.exp(-0.05 * TIMES)), "km_high": ("time", np.exp(-0.03 * TIMES))},
        coords={"strategy": ["untreated throughout", "treated from the beginning"], "time": TIMES},
    )


def influence(*, shifts=True):
    shift = np.linspace(-0.4, 0.3, 8)
    return xr.Dataset(
        {
            "k_hat": ("patient", [0.1, 0.2, 0.9, 0.3, 0.0, -0.1, 0.5, 0.2]),
            "elpd": ("patient", np.full(8, -3.0)),
            "refitted": ("patient", np.arange(8) == 2),
            "shift": ("patient", shift if shifts else np.full(8, np.nan)),
        },
        coords={"patient": [f"p{n}" for n in range(8)]},
    )


def hazard_families():
    return xr.Dataset(
        {
            "elpd": ("family", [-200.0, -203.0, np.nan]),
            "difference": ("family", [0.0, -3.0, np.nan]),
            "difference_se": ("family", [0.0, 2.0, np.nan]),
            "unreliable": ("family", [0, 0, 0]),
            "weight": ("family", [0.9, 0.1, 0.0]),
        },
        coords={"family": ["weibull", "gompertz", "mspline"]},
    )


def risk_calibration():
    dims = ("horizon", "group")
    predicted = np.array([[0.3, 0.6, 0.9], [0.1, 0.4, 0.7]])
    return xr.Dataset(
        {
            "predicted": (dims, predicted),
            "observed": (dims, predicted - 0.05),
            "low": (dims, predicted - 0.2),
            "high": (dims, predicted + 0.1),
            "brier": ("horizon", [0.2, 0.19]),
            "brier_se": ("horizon", [0.02, 0.02]),
            "brier_null": ("horizon", [0.22, 0.24]),
            "auc": ("horizon", [0.7, 0.66]),
            "auc_se": ("horizon", [0.06, 0.07]),
        },
        coords={"horizon": [12.0, 24.0]},
    )


DATASETS = {
    "survival_check": survival_check,
    "hazard_check": hazard_check,
    "residuals": residuals,
    "effect_by_period": effect_by_period,
    "prior_survival": prior_survival,
    "influence": influence,
    "hazard_families": hazard_families,
    "risk_calibration": risk_calibration,
}
