"""Running trials whose answers are known: data written so that the posterior is."""

import numpy as np
from scipy.special import ndtr

import trial_cases as cases
from bayes_ihlrt.spec.plan import TrialPlan

UNIT = {"dist": "Normal", "mu": 0.0, "sigma": 2.0}
FLAT = {"dist": "Normal", "mu": 0.0, "sigma": 100.0}


def plan(*, patients=600, events=(150, 379), hr=0.75, arm=UNIT, **changes):
    """Return a plan of two exponential arms, one interim look and the final one."""
    looks = [{"events": number, "efficacy": [cases.SUCCESS]} for number in events]
    looks[0] = {"events": events[0], "efficacy": [cases.SUCCESS | {"more_than": 0.9985}]}
    content = cases.content(
        patients=patients,
        looks=looks,
        accrual={"rates": [50.0]},
        priors={"default": FLAT, "arm": arm},
    )
    effects = [cases.scenario("no effect"), cases.scenario("design", hr=[hr])]
    return TrialPlan.model_validate(
        {
            "schema": 2,
            "name": "running",
            "design": content | changes,
            "scenarios": [one.model_dump(mode="json", exclude_none=True) for one in effects],
        }
    )


def rows(*, deaths, hr, patients, month=24.0, hazard=0.04):
    """Return patients with equal deaths in both arms and a hazard ratio as wanted.

    Deaths come evenly over follow-up, the others are followed up to the day of the data, with
    person-time deaths / (2 hazard) in control and that over `hr` under treatment.
    """
    found = []
    for arm, share in ((0, 1.0), (1, 1.0 / hr)):
        own = deaths // 2
        person_time = own / hazard * share
        died = (np.arange(own) + 0.5) / own * 12.0
        followed = (person_time - died.sum()) / (patients // 2 - own)
        if not 0.0 < followed <= month:
            raise AssertionError(followed)
        stops = np.concatenate([died, np.full(patients // 2 - own, followed)])
        for number, stop in enumerate(stops):
            event = int(number < own)
            # Those who died were enrolled early enough; the others are followed until today.
            enrolled = 0.0 if event else month - stop
            found.append((f"{arm}-{number}", arm, enrolled, stop, event))
    return found


def continued(hr, *, deaths=162, seen=0.83, patients=600, hazard=0.02, until=379, count=40_000):
    """Return conditional power after `rows`, and its Monte Carlo error, by NumPy alone.

    Whoever is alive has an exponential time to come at the posterior's mode in control, times `hr`
    under treatment; at the last death the log ratio of rates and prior `UNIT` are weighed.
    """
    rng, own = np.random.default_rng(3), deaths // 2
    alive = patients // 2 - own
    rates = hazard * np.array([1.0, hr])
    ahead = [rng.exponential(1.0 / rate, (count, alive)) for rate in rates]
    end = np.partition(np.concatenate(ahead, axis=1), until - deaths - 1, axis=1)
    end = end[:, until - deaths - 1 : until - deaths]
    died = [own + (times <= end).sum(axis=1) for times in ahead]
    months = [
        own / hazard / ratio + np.minimum(times, end).sum(axis=1)
        for ratio, times in zip((1.0, seen), ahead, strict=True)
    ]
    effect = np.log(died[1] / months[1]) - np.log(died[0] / months[0])
    told, prior = 1.0 / (1.0 / died[0] + 1.0 / died[1]), UNIT["sigma"] ** -2
    won = ndtr(-effect * told / np.sqrt(told + prior)) > cases.SUCCESS["more_than"]
    return float(won.mean()), float(np.sqrt(won.mean() * (1.0 - won.mean()) / count))


def write(path, found, *, header="patient,arm,enrolled,time,event"):
    lines = [header, *(",".join(map(str, row)) for row in found)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
