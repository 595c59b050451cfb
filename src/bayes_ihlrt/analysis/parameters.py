"""The parameter table and leave-one-patient-out cross-validation of a fitted model."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from bayes_ihlrt.checks.leave_out import LeaveOut, leave_out_patients
from bayes_ihlrt.checks.terms import is_weighted, values_of
from bayes_ihlrt.estimands.contrasts import diagnostics, finite_or_none, summarise
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.names import PATIENT
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.analysis import AnalysisSpec

SEVERAL: Final = "not defined: patients have several histories each"
REDUCED: Final = (
    "not available: the model was reduced to event counts and exposure by covariate pattern, which "
    "do not tell patients apart (`diagnose` goes back to the patients)"
)
BORROWED: Final = (
    "not computed with external controls: run `fit` without [external] for that of the cohort"
)
WEIGHTED: Final = (
    "not defined: the draws of an analysis that a propensity adjusts are no posterior given single "
    "patients"
)


@dataclass(frozen=True)
class Loo:
    """Leave-one-patient-out cross-validation.

    Parameters
    ----------
    elpd, se : float or None
        Expected log predictive density of left-out patients, summed, and its standard error.
    p_loo : float or None
        Effective number of parameters.
    bad_k : int or None
        Patients with a Pareto k above 0.7, without whom the model was fitted again.
    largest_k : float or None
        Largest Pareto k.
    note : str or None
        Why the numbers are missing or not to be trusted.
    predicts : str or None
        Who is left out, where there are groups: a further patient of a group whose effect its
        other patients tell, not a patient of a new one.

    References
    ----------
    Vehtari A, Gelman A, Gabry J. Stat Comput 2017;27:1413-1432, doi 10.1007/s11222-016-9696-4.
    """

    elpd: float | None = None
    se: float | None = None
    p_loo: float | None = None
    bad_k: int | None = None
    largest_k: float | None = None
    note: str | None = None
    predicts: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "elpd": self.elpd,
            "se": self.se,
            "p_loo": self.p_loo,
            "k_above_0.7": self.bad_k,
            "largest_k": self.largest_k,
            "note": self.note,
            "predicts": self.predicts,
        }


def result_names(fit: FittedModel) -> tuple[str, ...]:
    """Return the posterior variables that are results, not sampling coordinates.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    tuple of str
        Coefficients, baseline parameters, scales, group effects.
    """
    effects = []
    for term in fit.prepared.spec.outcome.groups:
        effects.append(f"{term.group}_effect")
        if term.slope is not None:
            effects.append(f"{term.group}_effect:{term.slope}")
    named = (*fit.prepared.priors, *fit.prepared.hazard.parameters, *effects)
    return tuple(name for name in dict.fromkeys(named) if name in fit.posterior)


def unit_of(term: str, spec: AnalysisSpec) -> str:
    """Return the step of the effect modifier that a coefficient's hazard ratio refers to.

    Parameters
    ----------
    term : str
        Name of the coefficient.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    str
        ``"per doubling"`` of the modifier, ``"per SD"``, ``"per unit"``, or nothing where the term
        does not hold it.
    """
    modifier = spec.modifier
    if modifier is None or modifier.name not in term.split(":"):
        return ""
    return modifier.transform.per


def flat_draws(fit: FittedModel, names: tuple[str, ...]) -> xr.DataArray:
    """Return draws of several parameters side by side.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    names : tuple of str
        Posterior variables; elements of a vector are named ``log_hazard[3-6]``.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, parameter``.
    """
    parts, labels = [], []
    for name in names:
        values = fit.posterior[name]
        inner = [str(dim) for dim in values.dims if dim not in {"chain", "draw"}]
        array = values.transpose("chain", "draw", *inner).to_numpy()
        parts.append(array.reshape(*array.shape[:2], -1))
        labels += [f"{name}[{label}]" for dim in inner for label in values[dim].to_numpy()] or [
            name
        ]
    return xr.DataArray(
        np.concatenate(parts, axis=-1),
        dims=("chain", "draw", "parameter"),
        coords={"parameter": labels},
    )


def parameter_table(fit: FittedModel) -> dict[str, dict[str, float | None]]:
    """Return the summary and the diagnostics of every parameter.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    dict of str to dict
        ``mean, sd, median, q2.5, q97.5, ess_bulk, ess_tail, r_hat, mcse_mean`` by parameter, on
        the log hazard ratio scale for coefficients. R-hat and the effective sample sizes of
        Markov chains are None where there are no chains.
    """
    draws = flat_draws(fit, result_names(fit))
    summary = summarise(draws)
    error = fit.convergence.error
    if error is None:
        checked = diagnostics(draws.to_dataset(name="value"))["value"]
    else:
        checked = _without_chains(summary["sd"], error=error)
    table = {}
    for label in draws["parameter"].to_numpy():
        row = {str(k): finite_or_none(v.sel(parameter=label)) for k, v in summary.items()}
        for name in ("ess_bulk", "ess_tail", "r_hat", "mcse_mean"):
            row[name] = finite_or_none(checked.sel(diagnostic=name, parameter=label))
        table[str(label)] = row
    return table


def _without_chains(sd: xr.DataArray, *, error: float) -> xr.DataArray:
    """The Monte Carlo error of means; what only Markov chains have is not defined."""
    names = ["r_hat", "ess_bulk", "ess_tail"]
    parts = [xr.full_like(sd, np.nan).expand_dims(diagnostic=[name]) for name in names]
    parts.append((sd * error).expand_dims(diagnostic=["mcse_mean"]))
    return xr.concat(parts, dim="diagnostic")


def leave_one_out(
    fit: FittedModel, *, seed: int, borrowed: bool = False
) -> tuple[Loo, LeaveOut | Failure | None]:
    """Return leave-one-patient-out cross-validation: see `checks.leave_out.leave_out_patients`.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    seed : int
        Seed of posteriors without single patients, where importance sampling does not do.
    borrowed : bool
        Whether external controls are among the patients of the model.

    Returns
    -------
    loo : Loo
        Empty, with a note, where the model does not know single patients.
    patients : LeaveOut, Failure or None
        What it is summed from, or why it could not be computed; None where it is not defined.
    """
    if note := _undefined(fit, borrowed=borrowed):
        return Loo(note=note), None
    found = attempted(
        "leave-one-out",
        lambda: leave_out_patients(fit.prepared, values_of(fit), fit.person_time, seed=seed),
    )
    if isinstance(found, Failure):
        return Loo(note=f"not computed: {found.reason}"), found
    bad, lost = int((found.k_hat > MAX_K_HAT).sum()), int(found.unreliable.sum())
    again = counted(bad, "patient", "patients, one by one")
    note = f"the model was fitted again without {again} (Pareto k above {MAX_K_HAT:g})"
    if lost:
        note += f", and of {lost} the share is not reliable"
    groups = [term.group for term in fit.prepared.spec.outcome.groups]
    known = " and ".join(fit.prepared.spec.labels.of(group) for group in groups)
    loo = Loo(
        elpd=found.total,
        se=finite_or_none(found.se),
        p_loo=found.within - found.total,
        bad_k=bad,
        largest_k=finite_or_none(found.k_hat.max()),
        note=note if bad else None,
        predicts=f"a further patient of a known {known}, not of a new one" if groups else None,
    )
    return loo, found


def _undefined(fit: FittedModel, *, borrowed: bool) -> str | None:
    """Why no patient can be left out."""
    if borrowed:
        return BORROWED
    if is_weighted(fit):
        return WEIGHTED
    if fit.person_time.overlapping:
        return SEVERAL
    if fit.prepared.arrays.unit != PATIENT:
        return REDUCED
    return None
