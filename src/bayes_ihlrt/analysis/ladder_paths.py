"""What a rung of the ladder gains through response and what given response, in words."""

import numpy as np

from bayes_ihlrt.analysis.ladder_rung import Rung, Summary
from bayes_ihlrt.estimands.transition_spec import StatesSpec


def response_sentence(rung: Rung) -> str:
    """Return what a rung gains through response and what given response, in a sentence.

    Parameters
    ----------
    rung : Rung
        With `by_response`.

    Returns
    -------
    str
        Months with their 95 % intervals.
    """
    paths, total = rung.by_response, rung.rmst_difference
    if paths is None or total is None:
        message = "the rung has no response"
        raise AssertionError(message)
    response = "response" if rung.plan.states is None else _switch(rung.plan.states)
    if paths.log_hr_response is None:
        return (
            f"All of the {_gained(total)} months gained are gained given {response}: treatment is "
            f"taken not to change the hazard of {response}."
        )
    middle, low, high = (np.exp(paths.log_hr_response[q]) for q in ("median", "q2.5", "q97.5"))
    return (
        f"Of the {_gained(total)} months gained, {_gained(paths.through)} are gained through "
        f"{response}, whose hazard treatment multiplies by {middle:.2f} ({low:.2f} to "
        f"{high:.2f}), and {_gained(paths.given)} "
        f"given {response}, with that path cut."
    )


def _switch(states: StatesSpec) -> str:
    return "response" if states.response is None else states.response.switch


def _gained(months: Summary) -> str:
    return f"{months['median']:+.1f} ({months['q2.5']:+.1f} to {months['q97.5']:+.1f})"
