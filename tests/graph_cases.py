"""Models and an independent likelihood for the tests of the graph.

Nothing of `bayes_ihlrt.hazards` is used here: hazards are written again, naively.
"""

import numpy as np
import pytensor
from scipy.interpolate import BSpline

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import ModelSpec

CUTS = (3.0, 8.0, 15.0)
HAZARDS = {
    "exponential": {"family": "exponential"},
    "weibull": {"family": "weibull"},
    "gompertz": {"family": "gompertz"},
    "random walk": {"family": "piecewise", "cuts": CUTS},
    "independent": {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"},
    "mspline": {"family": "mspline", "knots": 2},
}
FORMULA = "treated * nlr + albi"


def specification(hazard, group="", priors=None, **outcome):
    """Return a model of `person_time` with one of `HAZARDS`."""
    return ModelSpec.model_validate(
        {
            "treatment": "treated",
            "modifier": {"name": "nlr", "column": "nlr", "transform": "log2", "reference": 3.0},
            "outcome": {"formula": FORMULA, "hazard": HAZARDS[hazard], "group": group, **outcome},
            "priors": priors or {},
        }
    )


def person_time(patients=40, seed=1, *, levels=None):
    """Return ragged rows: 1 to 4 a patient, delayed entry, gaps, weights, in random order.

    With `levels`, covariates take that many values, so that patients share covariate patterns.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        edges = np.cumsum(rng.exponential(4.0, size=2 * rng.integers(1, 5)))
        edges[0] *= rng.integers(2)
        starts, stops = edges[::2], edges[1::2]
        if rng.integers(2):
            starts = np.concatenate([starts[:1], stops[:-1]])
        count, nlr, albi = len(starts), rng.lognormal(1.0, 0.5), rng.normal(-2.4, 0.5)
        if levels is not None:
            nlr, albi = rng.integers(1, levels + 1), rng.integers(levels)
        treated_from, weight = rng.integers(count + 1), rng.choice([0.5, 1.0, 2.0])
        rows += [
            {
                "patient": f"patient {patient}",
                "start": starts[row],
                "stop": stops[row],
                "event": float(row == count - 1 and rng.random() < 0.7),
                "weight": weight,
                "treated": float(row >= treated_from),
                "nlr": float(nlr),
                "albi": float(albi),
                "centre": f"centre {patient % 3}",
            }
            for row in range(count)
        ]
    order = rng.permutation(len(rows))
    columns = {name: np.array([rows[row][name] for row in order]) for name in rows[0]}
    text = {
        name: values.astype(object) for name, values in columns.items() if "U" in values.dtype.str
    }
    return PersonTime(columns | text, provenance())


def provenance():
    return Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})


class Evaluator:
    """Terms of a model's log density and its named parameters, at given coordinates."""

    def __init__(self, model, *, mode="FAST_COMPILE"):
        self.values = model.value_vars
        self.names = [variable.name for variable in model.unobserved_value_vars]
        likelihood = model.logp(vars=[model["time"]], sum=False)[0]
        prior = model.logp(vars=model.free_RVs, sum=True, jacobian=False)
        outputs = [likelihood, prior, *model.unobserved_value_vars]
        self._function = pytensor.function(self.values, outputs, mode=mode)
        self._start = model.initial_point()

    def point(self, seed, spread=0.4):
        """Return coordinates at random around the initial point."""
        return scattered(self.values, self._start, seed, spread=spread)

    def at(self, point):
        """Return log-likelihood by patient, log prior and named parameters."""
        likelihood, prior, *named = self._function(*point)
        named = [np.asarray(value) for value in named]
        return np.asarray(likelihood), float(prior), dict(zip(self.names, named, strict=True))


def scattered(values, start, seed, *, spread=0.4):
    """Return coordinates at random around those of a model's initial point."""
    rng = np.random.default_rng(seed)
    around = [start[value.name] for value in values]
    return [value + spread * rng.standard_normal(np.shape(value)) for value in around]


def log_likelihood(columns, named, spec, hazard, *, groups=()):
    """Return the log-likelihood of each patient, in order of first appearance of the rows."""
    x = {**columns, "nlr": np.log2(columns["nlr"] / 3.0)}
    eta = sum(named[name] * x[name] for name in ("treated", "nlr", "albi"))
    eta = eta + named["treated:nlr"] * x["treated"] * x["nlr"]
    for group, slope in groups:
        level = np.array([int(label[-1]) for label in columns[group]])
        eta = eta + named[f"{group}_effect"][level]
        if slope is not None:
            eta = eta + named[f"{group}_effect:{slope}"][level] * x[slope]
    log_hazard, cumulative = baseline(spec, hazard, named)
    start, stop = columns["start"], columns["stop"]
    exposure = np.exp(eta) * (cumulative(stop) - cumulative(start))
    rows = columns["weight"] * (columns["event"] * (log_hazard(stop) + eta) - exposure)
    patients = list(dict.fromkeys(columns["patient"]))
    return np.array([rows[columns["patient"] == patient].sum() for patient in patients])


def baseline(spec, hazard, named):
    """Return log hazard and cumulative hazard as functions of time."""
    family = spec.outcome.hazard.family
    if family == "exponential":
        a = named["log_rate"]
        return (lambda t: a + 0.0 * t), (lambda t: np.exp(a) * t)
    if family == "weibull":
        a, k = named["log_rate"], np.exp(named["log_shape"])
        return (lambda t: a + np.log(k) + (k - 1) * np.log(t)), (lambda t: np.exp(a) * t**k)
    if family == "gompertz":
        a, b = named["log_rate"], named["slope"]
        return (lambda t: a + b * t), (lambda t: np.exp(a) * (np.exp(b * t) - 1) / b)
    if family == "piecewise":
        return _piecewise(named["log_hazard"])
    return _m_spline(hazard.knots, named)


def _piecewise(log_hazard):
    edges = np.array([0.0, *CUTS, np.inf])
    rate = np.exp(log_hazard)

    def cumulative(t):
        return np.array([(rate * np.clip(one - edges[:-1], 0, np.diff(edges))).sum() for one in t])

    def log_rate(t):
        return np.array([log_hazard[np.searchsorted(CUTS, one, side="left")] for one in t])

    return log_rate, cumulative


def _m_spline(knots, named):
    full = np.concatenate([[0.0] * 3, knots, [knots[-1]] * 3])
    weights = np.exp(named["log_weights"]) / np.exp(named["log_weights"]).sum()
    area = (full[4:] - full[:-4]) / 4.0
    spline = BSpline(full, weights / area, 3)
    integral, scale, upper = spline.antiderivative(), np.exp(named["log_scale"]), knots[-1]
    last = float(spline(upper))

    def cumulative(t):
        inside = integral(np.minimum(t, upper)) - integral(0.0)
        return scale * (inside + last * np.maximum(t - upper, 0.0))

    return (lambda t: np.log(scale * spline(np.minimum(t, upper)))), cumulative
