"""Looks with few events or strict thresholds: success checked by importance-weighted draws.

A look's probabilities come from the profile of its posterior (`marginals`). Where few events are
seen or a threshold is strict, small errors of a tail would move success most. So a stratified
sample of the trials of such a look, denser near the threshold, is analysed a second way:

    success = sum over strata of (share of trials) x (share of the stratum's sample that succeeds).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.spec.rules import LookSpec, Rule
from bayes_ihlrt.spec.trial import BEYOND, Approximation
from bayes_ihlrt.trials.analysis import corrected
from bayes_ihlrt.trials.decisions import Decisions, decide, holds
from bayes_ihlrt.trials.operating import Estimated
from bayes_ihlrt.trials.plan import Cell
from bayes_ihlrt.trials.quantities import statements
from bayes_ihlrt.trials.simulator import BLOCK
from bayes_ihlrt.trials.stages import stages
from bayes_ihlrt.trials.units import simulator

Floats = NDArray[np.float64]
FEW_EVENTS: Final = 40
STRICT: Final = 0.995
STRATA: Final = (1.25, 2.5)
"""Distances from the threshold, in standard normal deviates, that part near from middle from far:
a normal approximation, with equal months, flat priors and 16 events against 4, is 0.37 deviates
off, with 28 against 12 it is 0.14."""
SAMPLED: Final = (128, 96, 64)
"""Trials near a threshold, in the middle, and far from it."""
_BLOCKS: Final = 16
_DRAWS: Final = (2_000, 10_000)


@dataclass(frozen=True)
class CorrectedLook:
    """Success at one look as simulated and by importance-weighted draws.

    Parameters
    ----------
    design, scenario : str
        Names.
    look : int
        Number of the look, from 1.
    events : float or None
        Mean number of events there.
    strictest : float
        The efficacy threshold farthest from one half, as a probability above it.
    simulated : float
        Share of the trials which reach the look that meet its efficacy rules.
    corrected : Estimated or None
        The same by weighted draws, with the Monte Carlo error of the sample of fits; None where no
        draws of the sample are to be trusted.
    fits : int
        Fits that were done again.
    only_simulated, only_draws : int
        Of these, fits that meet the efficacy rules as simulated and not by draws; the reverse.
    lost : int
        Fits of the sample that could not be (no mode, or Pareto k-hat above 0.7); they count as
        simulated.
    without_events : int
        Of these, fits with an arm without any event.
    """

    design: str
    scenario: str
    look: int
    events: float | None
    strictest: float
    simulated: float
    corrected: Estimated | None
    fits: int
    only_simulated: int
    only_draws: int
    lost: int
    without_events: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers by name."""
        return asdict(self)


def checked_looks(cell: Cell) -> list[int]:
    """Return the looks, from 0, that are checked.

    Parameters
    ----------
    cell : Cell
        One design under one scenario, simulated.

    Returns
    -------
    list of int
        Looks with efficacy rules under 40 events on average, or with a threshold above 0.995 (or
        below 0.005).
    """
    if cell.task.design.approximation is not Approximation.LAPLACE:
        return []
    found = []
    for number, look in enumerate(cell.task.design.looks):
        events = cell.found.by_look[number].events
        few = events is not None and events.estimate < FEW_EVENTS
        if _efficacy(look) and (few or _strictest(look) > STRICT):
            found.append(number)
    return found


def corrected_looks(
    cells: Sequence[Cell], *, progress: Callable[[int, int], None] | None = None
) -> tuple[CorrectedLook | Failure, ...]:
    """Analyse a sample of the trials of checked looks again with importance-weighted draws.

    Parameters
    ----------
    cells : sequence of Cell
        Designs under scenarios, simulated.
    progress : callable, optional
        Told how many looks are done, of how many.

    Returns
    -------
    tuple of CorrectedLook or Failure
        One for each such look that some trial reaches without enrichment, or why it could not be
        analysed again.
    """
    wanted = [(cell, look) for cell in cells for look in checked_looks(cell)]
    found: list[CorrectedLook | Failure] = []
    for number, (cell, look) in enumerate(wanted, 1):
        what = f"check of {cell.design} / {cell.scenario}, look {look + 1}"
        one = attempted(what, partial(_correct, cell, look))
        found += [] if one is None else [one]
        if progress is not None:
            progress(number, len(wanted))
    return tuple(found)


def _efficacy(look: LookSpec) -> tuple[Rule, ...]:
    return tuple(rule for rule in look.efficacy if not rule.quantity.of_future)


def _strictest(look: LookSpec) -> float:
    return max((max(r.threshold, 1.0 - r.threshold) for r in _efficacy(look)), default=0.5)


def _correct(cell: Cell, look: int) -> CorrectedLook | None:
    design = cell.task.design
    known, spec = statements(design), design.looks[look]
    stage = [(one.look, one.path) for one in stages(design)].index((look, None))
    trials = _reaching(decide(design, cell.table), stage)
    if not len(trials):
        return None
    probability = cell.table["probability"][trials, stage]
    met = holds(spec.efficacy, probability, known)
    strata = _strata(probability, spec, known)
    sample = _sample(strata, seed=cell.task.seed)
    again = _again(cell, trials[sample], stage, _draws(spec))
    good = again["converged"]
    exact = np.where(good[:, None], again["probability"], probability[sample])
    future = [known.index(rule.statement) for rule in spec.efficacy if rule.quantity.of_future]
    exact[:, future] = probability[sample][:, future]
    hits = holds(spec.efficacy, exact, known)
    empty = np.zeros(len(sample), dtype=bool)
    for arm in ("control", "treated"):
        empty |= cell.table[f"events_{arm}"][trials[sample], stage] == 0
    at = cell.found.by_look[look].events
    return CorrectedLook(
        cell.design,
        cell.scenario,
        look + 1,
        None if at is None else at.estimate,
        _strictest(spec),
        float(met.mean()),
        _stratified(hits, strata[sample], strata) if good.any() else None,
        fits=int(good.sum()),
        only_simulated=int((good & met[sample] & ~hits).sum()),
        only_draws=int((good & hits & ~met[sample]).sum()),
        lost=int((~good).sum()),
        without_events=int((~good & empty).sum()),
    )


def _reaching(done: Decisions, stage: int) -> NDArray[np.int64]:
    """Trials that reach a stage, of the first blocks: simulating them again has a price."""
    looks = np.arange(done.places.shape[1]) <= done.look[:, None]
    there = ((done.places == stage) & looks).any(axis=1)
    return np.flatnonzero(there[: _BLOCKS * BLOCK])


def _strata(probability: Floats, look: LookSpec, known: Sequence[Rule]) -> NDArray[np.int64]:
    """Return how far each trial is from meeting the rules: 0 near, 1 in the middle, 2 far."""
    distance = np.full(len(probability), np.inf)
    for rule in _efficacy(look):
        found = np.clip(probability[:, known.index(rule.statement)], 1e-12, 1.0 - 1e-12)
        sign = 1.0 if rule.more_than is not None else -1.0
        threshold = float(np.clip(rule.threshold, 1e-12, 1.0 - 1e-12))
        distance = np.minimum(distance, sign * (ndtri(found) - ndtri(threshold)))
    # A failed fit has no probability; nothing is known of where it lies.
    strata: NDArray[np.int64] = np.digitize(np.abs(np.nan_to_num(distance, nan=0.0)), STRATA)
    return strata


def _sample(strata: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """Return which trials are analysed again."""
    rng = np.random.default_rng([seed, 78])
    chosen = []
    for number, most in enumerate(SAMPLED):
        places = np.flatnonzero(strata == number)
        chosen.append(rng.choice(places, size=min(most, len(places)), replace=False))
    return np.sort(np.concatenate(chosen))


def _draws(look: LookSpec) -> int:
    """Draws that resolve the strictest threshold, within what a plan can wait for."""
    tail = min(
        (t for r in _efficacy(look) if (t := min(r.threshold, 1.0 - r.threshold)) > 0.0),
        default=0.5,
    )
    least, most = _DRAWS
    return min(max(ceil(BEYOND / tail), least), most)


def _again(cell: Cell, trials: NDArray[np.int64], stage: int, draws: int) -> dict[str, Any]:
    found = simulator(cell.task)
    count = len(stages(cell.task.design))
    parts: dict[str, list[NDArray[Any]]] = {}
    for number in np.unique(trials // BLOCK).tolist():
        places = trials[trials // BLOCK == number] % BLOCK * count + stage
        for name, values in found.block(number).members.items():
            parts.setdefault(name, []).append(np.asarray(values)[places])
    members = {name: jnp.asarray(np.concatenate(part)) for name, part in parts.items()}
    return corrected(found.analysis, members, draws=draws, seed=cell.task.seed)


def _stratified(
    hits: NDArray[np.bool_], sampled: NDArray[np.int64], strata: NDArray[np.int64]
) -> Estimated:
    """Share of successes over all trials, from those sampled in each stratum."""
    estimate, variance = 0.0, 0.0
    for number in range(len(SAMPLED)):
        inside, size = hits[sampled == number], int((strata == number).sum())
        if not len(inside):
            continue
        part, n, p = size / len(strata), len(inside), float(inside.mean())
        estimate += part * p
        # A share of 0 or 1 in a sample is not known to be one (Agresti and Coull), but far from the
        # threshold, where a posterior that is off by less than a deviate changes nothing.
        smooth = p if number == len(SAMPLED) - 1 else (n * p + 2.0) / (n + 4.0)
        # All of a stratum may have been sampled: then it has no error.
        variance += part**2 * smooth * (1.0 - smooth) / n * (1.0 - n / size)
    error = float(np.sqrt(variance))
    low, high = max(estimate - Z_975 * error, 0.0), min(estimate + Z_975 * error, 1.0)
    return Estimated(estimate, error, low, high)
