"""Read the tables of a specification as far as they can be read, collecting every fault."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.priors import (
    AdjacentHazardPrior,
    AnyPrior,
    HazardRatioPrior,
    MedianSurvivalPrior,
    Prior,
)
from bayes_ihlrt.spec.analysis import (
    AnalysisSpec,
    agreement_faults,
)
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.external import ExternalSpec, without_moved
from bayes_ihlrt.spec.faults import described, place, shown, translated
from bayes_ihlrt.spec.formula import parse_formula, parse_group
from bayes_ihlrt.spec.ladder import LadderSpec
from bayes_ihlrt.spec.model import HazardSpec, ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.spec.parameters import prior_faults
from bayes_ihlrt.spec.prior_sets import (
    BASE,
    JUSTIFICATION,
    MOST_WORDS,
    prior_set_names,
    read_prior_set,
)
from bayes_ihlrt.spec.propensity import PropensitySpec, with_target_of_clones
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.schema_one import schema_one_faults
from bayes_ihlrt.spec.sensitivity import (
    ConfounderSpec,
    NegativeControlSpec,
    SensitivitySpec,
    StructureSpec,
)
from bayes_ihlrt.spec.states import CauseSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec


class _Heading(BaseModel):
    """Keys above the first table; unlike in Python, a file has to say its version."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1, 2] = Field(alias="schema", description="Version of this format: 2.")
    name: Annotated[str, Field(min_length=1)] = Field(description="Short name of the analysis.")
    description: str = ""


_HEADING: Final = ""
_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    _HEADING: _Heading,
    "data": DataSpec,
    "treatment": TreatmentSpec,
    "visits": VisitsSpec,
    "modifier": ModifierSpec,
    "outcome": OutcomeSpec,
    "external": ExternalSpec,
    "propensity": PropensitySpec,
    "sampler": SamplerSpec,
    "estimands": EstimandSpec,
    "ladder": LadderSpec,
    "sensitivity": SensitivitySpec,
}
_NESTED: Final[Mapping[str, Mapping[str, type[BaseModel]]]] = {
    **{key: {"hazard": HazardSpec} for key in ("outcome", "ladder")},
    "sensitivity": {
        "confounder": ConfounderSpec,
        "negative_control": NegativeControlSpec,
        "structure": StructureSpec,
    },
}
_REQUIRED: Final = ("data", "outcome")
_DEFAULTED: Final = frozenset({"sampler", "estimands", "ladder", "sensitivity"})
_PRIORS: Final = "priors"
_CAUSES: Final = "causes"
_PRIOR: Final[TypeAdapter[AnyPrior]] = TypeAdapter(AnyPrior)
_PRIOR_KINDS: Final[Mapping[str, type[BaseModel]]] = {
    "distribution": Prior,
    "hazard-ratio": HazardRatioPrior,
    "median-survival": MedianSurvivalPrior,
    "adjacent-hazards": AdjacentHazardPrior,
}


@dataclass
class Reading:
    """What could be read of a specification, and what is wrong with it.

    Parameters
    ----------
    tables : dict of str to object
        Tables that could be read, by name; the keys above the first table under ``""``.
    priors : dict of str to prior
        Priors that could be read.
    prior_base : str or None
        Name of the set that they override.
    justification : str or None
        What informative priors rest on.
    faults : list of Fault
        Everything that is wrong.
    given : frozenset of str
        Tables that the file has, readable or not.
    """

    tables: dict[str, Any] = field(default_factory=dict)
    priors: dict[str, AnyPrior] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    prior_base: str | None = None
    justification: str | None = None
    given: frozenset[str] = frozenset()

    @property
    def spec(self) -> AnalysisSpec:
        """The specification, where there are no faults."""
        tables = {name: table for name, table in self.tables.items() if name != _HEADING}
        heading = self.tables[_HEADING].model_dump(by_alias=True) | {"schema": 2}
        words = {BASE: self.prior_base, JUSTIFICATION: self.justification}
        kept = {key: text for key, text in words.items() if text is not None}
        try:
            return AnalysisSpec(**heading, **tables, priors={**kept, **self.priors})
        except ValidationError as error:
            faults = translated(error, _HEADING, fields=described(AnalysisSpec))
            raise SpecificationError(str(heading["name"]), faults) from None

    def table(self, name: str) -> Any:
        """Return a table, its defaults where the file has none, None where it cannot be read."""
        own = self.tables.get(name)
        return _TABLES[name]() if own is None and name not in self.given else own

    @property
    def tells_columns(self) -> bool:
        """Whether it is known which columns the analysis reads, so that data can be checked."""
        needed = {*_REQUIRED, *(self.given & {"treatment", "modifier", "visits"})}
        return needed <= self.tables.keys()


def read_tables(document: Mapping[str, Any]) -> Reading:
    """Read the tables of a specification.

    Parameters
    ----------
    document : mapping
        What the TOML file holds.

    Returns
    -------
    Reading
        Tables and faults.
    """
    found = Reading()
    tables: dict[str, Any] = {k: value for k, value in document.items() if isinstance(value, dict)}
    heading = {key: value for key, value in document.items() if key not in tables}
    for name in (*_TABLES, _PRIORS, _CAUSES):
        if name in heading:
            problem = f"it must be a table, and is {shown(heading.pop(name))}"
            found.faults.append(Fault(f"[{name}]", problem, "Write its keys below the heading"))
            tables[name] = None
    _read_table(_HEADING, heading, found)
    tables = _known_tables(tables, found.faults)
    found.given = frozenset(tables)
    for name, table in tables.items():
        if table is not None and name == _PRIORS:
            _read_priors(table, found)
        elif table is not None and name == _CAUSES:
            _read_causes(table, found)
        elif table is not None:
            _read_table(name, table, found)
    _check_agreement(tables, found)
    return found


def _known_tables(tables: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Tell tables that do not exist or are missing; read a misspelt one as what was meant."""
    names = (*(name for name in _TABLES if name), _PRIORS, _CAUSES)
    kept = {name: table for name, table in tables.items() if name in names}
    for name, table in tables.items():
        if name not in names:
            faults.append(Fault(f"[{name}]", "there is no such table", nearest(name, names)))
            _adopt(name, table, names, kept)
    about = described(AnalysisSpec)
    for name in _REQUIRED:
        if name not in kept:
            words = about[name].removesuffix(".")
            remedy = f"Add the table ({words[0].lower()}{words[1:]})"
            faults.append(Fault(f"[{name}]", "it is missing", remedy))
    return kept


def _adopt(key: str, value: object, allowed: Iterable[str], kept: dict[str, Any]) -> None:
    """Go on reading under the key that was meant, so that its own faults are told at once."""
    meant = get_close_matches(key, [name for name in allowed if name not in kept], n=1)
    if meant:
        kept[meant[0]] = value


def _known_keys(
    given: Mapping[str, Any], allowed: Mapping[str, str], table: str, faults: list[Fault]
) -> dict[str, Any]:
    kept = {key: value for key, value in given.items() if key in allowed}
    for key, value in given.items():
        if key not in allowed:
            where = place(table, (key,))
            faults.append(Fault(where, "there is no such key", nearest(key, allowed)))
            _adopt(key, value, allowed, kept)
    return kept


def _read_table(name: str, given: Mapping[str, Any], found: Reading) -> None:
    model, faults = _TABLES[name], found.faults
    fields = described(model)
    if name == "sensitivity":
        given = without_moved(given, faults)
    table, before = _known_keys(given, fields, name, faults), len(faults)
    for key, nested in (_NESTED[name] if name in _NESTED else {}).items():
        if isinstance(table.get(key), dict):
            table[key] = _known_keys(table[key], described(nested), f"{name}.{key}", faults)
    if name == "outcome":
        table = _without_unreadable(table, faults)
    try:
        # Strict, and by way of JSON, where lists stand for tuples and text for choices.
        value = model.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        faults += translated(error, name, fields=fields)
        return
    if name != "outcome" or len(faults) == before:
        found.tables[name] = value


def _without_unreadable(outcome: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Take out a formula that cannot be read, telling its faults."""
    kept = dict(outcome)
    for key, parse in (("formula", parse_formula), ("group", parse_group)):
        text = outcome.get(key)
        if not isinstance(text, str) or not text:
            continue
        try:
            parse(text)
        except SpecificationError as error:
            faults += error.faults
            del kept[key]
    return kept


def _read_causes(given: Mapping[str, Any], found: Reading) -> None:
    """Read the table of each cause; one that cannot be read makes all unreadable."""
    fields, before, causes = described(CauseSpec), len(found.faults), {}
    for name, value in given.items():
        table = f"{_CAUSES}.{name}"
        if not isinstance(value, dict):
            problem = f"it must be a table, and is {shown(value)}"
            remedy = f"Write [causes.{name}] with formula, group, hazard or priors"
            found.faults.append(Fault(f"[{table}]", problem, remedy))
            continue
        own = _known_keys(value, fields, table, found.faults)
        unreadable: list[Fault] = []
        own = _without_unreadable(own, unreadable)
        found.faults += [
            replace(fault, where=fault.where.replace("[outcome]", f"[{table}]"))
            for fault in unreadable
        ]
        if isinstance(own.get("hazard"), dict):
            allowed = described(HazardSpec)
            own["hazard"] = _known_keys(own["hazard"], allowed, f"{table}.hazard", found.faults)
        stated = own.pop(_PRIORS, {})
        priors = _priors_of(stated, f"{table}.{_PRIORS}", found.faults)
        try:
            causes[name] = CauseSpec.model_validate_json(json.dumps(own, default=str), strict=True)
            causes[name] = causes[name].model_copy(update={"priors": priors})
        except ValidationError as error:
            found.faults += translated(error, table, fields=fields)
    if len(found.faults) == before:
        found.tables[_CAUSES] = causes


def _read_priors(given: Mapping[str, Any], found: Reading) -> None:
    if BASE in given:
        _read_base(given[BASE], found)
    # A column may have this name, whose prior is a table.
    if JUSTIFICATION in given and not isinstance(given[JUSTIFICATION], dict):
        _read_justification(given[JUSTIFICATION], found)
        given = {name: value for name, value in given.items() if name != JUSTIFICATION}
    own = {name: value for name, value in given.items() if name != BASE}
    found.priors |= _priors_of(own, _PRIORS, found.faults)


def _priors_of(given: object, table: str, faults: list[Fault]) -> dict[str, AnyPrior]:
    """Read the priors of a table, telling the faults of those that cannot be read."""
    if not isinstance(given, dict):
        problem = f"it must be a table, and is {shown(given)}"
        faults.append(Fault(f"[{table}]", problem, "Write a prior for each term or parameter"))
        return {}
    read: dict[str, AnyPrior] = {}
    for name, value in given.items():
        try:
            read[name] = _PRIOR.validate_json(json.dumps(value, default=str), strict=True)
        except ValidationError as error:
            kind = str(error.errors()[0]["loc"][0])
            fields = described(_PRIOR_KINDS[kind])
            faults += translated(error, table, fields=fields, key=name)
    return read


def _read_base(name: object, found: Reading) -> None:
    if not isinstance(name, str):
        problem = f"it must be the name of a set, and is {shown(name)}"
        allowed = ", ".join(prior_set_names())
        found.faults.append(Fault("[priors] base", problem, f"Allowed: {allowed}"))
        return
    try:
        read_prior_set(name)
    except SpecificationError as error:
        found.faults += [replace(fault, where=f"[priors] {fault.where}") for fault in error.faults]
        return
    found.prior_base = name


def _read_justification(value: object, found: Reading) -> None:
    words = value.strip() if isinstance(value, str) else ""
    if words and len(words) <= MOST_WORDS:
        found.justification = words
        return
    problem = f"it must be text, and is {shown(value)}"
    if isinstance(value, str):
        problem = f"it has {len(words):,} characters"
    remedy = f"Say in 1 to {MOST_WORDS:,} characters what the informative priors rest on"
    found.faults.append(Fault(f"[priors] {JUSTIFICATION}", problem, remedy))


def _check_agreement(given: Mapping[str, Any], found: Reading) -> None:
    """Compare tables with each other, as far as they could be read; defaults count as written."""
    tables = found.tables
    named = {
        name: given[name]["name"]
        for name in ("treatment", "modifier")
        if given.get(name) is not None and isinstance(given[name].get("name"), str)
    }
    if "outcome" in tables:
        model = ModelSpec(
            treatment=named.get("treatment"),
            modifier=tables.get("modifier"),
            outcome=tables["outcome"],
            priors=found.priors,
        )
        found.faults += prior_faults(model)
        if _HEADING in tables and tables[_HEADING].schema_version == 1:
            found.faults += schema_one_faults(model)
    known = {
        name: found.table(name) if name in _DEFAULTED else tables.get(name) for name in _TABLES
    }
    known[_CAUSES] = tables.get(_CAUSES)
    known["propensity"] = with_target_of_clones(known["propensity"], known["treatment"])
    readable = {*_TABLES, _CAUSES}
    unreadable = frozenset(name for name in found.given & readable if name not in tables)
    found.faults += agreement_faults(known, priors=found.priors, unreadable=unreadable, names=named)
