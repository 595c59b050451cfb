"""Known truth for the bias ladder; writes the tables of docs/validation/ladder.md.

    python tests/ladder_truth.py run RESULTS.jsonl [replicates large [scenario ...]]
    python tests/ladder_truth.py report RESULTS.jsonl [MORE.jsonl] > docs/validation/ladder.md
    python tests/ladder_truth.py small RESULTS.jsonl    # the last section: cohorts of 80

`run` adds one line a cohort to RESULTS and can be stopped and started again; it takes all scenarios
unless some are named. Every rung that the
ladder plans is fitted as the ladder fits it; what it should find comes from `true_contrasts`.
"""

import json
import sys
import time
import warnings
from pathlib import Path

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.estimands.contrasts import summarise
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.rungs import WEIGHTS, plan_rungs
from bayes_ihlrt.multistate.rows import transitions
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.propensity.model import SeparationWarning
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.states import Transition
from bayes_ihlrt.synthetic.truth import CohortTruth
from ladder_truth_report import LARGE, PATIENTS, SMALL, report, small_table
from true_contrasts import AT, GRACE, HORIZON, LANDMARK, NAIVE, Scenario, observed

SUMMARY = ("mean", "sd", "q2.5", "q97.5")
FIRST_SEED, DRAWS, WEIGHTED_DRAWS = 1000, 800, 400
# Nothing but death ends eligibility, and centres are alike: what is left to confound is response
# and hepatic reserve, which the propensity reads.
CLEAN = {"centre_sd": 0.0, "progression_rate": 0.0}
STRONG = {
    "log_hr_response": -1.5,
    "initiation_log_hr_response": 1.5,
    "response_share": 0.45,
    "log_hr_ihlrt_nlr": 0.0,
    **CLEAN,
}
WEIGHTED = frozenset({"sequential weights", "clone-censor-weight weights"})
BETWEEN = NAIVE | WEIGHTED
NONE = CohortTruth(log_hr_ihlrt=0.0, log_hr_ihlrt_nlr=0.0, **CLEAN)
PROTECTIVE = CohortTruth(log_hr_ihlrt=-0.5, log_hr_ihlrt_nlr=0.0, **CLEAN)
HIGH_NLR = CohortTruth(log_hr_ihlrt=-0.226, log_hr_ihlrt_nlr=-0.386, **CLEAN)
CONFOUNDED = CohortTruth(log_hr_ihlrt=-0.29, **STRONG)
AT_VISITS = {"at_visits": True, "only": WEIGHTED}
SCENARIOS = {
    "no-effect": Scenario("No effect", NONE, fails=BETWEEN),
    "no-effect-visits": Scenario("No effect, treatment given at the visits", NONE, **AT_VISITS),
    "protective": Scenario("Protective, HR 0.61", PROTECTIVE, fails=BETWEEN),
    "protective-visits": Scenario(
        "Protective, HR 0.61, treatment given at the visits", PROTECTIVE, **AT_VISITS
    ),
    "high-nlr": Scenario(
        "Effect at high NLR: HR 1 at NLR 2, 0.60 at NLR 5", HIGH_NLR, fails=BETWEEN
    ),
    "high-nlr-visits": Scenario(
        "Effect at high NLR: HR 1 at NLR 2, 0.60 at NLR 5, treatment given at the visits",
        HIGH_NLR,
        **AT_VISITS,
    ),
    "strong-visits": Scenario(
        "HR 0.75, strongly confounded by response, treatment given at the visits",
        CONFOUNDED,
        at_visits=True,
    ),
    "brings-response": Scenario(
        "Direct HR 0.75, and treatment, given at the visits, brings the response that confounds it",
        CONFOUNDED,
        at_visits=True,
        brings_response=True,
        fails=NAIVE | {"split covariates"},
        only=WEIGHTED | {"split covariates", "ever-never none", "split none"},
    ),
}
DECIDED_ON = "nlr * response + albi + afp_high"
OF_SMALL = "no-effect-visits"


def initiation(scenario, rung, patients=PATIENTS):
    """Return the formula of the propensity of a rung."""
    if patients == SMALL:
        return "nlr + response + albi + afp_high + time"
    if rung.startswith("landmark"):
        # All decide at one time, so that time is no covariate.
        return DECIDED_ON
    if not scenario.at_visits:
        return f"{DECIDED_ON} + bs(time, df=3)"
    # Those who can be treated are used up faster among responders. Clones of all decisions hang
    # together, and so do trials where treatment makes responders.
    if rung == "clone-censor-weight":
        return f"{DECIDED_ON} + bs(time, df=4) * response"
    later = " + response:number" if scenario.brings_response else ""
    return f"{DECIDED_ON} + C(number){later}"


def specification(scenario, seed):
    """Return the analysis, with wide priors: priors centred on the truth would flatter coverage."""
    return parse_spec(f"""
schema = 2
name = "known-truth"
data = {{ patient = "patient_id", time = "os_months", event = "death" }}
treatment = {{ name = "ihlrt", start = "ihlrt_months" }}
modifier = {{ name = "nlr", column = "nlr", reference = 3.0 }}
[visits]
switches = {{ response = "response_months" }}
every = {scenario.grid}
starts = "{"at-visit" if scenario.at_visits else "between-visits"}"
[outcome]
formula = "ihlrt * nlr + albi + afp_high + response"
[propensity]
formula = "{initiation(scenario, "sequential")}"
[priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 2.5 }}
baseline = {{ median_survival = 20.0, upper = 100.0 }}
[sampler]
seed = {seed}
[estimands]
at = {list(AT)}
[ladder]
response = "response"
landmarks = [{LANDMARK}]
grace = {GRACE}
horizon = {HORIZON}
draws = {DRAWS}
""")


def hazard_of_death(spec, cohort, plan):
    """Return the log hazard ratio of the g-formula's hazard of death, without simulated lives."""
    response = plan.states.response.switch
    rows = transitions(cohort, plan.treatment, response=response).rows[Transition.EVENT]
    model = plan.states.model_of(Transition.EVENT, treatment=plan.treatment.name)
    settings = SamplerSpec(draws=DRAWS // 4, chains=4, seed=spec.sampler.seed)
    found = summarise(log_hazard_ratio(fit_shared(model, rows, settings)))
    return {"log_hr": [float(found[name]) for name in SUMMARY]}


def fitted(scenario, seed, patients=PATIENTS):
    """Return the estimates of the scenario's rungs in one cohort; no lives in a large one."""
    large = patients == LARGE
    spec = specification(scenario, seed)
    cohort = read_cohort(spec, observed(scenario, patients, seed))
    found = {}
    for plan in plan_rungs(spec, cohort):
        label = f"{plan.rung} {plan.adjustment}"
        if not scenario.fits(label):
            continue
        own = spec
        if plan.adjustment == WEIGHTS:
            # Of a large cohort the mean is wanted, and a few draws tell it.
            few = spec.ladder.model_copy(update={"draws": 5 if large else WEIGHTED_DRAWS})
            own = spec.model_copy(update={"ladder": few})
            formula = initiation(scenario, plan.rung, patients)
            decided = spec.propensity.model_copy(update={"formula": formula})
            own = own.model_copy(update={"propensity": decided})
        begun = time.perf_counter()
        try:
            if large and plan.states is not None:
                # Lives of 20,000 patients under every draw take half an hour.
                found[label] = hazard_of_death(spec, cohort, plan)
                continue
            rung = fit_rung(own, cohort, plan, horizon=HORIZON)
        except ConvergenceError as error:
            sys.stderr.write(f"{seed}, {label}: left out, {error}\n")
            continue
        values = {"log_hr": rung.log_hr, "rmst": rung.rmst_difference}
        values |= {f"at_{at:g}": summary for at, summary in rung.log_hr_at.items()}
        found[label] = {
            "seconds": time.perf_counter() - begun,
            **{
                name: [summary[part] for part in SUMMARY]
                for name, summary in values.items()
                if summary is not None
            },
        }
    return found


def run(path, jobs):
    """Fit cohorts one after the other: jobs are scenario, seed and number of patients."""
    lines = path.read_text().splitlines() if path.exists() else []
    done = {(d["scenario"], d["seed"], d["patients"]) for d in map(json.loads, lines)}
    warnings.simplefilter("ignore", SeparationWarning)
    for name, seed, patients in jobs:
        if (name, seed, patients) in done:
            continue
        line = {"scenario": name, "seed": seed, "patients": patients}
        line["rungs"] = fitted(SCENARIOS[name], seed, patients)
        with path.open("a") as out:
            out.write(json.dumps(line) + "\n")


def planned(replicates, large, names):
    """Return the large cohorts first, the scenarios in turn."""
    sizes = [(LARGE, number) for number in range(large)]
    sizes += [(PATIENTS, number) for number in range(replicates)]
    return [(name, FIRST_SEED + number, size) for size, number in sizes for name in names]


if __name__ == "__main__":
    if sys.argv[1] == "report":
        sys.stdout.write(report([Path(text) for text in sys.argv[2:]], SCENARIOS))
    elif sys.argv[1] == "small":
        run(Path(sys.argv[2]), [(OF_SMALL, FIRST_SEED + number, SMALL) for number in range(200)])
        sys.stdout.write(small_table(Path(sys.argv[2]), OF_SMALL, SCENARIOS[OF_SMALL]))
    else:
        replicates, large = (int(text) for text in sys.argv[3:5] or ("200", "5"))
        run(Path(sys.argv[2]), planned(replicates, large, sys.argv[5:] or list(SCENARIOS)))
