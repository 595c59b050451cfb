"""An explorer without an engine: numbers that move as those of trials do, at once."""

from contextlib import contextmanager
from threading import Thread
from time import sleep
from types import SimpleNamespace

import numpy as np
from scipy.special import ndtr, ndtri

from bayes_ihlrt.explorer.app import listening, server
from bayes_ihlrt.explorer.session import Session
from bayes_ihlrt.trials.decisions import claims, success_is
from bayes_ihlrt.trials.operating import (
    AtLook,
    Estimated,
    OnTarget,
    OperatingCharacteristics,
    share,
)


def fake_design(design, scenario, *, trials, seed, prior, pool, progress=None):
    """Return what `simulate_design` does, by the normal approximation of a log hazard ratio."""
    last, hr = design.looks[-1], scenario.effect.hr[-1]
    false = tuple(np.array([any(hr >= rule.below for rule in rules)]) for rules in claims(design))
    events, threshold = last.events, last.efficacy[0].threshold
    gain = 0.5 * -np.log(hr)
    power = float(ndtr(np.sqrt(events) * gain - ndtri(threshold)))
    won = share(np.arange(trials) < round(power * trials))
    lost = share(np.arange(trials) < trials // 10)

    def around(value):
        return Estimated(value, 0.1, value - 0.2, value + 0.2)

    looks = tuple(
        AtLook(number + 1, won, won, lost, around(20.0), around(90.0), around(look.events), 0.0)
        for number, look in enumerate(design.looks)
    )
    target = OnTarget("log_hr", 0.0, around(0.0), around(0.0), around(0.2), won)
    size = around(float(design.patients))
    found = OperatingCharacteristics(
        "design",
        scenario.name,
        trials,
        0,
        {},
        won,
        lost,
        *[share(np.zeros(trials, dtype=bool))] * 3,
        won,
        success_is(false, drawn=scenario.is_drawn),
        won,
        size,
        around(float(events)),
        around(30.0),
        (target,),
        looks,
    )
    return SimpleNamespace(design=design, found=found)


@contextmanager
def serving(plan, *, simulate=fake_design, trials=2_048, priors=None):
    """Serve a session; give the address and the session."""
    session = Session(plan, trials, priors or {}, simulate)
    with listening(0) as listener:
        running = server(session)
        thread = Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not running.started:
            sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", session
        running.should_exit = True
        thread.join(10)
