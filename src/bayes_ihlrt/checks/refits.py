"""Posteriors without some of the patients: members of one batch, left out by weights of zero."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.checks.hazard_terms import by_rows, parameter_names
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.batch_result import MEMBER, WEIGHT
from bayes_ihlrt.inference.engines import outcome_engine
from bayes_ihlrt.inference.limits import MAX_K_HAT
from bayes_ihlrt.model.build import PreparedModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Refits:
    """Posteriors of one model under several vectors of patient weights.

    Parameters
    ----------
    draws : xarray.Dataset
        Weighted draws, dimensions ``member, draw, ...``; failed members are missing.
    k_hat : ndarray, shape (members,)
        Pareto shape of each; infinite where it failed.
    """

    draws: xr.Dataset
    k_hat: Floats

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Members whose weights can be trusted (k-hat at most 0.7), shape (members,)."""
        return self.k_hat <= MAX_K_HAT

    def member(self, number: int) -> tuple[dict[str, Floats], Floats]:
        """Return a member's parameters by name, shape (draws, ...), and the draws' weights."""
        own = self.draws.sel({MEMBER: number})
        values = {str(name): array.to_numpy() for name, array in own.data_vars.items()}
        weights = values.pop(WEIGHT)
        # A draw of weight zero may lie where a parameter overflows; it counts for nothing.
        seen = weights > 0.0
        return {name: array[seen] for name, array in values.items()}, weights[seen]


def refit(
    prepared: PreparedModel, person_time: PersonTime, weights: Floats, *, draws: int, seed: int
) -> Refits:
    """Fit a model again under other patient weights.

    The encoding, the knots and the scale of the priors stay those of all patients.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    person_time : PersonTime
        The rows that were fitted.
    weights : ndarray, shape (members, patients)
        0 leaves a patient out.
    draws : int
        Draws a member.
    seed : int
        Seed.

    Returns
    -------
    Refits
        By the batched engine.
    """
    bound = by_rows(prepared, person_time)
    shared = outcome_engine(bound)
    # One at a time: another chunk would be compiled anew, for longer than a few dozen fits take.
    found = shared.engine.posteriors(
        shared.members({"weight": weights}),
        keep=parameter_names(bound),
        draws=draws,
        seed=seed,
        chunk=1,
    )
    return Refits(found.draws, found.diagnostics["k_hat"].to_numpy())
