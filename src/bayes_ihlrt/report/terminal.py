"""A fitted analysis on the terminal, and the progress of a long command on standard error."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from textwrap import fill
from types import TracebackType
from typing import Any, Final, Self

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.report.fit import (
    fit_tables,
    interaction_of,
    parameter_table,
    propensity_tables,
)
from bayes_ihlrt.report.words import (
    convergence_sentence,
    headline,
    loo_sentence,
    says_something,
    summary_sentences,
)
from bayes_ihlrt.results.table import PlainConsole, Table

_TEXT_WIDTH: Final = 110
_INDENT: Final = 2
_NARROW: Final = 20
_NARROWEST: Final = 8
_GAP: Final = 2


def print_fit(console: Console, result: FitResult) -> None:
    """Print a result, before figures are drawn and files written.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : FitResult
        A fitted analysis.
    """
    for note in result.notes:
        console.print(Text(note, style="bold"))
    console.print(Text(headline(result), style="bold"))
    console.print(Text(prior_sentence(result.spec, result.checked.priors, result.checked.worths)))
    console.print()
    print_tables(console, _fit_tables(result))
    for sentence in summary_sentences(result):
        console.print(Text(sentence, style="bold" if "do not settle" in sentence else ""))
    console.print()
    console.print(Text(convergence_sentence(result)))
    console.print(Text(loo_sentence(result)))
    console.print()


def _fit_tables(result: FitResult) -> Iterator[Table]:
    """The tables of the report, but for what it draws over the modifier."""
    content, spec, encoder = result.to_dict(), result.spec, result.fit.prepared.encoder
    yield from fit_tables(content, spec)
    if says_something(result):
        yield from interaction_of(content, spec)
    units = {name: unit_of(name, spec) for name in encoder.columns}
    yield parameter_table(content, {"units": units, "references": encoder.references}, spec)
    yield from propensity_tables(content["propensity"])


def print_tables(console: Console, tables: Iterable[Table]) -> None:
    """Print tables of a report, each with its note and an empty line.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    tables : iterable of results.table.Table
        In this order.
    """
    for table in tables:
        console.print(rich_table(table, width=console.width))
        if table.note:
            console.print(Text(table.note))
        console.print()


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Print the answer first.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    summary : mapping
        Of `report.narrative.fit_summary` or `report.answers`.
    """
    for line in summary["first"]:
        console.print(Text(line, style="bold"))
    for place, part in enumerate(summary["parts"]):
        if place or summary["first"]:
            console.print()
        console.print(Text(part["title"], style="bold"))
        if "table" in part:
            console.print(Padding(_small_table(part["table"]), (0, 0, 0, 2), expand=False))
        for sentence in part["told"]:
            for line in Text(sentence).wrap(console, max(console.width - _INDENT, _NARROW)):
                console.print(Text(" " * _INDENT) + line, soft_wrap=True)
    console.print()


def _small_table(content: Mapping[str, Any]) -> RichTable:
    """A few rows; names are broken before numbers are."""
    table = RichTable(box=None, pad_edge=False)
    first, *others = content["head"]
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right", overflow="fold")
    for row in content["rows"]:
        label, *cells = row
        table.add_row(label, *(Text(cell, no_wrap=True) for cell in cells))
    return table


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print sentences, each from a new line.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    lines : iterable of str
        What is told.
    """
    for line in lines:
        console.print(Text(line))


def as_text(tell: Callable[[Console], None]) -> str:
    r"""Return what is told on a console as plain text.

    Parameters
    ----------
    tell : callable
        Prints on the console that it is given.

    Returns
    -------
    str
        Lines of at most 110 characters.

    Examples
    --------
    >>> as_text(lambda console: console.print("a"))
    'a\n'
    """
    text = StringIO()
    tell(PlainConsole(file=text, width=_TEXT_WIDTH, no_color=True))
    return "\n".join(line.rstrip() for line in text.getvalue().split("\n"))


def rich_table(found: Table, *, width: int) -> RichTable:
    """Return a table of a report as it is printed on a console.

    Parameters
    ----------
    found : results.table.Table
        The table.
    width : int
        Columns of the console.

    Returns
    -------
    rich.table.Table
        The same cells. Headings are broken to the width of their cells, words where there is no
        room, and numbers only where they alone are wider than the console.
    """
    numbers = [column.numeric and place > 0 for place, column in enumerate(found.columns)]
    columns = list(zip(*found.rows, strict=True)) or [()] * len(numbers)
    headings = [
        _broken(column.label, cells) if number else column.label
        for column, cells, number in zip(found.columns, columns, numbers, strict=True)
    ]
    needed = sum(
        _widest((heading, *cells) if number else " ".join((heading, *cells)).split())
        for heading, cells, number in zip(headings, columns, numbers, strict=True)
    )
    room = width - needed
    table = RichTable(title=found.title, title_justify="left", box=None, pad_edge=False)
    table.collapse_padding = room < _GAP * (len(numbers) - 1)
    for heading, number in zip(headings, numbers, strict=True):
        whole = number and room >= len(numbers) - 1
        table.add_column(heading, justify="right" if number else "left", no_wrap=whole)
    for row in found.rows:
        table.add_row(*row)
    return table


def _broken(label: str, cells: Iterable[str]) -> str:
    """A heading that is no wider than its cells, as far as its words allow."""
    room = max(_NARROWEST, _widest(cells))
    return fill(label, room, break_long_words=False, break_on_hyphens=False)


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.splitlines()), default=0)


class Stages:
    """Tells the stage that a long command is in: a spinner on a terminal, lines elsewhere.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = PlainConsole(stderr=True)
        self._status: Status | None = None

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar can be drawn."""
        return self._console.is_terminal and not self._quiet

    def tell(self, stage: str) -> None:
        """Tell what begins.

        Parameters
        ----------
        stage : str
            In a few words, such as ``"compiling the model"``.
        """
        if self._quiet:
            return
        self._stop()
        # The sampler draws a bar of its own, which a spinner would break.
        if not self.shows_progress or stage.startswith("sampling"):
            self._console.print(f"{stage} ...")
            return
        self._status = self._console.status(Text(f"{stage} ..."), refresh_per_second=4)
        self._status.start()

    def rest(self) -> None:
        """Tell nothing until the next stage: something else is printed."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class TrialProgress:
    """Progress of a plan on standard error: a bar on a terminal, lines elsewhere.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = PlainConsole(stderr=True, quiet=quiet)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._what: str | None = None
        self._task = self._bar.add_task("", total=1, visible=False)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done."""
        if what != self._what:
            self._what = what
            if not self._console.is_terminal:
                self._console.print(f"{what} ...")
            self._task = self._bar.add_task(what, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
