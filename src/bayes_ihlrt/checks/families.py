"""Second fits to the same data: with other baseline hazards, and with an effect for each period.

Other hazards are compared by leaving out one patient at a time, and stacked; an effect for each
period tells whether the effect of treatment stays the same.

References
----------
Yao Y, Vehtari A, Simpson D, Gelman A. Using stacking to average Bayesian predictive distributions.
Bayesian Anal 2018;13:917-1007, doi 10.1214/17-BA1091.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from scipy.special import ndtri

from bayes_ihlrt.checks.leave_out import LeaveOut, leave_out_patients
from bayes_ihlrt.checks.terms import Columns, event_quantiles, event_times_of, values_of
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.estimands.contrasts import probability, summarise
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.model.priors import chance_below
from bayes_ihlrt.names import Dist, Engine
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.model import HazardSpec, with_hazard
from bayes_ihlrt.spec.sampler import SamplerSpec

Floats = NDArray[np.float64]
_TOLERANCE: Final = 1e-9
"""Of the log score, at which stacking ends."""
_LEAST: Final = 1e-300
"""Density beside that of the best model, of which the logarithm is finite."""


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
        for family in FAMILIES
        if family != own and (cuts or family != "piecewise")
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
        family, the model's own first. A family that could not be fitted is NaN, with weight 0, its
        ``reason`` and ``remedy``, which are empty elsewhere.
    """
    rows, settings = fit.person_time, SamplerSpec(engine=Engine.LAPLACE, seed=seed)
    names = [_label(fit.prepared.spec.outcome.hazard)]
    terms, unreliable = [loo.elpd], [int(loo.unreliable.sum())]
    told: list[Failure | None] = [None]

    def predicted(hazard: HazardSpec) -> LeaveOut:
        other = fit_shared(with_hazard(fit.prepared.spec, hazard), rows, settings)
        return leave_out_patients(other.prepared, values_of(other), rows, seed=seed)

    for hazard in other_hazards(fit):
        names.append(_label(hazard))
        found = attempted(names[-1], lambda hazard=hazard: predicted(hazard))  # type: ignore[misc]
        if isinstance(found, Failure):
            # Told as NaN: an alternative without a posterior is no evidence for the model.
            terms.append(np.full(len(loo.elpd), np.nan))
            unreliable.append(0)
        else:
            terms.append(found.elpd)
            unreliable.append(int(found.unreliable.sum()))
        told.append(found if isinstance(found, Failure) else None)
    reasons = ["" if each is None else each.reason for each in told]
    remedies = ["" if each is None else each.remedy for each in told]
    table = _compared(names, np.stack(terms), unreliable)
    return table.assign(reason=("family", reasons), remedy=("family", remedies))


def stacking_weights(log_density: Floats) -> Floats:
    """Return the weights that maximise the log score of the mixture.

    sum_i log sum_k w_k p_k(y_i | y_-i), which is concave, maximised over the simplex.

    Parameters
    ----------
    log_density : ndarray, shape (models, patients)
        Leave-one-out log predictive densities.

    Returns
    -------
    ndarray, shape (models,)
        Sum 1.

    Raises
    ------
    ConvergenceError
        The maximum was not found.

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 0.1], [0.1, 0.9]])).round(3).tolist()
    [0.5, 0.5]
    """
    # What all models share of a patient's density changes no weight, and could underflow.
    density = np.maximum(np.exp(log_density - log_density.max(axis=0)), _LEAST)

    def lost(weights: Floats) -> tuple[float, Floats]:
        mixture = weights @ density
        return -float(np.log(mixture).sum()), -(density / mixture).sum(axis=1)

    models = len(density)
    found = minimize(
        lost,
        np.full(models, 1.0 / models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * models,
        constraints=LinearConstraint(np.ones((1, models)), 1.0, 1.0),
        tol=_TOLERANCE,
    )
    if not found.success:
        message = f"the weights of stacking were not found ({found.message})"
        raise ConvergenceError(message, "Read the differences of elpd instead")
    weights = np.clip(found.x, 0.0, 1.0)
    return np.asarray(weights / weights.sum())


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
        return hazard.family
    return f"{hazard.family} ({', '.join(f'{cut:g}' for cut in hazard.cuts)})"


CHANGE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.7)
"""Prior of the log ratio of a later period's hazard ratio to the first one's: within a factor of 4
with probability 95 %."""
_PLACES: Final = 999


def effect_by_period(fit: FittedModel, periods: Columns, *, seed: int) -> xr.Dataset:
    """Return the hazard ratio of treatment in each period since its start.

    The model is fitted again with a further coefficient of treatment for every period but the
    first.

    Parameters
    ----------
    fit : FittedModel
        The model, with a treatment.
    periods : Columns
        From `since_start`.
    seed : int
        Seed of the posterior.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5`` of the hazard ratio (at the modifier's reference and the reference
        level of all else that the treatment interacts with), ``prob_benefit``, the same before the
        data, ``prior_prob_benefit``, and ``events``, over period.
    """
    spec, rows = fit.prepared.spec, periods.person_time
    added = [f"{spec.treatment}_period_{number}" for number in range(2, len(periods.labels) + 1)]
    columns = dict(rows.columns)
    columns |= {name: periods.values[:, j + 1] for j, name in enumerate(added)}
    outcome = spec.outcome.model_copy(
        update={"formula": " + ".join([spec.outcome.formula, *added])}
    )
    priors = {**spec.priors, **dict.fromkeys(added, CHANGE)}
    wider = spec.model_copy(update={"outcome": outcome, "priors": priors})
    settings = SamplerSpec(engine=Engine.LAPLACE, seed=seed)
    found = fit_shared(wider, PersonTime(columns, rows.provenance), settings)
    base = found.posterior[str(spec.treatment)]
    effects = [base, *(base + found.posterior[name] for name in added)]
    draws = xr.concat(effects, dim=xr.Variable("period", list(periods.labels)))
    summary = summarise(xr.apply_ufunc(np.exp, draws))[["median", "q2.5", "q97.5"]]
    events = rows.columns["event"].astype(np.float64) @ periods.values
    before = _before(found.prepared.priors[str(spec.treatment)].prior, later=len(added))
    return summary.assign(
        prob_benefit=probability(draws < 0.0),
        prior_prob_benefit=("period", before),
        events=("period", events),
    )


def _before(prior: Prior, *, later: int) -> list[float]:
    """Prior probability that the hazard is lowered, in the first period and in later ones."""
    places = (np.arange(_PLACES) + 0.5) / _PLACES
    changes = CHANGE.hyperparameters["sigma"] * ndtri(places)
    first = float(chance_below(prior, np.zeros(1))[0])
    # The coefficient is below what the change takes away, averaged over the change.
    return [first, *[float(chance_below(prior, -changes).mean())] * later]
