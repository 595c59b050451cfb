"""Run one command on few data and print every number of its result as JSON.

``python tests/determinism.py COMMAND CORES``, in a process of its own: JAX counts cores once.
"""

import json
import os
import sys

RUN = __name__ == "__main__"
COMMAND, CORES = (sys.argv[1], int(sys.argv[2])) if RUN else ("", 0)
if RUN and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])

import numpy as np  # noqa: E402 - after the cores are set

from bayes_ihlrt.spec.estimands import EstimandSpec  # noqa: E402
from bayes_ihlrt.spec.read import load_spec  # noqa: E402
from bayes_ihlrt.spec.sampler import SamplerSpec  # noqa: E402

DRAWS = {
    "laplace": {"engine": "laplace", "draws": 250, "chains": 4},
    "nuts": {"engine": "nuts", "draws": 100, "tune": 200, "chains": 2},
}


def small(engine="laplace"):
    """Return the heart transplants without covariates, few draws, little of everything."""
    found = load_spec("heart")
    own = found.sensitivity
    few = own.structure.model_copy(
        update={"populations": False, "hazards": own.structure.hazards[1:2], "landmarks": ()}
    )
    changes = {
        "modifier": None,
        "outcome": found.outcome.model_copy(update={"formula": "transplant"}),
        "priors": {name: found.priors[name] for name in ("transplant", "baseline")},
        "estimands": EstimandSpec(),
        "ladder": found.ladder.model_copy(update={"draws": 1000, "null_replicates": 100}),
        "sensitivity": own.model_copy(update={"draws": 800, "audit": 0, "structure": few}),
        "sampler": SamplerSpec(seed=7, **DRAWS[engine]),
    }
    return found.model_copy(update=changes)


def fitted(engine):
    """Return a fit with its draws; too few of them to pass the gate."""
    from bayes_ihlrt.analysis.fit import run_fit

    result = run_fit(small(engine), "heart", allow_nonconverged=True)
    draws = {name: np.asarray(values).tolist() for name, values in result.fit.posterior.items()}
    return {**result.to_dict(), "posterior": draws}


def laddered():
    """Return a bias ladder."""
    from bayes_ihlrt.ladder.run import bias_ladder

    return bias_ladder(small(), "heart").to_dict()


def questioned():
    """Return a sensitivity study."""
    from bayes_ihlrt.sensitivity.study import sensitivity_study

    return sensitivity_study(small(), "heart").to_dict()


def diagnosed():
    """Return the checks of a fit."""
    from bayes_ihlrt.analysis.diagnose import diagnose
    from bayes_ihlrt.analysis.fit import run_fit

    return diagnose(run_fit(small(), "heart")).to_dict()


def planned():
    """Return a plan of trials, without the time that it took."""
    import trial_cases
    from bayes_ihlrt.trials.run import run_trial_plan

    found = run_trial_plan(
        trial_cases.plan(), 200, audited=3, workers=CORES, progress=lambda *_: None
    ).to_dict()
    return {name: found[name] for name in found if not name.startswith(("seconds", "trials_per"))}


if __name__ == "__main__":
    COMMANDS = {
        "laplace": lambda: fitted("laplace"),
        "nuts": lambda: fitted("nuts"),
        "ladder": laddered,
        "sensitivity": questioned,
        "diagnose": diagnosed,
        "plan": planned,
    }
    sys.stdout.write(json.dumps(COMMANDS[COMMAND](), default=str))
