"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights follow, and with both the outcome model is fitted: the modes, priors
included. All rows, clones and trials of a patient share the patient's weight.

References
----------
Stephens DA, Nobre WS, Moodie EEM, Schmidt AM. Causal inference under mis-specification: adjustment
based on the propensity score. Bayesian Anal 2023;18:639-694, doi 10.1214/22-BA1322.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.inference.batch_result import MEMBER, BatchModes
from bayes_ihlrt.inference.engines import SharedEngine, outcome_engine, propensity_engine
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.gate import BOOTSTRAP, check_convergence
from bayes_ihlrt.inference.weighting import Parameters, WeightedAnalysis, positions
from bayes_ihlrt.propensity.prepare import PreparedPropensity
from bayes_ihlrt.propensity.targets import effective_sample_size

Floats = NDArray[np.float64]
DRAWS: Final = 2000
_AT_ONCE: Final = 20_000_000
"""Row weights (draws x rows) held at a time."""


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
        Effective sample sizes at entry, (sum w)^2 / sum w^2.
    failed : int
        Draws that were left out for want of a mode.
    """

    fit: FittedModel
    analysis: WeightedAnalysis
    row_weights: Floats
    ess_treated: float
    ess_control: float
    failed: int


def linked_bootstrap(
    analysis: WeightedAnalysis, *, draws: int = DRAWS, seed: int = 0
) -> WeightedFit:
    """Draw the outcome model's parameters by the linked Bayesian bootstrap.

    Group and smoothing scales stay at their posterior median given the weights of the data.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time, decisions and models.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    WeightedFit
        With posterior of dimensions ``chain`` (one), ``draw``.

    Raises
    ------
    ConvergenceError
        When more than one draw in a hundred has no mode.
    """
    models = _Models(analysis)
    once = np.ones((1, len(analysis.patients)))
    centre, plain = models.centre(once)
    rng = np.random.default_rng(seed)
    rows = analysis.emulation.person_time.n_rows
    size = max(1, min(draws, _AT_ONCE // rows))
    parts: list[xr.Dataset] = []
    failed = 0
    for first in range(0, draws, size):
        count = min(size, draws - first)
        patient = rng.dirichlet(np.ones(once.shape[1]), size=count) * once.shape[1]
        found, lost = models.modes(patient, centre)
        failed += lost
        parts.append(found)
    posterior = _as_chain(xr.concat(parts, dim=MEMBER))
    return _weighted_fit(analysis, posterior, plain[0], failed=failed)


class _Models:
    """The batch engines of an analysis: initiation, grace, outcome."""

    def __init__(self, analysis: WeightedAnalysis) -> None:
        self.analysis = analysis
        self.initiation = propensity_engine(analysis.initiation)
        self.grace = None if analysis.grace is None else propensity_engine(analysis.grace)
        self.outcome = outcome_engine(analysis.outcome)

    def centre(self, patient: Floats) -> tuple[dict[str, Floats], Floats]:
        """Return the starts of the three models, and the row weights they were found with."""
        starts = {"initiation": _centre(self.initiation, {"weight": patient[:, self._deciding]})}
        if self.grace is not None and self.analysis.grace is not None:
            own = positions(self.analysis.grace.patients, self.analysis.patients)
            starts["grace"] = _centre(self.grace, {"weight": patient[:, own]})
        weights = self.row_weights(patient, starts)[0]
        starts["outcome"] = _centre(self.outcome, self.outcome_data(weights, patient))
        return starts, weights

    def row_weights(
        self, patient: Floats, starts: dict[str, Floats]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Fit the propensities; return row weights and which draws have them."""
        analysis = self.analysis
        first = self._fit(self.initiation, analysis.initiation, patient, starts["initiation"])
        good = ~np.isnan(first.positions).any(axis=1)
        second = None
        if self.grace is not None and analysis.grace is not None:
            second = self._fit(self.grace, analysis.grace, patient, starts["grace"])
            good &= ~np.isnan(second.positions).any(axis=1)
        chosen = np.flatnonzero(good)
        weights = analysis.weights(
            _chosen(first, chosen),
            None if second is None else _chosen(second, chosen),
            patient[chosen],
        )
        return weights, good

    def outcome_data(self, weights: Floats, patient: Floats) -> dict[str, Floats]:
        """Return the outcome data of each draw: weighted events and exposure, patients' weights."""
        event = self.analysis.emulation.person_time.columns["event"].astype(np.float64)
        own = patient[:, self.analysis.of_outcome]
        return {"event": weights * event, "exposure": weights, "weight": own}

    def modes(self, patient: Floats, starts: dict[str, Floats]) -> tuple[xr.Dataset, int]:
        """Return the outcome modes of some draws and how many failed."""
        weights, good = self.row_weights(patient, starts)
        data = self.outcome_data(weights, patient[good])
        found = _modes(self.outcome, data, starts["outcome"])
        return found.parameters, int((~good).sum()) + len(found.failed)

    @property
    def _deciding(self) -> NDArray[np.intp]:
        return positions(self.analysis.initiation.patients, self.analysis.patients)

    def _fit(
        self, engine: SharedEngine, model: PreparedPropensity, patient: Floats, start: Floats
    ) -> BatchModes:
        own = patient[:, positions(model.patients, self.analysis.patients)]
        return _modes(engine, {"weight": own}, start)


def _modes(shared: SharedEngine, members: dict[str, Floats], start: Floats) -> BatchModes:
    return shared.engine.modes(shared.members(members), start=start)


def _centre(shared: SharedEngine, members: dict[str, Floats]) -> Floats:
    """Return the scales' medians and the mode given them; the mode where there are no scales."""
    filled = shared.members(members)
    if shared.engine.density.scales:
        return np.asarray(shared.engine.centres(filled)[0])
    return np.asarray(shared.engine.modes(filled).positions[0])


def _chosen(modes: BatchModes, members: NDArray[np.intp]) -> Parameters:
    table = modes.parameters.sel({MEMBER: members})
    return {str(name): value.to_numpy() for name, value in table.items()}


def _as_chain(parameters: xr.Dataset) -> xr.Dataset:
    draws = parameters.drop_vars(MEMBER).rename({MEMBER: "draw"}).expand_dims("chain")
    numbers = {"chain": [0], "draw": np.arange(draws.sizes["draw"])}
    return draws.assign_coords(numbers)


def _weighted_fit(
    analysis: WeightedAnalysis, posterior: xr.Dataset, weights: Floats, *, failed: int
) -> WeightedFit:
    person_time = analysis.emulation.person_time
    arm = person_time.columns[analysis.emulation.treatment].astype(np.float64)
    size = effective_sample_size(weights[analysis.entries], arm[analysis.entries])
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs = {"engine": BOOTSTRAP, "failed": failed, "sample_dims": ["chain", "draw"]}
    return WeightedFit(
        fit=FittedModel(analysis.outcome, person_time, tree, check_convergence(tree)),
        analysis=analysis,
        row_weights=weights,
        ess_treated=float(size.treated),
        ess_control=float(size.control),
        failed=failed,
    )
