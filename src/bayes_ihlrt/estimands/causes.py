r"""Cumulative incidence and months lost by cause, averaged over patients inside each draw.

Each cause has a hazard of its own, and whoever has died of one cannot die of another:

.. math::

    S_i(t) = e^{-\sum_j H_{ij}(t)}, \qquad
    F_j(t) = \sum_i w_i \int_0^t S_i(u) \, h_{ij}(u) \, du, \qquad
    L_j(\tau) = \int_0^\tau F_j(t) \, dt = \sum_i w_i \int_0^\tau (\tau - u) S_i(u) h_{ij}(u) \, du.

The causes sum to one less survival at every month, and months lost to one and to the other to the
horizon less the restricted mean. ``1 - exp(-H_j)`` is what would be if nobody died of anything
else; `without_other_causes` returns it to be shown as that.

References
----------
Prentice RL, Kalbfleisch JD, Peterson AV, et al. Biometrics 1978;34:541-554, doi 10.2307/2530374.
Andersen PK. Stat Med 2013;32:5278-5285, doi 10.1002/sim.5903 (months lost by cause).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.estimands.averaging import in_threads, pieces, quadrature, spent
from bayes_ihlrt.estimands.curves import Strategy, labelled, survival
from bayes_ihlrt.estimands.population import (
    Population,
    populations_at,
    time_zero_weights,
    undefined_survival,
)
from bayes_ihlrt.estimands.sums import WIDTH, draws_at_a_time, exponential_sums
from bayes_ihlrt.names import CAUSE, STRATEGY, TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
Fits = Mapping[str, FittedModel]
Populations = Mapping[str, Population]
_FEW: Final = 5
"""Horizons up to which each stretch between them is integrated as closely as the first."""
_NODES: Final = 16
_NODES_SHORT: Final = 4
_POWER: Final = 8
"""Of time near zero, where a density is as steep as its hazard: t^(k - 1) of a shape k."""


def cause_populations(
    fits: Fits, values: Iterable[float | None] = (None,), *, weights: Floats | None = None
) -> Iterator[dict[str, Population]]:
    """Give the patients of the cohort each of several values of the modifier, under each hazard.

    Parameters
    ----------
    fits : mapping of str to FittedModel
        The posterior of each cause, of the same patients, with equally many chains and draws.
    values : iterable of float or None
        Values of the modifier (on the scale of the data); None for the patients' own.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    iterator of dict of str to Population
        By cause, for each value; pattern k is of the same patients in all.

    Raises
    ------
    SpecificationError
        When draws cannot be paired, or the weights are not one a patient.
    RefusedError
        When survival of a strategy does not follow from a model: see `undefined_survival`.
    """
    _check_pairs(fits)
    reasons = {name: reason for name, fit in fits.items() if (reason := undefined_survival(fit))}
    if reasons:
        remedy = "Read the hazard ratios of each cause"
        faults = [Fault(f"incidence of {name}", why, remedy) for name, why in reasons.items()]
        raise RefusedError("population", faults)
    asked, among = tuple(values), tuple(fits.values())
    each = [populations_at(fit, asked, weights=weights, among=among) for fit in among]
    for found in zip(*each, strict=True):
        yield dict(zip(fits, found, strict=True))


def _check_pairs(fits: Fits) -> None:
    sizes = {
        name: (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"])
        for name, fit in fits.items()
    }
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        problem = f"draw s of one is paired with draw s of the others; found {found}"
        remedy = "Fit every cause with equally many chains and draws"
        raise SpecificationError("causes", [Fault("draws", problem, remedy)])


def stands_for(fits: Fits) -> Floats:
    """Return how many patients at time zero each patient stands for: 1 / S(entry), all causes.

    Parameters
    ----------
    fits : mapping of str to FittedModel
        The posterior of each cause.

    Returns
    -------
    ndarray, shape (samples, patients)
        As `time_zero_weights`, of which it is the product: cumulative hazards add up.
    """
    each = np.stack([time_zero_weights(fit) for fit in fits.values()])
    return np.asarray(each.prod(axis=0), dtype=np.float64)


def cumulative_incidence(
    fits: Fits,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    populations: Populations | None = None,
) -> xr.Dataset:
    """Return cumulative incidence and months lost by cause, and survival of all of them.

    Gauss-Legendre quadrature between months at which a hazard may jump.

    Parameters
    ----------
    fits : mapping of str to FittedModel
        The posterior of each cause; draw s of the whole is draw s of each.
    times : sequence of float, shape (times,)
        Months since time zero, above 0 and increasing.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value; the cohort's own values otherwise.
    populations : mapping of str to Population, optional
        Who is averaged over, made by `cause_populations`, instead of `modifier_at`.

    Returns
    -------
    xarray.Dataset
        ``incidence`` (probabilities) and ``months_lost`` over ``chain, draw, strategy,
        event_cause, time``; ``survival`` and ``rmst`` (months) over ``chain, draw, strategy,
        time``.

    Raises
    ------
    SpecificationError
        When months are not positive and increasing, or draws cannot be paired.

    Examples
    --------
    The same fit twice: two causes with equal hazards take equal parts of what survival leaves.

    >>> from bayes_ihlrt.estimands.curves import NEVER
    >>> found = cumulative_incidence({"one": fit, "other": fit}, [12.0, 24.0], [NEVER])
    >>> found["incidence"].dims
    ('chain', 'draw', 'strategy', 'event_cause', 'time')
    >>> bool(np.allclose(found["incidence"].sum("event_cause"), 1.0 - found["survival"]))
    True
    """
    grid = np.asarray(times, dtype=np.float64)
    if not len(grid) or grid[0] <= 0.0 or not (np.diff(grid) > 0.0).all():
        problem = f"found {', '.join(f'{month:g}' for month in grid) or 'none'}"
        fault = Fault("times", problem, "Give months above 0 that increase")
        raise SpecificationError("cumulative incidence", [fault])
    patients = populations or next(cause_populations(fits, [modifier_at]))
    first = next(iter(fits.values()))
    parts = [_one_strategy(fits, patients, grid, each.start) for each in strategies]
    names = ("survival", "rmst", "incidence", "months_lost")
    stacked = {name: np.stack([part[i] for part in parts], axis=1) for i, name in enumerate(names)}
    found = {name: labelled(first, stacked[name], strategies) for name in names[:2]}
    chains, draws = first.posterior.sizes["chain"], first.posterior.sizes["draw"]
    for name in names[2:]:
        values = stacked[name].reshape(chains, draws, *stacked[name].shape[1:])
        found[name] = xr.DataArray(values, dims=("chain", "draw", STRATEGY, CAUSE, TIME))
    return xr.Dataset(found).assign_coords({TIME: grid, CAUSE: list(fits)})


def _one_strategy(
    fits: Fits, patients: Populations, grid: Floats, start: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Survival, restricted mean, incidence and months lost of one strategy, draws first."""
    last, inner = float(grid[-1]), [float(month) for month in grid[:-1]]
    edges = {edge for fit in fits.values() for edge in pieces(fit, [start, *inner], 0.0, last)}
    close = _NODES if len(grid) <= _FEW else _NODES_SHORT
    nodes, width = quadrature(sorted(edges), later=close, power=_POWER)
    at = np.concatenate([nodes, grid])
    alive, deaths = _averages(fits, patients, at, start)
    density = deaths[:, :, : len(nodes)]
    for number, fit in enumerate(fits.values()):
        hazard, theta = fit.prepared.hazard, fit.baseline
        level = hazard.log_hazard(np, hazard.log_hazard_basis(np, nodes), theta)
        with np.errstate(invalid="ignore", over="ignore"):
            density[:, number] *= np.exp(level)
    until = (nodes[:, None] < grid) * width[:, None]
    left = until * (grid - nodes[:, None])
    survived = alive[:, : len(nodes)] @ until
    return alive[:, len(nodes) :], survived, density @ until, density @ left


def _averages(
    fits: Fits, patients: Populations, times: Floats, start: float
) -> tuple[Floats, Floats]:
    """Averages of S_i and of exp(eta_ij) S_i: shapes (samples, times), (samples, causes, times)."""
    people = list(patients.values())
    samples, patterns = people[0].untreated.shape
    alive = np.zeros((samples, len(times)))
    deaths = np.zeros((samples, len(fits), len(times)))
    begin = max(start, 0.0) if np.isfinite(start) else float(times.max())
    before = times <= begin if start > 0.0 else np.zeros(len(times), dtype=bool)
    early = [spent(fit, 0.0, times[before]) for fit in fits.values()]
    switch = [spent(fit, 0.0, np.array([begin])) for fit in fits.values()]
    late = [spent(fit, begin, times[~before]) for fit in fits.values()]
    height = draws_at_a_time(patterns, samples)
    stretches = (0, np.stack(early, axis=1), before), (1, np.stack(late, axis=1), ~before)

    def average(top: int) -> None:
        draw = slice(top, top + height)
        ratios = np.exp(np.stack([[p.untreated[draw], p.treated[draw]] for p in people]))
        lost = np.einsum("cdp,cd->dp", ratios[:, 0], [hazard[draw, 0] for hazard in switch])
        share = np.broadcast_to(people[0].weights_of(draw), lost.shape)
        for left in range(0, patterns, WIDTH):
            some = slice(left, left + WIDTH)
            for arm, hazard, here in stretches:
                ratio = ratios[:, arm, :, some]
                mass = np.stack([share[:, some], *(share[:, some] * ratio)], axis=1)
                gone = lost[:, some] if arm else np.zeros_like(lost[:, some])
                found = exponential_sums(mass, np.moveaxis(ratio, 0, 1), gone, hazard[draw])
                alive[draw, here] += found[:, 0]
                deaths[draw][..., here] += found[:, 1:]

    in_threads(average, range(0, samples, height))
    return alive, deaths


def without_other_causes(
    fits: Fits,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    populations: Populations,
) -> xr.DataArray:
    """Return one minus exp(-H_j): what one minus Kaplan-Meier says, other causes censored.

    It is the incidence of a cause in a world without the others, if they left behind patients whose
    hazard is that of the patients at hand; the causes sum to more than one minus survival.

    Parameters
    ----------
    fits : mapping of str to FittedModel
        The posterior of each cause.
    times : sequence of float, shape (times,)
        Months since time zero.
    strategies : sequence of Strategy
        What to compare.
    populations : mapping of str to Population
        Who is averaged over, from `cause_populations`.

    Returns
    -------
    xarray.DataArray
        Over ``event_cause, chain, draw, strategy, time``; probabilities.
    """
    parts = [
        1.0 - survival(fit, times, strategies, population=populations[name])
        for name, fit in fits.items()
    ]
    joined: xr.DataArray = xr.concat(parts, dim=xr.Variable(CAUSE, list(fits)))
    return joined
