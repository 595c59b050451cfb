"""Simulate blocks of trials and analyse every stage of them: one fixed shape, compiled once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.kernels import over_members
from bayes_ihlrt.comparators.statistics import compared
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.spec.trial import strata_of
from bayes_ihlrt.trials.analysis import TrialAnalysis, posteriors
from bayes_ihlrt.trials.external import external_controls, seen_of, together
from bayes_ihlrt.trials.patients import Patients, screen, screened_count
from bayes_ihlrt.trials.predictive import AtStage, future_probability
from bayes_ihlrt.trials.quantities import Reading, statements
from bayes_ihlrt.trials.schedule import Schedule, schedule
from bayes_ihlrt.trials.stages import Seen, run_stages, stages
from bayes_ihlrt.trials.streams import trial_key
from bayes_ihlrt.trials.true_targets import true_values
from bayes_ihlrt.trials.truth import Numbers, Truth, TruthSource

Floats = NDArray[np.float64]
BLOCK: Final = 256
"""Trials that are simulated together. Blocks begin at multiples of it, so that a trial always has
the same neighbours and its result does not depend on what a run was asked for."""
_ABREAST: Final = 16
"""Trials of a block that are simulated side by side: all at once would leave the cache."""


@dataclass(frozen=True, eq=False)
class Block:
    """Simulated trials of one block, before any posterior.

    Parameters
    ----------
    trials : ndarray of int, shape (trials,)
        Their numbers.
    truth : Truth, leading axis trials
        Their parameters.
    patients : Patients, leading axes (trials, stages)
        Their patients on the path of each stage.
    seen : Seen, leading axes (trials, stages)
        What each stage sees.
    members : mapping of str to array, leading axis trials x stages
        The graph's arrays of each stage.
    """

    trials: NDArray[np.int64]
    truth: Truth
    patients: Patients
    seen: Seen
    members: Mapping[str, jax.Array]


@dataclass(frozen=True, eq=False)
class Simulator:
    """A design under one scenario.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design and its model.
    source : TruthSource
        The scenario on arrays.
    seed : int
        Seed of all streams.
    frame : TrialAnalysis, optional
        Whose compiled simulation serves this design too (`rebuild_analysis`); its own by default.
    """

    analysis: TrialAnalysis
    source: TruthSource
    seed: int
    frame: TrialAnalysis | None = None
    _kernel: "_Kernel" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the compiled simulation; scenarios that differ in numbers alone share it."""
        source = self.source
        hazard: Any = source.hazard
        kernel = _kernel(self.frame or self.analysis, hazard, source.cuts, drawn=source.drawn)
        object.__setattr__(self, "_kernel", kernel)

    def block(self, number: int) -> Block:
        """Simulate one block.

        Parameters
        ----------
        number : int
            Trials number x 256 to number x 256 + 255.

        Returns
        -------
        Block
            The same whatever else is simulated.
        """
        trials = number * BLOCK + np.arange(BLOCK)
        truth, patients, seen, members = self._kernel.run(
            (self.seed, self.source.numbers, schedule(self.analysis.design)), jnp.asarray(trials)
        )
        flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in members.items()}
        return Block(trials, truth, patients, seen, flat)

    def statistics(self, block: Block) -> dict[str, NDArray[Any]]:
        """Analyse every stage of the trials of a block.

        Parameters
        ----------
        block : Block
            From `block`.

        Returns
        -------
        dict of str to ndarray, leading axes (trials, stages)
            ``mean`` and ``sd`` of each target, ``probability`` of each rule's statement (NaN for
            those about the future), ``converged``, ``untrusted``, ``followed``, ``months``,
            ``enrolled``, ``events_control``, ``events_treated``; ``comparators``, the statistic of
            each test; and ``truth`` of each target, shape (trials, targets).
        """
        design = self.analysis.design
        shape = (len(block.trials), len(stages(design)))
        entropy = np.random.SeedSequence([self.seed, int(block.trials[0])])
        found = posteriors(
            self.analysis,
            block.members,
            seed=int(entropy.generate_state(1)[0]),
            chunk=BLOCK,
        )
        arrays = {name: values.reshape(*shape, *values.shape[1:]) for name, values in found.items()}
        self._foresee(block, arrays)
        kept = ("mean", "sd", "probability", "converged", "untrusted", "followed")
        arrays = {name: arrays[name] for name in kept}
        seen, arm = block.seen, np.asarray(block.patients.arm)
        event = np.asarray(seen.event)
        return arrays | {
            "truth": self._truths(block.truth),
            "months": np.asarray(seen.time),
            "enrolled": np.asarray(seen.exposure).sum(axis=-1).astype(np.int64),
            "events_control": (event * (arm == 0.0)).sum(axis=-1).astype(np.int64),
            "events_treated": (event * (arm == 1.0)).sum(axis=-1).astype(np.int64),
            "comparators": self._compared(block),
        }

    def _compared(self, block: Block) -> Floats:
        """Statistics of the design's tests, shape (trials, stages, tests)."""
        design, seen, patients = self.analysis.design, block.seen, block.patients
        if not design.comparators:
            return np.zeros((*np.shape(seen.time), 0))
        found = compared(design.comparators, strata_of(design))
        followed = (seen.stop, seen.event, seen.exposure)
        return np.asarray(found(followed, patients.arm, jnp.asarray(patients.stratum)))

    def _foresee(self, block: Block, arrays: dict[str, NDArray[Any]]) -> None:
        """Fill in the probabilities of rules about the future, where their looks are."""
        design = self.analysis.design
        known, data = statements(design), block.members
        known_stages = stages(design)
        for number, stage in enumerate(known_stages):
            look = design.looks[stage.look]
            for rule in {r.statement for r in look.rules if r.quantity.of_future}:
                here = AtStage(
                    block.trials,
                    jax.tree.map(lambda values: values[:, number], block.patients),  # noqa: B023
                    jax.tree.map(lambda values: values[:, number], block.seen),  # noqa: B023
                    arrays["position"][:, number],
                    arrays["factor"][:, number],
                    arrays["followed"][:, number],
                    {name: values[number :: len(known_stages)] for name, values in data.items()},
                )
                arrays["probability"][:, number, known.index(rule)] = future_probability(
                    self.analysis, stage, rule, here, seed=self.seed
                )

    def _truths(self, truth: Truth) -> Floats:
        """True targets of each trial; found once where every trial has the same parameters."""
        if self.source.varies:
            return np.asarray(self._kernel.true(truth, self.analysis.readings))
        first = jax.tree.map(lambda values: values[:1], truth)
        only = np.asarray(self._kernel.true(first, self.analysis.readings))
        return np.repeat(only, len(truth.modifier), axis=0)


@dataclass(frozen=True, eq=False)
class _Kernel:
    """Compiled functions of a design and the kind of a scenario."""

    run: Callable[..., tuple[Truth, Patients, Seen, dict[str, jax.Array]]]
    true: Callable[[Truth, Sequence[Reading]], jax.Array]


@lru_cache(maxsize=32)
def _kernel(
    analysis: TrialAnalysis, hazard: Hazard, cuts: tuple[float, ...], *, drawn: bool
) -> _Kernel:
    design = analysis.design
    source = TruthSource(hazard, cuts, Truth({}, *(jnp.zeros(1),) * 3), drawn=drawn)

    def one(
        shared: tuple[jax.Array, Numbers, Schedule], trial: jax.Array
    ) -> tuple[Truth, Patients, Seen, dict[str, jax.Array]]:
        seed, numbers, sizes = shared
        key = trial_key(seed, trial)
        truth = source.of_trial(key, numbers)
        people = screen(key, design, screened_count(design), pace=truth.pace)
        patients, seen = run_stages(key, people, truth, design=design, numbers=sizes, source=source)
        if design.external is None:
            return truth, patients, seen, jax.vmap(analysis.members)(patients, seen)
        others = external_controls(key, truth, design, source)
        known = seen_of(others, design)
        whole = jax.vmap(together, in_axes=(0, 0, None, None))(patients, seen, others, known)
        return truth, patients, seen, jax.vmap(analysis.members)(*whole)

    run = jax.jit(over_members(one, abreast=_ABREAST))
    true = true_values(design, source, analysis.targets)
    return _Kernel(run, jax.jit(jax.vmap(true, in_axes=(0, None))))
