r"""One Weibull model, three parameterisations, and the unit of time.

=============== ================================================== ============================
told as         model                                              by
=============== ================================================== ============================
`WeibullPH`     :math:`H(t \mid x) = e^{\mathrm{log\_rate} + x'b}\, t^k`   this package
`WeibullAFT`    :math:`\log T = \mathrm{intercept} + x'g + \sigma W`       R survreg, lifelines
`WeibullMean`   :math:`\log E(T \mid x) = \mathrm{intercept} + x'g`        brms, Bambi
=============== ================================================== ============================

with :math:`W` standard minimum extreme value, shape :math:`k = 1/\sigma`, log hazard ratios ``b``
and log time ratios ``g = -b / k``. Numbers, arrays of posterior draws and labelled xarray arrays
are converted alike, element by element.

References
----------
Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 2nd ed. Wiley 2002.
https://doi.org/10.1002/9781118032985
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.hazards.protocol import Array
from bayes_ihlrt.names import TimeUnit


@dataclass(frozen=True)
class WeibullPH:
    r"""Weibull as proportional hazards: :math:`H(t \mid x) = e^{\mathrm{log\_rate} + x'b}\, t^k`.

    Parameters
    ----------
    log_rate : float or array
        Log cumulative hazard at time 1 where covariates are 0.
    log_shape : float or array
        Log of the shape ``k``.
    log_hazard_ratio : mapping of str to float or array
        Coefficient ``b`` of each covariate.
    """

    log_rate: Array
    log_shape: Array
    log_hazard_ratio: Mapping[str, Array]


@dataclass(frozen=True)
class WeibullAFT:
    r"""Weibull as accelerated failure time: :math:`\log T = \mathrm{intercept} + x'g + \sigma W`.

    ``exp(intercept)`` is the scale of the Weibull distribution in PyMC (``beta``) and SciPy.

    Parameters
    ----------
    intercept : float or array
        Log time, where covariates are 0, at which a share ``1 - 1/e`` has had the event.
    scale : float or array
        Scale :math:`\sigma` of log time, the inverse of the shape; positive.
    log_time_ratio : mapping of str to float or array
        Coefficient ``g`` of each covariate; positive means longer survival.

    Raises
    ------
    InputError
        If `scale` is not positive.
    """

    intercept: Array
    scale: Array
    log_time_ratio: Mapping[str, Array]

    def __post_init__(self) -> None:
        """Check the scale."""
        _require_positive("scale", self.scale)


@dataclass(frozen=True)
class WeibullMean:
    r"""Weibull by its mean: :math:`\log E(T \mid x) = \mathrm{intercept} + x'g`.

    Parameters
    ----------
    intercept : float or array
        Log of the mean survival time where covariates are 0.
    shape : float or array
        Shape ``k``; positive.
    log_time_ratio : mapping of str to float or array
        Coefficient ``g`` of each covariate, the same as in `WeibullAFT`.

    Raises
    ------
    InputError
        If `shape` is not positive.
    """

    intercept: Array
    shape: Array
    log_time_ratio: Mapping[str, Array]

    def __post_init__(self) -> None:
        """Check the shape."""
        _require_positive("shape", self.shape)


def weibull_aft_from_ph(model: WeibullPH) -> WeibullAFT:
    r"""Return the accelerated failure time form of a proportional hazards Weibull.

    :math:`\sigma = 1/k`, :math:`\mathrm{intercept} = -\mathrm{log\_rate}/k`, :math:`g = -b/k`.

    Parameters
    ----------
    model : WeibullPH
        Proportional hazards form.

    Returns
    -------
    WeibullAFT
        The same model; time keeps its unit.

    Examples
    --------
    A hazard ratio of 0.5 with shape 2 stretches time by the factor sqrt 2:

    >>> import numpy as np
    >>> ph = WeibullPH(-4.0, np.log(2.0), {"ihlrt": np.log(0.5)})
    >>> print(np.exp(weibull_aft_from_ph(ph).log_time_ratio["ihlrt"]).round(4))
    1.4142
    """
    scale = np.exp(-model.log_shape)
    return WeibullAFT(-model.log_rate * scale, scale, _scaled(model.log_hazard_ratio, -scale))


def weibull_ph_from_aft(model: WeibullAFT) -> WeibullPH:
    r"""Return the proportional hazards form of an accelerated failure time Weibull.

    :math:`k = 1/\sigma`, :math:`\mathrm{log\_rate} = -\mathrm{intercept}/\sigma`,
    :math:`b = -g/\sigma`.

    Parameters
    ----------
    model : WeibullAFT
        Accelerated failure time form, e.g. the coefficients and scale of R's ``survreg``.

    Returns
    -------
    WeibullPH
        The same model; time keeps its unit.

    Examples
    --------
    >>> ph = weibull_ph_from_aft(WeibullAFT(3.0, 0.8, {"albi": -0.4}))
    >>> print(ph.log_rate, ph.log_hazard_ratio)
    -3.75 {'albi': 0.5}
    """
    shape = 1.0 / model.scale
    return WeibullPH(
        -model.intercept * shape, -np.log(model.scale), _scaled(model.log_time_ratio, -shape)
    )


def weibull_mean_from_ph(model: WeibullPH) -> WeibullMean:
    r"""Return the mean form of a proportional hazards Weibull.

    :math:`\mathrm{intercept} = -\mathrm{log\_rate}/k + \log\Gamma(1 + 1/k)`, :math:`g = -b/k`.

    Parameters
    ----------
    model : WeibullPH
        Proportional hazards form.

    Returns
    -------
    WeibullMean
        The same model; time keeps its unit.

    Examples
    --------
    A constant hazard of 0.05 a month has mean 20 months:

    >>> import numpy as np
    >>> print(np.exp(weibull_mean_from_ph(WeibullPH(np.log(0.05), 0.0, {})).intercept).round(4))
    20.0
    """
    aft = weibull_aft_from_ph(model)
    return WeibullMean(
        aft.intercept + _log_mean_at_unit_scale(aft.scale), 1.0 / aft.scale, aft.log_time_ratio
    )


def weibull_ph_from_mean(model: WeibullMean) -> WeibullPH:
    r"""Return the proportional hazards form of a Weibull given by its mean.

    :math:`\mathrm{log\_rate} = -k\,\{\mathrm{intercept} - \log\Gamma(1 + 1/k)\}`,
    :math:`b = -k g`.

    Parameters
    ----------
    model : WeibullMean
        Mean form, e.g. the coefficients (log link) and shape of brms or Bambi.

    Returns
    -------
    WeibullPH
        The same model; time keeps its unit.

    Examples
    --------
    >>> import numpy as np
    >>> ph = weibull_ph_from_mean(WeibullMean(np.log(20.0), 1.0, {}))
    >>> print(np.exp(ph.log_rate).round(4))
    0.05
    """
    scale = 1.0 / model.shape
    intercept = model.intercept - _log_mean_at_unit_scale(scale)
    return weibull_ph_from_aft(WeibullAFT(intercept, scale, model.log_time_ratio))


def weibull_in_unit(model: WeibullPH, *, source: TimeUnit, target: TimeUnit) -> WeibullPH:
    r"""Return a proportional hazards Weibull with time in another unit.

    :math:`\mathrm{log\_rate}_{target} = \mathrm{log\_rate}_{source} + k \log(u)` with ``u`` the
    number of source units in a target unit, e.g. 30.4375 from days to months. Shape and hazard
    ratios do not depend on the unit.

    Parameters
    ----------
    model : WeibullPH
        Proportional hazards form.
    source : TimeUnit
        Unit of time of `model`.
    target : TimeUnit
        Unit of time of the result.

    Returns
    -------
    WeibullPH
        The same model.

    Examples
    --------
    >>> from bayes_ihlrt.names import TimeUnit
    >>> ph = WeibullPH(-7.0, 0.0, {})
    >>> print(weibull_in_unit(ph, source=TimeUnit.DAYS, target=TimeUnit.MONTHS).log_rate.round(4))
    -3.5843
    """
    log_units = np.log(target.months / source.months)
    log_rate = model.log_rate + np.exp(model.log_shape) * log_units
    return WeibullPH(log_rate, model.log_shape, model.log_hazard_ratio)


def _log_mean_at_unit_scale(scale: Array) -> Array:
    from scipy.special import gammaln

    return gammaln(1.0 + scale)


def _scaled(coefficients: Mapping[str, Array], factor: Array) -> dict[str, Array]:
    return {name: value * factor for name, value in coefficients.items()}


def _require_positive(name: str, value: Array) -> None:
    numbers = np.asarray(value, dtype=float)
    wrong = numbers[~(numbers > 0)]
    if wrong.size:
        raise InputError(
            "Weibull parameters",
            [
                Fault(
                    name,
                    f"found {wrong.flat[0]:g}",
                    "Give a positive number, not its logarithm",
                )
            ],
        )
