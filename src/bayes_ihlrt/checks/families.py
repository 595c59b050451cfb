"""Other baseline hazards for the same data: leave-one-patient-out comparison and stacking.

References
----------
Yao Y, Vehtari A, Simpson D, Gelman A. Using stacking to average Bayesian predictive distributions.
Bayesian Anal 2018;13:917-1007, doi 10.1214/17-BA1091.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.checks.columns import event_quantiles, event_times_of
from bayes_ihlrt.checks.hazard_terms import values_of
from bayes_ihlrt.checks.leave_out import LeaveOut, leave_one_out
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.flexible import with_hazard
from bayes_ihlrt.model.spec import HazardSpec
from bayes_ihlrt.names import Engine, HazardFamily

Floats = NDArray[np.float64]
_STEPS: Final = 2000


def other_hazards(fit: FittedModel) -> tuple[HazardSpec, ...]:
    """Return the families that the model does not use, with default options.

    Parameters
    ----------
    fit : FittedModel
        The model.

    Returns
    -------
    tuple of HazardSpec
        The piecewise one, whose cuts have about as many events between them, where there are
        twenty events or more.
    """
    own = fit.prepared.spec.outcome.hazard.family
    cuts = event_quantiles(event_times_of(fit.person_time), most=5)
    return tuple(
        HazardSpec(family=family)
        for family in HazardFamily
        if family is not own and (cuts or family is not HazardFamily.PIECEWISE)
    )


def compare_hazards(fit: FittedModel, loo: LeaveOut, *, seed: int) -> xr.Dataset:
    """Fit the same model with other baseline hazards and compare them.

    Parameters
    ----------
    fit : FittedModel
        The model.
    loo : LeaveOut
        Its predictive densities by patient.
    seed : int
        Seed of the posteriors.

    Returns
    -------
    xarray.Dataset
        ``elpd``, ``difference`` from the model, ``difference_se`` (of the paired terms),
        ``unreliable`` (patients whose share is not to be trusted) and ``weight`` (stacking) over
        family, the model's own first. A family that could not be fitted is NaN, with weight 0.
    """
    rows, settings = fit.person_time, SamplerSpec(engine=Engine.LAPLACE, seed=seed)
    names = [_label(fit.prepared.spec.outcome.hazard)]
    terms, unreliable = [loo.elpd], [int(loo.unreliable.sum())]
    for hazard in other_hazards(fit):
        names.append(_label(hazard))
        try:
            other = fit_shared(with_hazard(fit.prepared.spec, hazard), rows, settings)
        except ConvergenceError:
            # Told as NaN: an alternative without a posterior is no evidence for the model.
            terms.append(np.full(len(loo.elpd), np.nan))
            unreliable.append(0)
            continue
        found, _ = leave_one_out(other.prepared, values_of(other), rows, seed=seed)
        terms.append(found.elpd)
        unreliable.append(int(found.unreliable.sum()))
    return _compared(names, np.stack(terms), unreliable)


def stacking_weights(log_density: Floats) -> Floats:
    """Return the weights that maximise the log score of the mixture.

    sum_i log sum_k w_k p_k(y_i | y_-i), maximised over the simplex by expectation-maximisation: the
    objective is concave, and each step raises it.

    Parameters
    ----------
    log_density : ndarray, shape (models, patients)
        Leave-one-out log predictive densities.

    Returns
    -------
    ndarray, shape (models,)
        Sum 1.

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 0.1], [0.1, 0.9]])).round(3).tolist()
    [0.5, 0.5]
    """
    density = np.exp(log_density - log_density.max(axis=0))
    weights = np.full(len(density), 1.0 / len(density))
    for _ in range(_STEPS):
        share = weights[:, None] * density
        weights = (share / share.sum(axis=0)).mean(axis=1)
    return weights


def _compared(names: list[str], terms: Floats, unreliable: list[int]) -> xr.Dataset:
    fitted = np.isfinite(terms).all(axis=1)
    weights = np.zeros(len(names))
    weights[fitted] = stacking_weights(terms[fitted])
    paired = terms - terms[0]
    spread = np.sqrt(terms.shape[1]) * paired.std(axis=1, ddof=1)
    return xr.Dataset(
        {
            "elpd": ("family", terms.sum(axis=1)),
            "difference": ("family", paired.sum(axis=1)),
            "difference_se": ("family", spread),
            "unreliable": ("family", np.array(unreliable)),
            "weight": ("family", weights),
        },
        coords={"family": names},
    )


def _label(hazard: HazardSpec) -> str:
    if hazard.cuts is None:
        return hazard.family.value
    return f"{hazard.family.value} ({', '.join(f'{cut:g}' for cut in hazard.cuts)})"
