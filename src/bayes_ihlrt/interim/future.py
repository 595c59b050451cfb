"""What may come of a running trial: its remaining data simulated, the last look's rule applied.

Every continuation shares its random numbers with the others, so that what differs between them is
the continuation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.interim.data import RunningTrial
from bayes_ihlrt.parts import Failure, attempted, known
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.analysis import TrialAnalysis, posteriors
from bayes_ihlrt.trials.decisions import holds
from bayes_ihlrt.trials.operating import Estimated, average, share
from bayes_ihlrt.trials.patients import Patients
from bayes_ihlrt.trials.predictive import followed_on, newcomers
from bayes_ihlrt.trials.quantities import statements
from bayes_ihlrt.trials.schedule import Schedule, schedule
from bayes_ihlrt.trials.stages import Seen, look_times, see

type Values = Mapping[str, NDArray[np.float64]]
"""Draws of parameters on their own scale, by name, leading axis draws."""

_CHUNK: Final = 256


class Standing(NamedTuple):
    """A running trial on arrays of the size that was compiled for.

    Parameters
    ----------
    patients : Patients
        Those who are enrolled; the others never arrive.
    seen : Seen
        What is known of them.
    """

    patients: Patients
    seen: Seen


def standing(trial: RunningTrial, size: int) -> Standing:
    """Return a running trial on arrays.

    Parameters
    ----------
    trial : RunningTrial
        As it stands.
    size : int
        Patients that were compiled for.

    Returns
    -------
    Standing
        With months since enrolment.
    """
    room = size - len(trial.arrival)

    def filled(values: Any, rest: float) -> jax.Array:
        return jnp.asarray(np.pad(np.asarray(values, np.float64), (0, room), constant_values=rest))

    modifier = np.where(np.isfinite(trial.modifier), trial.modifier, 1.0)
    event = np.where(trial.event, trial.stop, np.inf)
    dropout = np.where(trial.lost | trial.completed, trial.stop, np.inf)
    patients = Patients(
        arrival=filled(trial.arrival, np.inf),
        modifier=filled(modifier, 1.0),
        arm=filled(trial.arm, 0.0),
        start=filled(np.where(trial.arm == 1.0, 0.0, np.inf), np.inf),
        event=filled(event, np.inf),
        dropout=filled(dropout, np.inf),
    )
    here = filled(np.ones(len(trial.arrival)), 0.0)
    seen = Seen(jnp.asarray(trial.month), filled(trial.stop, 0.0), filled(trial.event, 0.0), here)
    return Standing(patients, seen)


@dataclass(frozen=True)
class Continuation:
    """One way to go on, and what would come of it.

    Parameters
    ----------
    name : str
        ``go on``, ``stop accrual``, ``enlarge``.
    patients : int
        Patients at most.
    assumed_hr : float or None
        Hazard ratio that is assumed from now on; None where parameters come from the posterior.
    at_mode : bool
        Whether the parameters are the posterior's mode.
    success : Estimated
        Share of continuations that succeed at the last look.
    enrolled, events, months : Estimated or None
        Means at the last look; months count from the opening of the trial.
    """

    name: str
    patients: int
    assumed_hr: float | None
    at_mode: bool
    success: Estimated
    enrolled: Estimated | None
    events: Estimated | None
    months: Estimated | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Way:
    """What is asked of the future.

    Parameters
    ----------
    name : str
        See `Continuation`.
    assumed_hr : float or None
        Hazard ratio from now on.
    at_mode : bool
        Whether parameters are the posterior's mode.
    stop : bool
        Whether nobody else is enrolled.
    """

    name: str
    assumed_hr: float | None = None
    at_mode: bool = False
    stop: bool = False

    def told(self, patients: int) -> str:
        """Return what a continuation is called that could not be computed.

        Parameters
        ----------
        patients : int
            Of the design that is gone on with.

        Returns
        -------
        str
            Its name, with what sets it apart.
        """
        if self.assumed_hr is not None:
            return f"{self.name} at hazard ratio {self.assumed_hr:g}"
        if self.at_mode:
            return f"{self.name} at what is seen"
        return f"enlarge to {patients}" if self.name == "enlarge" else self.name


@dataclass(frozen=True, eq=False)
class Future:
    """The remaining data of a running trial, simulated by one program for every continuation.

    Parameters
    ----------
    frame : TrialAnalysis
        Of as many patients as the largest design has.
    now : Standing
        The trial as it stands, on arrays of that size.
    drawn : mapping of str to ndarray, leading axis draws
        Draws of the posterior's parameters.
    mode : mapping of str to ndarray or Failure
        The posterior's mode in one row, or why there is none.
    draws : int
        Continuations of each kind.
    seed : int
        Of the random numbers.
    """

    frame: TrialAnalysis
    now: Standing
    drawn: Values
    mode: Values | Failure
    draws: int
    seed: int
    _run: "_Run" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the simulation; JAX compiles it on its first use."""
        run = jax.jit(jax.vmap(partial(_one, self.frame), in_axes=(0, 0, None, None, None)))
        object.__setattr__(self, "_run", run)

    def continued(self, analysis: TrialAnalysis, way: Way) -> Continuation:
        """Simulate one continuation many times.

        Parameters
        ----------
        analysis : TrialAnalysis
            Of the design that is gone on with.
        way : Way
            What is done from now on.

        Returns
        -------
        Continuation
            With Monte Carlo error.

        Raises
        ------
        ConvergenceError
            The mode is asked for, and there is none.
        """
        design, values = analysis.design, known(self.mode) if way.at_mode else self.drawn
        last, asked = design.looks[-1], statements(design)
        count = len(next(iter(values.values())))
        order = np.random.default_rng([self.seed, 81]).permutation(count)
        assumed = jnp.asarray(np.nan if way.assumed_hr is None else way.assumed_hr)
        how = (schedule(design), jnp.asarray(way.stop), assumed)
        won, ends = [], []
        for first in range(0, self.draws, _CHUNK):
            numbers = np.arange(first, first + _CHUNK)
            rows = order[numbers % count]
            own = {name: jnp.asarray(column[rows]) for name, column in values.items()}
            members, *end = self._run(
                jnp.asarray(numbers), own, jnp.asarray(self.seed), self.now, how
            )
            found = posteriors(analysis, members, seed=self.seed, chunk=_CHUNK)
            won.append(holds(last.efficacy, found["probability"], asked))
            ends.append(np.stack([np.asarray(one, np.float64) for one in end]))
        enrolled, events, months = np.concatenate(ends, axis=1)[:, : self.draws]
        here = int(np.asarray(self.now.seen.exposure).sum())
        return Continuation(
            way.name,
            here if way.stop else design.patients,
            way.assumed_hr,
            way.at_mode,
            share(np.concatenate(won)[: self.draws]),
            average(enrolled),
            average(events),
            average(months),
        )


type _How = tuple[Schedule, jax.Array, jax.Array]
"""Numbers of the design, whether accrual stops, the assumed hazard ratio (NaN for none)."""
type _Run = Callable[..., tuple[dict[str, jax.Array], jax.Array, jax.Array, jax.Array]]


def _one(
    frame: TrialAnalysis,
    draw: jax.Array,
    values: dict[str, jax.Array],
    seed: jax.Array,
    now: Standing,
    how: _How,
) -> tuple[dict[str, jax.Array], jax.Array, jax.Array, jax.Array]:
    """Return the last look's data of one continuation, and when that is, with whom."""
    (numbers, stop, assumed), design = how, frame.design
    key = jax.random.fold_in(jax.random.key(seed), draw)
    name = design.treatment.name
    values = {**values, name: jnp.where(jnp.isnan(assumed), values[name], jnp.log(assumed))}
    everybody = newcomers(key, design, *now, switch=None)
    here = now.seen.exposure == 1.0
    may = here | (~stop & (jnp.arange(len(here)) < numbers.patients))
    everybody = everybody._replace(arrival=jnp.where(may, everybody.arrival, jnp.inf))
    whole = followed_on(key, frame, everybody, now.seen, values)
    time = jnp.maximum(look_times(whole, design, numbers)[-1], now.seen.time)
    cut = see(whole, time)
    return frame.members(whole, cut), cut.exposure.sum(), cut.event.sum(), time


def continuations(
    plan: TrialPlan, future: Future, analyses: Sequence[TrialAnalysis]
) -> tuple[tuple[Continuation, ...], tuple[Failure, ...]]:
    """Simulate every way to go on; one that cannot be simulated takes no other with it.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    future : Future
        The remaining data.
    analyses : sequence of TrialAnalysis
        Of the design, and of larger ones.

    Returns
    -------
    found : tuple of Continuation
        Those that were simulated.
    lost : tuple of Failure
        The others, each with its reason.
    """
    asked = [(analyses[0], way) for way in _ways(plan)]
    asked += [(larger, Way("enlarge")) for larger in analyses[1:]]
    found = [
        attempted(way.told(analysis.design.patients), partial(future.continued, analysis, way))
        for analysis, way in asked
    ]
    return (
        tuple(one for one in found if isinstance(one, Continuation)),
        tuple(one for one in found if isinstance(one, Failure)),
    )


def _ways(plan: TrialPlan) -> list[Way]:
    """What is tried: go on, by the posterior and at assumed effects, and stop accrual.

    Where accrual was stopped, to go on is to follow those who are enrolled.
    """
    assumed = [
        scenario.effect.hr[0]
        for scenario in plan.scenarios
        if scenario.posterior is None and len(scenario.effect.hr) == 1
    ]
    stop = plan.interim.accrual_stopped
    return [
        Way("go on", stop=stop),
        *([] if stop else [Way("stop accrual", stop=True)]),
        Way("go on", at_mode=True, stop=stop),
        *(Way("go on", ratio, at_mode=True, stop=stop) for ratio in sorted(set(assumed))),
    ]


def probability_now(analysis: TrialAnalysis, now: Standing) -> dict[Rule, float]:
    """Return the probability of each statement of a design's rules, by the data so far.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model.
    now : Standing
        The trial as it stands.

    Returns
    -------
    dict of Rule to float
        NaN for statements about the future, and where no mode was found.
    """
    members = {name: v[None] for name, v in analysis.members(*now).items()}
    found = posteriors(analysis, members, seed=0, chunk=1)
    asked = statements(analysis.design)
    return dict(zip(asked, found["probability"][0].tolist(), strict=True))
