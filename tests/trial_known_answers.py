"""Known answers of simulated trials; writes docs/validation/trials.md.

    python tests/trial_known_answers.py docs/validation/trials.md [BENCHMARK.json]

A benchmark file is what `benchmarks/trials.py --out` wrote.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import multivariate_normal, norm

import extension_known
import interim_cases
import trial_cases as cases
from bayes_ihlrt.interim.monitor import Settings, run_interim
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.trials.calibration import calibrate_threshold, simulate_design
from bayes_ihlrt.trials.closed_forms import (
    average_hazard_ratio,
    exact_threshold,
    normal_assurance,
    schoenfeld_power,
    sequential_rejection,
)
from bayes_ihlrt.trials.decisions import Verdict, decide
from bayes_ihlrt.trials.operating import average, share
from bayes_ihlrt.trials.units import Task, simulator

TRIALS = 8_192


def one_look(patients, events, *, threshold=0.975, **effect):
    rule = cases.SUCCESS | {"more_than": threshold}
    design = cases.design(
        patients=patients, looks=[{"events": events, "efficacy": [rule]}], accrual={"rates": [50.0]}
    )
    return simulate_design(design, cases.scenario(**effect), trials=TRIALS).found


def powers():
    """Every patient is followed until nearly all have died, so that arms have equal events."""
    wanted = [
        ("power, hazard ratio .7, 100 events", 110, 100, 0.025, {"hr": [0.7]}),
        ("power, hazard ratio .5, 66 events (80 %)", 72, 66, 0.025, {"hr": [0.5]}),
        ("power, hazard ratio .5, 88 events (90 %)", 96, 88, 0.025, {"hr": [0.5]}),
        ("power, hazard ratio .72, 155 events, one-sided .05", 170, 155, 0.05, {"hr": [0.72]}),
    ]
    for name, patients, events, alpha, effect in wanted:
        found = one_look(patients, events, threshold=1.0 - alpha, **effect).success
        yield name, found, schoenfeld_power(effect["hr"][0], events=events, alpha=alpha)
    found = one_look(416, 379, hr=[0.75], log_hr_sd=0.2).success
    exact = normal_assurance(0.75, log_hr_sd=0.2, events=379, alpha=0.025)
    yield "assurance, log hazard ratio ~ N(log .75, .2), 379 events", found, exact


def errors():
    null = simulate_design(cases.design(), cases.scenario(hr=[1.0]), trials=TRIALS)
    stops = sequential_rejection([1.959964] * 2, [50, 100])
    single = one_look(110, 100, hr=[1.0]).success
    yield "type I error, one look at P > .975, flat prior", single, 0.025
    yield "type I error, two looks at P > .975 (50, 100 events)", null.found.success, sum(stops)
    tuned = calibrate_threshold(cases.design(), null.table, alpha=0.025)
    strict = exact_threshold(0.025, [50, 100])
    won = (null.table["probability"][:, :, 0] > strict).any(axis=1)
    yield f"type I error at the exact threshold {strict:.4f}", share(won), 0.025
    CALIBRATED.append((tuned.threshold, strict, tuned.success))


CALIBRATED = []


def delayed():
    looks = [{"min_follow_up": 24.0, "efficacy": [cases.SUCCESS]}]
    design = cases.design(patients=4_000, accrual={"rates": [1e6]}, looks=looks)
    truth = cases.scenario(hr=[1.0, 0.6], cuts=[3.0], median=float(np.log(2.0) / 0.05))
    found = simulate_design(design, truth, trials=256).found.targets[0].estimate
    exact = average_hazard_ratio(hazard=0.05, hr=[1.0, 0.6], cuts=[3.0], follow_up=24.0)
    yield "mean log hazard ratio, effect delayed by 3 months (4,000 patients)", found, np.log(exact)


GOLDILOCKS = {
    0.975: {"power": 0.918},
    0.98: {"power": 0.920, "stops early for success": 0.890, "stops early for futility": 0.044},
}
"""By the threshold; one-sided here, two-sided (.05, .04) there. Of 500 simulated trials."""


def goldilocks_design(threshold):
    """Return the design of the two-arm vignette of the R package goldilocks.

    300 patients, 5 a month, each followed for 12 months; looks from 100 patients on, after every
    25; futility under .1, from 125 on accrual stops at .9; 50 continuations.
    """
    ahead = {"quantity": "predictive-probability", "draws": 50}
    looks = [
        {
            "min_follow_up": 0.0,
            "patients": number,
            "futility": [ahead | {"less_than": 0.1}],
            "stop_accrual": [ahead | {"sample": "current", "more_than": 0.9}] * (number > 100),
        }
        for number in range(100, 300, 25)
    ]
    success = cases.SUCCESS | {"more_than": threshold}
    return cases.design(
        patients=300,
        accrual={"rates": [5.0]},
        arms={"block": 2},
        max_follow_up=12.0,
        looks=[*looks, {"min_follow_up": 12.0, "efficacy": [success]}],
    )


def goldilocks():
    """A published adaptive design; its own Monte Carlo error counts too."""
    hazards = -np.log([0.3, 0.5]) / 12.0
    truth = cases.scenario(median=float(np.log(2.0) / hazards[0]), hr=[hazards[1] / hazards[0]])
    for threshold, known in GOLDILOCKS.items():
        design = goldilocks_design(threshold)
        found = simulator(Task(design, truth, 5))
        table = found.statistics(found.block(0))
        done = decide(design, table)
        shares = {
            "power": done.verdict == Verdict.SUCCESS,
            "stops early for success": done.stopped >= 0,
            "stops early for futility": done.verdict == Verdict.FUTILITY,
        }
        for name, exact in known.items():
            one = share(shares[name])
            error = float(np.hypot(one.mcse, np.sqrt(exact * (1.0 - exact) / 500)))
            yield f"goldilocks, P > {threshold:g}: {name}", replace(one, mcse=error), exact


def running():
    """A running trial with the posterior of trial A of RBesT's vignette on co-data."""
    with TemporaryDirectory() as folder:
        patients = interim_cases.rows(deaths=162, hr=0.83, patients=600, hazard=0.02)
        data = interim_cases.write(Path(folder) / "so_far.csv", patients)
        found = run_interim(interim_cases.plan(), data, Settings(draws=4_096))
    ways = {(one.name, one.at_mode, one.assumed_hr): one for one in found.continuations}
    name = "running trial, 162 deaths, hazard ratio .83"
    yield f"{name}: predictive probability", ways["go on", False, None].success, 0.4466
    exact, error = interim_cases.continued(0.75)
    one = ways["go on", True, 0.75].success
    one = replace(one, mcse=float(np.hypot(one.mcse, error)))
    yield f"{name}: conditional power at .75", one, exact


OBRIEN_FLEMING = (3.471091445, 2.454432299, 2.00403558)
"""Critical values of rpact 3.3.4: `getDesignGroupSequential(kMax = 3, alpha = 0.025,
informationRates = c(1/3, 2/3, 1), typeOfDesign = "OF")`, looks at 60, 120 and 180 events."""


def sequential():
    """A group-sequential design of rpact without any effect, where its formulae are exact."""
    looks = [
        {"events": events, "efficacy": [cases.SUCCESS | {"more_than": float(ndtr(bound))}]}
        for events, bound in zip((60, 120, 180), OBRIEN_FLEMING, strict=True)
    ]
    design = cases.design(patients=300, looks=looks, accrual={"rates": [15.0], "pattern": "even"})
    found = simulate_design(design, cases.scenario(hr=[1.0]), trials=TRIALS).found
    yield "rpact, O'Brien-Fleming, three looks: type I error", found.success, 0.025
    # getPowerSurvival(...)$rejectPerStage
    second = found.by_look[1].success
    yield "rpact, O'Brien-Fleming: rejects at the second look", second, 0.006900885678


def expected_events(month):
    """Events by a month in the example of gsDesign2's `gs_info_ahr`, by integration."""
    hazard = np.log(2.0) / np.array([9.0, 18.0])

    def died(time, hr):
        early, late = hazard * hr
        first = min(time, 3.0)
        share = early / (early + 0.001) * -np.expm1(-(early + 0.001) * first)
        left = np.exp(-(early + 0.001) * 3.0)
        return share + late / (late + 0.001) * left * -np.expm1(-(late + 0.001) * (time - first))

    spans = ((0.0, 2.0, 3.0), (2.0, 4.0, 6.0), (4.0, 14.0, 9.0))
    ratios = (np.ones(2), np.array([0.9, 0.6]))
    return sum(
        rate / 2.0 * quad(lambda at, hr=hr: died(month - at, hr), low, min(high, month))[0]
        for low, high, rate in spans
        for hr in ratios
    )


def calendar():
    """Events of a trial whose hazards, ratio and accrual change: gsDesign2's own example."""
    months = (12.0, 24.0, 30.0, 36.0)
    never = cases.SUCCESS | {"more_than": 0.99999}
    looks = [{"calendar": month, "efficacy": [never]} for month in months]
    lost = float(-np.expm1(-0.001))
    design = cases.design(
        patients=108,
        looks=looks,
        accrual={"rates": [3.0, 6.0, 9.0], "cuts": [2.0, 4.0], "pattern": "even"},
        dropout={"control": lost, "treated": lost, "by": 1.0},
    )
    hazards = [float(hazard) for hazard in np.log(2.0) / np.array([9.0, 18.0])]
    truth = ScenarioSpec.model_validate(
        {
            "name": "delayed",
            "control": {"hazards": hazards, "cuts": [3.0]},
            "effect": {"hr": [0.9, 0.6], "cuts": [3.0]},
        }
    )
    table = simulate_design(design, truth, trials=TRIALS).table
    events = table["events_control"] + table["events_treated"]
    for place, month in enumerate(months):
        found = average(np.asarray(events)[:, place].astype(np.float64))
        yield f"gsDesign2, events by month {month:g}", found, expected_events(month)


EXTENDED, EXTENDED_TRIALS = {"patients": 340, "events": 320}, 10_240
ZONE, DRAWS = (0.3, 0.9), 20
"""Promising zone of conditional power at the effect as seen, and its simulated continuations."""


def extending(*rules):
    """Return a design with looks at 100 and 200 events, or 320 where the first look enlarges it."""
    looks = [{"events": 100, "extend": list(rules)}, {"events": 200, "efficacy": [cases.SUCCESS]}]
    accrual = {"rates": [50.0], "pattern": "even"}
    return cases.design(patients=220, looks=looks, extension=EXTENDED, accrual=accrual)


def edges(statement, zone):
    """Return the rules of a zone."""
    return [statement | {"more_than": zone[0]}, statement | {"less_than": zone[1]}]


def extended_known(hr):
    """Return the information at the looks of `extending`, by arm."""
    return extension_known.by_arms((100, 200, 320), (220, 340), hr=hr, median=12.0, rate=50.0)


def extensions():
    """Sample size re-estimation: in a promising zone, and where the effect looks small."""
    bound = float(norm.ppf(0.975))
    ahead = {"quantity": "conditional-power", "draws": DRAWS}
    promising = extending(*edges(ahead, ZONE))
    for hr, name in ((1.0, "type I error"), (0.75, "power at .75")):
        stages = extended_known(hr)
        extends = extension_known.by_draws(ZONE, stages, bound=bound, draws=DRAWS)
        exact, share_of = extension_known.success(stages, extends, hr=hr, bound=bound)
        found = simulate_design(promising, cases.scenario(hr=[hr]), trials=EXTENDED_TRIALS).found
        where = "enlarged where conditional power is .3 to .9"
        yield f"{where}: {name}", found.success, exact
        yield f"{where}, {name}: trials enlarged", found.extended, share_of
    small = {"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.85}
    unpromising = extending(small)
    extends = extension_known.within((0.0, 0.85))
    exact, _ = extension_known.success(extended_known(1.0), extends, hr=1.0, bound=bound)
    found = simulate_design(unpromising, cases.scenario(hr=[1.0]), trials=EXTENDED_TRIALS).found
    yield "enlarged where P(hazard ratio < 1) < .85: type I error", found.success, exact


def regions():
    """Enrichment in the region of the posterior, where there is no effect anywhere."""
    rule = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.8}
    values = (2.0, 3.0, 5.0)
    design = cases.by_modifier(
        patients=400,
        max_months=120.0,
        looks=[{"events": 200, "enrich": [rule]}, {"events": 260, "efficacy": [cases.SUCCESS]}],
        population={"median": 3.0, "log_sd": 0.6, "switch_to": values},
    )
    found = simulate_design(design, cases.scenario(hr=[1.0]), trials=TRIALS)
    done = decide(design, found.table)
    known = cases.regions_known(values, median=3.0, log_sd=0.6, level=0.8)
    for value, exact in zip(values, known, strict=True):
        yield f"enriched from {value:g} on, no effect anywhere", share(done.switch == value), exact


def margins():
    """Non-inferiority, and what a success leaves of the chance that nothing is there."""
    rule = cases.SUCCESS | {"below": 1.3}
    looks = [{"events": 300, "efficacy": [rule]}]
    design = cases.design(patients=330, looks=looks, accrual={"rates": [50.0]})
    found = simulate_design(design, cases.scenario(hr=[1.0]), trials=TRIALS).found
    exact = schoenfeld_power(1.0 / 1.3, events=300, alpha=0.025)
    yield "non-inferiority, margin 1.3, hazard ratio 1, 300 events", found.success, exact
    found = one_look(110, 100, hr=[0.8], log_hr_sd=0.25).no_effect
    shared, mean, bound = 0.25**2, np.log(0.8), -1.959964 * 0.2
    spread = [[shared, shared], [shared, shared + 0.04]]
    both = multivariate_normal([mean, mean], spread).cdf([0.0, bound])
    exact = 1.0 - both / norm.cdf(bound, mean, np.sqrt(shared + 0.04))
    name = "no effect given success, log hazard ratio ~ N(log .8, .25), 100 events"
    yield name, found.after_success, exact


def rows():
    groups = (powers, errors, sequential, delayed, calendar, margins, extensions)
    for group in (*groups, regions, goldilocks, running):
        yield from group()


def page(benchmark=None):
    """Return the page."""
    lines = [
        "# Simulated trials",
        "",
        "Written by `tests/trial_known_answers.py`. Known answers are closed forms or numerical",
        f"integration (`trials/closed_forms.py`); {TRIALS:,} trials each, exponential model,",
        "flat priors. Asymptotic formulae treat 1/d1 + 1/d0 as 4/d,",
        "so each patient is followed until nearly all have had the event.",
        "",
        "| quantity | simulated | Monte Carlo error | known | difference / error |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found, exact in rows():
        gap = (found.estimate - exact) / found.mcse
        lines.append(
            f"| {name} | {found.estimate:.4f} | {found.mcse:.4f} | {exact:.4f} | {gap:+.1f} |"
        )
    threshold, exact, success = CALIBRATED[0]
    lines += [
        "",
        "goldilocks: the two-arm vignette of the R package (Broglio KR, Connor JT, Berry SM. J",
        "Biopharm Stat 2014;24:685-705), 256 trials with 50 continuations at each of eight looks;",
        "there 500 with 100, whose Monte Carlo error is counted in. Running trial: trial A of",
        "RBesT's vignette on co-data, 4,096 continuations; its conditional power is compared with",
        "40,000 continuations of the same data in NumPy alone (`tests/interim_cases.py`), whose",
        "Monte Carlo error is counted in: the vignette's formula (.7088) takes deaths as equal in",
        "the arms, which at a hazard ratio of .75 they are not.",
        "rpact 3.3.4: `getPowerSurvival` of three looks, under no effect, where arms have equal",
        "events. gsDesign2: the example of `gs_info_ahr` (Zhao Y, Zhang Y, Anderson K), accrual 3,",
        "6 and 9 a month for 2, 2 and 10 months, hazards log(2) / 9 and from month 3 on",
        "log(2) / 18, hazard ratios .9 and .6, dropout .001. Non-inferiority: Schoenfeld's formula",
        "against the margin (doi 10.2307/2531021). No effect given success: estimate and truth are",
        "bivariate normal. Enlarged trials: looks at 100 and 200 events of 220 patients, or 320 of",
        "340 (10,240 trials each), by two-stage normal theory with one integral over the first",
        "statistic (`tests/extension_known.py`); conditional power at the effect as seen, from 20",
        "simulated continuations, whose error the integral counts in. Enriched trials: a look at",
        "200 events of 400 patients; two independent normal estimates, of the effect at the median",
        "and of the interaction, of which 200 events are an approximation.",
        "",
        "Without simulation: rpact's conditional power (unit tests of rpact 4.1: information .2,",
        ".4 and 1, log-rank 1.38 after 15 events at the second of three looks, 40 more at 2:1,",
        "hazard ratio 2) is .70906, which `conditional_power` gives too when the statistic is the",
        "one that rpact 4.1 used: log-ranks of the stages, combined with the planned weights",
        "(1.35). With the log-rank of all events so far (1.38) it is .71623; so says the source of",
        "rpact 4.5. The two agree where looks happen at the planned information.",
        "",
        f"`calibrate_threshold` found {threshold:.4f} for two looks from stored statistics "
        f"(success {success.estimate:.4f}); the exact one is {exact:.4f}, a z value of "
        f"{_z(threshold):.3f} against {_z(exact):.3f}.",
        "",
        "Against rpact 3.3.4 (three looks, O'Brien-Fleming): `tests/golden/test_trials_rpact.py`.",
        "Kills, resumption and Dask workers: `tests/slow/test_trial_runs.py`.",
    ]
    return "\n".join([*lines, *(speed(benchmark) if benchmark else [])]) + "\n"


def _z(probability):
    from scipy.special import ndtri

    return float(ndtri(probability))


def speed(found):
    """Return the lines about speed."""
    lines = [
        "",
        "## Speed",
        "",
        "`benchmarks/trials.py`: two arms, 300 patients, looks at 120 and 200 events, Weibull",
        "model with interaction; simulation, cuts, fits, decisions and operating characteristics.",
        f"{found['cores']} cores of a CPU, load average {found['load']:.1f} when it began; on a",
        "shared machine compare CPU times. No GPU was at hand.",
        "",
        "| run | trials | wall, s | CPU, s | trials a second | trials a CPU second |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    runs = [("one thread", run) for run in found["scaling"]] + [("threads", found["workers"])]
    if "large" in found:
        runs.append(("large", found["large"]))
    for name, run in runs:
        lines.append(
            f"| {name} | {run['trials']:,} | {run['wall_seconds']:.1f} | {run['cpu_seconds']:.1f} "
            f"| {run['trials_per_second']:,.0f} | {run['trials_per_cpu_second']:,.0f} |"
        )
    lines += ["", f"Compilation: {found['compile_cpu_seconds']:.0f} s of CPU, once a design."]
    if "large" in found:
        lines.append(f"Peak memory of the large run: {found['peak_gb']:.2f} GB.")
    page = found["explorer"]
    times = {
        name: ", ".join(f"{one:.2f}" for one in page[name]) for name in ("thresholds", "designs")
    }
    return [
        *lines,
        "",
        f"The explorer with {page['trials']:,} trials of this design, wall seconds: first answer "
        f"{page['first']:.1f} (compiles); five moved thresholds {times['thresholds']}; five moved "
        f"sample sizes {times['designs']}.",
    ]


def main():
    benchmark = json.loads(Path(sys.argv[2]).read_text("utf-8")) if len(sys.argv) > 2 else None
    Path(sys.argv[1]).write_text(page(benchmark), "utf-8")


if __name__ == "__main__":
    main()
