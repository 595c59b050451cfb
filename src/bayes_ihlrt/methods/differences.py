"""How two specifications differ, in words: what a later one changed, or what a second analysis did.

Both are compared with their defaults filled in, so that what is written out and what is left out
count as the same where they mean the same. Names and descriptions of the analyses are not compared.
"""

from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel

from bayes_ihlrt.analysis.prior_words import prior_words, ratio_words
from bayes_ihlrt.names import DesignKind, EstimandTarget, ModifierTransform
from bayes_ihlrt.priors import (
    AdjacentHazardPrior,
    HazardRatioPrior,
    MedianSurvivalPrior,
    Prior,
)
from bayes_ihlrt.results.table import Table, text
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import EstimandSpec, PopulationKind

PARTS: Final[Mapping[str, str]] = {
    "data": "Data",
    "treatment": "Treatment strategies",
    "visits": "Visits",
    "modifier": "Effect modifier",
    "outcome": "Outcome model",
    "causes": "Competing causes",
    "external": "External controls",
    "propensity": "Assignment (propensity)",
    "estimands": "Causal contrast (estimand)",
    "sampler": "Computation",
    "ladder": "Ladder",
    "sensitivity": "Sensitivity",
}
_PRIORS: Final = "Priors"

LABELS: Final[Mapping[str, str]] = {
    "treatment.design": "How starts of treatment are read",
    "visits.switches": "What switches on during follow-up",
    "ladder.response": "What counts as response",
    "ladder.grace": "Months of grace",
    "modifier.name": "Name in formulas",
    "modifier.column": "Column",
    "modifier.transform": "Scale on which it enters",
    "modifier.reference": "Value at which the effect of treatment is read",
    "outcome.formula": "Linear predictor",
    "outcome.group": "Hierarchical effects",
    "outcome.parametrisation": "Geometry in which hierarchical effects are sampled",
    "outcome.reference": "Reference levels of categories",
    "outcome.hazard": "Baseline hazard",
    "hazard.family": "Shape of the baseline hazard",
    "hazard.cuts": "Months at which the baseline hazard may change",
    "hazard.smoothing": "What ties intervals of the baseline hazard together",
    "hazard.knots": "Inner knots of the baseline hazard",
    "propensity.formula": "What treatment is decided on",
    "propensity.group": "Hierarchical effects on the decision",
    "propensity.adjust": "How the propensity adjusts",
    "propensity.estimand": "Whom weights stand for",
    "propensity.uncertainty": "How the uncertainty of the propensity is carried on",
    "propensity.trim": "Propensities beyond which decisions are left out",
    "propensity.acknowledge_poor_overlap": "Poor overlap is acknowledged",
    "propensity.priors": "Priors of the propensity",
    "sampler.draws": "Draws of each chain",
    "sampler.tune": "Warm-up draws of each chain",
    "sampler.chains": "Chains",
    "sampler.target_accept": "Acceptance rate aimed at",
    "sampler.seed": "Seed",
    "sampler.engine": "Engine",
}
"""What keys are called whose own description says too much, or that have none."""

_DESIGNS: Final = {
    DesignKind.SPLIT: "treated from the start of treatment on, untreated before",
    DesignKind.LANDMARK: "by the treatment at a landmark",
    DesignKind.SEQUENTIAL: "a trial at every decision",
    DesignKind.CLONE_CENSOR_WEIGHT: "clones, censored and weighted",
    DesignKind.EVER_NEVER: "ever treated against never treated (biased by immortal time)",
    DesignKind.FIXED: "as known at time zero",
}
_EVERYBODY: Final = "everybody"
_TOLD_ELSEWHERE: Final = frozenset({("estimands", "population"), ("data", "file")})
"""Whom averages are over follows from two tables, and is told once; a path is no analysis."""
STATEMENTS: Final = (Prior, HazardRatioPrior, MedianSurvivalPrior, AdjacentHazardPrior)
"""Ways to state a prior, each told as a whole."""
_SHORTEST: Final = ("; ", ": ", ", ", " (", ". ")
"""Where the description of a key goes on to say more than what it is."""


@dataclass(frozen=True)
class Difference:
    """One thing in which two specifications differ.

    Parameters
    ----------
    part : str
        Of the analysis.
    what : str
        Which.
    here, there : str
        What the first and the second say.
    """

    part: str
    what: str
    here: str
    there: str

    @property
    def sentence(self) -> str:
        """The difference in words."""
        what = self.what[0].lower() + self.what[1:]
        return f"{self.part}, {what}: {self.here} here; {self.there} in the other."


def differences(spec: AnalysisSpec, other: AnalysisSpec) -> tuple[Difference, ...]:
    """Return in what two specifications differ.

    Parameters
    ----------
    spec, other : AnalysisSpec
        This one and another.

    Returns
    -------
    tuple of Difference
        By part of the analysis; empty where they mean the same.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> one, two = load_spec("primary"), load_spec("published_os")
    >>> [found.sentence for found in differences(one, one)]
    []
    >>> differences(one, two)[-1].part
    'Priors'
    """
    found: list[Difference] = []
    for table, part in PARTS.items():
        here, there = getattr(spec, table), getattr(other, table)
        found += [
            Difference(part, what, one, two) for what, one, two in _between(here, there, table)
        ]
    if spec.population is not other.population:
        what = _label(EstimandSpec, "estimands", "population")
        pair = (spec.population.words, other.population.words)
        found.append(Difference(PARTS["estimands"], what, *pair))
    return (*found, *_of_priors(spec, other))


def difference_table(found: tuple[Difference, ...], other: str) -> Table:
    """Return the differences as a table.

    Parameters
    ----------
    found : tuple of Difference
        Of `differences`.
    other : str
        What the other specification is called.

    Returns
    -------
    Table
        One difference a row.
    """
    columns = (
        text("Part", "part"),
        text("What", "what"),
        text("This specification", "here"),
        text(other, "there"),
    )
    rows = tuple(
        {"part": each.part, "what": each.what, "here": each.here, "there": each.there}
        for each in found
    )
    note = "" if rows else "They mean the same: nothing that is analysed differs."
    return Table("differences", f"What differs from {other}", columns, rows, note)


type _Row = tuple[str, str, str]


def _between(here: Any, there: Any, table: str) -> Iterator[_Row]:
    """Everything in which two tables differ, to the depth at which keys have words."""
    if here == there:
        return
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for name in dict.fromkeys([*here, *there]):
            one, two = (_stated(of[name], table) if name in of else "none" for of in (here, there))
            if one != two:
                yield f"Hazard of {name}", one, two
        return
    if not isinstance(here, BaseModel) or type(here) is not type(there):
        yield "What it says", _said(here, table), _said(there, table)
        return
    for name in type(here).model_fields:
        one, two = getattr(here, name), getattr(there, name)
        if one == two or (table, name) in _TOLD_ELSEWHERE:
            continue
        whole = isinstance(one, STATEMENTS) or type(one) is not type(two)
        if isinstance(one, BaseModel) and not whole:
            yield from _between(one, two, name)
        else:
            yield _label(type(here), table, name), _said(one, name), _said(two, name)


def label_of(model: type[BaseModel], table: str, name: str) -> str | None:
    """Return what a key of a table is called.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The table.
    table, name : str
        Its name and the key's.

    Returns
    -------
    str or None
        None where nobody has named it.

    Examples
    --------
    >>> from bayes_ihlrt.spec.treatment import TreatmentSpec
    >>> label_of(TreatmentSpec, "treatment", "start")
    'Column with the time of first treatment'
    """
    told = LABELS.get(f"{table}.{name}") or model.model_fields[name].description
    if told is None:
        return None
    for mark in _SHORTEST:
        told = told.partition(mark)[0]
    return told.removesuffix(".").replace("`", "")


def _label(model: type[BaseModel], table: str, name: str) -> str:
    told = label_of(model, table, name)
    if told is None:
        message = f"no words for {table}.{name}"
        raise AssertionError(message)
    return told


def _said(value: Any, table: str) -> str:
    """A value in words; of a whole table, what it states."""
    if value is None or (isinstance(value, Sized) and not len(value)):
        return "none"
    found = (tell(value, table) for kinds, tell in _TELLERS if isinstance(value, kinds))
    return next(found, str(value))


def _target(value: EstimandTarget, table: str) -> str:  # noqa: ARG001 - as every teller
    known = {kind.value: kind.words for kind in PopulationKind}
    return known.get(value.value, _EVERYBODY)


def _stated(value: BaseModel, table: str) -> str:
    """What a table says beside its defaults."""
    fields = type(value).model_fields
    told = {name: getattr(value, name) for name in fields}
    parts = [
        f"{label_of(type(value), table, name) or name.replace('_', ' ')}: {_said(each, name)}"
        for name, each in told.items()
        if each != fields[name].default
    ]
    return "; ".join(parts) or "as the package has it"


_TELLERS: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any, str], str]], ...]] = (
    (bool, lambda value, _: "yes" if value else "no"),
    (float, lambda value, _: f"{value:g}"),
    (DesignKind, lambda value, _: _DESIGNS[value]),
    (EstimandTarget, _target),
    (ModifierTransform, lambda value, _: str(value.per)),
    (Enum, lambda value, _: str(value.value)),
    (STATEMENTS, lambda value, _: prior_words(value.to_prior())),
    ((tuple, list), lambda value, table: ", ".join(_said(each, table) for each in value)),
    (
        dict,
        lambda value, table: ", ".join(
            f"{key}: {_said(each, table)}" for key, each in value.items()
        ),
    ),
    (BaseModel, _stated),
)
"""Words of a value by its kind, first come first served."""


def _of_priors(spec: AnalysisSpec, other: AnalysisSpec) -> Iterator[Difference]:
    if spec.prior_base != other.prior_base:
        bases = (base or "none" for base in (spec.prior_base, other.prior_base))
        yield Difference(_PRIORS, "Packaged set", *bases)
    terms = {*spec.outcome.parsed.term_names, *other.outcome.parsed.term_names}
    for name in dict.fromkeys([*spec.priors, *other.priors]):
        here, there = (_prior(each, name, term=name in terms) for each in (spec, other))
        if here != there:
            yield Difference(_PRIORS, f"Prior of {name}", here, there)
    here, there = (each.prior_justification or "none" for each in (spec, other))
    if here != there:
        yield Difference(_PRIORS, "What informative priors rest on", here, there)


def _prior(spec: AnalysisSpec, name: str, *, term: bool) -> str:
    """The prior that a specification states for a name, which may be a term of its formula."""
    if term and name not in spec.outcome.parsed.term_names:
        return "none, the model lacks it"
    if name not in spec.priors:
        return "the package's own"
    stated = spec.priors[name].to_prior()
    return f"hazard ratio {ratio_words(stated)}" if term else prior_words(stated)
