"""Simulate blocks of trials and analyse every stage of them: one fixed shape, compiled once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.trials.analysis import TrialAnalysis
from bayes_ihlrt.trials.patients import Patients, screen, screened_count
from bayes_ihlrt.trials.posteriors import posteriors
from bayes_ihlrt.trials.stages import Seen, run_stages, stages
from bayes_ihlrt.trials.streams import trial_key
from bayes_ihlrt.trials.true_targets import true_values
from bayes_ihlrt.trials.truth import Truth, TruthSource

Floats = NDArray[np.float64]
BLOCK: Final = 256
"""Trials that are simulated together. Blocks begin at multiples of it, so that a trial always has
the same neighbours and its result does not depend on what a run was asked for."""


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
    """

    analysis: TrialAnalysis
    source: TruthSource
    seed: int
    _run: Any = field(init=False, repr=False)
    _true: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the simulation of a block; JAX compiles it on first use."""
        value = true_values(self.analysis.design, self.source, self.analysis.targets)
        object.__setattr__(self, "_run", jax.jit(jax.vmap(self._one)))
        object.__setattr__(self, "_true", jax.jit(jax.vmap(value)))

    def _one(self, trial: jax.Array) -> tuple[Truth, Patients, Seen, dict[str, jax.Array]]:
        design = self.analysis.design
        key = trial_key(self.seed, trial)
        truth = self.source.of_trial(key)
        people = screen(key, design, screened_count(design))
        patients, seen = run_stages(key, people, truth, design=design, source=self.source)
        return truth, patients, seen, jax.vmap(self.analysis.members)(patients, seen)

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
        truth, patients, seen, members = self._run(jnp.asarray(trials))
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
            those about the future), ``converged``, ``months``, ``enrolled``, ``events_control``,
            ``events_treated``; and ``truth`` of each target, shape (trials, targets).
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
        seen, arm = block.seen, np.asarray(block.patients.arm)
        event = np.asarray(seen.event)
        return arrays | {
            "truth": self._truths(block.truth),
            "months": np.asarray(seen.time),
            "enrolled": np.asarray(seen.exposure).sum(axis=-1).astype(np.int64),
            "events_control": (event * (arm == 0.0)).sum(axis=-1).astype(np.int64),
            "events_treated": (event * (arm == 1.0)).sum(axis=-1).astype(np.int64),
        }

    def _truths(self, truth: Truth) -> Floats:
        """True targets of each trial; found once where every trial has the same parameters."""
        if self.source.varies:
            return np.asarray(self._true(truth))
        only = np.asarray(self._true(jax.tree.map(lambda values: values[:1], truth)))
        return np.repeat(only, len(truth.modifier), axis=0)
