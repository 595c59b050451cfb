"""Files of schema 1, whose default priors were those of one disease: never read as something else.

A file that leaves a prior out is refused with the lines that keep its answer. One that states all
of them means the same in schema 2 and is read, unless its hazard has several levels: what a
statement on survival says of those has changed.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.hazards.registry import level_of
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.priors import AnyPrior, PerUnit, Prior
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.parameters import group_scales

TREATMENT: Final = "{ hr_median = 0.75, hr_interval = [0.34, 1.64] }"
MODIFIER: Final = '{ dist = "Normal", mu = 0.4, sigma = 0.2 }'
INTERACTION: Final = '{ dist = "Normal", mu = 0.0, sigma = 0.25 }'
COVARIATE: Final = '{ dist = "Normal", mu = 0.0, sigma = 1.0, per = "row-sd" }'
BASELINE: Final = "{ median_survival = 19.2, upper = 60.0 }"
GROUP_SD: Final = '{ dist = "HalfNormal", sigma = 0.5 }'
_SHAPES: Final = {
    "weibull": {"log_shape": '{ dist = "Normal", mu = 0.0, sigma = 0.5 }'},
    "gompertz": {"slope": '{ dist = "Normal", mu = 0.0, sigma = 0.05 }'},
}
_SEVERAL_LEVELS: Final = frozenset({"piecewise", "mspline"})
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def schema_one_faults(model: ModelSpec, *, table: str = "priors") -> list[Fault]:
    """Return why a file of schema 1 would give another answer, with what keeps its own.

    Parameters
    ----------
    model : ModelSpec
        The model, with the priors that the file states.
    table : str
        Heading of the table that priors stand under.

    Returns
    -------
    list of Fault
        Empty where every prior is stated and means what it did.
    """
    lines = schema_one_lines(model)
    faults = []
    if lines:
        faults.append(
            Fault(
                "schema",
                "the file is of schema 1 and leaves priors to the package, or states per = 'sd': "
                "that means others now (the defaults favoured treatment, and were of one disease)",
                f"Write schema = 2, and below [{table}] the lines that keep its answer, in place "
                "of those of the same name; or leave them out and take the neutral defaults",
                lines=lines,
            )
        )
    family = model.outcome.hazard.family
    if family in _SEVERAL_LEVELS:
        faults.append(
            Fault(
                "[outcome.hazard]",
                f"the priors that schema 1 gave to a '{family}' baseline cannot be written "
                "in schema 2, where a statement on survival counts once and not for each interval",
                "Write schema = 2 and expect another answer, nearer to maximum likelihood",
            )
        )
    return faults


def schema_one_lines(model: ModelSpec) -> tuple[str, ...]:
    r"""Return the lines of TOML that give the priors which schema 1 filled in.

    Parameters
    ----------
    model : ModelSpec
        The model, with the priors that the file states.

    Returns
    -------
    tuple of str
        One a prior that the file leaves out, or states per standard deviation of its rows.

    Examples
    --------
    >>> model = ModelSpec.from_toml('treatment = "trt"\n[outcome]\nformula = "trt + age"')
    >>> print(*schema_one_lines(model)[:2], sep="\n")
    trt = { hr_median = 0.75, hr_interval = [0.34, 1.64] }
    age = { dist = "Normal", mu = 0.0, sigma = 1.0, per = "row-sd" }
    """
    given: Mapping[str, AnyPrior] = model.priors
    filled: dict[str, str] = {}
    for term in model.outcome.parsed.term_names:
        if not _stated(given, term):
            filled[term] = _of_term(model, term)
    family = model.outcome.hazard.family
    if not _stated(given, "baseline", level_of(family)):
        filled["baseline"] = BASELINE
    for name, prior in _SHAPES.get(family, {}).items():
        if not _stated(given, name):
            filled[name] = prior
    scales = group_scales(model)
    if scales and "group_sd" not in given and not set(scales) <= given.keys():
        filled["group_sd"] = GROUP_SD
    for name, stated in given.items():
        if isinstance(stated, Prior) and stated.per is PerUnit.SD:
            filled[name] = _inline({**stated.model_dump(mode="json"), "per": "row-sd"})
    return tuple(f"{_key(name)} = {text}" for name, text in filled.items())


def _stated(given: Mapping[str, AnyPrior], *names: str) -> bool:
    return "default" in given or any(name in given for name in names)


def _of_term(model: ModelSpec, term: str) -> str:
    """Return what schema 1 gave to the coefficients of a term."""
    factors, modifier = set(term.split(":")), model.modifier
    if factors == {model.treatment}:
        return TREATMENT
    if modifier is not None and modifier.transform is ModifierTransform.LOG2:
        if factors == {modifier.name}:
            return MODIFIER
        if factors == {model.treatment, modifier.name}:
            return INTERACTION
    return COVARIATE


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _inline(values: Mapping[str, Any]) -> str:
    usual = {"on": "parameter"}
    kept = {k: v for k, v in values.items() if v is not None and usual.get(k) != v}
    return "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in kept.items()) + " }"
