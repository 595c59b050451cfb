"""Run the small design in a process of its own, for tests that kill it.

    python tests/trial_run.py FOLDER TRIALS [SCHEDULER]

Finished units are written below FOLDER; at the end all statistics to FOLDER/whole.npz.
"""

import sys
from pathlib import Path

import numpy as np

import trial_cases as cases
from bayes_ihlrt.trials.units import Store, Task, open_pool, run_trials


def main():
    folder, trials = Path(sys.argv[1]), int(sys.argv[2])
    task = Task(cases.design(), cases.scenario(hr=[0.6]), seed=7)
    with open_pool(sys.argv[3] if len(sys.argv) > 3 else None, workers=1) as pool:
        table = run_trials(task, trials, pool=pool, store=Store(folder))
    np.savez(folder / "whole.npz", **table)


if __name__ == "__main__":
    main()
