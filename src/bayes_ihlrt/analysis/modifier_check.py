"""Check that the effect modifier can be transformed, and read where the analysis reads it."""

import numpy as np

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.analysis.spline_range import spline_faults
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.modifier_form import modifier_factors
from bayes_ihlrt.names import ModifierTransform


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
