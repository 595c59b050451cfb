"""A hazard ratio of a population is that population's."""

import numpy as np

from bayes_ihlrt.analysis.fit import run_fit
from validation.examination.row import Row
from validation.examination.weighted import specification
from validation.outside import overlap

EFFECT, MODIFIED, PATIENTS = -0.6, 0.6, 20_000
DESCRIBED = 'adjust = "none"'


def rows() -> list[Row]:
    """Return the hazard ratio in everybody, in the treated and in the overlap."""
    cohort = overlap.cohort(PATIENTS, 1, effect=EFFECT, modified=MODIFIED)
    found = []
    for population in ("sample", "att", "ato"):
        spec = specification(
            DESCRIBED,
            formula="treated * severe + age + nodes + chemo",
            estimands=f'population = "{population}"',
            draws=500,
            sampler='engine = "laplace"',
        )
        result = run_fit(spec, cohort)
        (own,) = (e for e in result.estimates if e.estimand == "hazard_ratio" and e.at is None)
        truth = np.exp(overlap.log_hazard_ratio(population, effect=EFFECT, modified=MODIFIED))
        sd = float(own.summary["sd"] or 0.0)
        near = abs(float(own.summary["median"] or 0.0) - truth) < 3 * sd
        found.append(
            Row(
                "17",
                f"treatment whose effect depends on a sign, population '{population}': HR",
                f"{truth:.3f}",
                "that of the cohort for every label (0.542 where the treated have 0.659)",
                f"{own.summary['median']:.3f}, labelled '{own.population}'",
                f"{sd:.3f} (posterior sd)",
                "right" if near and own.population == population else "WRONG",
            )
        )
    return found
