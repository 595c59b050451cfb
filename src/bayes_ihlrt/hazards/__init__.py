"""Baseline hazards, written once for NumPy, JAX and PyTensor; time in months."""

from bayes_ihlrt.hazards.convert import (
    WeibullAFT,
    WeibullMean,
    WeibullPH,
    weibull_aft_from_ph,
    weibull_in_unit,
    weibull_mean_from_ph,
    weibull_ph_from_aft,
    weibull_ph_from_mean,
)
from bayes_ihlrt.hazards.exponential import Exponential
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull

__all__ = [
    "Exponential",
    "Gompertz",
    "Hazard",
    "MSpline",
    "Piecewise",
    "Weibull",
    "WeibullAFT",
    "WeibullMean",
    "WeibullPH",
    "weibull_aft_from_ph",
    "weibull_in_unit",
    "weibull_mean_from_ph",
    "weibull_ph_from_aft",
    "weibull_ph_from_mean",
]
