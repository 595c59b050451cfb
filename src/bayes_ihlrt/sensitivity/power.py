"""Power-scaling: what the posterior owes to each prior and to the likelihood.

What is raised to a power a is the prior of one top-level parameter, the priors of all of them, or
the likelihood. Draws of the stated posterior are reweighted; where the weights are not to be
trusted the scaled posterior is fitted instead, being one more member of a batch. How far the two
lie apart is their cumulative Jensen-Shannon distance.

Densities of group effects given their scale are part of the model, not of its priors, and are never
scaled: what is scaled are the hyperparameters of top-level priors, of which group effects have
none.

References
----------
Kallioinen N, Paananen T, Bürkner P-C, Vehtari A. Stat Comput 2024;34:57,
doi 10.1007/s11222-023-10366-5.
Nguyen H-V, Vreeken J. Non-parametric Jensen-Shannon divergence. ECML PKDD 2015,
doi 10.1007/978-3-319-23525-7_11.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.importance import smooth
from bayes_ihlrt.batch.result import POSITION
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError, SpecificationError
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.parts import Failure, attempted, known
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell, cell_priors, fit_cells
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row, with_lost
from bayes_ihlrt.sensitivity.priors import power_scaled
from bayes_ihlrt.sensitivity.quantities import (
    Quantity,
    Wanted,
    as_fit,
    quantity_words,
    read_quantities,
)
from bayes_ihlrt.spec.model import ModelSpec

Floats = NDArray[np.float64]


def cumulative_js_distance(
    values: Floats, weights: Floats, others: Floats, other_weights: Floats
) -> float:
    """Return the cumulative Jensen-Shannon distance of two weighted samples.

    With distribution functions P and Q and M = (P + Q) / 2, the symmetric divergence is

        CJS = int P log2(P / M) + Q log2(Q / M) dx,

    in which the terms that make each of its halves non-negative cancel. It is divided by its upper
    bound, int P + Q dx; the distance is the root. The larger of the values for x and for -x is
    taken: near the upper end of the range P and Q are both near 1 and count for little.

    Parameters
    ----------
    values : ndarray, shape (draws,)
        A sample.
    weights : ndarray, shape (draws,)
        Its non-negative weights; their scale does not matter.
    others : ndarray, shape (draws,)
        The other sample; its length may differ.
    other_weights : ndarray, shape (draws,)
        Its weights.

    Returns
    -------
    float
        Between 0 (the same distribution) and 1.

    Examples
    --------
    >>> x, equal = np.linspace(-1.0, 1.0, 11), np.ones(11)
    >>> cumulative_js_distance(x, equal, x, equal)
    0.0
    """
    forward = _distance(values, weights, others, other_weights)
    return max(forward, _distance(-values, weights, -others, other_weights))


def _distance(values: Floats, weights: Floats, others: Floats, other_weights: Floats) -> float:
    grid = np.sort(np.concatenate([values, others]))
    width = np.diff(grid)
    p, q = (_distribution(v, w, grid[:-1]) for v, w in ((values, weights), (others, other_weights)))
    middle = 0.5 * (p + q)
    bound = float(width @ (p + q))
    if bound <= 0.0:
        return 0.0
    divergence = float(width @ (_entropy(p, middle) + _entropy(q, middle)))
    return float(np.sqrt(max(divergence / bound, 0.0)))


def _distribution(values: Floats, weights: Floats, grid: Floats) -> Floats:
    order = np.argsort(values)
    mass = np.concatenate([[0.0], np.cumsum(weights[order])])
    found = mass[np.searchsorted(values[order], grid, side="right")] / mass[-1]
    return np.asarray(found)


def _entropy(p: Floats, middle: Floats) -> Floats:
    positive = p > 0.0
    ratio = np.divide(p, middle, out=np.ones_like(p), where=positive)
    return np.asarray(p * np.log2(ratio))


type Refit = tuple[tuple[Quantity, ...], Floats]
POWERS: Final = (0.8, 1.25)
LIKELIHOOD: Final = "likelihood"
ALL_PRIORS: Final = "all priors"


@dataclass(frozen=True, eq=False)
class Scaled:
    """Draws of a power-scaled posterior.

    Parameters
    ----------
    component : str
        A parameter, ``"all priors"`` or ``"likelihood"``.
    power : float
        The power.
    k_hat : float
        Pareto shape of the weights that turn draws of the stated posterior into these.
    refitted : bool
        Whether the posterior was fitted because the weights are not to be trusted.
    weights : ndarray, shape (draws,)
        Of `quantities`.
    quantities : tuple of Quantity
        Those of the stated draws, or of the refit; one member.
    """

    component: str
    power: float
    k_hat: float
    refitted: bool
    weights: Floats
    quantities: tuple[Quantity, ...]


def scaled_cells(prepared: PreparedModel) -> dict[tuple[str, float], PriorCell]:
    """Return the cell of every component and power; improper powers are left out.

    Among all priors together, a prior whose power is improper stays as stated: see `unscaled`.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.

    Returns
    -------
    dict of (str, float) to PriorCell
        Each top-level parameter alone, all of them, the likelihood.
    """
    found = {}
    weight = np.asarray(prepared.arrays.data["weight"], dtype=np.float64)
    for power in POWERS:
        scaled = {}
        for name, stated in prepared.priors.items():
            try:
                scaled[name] = power_scaled(stated.prior, power)
            except SpecificationError:
                # Its row would have no posterior; the table lists the components that have one.
                continue
            found[name, power] = PriorCell(f"{name} ^ {power:g}", {name: scaled[name]})
        found[ALL_PRIORS, power] = PriorCell(f"priors ^ {power:g}", scaled)
        found[LIKELIHOOD, power] = PriorCell(f"likelihood ^ {power:g}", weight=power * weight)
    return found


def unscaled(prepared: PreparedModel) -> dict[float, tuple[str, ...]]:
    """Return the parameters whose priors are improper to a power.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.

    Returns
    -------
    dict of float to tuple of str
        By power; powers to which every prior can be scaled are left out.
    """
    cells = scaled_cells(prepared)
    lost = {
        power: tuple(name for name in prepared.priors if (name, power) not in cells)
        for power in POWERS
    }
    return {power: names for power, names in lost.items() if names}


def power_scale(
    prepared: PreparedModel,
    person_time: PersonTime,
    *,
    wanted: Wanted,
    draws: int,
    seed: int,
) -> tuple[tuple[Quantity, ...], Floats, tuple[Scaled, ...], dict[str, Failure]]:
    """Scale every component up and down.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    person_time : PersonTime
        Rows that were fitted.
    wanted : Wanted
        What to read.
    draws : int
        Draws of the stated posterior and of refits.
    seed : int
        Seed.

    Returns
    -------
    quantities : tuple of Quantity
        Of the stated posterior, one member.
    weights : ndarray, shape (draws,)
        Their weights.
    scaled : tuple of Scaled
        In the order of the model, by power.
    lost : dict of str to Failure
        Components of which a power had to be refitted and has no posterior; not among `scaled`.
    """
    names = _variables(prepared)
    base = fit_cells(
        prepared, [PriorCell("stated")], draws=draws, seed=seed, keep=(*names, POSITION)
    )
    quantities = read_quantities(as_fit(prepared, person_time, base.draws), wanted)
    weights = base.weights[0]
    cells = scaled_cells(prepared)
    ratios = log_ratios(prepared, base.draws[POSITION].to_numpy()[0], list(cells.values()))
    smoothed, k_hat, _ = smooth(np.log(np.maximum(weights, 1e-300))[None] + ratios)
    bad = [number for number in range(len(cells)) if not k_hat[number] <= MAX_K_HAT]
    refitted = [list(cells.values())[number] for number in bad]
    refits = _refits(prepared, person_time, refitted, wanted=wanted, size=(draws, seed))
    components = [component for component, _ in cells]
    lost = {
        components[number]: refit
        for number, refit in zip(bad, refits, strict=True)
        if isinstance(refit, Failure)
    }
    found = []
    for number, (component, power) in enumerate(cells):
        if component in lost:
            continue
        if number in bad:
            own, own_weights = known(refits[bad.index(number)])
        else:
            own, own_weights = quantities, smoothed[number]
        found.append(
            Scaled(component, power, float(k_hat[number]), number in bad, own_weights, own)
        )
    return quantities, weights, tuple(found), lost


def log_ratios(prepared: PreparedModel, positions: Floats, cells: Sequence[PriorCell]) -> Floats:
    """Return the log density of each cell over that of the stated model.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    positions : ndarray, shape (draws, dims)
        Unconstrained.
    cells : sequence of PriorCell
        What differs.

    Returns
    -------
    ndarray, shape (cells, draws)
        Up to a constant of each cell the log of its prior, or likelihood, over the stated one.
    """
    shared = compile_model(prepared)
    density = shared.engine.density
    data = {name: jnp.asarray(values) for name, values in shared.engine.data.items()}
    weight = np.asarray(prepared.arrays.data["weight"], dtype=np.float64)
    vectors = np.stack([hyperparameter_vector(cell_priors(prepared, cell)) for cell in cells])
    weights = np.stack([weight if cell.weight is None else cell.weight for cell in cells])
    overrides = {HYPERPARAMETERS: vectors, **shared.members({"weight": weights})}

    def log_density(member: Mapping[str, jax.Array], position: jax.Array) -> jax.Array:
        return density.bind(member, data)(position)

    over_draws = jax.vmap(log_density, in_axes=(None, 0))
    stated = jax.vmap(partial(log_density, {}))(jnp.asarray(positions))
    at = jnp.asarray(positions)
    scaled = jax.jit(partial(jax.lax.map, lambda member: over_draws(member, at)))
    return np.asarray(scaled({k: jnp.asarray(v) for k, v in overrides.items()}) - stated)


def _refits(
    prepared: PreparedModel,
    person_time: PersonTime,
    cells: Sequence[PriorCell],
    *,
    wanted: Wanted,
    size: tuple[int, int],
) -> list[Refit | Failure]:
    if not cells:
        return []
    draws, seed = size
    fitted = attempted(
        "refits", lambda: fit_cells(prepared, cells, draws=draws, seed=seed, needed=())
    )
    if isinstance(fitted, Failure):
        return [fitted] * len(cells)
    fits: CellFits = fitted
    found = read_quantities(as_fit(prepared, person_time, fits.draws), wanted)
    done: list[Refit] = [
        (
            tuple(
                Quantity(q.estimand, q.at, q.statement, q.values[[i]], q.holds[[i]]) for q in found
            ),
            fits.weights[i],
        )
        for i in range(len(fits.cells))
    ]
    known = dict(zip(fits.places, done, strict=True))
    return [known[place] if place in known else fits.lost[place] for place in range(len(cells))]


def _variables(prepared: PreparedModel) -> tuple[str, ...]:
    model = compile_model(prepared).engine.density.model
    return tuple(str(variable.name) for variable in model.unobserved_RVs)


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
    quantities, weights, scaled, lost = power_scale(
        prepared, person_time, wanted=wanted, draws=draws, seed=seed
    )
    if LIKELIHOOD in lost:
        # What a prior's sensitivity means is told by that of the likelihood.
        raise ConvergenceError(lost[LIKELIHOOD].reason, lost[LIKELIHOOD].remedy)
    table = sensitivities(quantities, weights, scaled)
    k_hat = {name: max(s.k_hat for s in scaled if s.component == name) for name in table}
    refitted = {name: any(s.refitted for s in scaled if s.component == name) for name in table}
    rows = _rows(table, k_hat, refitted, quantities)
    data = _dataset(table, k_hat, refitted, labels=[each.label for each in quantities])
    top = [name for name in table if name not in {LIKELIHOOD, ALL_PRIORS}]
    sensitive = any((table[name] >= SENSITIVE).any() for name in table if name != LIKELIHOOD)
    words = (*_sentences(data, top, prepared.spec), *_left_out(unscaled(prepared)))
    gone = [({"component": name}, replace(each, part=name)) for name, each in lost.items()]
    return CheckResult(
        name="power_scaling",
        rows=with_lost(rows, gone),
        data=data,
        sentences=words,
        stable=not sensitive,
        lost=tuple(failure for _, failure in gone),
    )


def _rows(
    table: Mapping[str, Floats],
    k_hat: Mapping[str, float],
    refitted: Mapping[str, bool],
    quantities: Sequence[Quantity],
) -> list[Row]:
    likelihood = table[LIKELIHOOD]
    return [
        {
            "component": name,
            "estimand": each.estimand,
            "at": each.at,
            "sensitivity": float(values[place]),
            "k_hat": k_hat[name],
            "refitted": refitted[name],
            "diagnosis": None
            if name == LIKELIHOOD
            else diagnose(float(values[place]), float(likelihood[place])).value,
        }
        for name, values in table.items()
        for place, each in enumerate(quantities)
    ]


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


def _sentences(data: xr.Dataset, top: Sequence[str], spec: ModelSpec) -> tuple[str, ...]:
    found: list[str] = []
    called = spec.labels.term
    likelihood = data["sensitivity"].sel(component=LIKELIHOOD)
    for label in data["quantity"].to_numpy():
        part = data["sensitivity"].sel(quantity=label, component=list(top))
        values = dict(zip(top, part.to_numpy().tolist(), strict=True))
        strong = [name for name in top if values[name] >= SENSITIVE]
        if strong:
            said = ", ".join(
                f"{called(name)} {values[name]:.2f} "
                f"({diagnose(values[name], float(likelihood.sel(quantity=label))).value})"
                for name in sorted(strong, key=lambda name: -values[name])
            )
            words = quantity_words(str(label), spec)
            found.append(f"The {words} owes much to a prior (0.05 is much): {said}.")
    refitted = [str(c) for c in data["component"].to_numpy()[data["refitted"].to_numpy()]]
    if refitted:
        found.append(
            f"Refitted rather than reweighted (Pareto k-hat above {MAX_K_HAT}): "
            f"{', '.join(map(called, refitted))}."
        )
    return tuple(found) or ("No quantity owes much to any prior (power-scaling below 0.05).",)
