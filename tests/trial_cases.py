"""Small trial designs that tests share: one compiled model serves most of them."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign

SUCCESS = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.975}
FLAT = {"default": {"dist": "Normal", "mu": 0.0, "sigma": 100.0}}


def content(**changes):
    """Return a design of 110 patients, exponential model by arm, two looks, flat priors."""
    return {
        "patients": 110,
        "max_months": 600.0,
        "accrual": {"rates": [20.0]},
        "treatment": {"name": "arm"},
        "outcome": {"formula": "arm", "hazard": {"family": "exponential"}},
        "priors": FLAT,
        "looks": [{"events": 50, "efficacy": [SUCCESS]}, {"events": 100, "efficacy": [SUCCESS]}],
    } | changes


def design(**changes):
    return TrialDesign.model_validate(content(**changes))


def by_modifier(**changes):
    """Return a design whose model has an interaction with NLR."""
    return design(
        modifier={"name": "nlr", "column": "nlr", "reference": 3.0},
        outcome={"formula": "arm * nlr", "hazard": {"family": "weibull"}},
        priors={
            "arm": {"dist": "Normal", "mu": 0.0, "sigma": 10.0},
            "arm:nlr": {"dist": "Normal", "mu": 0.0, "sigma": 10.0},
            "nlr": {"dist": "Normal", "mu": 0.0, "sigma": 10.0},
            "baseline": {"median_survival": 12.0, "upper": 60.0},
        },
        **changes,
    )


def scenario(name="truth", *, median=12.0, shape=1.0, **effect):
    control = {"median": median, "shape": shape}
    return ScenarioSpec.model_validate({"name": name, "control": control, "effect": effect})


def plan(**changes):
    return TrialPlan.model_validate(
        {
            "schema": 2,
            "name": "small",
            "design": content(),
            "scenarios": [
                scenario("no effect").model_dump(mode="json", exclude_none=True),
                scenario("hr 0.6", hr=[0.6]).model_dump(mode="json", exclude_none=True),
            ],
        }
        | changes
    )


def regions_known(values, *, median, log_sd, level):
    """Return how often enrolment goes on from each value, where there are no effects.

    The log hazard ratio at v is a + b log2(v / median). Estimates of a and b are independent and
    normal about 0, of variance 4 / d and 4 / (d s^2), with s the standard deviation of log2 of the
    modifier; priors are flat. The number of events d cancels.
    """
    normal = ndtri(qmc.Sobol(2, seed=1).random(2**18))
    place = np.log(np.array(values) / median) / log_sd
    deviate = (normal[:, :1] + normal[:, 1:] * place) / np.sqrt(1.0 + place**2)
    holds = deviate < -ndtri(level)
    return np.diff([0.0, *(holds[:, n:].all(axis=1).mean() for n in range(len(values)))])
