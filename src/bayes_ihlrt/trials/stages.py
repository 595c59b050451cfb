"""What a look sees: when it happens and the data that are there, on arrays of one trial.

A stage is a look on a path. As planned there is one path. There is one more for each look that may
stop the enrolment or enlarge the trial, and for each value that it may switch the enrolment to, so
that every decision, whatever its threshold, finds its data simulated and analysed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayes_ihlrt.cohort.starts import SAME_TIME
from bayes_ihlrt.spec.rules import Combine, LookSpec
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.patients import Patients, Screened, enrol, reopened
from bayes_ihlrt.trials.schedule import Schedule
from bayes_ihlrt.trials.truth import Truth, TruthSource


@dataclass(frozen=True)
class Stage:
    """A look on a path.

    Parameters
    ----------
    look : int
        Number of the look, from 0.
    path : int or None
        The look that switched the enrolment, stopped it, or enlarged the trial; None where none
        did.
    switch : float or None
        Value from which patients were enrolled from there on; None where enrolment did not switch.
    stopped : bool
        Whether accrual was stopped there.
    extended : bool
        Whether the trial was enlarged there.
    """

    look: int
    path: int | None = None
    switch: float | None = None
    stopped: bool = False
    extended: bool = False

    @property
    def enriched(self) -> bool:
        """Whether enrolment was switched."""
        return self.switch is not None

    def schedule(self, planned: Schedule) -> Schedule:
        """Return the schedule that the stage's trial follows: as planned, or as enlarged."""
        return planned.enlarged if self.extended and planned.enlarged is not None else planned


type _Path = tuple[int | None, float | None]
"""The look that a path begins at, and the value that enrolment switches to there."""


class Seen(NamedTuple):
    """What a look sees of one trial.

    Parameters
    ----------
    time : array, scalar
        Months since the trial opened.
    stop : array, shape (N,)
        Months of follow-up; 0 for those not yet enrolled.
    event, exposure : array, shape (N,)
        1 where the event was seen, and where the patient was enrolled.
    """

    time: jax.Array
    stop: jax.Array
    event: jax.Array
    exposure: jax.Array


def stages(design: TrialDesign) -> tuple[Stage, ...]:
    """Return the stages of a design: looks as planned, after each switch, extension and stop.

    Where accrual stops, the last look is the next one.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    tuple of Stage
        By path, then by look.

    Examples
    --------
    >>> from bayes_ihlrt.spec.trial import TrialDesign
    >>> rule = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.975}
    >>> design = TrialDesign.model_validate({
    ...     "patients": 100, "accrual": {"rates": [10.0]}, "treatment": {"name": "arm"},
    ...     "outcome": {"formula": "arm"}, "population": {"switch_to": 3.0},
    ...     "looks": [{"events": 30, "enrich": [rule]}, {"events": 60, "efficacy": [rule]}]})
    >>> [(stage.look, stage.path) for stage in stages(design)]
    [(0, None), (1, None), (1, 0)]
    """
    looks = range(len(design.looks))
    plain = [Stage(look) for look in looks]
    # No design has both.
    enlarging = [look for look in looks if design.looks[look].extend]
    switching = [look for look in looks if design.looks[look].enrich]
    changed = [Stage(look, path, extended=True) for path in enlarging for look in looks[path + 1 :]]
    changed += [
        Stage(look, path, value)
        for path in switching
        for value in design.population.switches
        for look in looks[path + 1 :]
    ]
    stops = [look for look in looks if design.looks[look].stop_accrual]
    return tuple(plain + changed + [Stage(looks[-1], path, stopped=True) for path in stops])


def look_times(patients: Patients, design: TrialDesign, numbers: Schedule) -> jax.Array:
    """Return when the looks of one trial happen.

    Parameters
    ----------
    patients : Patients
        The trial's patients.
    design : TrialDesign
        Which conditions its looks have.
    numbers : Schedule
        Their numbers.

    Returns
    -------
    array, shape (looks,)
        Months since the trial opened, never decreasing. A number of events that is never reached
        counts as reached when nobody is followed any more.
    """
    seen = patients.event <= patients.dropout
    exits = patients.arrival + jnp.minimum(patients.event, patients.dropout)
    everybody = jnp.max(jnp.where(jnp.isfinite(exits), exits, 0.0))
    events = jnp.sort(jnp.where(seen, exits, jnp.inf))
    times, before = [], jnp.asarray(0.0)
    for number, look in enumerate(design.looks):
        due = _due(look, patients, events, jax.tree.map(_entry(number), numbers))
        due = jnp.where(jnp.isfinite(due), due, everybody)
        before = jnp.maximum(before, jnp.minimum(due, numbers.max_months))
        times.append(before)
    return jnp.stack(times)


def _entry(number: int) -> Callable[[jax.Array], jax.Array]:
    return lambda values: values[number] if values.ndim else values


def _due(look: LookSpec, patients: Patients, events: jax.Array, own: Schedule) -> jax.Array:
    """Return when a look's conditions are met; `own` holds the numbers of this look alone."""
    conditions = []
    if look.events is not None:
        conditions.append(events[own.events - 1])
    if look.calendar is not None:
        conditions.append(own.calendar)
    if look.min_follow_up is not None:
        # Where fewer are enrolled, accrual having stopped, it is the last of those.
        enrolled = jnp.where(jnp.isfinite(patients.arrival), patients.arrival, 0.0)
        last = patients.arrival[own.of_patients - 1]
        last = jnp.where(jnp.isfinite(last), last, enrolled.max())
        conditions.append(last + own.min_follow_up)
    together = jnp.stack(conditions)
    return together.max() if look.combine is Combine.ALL else together.min()


def see(patients: Patients, time: jax.Array) -> Seen:
    """Return what is known of a trial's patients at one time.

    Parameters
    ----------
    patients : Patients
        The trial's patients.
    time : array, scalar
        Months since the trial opened.

    Returns
    -------
    Seen
        Follow-up cut at `time`.
    """
    room = jnp.maximum(time - patients.arrival, 0.0)
    enrolled = patients.arrival < time
    # The compiler rounds one sum in two ways: the event that a look waited for is to be seen by it.
    happened = patients.arrival + patients.event <= time + SAME_TIME
    seen = enrolled & happened & (patients.event <= patients.dropout)
    followed = jnp.minimum(jnp.minimum(patients.event, patients.dropout), room)
    return Seen(
        time=time,
        stop=jnp.where(enrolled, jnp.where(seen, patients.event, followed), 0.0),
        event=seen.astype(float),
        exposure=enrolled.astype(float),
    )


def without_newcomers(patients: Patients, after: jax.Array) -> Patients:
    """Return a trial in which accrual stops.

    Parameters
    ----------
    patients : Patients
        The trial's patients.
    after : array, scalar
        Month from which nobody is enrolled.

    Returns
    -------
    Patients
        Those who were to come later never arrive.
    """
    come = patients.arrival < after
    return patients._replace(arrival=jnp.where(come, patients.arrival, jnp.inf))


def run_stages(
    key: jax.Array,
    people: Screened,
    truth: Truth,
    *,
    design: TrialDesign,
    numbers: Schedule,
    source: TruthSource,
) -> tuple[Patients, Seen]:
    """Simulate one trial along all its paths.

    Parameters
    ----------
    key : array
        The trial's key.
    people : Screened
        Who is screened.
    truth : Truth
        Parameters of the trial.
    design : TrialDesign
        The design, of as many patients as were compiled for.
    numbers : Schedule
        Its size, timing and entry, also once it is enlarged.
    source : TruthSource
        Hazard and periods of the effect.

    Returns
    -------
    patients : Patients, leading axis stages
        Those of the stage's path.
    seen : Seen, leading axis stages
        What each stage sees.
    """
    enrolled = partial(enrol, key, people, truth, design=design, source=source)
    never = enrolled(numbers=numbers, switch=None)
    times = look_times(never, design, numbers)
    paths: dict[_Path, tuple[Patients, jax.Array]] = {(None, None): (never, times)}
    for stage in stages(design):
        if stage.path is not None and (stage.path, stage.switch) not in paths:
            at, own = times[stage.path], stage.schedule(numbers)
            if stage.stopped:
                after = without_newcomers(never, at)
            else:
                switch = (at, stage.switch) if stage.switch is not None else None
                after = enrolled(numbers=own, switch=switch)
            if stage.extended:
                after = reopened(after, design.accrual, numbers.patients, at)
            paths[stage.path, stage.switch] = (
                after,
                jnp.maximum(look_times(after, design, own), at),
            )
    each = [(stage.look, *paths[stage.path, stage.switch]) for stage in stages(design)]
    cut = [see(patients, times[look]) for look, patients, times in each]
    together = [patients for _, patients, _ in each]
    return (
        jax.tree.map(lambda *parts: jnp.stack(parts), *together),
        jax.tree.map(lambda *parts: jnp.stack(parts), *cut),
    )
