"""The batch engines of a weighted analysis: initiation, grace, outcome, and the modes they find.

Propensities come first, whatever makes them (modes of reweighted patients, posterior draws); the
data of the outcome model follow from them. Modes are found at once, of many draws, under random
priors, by engines that weighted analyses share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel, compile_model, compile_propensity
from bayes_ihlrt.batch.result import MEMBER, BatchModes
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.model.priors import HYPERPARAMETERS
from bayes_ihlrt.names import Adjustment
from bayes_ihlrt.propensity.graph import logit_propensity
from bayes_ihlrt.propensity.model import PreparedPropensity
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.propensity import INTERCEPT
from bayes_ihlrt.weighted.analysis import Parameters, WeightedAnalysis, positions

Floats = NDArray[np.float64]

NO_PROPENSITY = (
    "the model of treatment has no posterior mode, so there are no propensities. State tighter "
    "priors in [propensity.priors], or use fewer terms in its formula"
)
NO_MODE = (
    "the outcome model has no posterior mode. State tighter priors, use fewer terms in the "
    "formula, or choose a design that uses more patients"
)


def propensity_mode(
    prepared: PreparedPropensity, *, at: PreparedPropensity | None = None
) -> Floats:
    """Return logit e at the posterior mode of a model of treatment.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.
    at : PreparedPropensity, optional
        The same specification bound to the decisions at which it is read; those it is fitted to if
        left out.

    Returns
    -------
    ndarray, shape (decisions,)
        Log odds of treatment, every patient counted once.

    Raises
    ------
    ConvergenceError
        There is no mode.
    """
    shared = compile_propensity(prepared)
    own = {"weight": np.ones((1, len(prepared.patients)))}
    found = modes(shared, own, centre(shared, own), None)
    if len(found.failed):
        raise ConvergenceError(NO_PROPENSITY)
    parameters = chosen(found, np.zeros(1, dtype=np.intp))
    return np.asarray(logit_propensity(prepared if at is None else at, parameters)[0])


def modes(
    shared: CompiledModel,
    members: dict[str, Floats],
    start: Floats,
    rng: np.random.Generator | None,
) -> BatchModes:
    """Return the modes of some draws, under randomised prior locations where `rng` is given.

    Parameters
    ----------
    shared : CompiledModel
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
        members = _with_random_priors(shared, members, rng)
    return shared.engine.modes(shared.members(members), start=start)


def centre(shared: CompiledModel, members: dict[str, Floats]) -> Floats:
    """Return the scales' medians and the mode given them; the mode where there are no scales.

    Parameters
    ----------
    shared : CompiledModel
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


def _with_random_priors(
    shared: CompiledModel, members: dict[str, Floats], rng: np.random.Generator
) -> dict[str, Floats]:
    """Return members that have priors of their own, the locations drawn from the priors."""
    count = len(next(iter(members.values())))
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
    return {**members, HYPERPARAMETERS: drawn}


def chosen(found: BatchModes, members: NDArray[np.intp]) -> dict[str, Floats]:
    """Return the parameters of some members.

    Parameters
    ----------
    found : BatchModes
        Modes of a batch.
    members : ndarray of int
        Numbers of members that have a mode.

    Returns
    -------
    dict of str to ndarray, shape (members, ...)
        By name.
    """
    table = found.parameters.sel({MEMBER: members})
    return {str(name): value.to_numpy() for name, value in table.items()}


_AT_ONCE: Final = 20_000_000
"""Numbers by draw and row that are held at a time."""


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
        self.initiation = compile_propensity(analysis.initiation)
        self.grace = None if analysis.grace is None else compile_propensity(analysis.grace)
        self.outcome = compile_model(analysis.outcome)

    def at_once(self) -> AtOnce:
        """Fit everything with every patient counted once.

        Returns
        -------
        AtOnce
            Modes, row weights, data of the outcome model.

        Raises
        ------
        ConvergenceError
            A model has no mode.
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
        if np.isnan(starts.outcome).any():
            raise ConvergenceError(NO_MODE)
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
        found = np.flatnonzero(good)
        grace = None if second is None else chosen(second, found)
        return Propensities(chosen(first, found), grace), good

    def possible(
        self, patient: Floats, starts: Starts, rng: np.random.Generator | None
    ) -> tuple[Propensities, Floats]:
        """Fit the models of treatment and leave out draws without finite weights.

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
            Of the draws that have modes and in which nothing that a patient received has
            probability 0 to rounding.
        patient : ndarray, shape (draws kept, patients)
            Their weights.
        """
        found, good = self.propensities(patient, starts, rng)
        kept = self._possible(found)
        possible = Propensities(
            _taken(found.initiation, kept),
            None if found.grace is None else _taken(found.grace, kept),
        )
        return possible, patient[good][kept]

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

    def turns(self, count: int) -> Iterator[range]:
        """Yield the draws that are made together, so that memory stays bounded.

        Parameters
        ----------
        count : int
            Number of draws.

        Yields
        ------
        range
            Numbers of the next draws.
        """
        scores = self.analysis.scores
        width = 1 + (0 if scores is None else len(self.analysis.outcome.encoder.columns))
        size = max(1, _AT_ONCE // (width * self.analysis.emulation.person_time.n_rows))
        for first in range(0, count, size):
            yield range(first, min(first + size, count))

    def draws(self, patient: Floats, starts: Starts, rng: np.random.Generator) -> Floats:
        """Return the outcome modes under random patient weights and random priors.

        Parameters
        ----------
        patient : ndarray, shape (draws, patients)
            Weights of all patients.
        starts : Starts
            Where to begin.
        rng : numpy.random.Generator
            Draws the locations of the priors.

        Returns
        -------
        ndarray, shape (draws, dims)
            Unconstrained, of the draws that are `possible` and have a mode.
        """
        possible, own = self.possible(patient, starts, rng)
        if not len(own):
            return np.empty((0, len(starts.outcome)))
        members = self.members(possible, own)
        outcome = modes(self.outcome, members, starts.outcome, rng)
        return np.delete(outcome.positions, outcome.failed, axis=0)

    def outcome_modes(self, found: Propensities, patient: Floats, starts: Starts) -> Floats:
        """Return the outcome modes under patient weights, priors as stated.

        Strata of the propensity are those of the mode.

        Parameters
        ----------
        found : Propensities
            Parameters of each draw.
        patient : ndarray, shape (draws, patients)
            Weights of all patients.
        starts : Starts
            Where to begin.

        Returns
        -------
        ndarray, shape (draws, dims)
            Unconstrained; NaN where there is no mode.
        """
        own = self.members(found, patient)
        if self.analysis.adjust is Adjustment.STRATA:
            own.pop("design", None)
        return modes(self.outcome, own, starts.outcome, None).positions

    def _possible(self, found: Propensities) -> NDArray[np.bool_]:
        """Return whether all that patients received has a probability above 0, by draw."""
        analysis, possible = self.analysis, np.ones(len(found.initiation[INTERCEPT]), dtype=bool)
        for model, parameters in zip((analysis.initiation, analysis.grace), found, strict=True):
            if model is not None and parameters is not None:
                chance = propensity(logit_propensity(model, parameters))
                received = np.where(model.data["initiation"] == 1.0, chance, 1.0 - chance)
                possible &= (received > 0.0).all(axis=-1)
        if analysis.passing is not None:
            passed = propensity(logit_propensity(analysis.passing, found.initiation))
            possible &= (passed < 1.0).all(axis=-1)
        return possible

    def _own(self, model: PreparedPropensity, patient: Floats) -> dict[str, Floats]:
        return {"weight": patient[:, positions(model.patients, self.analysis.patients)]}


def _taken(parameters: Parameters, kept: NDArray[np.bool_]) -> Parameters:
    return {name: values[kept] for name, values in parameters.items()}
