"""Parts of a study, of which one that fails takes no other with it.

A ladder has rungs, a sensitivity study has studies and choices of priors, checks and plans have
parts too. What one of them runs into is kept beside the others' results, with what to do about it.
Only what the data, the specification or the posterior of a part can be at fault for is kept; a
fault of the package ends the run as it does everywhere.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bayes_ihlrt.errors import BayesIhlrtError, ConvergenceError, InputError

_NUMERICAL_REMEDY: Final = (
    "State tighter priors, use fewer terms in the formulas, or report it where they are as they "
    "should be"
)
OF_A_PART: Final = (InputError, ConvergenceError, ArithmeticError, np.linalg.LinAlgError)
"""What a part may run into without being a fault of the package."""

_NAMED: Final = 5


@dataclass(frozen=True)
class Failure:
    """A part that could not be computed.

    Parameters
    ----------
    part : str
        What it is called in the study.
    reason : str
        What is wrong, and what was found.
    remedy : str
        What to do; empty where nothing is known.
    fault : InputError or None
        Where the data or the specification are at fault, all that was found.

    Examples
    --------
    >>> str(Failure("split, crude", "no mode was found", "State tighter priors"))
    'no mode was found. State tighter priors.'
    """

    part: str
    reason: str
    remedy: str = ""
    fault: InputError | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Return reason and remedy in sentences."""
        said = (self.reason, self.remedy)
        return " ".join(f"{text.removesuffix('.')}." for text in said if text)

    def to_dict(self) -> dict[str, str]:
        """Return what ``failed`` holds of the part itself."""
        return {"reason": self.reason, "remedy": self.remedy}


def failure_of(part: str, error: Exception) -> Failure:
    """Return what an exception says of a part.

    Parameters
    ----------
    part : str
        What the part is called.
    error : Exception
        One of `OF_A_PART`.

    Returns
    -------
    Failure
        With the remedy that the exception names; numerical ones get a general one.

    Examples
    --------
    >>> failure_of("grid", ConvergenceError("no mode was found", "State tighter priors")).remedy
    'State tighter priors'
    """
    if isinstance(error, InputError):
        faults = [fault.said(str) for fault in error.faults]
        reasons = "; ".join(f"{fault.where}: {fault.problem}" for fault in faults)
        remedies = ". ".join(dict.fromkeys(fault.remedy for fault in faults))
        # Without its frames, which would keep the arrays of the part.
        return Failure(part, reasons, remedies, error.with_traceback(None))
    if isinstance(error, ConvergenceError):
        return Failure(part, error.problem, error.remedy)
    told = f"the numbers could not be computed ({type(error).__name__}: {error})"
    return Failure(part, told, _NUMERICAL_REMEDY)


def attempted[T](part: str, compute: Callable[[], T]) -> T | Failure:
    """Compute a part of a study, or say why it cannot be.

    Parameters
    ----------
    part : str
        What the part is called.
    compute : callable
        Computes it.

    Returns
    -------
    T or Failure
        The part, or what it ran into. Exceptions other than `OF_A_PART` are faults of the package
        and pass.

    Examples
    --------
    >>> attempted("mean", lambda: 1.0)
    1.0
    >>> attempted("inverse", lambda: np.linalg.inv(np.zeros((2, 2)))).reason
    'the numbers could not be computed (LinAlgError: Singular matrix)'
    """
    try:
        return compute()
    except OF_A_PART as error:
        return failure_of(part, error)


def known[T](found: T | Failure) -> T:
    """Return a part that another part rests on.

    Parameters
    ----------
    found : T or Failure
        From `attempted`.

    Returns
    -------
    T
        The part.

    Raises
    ------
    ConvergenceError
        It could not be computed, and so the other cannot.

    Examples
    --------
    >>> known(1.0)
    1.0
    """
    if isinstance(found, Failure):
        problem = f"it rests on '{found.part}', which could not be computed: {found.reason}"
        raise ConvergenceError(problem, found.remedy)
    return found


def listed(failures: Iterable[Failure]) -> list[dict[str, str]]:
    """Return the list ``failed`` of a ``result.json``; empty where nothing failed.

    Parameters
    ----------
    failures : iterable of Failure
        In the order of the study.

    Returns
    -------
    list of dict
        ``part``, ``reason`` and ``remedy`` each.

    Examples
    --------
    >>> listed([Failure("grid", "no mode was found")])
    [{'part': 'grid', 'reason': 'no mode was found', 'remedy': ''}]
    """
    return [{"part": found.part, **found.to_dict()} for found in failures]


def not_computed(failures: Iterable[Failure]) -> tuple[str, ...]:
    """Return a line for each part that could not be computed, with reason and remedy.

    Parameters
    ----------
    failures : iterable of Failure
        In the order of the study.

    Returns
    -------
    tuple of str
        To stand before everything else.

    Examples
    --------
    >>> not_computed([Failure("propensity", "no mode was found")])
    ('INCOMPLETE: not computed, propensity: no mode was found.',)
    """
    return tuple(f"INCOMPLETE: not computed, {found.part}: {found}" for found in failures)


def missing(failures: Sequence[Failure], total: int, noun: str) -> tuple[str, ...]:
    """Return the first line of a result of which parts are missing.

    Parameters
    ----------
    failures : sequence of Failure
        Parts that could not be computed.
    total : int
        Parts that were asked for.
    noun : str
        What they are called, in the plural.

    Returns
    -------
    tuple of str
        One sentence, or none where nothing failed.

    Examples
    --------
    >>> missing([Failure("split, crude", "no mode was found")], 9, "rungs")[0]
    "INCOMPLETE: 1 of 9 rungs is missing ('split, crude'); why, and what to do, stands with it."
    """
    count = len(failures)
    if not count:
        return ()
    names = ", ".join(f"'{found.part}'" for found in failures[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    verb, them = ("is", "it") if count == 1 else ("are", "each")
    return (
        f"INCOMPLETE: {count} of {total} {noun} {verb} missing ({names}{more}); why, and what to "
        f"do, stands with {them}.",
    )


def nothing_left(failures: Sequence[Failure]) -> BayesIhlrtError:
    """Return the error of a study of which no part could be computed.

    Parameters
    ----------
    failures : sequence of Failure
        All parts, at least one.

    Returns
    -------
    BayesIhlrtError
        To raise. Where data or specification are at fault in every part, the faults of the first;
        otherwise a `ConvergenceError` that names every part with its reason.

    Examples
    --------
    >>> str(nothing_left([Failure("grid", "no mode was found", "State tighter priors")]))
    'nothing that was asked for could be computed; grid: no mode was found. State tighter priors'
    """
    first = failures[0].fault
    if first is not None and all(found.fault is not None for found in failures):
        return first
    told = "; ".join(f"{found.part}: {found.reason}" for found in failures)
    remedies = dict.fromkeys(found.remedy.removesuffix(".") for found in failures if found.remedy)
    return ConvergenceError(
        f"nothing that was asked for could be computed; {told}", ". ".join(remedies)
    )
