"""An analysis said in Python: the tables of a specification, read and checked as a file's are."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from pydantic import BaseModel

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.tables import read_tables

type Table = Mapping[str, Any]
"""Keys of a table of a specification, as its file has them."""

_NAME: Final = "analysis"


def analysis(  # noqa: PLR0913 - one a table of the specification
    formula: str,
    *,
    patient: str,
    event: str | Table,
    time: str | None = None,
    treatment: Table | None = None,
    modifier: Table | None = None,
    hazard: str | Table | None = None,
    name: str = _NAME,
    description: str = "",
    data: Table | None = None,
    outcome: Table | None = None,
    priors: Table | None = None,
    external: Table | None = None,
    propensity: Table | None = None,
    visits: Table | None = None,
    causes: Table | None = None,
    sampler: Table | None = None,
    estimands: Table | None = None,
    ladder: Table | None = None,
    sensitivity: Table | None = None,
) -> AnalysisSpec:
    """Return the specification of an analysis: what a TOML file says, said in Python.

    The tables that have an argument of their own take the keys of the file's table, as a mapping;
    the reference of the specification file lists them. Everything is read and checked as a file
    is. `save` writes it as TOML, `load` reads it back equal.

    Parameters
    ----------
    formula : str
        Right-hand side, with group effects: ``"ihlrt * nlr + albi + (1 | centre)"``; the baseline
        hazard is the intercept. ``centre`` is the column of that name, unless `data` names another.
    patient : str
        Column with the patient's identifier.
    event : str or mapping
        Column with 1 = event, 0 = censored; or ``{"column": ..., "value": ...}``, or ``"values"``.
    time : str, optional
        Column with the time to event or censoring. Without it `data` names ``start`` and ``stop``.
    treatment : mapping, optional
        From `starts` or `indicator`; no treatment without it.
    modifier : mapping, optional
        From `log2`, `identity` or `standardise`; no effect modifier without it.
    hazard : str or mapping, optional
        Family of the baseline hazard, or the keys of ``[outcome.hazard]``; Weibull without it.
    name, description : str
        What it is called, and what it is for in one line.
    data : mapping, optional
        Further keys of ``[data]``: ``time_unit``, ``centre``, ``missing``, ``labels``, ...
    outcome : mapping, optional
        Further keys of ``[outcome]``: ``reference``, ``parametrisation``.
    priors : mapping, optional
        Prior of each term or parameter; ``base`` names a packaged set, ``justification`` says what
        informative ones rest on.
    external, propensity, visits, causes : mapping, optional
        Keys of the table of that name; no such table where left out.
    sampler, estimands, ladder, sensitivity : mapping, optional
        Keys of the table of that name; its defaults where left out.

    Returns
    -------
    AnalysisSpec
        Frozen; `AnalysisSpec.with_prior` returns another.

    Raises
    ------
    SpecificationError
        With every fault, as `bayes-ihlrt check` tells them.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> spec = bi.analysis("ihlrt * nlr + albi + (1 | centre)", patient="id", time="os_months",
    ...                    event="death", treatment=bi.starts("ihlrt_months"),
    ...                    modifier=bi.log2("nlr", at=3), data={"centre": "hospital"})
    >>> spec.outcome.formula, spec.outcome.group, spec.treatment.name
    ('ihlrt * nlr + albi', '(1 | centre)', 'ihlrt')
    """
    terms, group = _split(formula)
    faults: list[Fault] = []
    own = {"patient": patient, "time": time, "event": event}
    baseline = {"family": hazard} if isinstance(hazard, str) else hazard
    linear = {"formula": terms, "group": group, "hazard": baseline}
    stated = {"schema": 2, "name": name, "description": description, "causes": causes}
    stated |= {"data": _with_centre(_joined("data", own, data, faults), formula)}
    stated |= {"treatment": _named(treatment, terms, faults), "modifier": modifier}
    stated |= {"outcome": _joined("outcome", linear, outcome, faults), "priors": priors}
    stated |= {"external": external, "propensity": propensity, "visits": visits}
    stated |= {"sampler": sampler}
    stated |= {"estimands": estimands, "ladder": ladder, "sensitivity": sensitivity}
    found = read_tables(written({key: value for key, value in stated.items() if value != ""}))
    if faults := [*faults, *found.faults]:
        raise SpecificationError(str(name) or _NAME, faults)
    return found.spec


def starts(  # noqa: PLR0913 - one a key of the table
    column: str | Sequence[str],
    *,
    name: str | None = None,
    design: str = "split",
    landmark: float | Sequence[float] | None = None,
    grace: float | None = None,
    grace_weights: str | None = None,
    crossover: str | None = None,
    ties: str | None = None,
    acknowledge_immortal_time_bias: bool = False,
) -> Table:
    """Return a treatment that starts during follow-up: the keys of ``[treatment]``.

    Parameters
    ----------
    column : str or sequence of str
        Column with the time of first treatment, empty = never; of several the smallest counts.
    name : str, optional
        Its term in the formula. Left out, the term with which the column's name begins:
        ``ihlrt`` for ``ihlrt_months``.
    design : str
        ``split``, ``landmark``, ``sequential``, ``clone-censor-weight`` or ``ever-never``.
    landmark : float or sequence of float, optional
        Months after time zero, for ``landmark``.
    grace : float, optional
        Months within which the treated strategy treats, for ``clone-censor-weight``.
    grace_weights : str, optional
        ``baseline`` or ``time-varying``, for ``clone-censor-weight``.
    crossover : str, optional
        ``censor`` or ``ignore``, for ``sequential``.
    ties : str, optional
        ``treated`` or ``untreated``: what comes first where treatment starts at the end of
        follow-up.
    acknowledge_immortal_time_bias : bool
        Has to be said for ``ever-never``.

    Returns
    -------
    mapping
        For `analysis`, which checks it.

    Examples
    --------
    >>> starts("ihlrt_months", design="landmark", landmark=3.0)
    {'start': 'ihlrt_months', 'design': 'landmark', 'landmark': 3.0}
    """
    options = {
        "name": name,
        "start": column,
        "design": design,
        "landmark": landmark,
        "grace": grace,
        "grace_weights": grace_weights,
        "crossover": crossover,
        "ties": ties,
        "acknowledge_immortal_time_bias": acknowledge_immortal_time_bias or None,
    }
    return _said(options)


def indicator(
    column: str,
    *,
    name: str | None = None,
    design: str = "split",
    ties: str | None = None,
) -> Table:
    """Return a treatment that rows tell by 0 and 1: the keys of ``[treatment]``.

    Parameters
    ----------
    column : str
        Column with 1 where a row is under treatment and 0 where it is not.
    name : str, optional
        Its term in the formula; the column's name without it.
    design : str
        ``fixed`` for a treatment that is known at time zero, such as a randomised arm.
    ties : str, optional
        ``treated`` or ``untreated``: what comes first where treatment starts at the end of
        follow-up.

    Returns
    -------
    mapping
        For `analysis`, which checks it.

    Examples
    --------
    >>> indicator("arm", design="fixed")
    {'name': 'arm', 'column': 'arm', 'design': 'fixed'}
    """
    return _said({"name": name or column, "column": column, "design": design, "ties": ties})


def log2(column: str, *, at: float, name: str | None = None) -> Table:
    """Return an effect modifier on the log scale: a coefficient is per doubling.

    Parameters
    ----------
    column : str
        Column of the data.
    at : float
        Value at which the main effect of treatment is read.
    name : str, optional
        Its term in the formula; the column's name without it.

    Returns
    -------
    mapping
        For `analysis`, which checks it.

    Examples
    --------
    >>> log2("nlr", at=3)
    {'name': 'nlr', 'column': 'nlr', 'transform': 'log2', 'reference': 3}
    """
    return _modifier("log2", column, at, name)


def identity(column: str, *, at: float, name: str | None = None) -> Table:
    """Return an effect modifier as it is: a coefficient is per unit.

    Parameters
    ----------
    column : str
        Column of the data.
    at : float
        Value at which the main effect of treatment is read.
    name : str, optional
        Its term in the formula; the column's name without it.

    Returns
    -------
    mapping
        For `analysis`, which checks it.

    Examples
    --------
    >>> identity("age", at=60)["transform"]
    'identity'
    """
    return _modifier("identity", column, at, name)


def standardise(column: str, *, at: float, name: str | None = None) -> Table:
    """Return an effect modifier of which a coefficient is per standard deviation.

    Parameters
    ----------
    column : str
        Column of the data.
    at : float
        Value at which the main effect of treatment is read.
    name : str, optional
        Its term in the formula; the column's name without it.

    Returns
    -------
    mapping
        For `analysis`, which checks it.

    Examples
    --------
    >>> standardise("age", at=60)["transform"]
    'standardise'
    """
    return _modifier("standardise", column, at, name)


def _modifier(transform: str, column: str, at: float, name: str | None) -> Table:
    return {"name": name or column, "column": column, "transform": transform, "reference": at}


def written(value: Any) -> Any:
    """Return what was said in Python as a file would hold it; what is None was not said.

    Parameters
    ----------
    value : object
        Tables, models of tables, NumPy scalars, enumerations, paths, and plain values.

    Returns
    -------
    object
        Tables, lists and plain values.

    Examples
    --------
    >>> from bayes_ihlrt.spec.sampler import SamplerSpec
    >>> written({"sampler": SamplerSpec(draws=500), "visits": None, "cuts": (3.0, 6.0)})
    {'sampler': {'draws': 500}, 'cuts': [3.0, 6.0]}
    """
    match value:
        case BaseModel():
            stated = value.model_dump(by_alias=True, exclude_unset=True)
            return written(stated)
        case Mapping():
            return {str(key): written(each) for key, each in value.items() if each is not None}
        case list() | tuple() | set() | frozenset():
            return [written(each) for each in value]
        case Enum():
            return value.value
        case PurePath():
            return str(value)
    # A scalar of NumPy, or an array; neither is loaded for it.
    return written(value.tolist()) if hasattr(value, "tolist") else value


def _said(options: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in options.items() if value is not None}


def _split(formula: str) -> tuple[str, str]:
    """Take group effects, which stand in brackets with a bar, out of a formula."""
    # What is no text is told with the other faults.
    if "|" not in str(formula):
        return formula, ""
    parts = list(_summands(formula))
    groups = [part for part in parts if "|" in part]
    return " + ".join(part for part in parts if "|" not in part), " + ".join(groups)


def _summands(formula: str) -> Iterator[str]:
    """Cut a formula at every plus that stands in no brackets."""
    depth, begin = 0, 0
    for i, letter in enumerate(formula):
        depth += (letter == "(") - (letter == ")")
        if letter == "+" and not depth:
            yield formula[begin:i].strip()
            begin = i + 1
    yield formula[begin:].strip()


def _joined(table: str, own: Table, further: Table | None, faults: list[Fault]) -> Any:
    """Put arguments and the further keys of a table together; none may be said twice."""
    keys = written(further) if further is not None else {}
    if not isinstance(keys, dict):
        # `read_tables` says that it is no table.
        return keys
    stated = {key: written(value) for key, value in own.items() if value is not None}
    stated = {key: value for key, value in stated.items() if value != ""}
    for key in sorted(stated.keys() & keys.keys()):
        if stated[key] != keys[key]:
            problem = "it is said twice: by an argument and in the table"
            faults.append(Fault(f"[{table}] {key}", problem, "Keep one of them"))
    return {**keys, **stated}


def _words(text: str) -> list[str]:
    return "".join(c if c.isidentifier() or c.isdigit() else " " for c in text).split()


def _with_centre(data: Any, formula: object) -> Any:
    """Let the centre of a formula be the column of that name, where nothing else is said."""
    if isinstance(data, dict) and "centre" not in data and "centre" in _words(str(formula)):
        return {**data, "centre": "centre"}
    return data


def _named(treatment: Table | None, terms: object, faults: list[Fault]) -> Any:
    """Return the treatment with its term: that with which the column of starts begins."""
    table = written(treatment)
    if not isinstance(table, dict) or "name" in table or not isinstance(terms, str):
        return table
    starting = table.get("start")
    columns = [starting] if isinstance(starting, str) else starting
    begun = [
        word
        for word in _words(terms)
        if isinstance(columns, list)
        and any(str(column) == word or str(column).startswith(f"{word}_") for column in columns)
    ]
    if begun:
        return {"name": max(begun, key=len), **table}
    problem = "no term of the formula tells it: the name of its column begins with none of them"
    remedy = "Give its term: starts(column, name='ihlrt')"
    faults.append(Fault("[treatment] name", problem, remedy))
    return {"name": "treatment", **table}
