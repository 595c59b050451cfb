"""Modes by engines that weighted analyses share: at once, of many draws, under random priors."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.batch_result import MEMBER, BatchModes
from bayes_ihlrt.inference.engines import SharedEngine, propensity_engine
from bayes_ihlrt.model.graph_priors import HYPERPARAMETERS
from bayes_ihlrt.propensity.graph import logit_propensity
from bayes_ihlrt.propensity.prepare import PreparedPropensity

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
    shared = propensity_engine(prepared)
    own = {"weight": np.ones((1, len(prepared.patients)))}
    found = modes(shared, own, centre(shared, own), None)
    if len(found.failed):
        raise ConvergenceError(NO_PROPENSITY)
    parameters = chosen(found, np.zeros(1, dtype=np.intp))
    return np.asarray(logit_propensity(prepared if at is None else at, parameters)[0])


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
        members = _with_random_priors(shared, members, rng)
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


def _with_random_priors(
    shared: SharedEngine, members: dict[str, Floats], rng: np.random.Generator
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
