"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights (or the covariates made of the propensity) follow, and with both the
outcome model is fitted: the modes, priors included. All rows, clones and trials of a patient share
the patient's weight.

Reweighting patients moves a mode only as far as the data determine it: of a coefficient about which
they say nothing every draw would have the prior's mode, as if it were known. So each draw also
draws the priors' locations, mu ~ Normal(mu, sigma) (or Student t). For a normal likelihood and
normal priors the modes then are draws from the posterior itself.

Reweighting also shows too little of what hangs on a few patients: an estimate follows a patient
closely who weighs much, random weights see the pull of such patients while they are there, and
draws under them scatter less than estimates do from cohort to cohort. So the draws are moved at
random to have at least the covariance H that halving each patient's weight shows
(`half_weight_covariance`), as far as it exceeds what chance shows (`widened`). With theta(w) the
mode under patient weights w (scaled to add up to the patients, priors as stated) and patients in G
groups,

    d_g = 2 (theta(1 - 1_g / 2) - theta(1)),    H = sum_g d_g d_g'

theta(1 - 1_g / 2) is the mode with half the weight of group g. In unweighted regression, with
influence psi_i and leverage h_i of a patient, d_i is psi_i / (1 - h_i / 2) and H to first order in
leverage the variance estimate HC2, the sum of psi_i psi_i' / (1 - h_i). For the log rate of few
events H is close to the posterior variance trigamma(events): 1.92 against 1.64 for one event, 0.66
against 0.64 for two. Leaving patients out altogether, as the jackknife does, is wider and has no
bound there. Where one patient weighs as much as all others H is still too small.

H is compared with the covariance C of D draws. C is known to chance only, and so is H where
patients were put into groups. Where both estimate the same, some directions show an excess of H all
the same, and adding it makes every interval too wide: by 2 to 5 % of a standard deviation with 400
draws or groups of ten patients. With R the square root of C,

    R^-1 H R^-1 - I

has eigenvalues that are compared with those of matrices that differ by chance alone (Wishart with
D - 1 degrees of freedom, and with those of H). From the largest down, an eigenvalue above 95 % of
the largest that chance gives in the directions left is an excess, corrected for what chance adds to
a large eigenvalue. The others are reduced by what chance gives in their rank, so that an excess
alike in all directions stays.

References
----------
Stephens DA, Nobre WS, Moodie EEM, Schmidt AM. Causal inference under mis-specification: adjustment
based on the propensity score. Bayesian Anal 2023;18:639-694, doi 10.1214/22-BA1322.
Bardsley JM, Solonen A, Haario H, Laine M. Randomize-then-optimize. SIAM J Sci Comput
2014;36:A1895-1910, doi 10.1137/140964023 (randomised locations).
Donoho DL, Gavish M, Johnstone IM. Optimal shrinkage of eigenvalues in the spiked covariance model.
Ann Stat 2018;46:1742-78, doi 10.1214/17-AOS1601.
MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties. J Econom 1985;29:305-25, doi 10.1016/0304-4076(85)90158-7.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.result import DRAW, MEMBER
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.weighted.analysis import WeightedAnalysis
from bayes_ihlrt.weighted.fit import WeightedFit, weighted_fit
from bayes_ihlrt.weighted.models import NO_MODE, Models, Starts

Floats = NDArray[np.float64]

_BY_CHANCE: Final = 100
"""Pairs of matrices that differ by chance alone."""
_CERTAIN: Final = 0.95
_RIDGE: Final = 1e-6
"""Share of H that is added to C, which has no inverse where draws do not differ."""


def degrees_of_freedom(patients: int, *, groups: int) -> float:
    """Return how well H is known, as degrees of freedom of a covariance.

    Parameters
    ----------
    patients : int
        Patients.
    groups : int
        Groups at most that they were put into at random.

    Returns
    -------
    float
        Infinite where each patient is a group.

    Examples
    --------
    >>> degrees_of_freedom(80, groups=200), degrees_of_freedom(2000, groups=1000)
    (inf, 2000.0)
    """
    if patients <= groups:
        return float("inf")
    # Of sums over m patients, products of two patients are the noise: 1 - 1 / m of the variance.
    return groups / (1.0 - groups / patients)


def widened(
    draws: Floats,
    covariance: Floats,
    rng: np.random.Generator,
    *,
    freedom: float = float("inf"),
) -> Floats:
    """Return draws moved at random so that their covariance is at least another.

    Parameters
    ----------
    draws : ndarray, shape (draws, dims)
        Draws with covariance C.
    covariance : ndarray, shape (dims, dims)
        Their least covariance H; zero where nothing is asked.
    rng : numpy.random.Generator
        Draws the moves, normal with the excess of H over C.
    freedom : float
        How well H is known: infinite where it is no estimate.

    Returns
    -------
    ndarray, shape (draws, dims)
        Equal to `draws` where H adds nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = rng.normal(0.0, [1.0, 3.0], size=(100_000, 2))
    >>> widened(draws, np.diag([4.0, 4.0]), rng).std(axis=0).round(1).tolist()
    [2.0, 3.0]
    """
    asked = np.flatnonzero(np.diagonal(covariance) > 0.0)
    if not len(asked):
        return draws
    known = np.cov(draws[:, asked], rowvar=False, ddof=0).reshape(len(asked), len(asked))
    values, directions = _excess(covariance[np.ix_(asked, asked)], known)
    root = directions * np.sqrt(_beyond_chance(values, len(draws), freedom))
    moves = np.zeros_like(draws)
    moves[:, asked] = rng.standard_normal((len(draws), len(asked))) @ root.T
    return np.asarray(draws + moves)


def _excess(wanted: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Return the eigenvalues of R^-1 H R^-1 - I, increasing, and R times its eigenvectors."""
    spread, axes = np.linalg.eigh(known + _RIDGE * wanted)
    spread = np.maximum(spread, np.finfo(np.float64).tiny)
    inverse = axes / np.sqrt(spread)
    turned = inverse.T @ wanted @ inverse
    values, vectors = np.linalg.eigh(turned - np.eye(len(turned)))
    return values, axes * np.sqrt(spread) @ vectors


def _beyond_chance(values: Floats, draws: int, freedom: float) -> Floats:
    """Return what is left of increasing eigenvalues when chance is taken out."""
    found = np.zeros(len(values))
    left = len(values)
    while left:
        chance = _by_chance(draws, left, freedom)
        if values[left - 1] <= np.quantile(chance[:, -1], _CERTAIN):
            found[:left] = np.maximum(values[:left] - chance.mean(axis=0), 0.0)
            break
        ratio = (left - 1) * (1.0 / draws + 1.0 / freedom)
        found[left - 1] = _without_bias(float(values[left - 1]), ratio)
        left -= 1
    return found


def _without_bias(value: float, ratio: float) -> float:
    """Return the excess whose estimate is `value`; `ratio` is of dimensions to draws."""
    half = value + 2.0 - ratio
    return (half + float(np.sqrt(max(half**2 - 4.0 * (1.0 + value), 0.0)))) / 2.0 - 1.0


def _by_chance(draws: int, dims: int, freedom: float) -> Floats:
    """Return eigenvalues where both matrices estimate the same, shape (pairs, dims)."""
    rng = np.random.default_rng([draws, dims])
    found = np.empty((_BY_CHANCE, dims))
    for number in range(_BY_CHANCE):
        wanted = np.eye(dims)
        if np.isfinite(freedom):
            wanted = _wishart(int(freedom), dims, rng) / int(freedom)
        found[number] = _excess(wanted, _wishart(draws - 1, dims, rng) / draws)[0]
    return found


def _wishart(freedom: int, dims: int, rng: np.random.Generator) -> Floats:
    """Return a Wishart matrix by its Bartlett decomposition."""
    if freedom < dims:
        rows = rng.standard_normal((freedom, dims))
        return np.asarray(rows.T @ rows)
    lower = np.tril(rng.standard_normal((dims, dims)), -1)
    lower += np.diag(np.sqrt(rng.chisquare(freedom - np.arange(dims))))
    return np.asarray(lower @ lower.T)


GROUPS: Final = 1000
"""Groups at most; of fewer patients each is one. Groups of several make H noisy and too large."""
_NAMED: Final = 5
_REMEDY: Final = (
    "State tighter priors, use fewer terms in the formulas, or choose a design that uses more "
    "patients"
)


def half_weight_covariance(
    models: Models, starts: Starts, rng: np.random.Generator, *, groups: int = GROUPS
) -> Floats:
    """Return H: what the modes at half the weight of each patient tell of their covariance.

    Strata of the propensity stay as they are at the mode, of which the modes are no smooth
    function; H then takes the propensity as known.

    Parameters
    ----------
    models : Models
        The models of the analysis.
    starts : Starts
        Modes with every patient counted once.
    rng : numpy.random.Generator
        Puts patients into groups where there are more than `groups`.
    groups : int
        Groups at most.

    Returns
    -------
    ndarray, shape (dims, dims)
        Of the outcome model's unconstrained coordinates; zero in those of scales.

    Raises
    ------
    ConvergenceError
        At half the weight of some patients there is no mode.
    """
    patients = models.analysis.patients
    count = min(len(patients), groups)
    group = np.arange(len(patients))
    if count < len(patients):
        group = rng.permutation(len(patients)) % count
    of_group = group == np.arange(count)[:, None]
    halved = _modes(models, starts, 1.0 - 0.5 * of_group)
    missing = np.isnan(halved).any(axis=1)
    if missing.any():
        whom = patients[of_group[missing].any(axis=0)].tolist()
        named = ", ".join(map(str, whom[:_NAMED])) + (" ..." if len(whom) > _NAMED else "")
        problem = (
            f"the model could not be fitted at half the weight of {named}: its result may hang on "
            "them"
        )
        raise ConvergenceError(problem, _REMEDY)
    shift = 2.0 * (halved - starts.outcome)
    return np.asarray(shift.T @ shift)


def _modes(models: Models, starts: Starts, weight: Floats) -> Floats:
    """Return the outcome modes under patient weights, scaled to add up to the patients."""
    weight = weight * (weight.shape[1] / weight.sum(axis=1, keepdims=True))
    positions = np.full((len(weight), len(starts.outcome)), np.nan)
    for turn in models.turns(len(weight)):
        own = weight[turn.start : turn.stop]
        found, good = models.propensities(own, starts, None)
        places = turn.start + np.flatnonzero(good)
        positions[places] = models.outcome_modes(found, own[good], starts)
    return positions


DRAWS: Final = 2000


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
        When more than one draw in a hundred has no mode, or there is none at half the weight of
        a patient.
    """
    models = Models(analysis)
    once = models.at_once()
    rng = np.random.default_rng(seed)
    least = half_weight_covariance(models, once.starts, rng)
    patients = len(analysis.patients)
    parts = [
        models.draws(rng.dirichlet(np.ones(patients), len(turn)) * patients, once.starts, rng)
        for turn in models.turns(draws)
    ]
    modes = np.concatenate(parts)
    if not len(modes):
        raise ConvergenceError(NO_MODE)
    known = degrees_of_freedom(patients, groups=GROUPS)
    found = models.outcome.parameters(widened(modes, least, rng, freedom=known))
    return weighted_fit(
        analysis,
        found.drop_vars(MEMBER).rename({MEMBER: DRAW}),
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.LINKED_BOOTSTRAP,
        about={"failed": draws - len(modes)},
    )
