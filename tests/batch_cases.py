"""Small data sets and models for the tests of the batched engine."""

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import ModelSpec

RATE = 'log_rate = { dist = "Gamma", alpha = 2.0, beta = 20.0, on = "exp" }'
EXPONENTIAL = f"""
[outcome]
formula = ""
hazard = {{ family = "exponential" }}
[priors]
{RATE}
"""
ONE_ARM = """
treatment = "arm"
[outcome]
formula = "arm"
hazard = { family = "exponential" }
[priors]
arm = { dist = "Normal", mu = -0.2, sigma = 0.7 }
log_rate = { dist = "Normal", mu = -3.0, sigma = 1.0 }
"""
COVARIATES = """
treatment = "arm"
[outcome]
formula = "arm + albi + high"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 2.0 }
log_rate = { dist = "Normal", mu = -3.0, sigma = 1.0 }
log_shape = { dist = "Normal", mu = 0.0, sigma = 0.5 }
"""
CENTRES = """
[outcome]
formula = ""
group = "(1 | centre)"
hazard = { family = "exponential" }
[priors]
log_rate = { dist = "Normal", mu = -3.0, sigma = 1.0 }
sd_centre = { dist = "HalfNormal", sigma = 0.5 }
"""


def rows(patients=60, seed=1, *, split=True):
    """Return person-time: arm, a continuous and a 0/1 covariate, three centres."""
    rng = np.random.default_rng(seed)
    frame = {name: [] for name in ("patient", "start", "stop", "event", "arm", "albi", "high")}
    frame["centre"] = []
    for patient in range(patients):
        arm, albi, high = float(patient % 2), rng.normal(), float(patient % 3 == 0)
        time = rng.exponential(20.0 * np.exp(0.4 * arm - 0.5 * albi))
        end, died = min(time, 36.0), float(time <= 36.0)
        edges = [0.0, end / 2, end] if split and patient % 4 == 0 else [0.0, end]
        for number in range(len(edges) - 1):
            last = number == len(edges) - 2
            one = (f"P{patient:03d}", edges[number], edges[number + 1], died * last, arm, albi)
            for name, value in zip(frame, (*one, high, f"c{patient % 3}"), strict=True):
                frame[name].append(value)
    columns = {name: np.array(values) for name, values in frame.items()}
    return person_time(columns)


def person_time(columns):
    """Return columns as person-time with weight 1."""
    text = {name: v.astype(object) for name, v in columns.items() if v.dtype.kind == "U"}
    weight = np.ones(len(columns["patient"]))
    provenance = Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})
    return PersonTime({"weight": weight, **columns, **text}, provenance)


def chosen(person, keep):
    """Return the rows of some patients, in order, with new identifiers."""
    index = person.patient_index
    parts = [np.flatnonzero(index == patient) for patient in keep]
    columns = {name: values[np.concatenate(parts)] for name, values in person.columns.items()}
    names = [f"Q{number:03d}" for number, part in enumerate(parts) for _ in part]
    return person_time({**columns, "patient": np.array(names)})


def spec(text):
    """Return a model specification."""
    return ModelSpec.from_toml(text)


def grid_moments(log_density, *axes):
    """Return means, standard deviations and log mass of a density on a regular grid."""
    mesh = np.meshgrid(*axes, indexing="ij")
    height = log_density(*mesh)
    top = height.max()
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    mass = np.exp(height - top)
    share = mass / mass.sum()
    means = [float((share * x).sum()) for x in mesh]
    sds = [float(np.sqrt((share * (x - m) ** 2).sum())) for x, m in zip(mesh, means, strict=True)]
    return means, sds, float(top + np.log(mass.sum() * cell))
