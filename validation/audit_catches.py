"""How often a plan's audit finds posteriors that are off, both ways: no fit, no simulation.

python -m validation.audit_catches            # the table of docs/explanation/plan_audit.md

Deviates of fits are drawn as an audit draws them, half of them near the threshold; what chains say
is binomial of their effective draws; simulated posteriors are shifted. An audit has 8 rules, of
which all are shifted, or one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.corrected import Redone, check_rules, judged

type Floats = NDArray[np.float64]
type Seed = int | list[int]
RULE = Rule(quantity="hazard-ratio", below=1.0, more_than=0.975)
RULES, AUDITS = 8, 100
FITS = (1, 3, 5, 8, 10, 12, 20)
COLUMNS = ((0.0, RULES), (0.1, RULES), (-0.1, RULES), (0.1, 1), (-0.1, 1))
"""Shift of the posteriors, and of how many of the rules."""


def redone(
    z: Floats, *, shift: float = 0.0, scale: float = 1.0, seed: Seed = 1
) -> list[tuple[Redone, ...]]:
    """Return fits whose simulated deviates are scaled and shifted, chains drawing the true ones."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(1_500, 4_000, len(z))
    chains = rng.binomial(draws, ndtr(z)) / draws
    return [
        (Redone(RULE.statement, float(p), float(q), float(n)),)
        for p, q, n in zip(ndtr(scale * z + shift), chains, draws, strict=True)
    ]


def spread(count: int, seed: Seed) -> Floats:
    """Return true deviates of fits of a look: near the threshold and far from it in turn."""
    rng = np.random.default_rng(seed)
    return 1.96 + rng.normal(0.0, np.where(np.arange(count) % 2, 0.25, 1.2))


def caught(shift: float, fits: int, *, shifted: int = RULES, audits: int = AUDITS) -> float:
    """Return the share of audits that fail, posteriors of so many rules being `shift` too sure."""
    found = [
        judged(
            one
            for rule in range(RULES)
            for one in check_rules(
                ("d", "s", rule),
                [RULE],
                redone(
                    spread(fits, [n, rule]),
                    shift=shift if rule < shifted else 0.0,
                    seed=[n, rule, 9],
                ),
            )
        )
        for n in range(audits)
    ]
    return float(np.mean([any(rule.off for rule in audit) for audit in found]))


def table() -> str:
    """Return the table: a row for each number of fits a rule."""
    lines = [
        "| fits a rule | exact | all 0.1 too sure | all 0.1 too cautious | one of 8 too sure | "
        "one of 8 too cautious |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for fits in FITS:
        shares = [caught(shift, fits, shifted=shifted) for shift, shifted in COLUMNS]
        told = " | ".join(f"{share:.0%}".replace("%", " %") for share in shares)
        lines.append(f"| {fits} | {told} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
