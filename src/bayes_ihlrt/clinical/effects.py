"""Published effects, with their direction: those of `published_effects.toml`, corrected there.

Directions are written out because papers print them either way: a hazard ratio here is always that
of the first group named in `comparison` over the second, below 1 where the first lives longer. The
randomised trials of systemic therapy added to embolisation answer another question than local
therapy added to systemic therapy: `question` tells them apart.

EMERALD-1 is not among them by itself: of its progression-free survival we know the hazard ratio
(0.77) and no interval, and without one there is no standard error. It is part of the pooled effect
``systemic added PFS``.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from math import exp, log, nan, sqrt
from pathlib import Path
from typing import Any, Final

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.priors import Z_975


def equivalent_events(sd: float) -> float:
    """Return the events that a normal prior on a log hazard ratio is worth.

    A trial with two arms of equal size and d events estimates the log hazard ratio with variance
    about 4 / d.

    Parameters
    ----------
    sd : float
        Standard deviation of the prior.

    Returns
    -------
    float
        4 / sd^2.

    References
    ----------
    Spiegelhalter DJ, Abrams KR, Myles JP. Bayesian approaches to clinical trials and health-care
    evaluation. 2004, doi 10.1002/0470092602.

    Examples
    --------
    >>> round(equivalent_events(0.4), 6)
    25.0
    """
    return UNIT_INFORMATION / sd**2


@dataclass(frozen=True)
class Published:
    """A hazard ratio with its 95 % interval, as a normal likelihood of its logarithm.

    Parameters
    ----------
    ratio, low, high : float
        Hazard ratio and limits, all in one direction.

    Raises
    ------
    SpecificationError
        The limits do not lie around the ratio.

    Examples
    --------
    >>> trial = Published(0.66, 0.51, 0.84)
    >>> round(trial.sceptical_limit, 3)
    0.834
    """

    ratio: float
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if not 0.0 < self.low < self.ratio < self.high:
            problem = f"{self.ratio:g} does not lie between {self.low:g} and {self.high:g}"
            remedy = "Give a positive hazard ratio and its limits in the same direction"
            raise SpecificationError("published effect", [Fault("interval", problem, remedy)])

    @property
    def inverse(self) -> "Published":
        """The same effect in the other direction."""
        return Published(1.0 / self.ratio, 1.0 / self.high, 1.0 / self.low)

    @property
    def log_ratio(self) -> float:
        """The log hazard ratio."""
        return log(self.ratio)

    @property
    def error(self) -> float:
        """Standard error of the log hazard ratio, from the width of the interval."""
        return (log(self.high) - log(self.low)) / (2.0 * Z_975)

    @property
    def sceptical_limit(self) -> float:
        """The limit that a sceptic's 95 % interval must keep within to doubt the result.

        With logarithms of the limits l < u on one side of 0, exp(-(u - l)^2 / (4 sqrt(l u))) or its
        inverse: the sceptical prior whose posterior interval just reaches 1 has its own interval
        from this value to its inverse. NaN where the published interval includes 1.
        """
        low, high = log(self.low), log(self.high)
        if low * high <= 0.0:
            return nan
        distance = (high - low) ** 2 / (4.0 * sqrt(low * high))
        return exp(-distance) if high < 0.0 else exp(distance)

    @property
    def sceptical_sd(self) -> float:
        """Sd of that prior; NaN where the published interval includes 1."""
        return abs(log(self.sceptical_limit)) / Z_975

    @property
    def sceptical_events(self) -> float:
        """Events that the prior is worth: 4 / sd^2, two arms of equal size."""
        return equivalent_events(self.sceptical_sd)


UNIT_INFORMATION = 4.0
"""Variance of a log hazard ratio times the number of events, for two arms of equal size."""


class Question(StrEnum):
    """Which comparison a published effect is of."""

    LOCAL_ADDED = "local added to systemic"
    SYSTEMIC_ADDED = "systemic added to local"
    SYSTEMIC_INSTEAD = "systemic instead of local"
    SYSTEMIC = "one systemic therapy against another"
    PROGNOSIS = "prognosis"

    @property
    def added(self) -> bool:
        """Whether a treatment is compared with its absence, all else being equal."""
        return self in {Question.LOCAL_ADDED, Question.SYSTEMIC_ADDED}


@dataclass(frozen=True)
class PublishedEffect:
    """A published hazard ratio and where it comes from.

    Parameters
    ----------
    name : str
        Short name, unique in `EVIDENCE`.
    outcome : str
        Which event.
    effect : Published
        Hazard ratio with its 95 % interval, first over second group of `comparison`.
    comparison : str
        The two groups.
    question : Question
        Which comparison this is.
    population : str
        In whom.
    design : str
        Randomised, or not.
    source : str
        Publication.
    studies : tuple of str
        Whose patients are counted: effects that share one are not independent.
    doi : str or None
        None where none is known to us.
    checked : bool
        Whether the numbers were compared with the published abstract or report.
    """

    name: str
    outcome: str
    effect: Published
    comparison: str
    question: Question
    population: str
    design: str
    source: str
    studies: tuple[str, ...]
    doi: str | None = None
    checked: bool = True


_FILE: Final = Path(__file__).parent / "published_effects.toml"
_OPTIONAL: Final = frozenset({"doi", "checked"})


def read_effects(text: str) -> tuple[PublishedEffect, ...]:
    r"""Read published effects, as the file of the package holds them.

    Parameters
    ----------
    text : str
        TOML: a table an effect, under its name, with ``hr``, ``interval`` and the other fields of
        `PublishedEffect`.

    Returns
    -------
    tuple of PublishedEffect
        In the order of the file.

    Raises
    ------
    SpecificationError
        Keys are missing or not known, or a value cannot be; every fault is told.

    Examples
    --------
    >>> read_effects('[a]\nhr = 0.8\ninterval = [0.6, 1.1]\nquestions = "prognosis"')
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: published effects: 1 fault
      - [a]: missing comparison, design, outcome, population, question, source, studies; unknown ...
    """
    tables, faults, found = tomllib.loads(text), [], []
    own = {field.name for field in fields(PublishedEffect)} - {"name", "effect"}
    known = own | {"hr", "interval"}
    for name, table in tables.items():
        lacking, other = sorted(known - _OPTIONAL - table.keys()), sorted(table.keys() - known)
        told = [f"missing {', '.join(lacking)}"] * bool(lacking)
        told += [f"unknown {', '.join(other)}"] * bool(other)
        if told:
            faults.append(Fault(f"[{name}]", "; ".join(told), f"Keys: {', '.join(sorted(known))}"))
            continue
        try:
            found.append(_effect(name, table))
        except (ValueError, TypeError) as error:
            faults.append(Fault(f"[{name}]", str(error), "Correct the value"))
        except SpecificationError as error:
            faults += [replace(fault, where=f"[{name}] {fault.where}") for fault in error.faults]
    if faults:
        raise SpecificationError("published effects", faults)
    return tuple(found)


def _effect(name: str, table: dict[str, Any]) -> PublishedEffect:
    rest = {key: value for key, value in table.items() if key not in {"hr", "interval"}}
    rest |= {"question": Question(table["question"]), "studies": tuple(table["studies"])}
    low, high = table["interval"]
    return PublishedEffect(name=name, effect=Published(table["hr"], low, high), **rest)


EVIDENCE: Final = read_effects(_FILE.read_text("utf-8"))
"""Published effects, hazard ratios of the first over the second group."""
