"""Small datasets of the figures of simulated trials."""

import numpy as np
import xarray as xr

from bayes_ihlrt.trials.figures import curve_data
from bayes_ihlrt.trials.operating import share

QUANTILES = [0.05, 0.5, 0.95]


def shares(*hits, trials=400):
    return [share(np.arange(trials) < count) for count in hits]


def curves():
    found = {"NLR 3 and above": shares(80, 200, 320), "all comers": shares(60, 150, 260)}
    return curve_data([200.0, 300.0, 400.0], found, label="Patients")


def success():
    data = curves().rename(line="design", x="scenario")
    return data.assign_coords(scenario=["a", "b", "c"], hr=("scenario", [1.0, 0.8, 0.6]))


def stopping():
    values = np.array([[[0.0, 0.2, 0.1], [0.3, 0.4, 0.0]]])
    verdicts = ["inconclusive", "success", "futility"]
    coords = {"cell": ["design / truth"], "look": [1, 2], "verdict": verdicts}
    return xr.Dataset({"share": (("cell", "look", "verdict"), values)}, coords=coords)


def convergence():
    data = curves().rename(line="cell", x="trials")
    return data.assign_coords(trials=[20, 100, 400])


def conduct():
    month = np.linspace(0.0, 40.0, 5)
    rows = np.outer([0.9, 1.0, 1.1], month)
    dims = ("quantile", "month")
    return xr.Dataset(
        {"enrolled": (dims, 8 * rows), "events": (dims, 4 * rows), "look_month": ("look", [20.0])},
        coords={"quantile": QUANTILES, "month": month, "look": [1]},
        attrs={"events": "deaths"},
    )


def decisions():
    return xr.Dataset(
        {
            "success_below": ("look", [0.6, 0.75]),
            "futility_above": ("look", [1.0, np.nan]),
            "hazard_ratio": (("quantile", "look"), [[0.5, 0.6], [0.7, 0.7], [0.9, 0.8]]),
            "events": ("look", [100.0, 200.0]),
        },
        coords={"quantile": QUANTILES, "look": [1, 2]},
        attrs={"events": "progressions or deaths"},
    )


def replay():
    return xr.Dataset(
        {
            "arrival": ("patient", [0.0, 1.0, 2.0]),
            "end": ("patient", [9.0, 4.0, 9.0]),
            "arm": ("patient", [0.0, 1.0, 1.0]),
            "observed": ("patient", [0.0, 1.0, 0.0]),
            "months": ("look", [9.0]),
            "median": ("look", [0.8]),
            "q2.5": ("look", [0.5]),
            "q97.5": ("look", [1.3]),
        },
        coords={"look": [1]},
        attrs={
            "trace": ["look 1, efficacy: P(hazard ratio < 1) > 0.975: 0.8, not met"],
            "events": "deaths",
        },
    )


DATASETS = {
    "trial_success": success,
    "trial_curves": curves,
    "trial_stopping": stopping,
    "trial_convergence": convergence,
    "trial_conduct": conduct,
    "trial_decisions": decisions,
    "trial_replay": replay,
}
