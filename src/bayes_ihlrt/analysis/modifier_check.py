"""Check that the effect modifier can be transformed."""

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.spec import ModifierSpec
from bayes_ihlrt.names import ModifierTransform


def check_modifier(modifier: ModifierSpec | None, rows: PersonTime) -> None:
    """Raise when the modifier cannot be transformed.

    Parameters
    ----------
    modifier : ModifierSpec or None
        The effect modifier.
    rows : PersonTime
        Rows with the modifier's column.

    Raises
    ------
    SpecificationError
        The modifier is not a number, or has no logarithm.
    """
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
