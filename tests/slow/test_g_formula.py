"""The g-formula recovers what treatment does where a model without response does not."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.contrasts import summarise
from bayes_ihlrt.estimands.curves import NEVER, treated_from
from bayes_ihlrt.estimands.curves import rmst as split_rmst
from bayes_ihlrt.estimands.curves import survival as split_survival
from bayes_ihlrt.multistate.courses import natural_course, strategy_contrasts
from bayes_ihlrt.multistate.fit import fit_transitions
from bayes_ihlrt.multistate.occupation import state_occupation
from bayes_ihlrt.multistate.states import UNTREATED, from_month
from bayes_ihlrt.posterior.fitted import fit_model
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.states import StatesSpec
from bayes_ihlrt.synthetic.mechanism import death_time, draw_patients, progression_time
from bayes_ihlrt.synthetic.simulate import true_estimands
from bayes_ihlrt.synthetic.truth import CohortTruth
from states_cases import IHLRT, simulated

pytestmark = pytest.mark.slow

PATIENTS, HORIZON = 2000, 24.0
SETTINGS = SamplerSpec(engine="laplace", draws=500, chains=2, seed=1)
NLR = {"name": "nlr", "column": "nlr", "reference": 3.0}
BASELINE = "nlr + albi + afp_high"
CONFOUNDED = CohortTruth(
    log_hr_ihlrt=-0.2,
    log_hr_ihlrt_nlr=0.0,
    log_hr_response=-1.5,
    initiation_log_hr_response=1.5,
    response_share=0.45,
    centre_sd=0.0,
)
"""Response matters so much that one cohort of 2,000 shows the bias of leaving it out."""

OVERALL = StatesSpec(
    cuts=(1.0, 2.0, 3.0, 4.5, 6.0, 9.0, 12.0, 18.0, 24.0),
    event={"formula": f"ihlrt + response + {BASELINE}"},
    initiation={"formula": "response + albi"},
    # Hardly anybody responds later than in month 9.
    response={"switch": "response", "formula": "nlr", "cuts": (1.0, 2.0, 3.0, 4.5, 6.0, 9.0)},
    modifier=NLR,
)
PROGRESSION = StatesSpec(
    **OVERALL.model_dump(exclude={"progression", "after_progression"}),
    progression={"switch": "progression", "formula": f"ihlrt + response + {BASELINE}"},
    after_progression={"formula": f"ihlrt + response + {BASELINE}"},
)


@cache
def overall_fit():
    cohort = simulated(PATIENTS, 1, truth=CONFOUNDED)
    return cohort, fit_transitions(cohort, IHLRT, spec=OVERALL, settings=SETTINGS)


def contrasts(fit):
    """Mean and sd of the differences between from month 3 and never."""
    found = state_occupation(fit, [HORIZON], [UNTREATED, from_month(3.0)])
    gaps = strategy_contrasts(found).isel(time=0, strategy=0)
    return {name: summarise(gaps[name]) for name in gaps}


def test_treatment_from_month_three_against_never():
    """Within two posterior sd of the truth; without response the split model is not, by far."""
    truth = {
        row.quantity.value: row.value
        for row in true_estimands(CONFOUNDED, horizons=[HORIZON], at=[], n=400_000, seed=3)
        if (row.strategy, row.reference) == ("from-3", "never")
    }
    cohort, fit = overall_fit()
    for name, found in contrasts(fit).items():
        mean, sd = float(found["mean"].item()), float(found["sd"].item())
        assert abs(mean - truth[name]) < 2.0 * sd, name
        assert sd < {"survival": 0.03, "rmst": 0.4}[name]
    model = OVERALL.model_of("event", treatment="ihlrt")
    outcome = model.outcome.model_copy(update={"formula": f"ihlrt + {BASELINE}"})
    naive = fit_model(
        model.model_copy(update={"outcome": outcome}), person_time(cohort, IHLRT), SETTINGS
    )
    strategies = [NEVER, treated_from(3.0)]
    curve = split_survival(naive, [HORIZON], strategies).isel(time=0)
    area = split_rmst(naive, HORIZON, strategies)
    for name, values in (("survival", curve), ("rmst", area)):
        gap = summarise(values.isel(strategy=1) - values.isel(strategy=0))
        assert float(gap["mean"]) - truth[name] > 3.0 * float(gap["sd"]), name


def test_natural_course_reproduces_the_product_limit_curve():
    """Within three of its own standard errors, at every time at which a tenth are at risk."""
    _, fit = overall_fit()
    found = natural_course(fit, [1.0, 2.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 30.0])
    assert int(found["at_risk"].min()) > 0.1 * PATIENTS
    gap = np.abs(found["difference"].mean(("chain", "draw")))
    assert bool((gap < 3.0 * found["standard_error"]).all())
    assert float(gap.max()) < 0.02


def test_two_endpoints():
    """Treatment at month 3 of the progression-free: survival, and survival without progression."""
    rng = np.random.default_rng(5)
    patients = draw_patients(CONFOUNDED, np.zeros(400_000), rng)
    never = np.full(patients.response.size, np.inf)
    free = np.minimum(
        progression_time(CONFOUNDED, patients, never), death_time(CONFOUNDED, patients, never)
    )
    lives = []
    for start in (never, np.where(free > 3.0, 3.0, np.inf)):
        death = death_time(CONFOUNDED, patients, start)
        progression = progression_time(CONFOUNDED, patients, start)
        lives.append(np.minimum(np.stack([death, np.minimum(progression, death)]), HORIZON))
    months = (lives[1] - lives[0]).mean(axis=1)
    alive = ((lives[1] >= HORIZON).mean(axis=1)) - (lives[0] >= HORIZON).mean(axis=1)
    cohort = simulated(PATIENTS, 2, truth=replace(CONFOUNDED))
    fit = fit_transitions(cohort, IHLRT, spec=PROGRESSION, settings=SETTINGS)
    found = contrasts(fit)
    for name, truth in (("rmst", months), ("survival", alive)):
        error = np.abs(found[name]["mean"] - truth)
        assert bool((error < 2.0 * found[name]["sd"]).all()), (name, found[name], truth)
