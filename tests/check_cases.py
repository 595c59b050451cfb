"""Cohorts that fit one Weibull model, or miss it in one named way."""

from dataclasses import dataclass

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.model.likelihood import event_times
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec

PATIENTS = 250
LOG_HR, PER_DOUBLING, ALBI = np.log(0.6), 0.4, 0.5
MEDIAN, SHAPE = 18.0, 1.2
PROVENANCE = Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})
SETTINGS = SamplerSpec(engine="laplace", draws=500, chains=4, seed=1)

SPEC = ModelSpec.model_validate(
    {
        "treatment": "treated",
        "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
        "outcome": {"formula": "treated + nlr + albi", "hazard": {"family": "weibull"}},
        "priors": {"baseline": {"median_survival": 18.0, "upper": 90.0}},
    }
)
"""The model that is fitted to every cohort: it is right for the first two."""

SCENARIOS = {
    "right model": None,
    "delayed entry honoured": None,
    "wrong hazard": "hazard",
    "missing interaction": "interaction",
    "delayed entry ignored": "delayed entry",
    "effect that fades": "proportional hazards",
}
"""What is the matter with the model, and the check that should say so."""

HARD = frozenset({"effect that fades"})
"""Wrong, but few events say so: how often it is found is reported, not asked for."""


@dataclass(frozen=True, eq=False)
class CheckCase:
    """A cohort, and when each patient came under observation where that is not in its rows."""

    person_time: PersonTime
    observed_from: np.ndarray | None = None


def check_case(scenario, seed, *, patients=PATIENTS):
    """Return a simulated cohort.

    The hazard that is wrong for a Weibull model falls to a tenth after three months and rises again
    after twelve; the interaction is a factor of 2.5 for each doubling; half of the patients enter
    between 3 and 18 months; the effect that fades is a hazard ratio of 0.3 for four months, then 1.
    """
    rng = np.random.default_rng([seed, *scenario.encode()])
    late = scenario.startswith("delayed entry")
    # Who dies before entry is never seen: draw more patients and keep the first.
    count = 4 * patients if late else patients
    columns, planned = _planned(rng, count)
    entry = np.where(rng.random(count) < 0.5, rng.uniform(3.0, 18.0, count), 0.0) * late
    times = _times(scenario, columns, planned, rng.exponential(size=count))
    end = entry + rng.uniform(12.0, 40.0, count)
    kept = np.flatnonzero(times > entry)[:patients]
    rows = _observed(columns, times, end, kept)
    honoured = scenario == "delayed entry honoured"
    if honoured:
        rows = _from_entry(rows, entry[kept])
    person_time = PersonTime(rows, PROVENANCE)
    hidden = entry[kept] if late and not honoured else None
    return CheckCase(person_time, hidden)


def _planned(rng, count):
    """Covariates, and rows before and after the start of treatment up to 400 months."""
    columns = {
        "treated_from": rng.exponential(12.0, count),
        "nlr": rng.lognormal(np.log(3.0), 0.5, count),
        "albi": rng.normal(-2.4, 0.5, count),
    }
    fades = columns["treated_from"] + 4.0
    start = np.stack([np.zeros(count), columns["treated_from"], fades], axis=1).ravel()
    stop = np.stack([columns["treated_from"], fades, np.full(count, 4000.0)], axis=1).ravel()
    return columns, (start, stop, np.tile([0.0, 1.0, 2.0], count), np.repeat(np.arange(count), 3))


def _times(scenario, columns, planned, target):
    start, stop, state, number = planned
    if scenario == "wrong hazard":
        hazard = Piecewise(cuts=(3.0, 12.0))
        theta = {"log_hazard": np.log([0.09, 0.009, 0.09])}
    else:
        hazard = Weibull()
        rate = np.log(np.log(2.0)) - SHAPE * np.log(MEDIAN)
        theta = {"log_rate": np.asarray(rate), "log_shape": np.asarray(np.log(SHAPE))}
    z = np.log2(columns["nlr"] / 3.0)[number]
    effect = np.where(state > 0.0, LOG_HR, 0.0)
    if scenario == "effect that fades":
        effect = np.where(state == 1.0, np.log(0.3), 0.0)
    eta = effect + PER_DOUBLING * z + ALBI * (columns["albi"][number] + 2.4)
    if scenario == "missing interaction":
        eta = eta + np.log(2.5) * z * (state > 0.0)
    spent = hazard.cumulative_hazard(np, hazard.increment_basis(np, start, stop), theta)
    return event_times(hazard, theta, target, rows=(start, spent, eta, number))


def _observed(columns, times, end, kept):
    """Rows before and after treatment of the patients who are kept, ended at event or censoring."""
    exit_time = np.minimum(times, end)[kept]
    begun = columns["treated_from"][kept]
    before = {"start": np.zeros(len(kept)), "stop": np.minimum(begun, exit_time), "treated": 0.0}
    after = {"start": begun, "stop": exit_time, "treated": 1.0}
    parts = []
    for part, seen in ((before, np.ones(len(kept), bool)), (after, begun < exit_time)):
        who = kept[seen]
        stop = part["stop"][seen]
        parts.append(
            {
                "patient": np.array([f"p{n:04d}" for n in who], dtype=object),
                "start": part["start"][seen],
                "stop": stop,
                "event": ((stop == exit_time[seen]) & (times <= end)[who]).astype(float),
                "treated": np.full(len(who), part["treated"]),
                "nlr": columns["nlr"][who],
                "albi": columns["albi"][who],
                "weight": np.ones(len(who)),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _from_entry(rows, entry):
    """Cut off what happened before entry."""
    names = np.unique(rows["patient"])
    begun = entry[np.searchsorted(names, rows["patient"])]
    kept = rows["stop"] > begun
    start = np.maximum(rows["start"], begun)
    return {name: values[kept] for name, values in {**rows, "start": start}.items()}
