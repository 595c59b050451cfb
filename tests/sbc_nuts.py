"""Simulation-based calibration of NUTS on a few scenarios a week, all of them within a year.

    python tests/sbc_nuts.py YEARWEEK [REPLICATES]      (202648: week 48 of 2026)

The batched engine is calibrated on every scenario (`tests/sbc.py`); chains are too slow for that.
Exit status 1 where a quantity is not calibrated, or more chains than a fifth failed the gate.
"""

import sys

from bayes_ihlrt.calibration.sbc import calibrate_by_nuts
from bayes_ihlrt.calibration.scenario import all_scenarios

A_WEEK = 3
# A few dozen quantities a week: one in twenty weeks would raise a false alarm.
LEVEL = 0.001
# Chains of a random walk under few events often have a divergence; calibration is what counts.
MOST_STRAYED = 0.2


def of_week(week):
    """Return the scenarios of a week, spread over hazards and groups."""
    every = all_scenarios()
    stride = -(-len(every) // A_WEEK)
    return [every[(week - 1 + part * stride) % len(every)] for part in range(A_WEEK)]


def main(year_week, replicates=100):
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


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
