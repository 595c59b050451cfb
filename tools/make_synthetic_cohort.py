"""Write the packaged synthetic cohort, its description and the truth behind it.

    python3 tools/make_synthetic_cohort.py src/bayes_ihlrt/data/files

`ihlrt_synthetic.csv` is the first cohort of 80, of seeds 1, 2, 3 and so on, with exactly 20
treated and 40 to 60 deaths: margins of the study that it imitates. Nothing else is looked at, no
estimate of an effect in particular. Rounded to what a chart would hold.
"""

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from bayes_ihlrt.synthetic.simulate import SimulatedCohort, simulate_cohort, true_estimands
from bayes_ihlrt.synthetic.truth import CohortTruth

PATIENTS, TREATED, DEATHS, FIRST_SEED = 80, 20, range(40, 61), 1
RULE = "the first of seeds 1, 2, 3, ... with 20 treated of 80 and 40 to 60 deaths"
DECIMALS = {"age": 1, "nlr": 2, "albi": 2, "male": 0, "afp_high": 0}
DECIMALS |= {"response_months": 2, "ihlrt_months": 2, "pfs_months": 2, "os_months": 2}
DECIMALS |= {"progression_or_death": 0, "death": 0}
ESTIMAND_PATIENTS, ESTIMAND_SEED = 1_000_000, 20_260_318

DESCRIPTION = {
    "title": "Synthetic cohort: on-demand IHLRT during systemic therapy, effect by NLR",
    "source": "simulated by tools/make_synthetic_cohort.py; the truth is in ihlrt_synthetic.json",
    "licence": "Apache-2.0, as this package",
    "citation": (
        "No patient is in it. Its margins (80 patients, 20 treated) imitate Tajiri K, Muraishi N, "
        "Ishizaka E, Murayama A, Hayashi Y, Yasuda I. Cancers 2026;18:1021, whose patient data are "
        "not public."
    ),
    "doi": "10.3390/cancers18061021",
    "synthetic": True,
    "time_unit": "months",
    "columns": {
        "patient_id": "synthetic patient",
        "centre": "one of five synthetic centres",
        "age": "years at the start of systemic therapy; without effect",
        "male": "1 = male, 0 = female; without effect",
        "nlr": "neutrophil-to-lymphocyte ratio before systemic therapy",
        "albi": "ALBI score before systemic therapy; higher is a worse hepatic reserve",
        "afp_high": "1 = alpha-fetoprotein 100 ng/mL or more, 0 = less",
        "response_months": "first objective response; empty = none",
        "ihlrt_months": "first intrahepatic locoregional treatment; empty = never",
        "pfs_months": "first of progression, death and end of follow-up",
        "progression_or_death": "1 = progressed or died at `pfs_months`, 0 = neither",
        "os_months": "death or end of follow-up",
        "death": "1 = died at `os_months`, 0 = alive",
    },
}


def has_the_margins(cohort: SimulatedCohort) -> bool:
    """Return whether a cohort has the numbers of treated and of deaths asked for."""
    treated = int(np.isfinite(cohort.columns["ihlrt_months"]).sum())
    return treated == TREATED and int(cohort.columns["death"].sum()) in DEATHS


def find_cohort() -> SimulatedCohort:
    """Return the first cohort with the margins asked for."""
    cohorts = (simulate_cohort(PATIENTS, seed=seed) for seed in count(FIRST_SEED))
    return next(filter(has_the_margins, cohorts))


def written(name: str, values: NDArray[Any]) -> list[str]:
    """Return a column's cells as they are written; a missing number is empty."""
    if name not in DECIMALS:
        return [str(value) for value in values]
    return ["" if np.isnan(value) else f"{value:.{DECIMALS[name]}f}" for value in values]


def check_order(rows: Mapping[str, list[str]]) -> None:
    """Raise when rounding has put response or treatment level with progression."""
    pfs = [float(value) for value in rows["pfs_months"]]
    for name in ("response_months", "ihlrt_months"):
        for start, end in zip(rows[name], pfs, strict=True):
            if start and float(start) >= end:
                message = f"{name} {start} is not before pfs_months {end} once rounded"
                raise ValueError(message)


def truth_of(cohort: SimulatedCohort) -> dict[str, Any]:
    """Return everything that is known of the cohort's origin, for the JSON file."""
    truth = CohortTruth()
    estimands = true_estimands(truth, n=ESTIMAND_PATIENTS, seed=ESTIMAND_SEED)
    return {
        "title": DESCRIPTION["title"],
        "synthetic": True,
        "seed": cohort.attrs["seed"],
        "selection": RULE,
        "numpy": np.__version__,
        "parameters": asdict(truth),
        "log_hazard_ratios": truth.log_hazard_ratios,
        "log_hazard_ratios_hold_for": (
            "a model of split person-time with covariates, centre and response as a time-varying "
            "covariate; without response, see bayes_ihlrt.synthetic.truth"
        ),
        "centre_effects": cohort.attrs["centre_effects"],
        "estimands": [asdict(row) for row in estimands],
    }


def main(folder: Path) -> None:
    """Write the three files."""
    cohort = find_cohort()
    rows = {name: written(name, values) for name, values in cohort.columns.items()}
    check_order(rows)
    with (folder / "ihlrt_synthetic.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(rows)
        table.writerows(zip(*rows.values(), strict=True))
    description = tomli_w.dumps(DESCRIPTION)
    (folder / "ihlrt_synthetic.toml").write_text(description, encoding="utf-8")
    truth = json.dumps(truth_of(cohort), indent=1) + "\n"
    (folder / "ihlrt_synthetic.json").write_text(truth, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
