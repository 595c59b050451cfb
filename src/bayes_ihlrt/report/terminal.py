"""A fitted analysis on the terminal, and the progress of a long command on standard error."""

import math
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.external import ExternalResult
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.report.effects import (
    balance_panel,
    baseline_panel,
    crossing_sentence,
    interaction_panel,
)
from bayes_ihlrt.report.fit import external_table, reference_note
from bayes_ihlrt.report.words import (
    convergence_sentence,
    headline,
    loo_sentence,
    modifier_label,
    says_something,
    summary_sentences,
)
from bayes_ihlrt.results.table import PlainConsole, interval, number, own_values
from bayes_ihlrt.results.table import Table as ReportTable

_SHOWN: Final = {
    "survival": ("Event-free at month {:g}", 2),
    "rmst": ("Event-free months of {:g}", 1),
    "median_survival": ("Median survival, months", 1),
}
_TEXT_WIDTH: Final = 110
_INDENT: Final = 2
_NARROW: Final = 20
_UNDEFINED: Final = "not defined"
_NOT_MCMC: Final = "-"


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
    console.print(parameter_panel(result))
    levels = reference_note(result.spec.labels, result.fit.prepared.encoder.references)
    if levels:
        console.print(Text(levels.strip()))
    console.print()
    if result.spec.treatment is not None:
        console.print(hazard_ratio_panel(result))
        console.print()
    if result.baseline is not None:
        console.print(baseline_panel(result.baseline))
        console.print()
    if result.external is not None:
        console.print(external_panel(result, result.external))
        console.print()
    if not undefined_survival(result.fit):
        console.print(survival_panel(result))
        console.print()
    if result.interaction is not None and says_something(result):
        modifier = modifier_label(result.spec)
        console.print(interaction_panel(result.interaction, modifier, drawn=result.draws_name))
        console.print(Text(crossing_sentence(result.interaction, modifier)))
        console.print()
    balance = None if result.propensity is None else balance_panel(result.propensity)
    if balance is not None:
        console.print(balance)
        console.print()
    for sentence in summary_sentences(result):
        console.print(Text(sentence, style="bold" if "do not settle" in sentence else ""))
    console.print()
    console.print(Text(convergence_sentence(result)))
    console.print(Text(loo_sentence(result)))
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


def _small_table(content: Mapping[str, Any]) -> Table:
    """A few rows; names are broken before numbers are."""
    table = Table(box=None, pad_edge=False)
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


def parameter_panel(result: FitResult) -> Table:
    """Return the table of top-level parameters.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    rich.table.Table
        Coefficients as log hazard ratio and as hazard ratio.
    """
    title = "Parameters (coefficients are log hazard ratios; HR is their exponential)"
    table = _table(title, "", "mean", "sd", "95 %", "HR", "95 %", "R-hat", "ESS")
    coefficients, labels = result.fit.prepared.encoder.columns, result.spec.labels
    # A level's coefficient is a prior's own name; a baseline's interval is named by its parameter.
    top = [
        name
        for name in result.parameters
        if name in coefficients or name.partition("[")[0] in result.prior
    ]
    for name in top:
        row = result.parameters[name]
        low, high = row["q2.5"], row["q97.5"]
        ratio = ["", ""]
        if name in coefficients and low is not None and high is not None:
            ratio = [
                f"{math.exp(row['median'] or 0.0):.2f}",
                interval(math.exp(low), math.exp(high), digits=2),
            ]
        unit = unit_of(name, result.spec) if name in coefficients else ""
        ess = [size for size in (row["ess_bulk"], row["ess_tail"]) if size is not None]
        table.add_row(
            f"{labels.term(name)} ({unit})" if unit else labels.term(name),
            number(row["mean"], 2),
            number(row["sd"], 2),
            interval(low, high, digits=2),
            *ratio,
            number(row["r_hat"], 3, missing=_NOT_MCMC),
            f"{min(ess):,.0f}" if ess else _NOT_MCMC,
        )
    return table


def external_panel(result: FitResult, found: ExternalResult) -> Table:
    """Return the table of the effect with and without external controls.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.
    found : ExternalResult
        What they change.

    Returns
    -------
    rich.table.Table
        One row for each hazard ratio and gain.
    """
    rows, alone = ([each.to_dict() for each in every] for every in (result.estimates, found.alone))
    return rich_table(external_table(rows, alone, modifier_label(result.spec)))


def hazard_ratio_panel(result: FitResult) -> Table:
    """Return the table of hazard ratios of treatment.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment.

    Returns
    -------
    rich.table.Table
        One row for each value of the modifier.
    """
    modifier = result.spec.modifier
    first = modifier_label(result.spec)
    table = _table(
        "Hazard ratio, treated / untreated", first, "median", "95 %", "P(HR < 1)", "prior"
    )
    for found in result.estimates:
        if found.estimand == "hazard_ratio":
            own = "all" if modifier is None else own_values(found.population)
            here = own if found.at is None else f"{found.at:g}"
            if modifier is not None and found.at == modifier.reference:
                here += " (reference)"
            table.add_row(
                here,
                *_cells(found, 2),
                number(found.prob_benefit, 2, missing=_UNDEFINED),
                number(found.prior_prob_benefit, 2, missing=_NOT_MCMC),
            )
    return table


def survival_panel(result: FitResult) -> Table:
    """Return the table of survival quantities by strategy.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    rich.table.Table
        One row for each quantity and modifier value: strategies, difference, P(benefit).
    """
    modifier = result.spec.modifier
    standardised = [found for found in result.estimates if found.estimand in _SHOWN]
    names = list(dict.fromkeys(found.strategy for found in standardised if found.strategy))
    contrast = ["difference", "95 %", "P(benefit)", "prior"] if len(names) == 2 else ["95 %"]
    setting = [] if modifier is None else [modifier_label(result.spec)]
    who = result.spec.population.words
    table = _table(f"Survival, averaged over {who}", "", *setting, *names, *contrast)
    groups: dict[tuple[str, float | None, float | None], list[Estimate]] = {}
    for found in standardised:
        groups.setdefault((found.estimand, found.horizon, found.at), []).append(found)
    order = list(_SHOWN)
    for key in sorted(groups, key=lambda key: (order.index(key[0]), key[1] or 0.0)):
        words, digits = _SHOWN[key[0]]
        first, *rest = groups[key]
        cells = [_cells(found, digits) for found in groups[key]]
        own = own_values(first.population)
        at = [] if modifier is None else [own if key[2] is None else f"{key[2]:g}"]
        row = [words.format(key[1]), *at]
        if rest:
            last = groups[key][-1]
            chances = [number(last.prob_benefit, 2, missing=_UNDEFINED)]
            chances.append(number(last.prior_prob_benefit, 2, missing=_NOT_MCMC))
            row += [cells[0][0], cells[1][0], *cells[2], *chances]
        else:
            row += [*_cells(first, digits)]
        table.add_row(*row)
    return table


def _cells(found: Estimate, digits: int) -> tuple[str, str]:
    middle = found.summary["median"]
    low, high = found.summary["q2.5"], found.summary["q97.5"]
    # A difference can be minus infinity, or infinity less infinity: no median that is not reached.
    missing = "not reached" if found.contrast is None else _UNDEFINED
    middle_text = number(middle, digits, missing=missing)
    return middle_text, interval(low, high, digits=digits, missing=missing)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def rich_table(found: ReportTable) -> Table:
    """Return a table of a report as it is printed on a console.

    Parameters
    ----------
    found : results.table.Table
        The table.

    Returns
    -------
    rich.table.Table
        The same cells.
    """
    table = Table(title=found.title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(found.columns):
        right = column.numeric and i > 0
        table.add_column(column.label, justify="right" if right else "left")
    for row in found.rows:
        table.add_row(*row)
    return table


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
