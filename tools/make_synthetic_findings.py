"""Write response by RECIST and adverse events of the packaged synthetic cohort.

    python3 tools/make_synthetic_findings.py src/bayes_ihlrt/data/files

`ihlrt_synthetic_findings.csv` has one row for each patient of `ihlrt_synthetic.csv`. Responses
follow from its months of response and progression: at the first scan, six weeks after therapy
start, and at best. A seventh of responses is complete. Severe adverse events are drawn with one
probability whatever the treatment: there is no difference to find.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import tomli_w

from bayes_ihlrt.cohort.datasets import columns

SEED = 20_260_318
FIRST_SCAN, COMPLETE, SEVERE = 1.5, 1.0 / 7.0, 0.30
"""Months (six weeks, with two more weeks within which a scan still counts as the first)."""
WINDOW = 0.5

DESCRIPTION = {
    "title": "Synthetic cohort: response by RECIST 1.1 and severe adverse events",
    "source": "simulated by tools/make_synthetic_findings.py from ihlrt_synthetic.csv",
    "licence": "Apache-2.0, as this package",
    "citation": "No patient is in it. It belongs to the synthetic cohort ihlrt_synthetic.",
    "doi": "10.3390/cancers18061021",
    "synthetic": True,
    "time_unit": "months",
    "columns": {
        "patient_id": "synthetic patient, as in ihlrt_synthetic",
        "initial_response": "response at the first scan: CR, PR, SD, PD, or NE (not evaluable)",
        "best_response": "best response of all scans; it conditions on the future",
        "severe_adverse_event": "1 = treatment-related adverse event of grade 3 or more, 0 = none",
    },
}


def responses(response: float, pfs: float, ended: float, *, complete: bool) -> tuple[str, str]:
    """Return initial and best response of a patient."""
    scan = FIRST_SCAN + WINDOW
    reached = "CR" if complete else "PR"
    progressed = ended == 1.0 and pfs <= scan
    if pfs < FIRST_SCAN and ended == 0.0:
        return "NE", "NE"
    first = "PR" if response <= scan else ("PD" if progressed else "SD")
    best = reached if np.isfinite(response) else ("PD" if progressed else "SD")
    return first, best


def main(folder: Path) -> None:
    """Write the two files."""
    cohort = columns("ihlrt_synthetic")
    rng = np.random.default_rng(SEED)
    n = len(cohort["patient_id"])
    complete, severe = rng.random(n) < COMPLETE, rng.random(n) < SEVERE
    with (folder / "ihlrt_synthetic_findings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(DESCRIPTION["columns"])
        for i in range(n):
            first, best = responses(
                cohort["response_months"][i],
                cohort["pfs_months"][i],
                cohort["progression_or_death"][i],
                complete=bool(complete[i]),
            )
            table.writerow([cohort["patient_id"][i], first, best, int(severe[i])])
    description = tomli_w.dumps(DESCRIPTION)
    (folder / "ihlrt_synthetic_findings.toml").write_text(description, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
