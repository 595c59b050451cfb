"""Arms that hardly overlap: what is said of weights to everybody, and what is given instead."""

import numpy as np

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.fit import FitResult, run_fit
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.report.words import summary_sentences
from validation.examination.row import Row
from validation.examination.weighted import specification
from validation.outside import overlap

PATIENTS, COHORTS, FIRST, APART = 2000, 8, 100, 11
ACKNOWLEDGED = 'estimand = "ate"\nacknowledge_poor_overlap = true'


def rows() -> list[Row]:
    """Return what the package does with weights that stand for nobody."""
    return [_refusal(), _conclusion(), *_estimates()]


def _refusal() -> Row:
    """Of a cohort in which about four effective treated patients are left."""
    patients = overlap.cohort(PATIENTS, APART)
    try:
        check_analysis(specification('estimand = "ate"'), patients)
        told = "nothing"
    except RefusedError as error:
        told = str(error.faults[0])
    right = "acknowledge_poor_overlap = true" in told and 'estimand = "ato"' in told
    return Row(
        "10",
        "weights to everybody, old treated and young untreated, 2,000 patients",
        f"{overlap.effective_treated(patients):.1f} effective treated at the true propensities: "
        "refused, ATO and ATT named",
        "Rotterdam: HR 0.30 (0.04-1.33), P(benefit) 0.94, 'Bootstrap passed', no warning",
        told,
        "none",
        "right" if right else "WRONG",
    )


def _conclusion() -> Row:
    """What is said where that was acknowledged."""
    found = run_fit(specification(ACKNOWLEDGED), overlap.cohort(PATIENTS, APART))
    first, conclusion = found.notes[0], summary_sentences(found)[0]
    right = first.startswith("NO OVERLAP") and conclusion.startswith("These data do not settle")
    return Row(
        "10",
        "the same, acknowledged: first line and conclusion",
        "both say that the arms cannot be compared",
        "no warning",
        f"'{first.partition(',')[0]} ...'; '{conclusion.partition(':')[0]} ...'",
        "none",
        "right" if right else "WRONG",
    )


def _estimates() -> list[Row]:
    """Treatment does nothing: log hazard ratios of eight cohorts, by population of the weights."""
    found = []
    for target, told in (("ate", "told as no or poor overlap"), ("ato", "0"), ("att", "0")):
        line = ACKNOWLEDGED if target == "ate" else f'estimand = "{target}"'
        results = [
            run_fit(specification(line), overlap.cohort(PATIENTS, seed))
            for seed in range(FIRST, FIRST + COHORTS)
        ]
        means = np.array([float(each.parameters["treated"]["mean"] or 0.0) for each in results])
        error = float(means.std(ddof=1) / np.sqrt(COHORTS))
        failed = sum(not each.comparable for each in results)
        poor = sum(_is_told(each) for each in results)
        right = poor == COHORTS if target == "ate" else abs(means.mean()) < 3 * error
        right = right and (target == "ate" or failed == 0)
        found.append(
            Row(
                "10",
                f"treatment without effect, weights to {target}, eight cohorts of 2,000: log HR",
                told,
                "not told" if target == "ate" else "0.82 (0.68-0.99) in Rotterdam, right",
                f"{means.mean():+.3f} ({means.min():+.2f} to {means.max():+.2f}), told as no "
                f"overlap in {failed}, as poor or no overlap in {poor} of {COHORTS}",
                f"{error:.3f}",
                "right" if right else "WRONG",
            )
        )
    return found


def _is_told(result: FitResult) -> bool:
    return any(note.startswith(("NO OVERLAP", "POOR OVERLAP")) for note in result.notes)
