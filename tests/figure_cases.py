"""A made-up dataset for every figure."""

import numpy as np
import xarray as xr

import check_figures
import sensitivity_figures
import trial_figures

TIMES = np.linspace(0.0, 30.0, 7)


def incidence_dataset():
    curves = np.array([[0.6, 0.2], [0.3, 0.3]])[..., None] * (1.0 - np.exp(-TIMES / 10.0))
    dims, steps = ("strategy", "event_cause", "time"), ("state", "event_cause", "step")
    counted = np.broadcast_to(np.linspace(0.0, 0.4, 3), (2, 2, 3))
    return xr.Dataset(
        {
            "median": (dims, curves),
            "q2.5": (dims, curves * 0.8),
            "q97.5": (dims, curves * 1.2),
            "step_time": (("state", "step"), np.tile([0.0, 5.0, 20.0], (2, 1))),
            "counted": (steps, counted),
            "naive": (steps, counted * 1.2),
        },
        coords={
            "strategy": ["never", "from month 0"],
            "event_cause": ["tumour", "liver"],
            "state": ["untreated", "treated"],
            "time": TIMES,
        },
    )


def survival_dataset():
    curves = np.exp(-np.outer([0.05, 0.03], TIMES))
    dims = ("strategy", "time")
    return xr.Dataset(
        {
            "median": (dims, curves),
            "q2.5": (dims, curves * 0.9),
            "q97.5": (dims, np.minimum(curves * 1.1, 1.0)),
            "km_time": (("state", "step"), [[0.0, 5.0, 20.0], [0.0, 9.0, np.nan]]),
            "km": (("state", "step"), [[1.0, 0.8, 0.5], [1.0, 0.9, np.nan]]),
            "censored_time": (("state", "tick"), [[7.0, 12.0], [15.0, np.nan]]),
            "censored": (("state", "tick"), [[0.8, 0.8], [0.9, np.nan]]),
            "at_risk": (("state", "risk_time"), [[80, 41, 13], [0, 17, 8]]),
        },
        coords={
            "strategy": ["never", "from month 0"],
            "time": TIMES,
            "state": ["untreated", "treated"],
            "risk_time": [0.0, 12.0, 24.0],
        },
    )


def hazard_ratio_dataset():
    value = np.geomspace(1.0, 8.0, 5)
    return xr.Dataset(
        {
            "median": ("value", np.linspace(0.9, 0.5, 5)),
            "q2.5": ("value", np.linspace(0.5, 0.2, 5)),
            "q97.5": ("value", np.linspace(1.6, 1.1, 5)),
            "prob_benefit": ("value", np.linspace(0.6, 0.95, 5)),
            "prob_gain": ("value", np.linspace(0.3, 0.7, 5)),
            "prior_prob_benefit": ("value", np.linspace(0.5, 0.55, 5)),
            "prior_prob_gain": ("value", np.linspace(0.2, 0.25, 5)),
            "patients": ("patient", [1.0, 2.5, 8.0]),
            "cross_of": ("crossing", [0.0, 1.0]),
            "cross_level": ("crossing", [0.8, 0.5]),
            "cross_at": ("crossing", [3.3, 2.8]),
        },
        coords={"value": value},
        attrs={
            **{"label": "nlr", "reference": 3.0, "log": True},
            **{"gain": 1.0, "horizon": 24.0, "levels": [0.5, 0.8, 0.95]},
        },
    )


def gain_dataset():
    x = np.linspace(-1.0, 4.0, 50)
    dims = ("setting", "point")
    return xr.Dataset(
        {
            "x": (dims, np.tile(x, (2, 1))),
            "density": (dims, np.tile(np.exp(-((x - 1.5) ** 2)), (2, 1))),
            "probability": (("setting", "region"), [[0.02, 0.22, 0.76], [0.5, 0.25, 0.25]]),
        },
        coords={"setting": ["the cohort", "nlr 2"], "region": ["harm", "gain too small", "gain"]},
        attrs={"gain": 1.0, "horizon": 24.0, "treated": "from month 0"},
    )


def estimates_dataset():
    """A gain in months at two values of the modifier."""
    told = {"median": [1.2, 2.4], "q2.5": [-0.8, 0.1], "q97.5": [3.1, 4.9]}
    return xr.Dataset(
        {name: ("row", values) for name, values in told.items()},
        coords={"row": ["24 months, nlr 2", "24 months, nlr 5"]},
        attrs={"label": "Months gained", "ratio": False, "contrast": True},
    )


def subgroups_dataset():
    """Two subgroups, of which one has no events under treatment."""
    columns = {
        "median": [0.6, 0.7],
        "q2.5": [0.4, 0.3],
        "q97.5": [1.1, 1.4],
        "prob_benefit": [0.93, 0.8],
        "prior_prob_benefit": [0.5, np.nan],
        "ratio": [0.5, np.nan],
        "low": [0.01, np.nan],
        "high": [20.0, np.nan],
        "patients": [48.0, 32.0],
        "events_treated": [6.0, 0.0],
        "events_untreated": [26.0, 16.0],
    }
    return xr.Dataset(
        {name: ("subgroup", values) for name, values in columns.items()},
        coords={"subgroup": ["afp_high 0", "afp_high 1"]},
        attrs={"overall": 0.65},
    )


def forest_dataset():
    """An interaction before a covariate, as a formula may have them."""
    return xr.Dataset(
        {
            "median": ("coefficient", [0.6, 0.9, 1.2]),
            "q2.5": ("coefficient", [0.35, 0.6, 0.9]),
            "q97.5": ("coefficient", [1.03, 1.3, 1.6]),
            "label": ("coefficient", ["ihlrt, at nlr 3", "ihlrt:nlr", "nlr, per doubling"]),
            "of_ratios": ("coefficient", [False, True, False]),
        },
        coords={"coefficient": ["ihlrt", "ihlrt:nlr", "nlr"]},
    )


def treatment_starts_dataset():
    return xr.Dataset(
        {
            "incidence": (("end", "time"), [[0.0, 0.1, 0.3], [0.0, 0.2, 0.5]]),
            "at_risk": ("risk_time", [80, 41, 13]),
        },
        coords={
            "end": ["started", "event first"],
            "time": [0.0, 5.0, 30.0],
            "risk_time": [0.0, 12.0, 24.0],
        },
    )


def flow_dataset():
    counts = {"follow_ups": [80, 78], "patients": [80, 78], "events": [42, 9]}
    counts |= {"censored": [20, 0], "ended": [18, 69]}
    return xr.Dataset(
        {name: ("arm", values) for name, values in counts.items()},
        coords={"arm": ["never ihlrt", "ihlrt within 6 months"]},
        attrs={
            "assessed": 86,
            "analysed": 80,
            "left_out": ["6: nlr is missing"],
            "unit": "clones",
            "why": "censored when they left their strategy",
        },
    )


def swimmer_dataset():
    columns = {"entry": [0.0, 0.0, 1.0], "end": [9.0, 7.0, 3.0], "event": [0.0, 1.0, 1.0]}
    columns["treated_from"] = [4.0, np.nan, np.nan]
    return xr.Dataset(
        {name: ("line", values) for name, values in columns.items()},
        coords={"line": [1, 2, 3]},
        attrs={"of": 9},
    )


def prior_posterior_dataset():
    x = np.linspace(-1.0, 1.0, 50)
    density = np.exp(-(x**2))
    dims = ("source", "parameter", "point")
    return xr.Dataset(
        {
            "x": (dims, np.tile(x, (2, 4, 1))),
            "density": (dims, np.tile(density, (2, 4, 1))),
            "low": ("parameter", np.full(4, -1.0)),
            "high": ("parameter", np.full(4, 1.0)),
        },
        coords={
            "source": ["prior", "posterior"],
            "parameter": ["ihlrt", "nlr", "albi", "sd_centre"],
        },
    )


def trace_dataset():
    draws = np.random.default_rng(1).normal(size=(4, 30, 2))
    return xr.Dataset(
        {
            "draws": (("chain", "draw", "parameter"), draws),
            "ranks": (("chain", "parameter", "bin"), np.full((4, 2, 5), 0.2)),
        },
        coords={"chain": range(4), "draw": range(30), "parameter": ["ihlrt", "log_rate"]},
    )


def balance_dataset():
    """Two covariates in two subsets: one infinite difference, one that cannot be told."""
    smd = [[[0.5, 0.05], [-0.2, 0.3]], [[np.inf, -0.4], [np.nan, np.nan]]]
    return xr.Dataset(
        {
            "smd": (("subset", "covariate", "sample"), smd),
            "patients": (("subset", "arm"), [[20.0, 60.0], [1.0, 9.0]]),
            "ess": (("subset", "arm"), [[18.25, 41.5], [1.0, 7.5]]),
            "variance_inflation": ("subset", [1.23, np.nan]),
        },
        coords={
            "subset": ["all", "nlr >= 5"],
            "covariate": ["albi", "response: PR"],
            "sample": ["unweighted", "weighted"],
            "arm": ["treated", "control"],
        },
        attrs={"balanced": 0.1},
    )


def overlap_dataset():
    dims = ("arm", "sample", "bin")
    return xr.Dataset(
        {
            "share": (dims, [[[0.2, 0.8], [0.5, 0.5]], [[0.9, 0.1], [0.5, 0.5]]]),
            "edge": ("edges", [0.0, 0.5, 1.0]),
            "beyond": ("arm", [0.25, 0.0]),
            "rows": ("arm", [20, 60]),
        },
        coords={"arm": ["treated", "control"], "sample": ["unweighted", "weighted"]},
    )


def weight_sum_dataset():
    dims = ("strategy", "time")
    return xr.Dataset(
        {
            "weight_sum": (dims, np.full((2, 7), 40.0)),
            "unweighted": (dims, np.full((2, 7), 20.0)),
            "at_risk": ("time", np.full(7, 41.0)),
            "ratio": (dims, np.full((2, 7), 40.0 / 41.0)),
        },
        coords={"strategy": ["never", "within 3 months"], "time": TIMES},
    )


def ladder_dataset():
    """Three rungs: the naive one, one that could not be estimated, one without months."""
    return xr.Dataset(
        {
            "median": ("rung", [0.47, np.nan, 0.75]),
            "q2.5": ("rung", [0.24, np.nan, 0.43]),
            "q97.5": ("rung", [0.85, np.nan, 1.42]),
            "months": (("rung", "bound"), [[0.8, 3.6, 6.2], [np.nan] * 3, [np.nan] * 3]),
            "label": ("rung", ["Ever against never treated", "Landmark", "Clones"]),
            "assumption": ("rung", ["Wrong on purpose", "Fair if", "Fair if"]),
            "reason": ("rung", ["", "nobody was treated by then", ""]),
            "naive": ("rung", [True, False, False]),
            "patients": ("rung", [80.0, np.nan, 80.0]),
            "events": ("rung", [51.0, np.nan, 47.0]),
            "immortal": ("rung", [127.0, np.nan, 0.0]),
        },
        attrs={"null_low": 0.43, "null_high": 1.31},
    )


DATASETS = {
    **check_figures.DATASETS,
    **sensitivity_figures.DATASETS,
    "ladder": ladder_dataset,
    "survival": survival_dataset,
    "incidence": incidence_dataset,
    "hazard_ratio": hazard_ratio_dataset,
    "estimates": estimates_dataset,
    "gain": gain_dataset,
    "subgroups": subgroups_dataset,
    "forest": forest_dataset,
    "prior_posterior": prior_posterior_dataset,
    "trace": trace_dataset,
    "flow": flow_dataset,
    "treatment_starts": treatment_starts_dataset,
    "swimmer": swimmer_dataset,
    "love": balance_dataset,
    "connect_s": balance_dataset,
    "overlap": overlap_dataset,
    "weight_sums": weight_sum_dataset,
    **trial_figures.DATASETS,
}


def made(name, *, synthetic=False):
    return DATASETS[name]().assign_attrs(title="Overall survival", synthetic=synthetic)
