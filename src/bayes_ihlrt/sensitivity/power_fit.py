"""Draws of power-scaled posteriors: reweighted, or refitted where weights are not to be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.inference.batch_result import POSITION
from bayes_ihlrt.inference.engines import outcome_engine
from bayes_ihlrt.inference.importance import smooth
from bayes_ihlrt.inference.limits import MAX_K_HAT
from bayes_ihlrt.model.build import PreparedModel
from bayes_ihlrt.model.graph_priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell, cell_priors, fit_cells
from bayes_ihlrt.sensitivity.quantities import Quantity, Wanted, as_fit, read_quantities
from bayes_ihlrt.sensitivity.scaling import power_scaled

Floats = NDArray[np.float64]
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
) -> tuple[tuple[Quantity, ...], Floats, tuple[Scaled, ...]]:
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
    found = []
    for number, (component, power) in enumerate(cells):
        if number in bad:
            own, own_weights = refits[bad.index(number)]
        else:
            own, own_weights = quantities, smoothed[number]
        found.append(
            Scaled(component, power, float(k_hat[number]), number in bad, own_weights, own)
        )
    return quantities, weights, tuple(found)


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
    shared = outcome_engine(prepared)
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
) -> list[tuple[tuple[Quantity, ...], Floats]]:
    if not cells:
        return []
    draws, seed = size
    fits: CellFits = fit_cells(prepared, cells, draws=draws, seed=seed)
    found = read_quantities(as_fit(prepared, person_time, fits.draws), wanted)
    return [
        (
            tuple(
                Quantity(q.estimand, q.at, q.statement, q.values[[i]], q.holds[[i]]) for q in found
            ),
            fits.weights[i],
        )
        for i in range(len(cells))
    ]


def _variables(prepared: PreparedModel) -> tuple[str, ...]:
    model = outcome_engine(prepared).engine.density.model
    return tuple(str(variable.name) for variable in model.unobserved_RVs)
