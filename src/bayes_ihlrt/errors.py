"""Exceptions of the package.

::

    BayesIhlrtError
    ├── InputError            one or more faults in what the user gave (exit status 1)
    │   ├── DataError         the cohort file or frame
    │   ├── SpecificationError  the analysis specification
    │   └── RefusedError      a request that would mislead
    ├── ConvergenceError      the posterior is not to be trusted (exit status 3)
    ├── OutputError           standard output cannot be written (exit status 1)
    └── MissingExtraError     an optional dependency is not installed
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, override

from bayes_ihlrt.escaping import printable

OPTION: Final = "{option}"
"""Where the texts of a fault name what one may ask for."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input, told so that it can be mended.

    Parameters
    ----------
    where : str
        Place of the fault, e.g. ``"patient P07, column os_months"`` or ``"[outcome] formula"``.
    problem : str
        What is wrong and what was found.
    remedy : str
        What is allowed, and what to do.
    lines : tuple of str
        Lines to copy, e.g. into a specification; listed below the fault.
    option : str
        What one may ask for, as it is said in Python, e.g. ``"overwrite=True"``; the texts name it
        by `OPTION`, and who reads them is told it in words of their own.

    Examples
    --------
    >>> str(Fault("[data] event", "it is missing", "Name the column with 1 = event"))
    '[data] event: it is missing. Name the column with 1 = event.'
    >>> fault = Fault("file a.html", "it exists", f"Give {OPTION}", option="overwrite=True")
    >>> print(fault)
    file a.html: it exists. Give overwrite=True.
    >>> print(fault.said(lambda option: "--overwrite"))
    file a.html: it exists. Give --overwrite.
    """

    where: str
    problem: str
    remedy: str
    lines: tuple[str, ...] = ()
    option: str = ""

    def __str__(self) -> str:
        """Return the fault as one sentence pair, for who uses Python."""
        said = self.said(str)
        return printable(f"{said.where}: {said.problem}. {said.remedy}.")

    def said(self, word: "Word") -> "Fault":
        """Return the fault with its option in the words of who reads it.

        Parameters
        ----------
        word : callable
            Given the option as it is said in Python, says it.

        Returns
        -------
        Fault
            Which has none any more.
        """
        if not self.option:
            return self
        told = word(self.option)
        where, problem, remedy = (
            text.replace(OPTION, told) for text in (self.where, self.problem, self.remedy)
        )
        return Fault(where, problem, remedy, self.lines, option="")


type Word = Callable[[str], str]
"""Says an option: given ``"overwrite=True"``, returns what a reader is to write."""


_FAULTS: Final = 100
"""Faults that a message lists."""
_LETTERS: Final = 1_500
"""Letters of a fault that a message tells: half from its beginning, half from its end."""


def _listed(fault: Fault) -> str:
    told = str(fault)
    if len(told) > _LETTERS:
        half = _LETTERS // 2
        told = f"{told[:half]} ... {told[-half:]}"
    return "\n".join([f"  - {told}", *(f"      {printable(line)}" for line in fault.lines)])


class BayesIhlrtError(Exception):
    """Base of every exception that the package raises on purpose.

    Examples
    --------
    >>> issubclass(ConvergenceError, BayesIhlrtError)
    True
    """


class InputError(BayesIhlrtError):
    """One or more faults in what the user gave; all are listed at once, of hundreds the first 100.

    Parameters
    ----------
    subject : str
        What was being read, e.g. ``"cohort.csv"``.
    faults : iterable of Fault
        Every fault that was found; at least one.

    Examples
    --------
    >>> print(InputError("cohort.csv", [Fault("patient P07", "no time", "Give it")]))
    cohort.csv: 1 fault
      - patient P07: no time. Give it.
    """

    def __init__(self, subject: str, faults: Iterable[Fault]) -> None:
        self.subject = subject
        self.faults = tuple(faults)
        # What a pickle makes it of again.
        super().__init__(subject, self.faults)

    @override
    def __str__(self) -> str:
        """Return the message."""
        return self.said(str)

    def said(self, word: Word) -> str:
        """Return the message with every option in the words of who reads it.

        Parameters
        ----------
        word : callable
            See `Fault.said`.

        Returns
        -------
        str
            A line for each fault.
        """
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        told = [_listed(fault.said(word)) for fault in self.faults[:_FAULTS]]
        if more := len(self.faults) - len(told):
            told.append(f"  - and {more:,} more")
        lines = "\n".join(told)
        return f"{printable(self.subject)}: {count}\n{lines}"


class DataError(InputError):
    """The cohort file or frame cannot be analysed as it is.

    Examples
    --------
    >>> from bayes_ihlrt.cohort.datasets import csv_path
    >>> try:
    ...     csv_path("hart")
    ... except DataError as error:
    ...     print(error.faults[0].remedy)
    Did you mean 'heart'? Allowed: heart, hepatocellular, ihlrt_synthetic, ihlrt_synthetic_findings
    """


class SpecificationError(InputError):
    """The analysis specification cannot be run as it is.

    Examples
    --------
    >>> from bayes_ihlrt.synthetic.simulate import simulate_cohort
    >>> try:
    ...     simulate_cohort(1, seed=0)
    ... except SpecificationError as error:
    ...     print(error.faults[0])
    simulate_cohort, n: 1 is out of range. Give 2 patients or more.
    """


class RefusedError(InputError):
    """The request is understood and would mislead, so it is not carried out.

    Examples
    --------
    >>> issubclass(RefusedError, InputError)
    True
    """


class ConvergenceError(BayesIhlrtError):
    """The chains did not converge: the posterior is not to be trusted.

    Parameters
    ----------
    problem : str
        What is wrong.
    remedy : str
        What to do; a command whose settings are others says its own.

    Examples
    --------
    >>> error = ConvergenceError("no mode was found", "State tighter priors")
    >>> str(error), error.problem
    ('no mode was found. State tighter priors', 'no mode was found')
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem, remedy)

    @override
    def __str__(self) -> str:
        """Return the message."""
        return f"{self.problem}. {self.remedy}" if self.remedy else self.problem


class OutputError(BayesIhlrtError):
    """Standard output cannot be written: the disk is full, or its reader has left.

    Parameters
    ----------
    reason : str
        What the system says.

    Examples
    --------
    >>> print(OutputError("broken pipe"))
    standard output cannot be written (broken pipe)
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    @override
    def __str__(self) -> str:
        """Return the message."""
        return f"standard output cannot be written ({self.reason})"


class MissingExtraError(BayesIhlrtError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    extra : str
        Name of the optional extra, e.g. ``"gpu"``.
    needed_for : str
        What the user asked for.

    Examples
    --------
    >>> print(MissingExtraError("gpu", "engine on a GPU"))
    engine on a GPU needs the optional extra 'gpu': install it with `python3 -m pip install
    'bayes-ihlrt[gpu]'`; in a clone, `python3 -m uv run --extra gpu bayes-ihlrt ...` does.
    """

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        self.needed_for = needed_for
        super().__init__(extra, needed_for)

    @override
    def __str__(self) -> str:
        """Return the message."""
        return (
            f"{self.needed_for} needs the optional extra '{self.extra}': "
            f"install it with `python3 -m pip install 'bayes-ihlrt[{self.extra}]'`; "
            f"in a clone, `python3 -m uv run --extra {self.extra} bayes-ihlrt ...` does."
        )


_LISTED: Final = 100
"""Words that are listed."""
_LONGEST: Final = 80
"""Letters of a word that are told."""


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else f"{word[: _LONGEST - 3]}..."


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a hint naming the allowed word closest to `name`, or all of them.

    Parameters
    ----------
    name : str
        The word that was found.
    allowed : iterable of str
        The words that would have been accepted.

    Returns
    -------
    str
        For example ``"Did you mean 'event'? Allowed: event, time"``.

    Examples
    --------
    >>> nearest("evnt", ["event", "time"])
    "Did you mean 'event'? Allowed: event, time"
    """
    words = sorted(set(allowed))
    close = get_close_matches(name, words, n=1)
    hint = f"Did you mean '{_short(close[0])}'? " if close else ""
    told = list(map(_short, words))
    more = f" and {len(told) - _LISTED:,} more" if len(told) > _LISTED else ""
    return f"{hint}Allowed: {', '.join(told[:_LISTED]) or '(none)'}{more}"
