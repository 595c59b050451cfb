"""Simulation-based calibration of NUTS: a few scenarios a week, or all of them in pieces.

    python tests/sbc_nuts.py week YEARWEEK                # 202648: week 48 of 2026
    python tests/sbc_nuts.py run RESULTS [--part I/N] [--most SCENARIOS]
    python tests/sbc_nuts.py page RESULTS                 # docs/validation/sbc_chains.md

`week` exits with status 1 where a quantity is not calibrated, or more chains than a fifth failed
the gate. `run` appends a line of JSON for each scenario and goes on where it stopped: first the
hardest design of every hazard and group, then the others. The parts may run at the same time, with
files of their own; `page` reads every file whose name begins with RESULTS, also of an unfinished
run. The batched engine is calibrated by `tests/sbc.py`.
"""

import argparse
import sys
from pathlib import Path

from bayes_ihlrt.calibration.sbc import SETTINGS, calibrate_by_nuts
from bayes_ihlrt.calibration.scenario import all_scenarios
from sbc import SEED, Method, done, keep, read, write_page

A_WEEK = 3
# A few dozen quantities a week: one in twenty weeks would raise a false alarm.
LEVEL = 0.001
# Chains of a random walk under few events often have a divergence; calibration is what counts.
MOST_STRAYED = 0.2
REPLICATES = 200
CHAINS = Method(
    "sbc_chains",
    "Simulation-based calibration of chains",
    f"by NUTS ({SETTINGS.chains} chains of {SETTINGS.tune} + {SETTINGS.draws} draws each)",
    "not converged",
    "did not pass the convergence gate (R-hat, effective sample size, divergences), at which a fit "
    "stops",
    "Written by `python tests/sbc_nuts.py`; the same scenarios by the batched engine, with more "
    "data sets, are in [its page](sbc.md).",
)


def of_week(week):
    """Return the scenarios of a week, spread over hazards and groups."""
    every = all_scenarios()
    stride = -(-len(every) // A_WEEK)
    return [every[(week - 1 + part * stride) % len(every)] for part in range(A_WEEK)]


def calibrate_week(year_week, replicates=100):
    """Calibrate; write a line a scenario; return the exit status."""
    bad = False
    for scenario in of_week(year_week % 100):
        found = calibrate_by_nuts(scenario, replicates=replicates, seed=year_week)
        verdicts = found.verdicts(level=LEVEL)
        wrong = [name for name, calibrated in verdicts.items() if not calibrated]
        told = f"not calibrated: {', '.join(wrong)}" if wrong else "calibrated"
        strayed = f"the chains of {found.flagged} of {replicates} data sets did not converge"
        sys.stdout.write(f"{scenario}: {told}; {strayed}\n")
        sys.stdout.flush()
        bad |= bool(wrong) or found.flagged > MOST_STRAYED * replicates
    return int(bad)


def in_turn():
    """Return all scenarios, the hardest design of every hazard and group before the others."""
    return sorted(
        all_scenarios(),
        key=lambda each: -(each.delayed_entry + each.time_varying + each.interaction),
    )


def run(results, *, part=(0, 1), most=None, replicates=REPLICATES):
    """Calibrate one part of the scenarios that are left, at most so many; return how many."""
    past = done(results, replicates)
    mine = [scenario for scenario in in_turn()[part[0] :: part[1]] if scenario not in past]
    found = (
        calibrate_by_nuts(scenario, replicates=replicates, seed=SEED) for scenario in mine[:most]
    )
    keep(found, results.with_name(f"{results.name}.{part[0]}"), replicates, CHAINS.flag)
    return len(mine[:most])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("week").add_argument("year_week", type=int)
    for name in ("run", "page"):
        what.add_parser(name).add_argument("results", type=Path)
    running = what.choices["run"]
    running.add_argument("--part", default="0/1", help="I/N: part I of N, from 0")
    running.add_argument("--most", type=int, help="scenarios to calibrate now")
    running.add_argument("--replicates", type=int, default=REPLICATES)
    given = parser.parse_args()
    if given.what == "week":
        return calibrate_week(given.year_week)
    if given.what == "run":
        number, parts = map(int, given.part.split("/"))
        run(given.results, part=(number, parts), most=given.most, replicates=given.replicates)
        return 0
    write_page(read(given.results), CHAINS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
