"""Summaries of weighted draws, member by member."""

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT, BatchPosterior
from bayes_ihlrt.errors import Fault, SpecificationError, nearest

Floats = NDArray[np.float64]
QUANTILES: Final = (0.025, 0.5, 0.975)


def summarise_batch(
    posterior: BatchPosterior, names: Sequence[str] = (), *, quantiles: Sequence[float] = QUANTILES
) -> xr.Dataset:
    """Return mean, sd, quantiles and P(theta < 0) of each member's posterior.

    Parameters
    ----------
    posterior : BatchPosterior
        With its draws.
    names : sequence of str
        Parameters; all by default.
    quantiles : sequence of float
        Probabilities between 0 and 1.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``sd``, ``prob_below_zero`` over ``member, parameter`` and ``quantile`` over
        ``member, parameter, probability``, of the members that succeeded. The attribute ``failed``
        lists the others, ``flagged`` those whose k-hat is above 0.7.

    Raises
    ------
    SpecificationError
        The draws were reduced, or there is no such parameter.

    Examples
    --------
    With ``engine``, of a constant hazard of the heart transplants (see `BatchEngine`):

    >>> posterior = engine.posteriors({"weight": np.ones((2, 103))}, draws=500)
    >>> table = summarise_batch(posterior, ["transplant"])
    >>> table["mean"].dims, table["quantile"].shape
    (('member', 'parameter'), (2, 1, 3))
    """
    summary = summarise_draws(posterior.draws, names, quantiles=quantiles)
    failed = posterior.failed.tolist()
    flagged = sorted(set(posterior.flagged.tolist()) - set(failed))
    return summary.assign_attrs(failed=failed, flagged=flagged)


def summarise_draws(
    draws: xr.Dataset, names: Sequence[str] = (), *, quantiles: Sequence[float] = QUANTILES
) -> xr.Dataset:
    """Return mean, sd, quantiles and P(theta < 0) of weighted draws; fit for `reduce`.

    Parameters
    ----------
    draws : xarray.Dataset
        Dimensions ``member, draw, ...`` with the normalised weight as ``weight``.
    names : sequence of str
        Parameters; all by default.
    quantiles : sequence of float
        Probabilities between 0 and 1.

    Returns
    -------
    xarray.Dataset
        As `summarise_batch`, without its attributes.

    Raises
    ------
    SpecificationError
        The draws were reduced, or there is no such parameter.
    """
    _check(draws, names)
    values, labels = flat_parameters(draws, names)
    weight = draws[WEIGHT].transpose(MEMBER, DRAW).to_numpy()[:, :, None]
    # A draw of weight zero may lie where a parameter overflows; it counts for nothing.
    seen = np.where(weight > 0.0, values, 0.0)
    mean = (weight * seen).sum(axis=1)
    sd = np.sqrt((weight * (seen - mean[:, None]) ** 2).sum(axis=1))
    below = (weight * (seen < 0.0)).sum(axis=1)
    dims = (MEMBER, "parameter")
    return xr.Dataset(
        {
            "mean": (dims, mean),
            "sd": (dims, sd),
            "prob_below_zero": (dims, below),
            "quantile": ((*dims, "probability"), _quantiles(seen, weight, quantiles)),
        },
        coords={MEMBER: draws[MEMBER], "parameter": labels, "probability": list(quantiles)},
    )


def flat_parameters(draws: xr.Dataset, names: Sequence[str] = ()) -> tuple[Floats, list[str]]:
    """Return parameters side by side.

    Parameters
    ----------
    draws : xarray.Dataset
        Dimensions ``member, draw, ...``.
    names : sequence of str
        Parameters; all but ``weight`` by default.

    Returns
    -------
    values : ndarray, shape (members, draws, parameters)
        Elements of a vector become parameters of their own.
    labels : list of str
        For example ``"ihlrt"`` or ``"log_hazard[3-6]"``.
    """
    parts, labels = [], []
    for name in names or [str(name) for name in draws.data_vars if name != WEIGHT]:
        array = draws[name].transpose(MEMBER, DRAW, ...)
        parts.append(array.to_numpy().reshape(*array.shape[:2], -1))
        axes = [draws.get_index(dim) for dim in array.dims[2:]]
        cells = [", ".join(map(str, cell)) for cell in product(*axes)]
        labels += [f"{name}[{cell}]" if axes else name for cell in cells]
    return np.concatenate(parts, axis=-1), labels


def _quantiles(values: Floats, weight: Floats, quantiles: Sequence[float]) -> Floats:
    """Invert the weighted distribution function, interpolated between the middles of its steps."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    share = np.take_along_axis(np.broadcast_to(weight, values.shape), order, axis=1)
    middle = np.cumsum(share, axis=1) - 0.5 * share
    found = np.empty((*values.shape[::2], len(quantiles)))
    for place in np.ndindex(*found.shape[:2]):
        member, parameter = place
        found[place] = np.interp(
            quantiles, middle[member, :, parameter], ordered[member, :, parameter]
        )
    return found


def _check(draws: xr.Dataset, names: Sequence[str]) -> None:
    faults = []
    if WEIGHT not in draws or DRAW not in draws.dims:
        problem = f"no weighted draws are left; it has {', '.join(map(str, draws.data_vars))}"
        faults.append(Fault("draws", problem, "Summarise what `reduce` returned, or leave it out"))
    known = [str(name) for name in draws.data_vars if name != WEIGHT]
    faults += [
        Fault(f"'{name}'", "no draws of this parameter were kept", nearest(name, known))
        for name in names
        if name not in known
    ]
    if faults:
        raise SpecificationError("summary of a batch", faults)
