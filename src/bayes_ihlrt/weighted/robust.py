"""Draws of a cohort's posterior with external controls, mixtures of two priors included.

Under a robust MAP prior the posterior is a mixture of those under its two components. They differ
in the prior of one parameter alone, so that the ratio of their marginal likelihoods is that of two
known densities, averaged over draws of both (bridge sampling).

References
----------
Meng X-L, Wong WH. Simulating ratios of normalizing constants via a simple identity: a theoretical
exploration. Stat Sinica 1996;6:831-860. Schmidli H et al. Biometrics 2014;70:1023-1032,
doi 10.1111/biom.12242.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from scipy.stats import norm

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.posterior.fitted import FittedModel, compile_programs, sample
from bayes_ihlrt.posterior.quality import check_convergence
from bayes_ihlrt.spec.external import EXTERNAL
from bayes_ihlrt.spec.parameters import ResolvedPrior
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.weighted.external import BoundExternal

Floats = NDArray[np.float64]
_GROUPS: Final = ("posterior", "log_likelihood")
_TURNS: Final = 200


@dataclass(frozen=True)
class DrawnExternal:
    """A posterior with external controls.

    Parameters
    ----------
    fit : FittedModel
        Model of both; patients to average over are the cohort's own.
    alike : float or None
        Posterior probability of the narrow component of a robust MAP prior; None without one.
    """

    fit: FittedModel
    alike: float | None = None


def draw_external(
    bound: BoundExternal,
    settings: SamplerSpec,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
) -> DrawnExternal:
    """Draw from the posterior of a cohort with external controls.

    Parameters
    ----------
    bound : BoundExternal
        Both, bound to their model.
    settings : SamplerSpec
        Engine, draws, chains, seed.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising.
    progress : bool
        Show the sampler's progress bar.

    Returns
    -------
    DrawnExternal
        The posterior.

    Raises
    ------
    ConvergenceError
        The draws, or those of one component, are not to be trusted.
    """
    compiled, external = compile_model(bound.prepared), bound.spec
    compile_programs(compiled, settings)
    every, qualities = [compiled], []
    if external.alike is not None:
        both = (external.sd, external.vague_sd)
        every = [compiled.changed({HYPERPARAMETERS: _hyperparameters(bound, sd)}) for sd in both]
    trees = []
    for each in every:
        trees.append(sample(each, settings, progress=progress))
        quality = check_convergence(trees[-1], allow_nonconverged=allow_nonconverged)
        qualities.append(quality)
    # What holds of the worse component holds of the mixture.
    worst = min(qualities, key=lambda found: (not found.failures, found.effective))
    alike = None if external.alike is None else _alike(bound, trees)
    tree = trees[0] if alike is None else _mixed(trees, alike, seed=settings.seed)
    return DrawnExternal(FittedModel(bound.prepared, bound.own, tree, worst), alike)


def _hyperparameters(bound: BoundExternal, sd: float | None) -> Floats:
    priors = dict(bound.prepared.priors)
    own = priors[EXTERNAL]
    priors[EXTERNAL] = ResolvedPrior(own.prior.model_copy(update={"sigma": sd}), own.source)
    return hyperparameter_vector(priors)


def _alike(bound: BoundExternal, trees: list[xr.DataTree]) -> float:
    """Posterior probability of the narrow component."""
    external = bound.spec
    sds, prior = (external.sd or 0.0, external.vague_sd or 0.0), external.alike or 0.0
    first, second = (tree["posterior"][EXTERNAL].to_numpy().ravel() for tree in trees)
    ratio = log_evidence_ratio(first, second, sds=sds)
    return float(expit(np.log(prior / (1.0 - prior)) + ratio))


def log_evidence_ratio(first: Floats, second: Floats, *, sds: tuple[float, float]) -> float:
    """Return the log ratio of two marginal likelihoods that differ in one normal prior.

    Parameters
    ----------
    first, second : ndarray, shape (draws,)
        Draws of the parameter under each prior.
    sds : tuple of float
        Standard deviations of the priors, whose mean is 0.

    Returns
    -------
    float
        Log of that of the first over that of the second.

    Examples
    --------
    An estimate of 0.5 with standard error 0.2, whose marginal likelihoods are normal densities:

    >>> rng = np.random.default_rng(1)
    >>> def draws(sd):
    ...     share = sd**2 / (sd**2 + 0.04)
    ...     return rng.normal(0.5 * share, 0.2 * share**0.5, 20_000)
    >>> found = log_evidence_ratio(draws(0.1), draws(1.0), sds=(0.1, 1.0))
    >>> exact = norm.logpdf(0.5, 0, 0.05**0.5) - norm.logpdf(0.5, 0, 1.04**0.5)
    >>> bool(abs(found - exact) < 0.02)
    True
    """
    one, two = (norm.logpdf(d, 0.0, sds[0]) - norm.logpdf(d, 0.0, sds[1]) for d in (first, second))
    shares = np.log([len(one), len(two)]) - np.log(len(one) + len(two))
    ratio = 0.0
    for _ in range(_TURNS):
        above = two - np.logaddexp(shares[0] + two, shares[1] + ratio)
        below = -np.logaddexp(shares[0] + one, shares[1] + ratio)
        found = logsumexp(above) - np.log(len(two)) - logsumexp(below) + np.log(len(one))
        if abs(found - ratio) < 1e-10:
            break
        ratio = float(found)
    return float(ratio)


def _mixed(trees: list[xr.DataTree], alike: float, *, seed: int) -> xr.DataTree:
    """Take each draw from the first tree with probability `alike`, else from the second."""
    first, second = trees
    sizes = first["posterior"].sizes
    shape = (sizes["chain"], sizes["draw"])
    picked = np.random.default_rng(seed).random(shape) < alike
    places = {name: first["posterior"][name].to_numpy() for name in ("chain", "draw")}
    choose = xr.DataArray(picked, coords=places, dims=("chain", "draw"))
    # The log prior of either component is not that of the mixture.
    groups = {n: node.to_dataset() for n, node in first.children.items() if n != "log_prior"}
    for name in _GROUPS:
        if name in groups:
            groups[name] = groups[name].where(choose, second[name].to_dataset())
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = dict(first.attrs)
    return tree
