"""Sandwich correction of the posterior of a weighted analysis.

The posterior under weights treats weighted person-time as if it had been observed. With theta_hat
the mode, H minus the Hessian of the log posterior there and s_i the score of patient i (all rows
and trials together), its draws are stretched to

    theta* = theta_hat + Omega (theta - theta_hat),    Omega H^-1 Omega' = H^-1 (J + P) H^-1

J = sum_i s_i s_i' is the part of the data and P, minus the Hessian of the log prior, that of the
prior: without it a coefficient about which the data say nothing would come out as known. Under flat
priors P = 0 and the covariance is the usual sandwich. Everything is on the unconstrained scale, and
smoothing scales of the baseline hazard stay as they were drawn. The propensities are taken as
known.

References
----------
Williams MR, Savitsky TD. Uncertainty estimation for pseudo-Bayesian inference under complex
sampling. Int Stat Rev 2021;89:72-107, doi 10.1111/insr.12376.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.importance import resample, smooth
from bayes_ihlrt.batch.marginal import approximate
from bayes_ihlrt.batch.result import DRAW, labelled
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.weighted.analysis import WeightedAnalysis
from bayes_ihlrt.weighted.bootstrap import DRAWS
from bayes_ihlrt.weighted.bound import refuse_groups
from bayes_ihlrt.weighted.fit import WeightedFit, weighted_fit
from bayes_ihlrt.weighted.models import NO_MODE, Models
from bayes_ihlrt.weighted.plug_in import WEIGHED

Floats = NDArray[np.float64]
type Members = dict[str, NDArray[np.generic]]


class Information(NamedTuple):
    """Second derivatives and scores at the mode of a posterior, scales held.

    Parameters
    ----------
    posterior, prior : ndarray, shape (dims, dims)
        Minus the Hessian of the log posterior, H, and of the log prior, P.
    scores : ndarray, shape (patients, dims)
        Gradient of each patient's weighted log-likelihood.
    """

    posterior: Floats
    prior: Floats
    scores: Floats


class _Sample(NamedTuple):
    """Unconstrained draws of one posterior and how good they are."""

    positions: Floats
    k_hat: float
    ess: float


def sandwich_posterior(
    analysis: WeightedAnalysis, *, draws: int = DRAWS, seed: int = 0
) -> WeightedFit:
    """Draw from the posterior at the mode of the propensities, corrected by the sandwich.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time, decisions and models; no group effects in the outcome model.
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
    RefusedError
        The outcome model has group effects.
    ConvergenceError
        When there is no mode, or the importance weights are not to be trusted.
    """
    refuse_groups(analysis.outcome.spec)
    models = Models(analysis)
    once = models.at_once()
    engine = models.outcome.engine
    members = models.outcome.members(once.members)
    mode = engine.modes(members, start=once.starts.outcome).positions[0]
    if np.isnan(mode).any():
        raise ConvergenceError(NO_MODE)
    sample = _draw(engine, members, mode, draws=draws, seed=seed)
    others = np.asarray(engine.kernels.coordinates.others, dtype=int)
    corrected = sample.positions.copy()
    stretched = (sample.positions - mode)[:, others] @ correction(
        information(engine, members, mode)
    ).T
    corrected[:, others] = mode[others] + stretched
    density, whole = engine.density, _whole(engine, members)
    values = jax.jit(jax.vmap(lambda position: density.constrained(position, whole)))(corrected)
    return weighted_fit(
        analysis,
        labelled(density.model, values, (DRAW,)),
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.SANDWICH,
        about={"k_hat": sample.k_hat, "ess": sample.ess},
    )


def information(engine: BatchEngine, members: Members, mode: Floats) -> Information:
    """Return second derivatives and patients' scores at a mode.

    Parameters
    ----------
    engine : BatchEngine
        The outcome model.
    members : dict of str to ndarray, shape (1, ...)
        Its data.
    mode : ndarray, shape (dims,)
        Unconstrained mode, scales included.

    Returns
    -------
    Information
        In the dimensions that are not scales.
    """
    density, coordinates, whole = (
        engine.density,
        engine.kernels.coordinates,
        _whole(engine, members),
    )
    scales, begin = coordinates.split(jnp.asarray(mode))

    def log_posterior(others: jax.Array) -> jax.Array:
        return density.log_density(coordinates.join(scales, others), whole)

    def by_patient(others: jax.Array) -> jax.Array:
        return density.log_likelihood(coordinates.join(scales, others), whole)

    def log_likelihood(others: jax.Array) -> jax.Array:
        return by_patient(others).sum()

    posterior = -np.asarray(jax.jit(jax.hessian(log_posterior))(begin))
    likelihood = -np.asarray(jax.jit(jax.hessian(log_likelihood))(begin))
    scores = np.asarray(jax.jit(jax.jacfwd(by_patient))(begin))
    return Information(posterior, posterior - likelihood, scores)


def correction(found: Information) -> Floats:
    """Return Omega, with Omega H^-1 Omega' = H^-1 (J + P) H^-1.

    Parameters
    ----------
    found : Information
        Second derivatives and scores at the mode.

    Returns
    -------
    ndarray, shape (dims, dims)
        Lower triangular. Where the log prior is convex P is taken as 0 in that direction.

    Examples
    --------
    >>> scores = np.array([[2.0], [-2.0]])
    >>> correction(Information(np.eye(1), np.zeros((1, 1)), scores)).round(4).tolist()
    [[2.8284]]
    """
    inverse = np.linalg.inv(found.posterior)
    values, vectors = np.linalg.eigh(found.prior)
    prior = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    # With S stacked over the root of P, H^-1 S'S H^-1 = R'R: no factor of a matrix that may be
    # singular is needed.
    upper = np.linalg.qr(np.concatenate([found.scores, prior]) @ inverse, mode="r")
    signs = np.where(np.diagonal(upper) < 0.0, -1.0, 1.0)
    wanted = (signs[:, None] * upper).T
    return np.asarray(np.linalg.solve(np.linalg.cholesky(inverse).T, wanted.T).T)


def _whole(engine: BatchEngine, members: Members) -> dict[str, jax.Array]:
    only = {name: jnp.asarray(values[0]) for name, values in members.items()}
    shared = {name: jnp.asarray(values) for name, values in engine.data.items()}
    return engine.density.with_overrides(only, shared)


def _draw(engine: BatchEngine, members: Members, mode: Floats, *, draws: int, seed: int) -> _Sample:
    """Draw unconstrained positions of one member, of equal weight."""
    kernels = engine.kernels
    look = partial(kernels.look, engine.data, members)
    proposal = approximate(look, kernels.coordinates, jnp.asarray(mode[None]))
    keys = jax.random.key(seed)[None]
    drawn, _ = kernels.sample(
        engine.data, (members, proposal, keys), n=max(draws, WEIGHED), keep=()
    )
    weights, k_hat, ess = smooth(np.asarray(drawn.log_weights))
    picked = resample(weights, draws=draws, seed=seed)[0]
    return _Sample(np.asarray(drawn.positions)[0, picked], float(k_hat[0]), float(ess[0]))
