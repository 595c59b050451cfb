"""Whether the effect modifier can be transformed, and read where the analysis reads it.

A spline lives between its boundary knots, the lowest and the highest value of the cohort unless the
formula states others. Beyond them it says nothing of patients, whatever a library computes there:
values of the modifier at which it is not defined are told before anything is sampled.
"""

import ast
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.predictor import (
    calls_in,
    modifier_factors,
    modifier_values,
    names_in,
    patients_sd,
)
from bayes_ihlrt.model.spline_domain import SLACK, SPLINES, evaluate, stated_bound
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.model import ModifierSpec

Floats = NDArray[np.float64]


def modifier_splines(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the splines of the modifier in a formula.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of str
        For example ``("bs(nlr, df=3)",)``.
    """
    return tuple(dict.fromkeys(ast.unparse(call) for call in _splines(spec)))


def begins_at_zero(factor: str, name: str) -> bool:
    """Return whether a factor is a B-spline that is zero at the lowest value of the cohort.

    Parameters
    ----------
    factor : str
        Factor of a formula.
    name : str
        The modifier's name in formulas.

    Returns
    -------
    bool
        True of ``bs(nlr, df=3)``, whose first function is left to the intercept.
    """
    call = ast.parse(factor, mode="eval").body
    match call:
        case ast.Call(func=ast.Name(id="bs"), args=[ast.Name(id=argument), *_], keywords=options):
            stated = {option.arg for option in options}
            return argument == name and not stated & {"include_intercept", "lower_bound"}
    return False


def spline_faults(spec: AnalysisSpec, rows: PersonTime) -> list[Fault]:
    """Return which values that an analysis reads lie where a spline of the modifier is undefined.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        The rows that the model reads.

    Returns
    -------
    list of Fault
        The reference, values of ``at``; empty without a spline of the modifier.
    """
    modifier = spec.modifier
    if modifier is None:
        return []
    observed = rows.columns[modifier.column].astype(np.float64)
    asked = {"[modifier] reference": (modifier.reference,), "[estimands] at": spec.estimands.at}
    faults = []
    for call in _splines(spec):
        inside = _domain(call, modifier, rows)
        if not inside(None):
            problem = f"the cohort's own {modifier.name} lies beyond the bounds of this spline"
            remedy = "Widen lower_bound and upper_bound (transformed scale), or leave them out"
            faults.append(Fault(f"[outcome] formula {ast.unparse(call)}", problem, remedy))
            continue
        for where, values in asked.items():
            outside = [value for value in values if not inside(value)]
            if outside:
                named = ", ".join(f"{value:g}" for value in outside)
                verb = "lies" if len(outside) == 1 else "lie"
                text = ast.unparse(call)
                problem = f"{modifier.name} {named} {verb} where {text} is not defined"
                remedy = (
                    f"Give values between {observed.min():g} and {observed.max():g}, the lowest "
                    f"and the highest {modifier.name} of the rows analysed"
                )
                faults.append(Fault(where, problem, remedy))
    return faults


def _splines(spec: AnalysisSpec) -> list[ast.Call]:
    """Calls of splines whose argument reads the modifier."""
    modifier = spec.modifier
    if modifier is None:
        return []
    own = {modifier.name, modifier.column}
    return [
        call
        for factor in modifier_factors(spec.model)
        for call in calls_in(factor)
        if ast.unparse(call.func) in SPLINES
        and call.args
        and own & names_in(f"center({ast.unparse(call.args[0])})")
    ]


def _domain(
    call: ast.Call, modifier: ModifierSpec, rows: PersonTime
) -> Callable[[float | None], bool]:
    """Return whether a spline is defined for everybody when they have a value of the modifier.

    None asks for their own values.
    """
    raw = rows.columns[modifier.column].astype(np.float64)
    sd = patients_sd(raw, rows.patient_index)
    # Centred and scaled alike, cohort and asked value: what the cohort's own rows determine.
    state: dict[str, tuple[float, float]] = {}
    argument = call.args[0]
    own = evaluate(argument, _columns(modifier, rows, raw, sd), state)
    low = stated_bound(call, "lower_bound", float(own.min()))
    high = stated_bound(call, "upper_bound", float(own.max()))
    slack = SLACK * max(abs(low), abs(high), 1.0)

    def inside(value: float | None) -> bool:
        values = raw if value is None else np.full(len(raw), value)
        columns = _columns(modifier, rows, values, sd)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = evaluate(argument, columns, state)
        return bool((found >= low - slack).all() and (found <= high + slack).all())

    return inside


def _columns(
    modifier: ModifierSpec, rows: PersonTime, values: Floats, sd: float
) -> dict[str, NDArray[np.generic]]:
    return {
        **rows.columns,
        modifier.column: values,
        modifier.name: modifier_values(modifier, values, sd),
    }


def check_modifier(spec: AnalysisSpec, rows: PersonTime) -> None:
    """Raise when the modifier cannot be transformed, or not be read where the analysis asks.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows with the modifier's column.

    Raises
    ------
    SpecificationError
        The modifier is not a number, has no logarithm, is made categories of, or its spline is not
        defined at a value that is asked for.
    """
    modifier = spec.modifier
    if modifier is None:
        return
    values = rows.columns[modifier.column]
    where = f"column {modifier.column}"
    if values.dtype == object:
        problem = "the effect modifier must be a number; found text"
        fault = Fault(where, problem, "Name a column of numbers in [modifier] column")
        raise SpecificationError("[modifier]", [fault])
    if modifier.transform is ModifierTransform.LOG2 and bool(
        (values.astype(np.float64) <= 0.0).any()
    ):
        low = dict.fromkeys(rows.columns["patient"][values.astype(np.float64) <= 0.0].tolist())
        who = ", ".join(str(name) for name in list(low)[:5])
        more = f" and {len(low) - 5} more" if len(low) > 5 else ""
        problem = f"transform 'log2' needs positive values; found 0 or less (patient {who}{more})"
        fault = Fault(where, problem, "Correct the values, or use transform 'identity'")
        raise SpecificationError("[modifier]", [fault])
    categories = [f for f in modifier_factors(spec.model) if f.startswith("C(")]
    if categories:
        problem = f"the effect modifier is continuous, and {categories[0]} makes categories of it"
        remedy = "Use it as it is, in a spline such as bs(..., df=3), or remove [modifier]"
        raise SpecificationError("[outcome]", [Fault("formula", problem, remedy)])
    if faults := spline_faults(spec, rows):
        raise SpecificationError("the effect modifier", faults)
