"""Named sets of priors of one disease and one line of treatment, each with its sources."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.formula import parse_formula

_FOLDER: Final = Path(__file__).parent / "prior_sets"
_ROLES: Final = ("treatment", "modifier", "interaction", "baseline", "group_sd")
BASE: Final = "base"
"""Key of ``[priors]`` that names a set."""
JUSTIFICATION: Final = "justification"
"""Key of ``[priors]`` with the words that say what informative priors rest on."""
MOST_WORDS: Final = 2000
"""Characters of a justification."""
Justification = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_WORDS)
]


class SetEntry(BaseModel):
    """One prior of a set, for a role in the model rather than for a column's name.

    Parameters
    ----------
    prior : prior
        The prior.
    source : str
        What it rests on.
    transform : ModifierTransform, optional
        Scale of the modifier that the prior is stated on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: AnyPrior
    source: str
    transform: ModifierTransform | None = None


def prior_set_names() -> tuple[str, ...]:
    """Return the names of the packaged sets.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> prior_set_names()
    ('hcc-atezolizumab-bevacizumab',)
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@lru_cache
def read_prior_set(name: str) -> Mapping[str, SetEntry]:
    """Return a packaged set of priors by role.

    Parameters
    ----------
    name : str
        One of `prior_set_names`.

    Returns
    -------
    mapping of str to SetEntry
        Roles ``treatment``, ``modifier``, ``interaction``, ``baseline``, ``group_sd``.

    Raises
    ------
    SpecificationError
        There is no such set.

    Examples
    --------
    >>> read_prior_set("hcc-atezolizumab-bevacizumab")["baseline"].prior.median_survival
    19.2
    """
    if name not in prior_set_names():
        fault = Fault(
            "base", f"there is no set of priors '{name}'", nearest(name, prior_set_names())
        )
        raise SpecificationError("[priors]", [fault])
    held = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    entries = TypeAdapter(dict[str, SetEntry])
    return entries.validate_python({role: held[role] for role in _ROLES if role in held})


def set_priors(
    name: str,
    *,
    formula: str,
    group: str,
    treatment: str | None,
    modifier: tuple[str, ModifierTransform] | None,
) -> dict[str, AnyPrior]:
    """Return the priors of a set under the names that a model gives to their roles.

    Parameters
    ----------
    name : str
        Name of the set.
    formula, group : str
        Of the outcome model.
    treatment : str or None
        Name of the treatment's term.
    modifier : tuple of str and ModifierTransform, or None
        Name of the modifier's term, and its scale.

    Returns
    -------
    dict of str to prior
        For ``[priors]``; roles that the model does not have are left out, and so are those stated
        on another scale of the modifier.

    Examples
    --------
    >>> found = set_priors("hcc-atezolizumab-bevacizumab", formula="trt + age", group="",
    ...                    treatment="trt", modifier=None)
    >>> list(found)
    ['trt', 'baseline']
    """
    terms = parse_formula(formula).term_names if formula else ()
    entries = read_prior_set(name)
    names: dict[str, str | None] = {"baseline": "baseline", "treatment": treatment}
    names["group_sd"] = "group_sd" if group else None
    if modifier is not None:
        names["modifier"] = modifier[0]
        both = {treatment, modifier[0]}
        names["interaction"] = next((t for t in terms if set(t.split(":")) == both), None)
    found = {}
    for role, entry in entries.items():
        own = names.get(role)
        scale = entry.transform is None or (modifier is not None and entry.transform == modifier[1])
        if own is not None and scale and (own in terms or role in {"baseline", "group_sd"}):
            found[own] = entry.prior
    return found


def with_base(given: Any, *, named: bool = True) -> Any:
    """Put the priors of the set that ``base`` names below those that are stated.

    Parameters
    ----------
    given : object
        What a specification is made from.
    named : bool
        Keep the name of the set as ``prior_base``.

    Returns
    -------
    object
        The same object where no set is named.

    Raises
    ------
    ValueError
        There is no such set.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("priors"), Mapping):
        return given
    priors = dict(given["priors"])
    if BASE not in priors:
        return given
    name = priors.pop(BASE)
    try:
        held = base_priors(name, given)
    except SpecificationError as error:
        raise ValueError("; ".join(str(fault) for fault in error.faults)) from error
    found = {**given, "priors": {**held, **priors}}
    return found | {"prior_base": name} if named else found


def words_schema() -> dict[str, Any]:
    """Return the JSON schema of the keys of ``[priors]`` that are no prior.

    Returns
    -------
    dict
        By key.
    """
    return {
        BASE: {
            "description": "Packaged set of priors that the other lines override.",
            "enum": list(prior_set_names()),
            "type": "string",
        },
        JUSTIFICATION: {
            "description": "What informative priors rest on, in words.",
            "maxLength": MOST_WORDS,
            "minLength": 1,
            "type": "string",
        },
    }


def with_justification(given: Any) -> Any:
    """Take the justification out of the priors, among which it stands in a file.

    Parameters
    ----------
    given : object
        What a specification is made from.

    Returns
    -------
    object
        With ``prior_justification`` beside ``priors``; the same object where there is none.
    """
    priors = given.get("priors") if isinstance(given, Mapping) else None
    if not isinstance(priors, Mapping) or not isinstance(priors.get(JUSTIFICATION), str):
        return given
    rest = {name: prior for name, prior in priors.items() if name != JUSTIFICATION}
    return {**given, "priors": rest, "prior_justification": priors[JUSTIFICATION]}


def base_priors(name: str, tables: Mapping[str, Any]) -> dict[str, AnyPrior]:
    """Return the priors of a set for the model that a specification's tables describe.

    Parameters
    ----------
    name : str
        Name of the set.
    tables : mapping
        ``treatment``, ``modifier`` and ``outcome``, as tables or as what was read of them.

    Returns
    -------
    dict of str to prior
        By term or parameter.

    Raises
    ------
    SpecificationError
        There is no such set.
    """
    outcome, modifier = tables.get("outcome"), tables.get("modifier")
    treatment = _key(tables.get("treatment"), "name")
    scale = _key(modifier, "transform") or ModifierTransform.LOG2
    return set_priors(
        name,
        formula=_key(outcome, "formula") or "",
        group=_key(outcome, "group") or "",
        treatment=treatment,
        modifier=None
        if modifier is None
        else (str(_key(modifier, "name")), ModifierTransform(scale)),
    )


def _key(table: Any, key: str) -> Any:
    return table.get(key) if isinstance(table, Mapping) else getattr(table, key, None)
