"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights follow, and with both the outcome model is fitted: the modes, priors
included. All rows, clones and trials of a patient share the patient's weight.

Reweighting patients moves a mode only as far as the data determine it: of a coefficient about which
they say nothing every draw would have the prior's mode, as if it were known. So each draw also
draws the priors' locations, mu ~ Normal(mu, sigma) (or Student t). For a normal likelihood and
normal priors the modes then are draws from the posterior itself.

References
----------
Stephens DA, Nobre WS, Moodie EEM, Schmidt AM. Causal inference under mis-specification: adjustment
based on the propensity score. Bayesian Anal 2023;18:639-694, doi 10.1214/22-BA1322.
Bardsley JM, Solonen A, Haario H, Laine M. Randomize-then-optimize. SIAM J Sci Comput
2014;36:A1895-1910, doi 10.1137/140964023 (randomised locations).
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
from bayes_ihlrt.model.graph_priors import HYPERPARAMETERS

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
        Effective numbers of patients, (sum v)^2 / sum v^2 with v a patient's average weight.
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
        found, lost = models.modes(patient, centre, rng)
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
        weights = self.row_weights(patient, starts, None)[0]
        starts["outcome"] = _centre(self.outcome, self.outcome_data(weights, patient))
        return starts, weights

    def row_weights(
        self, patient: Floats, starts: dict[str, Floats], rng: np.random.Generator | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Fit the propensities; return row weights and which draws have them."""
        analysis = self.analysis
        own = {"weight": patient[:, positions(analysis.initiation.patients, analysis.patients)]}
        first = _modes(self.initiation, own, starts["initiation"], rng)
        good = ~np.isnan(first.positions).any(axis=1)
        second = None
        if self.grace is not None and analysis.grace is not None:
            own = {"weight": patient[:, positions(analysis.grace.patients, analysis.patients)]}
            second = _modes(self.grace, own, starts["grace"], rng)
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

    def modes(
        self, patient: Floats, starts: dict[str, Floats], rng: np.random.Generator
    ) -> tuple[xr.Dataset, int]:
        """Return the outcome modes of some draws and how many failed."""
        weights, good = self.row_weights(patient, starts, rng)
        data = self.outcome_data(weights, patient[good])
        found = _modes(self.outcome, data, starts["outcome"], rng)
        return found.parameters, int((~good).sum()) + len(found.failed)

    @property
    def _deciding(self) -> NDArray[np.intp]:
        return positions(self.analysis.initiation.patients, self.analysis.patients)


def _modes(
    shared: SharedEngine,
    members: dict[str, Floats],
    start: Floats,
    rng: np.random.Generator | None,
) -> BatchModes:
    """Return the modes of some draws, under randomised prior locations where `rng` is given."""
    if rng is not None:
        count = len(next(iter(members.values())))
        members = {**members, HYPERPARAMETERS: _randomised_priors(shared, count, rng)}
    return shared.engine.modes(shared.members(members), start=start)


def _randomised_priors(shared: SharedEngine, count: int, rng: np.random.Generator) -> Floats:
    """Return hyperparameters of every draw, their locations drawn from the priors."""
    labels = list(shared.engine.density.model.coords["hyperparameter"])
    stated = np.asarray(shared.engine.data[HYPERPARAMETERS], dtype=np.float64)
    drawn = np.tile(stated, (count, 1))
    for place, label in enumerate(labels):
        name, _, kind = str(label).rpartition(".")
        if kind != "mu":
            continue
        scale = stated[labels.index(f"{name}.sigma")]
        if f"{name}.nu" in labels:
            step = rng.standard_t(stated[labels.index(f"{name}.nu")], size=count)
        else:
            step = rng.standard_normal(count)
        drawn[:, place] += scale * step
    return drawn


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
    control, treated = analysis.effective_patients(weights[None])
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs = {"engine": BOOTSTRAP, "failed": failed, "sample_dims": ["chain", "draw"]}
    return WeightedFit(
        fit=FittedModel(analysis.outcome, person_time, tree, check_convergence(tree)),
        analysis=analysis,
        row_weights=weights,
        ess_treated=float(treated[0]),
        ess_control=float(control[0]),
        failed=failed,
    )
