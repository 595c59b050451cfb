"""Scores of liver function, inflammation, tumour burden and response, with checked units.

Every score takes a number, an array or a pandas Series and gives back the same kind. A missing
input makes the score missing. An unknown unit or a value that no patient has raises `DataError`
with every fault.
"""

from bayes_ihlrt.clinical.albi import MalbiBoundary, albi, albi_grade, malbi_grade
from bayes_ihlrt.clinical.child_pugh import Ascites, Encephalopathy, child_pugh, child_pugh_class
from bayes_ihlrt.clinical.frames import add_scores
from bayes_ihlrt.clinical.inflammation import crafity, nlr, nlr_log2
from bayes_ihlrt.clinical.published import Direction, published_hazard_ratio
from bayes_ihlrt.clinical.tumour import Response, recist_response, up_to_seven
from bayes_ihlrt.clinical.units import (
    PLAUSIBLE,
    LaboratoryFault,
    Quantity,
    Unit,
    check_laboratory,
    units_of,
)

__all__ = [
    "PLAUSIBLE",
    "Ascites",
    "Direction",
    "Encephalopathy",
    "LaboratoryFault",
    "MalbiBoundary",
    "Quantity",
    "Response",
    "Unit",
    "add_scores",
    "albi",
    "albi_grade",
    "check_laboratory",
    "child_pugh",
    "child_pugh_class",
    "crafity",
    "malbi_grade",
    "nlr",
    "nlr_log2",
    "published_hazard_ratio",
    "recist_response",
    "units_of",
    "up_to_seven",
]
