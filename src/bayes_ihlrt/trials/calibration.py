"""Thresholds and sizes: by search on stored statistics, simulating again only for other sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.spec.rules import LookSpec, Rule
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign, scaled_design
from bayes_ihlrt.trials.decisions import Table, Verdict, decide, with_thresholds
from bayes_ihlrt.trials.operating import (
    Estimated,
    OperatingCharacteristics,
    operating_characteristics,
    share,
)
from bayes_ihlrt.trials.quantities import targets
from bayes_ihlrt.trials.truth import DesignPrior
from bayes_ihlrt.trials.units import LocalPool, Pool, Progress, Statistics, Task, run_trials

_STEPS: Final = 40


@dataclass(frozen=True)
class Calibrated:
    """A threshold and what it does.

    Parameters
    ----------
    threshold : float
        Posterior probability that efficacy rules ask for.
    design : TrialDesign
        The design with it.
    success : Estimated
        Share of the stored trials that then succeed.
    """

    threshold: float
    design: TrialDesign
    success: Estimated


def calibrate_threshold(
    design: TrialDesign, table: Table, *, alpha: float, looks: Sequence[int] | None = None
) -> Calibrated:
    """Find the lowest threshold of efficacy that keeps a type I error, without simulating again.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : mapping of str to ndarray
        Statistics of trials under the null.
    alpha : float
        Type I error that is allowed.
    looks : sequence of int, optional
        Looks (from 1) whose first efficacy rule gets the threshold; all that have one by default.

    Returns
    -------
    Calibrated
        Futility rules are left out of account, so that the error is kept if they are ignored.

    Raises
    ------
    SpecificationError
        A look has no efficacy rule, its rule is met by small probabilities, other looks spend more
        than `alpha` already, or rules about the future rest on the threshold that is sought.

    Examples
    --------
    With a ``plan`` of a small trial whose first scenario has no effect; both looks ask for more
    than .975 and so spend more than 2.5 %:

    >>> null = simulate_design(plan.design, plan.scenarios[0], trials=1024)
    >>> found = calibrate_threshold(plan.design, null.table, alpha=0.025)
    >>> found.threshold > 0.975, found.success.estimate <= 0.025
    (True, True)
    """
    chosen = set(looks or [n for n, look in enumerate(design.looks, 1) if look.efficacy])
    faults = []
    for number in sorted(chosen):
        known = 1 <= number <= len(design.looks)
        rules = design.looks[number - 1].efficacy if known else ()
        if not rules or rules[0].more_than is None:
            problem = "it has no efficacy rule with more_than whose threshold could be set"
            faults.append(Fault(f"look {number}", problem, "Name looks that have one"))
    if len(design.looks) in chosen:
        faults += _foreseen(design)
    if faults:
        raise SpecificationError("calibrate", faults)

    def found(threshold: float) -> Calibrated:
        values = [threshold if n in chosen else None for n in range(1, len(design.looks) + 1)]
        changed = with_thresholds(design, values)
        won = decide(changed, table, futility=False).verdict == Verdict.SUCCESS
        return Calibrated(threshold, changed, share(won))

    low, high = 0.0, 1.0
    if found(high).success.estimate > alpha:
        problem = f"other looks already succeed in {found(high).success.estimate:.2%} of trials"
        raise SpecificationError("calibrate", [Fault("alpha", problem, "Calibrate them as well")])
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if found(middle).success.estimate > alpha else (low, middle)
    return found(high)


def _foreseen(design: TrialDesign) -> list[Fault]:
    """Rules whose stored probabilities are those of the last look's old threshold."""
    remedy = "Set `more_than` of the last look, simulate, and compare the type I error with alpha"
    own = bool(design.looks[-1].efficacy_enriched)

    def enriched(look: LookSpec) -> tuple[Rule, ...]:
        # Foreseen by the last look's own for enriched trials, which no calibration moves.
        return () if own else look.efficacy_enriched

    return [
        Fault(
            f"look {number}",
            f"'{rule}' was simulated with the last look's threshold as it is, and another one "
            "changes it",
            remedy,
        )
        for number, look in enumerate(design.looks, 1)
        for rule in (
            *look.efficacy,
            *look.stop_accrual,
            *look.extend,
            *look.enrich,
            *enriched(look),
        )
        if rule.quantity.of_future
    ]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Trials of one design under one scenario.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : dict of str to ndarray
        Statistics of its trials, for other thresholds by `decide` or `calibrate_threshold`.
    found : OperatingCharacteristics
        With Monte Carlo error.
    """

    design: TrialDesign
    table: Statistics
    found: OperatingCharacteristics


def simulate_design(
    design: TrialDesign,
    scenario: ScenarioSpec,
    *,
    trials: int = 2_048,
    seed: int = 20_260_101,
    prior: DesignPrior | None = None,
    pool: Pool | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Simulate one design under one scenario, for interactive use.

    The first call compiles. Later ones with the same design and a scenario that differs in numbers
    (hazard ratios, medians) do not: 2,048 trials of 300 patients and two looks then take about a
    second of one core.

    Parameters
    ----------
    design : TrialDesign
        The design.
    scenario : ScenarioSpec
        The truth.
    trials : int
        Number of trials.
    seed : int
        Seed; the same patients for every design and scenario.
    prior : DesignPrior, optional
        Draws, for a scenario whose truth is a posterior.
    pool : Pool, optional
        Where trials run; one thread of this process by default.
    progress : callable, optional
        Told the trials that are done, and of how many; what it raises ends the simulation.

    Returns
    -------
    Simulated
        Operating characteristics with Monte Carlo error, and statistics.

    Examples
    --------
    Type I error, with a ``plan`` of a small trial whose first scenario has no effect:

    >>> found = simulate_design(plan.design, plan.scenarios[0], trials=1024).found
    >>> found.scenario, found.trials, found.success.high < 0.1
    ('no effect', 1024, True)
    """
    task = Task(design, scenario, seed, prior)
    table = run_trials(task, trials, pool=pool or LocalPool(1), progress=progress)
    names = ("design", scenario.name)
    found = operating_characteristics(
        design, table, targets(design), names=names, drawn=scenario.is_drawn
    )
    return Simulated(design, table, found)


@dataclass(frozen=True, eq=False)
class SampleSize:
    """A search for the smallest sufficient trial.

    Parameters
    ----------
    sizes : tuple of int
        Sizes that were simulated.
    success : tuple of Estimated
        Success at each.
    smallest : int or None
        Smallest of them with at least the wanted success; None where none has it.
    """

    sizes: tuple[int, ...]
    success: tuple[Estimated, ...]
    smallest: int | None


def sample_size(
    design: TrialDesign,
    scenario: ScenarioSpec,
    *,
    success: float,
    sizes: Sequence[int],
    trials: int = 4_096,
    seed: int = 20_260_101,
    progress: Callable[[int], None] | None = None,
) -> SampleSize:
    """Find the smallest of some sample sizes with enough power (or assurance).

    Events at the looks and patients of their follow-up are scaled with the size. All sizes see the
    same patients, so the curve is smoother than its Monte Carlo error.

    Parameters
    ----------
    design : TrialDesign
        The design, of any size.
    scenario : ScenarioSpec
        The truth.
    success : float
        Share of trials that should succeed.
    sizes : sequence of int
        Sample sizes to try.
    trials : int
        Trials of each size.
    seed : int
        Seed.
    progress : callable, optional
        Told each size before it is simulated.

    Returns
    -------
    SampleSize
        With the curve of success by size.

    Examples
    --------
    With a ``plan`` of a small trial of 110 patients whose second scenario has a hazard ratio of
    0.6 (each further size compiles for some seconds):

    >>> better = plan.scenarios[1]
    >>> found = sample_size(plan.design, better, success=0.5, sizes=[110], trials=1024)
    >>> found.smallest, found.success[0].low > 0.5
    (110, True)
    """
    ordered, found = tuple(sorted(set(sizes))), []
    for size in ordered:
        if progress is not None:
            progress(size)
        scaled = scaled_design(design, size)
        found.append(simulate_design(scaled, scenario, trials=trials, seed=seed).found.success_told)
    enough = [size for size, one in zip(ordered, found, strict=True) if one.estimate >= success]
    return SampleSize(ordered, tuple(found), min(enough, default=None))
