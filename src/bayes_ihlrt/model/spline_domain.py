"""Where the splines of a formula are defined, read from its syntax and what was learnt from rows.

A B-spline lives between its boundary knots, the lowest and the highest value of the rows that it
was learnt from unless the formula states others. Nothing here imports the formula library.
"""

import ast
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.model.predictor import calls_in, modifier_raw
from bayes_ihlrt.spec.formula_reader import OPTIONS
from bayes_ihlrt.spec.model import ModifierSpec

Floats = NDArray[np.float64]
SPLINES: Final = frozenset({"bs", "cc", "cr"})
SLACK: Final = 1e-9
"""Share of its bounds by which a value may lie beyond them, which rounding does."""
_FUNCTIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Floats, Floats], Floats]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


@dataclass(frozen=True)
class Beyond:
    """Rows in which a B-spline is not defined.

    Parameters
    ----------
    spline, argument : str
        As the formula has them, for example ``"bs(log(age), df=3)"`` and ``"log(age)"``.
    low, high : float
        Between which values of the argument it is defined.
    values : ndarray, shape (rows,)
        The values beyond.
    rows : ndarray of bool
        Where they are.
    """

    spline: str
    argument: str
    low: float
    high: float
    values: Floats
    rows: NDArray[np.bool_]


def beyond_bounds(
    factors: Iterable[str],
    columns: Iterable[tuple[Hashable, Any]],
    learnt: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Beyond]:
    """Find rows in which B-splines of a formula are not defined.

    Parameters
    ----------
    factors : iterable of str
        Factors of the formula.
    columns : iterable of tuple of str and array, shape (rows,)
        What they read, by name.
    learnt : mapping of str to mapping, optional
        What the formula library learnt from other rows, by call; the rows' own without it.

    Yields
    ------
    Beyond
        One for each spline with such rows.

    Examples
    --------
    >>> (found,) = beyond_bounds(
    ...     ["bs(age, df=3)"],
    ...     {"age": np.array([50.0, 85.0])}.items(),
    ...     {"bs(age, df=3)": {"lower_bound": 40.0, "upper_bound": 80.0}},
    ... )
    >>> found.high, found.values.tolist()
    (80.0, [85.0])
    """
    read = {str(name): np.asarray(values) for name, values in columns}
    state = _standards(learnt or {})
    for factor in dict.fromkeys(factor for factor in factors if "bs(" in factor):
        for call in calls_in(factor):
            if ast.unparse(call.func) != "bs" or not call.args:
                continue
            try:
                with np.errstate(all="ignore"):
                    values = np.atleast_1d(evaluate(call.args[0], read, state))
            except (KeyError, TypeError, ValueError):
                # Text, or no such column: a fault of its own, told elsewhere.
                continue
            if not np.isfinite(values).all():
                continue
            own = (learnt or {}).get(ast.unparse(call), {})
            low = stated_bound(call, "lower_bound", own.get("lower_bound", values.min()))
            high = stated_bound(call, "upper_bound", own.get("upper_bound", values.max()))
            slack = SLACK * max(abs(low), abs(high), 1.0)
            out = (values < low - slack) | (values > high + slack)
            if out.any():
                argument = ast.unparse(call.args[0])
                yield Beyond(ast.unparse(call), argument, low, high, values[out], out)


def bound_faults(
    found: Iterable[Beyond], modifier: ModifierSpec | None, *, sd: float
) -> list[Fault]:
    """Tell rows in which splines are not defined; the modifier is told on the scale of the data.

    Parameters
    ----------
    found : iterable of Beyond
        Such rows.
    modifier : ModifierSpec or None
        The effect modifier, whose transformed values a formula reads.
    sd : float
        Divisor of its transform ``standardise``.

    Returns
    -------
    list of Fault
        One for each.
    """
    faults = []
    for each in found:
        ends = np.array([each.low, each.high, each.values.min(), each.values.max()])
        scale = ""
        if modifier is not None and each.argument == modifier.name:
            ends, scale = modifier_raw(modifier, ends, sd), " (on the transformed scale)"
        low, high, least, most = (f"{value:.6g}" for value in ends)
        rows = counted(int(each.rows.sum()), "row lies", "rows lie")
        span = least if least == most else f"lowest {least}, highest {most}"
        problem = (
            f"{each.spline} is defined for {each.argument} from {low} to {high}, and {rows} beyond "
            f"({span})"
        )
        ends = np.array([each.low, each.high, each.values.min(), each.values.max()])
        # Outwards by less than a hundredth of the span: beyond everybody, and short to read.
        unit = 10.0 ** (math.ceil(math.log10(np.ptp(ends))) - 3)
        below, above = math.floor(ends.min() / unit) * unit, math.ceil(ends.max() / unit) * unit
        remedy = (
            "Leave out those rows' patients, or state bounds that hold everybody, lower_bound="
            f"{below:.15g} and upper_bound={above:.15g}{scale}, in the spline: beyond the cohort "
            "it follows its prior"
        )
        faults.append(Fault("design matrix", problem, remedy))
    return faults


def stated_bound(call: ast.Call, name: str, otherwise: float) -> float:
    """Return a bound that a spline's call states, else another.

    Parameters
    ----------
    call : ast.Call
        Of a spline.
    name : str
        ``lower_bound`` or ``upper_bound``.
    otherwise : float
        What it is if it is not stated.

    Returns
    -------
    float
        The bound.
    """
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    place = 1 + [*OPTIONS[ast.unparse(call.func)]].index(name)
    node = call.args[place] if len(call.args) > place else named.get(name)
    return float(otherwise) if node is None else float(ast.literal_eval(node))


def _standards(learnt: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Mean and divisor of what is centred or scaled inside a spline."""
    found = {}
    for text, kept in learnt.items():
        if text.startswith(("center(", "scale(")):
            mean, sd = kept.get("center"), kept.get("scale")
            found[text] = (0.0 if mean is None else float(mean), 1.0 if sd is None else float(sd))
    return found


def evaluate(
    node: ast.expr,
    columns: Mapping[str, NDArray[Any]],
    state: dict[str, tuple[float, float]],
) -> Floats:
    """Return the argument of a spline: the arithmetic that formulas allow, nothing else.

    Parameters
    ----------
    node : ast.expr
        The argument.
    columns : mapping of str to array, shape (rows,)
        What it reads.
    state : dict of str to tuple of float
        Mean and divisor of each call that centres or scales; those of these rows are added.

    Returns
    -------
    ndarray, shape (rows,) or (1,)
        NaN where a basis stands inside a basis, which the formula library refuses.
    """

    def of(part: ast.expr) -> Floats:
        return evaluate(part, columns, state)

    match node:
        case ast.Name(id=name):
            return np.asarray(columns[name]).astype(np.float64)
        case ast.Constant(value=int() | float() as number):
            return np.float64(number) * np.ones(1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            return _ARITHMETIC[type(operator)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](of(inner))
        case ast.Call(func=ast.Name(id="center" | "scale" as name), args=[inner, *_]):
            return _standardised(of(inner), ast.unparse(node), state, divide=name == "scale")
    return np.full(1, math.nan)


def _standardised(
    values: Floats, text: str, state: dict[str, tuple[float, float]], *, divide: bool
) -> Floats:
    sd = float(values.std(ddof=1)) if divide else 1.0
    mean, sd = state.setdefault(text, (float(values.mean()), sd))
    return (values - mean) / sd
