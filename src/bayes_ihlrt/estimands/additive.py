"""Interaction on the additive scale, from the hazards of the four strata of two exposures.

With HR_ij the hazard ratio of exposures i and j against the stratum without either,

    RERI = HR_11 - HR_10 - HR_01 + 1,  AP = RERI / HR_11,  S = (HR_11 - 1) / (HR_10 + HR_01 - 2).

They were made for exposures that harm. With one that protects they contradict each other, so the
stratum with the lowest hazard of all four becomes the reference and both exposures are turned
accordingly: both then harm [1]_.

References
----------
.. [1] Knol MJ, VanderWeele TJ, Groenwold RHH, Klungel OH, Rovers MM, Grobbee DE. Eur J Epidemiol
   2011;26:433-438, doi 10.1007/s10654-011-9554-9.
"""

from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.summary import probability

_SAMPLE: Final = ("chain", "draw")


def additive_interaction(log_hazard: xr.DataArray, *, recode: bool = True) -> xr.Dataset:
    """Return RERI, attributable proportion and synergy index in each draw.

    Parameters
    ----------
    log_hazard : xarray.DataArray
        Dimensions ``chain, draw`` and one of length 2 for each exposure: the log hazard (or log
        odds) of the four strata, up to a constant.
    recode : bool
        Make the stratum with the lowest mean log hazard the reference, the same in every draw.
        Otherwise the first level of both exposures is.

    Returns
    -------
    xarray.Dataset
        ``reri``, ``ap`` and ``synergy`` over ``chain, draw``; the synergy index is NaN in draws in
        which HR_10 + HR_01 is not above 2. ``hr_11``, ``hr_10``, ``hr_01`` are the hazard ratios
        they are made of. Attributes: ``reference``, labels of the reference stratum by exposure;
        ``prob_reference``, how probable it is that this stratum has the lowest hazard.

    Raises
    ------
    SpecificationError
        When there are not two exposures with two levels each.

    Examples
    --------
    Oral cancer by smoking and alcohol (Rothman and Keller 1972), odds ratios as hazard ratios:

    >>> odds = np.log([[3 / 20, 8 / 18], [6 / 12, 225 / 166]])
    >>> strata = xr.DataArray(odds[None, None], dims=("chain", "draw", "smoker", "drinker"))
    >>> found = additive_interaction(strata)
    >>> [round(found[name].item(), 3) for name in ("reri", "ap", "synergy")]
    [3.74, 0.414, 1.87]
    """
    exposures = [str(dim) for dim in log_hazard.dims if dim not in _SAMPLE]
    if [log_hazard.sizes[name] for name in exposures] != [2, 2]:
        sizes = ", ".join(f"{name} {log_hazard.sizes[name]}" for name in exposures) or "none"
        problem = f"two exposures with two levels each are needed; found {sizes}"
        remedy = "Give dimensions chain, draw and one of length 2 for each exposure"
        raise SpecificationError("additive interaction", [Fault("log_hazard", problem, remedy)])
    strata = log_hazard.transpose(*_SAMPLE, *exposures)
    mean = strata.mean(_SAMPLE).to_numpy()
    first, second = np.unravel_index(int(mean.argmin()), (2, 2)) if recode else (0, 0)
    turned = strata.assign_coords({name: strata.get_index(name) for name in exposures}).isel(
        {exposures[0]: [first, 1 - first], exposures[1]: [second, 1 - second]}
    )
    ratio = np.exp(turned.to_numpy() - turned.to_numpy()[:, :, :1, :1])
    lowest = strata.to_numpy()[:, :, first, second] <= strata.to_numpy().min(axis=(2, 3))
    labels = {name: str(turned.get_index(name)[0]) for name in exposures}
    found = _measures(*(ratio[:, :, i, j] for i, j in ((1, 0), (0, 1), (1, 1))))
    certainty = float(probability(xr.DataArray(lowest, dims=_SAMPLE)))
    return found.assign_attrs(reference=labels, prob_reference=certainty)


def _measures(hr_10: np.ndarray, hr_01: np.ndarray, hr_11: np.ndarray) -> xr.Dataset:
    reri, apart = hr_11 - hr_10 - hr_01 + 1.0, hr_10 + hr_01 - 2.0
    synergy = np.full_like(apart, np.nan)
    np.divide(hr_11 - 1.0, apart, out=synergy, where=apart > 0.0)
    values = {"reri": reri, "ap": reri / hr_11, "synergy": synergy}
    values |= {"hr_10": hr_10, "hr_01": hr_01, "hr_11": hr_11}
    return xr.Dataset({name: (_SAMPLE, array) for name, array in values.items()})
