"""A treatment that helps more at a higher NLR, started at random during follow-up.

    NLR     ~ lognormal(1, 0.55), l = log2(NLR / 3)
    x       ~ Bernoulli(0.4)
    start   ~ exponential, mean 10 months, for 60 % of the patients, never for the others
    hazard  = 0.02 * 1.2 t^0.2 exp(0.35 l + 0.6 x + treated(t) (-0.2 - 0.3 l)), months

so that the hazard ratio of treatment is exp(-0.2 - 0.3 l): 1.317 at NLR 1, 0.819 at 3, 0.536 at 8,
and 1 at NLR 1.89. Of the four strata of treatment and NLR 1 or 8 the untreated at NLR 1 have the
lowest hazard, and the treated at NLR 1 a log hazard that is only 0.28 higher (untreated at NLR 8
1.05, treated 0.43): which is lowest is not certain from 1,500 patients.
"""

import numpy as np
import pandas as pd

SPECIFICATION = """
schema = 2
name = "interaction"
[data]
patient = "id"
time = "t"
event = "d"
[treatment]
name = "trt"
start = "s"
design = "split"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "trt * nlr + x"
[outcome.hazard]
family = "weibull"
[priors]
trt = { dist = "Normal", mu = 0.0, sigma = 10.0 }
nlr = { dist = "Normal", mu = 0.0, sigma = 10.0 }
"trt:nlr" = { dist = "Normal", mu = 0.0, sigma = 10.0 }
x = { dist = "Normal", mu = 0.0, sigma = 10.0 }
baseline = { median_survival = 19.2, upper = 1920.0 }
[sampler]
engine = "laplace"
[estimands]
horizons = [24.0]
at = [1.0, 2.0, 3.0, 5.0, 8.0]
"""


def cohort(patients: int, seed: int) -> pd.DataFrame:
    """Return one row a patient: id, t (months), d (death), s (start), nlr, x."""
    rng = np.random.default_rng(seed)
    nlr = np.exp(rng.normal(1.0, 0.55, patients)).round(3)
    x = (rng.random(patients) < 0.4).astype(int)
    doublings = np.log2(nlr / 3.0)
    shape, rate = 1.2, 0.02
    start = rng.exponential(10.0, patients)
    start[rng.random(patients) < 0.4] = np.inf
    before = rate * np.exp(0.35 * doublings + 0.6 * x)
    after = before * np.exp(-0.2 - 0.3 * doublings)
    spent = rng.exponential(1.0, patients)
    until = before * start**shape
    month = np.where(np.isinf(start), 0.0, start)
    late = (np.maximum(spent - until, 0.0) / after + month**shape) ** (1.0 / shape)
    death = np.where(spent < until, (spent / before) ** (1.0 / shape), late)
    end = rng.uniform(20.0, 60.0, patients)
    time = np.minimum(death, end)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(patients)],
            "t": time,
            "d": (death <= end).astype(int),
            "s": np.where(start < time, start, np.nan),
            "nlr": nlr,
            "x": x,
        }
    )
