"""Units of work: blocks of trials that any process can run, with the same result."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.trials.analysis import TrialAnalysis, build_analysis
from bayes_ihlrt.trials.design import TrialDesign
from bayes_ihlrt.trials.scenario import ScenarioSpec
from bayes_ihlrt.trials.simulator import BLOCK, Simulator
from bayes_ihlrt.trials.truth import DesignPrior, truth_source

UNIT_BLOCKS: Final = 4
"""Blocks of a unit, the least that is written to disk or sent to a worker."""
UNIT: Final = UNIT_BLOCKS * BLOCK
"""Trials of a unit."""

type Statistics = dict[str, NDArray[Any]]

_STATISTICS: Final = "2"
"""Changes with the columns of `Simulator.statistics`: a run never goes on from others."""
_KEPT: Final = 8
_ANALYSES: Final[OrderedDict[str, TrialAnalysis]] = OrderedDict()
_SIMULATORS: Final[OrderedDict[str, Simulator]] = OrderedDict()
_LOCK: Final = Lock()


@dataclass(frozen=True, eq=False)
class Task:
    """A design under a scenario with a seed: all that its trials depend on.

    Parameters
    ----------
    design : TrialDesign
        The design.
    scenario : ScenarioSpec
        The truth.
    seed : int
        Seed of all streams.
    prior : DesignPrior, optional
        Draws of the posterior that the scenario names.
    """

    design: TrialDesign
    scenario: ScenarioSpec
    seed: int
    prior: DesignPrior | None = None

    @property
    def fingerprint(self) -> str:
        """What tells the task's results from any other's, versions included; 16 hex digits."""
        parts = [_STATISTICS, self.design.model_dump_json(), self.scenario.model_dump_json()]
        parts.append(str(self.seed))
        parts += [version(name) for name in ("bayes-ihlrt", "jax", "pymc")]
        digest = sha256("\n".join(parts).encode())
        if self.prior is not None:
            theta = [self.prior.theta[name] for name in sorted(self.prior.theta)]
            for values in (*theta, self.prior.modifier, self.prior.effect, self.prior.interaction):
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]


def simulator(task: Task) -> Simulator:
    """Return the simulator of a task, built once in a process.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.

    Returns
    -------
    Simulator
        Scenarios of one design share its compiled model.
    """
    with _LOCK:
        key = task.fingerprint
        if key not in _SIMULATORS:
            source = truth_source(task.scenario, task.prior)
            _keep(_SIMULATORS, key, Simulator(_analysis(task.design), source, task.seed))
        return _SIMULATORS[key]


def _analysis(design: TrialDesign) -> TrialAnalysis:
    key = design.model_dump_json()
    if key not in _ANALYSES:
        _keep(_ANALYSES, key, build_analysis(design))
    return _ANALYSES[key]


def _keep[T](kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def run_unit(task: Task, unit: int) -> Statistics:
    """Simulate and analyse one unit of trials.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.
    unit : int
        Trials unit x 1,024 to unit x 1,024 + 1,023.

    Returns
    -------
    dict of str to ndarray, leading axis trials
        See `Simulator.statistics`.
    """
    return unit_statistics(simulator(task), unit)


def unit_statistics(found: Simulator, unit: int) -> Statistics:
    """Simulate and analyse one unit of trials.

    Parameters
    ----------
    found : Simulator
        Of the task.
    unit : int
        Number of the unit.

    Returns
    -------
    dict of str to ndarray, leading axis trials
        See `Simulator.statistics`.
    """
    blocks = range(unit * UNIT_BLOCKS, (unit + 1) * UNIT_BLOCKS)
    return joined([found.statistics(found.block(number)) for number in blocks])


def joined(parts: list[Statistics]) -> Statistics:
    """Put the statistics of several blocks or units together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
