"""The batch engines of a weighted analysis: initiation, grace, outcome, and how they hang together.

Propensities come first, whatever makes them (modes of reweighted patients, posterior draws); the
data of the outcome model follow from them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.batch_result import MEMBER, BatchModes
from bayes_ihlrt.inference.engines import SharedEngine, outcome_engine, propensity_engine
from bayes_ihlrt.inference.weighting import Parameters, WeightedAnalysis, positions
from bayes_ihlrt.model.graph_priors import HYPERPARAMETERS
from bayes_ihlrt.propensity.graph import logit_propensity
from bayes_ihlrt.propensity.prepare import PreparedPropensity

Floats = NDArray[np.float64]


class Starts(NamedTuple):
    """Where the modes of the three models are looked for, each of shape (dims,).

    Parameters
    ----------
    initiation, grace, outcome : ndarray
        Unconstrained positions; grace is empty where there is no such model.
    """

    initiation: Floats
    grace: Floats
    outcome: Floats


class Propensities(NamedTuple):
    """Parameters of the models of treatment, draw by draw.

    Parameters
    ----------
    initiation : dict of str to ndarray, shape (draws, ...)
        Of the model of initiation.
    grace : dict of str to ndarray, shape (draws, ...), or None
        Of the model of treatment within the grace period.
    """

    initiation: Parameters
    grace: Parameters | None


@dataclass(frozen=True, eq=False)
class AtOnce:
    """The analysis with every patient counted once.

    Parameters
    ----------
    starts : Starts
        Modes; group and smoothing scales at their posterior median.
    row_weights : ndarray, shape (rows,)
        Weights of the rows.
    members : dict of str to ndarray, shape (1, ...)
        Data of the outcome model.
    """

    starts: Starts
    row_weights: Floats
    members: dict[str, Floats]


class Models:
    """The batch engines of an analysis: initiation, grace, outcome.

    Parameters
    ----------
    analysis : WeightedAnalysis
        What is to be fitted.
    """

    def __init__(self, analysis: WeightedAnalysis) -> None:
        self.analysis = analysis
        self.initiation = propensity_engine(analysis.initiation)
        self.grace = None if analysis.grace is None else propensity_engine(analysis.grace)
        self.outcome = outcome_engine(analysis.outcome)

    def at_once(self) -> AtOnce:
        """Fit everything with every patient counted once.

        Returns
        -------
        AtOnce
            Modes, row weights, data of the outcome model.

        Raises
        ------
        ConvergenceError
            A model of treatment has no mode.
        """
        patient = np.ones((1, len(self.analysis.patients)))
        first = centre(self.initiation, self._own(self.analysis.initiation, patient))
        second = np.empty(0)
        if self.grace is not None and self.analysis.grace is not None:
            second = centre(self.grace, self._own(self.analysis.grace, patient))
        starts = Starts(first, second, np.empty(0))
        found, good = self.propensities(patient, starts, None)
        if not good.all():
            raise ConvergenceError(NO_PROPENSITY)
        members = self.members(found, patient)
        starts = starts._replace(outcome=centre(self.outcome, members))
        return AtOnce(starts, members["exposure"][0], members)

    def propensities(
        self, patient: Floats, starts: Starts, rng: np.random.Generator | None
    ) -> tuple[Propensities, NDArray[np.bool_]]:
        """Fit the models of treatment.

        Parameters
        ----------
        patient : ndarray, shape (draws, patients)
            Weights of all patients.
        starts : Starts
            Where to begin.
        rng : numpy.random.Generator or None
            Draws the locations of the priors; None leaves them as stated.

        Returns
        -------
        found : Propensities
            Of the draws that have modes.
        good : ndarray of bool, shape (draws,)
            Which those are.
        """
        own = self._own(self.analysis.initiation, patient)
        first = modes(self.initiation, own, starts.initiation, rng)
        good = ~np.isnan(first.positions).any(axis=1)
        second = None
        if self.grace is not None and self.analysis.grace is not None:
            own = self._own(self.analysis.grace, patient)
            second = modes(self.grace, own, starts.grace, rng)
            good &= ~np.isnan(second.positions).any(axis=1)
        chosen = np.flatnonzero(good)
        grace = None if second is None else _chosen(second, chosen)
        return Propensities(_chosen(first, chosen), grace), good

    def members(self, found: Propensities, patient: Floats) -> dict[str, Floats]:
        """Return the data of the outcome model of each draw.

        Parameters
        ----------
        found : Propensities
            Parameters of each draw.
        patient : ndarray, shape (draws, patients)
            Weights of all patients.

        Returns
        -------
        dict of str to ndarray, shape (draws, ...)
            Weighted events and exposure, patients' weights, and the design where it changes with
            the propensities.
        """
        analysis = self.analysis
        weights = analysis.weights(found.initiation, found.grace, patient)
        event = analysis.emulation.person_time.columns["event"].astype(np.float64)
        data = {"event": weights * event, "exposure": weights}
        data["weight"] = patient[:, analysis.of_outcome]
        if analysis.scores is not None:
            design = np.asarray(analysis.outcome.arrays.data["design"], dtype=np.float64)
            logit = logit_propensity(analysis.initiation, found.initiation)
            data["design"] = analysis.scores.design(design, logit)
        return data

    def modes(
        self, patient: Floats, starts: Starts, rng: np.random.Generator
    ) -> tuple[xr.Dataset, int]:
        """Return the outcome modes of some draws and how many failed."""
        found, good = self.propensities(patient, starts, rng)
        outcome = modes(self.outcome, self.members(found, patient[good]), starts.outcome, rng)
        return outcome.parameters, int((~good).sum()) + len(outcome.failed)

    def _own(self, model: PreparedPropensity, patient: Floats) -> dict[str, Floats]:
        return {"weight": patient[:, positions(model.patients, self.analysis.patients)]}


NO_PROPENSITY = (
    "the model of treatment has no posterior mode, so there are no propensities. State tighter "
    "priors in [propensity.priors], or use fewer terms in its formula"
)


def propensity_mode(prepared: PreparedPropensity) -> Floats:
    """Return logit e at the posterior mode of a model of treatment.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.

    Returns
    -------
    ndarray, shape (decisions,)
        Log odds of treatment, every patient counted once.

    Raises
    ------
    ConvergenceError
        There is no mode.
    """
    shared = propensity_engine(prepared)
    own = {"weight": np.ones((1, len(prepared.patients)))}
    found = modes(shared, own, centre(shared, own), None)
    if len(found.failed):
        raise ConvergenceError(NO_PROPENSITY)
    return np.asarray(logit_propensity(prepared, _chosen(found, np.zeros(1, dtype=np.intp)))[0])


def modes(
    shared: SharedEngine,
    members: dict[str, Floats],
    start: Floats,
    rng: np.random.Generator | None,
) -> BatchModes:
    """Return the modes of some draws, under randomised prior locations where `rng` is given.

    Parameters
    ----------
    shared : SharedEngine
        The model.
    members : dict of str to ndarray, shape (draws, ...)
        Data that vary.
    start : ndarray, shape (dims,)
        Unconstrained start.
    rng : numpy.random.Generator or None
        Draws the locations of the priors; None leaves them as stated.

    Returns
    -------
    BatchModes
        One mode a draw.
    """
    if rng is not None:
        count = len(next(iter(members.values())))
        members = {**members, HYPERPARAMETERS: _randomised_priors(shared, count, rng)}
    return shared.engine.modes(shared.members(members), start=start)


def centre(shared: SharedEngine, members: dict[str, Floats]) -> Floats:
    """Return the scales' medians and the mode given them; the mode where there are no scales.

    Parameters
    ----------
    shared : SharedEngine
        The model.
    members : dict of str to ndarray, shape (1, ...)
        Data of one member.

    Returns
    -------
    ndarray, shape (dims,)
        Unconstrained position.
    """
    filled = shared.members(members)
    if shared.engine.density.scales:
        return np.asarray(shared.engine.centres(filled)[0])
    return np.asarray(shared.engine.modes(filled).positions[0])


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


def _chosen(found: BatchModes, members: NDArray[np.intp]) -> Parameters:
    table = found.parameters.sel({MEMBER: members})
    return {str(name): value.to_numpy() for name, value in table.items()}
