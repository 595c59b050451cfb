"""Tables of studies in words: a heading for every key of `result.json`, a name for every quantity.

The CSV of `export` keeps the keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bayes_ihlrt.results.table import Column, Record, Table
from bayes_ihlrt.sensitivity.quantities import quantity_words

_HEADS: Final[Mapping[str, str]] = {
    "at": "At this value of the modifier",
    "component": "Prior, or the likelihood",
    "control hazard ratio": "Hazard ratio of the control outcome",
    "control no effect": "Probability of hardly any effect on it",
    "control q2.5": "Lower 95 % limit of that ratio",
    "control q97.5": "Upper 95 % limit of that ratio",
    "decision": "Answer",
    "engine": "Computed by",
    "estimand": "Quantity",
    "falling": "Probability falls there",
    "from": "From",
    "hazard ratio": "Hazard ratio",
    "initiation hr": "Confounder's hazard ratio of starting treatment",
    "initiation sd": "Its standard deviation (log)",
    "k hat": "Pareto k-hat",
    "mcse": "Monte Carlo error",
    "outcome hr": "Confounder's hazard ratio of the event",
    "outcome sd": "Its standard deviation (log)",
    "path": "What is moved",
    "prior events": "Worth of the prior, events",
    "prior hr": "Prior hazard ratio there",
    "prior hr low": "Lower 95 % limit of that prior",
    "prior hr high": "Upper 95 % limit of that prior",
    "q2.5": "Lower 95 % limit",
    "q97.5": "Upper 95 % limit",
    "sd": "Standard deviation",
    "strength": "Confounder's hazard ratio",
    "to": "To",
    "treated": "Share of the treated who have it",
    "untreated": "Share of the untreated who have it",
    "value": "Where the answer changes",
}
_VALUES: Final[Mapping[str, str]] = {
    "laplace": "Laplace approximation",
    "nuts": "Markov chains (NUTS)",
}
_PARAMETERS: Final = frozenset({"component", "parameter"})
"""Columns, or items, that hold the name of a parameter."""
_FACTS: Final[Mapping[str, str]] = {
    "e value": "E-value (95 % interval)",
    "e value: median": "E-value",
    "e value: interval": "E-value of the end of the interval that is nearest to 1",
    "e value: common": "The event is common (hazard ratio read as a risk ratio)",
    "bias prior: median factor": "Bias prior: median factor on the hazard ratio",
    "bias prior: hazard ratio": "Bias prior: hazard ratio with it taken off",
    "bias prior: q2.5": "Bias prior: lower 95 % limit",
    "bias prior: q97.5": "Bias prior: upper 95 % limit",
    "bias prior: probability": "Bias prior: P(hazard ratio below 1)",
    "bias prior: mcse": "Bias prior: Monte Carlo error of that probability",
    "bias prior: decision": "Bias prior: answer",
    "tipping factor": "Factor on the hazard ratio at which the answer changes",
    "fits": "Fits compared",
    "max difference": "Largest difference, in posterior standard deviations",
    "mcse": "Its Monte Carlo error",
    "max probability difference": "Largest difference of a probability of benefit",
    "decisions changed": "Answers that differ",
    "not converged": "Chains that did not converge",
}


def in_words(table: Table, called: Callable[[str], str] = str) -> Table:
    """Return a table whose headings, items and quantities are words.

    Parameters
    ----------
    table : Table
        From `results.table.plain_table` or `results.table.facts_table`.
    called : callable, optional
        Returns what a parameter is called: `Labels.term` of the analysis.

    Returns
    -------
    Table
        With the same records.

    Examples
    --------
    >>> from bayes_ihlrt.results.table import facts_table, plain_table
    >>> table = in_words(plain_table("t", "T", [{"quantity": "rmst_difference at 3", "mcse": 0.1}]))
    >>> [column.label for column in table.columns], table.rows
    (['Quantity', 'Monte Carlo error'], (('event-free months gained at 3', '0.1'),))
    >>> in_words(facts_table("t", "T", {"tipping_factor": 0.95})).rows
    (('Factor on the hazard ratio at which the answer changes', '0.95'),)
    """
    return replace(table, columns=tuple(_worded(column, called) for column in table.columns))


def _worded(column: Column, called: Callable[[str], str]) -> Column:
    def show(record: Record) -> str:
        cell = column.show(record)
        parameter = column.key in _PARAMETERS or record.get("item") in _PARAMETERS
        return called(cell) if parameter and column.key != "item" else _told(column, cell)

    return replace(column, label=_head(column.label), show=show)


def _head(key: str) -> str:
    known = _HEADS.get(key) or _HEADS.get(key.replace("_", " "))
    words = known or key.replace("_", " ")
    return words[:1].upper() + words[1:]


def _told(column: Column, cell: str) -> str:
    if column.key == "item":
        words = _FACTS.get(cell, cell)
        return words[:1].upper() + words[1:]
    return _VALUES.get(cell) or quantity_words(cell)
