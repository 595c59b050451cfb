"""How good a posterior's draws are: draws that are not to be trusted are an error, not a footnote.

Every engine has diagnostics of its own, and a function here that judges them.

References
----------
Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner P-C. Rank-normalization, folding, and
localization: an improved R-hat. Bayesian Anal 2021;16:667-718, doi 10.1214/20-BA1221.
Vehtari A, Simpson D, Gelman A, Yao Y, Gabry J. Pareto smoothed importance sampling. J Mach Learn
Res 2024;25(72):1-58.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import arviz_stats
import numpy as np
import xarray as xr

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.limits import MAX_FAILED, MAX_K_HAT, MAX_R_HAT, MIN_ESS
from bayes_ihlrt.names import Engine, PropensityUncertainty

_REMEDY_CHAINS: Final = (
    "Raise tune, draws or target_accept in [sampler], state tighter priors, or simplify the model"
)
_REMEDY_LAPLACE: Final = (
    "The Laplace approximation does not fit this posterior, or has too few draws: set "
    "engine = 'nuts' in [sampler], or raise draws where only the sample size is too small"
)
_REMEDY_BOOTSTRAP: Final = (
    "State tighter priors, use fewer terms in the formulas, or choose a design that uses more "
    "patients"
)
_REMEDY_WEIGHTED: Final = (
    "The Laplace approximation does not fit this posterior: use uncertainty 'linked-bootstrap', "
    "state tighter priors, or use fewer terms in the formulas"
)
_MEANING: Final = {
    PropensityUncertainty.PLUGIN: (
        "Weighted likelihood and prior at one set of propensities, {draws:,} draws, no posterior: "
        "UNCALIBRATED, intervals take the propensities as known and weighted person-time as if it "
        "had been observed; for intervals to report use uncertainty 'linked-bootstrap'"
    ),
    PropensityUncertainty.SANDWICH: (
        "Weighted likelihood and prior, {draws:,} draws, no posterior: corrected by the sandwich "
        "of the patients' scores: intervals allow for weights and for several rows a patient, and "
        "take the propensities as known"
    ),
}
_NO_CHAINS: Final = "R-hat is not defined, there are no chains."


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good the draws of a posterior are, whatever drew them.

    A diagnostic that the engine does not have is None.

    Parameters
    ----------
    engine : Engine or PropensityUncertainty
        What drew.
    failures : tuple of str
        What is wrong, in words; empty when the draws can be trusted.
    remedy : str
        What to do about failures.
    verdict : str
        Whether the draws can be trusted, with the numbers that say so.
    effective : float
        Independent draws that a mean is worth: the smallest bulk effective sample size of chains,
        ``error ** -2`` of other draws.
    error : float or None
        Monte Carlo standard error of a mean, in posterior standard deviations, at most; None of
        chains, where each parameter has its own.
    note : str or None
        What the draws are, in one line; None of chains, which need no explanation.
    r_hat : float or None
        Largest rank-normalised split R-hat.
    ess_bulk, ess_tail : float or None
        Smallest bulk and tail effective sample size of chains.
    divergences : int or None
        Divergent transitions after warm-up.
    worst : str or None
        Parameter with the largest R-hat.
    k_hat : float or None
        Pareto shape of the importance weights; of a cut posterior, of those of the propensities.
    ess : float or None
        Effective sample size of weighted draws; the number of independent ones.
    """

    engine: Engine | PropensityUncertainty
    failures: tuple[str, ...]
    remedy: str
    verdict: str
    effective: float
    error: float | None = None
    note: str | None = None
    r_hat: float | None = None
    ess_bulk: float | None = None
    ess_tail: float | None = None
    divergences: int | None = None
    worst: str | None = None
    k_hat: float | None = None
    ess: float | None = None

    @property
    def chains(self) -> bool:
        """Whether the draws are of Markov chains."""
        return self.engine is Engine.NUTS

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Engine and diagnostics by name; those of other engines are None."""
        return {
            "engine": self.engine.value,
            "r_hat": self.r_hat,
            "ess_bulk": self.ess_bulk,
            "ess_tail": self.ess_tail,
            "divergences": self.divergences,
            "worst": self.worst,
            "k_hat": self.k_hat,
            "ess": self.ess,
        }


def chain_quality(
    r_hat: float, worst: str, *, ess_bulk: float, ess_tail: float, divergences: int
) -> Quality:
    """Judge Markov chains by the worst of all parameters.

    Parameters
    ----------
    r_hat : float
        Largest rank-normalised split R-hat.
    worst : str
        Parameter that has it.
    ess_bulk, ess_tail : float
        Smallest bulk and tail effective sample size.
    divergences : int
        Divergent transitions after warm-up.

    Returns
    -------
    Quality
        Of NUTS.

    Examples
    --------
    >>> found = chain_quality(1.02, "ihlrt", ess_bulk=900.0, ess_tail=800.0, divergences=0)
    >>> found.failures
    ('R-hat 1.020 for ihlrt (allowed: 1.01)',)
    """
    smallest = min(ess_bulk, ess_tail)
    failures = []
    if not r_hat <= MAX_R_HAT:
        failures.append(f"R-hat {r_hat:.3f} for {worst} (allowed: {MAX_R_HAT})")
    failures += _too_few(smallest, "smallest effective sample size")
    if divergences > 0:
        failures.append(f"{divergences} divergent transitions (allowed: 0)")
    return Quality(
        engine=Engine.NUTS,
        failures=tuple(failures),
        remedy=_REMEDY_CHAINS,
        verdict=f"Convergence {_judged(failures)}: R-hat at most {r_hat:.3f}, effective sample "
        f"size at least {smallest:,.0f}, {divergences} divergent transitions.",
        effective=ess_bulk,
        r_hat=r_hat,
        ess_bulk=ess_bulk,
        ess_tail=ess_tail,
        divergences=divergences,
        worst=worst,
    )


def laplace_quality(k_hat: float, ess: float, *, draws: int) -> Quality:
    """Judge a Laplace approximation whose weighted draws were resampled to equal weights.

    Parameters
    ----------
    k_hat : float
        Pareto shape of the importance weights.
    ess : float
        Effective sample size of the weighted draws.
    draws : int
        Draws of equal weight.

    Returns
    -------
    Quality
        Of the Laplace engine.

    Examples
    --------
    >>> laplace_quality(0.2, 2_680.0, draws=4_000).verdict.split("; ")[0]
    'Approximation passed: Pareto k-hat 0.20, effective sample size 2,680'
    """
    failures = [*_too_heavy(k_hat), *_too_few(ess)]
    error = _error(ess, draws)
    return Quality(
        engine=Engine.LAPLACE,
        failures=tuple(failures),
        remedy=_REMEDY_LAPLACE,
        verdict=f"Approximation {_judged(failures)}: Pareto k-hat {k_hat:.2f}, effective sample "
        f"size {ess:,.0f}; {_NO_CHAINS}",
        effective=error**-2,
        error=error,
        note="Laplace approximation with importance correction, not MCMC",
        k_hat=k_hat,
        ess=ess,
    )


def weighted_quality(ess: float) -> Quality:
    """Judge weighted draws of several posteriors by their weights alone.

    Every cell of a study has a k-hat of its own, by which it was judged where it was drawn; all
    of them together have none.

    Parameters
    ----------
    ess : float
        Smallest effective sample size of the weights.

    Returns
    -------
    Quality
        Of the Laplace engine, without a k-hat.

    Examples
    --------
    >>> found = weighted_quality(320.0)
    >>> found.failures, found.k_hat
    (('effective sample size 320 (needed: 400)',), None)
    """
    failures, error = _too_few(ess), _error(ess)
    return Quality(
        engine=Engine.LAPLACE,
        failures=tuple(failures),
        remedy=_REMEDY_LAPLACE,
        verdict=f"Approximation {_judged(failures)}: effective sample size {ess:,.0f}; "
        f"{_NO_CHAINS}",
        effective=error**-2,
        error=error,
        note="Weighted draws of approximate posteriors, not MCMC",
        ess=ess,
    )


def bootstrap_quality(draws: int, failed: int) -> Quality:
    """Judge a linked Bayesian bootstrap.

    Parameters
    ----------
    draws : int
        Bootstrap draws that have a mode.
    failed : int
        Draws without one, left out.

    Returns
    -------
    Quality
        Of the linked bootstrap.

    Examples
    --------
    >>> bootstrap_quality(980, 20).failures
    ('20 of 1000 bootstrap draws have no mode (allowed: 1 %)',)
    """
    failures = _too_many(failed, draws + failed, "bootstrap draws have no mode")
    error = _error(draws)
    return Quality(
        engine=PropensityUncertainty.LINKED_BOOTSTRAP,
        failures=tuple(failures),
        remedy=_REMEDY_BOOTSTRAP,
        verdict=f"Bootstrap {_judged(failures)}: {draws:,} draws, {failed} without a mode; draws "
        "are independent, R-hat is not defined.",
        effective=error**-2,
        error=error,
        note=f"Linked bootstrap of a weighted analysis, {draws:,} draws: its probabilities are "
        "bootstrap probabilities, not posterior ones; intervals include the uncertainty of the "
        "weights and how far the estimate hangs on single patients",
        ess=float(draws),
    )


def at_mode_quality(
    uncertainty: PropensityUncertainty, *, k_hat: float, ess: float, draws: int
) -> Quality:
    """Judge an approximate posterior that rests on the mode of the propensities.

    Parameters
    ----------
    uncertainty : PropensityUncertainty
        ``plugin`` or ``sandwich``.
    k_hat : float
        Pareto shape of the importance weights.
    ess : float
        Effective sample size of the weighted draws.
    draws : int
        Draws of equal weight.

    Returns
    -------
    Quality
        Of the plug-in or the sandwich.

    Examples
    --------
    >>> plugin = PropensityUncertainty.PLUGIN
    >>> at_mode_quality(plugin, k_hat=0.2, ess=800.0, draws=1_000).verdict.split(". ")[-1]
    'UNCALIBRATED: the propensities are taken as known.'
    """
    failures = [*_too_heavy(k_hat), *_too_few(ess)]
    error = _error(ess, draws)
    plugin = uncertainty is PropensityUncertainty.PLUGIN
    label = " UNCALIBRATED: the propensities are taken as known." if plugin else ""
    return Quality(
        engine=uncertainty,
        failures=tuple(failures),
        remedy=_REMEDY_WEIGHTED,
        verdict=f"Approximation ({uncertainty.value}) {_judged(failures)}: Pareto k-hat "
        f"{k_hat:.2f}, effective sample size {ess:,.0f}; {_NO_CHAINS}{label}",
        effective=error**-2,
        error=error,
        note=_MEANING[uncertainty].format(draws=draws),
        k_hat=k_hat,
        ess=ess,
    )


def cut_quality(members: int, bad: int, *, k_hat: float, draws: int) -> Quality:
    """Judge the approximate posteriors that a cut posterior pools.

    Parameters
    ----------
    members : int
        Draws of the propensities.
    bad : int
        Draws of the propensities whose posterior was not found or has a Pareto k-hat above 0.7.
    k_hat : float
        Pareto shape of the posterior of the propensities, the larger one of two.
    draws : int
        Draws of the outcome model, pooled.

    Returns
    -------
    Quality
        Of the cut posterior.

    Examples
    --------
    >>> cut_quality(200, 3, k_hat=0.3, draws=4_000).failures
    ('3 of 200 posteriors have none or a Pareto k-hat above 0.7 (allowed: 1 %)',)
    """
    what = f"posteriors have none or a Pareto k-hat above {MAX_K_HAT}"
    failures = [*_too_heavy(k_hat, " of the propensities"), *_too_many(bad, members, what)]
    error = _error(members)
    return Quality(
        engine=PropensityUncertainty.CUT,
        failures=tuple(failures),
        remedy=_REMEDY_WEIGHTED,
        verdict=f"Cut distribution {_judged(failures)}: {members} draws of the propensities "
        f"(Pareto k-hat {k_hat:.2f}), {bad} of them without a good posterior of the outcome; "
        f"{_NO_CHAINS}",
        effective=error**-2,
        error=error,
        note=f"Cut distribution, {draws:,} draws over {members} draws of the propensities: "
        "intervals include the uncertainty of the propensities, as a rule more than once",
        k_hat=k_hat,
        ess=float(members),
    )


def convergence(tree: xr.DataTree) -> Quality:
    """Return how good the draws of a posterior are, by the diagnostics of what drew them.

    Parameters
    ----------
    tree : xarray.DataTree
        With groups ``posterior`` and ``sample_stats``; of a weighted analysis with what is known
        of it in the attributes. The attribute ``engine`` says what drew; without it, NUTS.

    Returns
    -------
    Quality
        Worst R-hat, effective sample sizes and the number of divergences of Markov chains; Pareto
        k-hat and effective sample size of a Laplace approximation; failed draws of a bootstrap and
        whatever else weighted analyses are drawn by.
    """
    about, sizes = tree.attrs, tree["posterior"].sizes
    draws = sizes["chain"] * sizes["draw"]
    match about.get("engine"):
        case Engine.LAPLACE:
            stats = tree["sample_stats"]
            return laplace_quality(float(stats["k_hat"]), float(stats["ess"]), draws=draws)
        case PropensityUncertainty.LINKED_BOOTSTRAP:
            return bootstrap_quality(draws, int(about["failed"]))
        case PropensityUncertainty.CUT:
            members, bad = int(about["members"]), int(about["bad"])
            return cut_quality(members, bad, k_hat=float(about["k_hat"]), draws=draws)
        case PropensityUncertainty.PLUGIN | PropensityUncertainty.SANDWICH as name:
            k_hat, ess = float(about["k_hat"]), float(about["ess"])
            return at_mode_quality(PropensityUncertainty(name), k_hat=k_hat, ess=ess, draws=draws)
        case _:
            return _chains(tree)


def _chains(tree: xr.DataTree) -> Quality:
    posterior = tree["posterior"].to_dataset()
    # A draw that is not finite has no R-hat, and a maximum would pass over it.
    finite = {name: bool(np.isfinite(value).all()) for name, value in posterior.items()}
    r_hat = {
        name: float(value.max()) if finite[name] else np.inf
        for name, value in arviz_stats.rhat(posterior).items()
        if not finite[name] or bool(value.notnull().any())
    }
    bulk = arviz_stats.ess(posterior, method="bulk")
    tail = arviz_stats.ess(posterior, method="tail")
    worst = max(r_hat, key=lambda name: r_hat[name])
    return chain_quality(
        r_hat[worst],
        str(worst),
        ess_bulk=min(float(value.min()) for value in bulk.values()),
        ess_tail=min(float(value.min()) for value in tail.values()),
        divergences=int(tree["sample_stats"]["diverging"].sum()),
    )


def check_convergence(tree: xr.DataTree, *, allow_nonconverged: bool = False) -> Quality:
    """Raise when the draws are not to be trusted.

    Parameters
    ----------
    tree : xarray.DataTree
        What `convergence` takes.
    allow_nonconverged : bool
        Return the diagnostics instead of raising.

    Returns
    -------
    Quality
        How good the draws are.

    Raises
    ------
    ConvergenceError
        When R-hat > 1.01, an effective sample size < 400 or any transition diverged; of a Laplace
        approximation when k-hat > 0.7 or the effective sample size < 400; of a
        weighted analysis when more than 1 % of its draws have no mode or no good posterior.
    """
    found = convergence(tree)
    if found.failures and not allow_nonconverged:
        message = f"the posterior is not to be trusted: {'; '.join(found.failures)}"
        raise ConvergenceError(message, found.remedy)
    return found


def _too_heavy(k_hat: float, what: str = "") -> list[str]:
    """Return the fault of importance weights; a k-hat that is not a number is one."""
    if k_hat <= MAX_K_HAT:
        return []
    return [f"Pareto k-hat {k_hat:.2f}{what} (allowed: {MAX_K_HAT})"]


def _too_few(ess: float, what: str = "effective sample size") -> list[str]:
    """Return the fault of an effective sample size; one that is not a number is one."""
    return [] if ess >= MIN_ESS else [f"{what} {ess:.0f} (needed: {MIN_ESS:.0f})"]


def _too_many(bad: int, total: int, what: str) -> list[str]:
    """Return the fault of members that are no good."""
    if bad <= MAX_FAILED * total:
        return []
    return [f"{bad} of {total} {what} (allowed: {100.0 * MAX_FAILED:.0f} %)"]


def _judged(failures: list[str]) -> str:
    return "FAILED, do not use these numbers" if failures else "passed"


def _error(ess: float, resampled: float = np.inf) -> float:
    """Return the Monte Carlo error of a mean of weighted draws, resampled where that is told."""
    return float(np.sqrt(1.0 / ess + 1.0 / resampled))


_KINDS: Final[Mapping[str, str]] = {
    Engine.NUTS.value: "posterior",
    Engine.LAPLACE.value: "posterior",
    PropensityUncertainty.LINKED_BOOTSTRAP.value: "bootstrap",
    PropensityUncertainty.CUT.value: "cut-distribution",
    PropensityUncertainty.SANDWICH.value: "sandwich-corrected",
    PropensityUncertainty.PLUGIN.value: "uncalibrated",
}


def draws_name(engine: str) -> str:
    """Return the word before "probability" and "median" of draws.

    Parameters
    ----------
    engine : str
        What made the draws: an `Engine` or a `PropensityUncertainty`.

    Returns
    -------
    str
        ``"posterior"`` for draws from a posterior; those of a weighted analysis are named by how
        they were made.

    Examples
    --------
    >>> draws_name("nuts"), draws_name("linked-bootstrap")
    ('posterior', 'bootstrap')
    """
    return _KINDS[engine]


def naming(engine: str) -> dict[str, str]:
    """Return what draws and probabilities made of them are called, for ``result.json``.

    Parameters
    ----------
    engine : str
        What made the draws.

    Returns
    -------
    dict of str to str
        ``kind`` and ``probability``.
    """
    kind = draws_name(engine)
    return {"kind": kind, "probability": f"{kind} probability"}
