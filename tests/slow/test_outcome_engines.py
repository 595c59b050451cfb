"""Chains and the Laplace engine agree on causes and on events between scans, with a group.

Simulators import nothing of the package; centres differ, since patients are sent to them partly by
how long they were followed.
"""

import numpy as np
import pytest
from validation.outside import causes, intervals

from bayes_ihlrt.analysis.causes import check_causes
from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.estimands.causes import cumulative_incidence
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.names import STRATEGY, Engine
from bayes_ihlrt.posterior.fitted import fit_model
from bayes_ihlrt.spec.read import parse_spec

pytestmark = pytest.mark.slow
EVENTS = {
    "causes": 'time = "months"\nevent = { column = "cause", values = { tumour = 1, liver = 2 } }',
    "scans": 'event = { left = "free", right = "found" }',
}
FORMULAS = {"causes": "trt * nlr + albi", "scans": "trt * nlr"}
SPECIFICATION = """
schema = 2
name = "engines"
[data]
patient = "id"
centre = "centre"
{event}
[treatment]
name = "trt"
start = "treated_months"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "{formula}"
group = "(1 | centre)"
[sampler]
tune = 500
draws = 1000
chains = 4
"""
PATIENTS, HORIZON = 200, 24.0
STRATEGIES = [NEVER, treated_from(0.0)]


def analysed(kind, frame, months):
    """Return a specification with a group, and patients in four unlike centres."""
    noise = np.random.default_rng(4).normal(0.0, np.std(months), len(months))
    rank = np.argsort(np.argsort(months + noise))
    centre = [f"centre {4 * place // len(months)}" for place in rank]
    spec = parse_spec(SPECIFICATION.format(event=EVENTS[kind], formula=FORMULAS[kind]))
    return spec, frame.assign(centre=centre)


def by_both(part):
    """Return the fit of one event by Laplace and by chains."""
    return tuple(
        fit_model(
            part.spec.model,
            part.person_time,
            part.spec.sampler.model_copy(update={"engine": engine}),
        )
        for engine in (Engine.LAPLACE, Engine.NUTS)
    )


def agree(fits, draws, name):
    """Compare means within 4 Monte Carlo errors, spreads within a tenth."""
    laplace, chains = (each.to_numpy().ravel() for each in draws)
    spread = chains.std()
    errors = [fit.convergence.effective**-0.5 for fit in fits]
    assert abs(laplace.mean() - chains.mean()) < 4.0 * spread * np.hypot(*errors), name
    assert laplace.std() == pytest.approx(spread, rel=0.1), name


def test_causes():
    frame = causes.cohort(PATIENTS, 71)
    spec, frame = analysed("causes", frame, frame["months"].to_numpy())
    found = {name: by_both(part) for name, part in check_causes(spec, frame).parts.items()}
    for name, fits in found.items():
        assert [fit.convergence.engine for fit in fits] == [Engine.LAPLACE, Engine.NUTS]
        for own in ("trt", "albi", "log_rate", "sd_centre"):
            agree(fits, [fit.posterior[own] for fit in fits], f"{name}, {own}")
    told = [
        cumulative_incidence({name: fits[i] for name, fits in found.items()}, [HORIZON], STRATEGIES)
        for i in (0, 1)
    ]
    # The incidence of a cause rests on both posteriors: on the worse of each engine.
    worst = [
        min((fits[i] for fits in found.values()), key=lambda fit: fit.convergence.effective)
        for i in (0, 1)
    ]
    for name in found:
        for quantity in ("incidence", "months_lost"):
            gained = [each[quantity].sel(event_cause=name).diff(STRATEGY) for each in told]
            agree(worst, gained, f"{name}, {quantity}")


def test_events_between_scans():
    frame = intervals.cohort(PATIENTS, 91)
    months = frame["found"].fillna(frame["free"]).to_numpy()
    spec, frame = analysed("scans", frame, months)
    fits = by_both(check_analysis(spec, frame))
    assert [fit.convergence.engine for fit in fits] == [Engine.LAPLACE, Engine.NUTS]
    for name in ("trt", "nlr", "trt:nlr", "log_rate", "log_shape", "sd_centre"):
        agree(fits, [fit.posterior[name] for fit in fits], name)
    agree(fits, [rmst(fit, HORIZON, STRATEGIES).diff(STRATEGY) for fit in fits], "months gained")
