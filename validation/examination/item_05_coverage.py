"""Item 5 again: whether 91 % coverage under a flat prior, in 200 cohorts of 300, is chance.

Three of sixteen cases were below 92 %. They are run on other cohorts, enough for an error of 0.7 %,
and Cox's partial likelihood, which has neither a prior nor a baseline, on each of the same cohorts.
What is left below 95 % is laid on location (the estimates do not lie around the truth) or on width
(posterior standard deviations are not those of the estimates).
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from validation.examination.item_05 import FEWEST, FLAT, MOST, estimates
from validation.examination.row import Row
from validation.outside.baseline import cohort
from validation.outside.partial import cox

CASES: Final = (("constant", 0.05), ("high at first", 0.15), ("bathtub", 0.05))
SIZE: Final = 300
EARLIER: Final = range(1000, 1200)
"""Seeds of the cohorts on which 91 % was seen."""
OTHER: Final = range(5000, 6000)

type Floats = NDArray[np.float64]


class Found(NamedTuple):
    """Estimates and standard deviations of cohorts under a flat prior, and those of Cox."""

    flat: Floats
    partial: Floats

    @property
    def covered(self) -> float:
        """Share of 95 % intervals that hold 0."""
        return held(self.flat)

    @property
    def apart(self) -> float:
        """Distance of that share from 95 %, in Monte Carlo errors."""
        return (self.covered - 0.95) / float(np.sqrt(0.95 * 0.05 / len(self.flat)))

    @property
    def centred(self) -> float:
        """The same were the estimates moved to lie around 0 in the mean."""
        return held(self.flat - [self.flat[:, 0].mean(), 0.0])

    @property
    def spread(self) -> float:
        """Standard deviation of the estimates by the mean of the posterior ones."""
        return float(self.flat[:, 0].std(ddof=1) / self.flat[:, 1].mean())


def held(found: Floats) -> float:
    """Return the share of intervals of 1.96 standard deviations that hold 0."""
    return float(np.mean(np.abs(found[:, 0]) < 1.96 * found[:, 1]))


@cache
def measured(shape: str, rate: float, seeds: range) -> Found:
    """Return what each cohort gave."""
    frames = [cohort(SIZE, seed, shape=shape, start_rate=rate) for seed in seeds]
    partial = [
        cox(
            frame["months"].to_numpy(),
            frame["death"].to_numpy().astype(bool),
            frame["treated_months"].fillna(np.inf).to_numpy(),
        )
        for frame in frames
    ]
    return Found(estimates(frames, FLAT), np.array(partial))


def rows() -> list[Row]:
    """Return a row a case."""
    return [_row(shape, rate) for shape, rate in CASES]


def _row(shape: str, rate: float) -> Row:
    found = measured(shape, rate, OTHER)
    error = np.sqrt(found.covered * (1.0 - found.covered) / len(OTHER))
    return Row(
        item="5 (coverage)",
        what=f"hazard {shape}, starts {rate:g} a month, {len(OTHER):,} other cohorts of {SIZE}, "
        "flat prior: share of 95 % intervals that hold 0",
        truth=f"{FEWEST:.0%} to {MOST:.0%}",
        before=f"{measured(shape, rate, EARLIER).covered:.1%} of {len(EARLIER)} cohorts",
        after=f"{found.covered:.1%}, {found.apart:+.1f} errors from 95 %; Cox "
        f"{held(found.partial):.1%}",
        mcse=f"{error:.1%}",
        verdict="within" if FEWEST <= found.covered <= MOST else "outside",
    )


def words() -> str:
    """Return the paragraph on where it comes from, with its figures."""
    first = [measured(shape, rate, EARLIER) for shape, rate in CASES]
    other = [measured(shape, rate, OTHER) for shape, rate in CASES]
    low = [found.covered < FEWEST for found in other]
    told = (
        f"in {sum(low)} of {len(low)} still below {FEWEST:.0%}"
        if any(low)
        else f"none below {FEWEST:.0%}"
    )
    return (
        f"Item 5, coverage. Under a flat prior {_each([f.covered for f in first])} of the "
        f"intervals of the first {len(EARLIER)} cohorts of {SIZE} held 0 ({_cases()}). On "
        f"{len(OTHER):,} other cohorts each it is {_each([f.covered for f in other])}: {told}, "
        f"{_each([f.apart for f in other], '+.1f')} Monte Carlo errors from 95 %. "
        "Cox's partial likelihood, without prior or baseline, held it in "
        f"{_each([held(f.partial) for f in first])} of the first and "
        f"{_each([held(f.partial) for f in other])} of the others. What is short of 95 %: "
        f"estimates lie {_each([f.flat[:, 0].mean() for f in other], '+.3f')} from 0 in the mean, "
        f"with a posterior standard deviation of "
        f"{_each([f.flat[:, 1].mean() for f in other], '.3f')}; moved to 0 they would be held in "
        f"{_each([f.centred for f in other])} (location). Their standard deviation is "
        f"{_each([f.spread for f in other], '.3f')} times the posterior one (width), with a Monte "
        f"Carlo error of {1.0 / np.sqrt(2.0 * len(OTHER)):.3f}."
    )


def _each(values: list[float], form: str = ".1%") -> str:
    *first, last = (format(value, form) for value in values)
    return f"{', '.join(first)} and {last}"


def _cases() -> str:
    return "; ".join(f"hazard {shape}, starts {rate:g} a month" for shape, rate in CASES)
