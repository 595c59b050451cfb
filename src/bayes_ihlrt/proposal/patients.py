"""Which column of an unknown file identifies the patient."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.column_names import PATIENT, TIME, UNIT_ONLY, has
from bayes_ihlrt.files.cells import CellKind
from bayes_ihlrt.proposal.role_guesses import Column, Guess, left_open

_STRONG_PATIENT: Final = (
    r"pat|patient\w*|subj|subject|subjid|usubjid|mrn|pid|paziente|paciente|proband\w*|kennung"
)


def patient_column(columns: Sequence[Column]) -> Guess:
    """Return the column that identifies patients, by its name and by what its cells are.

    Parameters
    ----------
    columns : sequence of Column
        Columns that have no other role.

    Returns
    -------
    Guess
        Open where two may, or none does.

    Examples
    --------
    >>> from bayes_ihlrt.files.table import Table
    >>> from bayes_ihlrt.proposal.role_guesses import columns_of
    >>> columns = {"Pat": ["a", "b"], "NLR": [2.1, 4.0]}
    >>> patient_column(columns_of(Table("f.csv", tuple(columns), columns, 2))).value
    'Pat'
    """
    able = [c for c in columns if c.complete and _may_identify(c)]
    unique = [c for c in able if c.varied > min(50, c.known - 1) and c.distinct == c.known]
    texts = [c for c in unique if c.cells.kind is CellKind.TEXT and not c.numeric]
    named = [c for c in able if c.surely(PATIENT)]
    strong = [c for c in named if has(c.words, _STRONG_PATIENT)] or named
    best = [c for c in strong if c in unique] or strong
    sure = len(best) == 1 and (best[0] in texts or not [c for c in texts if c not in best])
    if sure and best[0] in unique and (has(best[0].words, _STRONG_PATIENT) or texts in ([], best)):
        return Guess(best[0].name, "by its name, and every row has another value")
    others = [c for c in unique if c.may_be(PATIENT) or c in texts]
    if sure and best[0] not in unique and not others:
        return Guess(best[0].name, "by its name; several rows have one value")
    if not named and len(texts) == 1:
        return Guess(texts[0].name, "the only text of which every row has another")
    numbered = [c for c in unique if not texts and not named and _counts(c)]
    if len(numbered) == 1:
        return Guess(numbered[0].name, "it counts the rows")
    choices = [*strong, *(c for c in others if c not in strong)] or unique
    choices = choices or [c for c in able if c.varied > 1]
    return left_open("Which column identifies the patient?", choices, "identifies the patient")


def _may_identify(column: Column) -> bool:
    if column.numeric and not _whole(column):
        return False
    timed = column.unit is not None or column.may_be(TIME) or column.may_be(UNIT_ONLY)
    return not timed and not column.dates


def _whole(column: Column) -> bool:
    numbers = column.cells.numbers
    return column.numeric and bool((numbers == np.round(numbers)).all())


def _counts(column: Column) -> bool:
    numbers = column.cells.numbers
    return _whole(column) and bool((np.diff(numbers) == 1.0).all()) and numbers[0] in {0.0, 1.0}
