"""Bias and coverage of posteriors over cohorts whose truth is known, their table, and the run."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95
"""Of the intervals whose coverage is told."""
LEAST, MOST = 0.91, 0.98
"""Coverage that is asked for."""
HEAD: Final = (
    "| estimand | true, mean | bias | Monte Carlo SE | z | coverage |",
    "|---|---|---|---|---|---|",
)


class Found(NamedTuple):
    """Draws of the estimands of one cohort, and their truth.

    Parameters
    ----------
    draws : dict of str to ndarray, shape (draws,)
        By estimand.
    truth : dict of str to float
        By estimand.
    """

    draws: dict[str, NDArray[np.float64]]
    truth: dict[str, float]


def bias(found: Sequence[Found], estimand: str) -> tuple[float, float, float]:
    """Return the mean truth, the bias of posterior means and its Monte Carlo standard error."""
    truth = np.array([each.truth[estimand] for each in found])
    error = np.array([each.draws[estimand].mean() for each in found]) - truth
    return float(truth.mean()), float(error.mean()), float(error.std(ddof=1) / len(error) ** 0.5)


def coverage(found: Sequence[Found], estimand: str) -> float:
    """Return how often the central interval of an estimand holds its truth."""
    tails = (1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0
    inside = []
    for each in found:
        low, high = np.quantile(each.draws[estimand], tails)
        inside.append(low <= each.truth[estimand] <= high)
    return float(np.mean(inside))


def row(found: Sequence[Found], estimand: str) -> str:
    """Return the line of an estimand in the table below `HEAD`."""
    mean, error, mcse = bias(found, estimand)
    return (
        f"| {estimand} | {mean:+.3f} | {error:+.4f} | {mcse:.4f} | {error / mcse:+.1f} | "
        f"{coverage(found, estimand):.1%} |"
    )


def run[One](one_cohort: Callable[[int], One], seeds: Sequence[int]) -> list[One]:
    """Return what is found in the cohort of every seed; tell on stderr how far it has come."""
    found = []
    for number, seed in enumerate(seeds, start=1):
        found.append(one_cohort(seed))
        print(f"{number}", end=" ", file=sys.stderr, flush=True)
    return found


def write[One](
    one_cohort: Callable[[int], One],
    page: Callable[[list[One]], str],
    *,
    file: Path,
    seeds: range,
) -> None:
    """Write the page of all seeds, or print that of as many as the command line asks for."""
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else None
    first = seeds.start
    told = page(run(one_cohort, seeds if asked is None else range(first, first + asked)))
    if asked is None:
        file.write_text(told, encoding="utf-8")
    else:
        print(told)
