"""The JSON files of a result, by what writes them."""

from collections.abc import Mapping
from typing import Final

from bayes_ihlrt.schema.base import JsonFile
from bayes_ihlrt.schema.brief import BriefFile, CausesBriefFile, FitBriefFile, LadderBriefFile
from bayes_ihlrt.schema.causes import CausesFile
from bayes_ihlrt.schema.checks import ChecksFile
from bayes_ihlrt.schema.fit import FitFile
from bayes_ihlrt.schema.interim import InterimFile
from bayes_ihlrt.schema.ladder import LadderFile
from bayes_ihlrt.schema.others import ManifestFile, ProtocolFile
from bayes_ihlrt.schema.plan import PlanFile
from bayes_ihlrt.schema.sensitivity import SensitivityFile

RESULTS: Final[Mapping[str, type[JsonFile]]] = {
    "fit": FitFile,
    "fit-causes": CausesFile,
    "ladder": LadderFile,
    "sensitivity": SensitivityFile,
    "plan": PlanFile,
    "interim": InterimFile,
}
"""What ``result.json`` holds, by kind of result."""

BRIEFS: Final[Mapping[str, type[JsonFile]]] = {
    "fit": FitBriefFile,
    "fit-causes": CausesBriefFile,
    "ladder": LadderBriefFile,
    "sensitivity": BriefFile,
    "plan": BriefFile,
    "interim": BriefFile,
}
"""What ``report.json`` holds, by kind of result."""

FILES: Final[tuple[type[JsonFile], ...]] = (
    *RESULTS.values(),
    ChecksFile,
    ProtocolFile,
    *dict.fromkeys(BRIEFS.values()),
    ManifestFile,
)
"""Every file, in the order of the documentation."""
