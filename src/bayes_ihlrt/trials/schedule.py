"""What of a design enters a compiled simulation as numbers: it may change without compiling."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayes_ihlrt.spec.rules import LookSpec
from bayes_ihlrt.spec.trial import TrialDesign


class Schedule(NamedTuple):
    """Size, timing and entry of a trial.

    Parameters
    ----------
    patients : array, scalar int
        Maximum sample size; at most the patients that were compiled for.
    max_months : array, scalar
        Longest duration.
    enrol_from : array, scalar
        Value of the modifier from which patients are enrolled; 0 for everybody.
    events, of_patients : array of int, shape (looks,)
        See `LookSpec`; without meaning where a look does not have them, all patients where
        `of_patients` was left out.
    calendar, min_follow_up : array, shape (looks,)
        Months; without meaning where a look does not have them.
    enlarged : Schedule or None
        That of the trial once it is enlarged; None where it cannot be.
    """

    patients: jax.Array
    max_months: jax.Array
    enrol_from: jax.Array
    events: jax.Array
    of_patients: jax.Array
    calendar: jax.Array
    min_follow_up: jax.Array
    enlarged: "Schedule | None" = None


def enlarged_design(design: TrialDesign) -> TrialDesign | None:
    """Return the trial that a design becomes once its `extend` rules held.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    TrialDesign or None
        Of the larger size, its looks but the last as planned; None where it cannot be enlarged.
    """
    larger = design.extension
    if larger is None:
        return None
    looks = larger.looks(design.looks, design.patients)
    changes = {"patients": design.most_patients, "looks": looks, "extension": None}
    return design.model_copy(update=changes)


def schedule(design: TrialDesign) -> Schedule:
    """Return the schedule of a design.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    Schedule
        On arrays.

    Examples
    --------
    >>> from bayes_ihlrt.spec.trial import TrialDesign
    >>> rule = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.975}
    >>> design = TrialDesign.model_validate({
    ...     "patients": 100, "accrual": {"rates": [10.0]}, "treatment": {"name": "arm"},
    ...     "outcome": {"formula": "arm"}, "looks": [{"events": 60, "efficacy": [rule]}]})
    >>> found = schedule(design)
    >>> int(found.patients), found.events.tolist(), float(found.max_months)
    (100, [60], 120.0)
    """

    def each(value: Callable[[LookSpec], float | None], default: float) -> list[float]:
        found = [value(look) for look in design.looks]
        return [default if one is None else one for one in found]

    larger = enlarged_design(design)
    return Schedule(
        patients=jnp.asarray(design.patients),
        max_months=jnp.asarray(design.max_months),
        enrol_from=jnp.asarray(design.population.enrol_from or 0.0),
        events=jnp.asarray(each(lambda look: look.events, 1), int),
        of_patients=jnp.asarray(each(lambda look: look.patients, design.patients), int),
        calendar=jnp.asarray(each(lambda look: look.calendar, 0.0)),
        min_follow_up=jnp.asarray(each(lambda look: look.min_follow_up, 0.0)),
        enlarged=None if larger is None else schedule(larger),
    )
