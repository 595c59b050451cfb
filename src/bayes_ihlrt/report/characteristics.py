"""Patients at time zero by treatment, from the fitted analysis to the report."""

import math
from typing import Any, Final

from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.analysis.table_one import table_one
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.report.outputs import Output
from bayes_ihlrt.report.table_model import Table, figure, text

_UNITS: Final = "Median (quartiles) of numbers, patients (%) of categories, at time zero."
_BALANCED: Final = "Standardised mean differences below 0.1 in size count as balanced."


def brief_characteristics(result: FitResult) -> dict[str, Any] | None:
    """Return the table of `table_one` as plain data.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict or None
        ``arms``, ``patients``, ``rows`` and ``note``; None without a treatment or covariates, or
        where an arm has nobody.
    """
    treatment = result.spec.treatment
    if treatment is None:
        return None
    landmark = treatment.landmarks[0] if len(treatment.landmarks) == 1 else None
    try:
        found = table_one(result.checked.cohort, treatment.name, landmark=landmark)
    except RefusedError:
        # Nobody is in an arm, as the table of the data tells: there is nothing to set side by side.
        return None
    if not found.rows:
        return None
    return {
        "arms": list(found.arms),
        "patients": list(found.patients),
        "rows": [
            {
                "name": row.name,
                "treated": row.treated,
                "untreated": row.untreated,
                "smd": row.smd if math.isfinite(row.smd) else None,
            }
            for row in found.rows
        ],
        "note": found.note,
    }


def characteristics_table(output: Output) -> Table | None:
    """Return the table of patients at time zero.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    Table or None
        A row a covariate or level, with the standardised mean difference; None where
        `brief_characteristics` is.
    """
    found = output.brief["table_one"]
    if found is None:
        return None
    treated, untreated = (
        f"{arm} (n = {count:,})"
        for arm, count in zip(found["arms"], found["patients"], strict=True)
    )
    columns = (
        text("Characteristic", "name"),
        text(treated, "treated"),
        text(untreated, "untreated"),
        figure("Standardised mean difference", "smd", 2, missing="not defined"),
    )
    note = f"{_UNITS} {_BALANCED} {found['note']}"
    return Table("characteristics", "Patients by treatment", columns, tuple(found["rows"]), note)
