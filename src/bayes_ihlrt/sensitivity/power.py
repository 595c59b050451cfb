"""Power-scaling: what the posterior owes to each prior and to the likelihood.

Density^a for the prior of one top-level parameter, of all of them, or for the likelihood. Draws of
the stated posterior are reweighted; where the weights are not to be trusted the scaled posterior is
fitted instead, being one more member of a batch. Densities of group effects given their scale are
part of the model, not of its priors, and are never scaled: what is scaled are the hyperparameters
of top-level priors, of which group effects have none.

References
----------
Kallioinen N, Paananen T, Bürkner P-C, Vehtari A. Stat Comput 2024;34:57,
doi 10.1007/s11222-023-10366-5.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.limits import MAX_K_HAT
from bayes_ihlrt.model.build import PreparedModel
from bayes_ihlrt.sensitivity.check import CheckResult, Row
from bayes_ihlrt.sensitivity.divergence import cumulative_js_distance
from bayes_ihlrt.sensitivity.power_fit import (
    ALL_PRIORS,
    LIKELIHOOD,
    POWERS,
    Scaled,
    power_scale,
    unscaled,
)
from bayes_ihlrt.sensitivity.quantities import Quantity, Wanted

Floats = NDArray[np.float64]
SENSITIVE: Final = 0.05
"""Sensitivity from which the reference calls a quantity sensitive."""


class Diagnosis(StrEnum):
    """What prior and likelihood sensitivity say together."""

    NONE = "not sensitive to the priors"
    STRONG_PRIOR = "strong prior or weak likelihood"
    CONFLICT = "prior and data pull in different directions"


def diagnose(prior: float, likelihood: float) -> Diagnosis:
    """Return what the sensitivities of a quantity say together.

    Parameters
    ----------
    prior, likelihood : float
        Sensitivities to power-scaling.

    Returns
    -------
    Diagnosis
        Conflict where both are at least 0.05, a strong prior where that of the prior alone is.

    Examples
    --------
    >>> diagnose(0.2, 0.01).value
    'strong prior or weak likelihood'
    """
    if prior < SENSITIVE:
        return Diagnosis.NONE
    return Diagnosis.CONFLICT if likelihood >= SENSITIVE else Diagnosis.STRONG_PRIOR


def sensitivities(
    quantities: Sequence[Quantity], weights: Floats, scaled: Sequence[Scaled]
) -> dict[str, Floats]:
    """Return the power-scaling sensitivity of each quantity to each component.

    The cumulative Jensen-Shannon distance to the scaled posterior, per doubling of the power,
    averaged over scaling up and down.

    Parameters
    ----------
    quantities : sequence of Quantity
        Of the stated posterior.
    weights : ndarray, shape (draws,)
        Their weights.
    scaled : sequence of Scaled
        From `power_scale`.

    Returns
    -------
    dict of str to ndarray, shape (quantities,)
        By component.
    """
    found: dict[str, list[Floats]] = {}
    for each in scaled:
        distances = np.asarray(
            [
                cumulative_js_distance(ours.values[0], weights, theirs.values[0], each.weights)
                for ours, theirs in zip(quantities, each.quantities, strict=True)
            ]
        )
        found.setdefault(each.component, []).append(distances / abs(np.log2(each.power)))
    return {component: np.mean(parts, axis=0) for component, parts in found.items()}


def power_scaling(
    prepared: PreparedModel,
    person_time: PersonTime,
    *,
    wanted: Wanted,
    draws: int,
    seed: int,
) -> CheckResult:
    """Return how sensitive each quantity is to each prior and to the likelihood.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    person_time : PersonTime
        Rows that were fitted.
    wanted : Wanted
        What to read.
    draws : int
        Draws.
    seed : int
        Seed.

    Returns
    -------
    CheckResult
        Rows by component and quantity, each with the largest Pareto k-hat of its weights.
    """
    quantities, weights, scaled = power_scale(
        prepared, person_time, wanted=wanted, draws=draws, seed=seed
    )
    table = sensitivities(quantities, weights, scaled)
    components = list(table)
    k_hat = {name: max(s.k_hat for s in scaled if s.component == name) for name in components}
    refitted = {name: any(s.refitted for s in scaled if s.component == name) for name in components}
    likelihood = table[LIKELIHOOD]
    rows: list[Row] = [
        {
            "component": name,
            "estimand": each.estimand,
            "at": each.at,
            "sensitivity": float(table[name][place]),
            "k_hat": k_hat[name],
            "refitted": refitted[name],
            "diagnosis": None
            if name == LIKELIHOOD
            else diagnose(float(table[name][place]), float(likelihood[place])).value,
        }
        for name in components
        for place, each in enumerate(quantities)
    ]
    data = _dataset(table, k_hat, refitted, labels=[each.label for each in quantities])
    top = [name for name in components if name not in {LIKELIHOOD, ALL_PRIORS}]
    sensitive = any((table[name] >= SENSITIVE).any() for name in (*top, ALL_PRIORS))
    words = (*_sentences(data, top), *_left_out(unscaled(prepared)))
    return CheckResult("power_scaling", tuple(rows), data, words, not sensitive)


def _left_out(lost: Mapping[float, Sequence[str]]) -> list[str]:
    return [
        f"To the power {power:g} the prior of {', '.join(names)} is improper: it was not scaled to "
        "that power, and stays as stated where all priors are scaled to it together."
        for power, names in lost.items()
    ]


def _dataset(
    table: Mapping[str, Floats],
    k_hat: Mapping[str, float],
    refitted: Mapping[str, bool],
    *,
    labels: Sequence[str],
) -> xr.Dataset:
    components = list(table)
    return xr.Dataset(
        {
            "sensitivity": (("component", "quantity"), np.stack(list(table.values()))),
            "k_hat": ("component", [k_hat[name] for name in components]),
            "refitted": ("component", [refitted[name] for name in components]),
        },
        coords={"component": components, "quantity": labels},
        attrs={"threshold": SENSITIVE, "powers": list(POWERS)},
    )


def _sentences(data: xr.Dataset, top: Sequence[str]) -> tuple[str, ...]:
    found = []
    likelihood = data["sensitivity"].sel(component=LIKELIHOOD)
    for label in data["quantity"].to_numpy():
        part = data["sensitivity"].sel(quantity=label, component=list(top))
        values = dict(zip(top, part.to_numpy().tolist(), strict=True))
        strong = [name for name in top if values[name] >= SENSITIVE]
        if strong:
            said = ", ".join(
                f"{name} {values[name]:.2f} "
                f"({diagnose(values[name], float(likelihood.sel(quantity=label))).value})"
                for name in sorted(strong, key=lambda name: -values[name])
            )
            found.append(f"{label} owes much to a prior (0.05 is much): {said}.")
    refitted = [str(c) for c in data["component"].to_numpy()[data["refitted"].to_numpy()]]
    if refitted:
        found.append(
            f"Refitted rather than reweighted (Pareto k-hat above {MAX_K_HAT}): "
            f"{', '.join(refitted)}."
        )
    return tuple(found) or ("No quantity owes much to any prior (power-scaling below 0.05).",)
