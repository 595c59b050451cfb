"""What a weighted analysis returns, however its uncertainty was drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import check_convergence
from bayes_ihlrt.weighted.analysis import WeightedAnalysis

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeightedFit:
    """Draws of a weighted analysis.

    Parameters
    ----------
    fit : FittedModel
        Draws of the outcome model; ``tree.attrs`` names the engine.
    analysis : WeightedAnalysis
        What was fitted.
    row_weights : ndarray, shape (rows,)
        Weights with every patient counted once.
    ess_treated, ess_control : float
        Effective numbers of patients, (sum v)^2 / sum v^2 with v a patient's average weight.
    failed : int
        Draws that were left out for want of a mode or of a posterior.
    """

    fit: FittedModel
    analysis: WeightedAnalysis
    row_weights: Floats
    ess_treated: float
    ess_control: float
    failed: int


def weighted_fit(
    analysis: WeightedAnalysis,
    posterior: xr.Dataset,
    *,
    row_weights: Floats,
    uncertainty: PropensityUncertainty,
    about: Mapping[str, float | int | str],
) -> WeightedFit:
    """Put draws together with what is known of them, and check them.

    Parameters
    ----------
    analysis : WeightedAnalysis
        What was fitted.
    posterior : xarray.Dataset
        Draws, dimensions ``draw, ...``.
    row_weights : ndarray, shape (rows,)
        Weights with every patient counted once.
    uncertainty : PropensityUncertainty
        How the draws were made: the ``engine`` in the attributes of the tree.
    about : mapping
        Further attributes, those that `convergence` reads among them.

    Returns
    -------
    WeightedFit
        With posterior of dimensions ``chain`` (one), ``draw``.

    Raises
    ------
    ConvergenceError
        When the draws are not to be trusted.
    """
    draws = posterior.expand_dims("chain")
    draws = draws.assign_coords(chain=[0], draw=np.arange(draws.sizes["draw"]))
    tree = xr.DataTree.from_dict({"posterior": draws})
    tree.attrs = {
        "engine": uncertainty.value,
        "uncertainty": uncertainty.value,
        **about,
        "sample_dims": ["chain", "draw"],
    }
    person_time = analysis.emulation.person_time
    control, treated = analysis.effective_patients(row_weights[None])
    return WeightedFit(
        fit=FittedModel(analysis.outcome, person_time, tree, check_convergence(tree)),
        analysis=analysis,
        row_weights=row_weights,
        ess_treated=float(treated[0]),
        ess_control=float(control[0]),
        failed=int(about.get("failed", 0)),
    )
