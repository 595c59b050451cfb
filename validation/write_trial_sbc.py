"""Simulate trials whose truth is drawn from their analysis' own priors; write sbc_trials.md.

python validation/write_trial_sbc.py             # minutes
python validation/write_trial_sbc.py print       # printed and not written

Where truth is drawn from the priors, the share of a posterior that lies below it is uniform (Talts
and others 2018, arXiv 1804.06788): at each look, and where trials end by their rules too, because a
posterior does not depend on why a trial was stopped. And as many
statements are true as the probabilities that a look gave them add up to.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bayes_ihlrt.calibration.bands import holm, simultaneous_band, uniformity_p_value  # noqa: E402
from bayes_ihlrt.spec.scenario import ScenarioSpec  # noqa: E402
from bayes_ihlrt.spec.trial import TrialDesign  # noqa: E402
from bayes_ihlrt.trials.calibration import simulate_design  # noqa: E402
from bayes_ihlrt.trials.decisions import Decisions, decide  # noqa: E402
from bayes_ihlrt.trials.quantities import statement_bound, statements, targets  # noqa: E402

type Floats = NDArray[np.float64]
PAGE = ROOT / "docs" / "validation" / "sbc_trials.md"
TRIALS: Final = 2_048
LEVEL: Final = 0.05
MEDIAN, UPPER, EFFECT_SD, INTERACTION_SD, TIGHT = 12.0, 24.0, 0.4, 0.25, 0.002
BENEFIT: Final = {"quantity": "hazard-ratio", "below": 1.0}
BASE: Final[dict[str, Any]] = {
    "patients": 240,
    "accrual": {"rates": [20.0]},
    "max_months": 90.0,
    "treatment": {"name": "arm"},
}
EXPONENTIAL: Final = {"family": "exponential"}
PRIORS: Final = {
    "arm": {"dist": "Normal", "mu": 0.0, "sigma": EFFECT_SD},
    "baseline": {"median_survival": MEDIAN, "upper": UPPER},
}
STOPS: Final = {
    "efficacy": [BENEFIT | {"more_than": 0.99}],
    "futility": [BENEFIT | {"less_than": 0.1}],
}
LAST: Final = {"events": 150, "efficacy": [BENEFIT | {"more_than": 0.975}]}
RMST: Final = {"quantity": "rmst", "horizon": 24.0, "above": 1.0, "more_than": 0.9}
MODIFIER: Final[dict[str, Any]] = {
    "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
    "outcome": {"formula": "arm * nlr", "hazard": EXPONENTIAL},
    "priors": {
        **PRIORS,
        "arm:nlr": {"dist": "Normal", "mu": 0.0, "sigma": INTERACTION_SD},
        "nlr": {"dist": "Normal", "mu": 0.0, "sigma": TIGHT},
    },
    "report_at": [5.0],
}
DESIGNS: Final[dict[str, dict[str, Any]]] = {
    "stops at 20, 60 and 150 events": {
        "outcome": {"formula": "arm", "hazard": EXPONENTIAL},
        "priors": PRIORS,
        "looks": [{"events": 20, **STOPS}, {"events": 60, **STOPS}, LAST],
    },
    "the same, posteriors corrected by importance weights": {
        "outcome": {"formula": "arm", "hazard": EXPONENTIAL},
        "priors": PRIORS,
        "looks": [{"events": 20, **STOPS}, {"events": 60, **STOPS}, LAST],
        "approximation": "corrected",
        "draws": 1_000,
    },
    "enriched in the region of the posterior": {
        **MODIFIER,
        "population": {"median": 3.0, "log_sd": 0.6, "switch_to": [2.0, 4.0, 6.0]},
        "looks": [{"events": 60, "enrich": [BENEFIT | {"more_than": 0.8}]}, LAST],
    },
    "months to 24, interaction, accrual stopped": {
        **MODIFIER,
        "looks": [
            {"events": 60, "stop_accrual": [BENEFIT | {"more_than": 0.8}]},
            {"min_follow_up": 12.0, "efficacy": [BENEFIT | {"more_than": 0.975}, RMST]},
        ],
    },
}


class Tested(NamedTuple):
    """What is uniform, or has a mean of 0, where the analysis is right."""

    design: str
    quantity: str
    where: str
    kind: str
    p: float
    distance: float


def design_of(name: str) -> TrialDesign:
    """Return a design."""
    return TrialDesign.model_validate(BASE | DESIGNS[name])


def scenario(design: TrialDesign) -> ScenarioSpec:
    """Return truth drawn from the priors of a design's analysis."""
    effect = {"hr": [1.0], "log_hr_sd": EFFECT_SD}
    if design.modifier is not None:
        effect["interaction_sd"] = INTERACTION_SD
    sd = np.log(UPPER / MEDIAN) / 1.959964
    control = {"median": MEDIAN, "log_median_sd": float(sd)}
    return ScenarioSpec.model_validate({"name": "priors", "control": control, "effect": effect})


def simulated(name: str, trials: int) -> dict[str, Any]:
    """Return statistics of trials of a design whose truth is drawn from its priors."""
    design = design_of(name)
    return simulate_design(design, scenario(design), trials=trials, seed=1).table


def compared(name: str, table: dict[str, Any]) -> list[Tested]:
    """Return every test of a design."""
    design = design_of(name)
    return [*_shares(name, design, table), *_statements(name, design, table)]


def _places(design: TrialDesign, done: Decisions) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for number in range(len(design.looks)):
        yield f"look {number + 1}", done.places[:, number]
    if (done.look < len(design.looks) - 1).any():
        # Else it is the last look's, once more.
        yield "where trials end", done.stage


def _shares(name: str, design: TrialDesign, table: dict[str, Any]) -> Iterator[Tested]:
    """The share of each posterior below its truth, by mean and standard deviation."""
    done = decide(design, table)
    trials = np.arange(len(done.stage))
    for where, stage in _places(design, done):
        good = table["converged"][trials, stage]
        for number, target in enumerate(targets(design)):
            mean, sd = (table[part][trials, stage, number] for part in ("mean", "sd"))
            share = ndtr((table["truth"][:, number] - mean) / sd)[good]
            places = (np.arange(len(share)) + 0.5) / len(share)
            distance = float(np.abs(np.sort(share) - places).max())
            yield Tested(
                name, target.name, where, "share below", uniformity_p_value(share), distance
            )


def _statements(name: str, design: TrialDesign, table: dict[str, Any]) -> Iterator[Tested]:
    """True statements less the sum of their probabilities, in standard deviations."""
    done, wanted = decide(design, table), targets(design)
    trials = np.arange(len(done.stage))
    for where, stage in _places(design, done):
        good = table["converged"][trials, stage]
        for number, rule in enumerate(statements(design)):
            told = table["probability"][trials, stage, number][good]
            place = wanted.index(type(wanted[0]).of_rule(rule))
            below = table["truth"][good, place] < statement_bound(rule)
            true = below if rule.below is not None else ~below
            off = float((true - told).sum() / np.sqrt((told * (1.0 - told)).sum()))
            yield Tested(name, rule.about, where, "true or not", 2.0 * float(ndtr(-abs(off))), off)


def page(found: list[Tested]) -> str:
    """Return the page."""
    adjusted = holm({str(n): one.p for n, one in enumerate(found)})
    wrong = sum(p < LEVEL for p in adjusted.values())
    band = float(simultaneous_band(TRIALS, probability=0.95)[1].max())
    lines = [
        "# Calibration of the analysis of trials",
        "",
        f"Written by `python validation/write_trial_sbc.py` at commit `{_commit()}`. {TRIALS:,} "
        "trials of each design, whose truth is drawn from the priors of their own analysis: the "
        "log hazard ratio, the median of control, the interaction. Then the share of a posterior "
        "below the truth is uniform at every look, and also where trials end that may stop early; "
        "and of statements, as many are true as their probabilities add up to. A distance of the "
        f"ECDF from the uniform within {band:.3f} may be chance.",
        "",
        f"**{len(found) - wrong} of {len(found)} tests find nothing** (Holm, probability "
        f"{LEVEL:.0%} of any false alarm in the table). One by one, {LEVEL * len(found):.0f} p "
        f"values below 0.05 are expected by chance; {sum(one.p < LEVEL for one in found)} were "
        "found.",
        "",
        "| design | quantity | where | test | distance, or deviate | p | adjusted |",
        "|---|---|---|---|---:|---:|---:|",
        *(
            f"| {one.design} | `{one.quantity}` | {one.where} | {one.kind} | "
            f"{one.distance:+.3f} | {one.p:.3f} | {adjusted[str(n)]:.3f} |"
            for n, one in enumerate(found)
        ),
    ]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    told = page([one for name in DESIGNS for one in compared(name, simulated(name, TRIALS))])
    if "print" in sys.argv[1:]:
        print(told)
    else:
        PAGE.write_text(told, encoding="utf-8")
